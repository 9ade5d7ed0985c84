//! How far everything was read, and what of that is stored when.

use std::cell::{Cell, RefCell};

use super::seen::{self, Seen};
use super::walk::SECOND;
use crate::journal::Checkpoint;
use crate::vendors::vxg::checkpoint::{First, Newest, VxgCheckpoint};

/// That there was nothing new is stored every 10 s: an outage is told from there.
const HEARTBEAT: i64 = 10 * SECOND;

/// What the checkpoint keeps. The fields are told of there.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Nothing is stored, and nothing has been read yet.
    pub(super) is_new: bool,
    pub(super) floor: i64,
    pub(super) horizon: i64,
    pub(super) read_until: i64,
    pub(super) newest: Option<Newest>,
    pub(super) first: Option<First>,
    pub(super) seen: Seen,
    /// What `read_until` was when it was last to be stored.
    stored: i64,
    is_changed: Cell<bool>,
    made: RefCell<Option<Checkpoint>>,
}

impl Cursor {
    pub(super) fn new(kept: Option<VxgCheckpoint>) -> Self {
        let is_new = kept.is_none();
        let VxgCheckpoint { floor, horizon, read_until, newest, first, known, .. } = kept.unwrap_or_default();
        Self {
            is_new,
            floor,
            horizon,
            read_until,
            newest,
            first,
            seen: Seen::read(known),
            stored: read_until,
            is_changed: Cell::new(true),
            made: RefCell::default(),
        }
    }

    /// Begins with nothing known.
    pub(super) fn begin(&mut self, from: i64, asked: i64, first: First) {
        (self.floor, self.horizon, self.read_until) = (from, from, asked);
        self.first = Some(first);
        self.change();
    }

    /// There is something else to store.
    pub(super) fn change(&mut self) {
        self.stored = self.read_until;
        self.is_changed.set(true);
    }

    /// The list was read to its end.
    pub(super) fn read(&mut self, asked: i64, has_news: bool) {
        self.read_until = asked;
        if has_news || asked.saturating_sub(self.stored).saturating_abs() >= HEARTBEAT {
            self.change();
        }
    }

    /// What is older is not read again, and need not be known.
    pub(super) fn move_horizon(&mut self, to: i64) {
        self.horizon = self.horizon.max(to);
        self.seen.forget_before(self.from());
        self.fit();
    }

    /// Forgets the oldest where there is more than can be kept: what is listed late below it is not found any more.
    pub(super) fn fit(&mut self) {
        if let Some(up_to) = self.seen.shrink(seen::MOST) {
            self.floor = self.floor.max(up_to.saturating_add(1));
        }
    }

    /// What is older is none of our business, or was read.
    pub(super) fn from(&self) -> i64 {
        self.floor.max(self.horizon)
    }

    pub(super) fn checkpoint(&self) -> Option<Checkpoint> {
        if self.is_new {
            return None;
        }
        if self.is_changed.replace(false) {
            let Self { floor, horizon, read_until, newest, first, seen, .. } = self;
            let known = seen.keep();
            let kept = VxgCheckpoint {
                newest: *newest,
                first: *first,
                known,
                ..VxgCheckpoint::new(*floor, *horizon, *read_until)
            };
            self.made.replace(kept.write());
        }
        self.made.borrow().clone()
    }
}
