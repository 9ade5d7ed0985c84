//! Journals in folders that go with the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod disasters;
mod pages;
mod retention;
mod states;
mod storing;

use std::{fs, path::Path, sync::Arc};

use jiff::Timestamp;
use tempfile::TempDir;
use watchpost_actors::{
    journal::{Append, Ask, Checkpoint, Journal, JournalError, Page, Reader, StateWrite},
    model::{
        ConnectionName, Event, EventId, Item, Meaning, Origin, Sequence, StateMeaning, event::Committed,
        state::StateEntry,
    },
};

use super::{DataDir, JournalOptions, SqliteJournal};

/// A folder with a journal in it.
struct Site {
    folder: TempDir,
    options: JournalOptions,
}

impl Site {
    fn new() -> Self {
        Self::with(JournalOptions::default())
    }

    fn with(options: JournalOptions) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), options }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.path().join(name)
    }

    fn open(&self) -> SqliteJournal {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<SqliteJournal, super::OpenError> {
        SqliteJournal::open(&DataDir::open(self.path()).unwrap(), self.options.clone())
    }

    /// The files as a kill at this moment would leave them: what SQLite has written, without the index that a start makes anew.
    fn crash_image(&self) -> Self {
        let image = Self::with(self.options.clone());
        for name in ["journal.db", "journal.db-wal"] {
            if self.file(name).exists() {
                fs::copy(self.file(name), image.file(name)).unwrap();
            }
        }
        image
    }

    /// Names of the files, sorted.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn name(text: &str) -> ConnectionName {
    text.parse().unwrap()
}

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What a camera's motion means.
fn motion(value: &str) -> Arc<Meaning> {
    Arc::new(Meaning {
        kind: format!("motion.{value}").into(),
        name: Some("Motion".into()),
        state: Some(StateMeaning {
            group: "motion".into(),
            value: value.into(),
            vendor_group: "g".into(),
            vendor_value: value.into(),
            text: None,
        }),
    })
}

fn item(id: &str) -> Arc<Item> {
    Arc::new(Item { id: id.into(), name: Some("Lobby".into()) })
}

/// Motion at camera 1.
fn event(id: &str) -> Event {
    Event {
        id: EventId::new(id.to_owned()),
        origin: Origin::Live,
        meaning: motion("started"),
        item: Some(item("cameras/1")),
        time: "2026-06-11T09:17:59.1234567Z".into(),
        data: format!("{{\"id\":\"{id}\"}}").into(),
    }
}

/// An append of events that each set their state.
fn append(connection: &str, events: Vec<Event>) -> Append {
    let states = (0..u32::try_from(events.len()).unwrap()).map(StateWrite::ByEvent).collect();
    let events = events.into();
    Append { connection: name(connection), vendor: "milestone", events, states, checkpoint: None, heard: None }
}

/// An append of so many events with ids that begin with the first sequence.
fn events(connection: &str, prefix: &str, count: usize) -> Append {
    append(connection, (0..count).map(|n| event(&format!("{prefix}{n}"))).collect())
}

fn entry(item_id: &str, value: &str) -> StateEntry {
    StateEntry {
        item: item(item_id),
        meaning: motion(value),
        time: "2026-06-11T09:00:00Z".into(),
        sequence: Sequence(0),
        origin: Origin::Snapshot,
    }
}

fn silent(connection: &str, entries: Vec<StateEntry>) -> Append {
    let states = entries.into_iter().map(|entry| StateWrite::Silent(Box::new(entry))).collect();
    Append { states, ..append(connection, Vec::new()) }
}

/// Stores one append.
fn store(journal: &mut impl Journal, append: Append) -> Result<Arc<Committed>, JournalError> {
    let mut answers = journal.append(vec![append]);
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

fn read(reader: &mut dyn Reader, from: Sequence, limit: usize, of: Option<&str>) -> Page {
    reader.read(&Ask { from, limit, of: of.map(name) }).unwrap()
}

fn ids(page: &Page) -> Vec<&str> {
    page.commits.iter().flat_map(|commit| commit.events.iter()).map(|event| event.id).collect()
}

/// Every id that is stored.
fn all(journal: &mut SqliteJournal) -> Vec<String> {
    ids(&read(journal, Sequence(0), usize::MAX, None)).into_iter().map(str::to_owned).collect()
}

/// Does housekeeping until there is none left.
fn trim(journal: &mut SqliteJournal) {
    for _ in 0..10_000 {
        if !journal.trim().unwrap() {
            return;
        }
    }
    panic!("housekeeping does not end");
}

fn checkpoint(text: &str) -> Option<Checkpoint> {
    Some(Checkpoint(text.into()))
}
