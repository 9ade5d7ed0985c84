//! What durable storage must promise, an implementation in memory, and the threads it runs on.
//!
//! A [`Journal`] takes [`Append`]s: events, the state changes that they cause, and the checkpoint that covers them, all or nothing.
//! Only what it has taken becomes visible in the state map, to watchers and to sinks. [`Writer`] gives a journal its own thread, unless it
//! never blocks (`inline`), and stores what several connections hand in at the same moment as one group; both carry out what is asked
//! (`command`) through a [`JournalHandle`]. What was stored lately is kept in
//! memory (`recent`), so that whoever keeps up never reads from the disk; who does not reads through a [`Reader`] on another thread.
//! [`Memory`] forgets with the process.

mod command;
mod handle;
mod inline;
mod memory;
mod recent;
mod writer;

use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;
use jiff::Timestamp;

use crate::model::event::{Committed, EventRef, Item};
use crate::model::events::Events;
use crate::model::ids::{ConnectionName, Sequence};
use crate::model::state::{StateEntry, StateRef};

pub use handle::JournalHandle;
pub(crate) use handle::Waiting;
pub use memory::Memory;
pub use writer::Writer;

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
    pub events: Events,
    /// State changes in order. Shared, since whoever has them stored shows them afterwards.
    pub states: Arc<[StateWrite]>,
    /// Replaces the last one; `None` leaves it.
    pub checkpoint: Option<Checkpoint>,
    /// The last moment at which everything that the vendor had sent was handed over; `None` leaves what was stored. An append may hold
    /// nothing but this: while a connection is quiet it comes every ten seconds, and dates the gap after a crash.
    pub heard: Option<Timestamp>,
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
    /// The index of the event that sets the state.
    fn index(&self) -> Option<u32> {
        match self {
            Self::ByEvent(index) => Some(*index),
            Self::Silent(_) => None,
        }
    }

    /// The item and the vendor's group whose state it is, or `None` if it does not fit its append.
    pub(crate) fn sets<'a>(&'a self, events: &'a Events) -> Option<(&'a Arc<Item>, &'a Arc<str>)> {
        let (item, meaning) = match self {
            Self::Silent(entry) => (&entry.item, &entry.meaning),
            Self::ByEvent(index) => events.sets(*index as usize)?,
        };
        Some((item, &meaning.state.as_ref()?.vendor_group))
    }

    /// The state that this change leaves behind, or `None` if it does not fit its append.
    #[must_use]
    pub fn state<'a>(&'a self, first: Sequence, events: &'a Events) -> Option<StateRef<'a>> {
        match self {
            Self::Silent(entry) => Some(StateRef { sequence: first, ..entry.view() }),
            Self::ByEvent(index) => set_by(*index, first, events),
        }
    }
}

/// The state that the event at an index sets.
fn set_by(index: u32, first: Sequence, events: &Events) -> Option<StateRef<'_>> {
    let EventRef { item, meaning, time, origin, .. } = events.get(index as usize)?;
    meaning.state.as_ref()?;
    Some(StateRef { item: item?, meaning, time, sequence: first.plus(u64::from(index)), origin })
}

/// The states that an append leaves behind, in order. Where all are set by events, of those that are set several times the last values alone:
/// so in a flood a state costs little however often it changes.
pub fn last_states<'a>(writes: &'a [StateWrite], commit: &'a Committed) -> impl Iterator<Item = StateRef<'a>> {
    let Committed { first, events, .. } = commit;
    let indices: Option<Vec<u32>> = writes.iter().map(|write| write.index()).collect();
    let last = indices.map(|indices| events.last_of(&indices));
    let all = if last.is_some() { &[] } else { writes };
    let by_events = last.into_iter().flatten().filter_map(|index| set_by(index, *first, events));
    by_events.chain(all.iter().filter_map(|write| write.state(*first, events)))
}

/// What a connection finds again.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The last checkpoint stored.
    pub checkpoint: Option<Checkpoint>,
    /// The states as of the last append.
    pub states: Vec<StateEntry>,
    /// The last moment at which everything that the vendor had sent was handed over. Known without a checkpoint, it says that there was
    /// one and that it is lost: the vendor cannot go on, so a gap begins here.
    pub heard: Option<Timestamp>,
    /// Ids lately stored, oldest first, by which repeats are known.
    pub seen: Vec<crate::model::EventId>,
}

/// What to read.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The first sequence wanted.
    pub from: Sequence,
    /// About so many events, if there are so many: a wish. A page holds more where a group is not torn apart, and fewer where the events are
    /// large; it holds at least one if there is one and the limit is not zero. [`Page::end`] says where to go on.
    pub limit: usize,
    /// Of this connection alone.
    pub of: Option<ConnectionName>,
}

/// A piece of the journal, oldest first.
#[derive(Debug, Default)]
pub struct Page {
    /// Groups of events; the first may begin before the sequence that was asked for.
    pub commits: Vec<Arc<Committed>>,
    /// If it is above the sequence asked for, events between the two are gone that were asked for.
    pub oldest: Sequence,
    /// Where to read on: everything asked for that is below is in this page. At the end of the journal, the sequence that the next event will get.
    pub end: Sequence,
}

impl Page {
    /// What of these groups, oldest first and none of them wholly below `ask.from`, was asked for; `next` is the end of the journal.
    fn of<'a>(ask: &Ask, groups: impl Iterator<Item = &'a Arc<Committed>>, oldest: Sequence, next: Sequence) -> Self {
        let (mut commits, mut count, mut end) = (Vec::new(), 0, next);
        for commit in groups.filter(|commit| ask.of.as_ref().is_none_or(|of| commit.connection == *of)) {
            if count >= ask.limit {
                end = commit.first;
                break;
            }
            count += commit.events.len();
            commits.push(Arc::clone(commit));
        }
        Self { commits, oldest, end }
    }
}

/// A connection of which something is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneInfo {
    /// Its name.
    pub connection: ConnectionName,
    /// Its vendor.
    pub vendor: &'static str,
    /// The number after the last of its events that retention has dropped; zero if none was.
    pub dropped: Sequence,
    /// They are gone with an earlier journal that was lost, and not by retention.
    pub lost: bool,
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
    /// What is stored cannot be read any more. Trying again does not help; a restart may, where the journal then checks itself.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// The journal has ended.
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

/// Reads what is stored. One of a [`Journal`]'s own may work on another thread than the journal.
pub trait Reader: Send + 'static {
    /// About `ask.limit` events from `ask.from` on, fewer if there are no more. Never holds up an append.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    fn read(&mut self, ask: &Ask) -> Result<Page, JournalError>;

    /// Every connection of which something is or was stored.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError>;

    /// The first event stored at or after `time`; if there is none, the sequence that the next will get.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    fn at(&mut self, time: Timestamp) -> Result<Sequence, JournalError>;

    /// The sequence that the next event will get.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    fn next(&mut self) -> Result<Sequence, JournalError>;
}

/// Storage for events, states and checkpoints. It may block: [`Writer`] gives it a thread of its own then.
pub trait Journal: Reader {
    /// Whether no call ever waits for anything. Then no thread is made: each is carried out where it is made, one at a time, and
    /// [`trim`](Self::trim) behind some other. [`reader`](Self::reader) is not asked.
    fn never_blocks(&self) -> bool {
        false
    }

    /// Stores each append, all of it or nothing of it, in the order given, and answers in the same order.
    ///
    /// What was answered with `Ok` is found again by [`load`](Self::load) and [`read`](Reader::read), as durably as the implementation promises.
    /// Sequences grow without a hole over all connections, and a journal that starts anew starts above the old one.
    ///
    /// # Errors
    /// Each append has its own answer; one that is refused leaves nothing behind.
    fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>>;

    /// What is known of a connection. Fails where nothing could be stored now: so a connection waits for the journal, and not for the vendor.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read or written.
    fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError>;

    /// Another reader, for a thread of its own; `None` where reading is not worth one.
    ///
    /// # Errors
    /// [`JournalError`] when there should be one and cannot.
    fn reader(&mut self) -> Result<Option<Box<dyn Reader>>, JournalError> {
        Ok(None)
    }

    /// A small text that was kept under a key, beside events.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be read.
    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError>;

    /// Keeps a small text under a key in the place of the last one, or forgets it.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be written.
    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError>;

    /// One small step of housekeeping: drops some events that retention no longer wants, never what [`load`](Self::load) needs. Called
    /// about once a second and between appends, so a step should take milliseconds. Answers whether there is more to do at once.
    ///
    /// # Errors
    /// [`JournalError`] when it cannot be written.
    fn trim(&mut self) -> Result<bool, JournalError>;

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
