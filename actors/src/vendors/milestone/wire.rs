//! Frames of the Events and State WebSocket API: what is sent, and what a received one holds.
//!
//! Events are taken apart without copying: texts are slices of the frame. Unknown members are ignored, and every member of an event may
//! be absent or of a surprising kind; nothing that a server sends makes an event disappear here.

use std::borrow::Cow;
use std::fmt;

use bytestring::ByteString;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::config::{EventType, FilterRow, Modifier, Selection};
use crate::model::EventId;

/// A frame taken apart.
#[derive(Debug)]
pub enum Decoded {
    /// Events, in the order in which the gateway delivers them.
    Events(Vec<WireEvent>),
    /// The answer to a command.
    Reply(Reply),
    /// JSON, but of no kind that we know, and without events.
    Unknown,
    /// No JSON, or events in a shape that we do not know.
    Malformed(String),
}

/// An event, or the event behind a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireEvent {
    /// Its id; the resume cursor. Absent in defective frames.
    pub id: Option<ByteString>,
    /// `<resource type>/<guid>`, the GUID in lower case; empty where absent.
    pub source: ByteString,
    /// The event type's GUID in lower case; empty where absent.
    pub kind: ByteString,
    /// The state group's GUID in lower case; empty for an event without state.
    pub group: ByteString,
    /// UTC, ISO 8601, seven fraction digits; empty where absent.
    pub time: ByteString,
    /// The event as it was sent.
    pub raw: ByteString,
}

impl WireEvent {
    /// The id by which repeats are known: the gateway's, else one made of the content, which a replay repeats.
    pub fn event_id(&self) -> EventId {
        match &self.id {
            Some(id) => EventId::new(id.clone()),
            None => EventId::new(format!("~{:032x}", crate::model::ids::fingerprint(&self.raw))),
        }
    }
}

/// The answer to a command, matched by its id.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// The id of the command.
    pub command: u64,
    /// 200 to 299 means success.
    pub status: u16,
    /// `startSession`: the session.
    pub session: Option<String>,
    /// `addSubscription`: the subscription.
    pub subscription: Option<String>,
    /// `getState`: the last stateful event of each source and group.
    pub states: Option<Vec<WireEvent>>,
    /// What the gateway says went wrong.
    pub error: Option<String>,
    /// Events in the same frame; not documented, but then not lost either.
    pub events: Vec<WireEvent>,
}

impl Reply {
    /// Whether the gateway did what was asked.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Status and error, in words.
    pub fn trouble(&self) -> String {
        match &self.error {
            Some(text) => format!("status {}: {text}", self.status),
            None => format!("status {}", self.status),
        }
    }
}

/// Takes a frame apart.
pub fn decode(frame: &ByteString) -> Decoded {
    let wire: Frame<'_> = match serde_json::from_str(frame) {
        Ok(wire) => wire,
        // A shape that is not known. It may hold events all the same.
        Err(error) if error.is_data() && !frame.contains("\"events\"") => return Decoded::Unknown,
        Err(error) => return Decoded::Malformed(error.to_string()),
    };
    let events = |list: Vec<&RawValue>| list.into_iter().map(|raw| event(frame, raw)).collect::<Vec<_>>();
    if let Some(command) = wire.command_id.number() {
        return Decoded::Reply(Reply {
            command,
            status: wire.status.number().unwrap_or(0),
            session: wire.session_id.0.map(Cow::into_owned),
            subscription: wire.subscription_id.0.map(Cow::into_owned),
            states: wire.states.map(events),
            error: wire.error.map(error_text),
            events: wire.events.map(events).unwrap_or_default(),
        });
    }
    wire.events.map_or(Decoded::Unknown, |list| Decoded::Events(events(list)))
}

/// An event out of its own JSON. Cannot fail: a member that cannot be read is as good as absent.
fn event(frame: &ByteString, raw: &RawValue) -> WireEvent {
    let members = serde_json::from_str(raw.get()).unwrap_or_else(|_| Members::out_of_the_ordinary(raw));
    let slice = |text: Text<'_>| match text.0 {
        Some(Cow::Borrowed(text)) => Some(frame.slice_ref(text)),
        Some(Cow::Owned(text)) => Some(text.into()),
        None => None,
    };
    WireEvent {
        id: slice(members.id).filter(|id| !id.is_empty()),
        source: slice(members.source).map(subject).unwrap_or_default(),
        kind: slice(members.kind).map(lower_case).unwrap_or_default(),
        group: slice(members.group).map(lower_case).unwrap_or_default(),
        time: slice(members.time).unwrap_or_default(),
        raw: frame.slice_ref(raw.get()),
    }
}

/// A GUID in lower case; the SDK prints them in upper case, the gateway in either.
pub fn lower_case(guid: ByteString) -> ByteString {
    if guid.bytes().any(|b| b.is_ascii_uppercase()) { guid.to_ascii_lowercase().into() } else { guid }
}

/// A source with its GUID in lower case. The resource type in front (`recordingServers`) keeps its capitals.
fn subject(source: ByteString) -> ByteString {
    let Some((kind, id)) = source.split_once('/') else { return source };
    if id.bytes().any(|b| b.is_ascii_uppercase()) {
        format!("{kind}/{}", id.to_ascii_lowercase()).into()
    } else {
        source
    }
}

/// The members of a frame that mean something.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, default, rename = "commandId")]
    command_id: Text<'a>,
    #[serde(borrow, default)]
    status: Text<'a>,
    #[serde(borrow, default, rename = "sessionId")]
    session_id: Text<'a>,
    #[serde(borrow, default, rename = "subscriptionId")]
    subscription_id: Text<'a>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    events: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    states: Option<Vec<&'a RawValue>>,
}

/// `{"errorText": …}`, or whatever else the server put there.
fn error_text(raw: &RawValue) -> String {
    let value: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
    let text = value.get("errorText").unwrap_or(&value).as_str();
    // A server may repeat there whatever it likes; nobody needs more than this in a log line.
    text.unwrap_or(raw.get()).chars().take(200).collect()
}

/// The members of an event that mean something.
#[derive(Deserialize, Default)]
struct Members<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    source: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    kind: Text<'a>,
    /// Lower case on the WebSocket; the Configuration API writes it `stateGroupId`.
    #[serde(borrow, default, rename = "stategroupid", alias = "stateGroupId")]
    group: Text<'a>,
    #[serde(borrow, default)]
    time: Text<'a>,
}

impl Members<'_> {
    /// For an object with a member twice, where the last is taken, and for what is no object.
    fn out_of_the_ordinary(raw: &RawValue) -> Members<'static> {
        let value: serde_json::Value = serde_json::from_str(raw.get()).unwrap_or_default();
        let text = |name: &str| {
            Text(value.get(name).and_then(serde_json::Value::as_str).map(|text| Cow::Owned(text.to_owned())))
        };
        Members {
            id: text("id"),
            source: text("source"),
            kind: text("type"),
            group: if value.get("stategroupid").is_some() { text("stategroupid") } else { text("stateGroupId") },
            time: text("time"),
        }
    }
}

/// A text, borrowed if it has no escapes; a number is its digits; anything else is as good as absent.
#[derive(Debug, Default, PartialEq)]
struct Text<'a>(Option<Cow<'a, str>>);

impl Text<'_> {
    fn number<N: std::str::FromStr>(&self) -> Option<N> {
        self.0.as_deref().and_then(|text| text.parse().ok())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Borrowed(text))))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(text.to_owned()))))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
        // `200.0` is a status too.
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

/// `startSession`; both texts empty for a new session.
pub fn start_session(command: u64, session: &str, event: &str) -> String {
    serde_json::json!({ "command": "startSession", "commandId": command, "sessionId": session, "eventId": event })
        .to_string()
}

/// `addSubscription`. `names` tells the GUIDs of an event type given by name.
pub fn add_subscription(command: u64, rows: &[FilterRow], names: impl Fn(&str) -> Vec<String>) -> String {
    let filters: Vec<_> = rows.iter().map(|row| filter(row, &names)).collect();
    serde_json::json!({ "command": "addSubscription", "commandId": command, "filters": filters }).to_string()
}

fn filter(row: &FilterRow, names: impl Fn(&str) -> Vec<String>) -> serde_json::Value {
    let modifier = match row.modifier {
        Modifier::Include => "include",
        Modifier::Exclude => "exclude",
    };
    let event = |event: &EventType| match event {
        EventType::Id(id) => vec![id.to_string()],
        EventType::Name(name) => names(name),
    };
    serde_json::json!({
        "modifier": modifier,
        "resourceTypes": list(&row.resource_types, |kind| vec![kind.clone()]),
        "sourceIds": list(&row.sources, |id| vec![id.to_string()]),
        "eventTypes": list(&row.events, event),
    })
}

fn list<T>(selection: &Selection<T>, texts: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    match selection {
        Selection::All => vec!["*".to_owned()],
        Selection::Only(items) => items.iter().flat_map(texts).collect(),
    }
}

/// `getState`.
pub fn get_state(command: u64) -> String {
    serde_json::json!({ "command": "getState", "commandId": command }).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"A1","source":"cameras/25D08C6A-CC08-4498-8772-242111F9840C","type":"6EB95DD6-7ccc-4bce-99f8-af0d0b582d77","time":"2025-06-11T09:17:59.1234567Z","stategroupid":"720EF62A-78be-418a-8e4c-ee04ffca6429","data":{"x":[1.50,"\u00e9"]},"new":null}"#;

    fn events(frame: &str) -> Vec<WireEvent> {
        match decode(&frame.into()) {
            Decoded::Events(events) => events,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_event_is_taken_apart_with_its_guids_in_lower_case_and_its_text_as_sent() {
        let event = &events(&format!(r#"{{"more":{{}},"events":[{EVENT}]}}"#))[0];
        assert_eq!(event.id.as_deref(), Some("A1"), "ids stay as they are");
        assert_eq!(&*event.source, "cameras/25d08c6a-cc08-4498-8772-242111f9840c");
        assert_eq!(&*event.kind, "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77");
        assert_eq!(&*event.group, "720ef62a-78be-418a-8e4c-ee04ffca6429");
        assert_eq!(&*event.time, "2025-06-11T09:17:59.1234567Z");
        assert_eq!(&*event.raw, EVENT);
        let recorder = events(r#"{"events":[{"source":"recordingServers/AB"}]}"#).remove(0);
        assert_eq!(&*recorder.source, "recordingServers/ab");
    }

    #[test]
    fn whatever_stands_in_the_list_of_events_is_an_event() {
        let odd = r#"{"events":[{},{"id":7,"source":null,"type":{"a":[1]},"time":[true]},5,"x",null,{"id":"1","id":"2","type":"T"},{"id":""}]}"#;
        let found = events(odd);
        assert_eq!(found.len(), 7);
        assert_eq!(found[1].id.as_deref(), Some("7"));
        assert_eq!((found[5].id.as_deref(), &*found[5].kind), (Some("2"), "t"));
        assert_eq!(found[6].id, None);
        assert_eq!(found[2].event_id(), found[2].clone().event_id(), "an id made of the content is the same again");
        assert_ne!(found[2].event_id(), found[3].event_id());
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
        assert_eq!(states.states.unwrap()[0].id.as_deref(), Some("A1"));
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

    proptest! {
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
}
