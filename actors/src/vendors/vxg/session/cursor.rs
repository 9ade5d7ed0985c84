//! How far everything was read, and what of that is stored when.

use std::cell::{Cell, RefCell};

use super::seen::{self, Seen};
use super::walk::{SECOND, Window};
use crate::journal::Checkpoint;
use crate::vendors::vxg::checkpoint::{First, Newest, VxgCheckpoint};

/// That there was nothing new is stored every 10 s: an outage is told from there.
const HEARTBEAT: i64 = 10 * SECOND;
/// More stretches are not stepped over; then the floor rises above the oldest.
const PASSED_MOST: usize = 256;
/// Dates are cut to whole seconds, and answers take their time: by so much a clock may differ from itself.
const AHEAD_MOST: i64 = 2 * SECOND;

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
    /// In the order of time; no two touch.
    pub(super) passed: Vec<Window>,
    /// What `read_until` was when it was last to be stored.
    stored: i64,
    is_changed: Cell<bool>,
    made: RefCell<Option<Checkpoint>>,
}

impl Cursor {
    pub(super) fn new(kept: Option<VxgCheckpoint>) -> Self {
        let is_new = kept.is_none();
        let VxgCheckpoint { floor, horizon, read_until, newest, first, passed, known, .. } = kept.unwrap_or_default();
        Self {
            is_new,
            floor,
            horizon,
            read_until,
            newest,
            first,
            seen: Seen::read(known),
            passed: passed.into_iter().map(|(from, to)| Window { from, to }).collect(),
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
        // A reading that is broken off has come so far.
        self.read_until = self.read_until.max(to.saturating_sub(1));
        let from = self.from();
        self.seen.forget_before(from);
        self.passed.retain(|passed| passed.to >= from);
        self.shrink();
    }

    /// Keeps no more than can be read again: what is listed late below the oldest that is kept is not found any more.
    pub(super) fn shrink(&mut self) {
        if let Some(up_to) = self.seen.shrink(seen::MOST) {
            self.floor = self.floor.max(up_to.saturating_add(1));
        }
    }

    /// This stretch is not read again: it cannot be, or need not.
    pub(super) fn pass(&mut self, window: Window) {
        let mut window = window;
        if window.from > window.to {
            return;
        }
        self.passed.retain(|other| {
            let touches = other.from <= window.to.saturating_add(1) && window.from <= other.to.saturating_add(1);
            if touches {
                window = Window { from: window.from.min(other.from), to: window.to.max(other.to) };
            }
            !touches
        });
        let place = self.passed.partition_point(|other| other.from < window.from);
        self.passed.insert(place, window);
        self.seen.forget_within(window);
        if self.passed.len() > PASSED_MOST {
            let oldest = self.passed.remove(0);
            self.floor = self.floor.max(oldest.to.saturating_add(1));
        }
        self.change();
    }

    /// By the clock it is to be known already what has not happened yet.
    pub(super) fn is_ahead_of(&self, now: i64) -> bool {
        self.read_until > now || self.is_deaf_at(now)
    }

    fn is_deaf_at(&self, now: i64) -> bool {
        let latest = now.saturating_add(AHEAD_MOST);
        self.from() > latest || self.passed.iter().any(|passed| passed.to > latest)
    }

    /// The clock was ahead, and is put right: what happens from now on is listened to. Says whether something may have been passed over.
    pub(super) fn pull_back(&mut self, now: i64) -> bool {
        let was_deaf = self.is_deaf_at(now);
        if was_deaf {
            (self.floor, self.horizon) = (self.floor.min(now), self.horizon.min(now));
            self.passed.retain(|passed| passed.from < now);
            self.passed.iter_mut().for_each(|passed| passed.to = passed.to.min(now));
        }
        if let Some(first) = &mut self.first {
            first.began = first.began.min(now.saturating_add(SECOND));
        }
        self.read_until = self.read_until.min(now);
        self.change();
        was_deaf
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
            let Self { floor, horizon, read_until, newest, first, seen, passed, .. } = self;
            let known = seen.keep();
            let kept = VxgCheckpoint {
                newest: *newest,
                first: *first,
                passed: passed.iter().map(|passed| (passed.from, passed.to)).collect(),
                known,
                ..VxgCheckpoint::new(*floor, *horizon, *read_until)
            };
            self.made.replace(kept.write());
        }
        self.made.borrow().clone()
    }
}
