//! A journal in memory whose notes are those of the data folder.
//!
//! A login may exchange its token for another and keep that in a note, and a machine may be known by what an earlier login has kept. A recording that began with the settings
//! alone would use up a token that is the only good one, and lose the next.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use watchpost::{
    actors::{
        ConnectionConfig,
        journal::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Memory, Page, Reader},
        model::{ConnectionName, Sequence, event::Committed},
    },
    config::Config,
};

use crate::cli::storage;
#[cfg(feature = "sqlite")]
use crate::cli::terminal;

/// The journal for a recording.
///
/// # Errors
/// In words, where the notes are needed and cannot be had.
pub(super) fn journal(config: &Config, connection: &ConnectionConfig) -> Result<Box<dyn Journal>, String> {
    let notes: Box<dyn Notes> = if connection.vendor.spends_secret() {
        let storage = storage::open(&config.engine)
            .map_err(|error| format!("{error}. A login here could use up the token that it needs"))?;
        Box::new(storage.into_parts().0)
    } else {
        // The folder stays free for a watchpost that runs, or starts meanwhile.
        Box::new(Beside { folder: config.engine.data_dir.clone(), own: HashMap::new() })
    };
    Ok(Box::new(WithNotes { memory: Memory::default(), notes }))
}

/// Where notes are kept.
trait Notes: Send {
    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError>;
    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError>;
    fn close(&mut self) -> Result<(), JournalError>;
}

impl Notes for Box<dyn Journal> {
    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
        (**self).note(key)
    }

    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
        (**self).set_note(key, note)
    }

    fn close(&mut self) -> Result<(), JournalError> {
        (**self).close()
    }
}

/// Those of a data folder that somebody else may have open; what is kept here is kept in memory.
struct Beside {
    folder: PathBuf,
    own: HashMap<String, Option<String>>,
}

impl Notes for Beside {
    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
        match self.own.get(key) {
            Some(note) => Ok(note.clone()),
            None => Ok(beside(&self.folder, key)),
        }
    }

    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
        self.own.insert(key.to_owned(), note.map(str::to_owned));
        Ok(())
    }

    fn close(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A note in the folder; none where it cannot be read, for the recording does without.
#[cfg(feature = "sqlite")]
fn beside(folder: &Path, key: &str) -> Option<String> {
    watchpost::journal::SqliteJournal::note_beside(folder, key).unwrap_or_else(|error| {
        terminal::complain(format_args!("{error}; the recording does without what earlier logins have kept there."));
        None
    })
}

#[cfg(not(feature = "sqlite"))]
fn beside(_: &Path, _: &str) -> Option<String> {
    None
}

struct WithNotes {
    memory: Memory,
    notes: Box<dyn Notes>,
}

impl Reader for WithNotes {
    fn read(&mut self, ask: &Ask) -> Result<Page, JournalError> {
        self.memory.read(ask)
    }

    fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
        self.memory.lanes()
    }

    fn at(&mut self, time: Timestamp) -> Result<Sequence, JournalError> {
        self.memory.at(time)
    }

    fn next(&mut self) -> Result<Sequence, JournalError> {
        self.memory.next()
    }
}

impl Journal for WithNotes {
    fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>> {
        self.memory.append(group)
    }

    fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError> {
        self.memory.load(connection)
    }

    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
        self.notes.note(key)
    }

    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
        self.notes.set_note(key, note)
    }

    fn trim(&mut self) -> Result<bool, JournalError> {
        self.memory.trim()
    }

    fn close(&mut self) -> Result<(), JournalError> {
        self.notes.close()
    }
}
