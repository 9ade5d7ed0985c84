//! What a session hands over for the journal, in the vendor's words.

use std::sync::Arc;

use bytestring::ByteString;
use jiff::Timestamp;

use crate::model::event::{Meaning, Origin};
use crate::model::ids::Print;
use crate::model::status::ConnectionState;
use crate::model::text::Span;

/// Something that happened, as a vendor tells it. See [`Entries::occur`](super::Entries::occur).
#[derive(Debug, Clone, Copy)]
pub struct Occurrence<'a> {
    /// Its id within the connection, the same however often it is seen.
    pub id: &'a str,
    /// How it came.
    pub origin: Origin,
    /// The subject; empty where the vendor named none.
    pub item: &'a str,
    /// What kind of event.
    pub kind: Kind<'a>,
    /// When, in the vendor's words; empty where it did not say.
    pub time: &'a str,
    /// The vendor's own JSON.
    pub data: &'a str,
}

/// The kind of an occurrence.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// The directory knows, or will.
    Named {
        /// The vendor's id of the type; empty where it named none.
        kind: &'a str,
        /// The vendor's id of the state group; empty for an event without state.
        group: &'a str,
        /// What it means as long as the directory does not know.
        meanwhile: Meanwhile,
    },
    /// The protocol's own table knows.
    Known(&'a Arc<Meaning>),
}

/// Makes the meaning of a type and group of which the directory does not know.
pub type Meanwhile = fn(&str, &str) -> Meaning;

/// One thing for the journal. The words of an occurrence are in the batch that it is part of.
#[derive(Debug)]
pub enum Entry {
    /// Something happened.
    Occurrence(Noted),
    /// The event behind a state that a snapshot has told already: it still sets the state, in its place, and is no event any more. Made by
    /// the lane, not by a session.
    Echo(Noted),
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

/// An occurrence in a batch, by where its words stand there.
#[derive(Debug, Clone, Copy)]
pub struct Noted {
    /// Made while the id's text is at hand.
    pub(crate) print: Print,
    pub(crate) id: Span,
    pub(crate) time: Span,
    pub(crate) data: Span,
    /// Its number among the batch's items.
    pub(crate) item: Option<u32>,
    /// Its number among the batch's kinds.
    pub(crate) kind: u32,
    pub(crate) origin: Origin,
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

/// The states as a vendor knows them.
#[derive(Debug)]
pub struct Snapshot {
    /// What it speaks of: everything of the connection, or one item.
    pub scope: Scope,
    /// The event that last set each state. Ids may be empty: then a difference gets a new one.
    pub states: Vec<Noted>,
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
    /// The subject of all that may have been lost; none: anything of the connection.
    pub item: Option<String>,
    /// The last byte received before it.
    pub from: Timestamp,
    /// From when on events come again.
    pub to: Timestamp,
    /// Why, as a word: `session_expired`.
    pub reason: String,
    /// What was done about it, in words.
    pub recovered: &'static str,
}
