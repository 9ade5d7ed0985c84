//! What is sent, and what a stream must be like, without a server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::{Value, json};
use watchpost_actors::model::{
    ConnectionName, Event, EventId, Item, Meaning, Origin, Sequence, State, StateMeaning,
    event::{Committed, SharedEvent},
};

use super::{
    message::Message,
    stream::{check, covers, differences, room},
    *,
};
use crate::config::{NatsSink, SinkKind, Surroundings, parse};

pub(super) fn settings(lines: &str) -> NatsSink {
    let text = format!("[[sink]]\nname = 'n'\nkind = 'nats'\nurl = 'nats://localhost'\n{lines}\n");
    let config = parse(&text, "test.toml", &Surroundings::new(Path::new("/nowhere"), |_| None)).unwrap();
    match config.sinks.into_iter().next().unwrap().kind {
        SinkKind::Nats(settings) => settings,
        other => panic!("{other:?}"),
    }
}

fn event(connection: &str, id: &str, kind: &str, name: &str) -> SharedEvent {
    let event = Event {
        id: EventId::new(id),
        origin: Origin::Live,
        meaning: Arc::new(Meaning { kind: kind.into(), name: None, state: None }),
        item: Some(Arc::new(Item { id: "cameras/25d0".into(), name: Some(name.into()) })),
        time: "2026-06-11T09:17:59.1234567Z".into(),
        data: "{\"n\":1.50}".into(),
    };
    committed(connection, vec![event]).remove(0)
}

fn committed(connection: &str, events: Vec<Event>) -> Vec<SharedEvent> {
    let count = events.len();
    let commit = Arc::new(Committed {
        connection: connection.parse::<ConnectionName>().unwrap(),
        vendor: "milestone",
        first: Sequence(7),
        recorded: Timestamp::UNIX_EPOCH,
        events: events.into_iter().collect(),
    });
    (0..count).map(|index| SharedEvent::new(Arc::clone(&commit), index).unwrap()).collect()
}

/// Events of one connection.
pub(super) fn events(count: usize) -> Vec<SharedEvent> {
    let one = |index: usize| Event {
        id: EventId::new(index.to_string()),
        origin: Origin::Live,
        meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
        item: None,
        time: "".into(),
        data: "".into(),
    };
    committed("hq", (0..count).map(one).collect())
}

fn message(mode: NatsMode, event: &SharedEvent, redelivery: Option<&str>) -> Message {
    Message::new(mode, "S", "watchpost", &event.get(), redelivery).unwrap()
}

fn headers(message: &Message) -> BTreeMap<String, String> {
    let all = message.headers.iter();
    all.map(|(name, values)| (name.to_string(), values.iter().map(ToString::to_string).collect::<Vec<_>>().join("|")))
        .collect()
}

#[test]
fn a_subject_has_the_connection_as_one_level_and_a_level_for_each_part_of_the_type() {
    for (connection, kind, expected) in [
        ("hq", "motion.started", "watchpost.hq.motion.started"),
        ("hq", "gap", "watchpost.hq.gap"),
        ("stores/42", "connection.lost", "watchpost.stores=2F42.connection.lost"),
        ("hq", "milestone.a b*>\u{e4}", "watchpost.hq.milestone.a=20b=2A=3E=C3=A4"),
        ("hq", "odd..type.", "watchpost.hq.odd.=.type.="),
    ] {
        assert_eq!(message(NatsMode::Binary, &event(connection, "1", kind, "n"), None).subject, expected);
    }
}

#[test]
fn a_binary_message_has_each_attribute_as_a_header_and_the_data_alone_as_its_payload() {
    let event = event("hq", "1", "motion.started", "Lobby \"A\" – 1");
    let message = message(NatsMode::Binary, &event, None);
    assert_eq!(&*message.payload, b"{\"n\":1.50}");
    let headers = headers(&message);
    let of = |name: &str| headers[name].as_str();
    assert_eq!((of("Nats-Msg-Id"), of("Nats-Expected-Stream")), ("hq:1", "S"));
    assert_eq!((of("ce-id"), of("ce-specversion"), of("ce-type")), ("hq:1", "1.0", "motion.started"));
    // The binding has no header of its own for this one, unlike that of HTTP: a content type would say that all is in the payload.
    assert_eq!(of("ce-datacontenttype"), "application/json");
    assert_eq!(of("ce-itemname"), "Lobby%20%22A%22%20%E2%80%93%201");
    assert!(!headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")));
}

#[test]
fn a_structured_message_is_the_line_of_the_event() {
    let event = event("hq", "1", "motion.started", "Lobby");
    let message = message(NatsMode::Structured, &event, None);
    assert_eq!(&*message.payload, event.get().to_line().as_bytes());
    let headers = headers(&message);
    assert_eq!(headers["Content-Type"], "application/cloudevents+json");
    assert_eq!(headers["Nats-Msg-Id"], "hq:1");
    assert!(!headers.keys().any(|name| name.starts_with("ce-")));
}

#[test]
fn a_redelivery_says_so_and_has_an_id_of_its_own() {
    let event = event("hq", "a b", "gap", "Lobby");
    let binary = headers(&message(NatsMode::Binary, &event, Some("r1")));
    assert_eq!(
        (&*binary["Nats-Msg-Id"], &*binary["ce-id"], &*binary["ce-redelivery"]),
        ("hq:a%20b;redelivery=r1", "hq:a%20b", "true")
    );
    let structured = message(NatsMode::Structured, &event, Some("r1"));
    let line: Value = serde_json::from_slice(&structured.payload).unwrap();
    assert_eq!((&line["id"], &line["redelivery"]), (&json!("hq:a b"), &json!(true)));
}

#[test]
fn a_subject_that_no_server_takes_is_refused_at_once() {
    let long = event("hq", "1", &"x".repeat(4_000), "n");
    match Message::new(NatsMode::Binary, "S", "watchpost", &long.get(), None) {
        Err(Failure::Refused { why, at_once: true }) => assert!(why.contains("would have 4013 bytes"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_covers_our_subjects_if_one_of_its_own_does() {
    for (theirs, fits) in [
        ("watchpost.>", true),
        (">", true),
        ("*.>", true),
        ("watchpost.*", false),
        ("watchpost.*.>", false),
        ("watchpost", false),
        ("watchpost.hq.>", false),
        ("other.>", false),
        ("watchpost.>.x", true),
    ] {
        assert_eq!(covers(theirs, "watchpost.>"), fits, "{theirs}");
    }
    assert!(covers("site.*.>", "site.watchpost.>"));
    assert!(!covers("site.other.>", "site.watchpost.>"));
}

#[test]
fn a_stream_that_does_not_take_our_subjects_is_told_with_what_to_do() {
    let settings = settings("");
    let fits =
        Config { name: "WATCHPOST".into(), subjects: vec!["a.>".into(), "watchpost.>".into()], ..Config::default() };
    assert_eq!(check(&fits, &settings), Ok(()));
    let told = |config: Config| check(&config, &settings).unwrap_err().why().to_owned();
    let other = told(Config { subjects: vec!["a.>".into(), "b".into()], ..fits.clone() });
    assert!(
        other.contains("takes a.>, b and not watchpost.>: nats stream edit WATCHPOST --subjects 'a.>,b,watchpost.>'"),
        "{other}"
    );
    assert!(told(Config { sealed: true, ..fits.clone() }).contains("sealed"));
    assert!(told(Config { no_ack: true, ..fits.clone() }).contains("--ack"));
}

#[test]
fn limits_that_differ_are_told_and_only_those() {
    let settings = settings("max_age = '1h'\nmax_bytes = '1GiB'\nreplicas = 3\nduplicates = '5m'");
    let same = Config {
        max_age: settings.limits.max_age,
        max_bytes: 1 << 30,
        num_replicas: 3,
        duplicate_window: settings.limits.duplicates,
        ..Config::default()
    };
    assert_eq!(differences(&same, &settings), Vec::<String>::new());
    let longer = Config { duplicate_window: settings.limits.max_age, ..same };
    assert_eq!(differences(&longer, &settings), Vec::<String>::new());
    let other = Config { num_replicas: 1, max_bytes: -1, ..Config::default() };
    assert_eq!(
        differences(&other, &settings),
        [
            "max_age is unlimited, not 1h",
            "max_bytes is -1, not 1073741824",
            "replicas is 1, not 3",
            "duplicates is 0s, less than 5m"
        ]
    );
}

#[test]
fn the_largest_message_is_what_a_stream_takes_of_one_or_of_all() {
    let of = |max_message_size, max_bytes, discard| {
        room(&Config { max_message_size, max_bytes, discard, ..Config::default() }).most
    };
    assert_eq!(of(-1, -1, DiscardPolicy::Old), None);
    assert_eq!(of(1_000, -1, DiscardPolicy::Old), Some(1_000));
    assert_eq!(of(1_000, 500, DiscardPolicy::Old), Some(1_000));
    assert_eq!(of(1_000, 500, DiscardPolicy::New), Some(500));
    assert_eq!(of(0, 0, DiscardPolicy::New), None);
}

proptest! {
    #[test]
    fn whatever_is_in_an_event_its_headers_are_plain_and_its_size_is_counted_as_on_the_wire(id in any::<String>(), name in any::<String>()) {
        let event = event("hq", &id, "motion.started", &name);
        for mode in [NatsMode::Binary, NatsMode::Structured] {
            let message = message(mode, &event, None);
            let mut wire = "NATS/1.0\r\n\r\n".len();
            for (name, value) in headers(&message) {
                prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()), "{}: {}", name, value);
                wire += name.len() + ": ".len() + value.len() + "\r\n".len();
            }
            prop_assert_eq!(message.size, wire + message.payload.len());
            let sent = percent_decode_str(&headers(&message)["Nats-Msg-Id"]).decode_utf8().unwrap().into_owned();
            prop_assert_eq!(sent, event.get().full_id());
        }
    }
}

#[test]
fn two_groups_of_the_vendor_that_are_one_of_ours_have_a_key_each() {
    use crate::sinks::mirror::{About, Board, Connection};
    let board = Buckets::new(Rc::new(Session::new("n", &settings("")).unwrap()));
    let connection = Connection {
        name: "hq".parse().unwrap(),
        vendor: "milestone",
        title: None,
        state: watchpost_actors::model::ConnectionState::Online,
    };
    let state = |own: &str| State {
        connection: connection.name.clone(),
        item: Arc::new(Item { id: "cameras/1".into(), name: None }),
        meaning: Arc::new(Meaning {
            kind: "test".into(),
            name: None,
            state: Some(StateMeaning {
                group: "motion".into(),
                value: "clear".into(),
                vendor_group: own.into(),
                vendor_value: "0".into(),
                text: None,
            }),
        }),
        time: "2026-06-11T09:17:59Z".into(),
        sequence: Sequence(7),
        origin: Origin::Live,
        stale: false,
    };
    let keys = |states: &[State]| {
        let documents = board.documents(About::Item(&connection, states));
        documents.into_iter().map(|document| document.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&[state("left")]), ["hq.cameras=2F1.motion"]);
    assert_eq!(keys(&[state("left"), state("right")]), ["hq.cameras=2F1.left", "hq.cameras=2F1.right"]);
}
