//! The journal on disk: events, states and checkpoints in one SQLite file, `journal.db` in the data folder.
//!
//! ```text
//! DataDir (one process) ─► opening: check, migrate, or set aside ─► append ─► events, lanes ─► reader ─► pages
//!                                                                     └─► image of the states ─► retention drops what is below
//! ```
//!
//! - `folder`: the data folder and its lock. `files`, `opening`, `schema`: the file, and how it becomes usable.
//! - `append`: one group, one transaction. `image`: the states. `load`: what a connection finds again. `notes`: small texts beside them.
//! - `reader`: pages, also on a thread of its own. `rows`: between rows and nouns.
//! - `retention`: what is dropped, and when. `error`, `telemetry`: what can go wrong, and what is told.
//!
//! A failed transaction leaves nothing behind, in the file or in memory, so a full disk is over as soon as there is room.

mod append;
mod error;
pub(crate) mod files;
pub(crate) mod folder;
mod image;
mod load;
mod notes;
pub(crate) mod opening;
mod reader;
mod retention;
mod rows;
mod schema;
mod telemetry;
#[cfg(test)]
mod tests;

use std::{
    fmt, iter,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rusqlite::Connection;
use watchpost_actors::{
    journal::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Page, Reader},
    model::{ConnectionName, Sequence, event::Committed},
    settings::ByteSize,
};

use self::{
    append::Lanes,
    files::JournalFile,
    image::Image,
    opening::Opened,
    reader::{Pages, SqliteReader},
    retention::{Retention, Trimmed},
    telemetry::JournalOpened,
};
use crate::config::EngineSettings;
pub use crate::config::Synchronous;
pub use error::OpenError;
pub use folder::{DataDir, DataDirError, Holder};
pub use retention::Floor;

/// How long after the opening a new connection may have been in an earlier journal that is lost.
const LOSS_TOLD: Duration = Duration::from_secs(300);

/// How a journal is kept.
#[derive(Clone)]
pub struct JournalOptions {
    /// What a commit waits for. With [`Synchronous::Full`] what was stored outlives a power cut. With [`Synchronous::Normal`] it
    /// outlives a crash of the program; a power cut may take the last commits, each whole, and never the consistency of the rest.
    pub synchronous: Synchronous,
    /// How long events are kept.
    pub retain: Duration,
    /// The room in the file, without what is free within it, above which the oldest events go before their time. The file itself does not
    /// shrink; its free room is used again.
    pub max_journal: ByteSize,
    /// How much is kept past `retain` and `max_journal` because a sink waits for it.
    pub max_undelivered: ByteSize,
    /// The next event gets this sequence or a later one. Set it to the highest position that any sink has stored: after a power cut with
    /// [`Synchronous::Normal`] a sink may have seen sequences that the journal has lost, which must not be given again.
    pub at_least: Sequence,
    /// What sinks wait for.
    pub floor: Floor,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

impl Default for JournalOptions {
    /// As in a configuration that says nothing.
    fn default() -> Self {
        let EngineSettings { synchronous, retain, max_journal, max_undelivered, .. } = EngineSettings::default();
        let (at_least, floor) = (Sequence(0), Floor::default());
        Self { synchronous, retain, max_journal, max_undelivered, at_least, floor, clock: Timestamp::now }
    }
}

impl fmt::Debug for JournalOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalOptions")
            .field("synchronous", &self.synchronous)
            .field("retain", &self.retain)
            .field("max_journal", &self.max_journal)
            .field("max_undelivered", &self.max_undelivered)
            .field("at_least", &self.at_least)
            .field("floor", &self.floor)
            .finish_non_exhaustive()
    }
}

/// The journal of a data folder. It blocks: give it to a [`Writer`](watchpost_actors::journal::Writer).
pub struct SqliteJournal {
    connection: Connection,
    file: JournalFile,
    clock: fn() -> Timestamp,
    /// What a commit of events waits for.
    synchronous: Synchronous,
    /// The sequence that the next event will get.
    next: Sequence,
    /// When the last group was stored, in microseconds.
    recorded: i64,
    lanes: Lanes,
    image: Image,
    retention: Retention,
    pages: Pages,
    /// When it was opened, until connections that were in an earlier journal have had the time to come.
    opened: Option<Instant>,
    /// The last write has failed: whether there is room again must be tried.
    failing: bool,
    /// No other process may have the folder for as long as this is open.
    _folder: DataDir,
}

impl fmt::Debug for SqliteJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteJournal")
            .field("file", &self.file.path())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl SqliteJournal {
    /// Opens the journal in `folder`, or makes one.
    ///
    /// One that is damaged is renamed to `journal.db.corrupt-<time>` with its companions, and a new one begins above it; each connection then
    /// finds only [`Loaded::heard`], and tells a gap. After damage met while running, the next opening has SQLite check the whole file, which
    /// takes seconds for each gigabyte.
    ///
    /// # Errors
    /// [`OpenError`]; the files are then as they were.
    pub fn open(folder: &DataDir, options: JournalOptions) -> Result<Self, OpenError> {
        Self::open_with(folder, options, schema::MIGRATIONS)
    }

    fn open_with(folder: &DataDir, options: JournalOptions, migrations: &[&str]) -> Result<Self, OpenError> {
        let file = JournalFile::of(folder.path());
        let Opened { connection, next, recorded, image, oldest } = opening::open(&file, &options, migrations)?;
        let events = oldest.map_or(0, |oldest| next.0.saturating_sub(oldest.0));
        JournalOpened { file: file.path(), events, next }.emit();
        let JournalOptions { retain, max_journal, max_undelivered, floor, clock, synchronous, .. } = options;
        let (max_journal, max_undelivered) = (max_journal.as_u64(), max_undelivered.as_u64());
        Ok(Self {
            connection,
            file,
            clock,
            synchronous,
            next,
            recorded,
            lanes: Lanes::default(),
            image: Image::new(image),
            retention: Retention { retain, max_journal, max_undelivered, floor, dropping: false },
            pages: Pages::default(),
            opened: Some(Instant::now()),
            failing: false,
            _folder: folder.clone(),
        })
    }

    /// Reads the journal of a folder, beside whoever has it open; `None` where there is none yet.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is changed.
    pub fn beside(folder: &Path) -> Result<Option<Box<dyn Reader>>, OpenError> {
        let file = JournalFile::of(folder);
        let connection = opening::beside(&file)?;
        Ok(connection.map(|connection| Box::new(SqliteReader::new(connection, file)) as Box<dyn Reader>))
    }

    /// Reads one note in the journal of a folder, beside whoever has it open.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is changed.
    pub fn note_beside(folder: &Path, key: &str) -> Result<Option<String>, OpenError> {
        let file = JournalFile::of(folder);
        let Some(connection) = opening::beside(&file)? else { return Ok(None) };
        notes::note(&connection, key).map_err(|source| OpenError::Sqlite { file: file.path().to_owned(), source })
    }

    /// Keeps in mind that a write has failed, and says so.
    fn failed(&mut self, error: &rusqlite::Error) -> JournalError {
        self.failing = true;
        self.lanes.clear();
        self.file.refuse(error)
    }

    fn housekeeping(&mut self) -> rusqlite::Result<bool> {
        if self.opened.is_some_and(|opened| opened.elapsed() >= LOSS_TOLD) {
            // A connection that is added from now on was not in the journal that is lost.
            self.connection
                .execute("UPDATE journal SET base = 0, lost = NULL WHERE base > 0 OR lost IS NOT NULL", [])?;
            self.opened = None;
        }
        if self.image.step(&mut self.connection, self.next, false)? {
            return Ok(true);
        }
        let now = (self.clock)().as_microsecond();
        match self.retention.step(&mut self.connection, self.image.position(), now)? {
            Trimmed::Nothing => Ok(false),
            Trimmed::Some => Ok(true),
            Trimmed::WaitsForImage => {
                self.image.step(&mut self.connection, self.next, true)?;
                Ok(true)
            }
        }
    }
}

impl Journal for SqliteJournal {
    fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>> {
        let count = group.len();
        match self.store(group) {
            Ok(commits) => {
                // A heartbeat may find room where events do not.
                self.failing &= commits.iter().all(|commit| commit.events.is_empty());
                commits.into_iter().map(Ok).collect()
            }
            Err(error) => iter::repeat_n(Err(self.failed(&error)), count).collect(),
        }
    }

    fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError> {
        let lane = self.prepare_lane(connection).map_err(|error| self.failed(&error))?;
        self.failing = false;
        self.load_lane(lane).map_err(|error| self.file.refuse(&error))
    }

    fn reader(&mut self) -> Result<Option<Box<dyn Reader>>, JournalError> {
        let connection = opening::reader(&self.file).map_err(|error| self.file.refuse(&error))?;
        Ok(Some(Box::new(SqliteReader::new(connection, self.file.clone()))))
    }

    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
        notes::note(&self.connection, key).map_err(|error| self.file.refuse(&error))
    }

    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
        let set = notes::set(&self.connection, key, note, self.synchronous);
        set.map_err(|error| self.failed(&error))
    }

    fn trim(&mut self) -> Result<bool, JournalError> {
        self.housekeeping().map_err(|error| self.failed(&error))
    }

    fn close(&mut self) -> Result<(), JournalError> {
        self.image.finish(&mut self.connection, self.next).map_err(|error| self.failed(&error))?;
        // So that the file alone is the whole journal. If it cannot be now, because somebody reads, the log keeps the rest.
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        moved.map_err(|error| self.failed(&error))
    }
}

impl Reader for SqliteJournal {
    fn read(&mut self, ask: &Ask) -> Result<Page, JournalError> {
        self.pages.read(&self.connection, ask).map_err(|error| self.file.refuse(&error))
    }

    fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
        reader::lanes(&self.connection).map_err(|error| self.file.refuse(&error))
    }

    fn at(&mut self, time: Timestamp) -> Result<Sequence, JournalError> {
        reader::at(&self.connection, time).map_err(|error| self.file.refuse(&error))
    }

    fn next(&mut self) -> Result<Sequence, JournalError> {
        Ok(self.next)
    }
}
