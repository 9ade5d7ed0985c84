//! A journal in memory that outlives its engine, and that can be told to refuse or to hang.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use watchpost::actors::journal::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Memory, Page, Reader};
use watchpost::actors::model::event::Committed;
use watchpost::actors::model::{ConnectionName, Origin, Sequence};

/// Clones share what they hold.
#[derive(Clone, Default)]
pub struct Store {
    memory: Arc<Mutex<Memory>>,
    troubles: Arc<(Mutex<Troubles>, Condvar)>,
    /// How often it was taken from an engine before.
    owner: usize,
}

#[derive(Default)]
struct Troubles {
    /// So many of the next appends that hold events of the vendor are refused.
    refuse: usize,
    refused: usize,
    hang: bool,
    hang_reading: bool,
    /// For how many events each page was asked for.
    asked: Vec<usize>,
    /// How often a note was asked for.
    notes: usize,
    /// Clones of owners before this one store nothing any more.
    owner: usize,
    /// When something was stored.
    stored: Vec<Instant>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// Everything that is stored.
    pub fn commits(&self) -> Vec<Arc<Committed>> {
        let page = lock(&self.memory).read(&Ask { from: Sequence(0), limit: usize::MAX, of: None });
        page.map(|page| page.commits).unwrap_or_default()
    }

    /// Refuses the next `count` appends that hold events of the vendor.
    pub fn refuse(&self, count: usize) {
        lock(&self.troubles.0).refuse = count;
    }

    /// Takes it from the engine that has it, as a sudden end does: what that one still has in hand is never stored.
    pub fn take(&mut self) {
        self.owner += 1;
        lock(&self.troubles.0).owner = self.owner;
    }

    /// How many appends were refused.
    pub fn refused(&self) -> usize {
        lock(&self.troubles.0).refused
    }

    /// Begins or ends to hang at the next append.
    pub fn hang(&self, hang: bool) {
        lock(&self.troubles.0).hang = hang;
        self.troubles.1.notify_all();
    }

    /// Begins or ends to hang when a page is read.
    pub fn hang_reading(&self, hang: bool) {
        let mut now = lock(&self.troubles.0);
        now.hang_reading = hang;
        now.asked.clear();
        drop(now);
        self.troubles.1.notify_all();
    }

    /// For how many events each page was asked for that was read since reading was last told to hang, or not to.
    pub fn asked(&self) -> Vec<usize> {
        lock(&self.troubles.0).asked.clone()
    }

    /// How often a note was asked for.
    pub fn notes(&self) -> usize {
        lock(&self.troubles.0).notes
    }

    /// When something was stored.
    pub fn stored(&self) -> Vec<Instant> {
        lock(&self.troubles.0).stored.clone()
    }

    fn append_one(&self, append: Append) -> Result<Arc<Committed>, JournalError> {
        let (troubles, changed) = &*self.troubles;
        let vendors = append.events.iter().any(|event| event.origin != Origin::Engine);
        let mut now = changed.wait_while(lock(troubles), |now| now.hang).unwrap_or_else(PoisonError::into_inner);
        if now.owner != self.owner {
            return Err(JournalError::Unavailable("its engine has ended".to_owned()));
        }
        if now.refuse > 0 && vendors {
            now.refuse -= 1;
            now.refused += 1;
            return Err(JournalError::Unavailable("the disk is full".to_owned()));
        }
        if vendors {
            now.stored.push(Instant::now());
        }
        // Still locked: nothing is stored behind the back of who takes it.
        lock(&self.memory).append(vec![append]).pop().unwrap_or(Err(JournalError::Closed))
    }
}

impl Journal for Store {
    fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>> {
        group.into_iter().map(|append| self.append_one(append)).collect()
    }

    fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError> {
        lock(&self.memory).load(connection)
    }

    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
        lock(&self.troubles.0).notes += 1;
        lock(&self.memory).note(key)
    }

    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
        lock(&self.memory).set_note(key, note)
    }

    fn trim(&mut self) -> Result<bool, JournalError> {
        lock(&self.memory).trim()
    }
}

impl Reader for Store {
    fn read(&mut self, ask: &Ask) -> Result<Page, JournalError> {
        let (troubles, changed) = &*self.troubles;
        let now = changed.wait_while(lock(troubles), |now| now.hang_reading);
        now.unwrap_or_else(PoisonError::into_inner).asked.push(ask.limit);
        lock(&self.memory).read(ask)
    }

    fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
        lock(&self.memory).lanes()
    }

    fn at(&mut self, time: jiff::Timestamp) -> Result<Sequence, JournalError> {
        lock(&self.memory).at(time)
    }

    fn next(&mut self) -> Result<Sequence, JournalError> {
        lock(&self.memory).next()
    }
}
