//! Frames, events and answers are read as they were seen, and whatever else may come is read as far as it can be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod answers;
mod events;

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::samples::*;
use super::*;

fn event(json: &str) -> Event<'_> {
    Event::read(json).unwrap()
}

fn frame_data(text: &str) -> &str {
    match decode(text) {
        Frame::Event { data, .. } => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn frames_are_told_apart_by_their_types() {
    let milliseconds = |ms| Some(Duration::from_millis(ms));
    assert_eq!(decode(HELLO), Frame::Hello { heartbeat: milliseconds(45_000), inactivity: milliseconds(30_000) });
    assert_eq!(decode(REGISTERED), Frame::Registered);
    assert_eq!(decode(SUBSCRIBED), Frame::Subscribed { namespace: Some("uid:xxx".into()) });
    assert_eq!(decode(SUBSCRIBED_OF_SIMPLIPY), Frame::Subscribed { namespace: Some("uid:428836".into()) });
    let Frame::Event { id, time, data } = decode(DISARMED) else { panic!("{:?}", decode(DISARMED)) };
    assert_eq!((&*id, &*time), ("id:16803409109", "2021-09-29T23:14:46.000Z"));
    assert_eq!(event(data).cid.as_deref(), Some("1400"));
    let error =
        r#"{"specversion":"1.0","id":"ts:1639683575581","type":"com.simplisafe.service.error","data":"bad token"}"#;
    assert_eq!(
        decode(error),
        Frame::Other { kind: "com.simplisafe.service.error".into(), data: Some("\"bad token\"") }
    );
}

#[test]
fn a_client_says_who_it_is_as_simplipy_does() {
    use secrecy::ExposeSecret;
    let said = identify(&"a \"token\"".into(), "12345", "Mozilla/5.0", "2024-03-02T18:38:11.91Z".parse().unwrap());
    let said: Value = serde_json::from_str(said.expose_secret()).unwrap();
    assert_eq!(
        said,
        json!({"datacontenttype": "application/json", "type": "com.simplisafe.connection.identify", "time": "2024-03-02T18:38:11.910Z",
            "id": "ts:1709404691910", "specversion": "1.0", "source": "Mozilla/5.0",
            "data": {"auth": {"schema": "bearer", "token": "a \"token\""}, "join": ["uid:12345"]}})
    );
}

#[test]
fn a_frame_that_lacks_what_is_only_good_to_know_is_what_it_is() {
    for (text, expected) in [
        (r#"{"type":"com.simplisafe.service.hello"}"#, Frame::Hello { heartbeat: None, inactivity: None }),
        (
            r#"{"type":"com.simplisafe.service.hello","data":{"timeouts":{"heartbeat":"45000","inactivity":-1}}}"#,
            Frame::Hello { heartbeat: Some(Duration::from_secs(45)), inactivity: None },
        ),
        (r#"{"type":"com.simplisafe.namespace.subscribed","data":7}"#, Frame::Subscribed { namespace: None }),
        (
            r#"{"data":{},"type":"com.simplisafe.event.standard"}"#,
            Frame::Event { id: "".into(), time: "".into(), data: "{}" },
        ),
        (r#" {"type":"first","type":"last"} "#, Frame::Other { kind: "last".into(), data: None }),
    ] {
        assert_eq!(decode(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_frame_says_why() {
    for (text, why) in [
        ("", "it is no JSON"),
        ("hello", "it is no JSON"),
        (r#"{"type":"com"#, "it is no JSON"),
        (r#"{"type":"a"} x"#, "it is no JSON"),
        ("[]", "it is a list, not an object"),
        ("\"Unauthorized\"", "it is a text, not an object"),
        ("{}", "it has no type"),
        (r#"{"type":null}"#, "it has no type"),
        (r#"{"type":"com.simplisafe.event.standard"}"#, "an event without an object"),
        (r#"{"type":"com.simplisafe.event.standard","data":[1]}"#, "an event without an object"),
    ] {
        let Frame::Unreadable(told) = decode(text) else { panic!("{text}: {:?}", decode(text)) };
        assert!(told.contains(why), "{text}: {told}");
    }
}

/// JSON of any shape, with the names that mean something among its members.
fn value() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 16] = [
        "type",
        "data",
        "eventId",
        "eventTimestamp",
        "eventCid",
        "video",
        "_links",
        "subscriptions",
        "location",
        "system",
        "sensors",
        "status",
        "cameras",
        "settings",
        "normal",
        "events",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("com.simplisafe.event.standard")),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        let name = prop_oneof![9 => (0..NAMES.len()).prop_map(|at| NAMES[at].to_owned()), 1 => "\\PC{0,6}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Everything that reads a text from outside.
fn read_all(text: &str) {
    let body = text.as_bytes();
    if let Frame::Event { id, data, .. } = decode(text) {
        let _ = Event::read(data).map(|event| event.id(&id).into_owned());
    }
    if let Ok(event) = Event::read(text) {
        assert!(!event.id("").is_empty());
        let _ = (event.number(), event.time(), event.device(&[]));
        for link in
            event.media().into_iter().flat_map(|media| [media.image, media.clip, media.hls, media.flv]).flatten()
        {
            let _ = (link.address(None), link.address(Some(720)));
        }
    }
    let _ = Subscriptions::read(body).map(|list| list.systems.len());
    let _ = Sensors::read(body);
    let _ = locks(body);
    let _ = Settings::read(body);
    let _ = EventsPage::read(body);
    let _ = Problem::read(body).to_string();
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "\\PC{0,80}") {
        read_all(&text);
        let _ = Link(text.into()).address(Some(1));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = (Problem::read(&body), Subscriptions::read(&body), locks(&body));
    }

    #[test]
    fn no_json_makes_a_reader_panic(value in value()) {
        read_all(&value.to_string());
    }

    #[test]
    fn a_template_is_expanded_whatever_is_in_it(link in "[a-z{}&?,]{0,30}", width in any::<u32>()) {
        let address = Link(link.as_str().into()).address(Some(width));
        // What is between braces goes; what has no partner stays.
        prop_assert!(!address.split_once('{').is_some_and(|(_, rest)| rest.contains('}')), "{link} {address}");
    }

    #[test]
    fn an_answer_that_is_cut_is_read_or_refused(at in any::<prop::sample::Index>(), which in 0..4_usize) {
        let whole = [EVENTS, SENSORS, SETTINGS, SUBSCRIPTIONS][which];
        let at = at.index(whole.len());
        read_all(&whole[..at]);
        prop_assert!(EventsPage::read(&whole.as_bytes()[..at]).is_err());
    }
}
