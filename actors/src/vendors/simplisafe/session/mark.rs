//! What is stored, and when it is made anew.

use std::cell::{Cell, RefCell};

use jiff::Timestamp;

use crate::journal::Checkpoint;

/// The conversation as a whole.
#[derive(Debug)]
pub(super) struct Mark {
    /// When the connection was first online.
    pub(super) since: Option<Timestamp>,
    /// No list of systems has come yet, neither now nor before.
    pub(super) is_first: bool,
    is_changed: Cell<bool>,
    made: RefCell<Option<Checkpoint>>,
}

impl Mark {
    pub(super) fn new(since: Option<Timestamp>, is_first: bool) -> Self {
        Self { since, is_first, is_changed: Cell::new(true), made: RefCell::default() }
    }

    /// There is something else to store.
    pub(super) fn change(&mut self) {
        self.is_changed.set(true);
    }

    /// What is to be stored: made anew if something has changed, which is asked once for each batch.
    pub(super) fn checkpoint(&self, make: impl FnOnce() -> Option<Checkpoint>) -> Option<Checkpoint> {
        if self.is_changed.replace(false) {
            self.made.replace(make());
        }
        self.made.borrow().clone()
    }
}
