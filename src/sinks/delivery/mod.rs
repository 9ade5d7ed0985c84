//! How far each sink has come, what fails, and what was refused for good.
//!
//! ```text
//! runner of a sink ─► Delivery (one lock, one small transaction a call) ─► Store: memory, or delivery.db
//! ```
//!
//! A sink delivers in lanes: one for each connection, or a single one where it keeps one order (file, stdout). What is kept of a lane is a
//! position, below which everything is delivered, unwanted, or laid aside as a dead letter. It moves together with what it covers, so a
//! crash repeats and skips nothing.
//!
//! - `records`: what is kept, as types. `error`: why not. `line`: an event, from its line. `memory`, `sqlite`: the two stores.
//!   `telemetry`: what happens to them.

mod error;
mod line;
mod memory;
mod records;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "sqlite")]
mod telemetry;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use watchpost_actors::model::{ConnectionName, Sequence};

pub use self::{
    error::DeliveryError,
    line::{LineError, event_of_line},
    records::{DeadLetter, Failure, LanePosition, LetterFilter, NewDeadLetter, Place, Positions, Replay, SinkInfo},
};
use self::{memory::Memory, records::clip};
use super::standing::Standing;

/// The dead letters that one sink may have. Beyond that it waits, until somebody retries or drops some.
pub const MOST_DEAD_LETTERS: usize = 10_000;
/// The bytes of events that the dead letters of one sink may have together; a single one may have more.
pub const MOST_DEAD_BYTES: u64 = 256 << 20;

/// What the dead letters of a sink may come to.
#[derive(Debug, Clone, Copy)]
struct Most {
    letters: u64,
    bytes: u64,
}

impl Default for Most {
    fn default() -> Self {
        Self { letters: MOST_DEAD_LETTERS as u64, bytes: MOST_DEAD_BYTES }
    }
}

impl Most {
    /// Whether one more is too many, beside so many with so many bytes.
    fn is_reached(self, letters: u64, bytes: u64) -> bool {
        letters >= self.letters || bytes >= self.bytes
    }
}

/// The store of what is delivered. Cheap to clone; every clone is the same store.
///
/// It blocks, for microseconds as a rule, so it belongs on a sink's own thread.
#[derive(Clone)]
pub struct Delivery {
    store: Arc<Mutex<dyn Store>>,
    durable: bool,
    most_dead: Most,
}

impl Delivery {
    fn over(store: impl Store + 'static, durable: bool) -> Self {
        Self { store: Arc::new(Mutex::new(store)), durable, most_dead: Most::default() }
    }

    /// What is kept here outlives the process.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.durable
    }

    /// A store that forgets with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::over(Memory::default(), false)
    }

    /// The store `delivery.db` in this folder; both are created where they are missing. Only one process may open it so.
    ///
    /// In a power cut it may lose its last moments, which are then delivered once more; never the order of what it was told. A file that is
    /// damaged is renamed to `delivery.db.corrupt-<time>`, the log says so, and a new one is begun.
    ///
    /// # Errors
    /// [`DeliveryError::Newer`] and [`DeliveryError::Foreign`] for a file that is then left untouched, [`DeliveryError::Unavailable`]
    /// for what the disk or the system says.
    #[cfg(feature = "sqlite")]
    pub fn open(folder: &std::path::Path) -> Result<Self, DeliveryError> {
        sqlite::Sqlite::open(folder).map(|store| Self::over(store, true))
    }

    /// The store in this folder as it is now, beside a running watchpost; `None` if there is none yet. Whatever would change it fails.
    ///
    /// # Errors
    /// As for [`open`](Self::open), and [`DeliveryError::Corrupt`] for a file that is damaged.
    #[cfg(feature = "sqlite")]
    pub fn open_to_read(folder: &std::path::Path) -> Result<Option<Self>, DeliveryError> {
        Ok(sqlite::Sqlite::open_to_read(folder)?.map(|store| Self::over(store, true)))
    }

    /// The highest position of any sink; zero if there is none. A journal that numbered new events below it would hide them from that sink.
    ///
    /// # Errors
    /// [`DeliveryError`] when it cannot be read.
    pub fn highest(&self) -> Result<Sequence, DeliveryError> {
        self.ask(|store| store.highest())
    }

    /// From where a sink delivers. One that is not known yet begins at `at`, which is stored at once; a known one goes on.
    ///
    /// # Errors
    /// [`DeliveryError`] when it cannot be read or stored.
    pub fn begin(&self, sink: &str, at: Sequence) -> Result<Positions, DeliveryError> {
        self.ask(|store| store.begin(sink, at, now()))
    }

    /// Stores that everything of a lane below `place` is delivered or unwanted, and that `events` more were delivered. `None` is the one
    /// lane of a sink that keeps one order. A position only grows: a lower one leaves it. What failed in this lane fails no more.
    ///
    /// # Errors
    /// [`DeliveryError::UnknownSink`] before [`begin`](Self::begin), otherwise what the disk says.
    pub fn delivered(
        &self,
        sink: &str,
        lane: Option<&ConnectionName>,
        place: impl Into<Place>,
        events: u64,
    ) -> Result<(), DeliveryError> {
        self.ask(|store| store.delivered(sink, lane, place.into(), events, now()))
    }

    /// Lays an event aside, and moves its lane to `position` behind it, in one transaction. So the event is in the lane's way no more.
    ///
    /// An event of which the sink has a dead letter already adds its tries to that one.
    ///
    /// # Errors
    /// [`DeliveryError::Full`] when the sink has [`MOST_DEAD_LETTERS`] or [`MOST_DEAD_BYTES`]: then nothing is changed and the event must wait.
    /// [`DeliveryError::UnknownSink`] before [`begin`](Self::begin), otherwise what the disk says.
    pub fn dead(&self, letter: &NewDeadLetter<'_>, position: Sequence) -> Result<(), DeliveryError> {
        let record = letter.record(now());
        let place = Place { position, stored: Some(letter.event.commit.recorded) };
        self.ask(|store| store.dead(&record, letter.lane, Some(place), self.most_dead))
    }

    /// Lays an event aside that a replay could not deliver. Its lane stays where it is.
    ///
    /// # Errors
    /// As for [`dead`](Self::dead).
    pub fn lay_aside(&self, letter: &NewDeadLetter<'_>) -> Result<(), DeliveryError> {
        let record = letter.record(now());
        self.ask(|store| store.dead(&record, letter.lane, None, self.most_dead))
    }

    /// Stores that a lane cannot deliver now: `why` (its first 500 characters), and since when, which is the first failure in a row.
    ///
    /// # Errors
    /// [`DeliveryError::UnknownSink`] before [`begin`](Self::begin), otherwise what the disk says.
    pub fn failing(&self, sink: &str, lane: Option<&ConnectionName>, why: &str) -> Result<(), DeliveryError> {
        self.ask(|store| store.failing(sink, lane, &clip(why), now()))
    }

    /// Stores how a sink that runs stands with its broker; `None` when it has ended. What a process has stored is forgotten at the next
    /// [`open`](Self::open), and is not told where nobody has the folder open to write.
    ///
    /// # Errors
    /// [`DeliveryError::UnknownSink`] before [`begin`](Self::begin), otherwise what the disk says.
    pub fn stands(&self, sink: &str, standing: Option<&Standing>) -> Result<(), DeliveryError> {
        self.ask(|store| store.stands(sink, standing))
    }

    /// Every sink that has ever begun, by name, whether it is still configured or not.
    ///
    /// # Errors
    /// [`DeliveryError`] when it cannot be read.
    pub fn sinks(&self) -> Result<Vec<SinkInfo>, DeliveryError> {
        self.ask(|store| store.sinks())
    }

    /// Dead letters that `filter` wants with an id above `after`, at most `limit`, oldest first.
    ///
    /// # Errors
    /// [`DeliveryError`] when they cannot be read.
    pub fn dead_letters(
        &self,
        filter: &LetterFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, DeliveryError> {
        self.ask(|store| store.dead_letters(filter, after, limit))
    }

    /// Removes dead letters, and answers how many of them there were.
    ///
    /// # Errors
    /// [`DeliveryError`] when they cannot be removed.
    pub fn remove_dead_letters(&self, ids: &[i64]) -> Result<usize, DeliveryError> {
        self.ask(|store| store.remove_dead_letters(ids))
    }

    /// Stores that a dead letter was tried once more, in vain, and `why` (its first 500 characters).
    ///
    /// # Errors
    /// [`DeliveryError::NoDeadLetter`] when it is gone, otherwise what the disk says.
    pub fn retried(&self, id: i64, why: &str) -> Result<(), DeliveryError> {
        self.ask(|store| store.retried(id, &clip(why), now()))
    }

    /// Stores a job: to deliver to `sink` again what the journal holds from `from` up to, and without, `until`.
    ///
    /// # Errors
    /// [`DeliveryError`] when it cannot be stored.
    pub fn add_replay(&self, sink: &str, from: Sequence, until: Sequence) -> Result<Replay, DeliveryError> {
        self.ask(|store| store.add_replay(sink, from, until, now()))
    }

    /// The replays that have not ended, of one sink or of all, oldest first.
    ///
    /// # Errors
    /// [`DeliveryError`] when they cannot be read.
    pub fn replays(&self, sink: Option<&str>) -> Result<Vec<Replay>, DeliveryError> {
        self.ask(|store| store.replays(sink))
    }

    /// Stores that everything of a replay below `position` is delivered again, and that `events` more were. A position only grows.
    ///
    /// # Errors
    /// [`DeliveryError::NoReplay`] when it has ended, otherwise what the disk says.
    pub fn replayed(&self, id: i64, position: Sequence, events: u64) -> Result<(), DeliveryError> {
        self.ask(|store| store.replayed(id, position, events))
    }

    /// Forgets a replay, done or not. One that is gone already stays so.
    ///
    /// # Errors
    /// [`DeliveryError`] when it cannot be stored.
    pub fn end_replay(&self, id: i64) -> Result<(), DeliveryError> {
        self.ask(|store| store.end_replay(id))
    }

    fn ask<T>(&self, question: impl FnOnce(&mut dyn Store) -> Result<T, DeliveryError>) -> Result<T, DeliveryError> {
        // A transaction that a panic has cut short was rolled back.
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        question(&mut *store).map_err(|error| store.named(error))
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").finish_non_exhaustive()
    }
}

/// This moment, as exactly as it is stored.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// What keeps it. Each call is one transaction: all of it is stored, or nothing.
trait Store: Send {
    /// The error, with the file that it is about.
    fn named(&self, error: DeliveryError) -> DeliveryError {
        error
    }
    fn highest(&mut self) -> Result<Sequence, DeliveryError>;
    fn begin(&mut self, sink: &str, at: Sequence, now: Timestamp) -> Result<Positions, DeliveryError>;
    fn delivered(
        &mut self,
        sink: &str,
        lane: Option<&ConnectionName>,
        place: Place,
        events: u64,
        now: Timestamp,
    ) -> Result<(), DeliveryError>;
    /// The id of `letter` counts for nothing.
    fn dead(
        &mut self,
        letter: &DeadLetter,
        lane: Option<&ConnectionName>,
        place: Option<Place>,
        most: Most,
    ) -> Result<(), DeliveryError>;
    fn failing(
        &mut self,
        sink: &str,
        lane: Option<&ConnectionName>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), DeliveryError>;
    fn stands(&mut self, sink: &str, standing: Option<&Standing>) -> Result<(), DeliveryError>;
    fn sinks(&mut self) -> Result<Vec<SinkInfo>, DeliveryError>;
    fn dead_letters(
        &mut self,
        filter: &LetterFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, DeliveryError>;
    fn remove_dead_letters(&mut self, ids: &[i64]) -> Result<usize, DeliveryError>;
    fn retried(&mut self, id: i64, why: &str, now: Timestamp) -> Result<(), DeliveryError>;
    fn add_replay(
        &mut self,
        sink: &str,
        from: Sequence,
        until: Sequence,
        now: Timestamp,
    ) -> Result<Replay, DeliveryError>;
    fn replays(&mut self, sink: Option<&str>) -> Result<Vec<Replay>, DeliveryError>;
    fn replayed(&mut self, id: i64, position: Sequence, events: u64) -> Result<(), DeliveryError>;
    fn end_replay(&mut self, id: i64) -> Result<(), DeliveryError>;
}
