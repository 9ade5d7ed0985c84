//! What a session hands over for the journal, in the vendor's ids.

use std::sync::Arc;

use bytestring::ByteString;
use jiff::Timestamp;

use crate::model::event::{Meaning, Origin};
use crate::model::ids::EventId;
use crate::model::status::ConnectionState;

/// One thing for the journal.
#[derive(Debug)]
pub enum Entry {
    /// Something happened.
    Occurrence(Occurrence),
    /// The event behind a state that a snapshot has told already: it still sets the state, in its place, and is no event any more. Made by
    /// the lane, not by a session.
    Echo(Box<Occurrence>),
    /// From here on, until the [`Snapshot`](Entry::Snapshot), states set by events are remembered: the snapshot may be older than they are.
    BaselineAwaited {
        /// What was remembered before does not count any more: a new session has begun.
        anew: bool,
    },
    /// The states as the vendor knows them now.
    Snapshot(Box<Snapshot>),
    /// A stretch of time in which events may have been lost.
    Gap(Box<Gap>),
    /// The connection's own state has changed; comes from the connection, not from a session.
    Status(Box<StatusChange>),
}

/// A change of a connection's state.
#[derive(Debug, Clone)]
pub struct StatusChange {
    /// The state before.
    pub old: ConnectionState,
    /// The state now.
    pub new: ConnectionState,
    /// Why, in words.
    pub reason: Arc<str>,
}

/// Something that happened, in the vendor's ids.
#[derive(Debug, Clone)]
pub struct Occurrence {
    /// Its id within the connection, the same however often it is seen.
    pub id: EventId,
    /// How it came.
    pub origin: Origin,
    /// The subject; empty where the vendor named none.
    pub item: ByteString,
    /// What kind of event.
    pub kind: Kind,
    /// When, in the vendor's words; empty where it did not say.
    pub time: ByteString,
    /// The vendor's own JSON.
    pub data: ByteString,
}

/// The kind of an occurrence.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The directory knows, or will.
    Named {
        /// The vendor's id of the type; empty where it named none.
        kind: ByteString,
        /// The vendor's id of the state group; empty for an event without state.
        group: ByteString,
        /// What it means as long as the directory does not know.
        meanwhile: fn(&str, &str) -> Meaning,
    },
    /// The protocol's own table knows.
    Known(Arc<Meaning>),
}

/// The states as a vendor knows them.
#[derive(Debug)]
pub struct Snapshot {
    /// What it speaks of: everything of the connection, or one item.
    pub scope: Scope,
    /// The event that last set each state. Ids may be empty: then a difference gets a new one.
    pub states: Vec<Occurrence>,
}

/// What a snapshot speaks of. A state in its scope that it lacks becomes `unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All items of the connection.
    Everything,
    /// One item.
    Item(ByteString),
}

/// A stretch of time in which events may have been lost.
#[derive(Debug, Clone)]
pub struct Gap {
    /// The last byte received before it.
    pub from: Timestamp,
    /// From when on events come again.
    pub to: Timestamp,
    /// Why, as a word: `session_expired`.
    pub reason: String,
    /// What was done about it, in words.
    pub recovered: &'static str,
}
