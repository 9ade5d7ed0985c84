//! An event, what it means, and how it is written for users.

use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;
use jiff::Timestamp;
use serde::Serialize;

use super::ids::{ConnectionName, EventId, Sequence};

/// Something that happened to an item, or to the engine itself.
///
/// Texts that came from the vendor are slices of what was read from the socket, so that a batch costs no copy.
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
    pub events: Vec<Event>,
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
    pub event: &'a Event,
    /// Its number.
    pub sequence: Sequence,
}

/// The attributes of an event line; `data` is put behind them as it is.
#[derive(Serialize)]
struct Attributes<'a> {
    specversion: &'static str,
    id: Joined<'a, ConnectionName, &'a str>,
    source: Joined<'a, Source, ConnectionName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    r#type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    time: &'a str,
    datacontenttype: &'static str,
    connection: &'a str,
    vendor: &'static str,
    origin: &'static str,
    sequence: Shown<Sequence>,
    recordedtime: Shown<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    itemname: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    typename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stategroup: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
}

/// Two texts with a sign between them, written without building a string first.
struct Joined<'a, A, B>(&'a A, char, &'a B);

impl<A: fmt::Display, B: fmt::Display> Serialize for Joined<'_, A, B> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}{}", self.0, self.1, self.2))
    }
}

struct Source(&'static str);

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Stored<'_> {
    /// The id that users see: `<connection>:<id>`.
    #[must_use]
    pub fn full_id(&self) -> String {
        format!("{}:{}", self.commit.connection, self.event.id.as_str())
    }

    /// Appends the event as one line of JSON, a CloudEvent 1.0 in structured mode, without a line end.
    pub fn write_line(&self, line: &mut Vec<u8>) {
        let Self { commit, event, sequence } = *self;
        let state = event.meaning.state.as_ref();
        let id = event.id.as_str();
        let attributes = Attributes {
            specversion: "1.0",
            id: Joined(&commit.connection, ':', &id),
            source: Joined(&Source(commit.vendor), '/', &commit.connection),
            subject: event.item.as_ref().map(|item| &*item.id),
            r#type: &event.meaning.kind,
            time: &event.time,
            datacontenttype: "application/json",
            connection: commit.connection.as_str(),
            vendor: commit.vendor,
            origin: event.origin.as_str(),
            sequence: Shown(sequence),
            recordedtime: Shown(commit.recorded),
            itemname: event.item.as_ref().and_then(|item| item.name.as_deref()),
            typename: event.meaning.name.as_deref(),
            stategroup: state.map(|state| &*state.group),
            state: state.map(|state| &*state.value),
        };
        let start = line.len();
        if serde_json::to_writer(&mut *line, &attributes).is_err() {
            // Texts into memory cannot fail to be written; were it so, half a line must not stay.
            line.truncate(start);
            return;
        }
        line.pop();
        line.extend_from_slice(b",\"data\":");
        line.extend_from_slice(if event.data.is_empty() { b"null" } else { event.data.as_bytes() });
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
pub(crate) fn one_line(json: ByteString) -> ByteString {
    if !json.bytes().any(|b| b == b'\n' || b == b'\r') {
        return json;
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
            events: vec![event.clone(), event],
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
    fn data_over_several_lines_becomes_one_and_keeps_its_texts() {
        let many = "{\n  \"a b\" : \"x \\\" \\n y\",\r\n \"n\" : [ 1 , 2 ] }";
        assert_eq!(&*one_line(many.into()), r#"{"a b":"x \" \n y","n":[1,2]}"#);
        assert_eq!(&*one_line(r#"{ "a" : 1 }"#.into()), r#"{ "a" : 1 }"#);
    }
}
