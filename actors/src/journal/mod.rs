//! What durable storage must promise, an implementation in memory, and the thread it runs on.
//!
//! A [`Journal`] takes [`Append`]s: events, the state changes that they cause, and the checkpoint that covers them, all or nothing.
//! Only what it has taken becomes visible in the state map, to watchers and to sinks. [`Writer`] gives a journal its own thread,
//! because it may block, and stores what several connections hand in at the same moment as one group. [`Memory`] forgets with the process.

mod memory;
mod writer;

use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;
use jiff::Timestamp;

use crate::model::event::{Committed, Event};
use crate::model::ids::{ConnectionName, Sequence};
use crate::model::state::StateEntry;

pub use memory::Memory;
pub use writer::{JournalHandle, Writer};

/// What a vendor needs to go on after a break or a restart: session id and cursor, for example.
///
/// The text is the vendor's own affair (JSON with a version in it); a checkpoint that it cannot read any more is as good as none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint(pub ByteString);

/// What one connection wants stored in one piece.
#[derive(Debug)]
pub struct Append {
    /// The lane: events of one connection stay in order.
    pub connection: ConnectionName,
    /// The vendor's name.
    pub vendor: &'static str,
    /// Events in order. May be empty: a batch of nothing but repeats still moves the checkpoint.
    pub events: Vec<Event>,
    /// State changes in order.
    pub states: Vec<StateWrite>,
    /// Replaces the last one; `None` leaves it.
    pub checkpoint: Option<Checkpoint>,
}

/// One state change of an [`Append`].
#[derive(Debug, Clone)]
pub enum StateWrite {
    /// The event at this index sets the state that its meaning says.
    ByEvent(u32),
    /// A value that is no event: one never seen before, from a snapshot. Its sequence is set when it is stored.
    Silent(Box<StateEntry>),
}

impl StateWrite {
    /// The entry that this change leaves behind, or `None` if it does not fit its append.
    #[must_use]
    pub fn entry(&self, first: Sequence, events: &[Event]) -> Option<StateEntry> {
        match self {
            Self::Silent(entry) => Some(StateEntry { sequence: first, ..(**entry).clone() }),
            Self::ByEvent(index) => {
                let event = events.get(*index as usize)?;
                event.meaning.state.as_ref()?;
                Some(StateEntry {
                    item: event.item.clone()?,
                    meaning: Arc::clone(&event.meaning),
                    // A copy: a slice would keep the whole read buffer alive for as long as the state stands.
                    time: ByteString::from(&*event.time),
                    sequence: first.plus(u64::from(*index)),
                    origin: event.origin,
                })
            }
        }
    }
}

/// What a connection finds again.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The last checkpoint stored.
    pub checkpoint: Option<Checkpoint>,
    /// The states as of the last append.
    pub states: Vec<StateEntry>,
    /// When something of the connection was last stored.
    pub heard: Option<Timestamp>,
    /// Ids lately stored, oldest first, by which repeats are known.
    pub seen: Vec<crate::model::EventId>,
}

/// A piece of the journal, oldest first.
#[derive(Debug, Default)]
pub struct Page {
    /// Groups of events; the first may begin before the sequence that was asked for.
    pub commits: Vec<Arc<Committed>>,
    /// The oldest sequence still kept. If it is above the one asked for, what lies between is gone.
    pub oldest: Sequence,
    /// The sequence that the next event will get.
    pub next: Sequence,
}

/// Why something could not be stored or read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another owner has taken over this connection: stop, do not try again.
    #[error("another owner has taken over {connection}")]
    Fenced {
        /// The lane that is taken.
        connection: ConnectionName,
    },
    /// The disk is full, say. Trying again later can help.
    #[error("the journal cannot store now: {0}")]
    Unavailable(String),
    /// The journal's thread has ended.
    #[error("the journal is closed")]
    Closed,
}

impl JournalError {
    /// Whether trying again later can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Storage for events, states and checkpoints. It may block: [`Writer`] gives it a thread of its own.
pub trait Journal: Send + 'static {
    /// Stores each append, all of it or nothing of it, in the order given, and answers in the same order.
    ///
    /// What was answered with `Ok` is found again by [`load`](Self::load) and [`read`](Self::read), as durably as the implementation promises.
    /// Sequences grow without a hole over all connections, and a journal that starts anew starts above the old one.
    ///
    /// # Errors
    /// Each append has its own answer; one that is refused leaves nothing behind.
    fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>>;

    /// What is known of a connection.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError>;

    /// At least `limit` events from `from` on, whole groups, fewer if there are no more.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    fn read(&mut self, from: Sequence, limit: usize) -> Result<Page, JournalError>;

    /// Drops events that retention no longer wants. Never what [`load`](Self::load) needs.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be written.
    fn trim(&mut self) -> Result<(), JournalError>;

    /// Writes out what is still held back; called once, at the end.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be written.
    fn close(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

impl fmt::Debug for dyn Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}
