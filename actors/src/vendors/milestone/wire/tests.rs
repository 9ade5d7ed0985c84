//! Frames as gateways send them, and as nobody should.

#![allow(clippy::unwrap_used, clippy::panic)]
use proptest::prelude::*;

use super::*;
use crate::vendors::milestone::config::{EventType, FilterRow, Modifier, Selection};

const EVENT: &str = r#"{"specversion":"1.0","id":"A1","source":"cameras/25D08C6A-CC08-4498-8772-242111F9840C","type":"6EB95DD6-7ccc-4bce-99f8-af0d0b582d77","time":"2025-06-11T09:17:59.1234567Z","stategroupid":"720EF62A-78be-418a-8e4c-ee04ffca6429","data":{"x":[1.50,"\u00e9"]},"new":null}"#;

impl EventList {
    fn at(&self, index: usize) -> WireEvent<'_> {
        self.iter().nth(index).unwrap()
    }
}

fn events(frame: &str) -> EventList {
    match decode(&frame.into()) {
        Decoded::Events(events) => events,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_event_is_taken_apart_with_its_guids_in_lower_case_and_its_text_as_sent() {
    for frame in [format!(r#"{{"more":{{}},"events":[{EVENT}]}}"#), format!(r#"{{"events":[{EVENT}]}}"#)] {
        let events = events(&frame);
        let event = events.at(0);
        event.with_lower_case(|event| {
            assert_eq!(event.id, "A1", "ids stay as they are");
            assert_eq!(event.source, "cameras/25d08c6a-cc08-4498-8772-242111f9840c");
            assert_eq!(event.kind, "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77");
            assert_eq!(event.group, "720ef62a-78be-418a-8e4c-ee04ffca6429");
            assert_eq!(event.time, "2025-06-11T09:17:59.1234567Z");
            assert_eq!(event.raw, EVENT);
        });
    }
    let recorder = events(r#"{"events":[{"source":"recordingServers/AB"}]}"#);
    recorder.at(0).with_lower_case(|event| assert_eq!(event.source, "recordingServers/ab"));
}

#[test]
fn whatever_stands_in_the_list_of_events_is_an_event() {
    let odd = r#"{"events":[{},{"id":7,"source":null,"type":{"a":[1]},"time":[true]},5,"x",null,{"id":"1","id":"2","type":"T"},{"id":""}]}"#;
    let found = events(odd);
    assert_eq!(found.len(), 7);
    assert_eq!(found.at(1).id, "7");
    assert_eq!((found.at(5).id, found.at(5).kind), ("2", "T"));
    assert_eq!(found.at(6).id, "");
    assert_eq!(found.at(2).event_id(), found.at(2).clone().event_id(), "an id made of the content is the same again");
    assert_ne!(found.at(2).event_id(), found.at(3).event_id());
}

#[test]
fn a_reply_is_known_by_its_command_id() {
    let reply = |frame: &str| match decode(&frame.into()) {
        Decoded::Reply(reply) => reply,
        other => panic!("{other:?}"),
    };
    let new = reply(r#"{"commandId":1,"status":201,"sessionId":"s-1","x":1}"#);
    assert_eq!((new.command, new.status, new.session.as_deref(), new.is_success()), (1, 201, Some("s-1"), true));
    let added = reply(r#"{"status":200,"commandId":"2","subscriptionId":"g"}"#);
    assert_eq!((added.command, added.subscription.as_deref()), (2, Some("g")));
    let failed = reply(r#"{"commandId":3,"status":400,"error":{"errorText":"bad filter"}}"#);
    assert_eq!(failed.trouble(), "status 400: bad filter");
    assert_eq!(reply(r#"{"commandId":3,"status":400,"error":"oh"}"#).trouble(), "status 400: oh");
    assert_eq!(reply(r#"{"commandId":3}"#).trouble(), "status 0");
    let states = reply(&format!(r#"{{"commandId":4,"status":200,"states":[{EVENT}]}}"#));
    assert_eq!(states.states.unwrap().at(0).id, "A1");
}

#[test]
fn other_frames_are_told_apart_from_broken_ones() {
    for unknown in ["{}", r#"{"hello":1}"#, "[]", "7", r#"{"states":5}"#, r#"{"events":null}"#] {
        assert!(matches!(decode(&unknown.into()), Decoded::Unknown), "{unknown}");
    }
    for broken in [
        "",
        "{",
        "{\"events\":[{]}",
        "hello",
        r#"{"events":5}"#,
        r#"{"events":[],"events":[]}"#,
        r#"{"events":[{}],"states":5}"#,
    ] {
        assert!(matches!(decode(&broken.into()), Decoded::Malformed(_)), "{broken}");
    }
    assert!(events(r#"{"events":[]}"#).is_empty());
}

#[test]
fn commands_are_as_the_gateway_wants_them() {
    assert_eq!(start_session(1, "", ""), r#"{"command":"startSession","commandId":1,"eventId":"","sessionId":""}"#);
    let rows = [
        FilterRow {
            modifier: Modifier::Include,
            resource_types: Selection::Only(vec!["cameras".into()]),
            sources: Selection::All,
            events: Selection::Only(vec![EventType::Name("MotionStarted".into())]),
        },
        FilterRow {
            modifier: Modifier::Exclude,
            resource_types: Selection::All,
            sources: Selection::Only(vec![uuid::Uuid::nil()]),
            events: Selection::All,
        },
    ];
    let sent: serde_json::Value = serde_json::from_str(&add_subscription(2, &rows, |_| vec!["g".into()])).unwrap();
    let expected = serde_json::json!({"command":"addSubscription","commandId":2,"filters":[
        {"modifier":"include","resourceTypes":["cameras"],"sourceIds":["*"],"eventTypes":["g"]},
        {"modifier":"exclude","resourceTypes":["*"],"sourceIds":["00000000-0000-0000-0000-000000000000"],"eventTypes":["*"]}]});
    assert_eq!(sent, expected);
}

fn scanned(frame: &str) -> Option<Vec<WireEvent<'_>>> {
    let mut events = Vec::new();
    scan(frame, |event| events.push(event)).map(|()| events)
}

/// Members as gateways write them, and others in their place.
fn member() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => "id|source|type|time|stategroupid",
        1 => "stateGroupId|data|specversion|x|i\\\\u0064",
    ];
    let value = prop_oneof![
        8 => r#""[a-zA-Z0-9/:.-]{0,8}""#,
        1 => r#"null|true|-1\.5e3|[0-9]{1,3}|nulll|01|"\\\\n\\\\u00e9"|"é"|"\\\\x"|""#,
        1 => r#"\{"a":\[1,\{\}\]\}|\[\]|\{|\{"id":"inner"\}|"[\t]""#,
    ];
    let colon = prop_oneof![9 => ":", 1 => " : |\n:|"];
    (name, colon, value).prop_map(|(name, colon, value)| format!("\"{name}\"{colon}{value}"))
}

proptest! {
    #[test]
    fn what_the_scan_finds_the_parser_finds_too(
        events in proptest::collection::vec(proptest::collection::vec(member(), 0..6), 0..4),
        comma in prop_oneof![9 => Just(","), 1 => Just(" , "), 1 => Just(",,"), 1 => Just("\n")],
        end in prop_oneof![9 => Just("]}"), 1 => Just("] } "), 1 => Just("]"), 1 => Just("],\"status\":1}"), 1 => Just("]}x")],
    ) {
        let events: Vec<_> = events.iter().map(|members| format!("{{{}}}", members.join(comma))).collect();
        let frame: ByteString = format!(r#"{{"events":[{}{end}"#, events.join(comma)).into();
        if let Some(scanned) = scanned(&frame) {
            match decode(&frame) {
                Decoded::Events(parsed) => prop_assert_eq!(scanned, parsed.iter().collect::<Vec<_>>()),
                other => prop_assert!(false, "the scan found {:?}, the parser {:?}", scanned, other),
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        decode(&text.into());
    }

    #[test]
    fn no_json_makes_it_panic_and_every_element_is_an_event(
        elements in proptest::collection::vec(r#"(\{("(id|type|source|time|stategroupid)":("[a-zA-Z\\\\/"]{0,3}"|[0-9]{1,25}|null|\[\]|\{\}),?){0,4}\}|null|[0-9]{1,3}|"[a-z]*")"#, 0..5)
    ) {
        let text = format!(r#"{{"events":[{}]}}"#, elements.join(","));
        match decode(&text.into()) {
            Decoded::Events(events) => prop_assert_eq!(events.len(), elements.len()),
            Decoded::Malformed(_) => {}
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn frames_as_gateways_write_them_are_scanned_and_not_parsed() {
    let usual = [
        format!(r#"{{"events":[{}]}}"#, EVENT.replace(r#""\u00e9""#, r#""é""#)),
        r#"{ "events": [ { "id": "1", "data": "\u00e9", "stategroupid": null }, {} ] }"#.to_owned(),
        r#"{"events":[]}"#.to_owned(),
    ];
    for frame in usual {
        assert!(scanned(&frame).is_some(), "{frame}");
    }
    let others = [
        r#"{"events":[{"id":"\u0041"}]}"#,
        r#"{"events":[{"id":1}]}"#,
        r#"{"events":[{"id":"1","id":"2"}]}"#,
        "{\"events\":[\n]}",
        r#"{"events":[1]}"#,
        r#"{"commandId":1,"events":[]}"#,
    ];
    for frame in others {
        assert!(scanned(frame).is_none(), "{frame}");
    }
}
