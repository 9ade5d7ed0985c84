//! An event, from the line that was written of it.

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use watchpost_actors::{
    model::{
        ConnectionName, Event, EventId, Item, Meaning, Origin, Sequence, SharedEvent, StateMeaning, event::Committed,
    },
    vendors::VENDORS,
};

/// Why a text is no event line. Reading it again does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is not the JSON of an event.
    #[error("this is no event: {0}")]
    Json(#[from] serde_json::Error),
    /// One of its members is none that watchpost writes.
    #[error("this is no event of watchpost: \"{member}\" is \"{found}\", expected {expected}")]
    Member {
        /// The member.
        member: &'static str,
        /// What it holds.
        found: String,
        /// What it should hold.
        expected: &'static str,
    },
}

const ORIGINS: [Origin; 5] = [Origin::Live, Origin::Resumed, Origin::Backfill, Origin::Snapshot, Origin::Engine];

/// An event line's members, but for those that follow from others.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    connection: Cow<'a, str>,
    #[serde(borrow)]
    vendor: Cow<'a, str>,
    #[serde(borrow)]
    origin: Cow<'a, str>,
    #[serde(borrow)]
    sequence: Cow<'a, str>,
    #[serde(borrow)]
    recordedtime: Cow<'a, str>,
    #[serde(borrow)]
    itemname: Option<Cow<'a, str>>,
    #[serde(borrow)]
    typename: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stategroup: Option<Cow<'a, str>>,
    #[serde(borrow)]
    state: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The event of a line, such that it writes the same line again.
///
/// What a line does not hold stays empty: the vendor's own ids of a state, and its text.
///
/// # Errors
/// [`LineError`] for a text that [`Stored::write_line`](watchpost_actors::model::event::Stored::write_line) has not written.
pub fn event_of_line(line: &str) -> Result<SharedEvent, LineError> {
    let members: Members<'_> = serde_json::from_str(line)?;
    if members.specversion != "1.0" {
        return Err(wrong("specversion", &members.specversion, "1.0"));
    }
    let connection: ConnectionName =
        members.connection.parse().map_err(|_| wrong("connection", &members.connection, "the name of a connection"))?;
    let id = members.id.strip_prefix(connection.as_str()).and_then(|rest| rest.strip_prefix(':'));
    let id = id.ok_or_else(|| wrong("id", &members.id, "the name of the connection, a colon, and more"))?;
    let vendor = VENDORS.iter().map(|listed| listed.name).find(|name| *name == members.vendor);
    let vendor = vendor.ok_or_else(|| wrong("vendor", &members.vendor, "a vendor that this version knows"))?;
    let origin = ORIGINS.into_iter().find(|origin| origin.as_str() == members.origin);
    let origin = origin.ok_or_else(|| wrong("origin", &members.origin, "one of the five origins"))?;
    let sequence = members.sequence.parse().map_err(|_| wrong("sequence", &members.sequence, "a number"))?;
    let recorded: Timestamp =
        members.recordedtime.parse().map_err(|_| wrong("recordedtime", &members.recordedtime, "a time"))?;

    let event = Event {
        id: EventId::new(id.to_owned()),
        origin,
        item: members.subject.as_deref().map(|id| Arc::new(item(id, members.itemname.as_deref()))),
        time: members.time.as_ref().into(),
        data: members.data.get().into(),
        meaning: Arc::new(members.meaning()),
    };
    let commit = Committed { connection, vendor, first: Sequence(sequence), recorded, events: vec![event].into() };
    SharedEvent::new(Arc::new(commit), 0).ok_or_else(|| wrong("id", &members.id, "an event"))
}

impl Members<'_> {
    fn meaning(&self) -> Meaning {
        let state = self.stategroup.as_deref().zip(self.state.as_deref()).map(|(group, value)| StateMeaning {
            group: group.into(),
            value: value.into(),
            vendor_group: "".into(),
            vendor_value: "".into(),
            text: None,
        });
        Meaning { kind: self.r#type.as_ref().into(), name: self.typename.as_deref().map(Into::into), state }
    }
}

fn item(id: &str, name: Option<&str>) -> Item {
    Item { id: id.into(), name: name.map(Into::into) }
}

fn wrong(member: &'static str, found: &str, expected: &'static str) -> LineError {
    LineError::Member { member, found: found.chars().take(100).collect(), expected }
}
