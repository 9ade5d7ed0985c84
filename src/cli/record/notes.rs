//! A journal in memory whose notes are those of the data folder.
//!
//! A login may exchange its token for another and keep that in a note, and a machine may be known by what an earlier login has kept. A recording that began with the settings
//! alone would use up a token that is the only good one, and lose the next.

use std::sync::Arc;

use jiff::Timestamp;
use watchpost::{
    actors::{
        ConnectionConfig,
        journal::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Memory, Page, Reader},
        model::{ConnectionName, Sequence, event::Committed},
    },
    config::Config,
};

use crate::cli::{storage, terminal};

/// The journal for a recording.
///
/// # Errors
/// In words, where the notes are needed and cannot be had.
pub(super) fn journal(config: &Config, connection: &ConnectionConfig) -> Result<Box<dyn Journal>, String> {
    let spends = connection.vendor.spends_secret();
    if !spends && !config.engine.data_dir.exists() {
        return Ok(Box::new(Memory::default()));
    }
    match storage::open(&config.engine) {
        Ok(storage) => Ok(Box::new(WithNotes { memory: Memory::default(), notes: storage.into_parts().0 })),
        Err(error) if spends => Err(format!("{error}. A login here could use up the token that it needs")),
        Err(error) => {
            terminal::complain(format_args!(
                "{error}; the recording does without what earlier logins have kept there."
            ));
            Ok(Box::new(Memory::default()))
        }
    }
}

struct WithNotes {
    memory: Memory,
    notes: Box<dyn Journal>,
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
