//! An event, what it means, and how it is written for users.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::events::Events;
use super::ids::{ConnectionName, EventId, Sequence};

/// Something that happened to an item, or to the engine itself: one event by itself. Many are [`Events`].
#[derive(Clone, Debug)]
pub struct Event {
    /// The id within the connection.
    pub id: EventId,
    /// How the engine came to know of it.
    pub origin: Origin,
    /// Its type, its readable name, and the state that it sets.
    pub meaning: Arc<Meaning>,
    /// What it happened to; none for the engine's own events.
    pub item: Option<Arc<Item>>,
    /// When it happened, in the vendor's own words; empty where the vendor did not say.
    pub time: ByteString,
    /// The vendor's own JSON for this one occurrence, on one line.
    pub data: ByteString,
}

impl Event {
    /// The event to be read.
    #[must_use]
    pub fn as_ref(&self) -> EventRef<'_> {
        let Self { id, origin, meaning, item, time, data } = self;
        EventRef { id: id.as_str(), origin: *origin, meaning, item: item.as_ref(), time, data }
    }
}

/// An event to be read, wherever it is kept. See [`Event`].
#[derive(Clone, Copy, Debug)]
pub struct EventRef<'a> {
    /// The id within the connection.
    pub id: &'a str,
    /// How the engine came to know of it.
    pub origin: Origin,
    /// Its type, its readable name, and the state that it sets.
    pub meaning: &'a Arc<Meaning>,
    /// What it happened to; none for the engine's own events.
    pub item: Option<&'a Arc<Item>>,
    /// When it happened, in the vendor's own words; empty where the vendor did not say.
    pub time: &'a str,
    /// The vendor's own JSON for this one occurrence, on one line.
    pub data: &'a str,
}

impl EventRef<'_> {
    /// Whether it can set a state: that needs an item, and a type of which a state follows.
    #[must_use]
    pub fn has_state(&self) -> bool {
        self.item.is_some() && self.meaning.state.is_some()
    }
}

/// How the engine came to know of an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// Pushed or polled while connected.
    Live,
    /// Replayed by the vendor when a session was resumed.
    Resumed,
    /// Fetched later from what the vendor keeps.
    Backfill,
    /// A difference between the state known and a snapshot.
    Snapshot,
    /// The engine's own.
    Engine,
}

impl Origin {
    /// The word in an event line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Resumed => "resumed",
            Self::Backfill => "backfill",
            Self::Snapshot => "snapshot",
            Self::Engine => "engine",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A camera, lock, sensor, recorder …: what events and states are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The subject of its events: `cameras/<guid>`.
    pub id: Arc<str>,
    /// What people call it; none while it has not been looked up.
    pub name: Option<Arc<str>>,
}

/// What an event of one vendor type means. One value serves all events of that type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The shared type (`motion.started`), or `<vendor>.<slug>`.
    pub kind: Arc<str>,
    /// The vendor's readable name of the type.
    pub name: Option<Arc<str>>,
    /// The state that such an event sets.
    pub state: Option<StateMeaning>,
}

impl Meaning {
    /// What events are counted by: the type up to the first dot, so `motion`, or the vendor's name where the type is the vendor's own.
    #[must_use]
    pub fn class(&self) -> &str {
        self.kind.split_once('.').map_or(&*self.kind, |(class, _)| class)
    }
}

/// The state that an event sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateMeaning {
    /// The shared group (`motion`), else the vendor's own as a slug.
    pub group: Arc<str>,
    /// The shared value (`detected`), else the vendor's own as a slug.
    pub value: Arc<str>,
    /// The vendor's id of the group. States are kept by this, names are only shown.
    pub vendor_group: Arc<str>,
    /// The vendor's id of the value.
    pub vendor_value: Arc<str>,
    /// The vendor's text for the value.
    pub text: Option<Arc<str>>,
}

/// Events that were stored together: all of one connection, numbered without a hole.
#[derive(Debug)]
pub struct Committed {
    /// Whose events these are.
    pub connection: ConnectionName,
    /// The vendor's name, `milestone`.
    pub vendor: &'static str,
    /// The number of the first event; where there is none, the number that the next will get.
    pub first: Sequence,
    /// When they were stored. It never goes back.
    pub recorded: Timestamp,
    /// The events, in order.
    pub events: Events,
}

impl Committed {
    /// The number after the last event.
    #[must_use]
    pub fn next(&self) -> Sequence {
        self.first.plus(self.events.len() as u64)
    }

    /// The events with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Stored<'_>> {
        (0..self.events.len()).filter_map(|index| self.get(index))
    }

    /// One event with its number.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Stored<'_>> {
        self.events.get(index).map(|event| Stored { commit: self, event, sequence: self.first.plus(index as u64) })
    }
}

/// One stored event, with all that a line of output needs.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// What it was stored with.
    pub commit: &'a Committed,
    /// The event.
    pub event: EventRef<'a>,
    /// Its number.
    pub sequence: Sequence,
}

/// One stored event, to keep for as long as it is wanted.
#[derive(Clone, Debug)]
pub struct SharedEvent {
    commit: Arc<Committed>,
    index: usize,
}

impl SharedEvent {
    /// The event at `index` of a group; `None` where the group has fewer.
    #[must_use]
    pub fn new(commit: Arc<Committed>, index: usize) -> Option<Self> {
        (index < commit.events.len()).then_some(Self { commit, index })
    }

    /// The event with its number and connection.
    #[must_use]
    pub fn get(&self) -> Stored<'_> {
        let event = self.commit.events.at(self.index);
        Stored { commit: &self.commit, event, sequence: self.commit.first.plus(self.index as u64) }
    }
}

/// The value of an attribute of an event. As text by `Display`, as a JSON string by `Serialize`.
#[derive(Clone, Copy, Debug)]
pub struct AttributeValue<'a>(Value<'a>);

/// Put together only when it is written, so that a line costs no texts in between.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Text(&'a str),
    Id(&'a ConnectionName, &'a str),
    Source(&'static str, &'a ConnectionName),
    Sequence(Sequence),
    Time(Timestamp),
}

impl fmt::Display for AttributeValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text(text) => f.write_str(text),
            Value::Id(connection, id) => write!(f, "{connection}:{id}"),
            Value::Source(vendor, connection) => write!(f, "/{vendor}/{connection}"),
            Value::Sequence(sequence) => sequence.fmt(f),
            Value::Time(time) => time.fmt(f),
        }
    }
}

impl Serialize for AttributeValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Text(text) => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'a> Stored<'a> {
    /// The CloudEvents attributes that the event has, by name, in the order of its line. `data` is none of them.
    pub fn attributes(&self) -> impl Iterator<Item = (&'static str, AttributeValue<'a>)> + use<'a> {
        let Self { commit, event, sequence } = *self;
        let item = event.item;
        let state = event.meaning.state.as_ref();
        let text = |text: &'a str| Some(Value::Text(text));
        [
            ("specversion", text("1.0")),
            ("id", Some(Value::Id(&commit.connection, event.id))),
            ("source", Some(Value::Source(commit.vendor, &commit.connection))),
            ("subject", item.and_then(|item| text(&item.id))),
            ("type", text(&event.meaning.kind)),
            ("time", (!event.time.is_empty()).then_some(Value::Text(event.time))),
            ("datacontenttype", text("application/json")),
            ("connection", text(commit.connection.as_str())),
            ("vendor", text(commit.vendor)),
            ("origin", text(event.origin.as_str())),
            ("sequence", Some(Value::Sequence(sequence))),
            ("recordedtime", Some(Value::Time(commit.recorded))),
            ("itemname", item.and_then(|item| item.name.as_deref()).and_then(text)),
            ("typename", event.meaning.name.as_deref().and_then(text)),
            ("stategroup", state.and_then(|state| text(&state.group))),
            ("state", state.and_then(|state| text(&state.value))),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, AttributeValue(value?))))
    }
}

impl Stored<'_> {
    /// The id that users see: `<connection>:<id>`.
    #[must_use]
    pub fn full_id(&self) -> String {
        format!("{}:{}", self.commit.connection, self.event.id)
    }

    /// The vendor's own JSON, on one line; `null` where there is none.
    #[must_use]
    pub fn data(&self) -> &str {
        if self.event.data.is_empty() { "null" } else { self.event.data }
    }

    /// Appends the event as one line of JSON, a CloudEvent 1.0 in structured mode, without a line end.
    pub fn write_line(&self, line: &mut Vec<u8>) {
        self.write_line_as(line, false);
    }

    /// The same; a `redelivery` says so in an attribute of that name.
    pub fn write_line_as(&self, line: &mut Vec<u8>, redelivery: bool) {
        let start = line.len();
        let attributes = serde_json::Serializer::new(&mut *line).collect_map(self.attributes());
        if attributes.is_err() {
            // Texts into memory cannot fail to be written; were it so, half a line must not stay.
            line.truncate(start);
            return;
        }
        line.pop();
        if redelivery {
            line.extend_from_slice(b",\"redelivery\":true");
        }
        line.extend_from_slice(b",\"data\":");
        line.extend_from_slice(self.data().as_bytes());
        line.push(b'}');
    }

    /// The event as one line of JSON.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = Vec::with_capacity(640 + self.event.data.len());
        self.write_line(&mut line);
        String::from_utf8(line).unwrap_or_default()
    }
}

/// A vendor's JSON on one line: unchanged where it is already, else without the blanks between its tokens.
pub(crate) fn one_line(json: &str) -> Cow<'_, str> {
    if memchr::memchr2(b'\n', b'\r', json.as_bytes()).is_none() {
        return json.into();
    }
    let (mut compact, mut in_string, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else {
            if c.is_ascii_whitespace() {
                continue;
            }
            in_string = c == '"';
        }
        compact.push(c);
    }
    compact.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn committed(event: Event) -> Committed {
        Committed {
            connection: ConnectionName::new("hq").unwrap(),
            vendor: "milestone",
            first: Sequence(41),
            recorded: "2026-06-11T09:18:00.5Z".parse().unwrap(),
            events: vec![event.clone(), event].into(),
        }
    }

    fn motion() -> Event {
        Event {
            id: EventId::new("0d6f"),
            origin: Origin::Live,
            meaning: Arc::new(Meaning {
                kind: "motion.started".into(),
                name: Some("Motion Started".into()),
                state: Some(StateMeaning {
                    group: "motion".into(),
                    value: "detected".into(),
                    vendor_group: "g".into(),
                    vendor_value: "t".into(),
                    text: None,
                }),
            }),
            item: Some(Arc::new(Item { id: "cameras/25d0".into(), name: Some("Lobby \"A\"".into()) })),
            time: "2026-06-11T09:17:59.1234567Z".into(),
            data: r#"{"id":"0d6f","n":1.50,"x":null}"#.into(),
        }
    }

    #[test]
    fn a_line_is_a_cloud_event_with_the_vendors_data_untouched() {
        let commit = committed(motion());
        let line = commit.get(1).unwrap().to_line();
        assert!(line.ends_with(r#","data":{"id":"0d6f","n":1.50,"x":null}}"#), "{line}");
        assert!(!line.contains('\n'));
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            json!({"specversion":"1.0","id":"hq:0d6f","source":"/milestone/hq","subject":"cameras/25d0",
                "type":"motion.started","time":"2026-06-11T09:17:59.1234567Z","datacontenttype":"application/json",
                "connection":"hq","vendor":"milestone","origin":"live","sequence":"00000000000000000042",
                "recordedtime":"2026-06-11T09:18:00.5Z","itemname":"Lobby \"A\"","typename":"Motion Started",
                "stategroup":"motion","state":"detected","data":{"id":"0d6f","n":1.50,"x":null}})
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let bare = Event {
            meaning: Arc::new(Meaning { kind: "gap".into(), name: None, state: None }),
            item: None,
            time: ByteString::new(),
            data: ByteString::new(),
            ..motion()
        };
        let line: Value = serde_json::from_str(&committed(bare).get(0).unwrap().to_line()).unwrap();
        for absent in ["subject", "time", "itemname", "typename", "stategroup", "state"] {
            assert_eq!(line.get(absent), None, "{absent}");
        }
        assert_eq!(line["data"], Value::Null);
    }

    #[test]
    fn the_attributes_are_those_of_the_line_in_its_order() {
        let commit = committed(motion());
        let stored = commit.get(0).unwrap();
        let line: Value = serde_json::from_str(&stored.to_line()).unwrap();
        let mut at = 0;
        for (name, value) in stored.attributes() {
            assert_eq!(line[name], value.to_string(), "{name}");
            at += stored.to_line()[at..].find(&format!("\"{name}\":")).unwrap();
        }
        assert_eq!(stored.attributes().count() + 1, line.as_object().unwrap().len());
    }

    #[test]
    fn an_event_that_a_group_has_not_cannot_be_shared() {
        let commit = Arc::new(committed(motion()));
        assert_eq!(SharedEvent::new(Arc::clone(&commit), 1).unwrap().get().sequence, Sequence(42));
        assert!(SharedEvent::new(commit, 2).is_none());
    }

    #[test]
    fn data_over_several_lines_becomes_one_and_keeps_its_texts() {
        let many = "{\n  \"a b\" : \"x \\\" \\n y\",\r\n \"n\" : [ 1 , 2 ] }";
        assert_eq!(&*one_line(many), r#"{"a b":"x \" \n y","n":[1,2]}"#);
        assert_eq!(&*one_line(r#"{ "a" : 1 }"#), r#"{ "a" : 1 }"#);
    }
}
