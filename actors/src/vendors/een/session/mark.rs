//! What is remembered of the conversation as a whole, and when it is stored.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::journal::Checkpoint;
use crate::vendors::een::checkpoint::OpenGap;
use crate::vendors::{Entry, Gap, Now, Todo};

/// How often a checkpoint is made because of events alone; an account may have thousands of devices, each with its cursors. A cursor that
/// lags behind is harmless: what happened since is known by its id when it comes again. A word's states must not lag: after a break they stand for
/// whatever the first word does not tell, which may be all of them. But they change rarely, and a batch has one checkpoint.
const RENDER_EVERY: Duration = Duration::from_secs(1);

/// A server that has lost us, or sends what nobody can read, may have lost something for so long (a guess). Longer ago, silence was silence.
const TRUSTED: SignedDuration = SignedDuration::from_secs(60);

/// The conversation as a whole.
#[derive(Debug)]
pub(super) struct Mark {
    /// There has been a subscription that was answered.
    pub(super) established: bool,
    /// When a frame was last handed over.
    pub(super) heard: Option<Timestamp>,
    /// A gap that has not been told yet.
    pub(super) gap: Option<OpenGap>,
    /// There is something to store, …
    is_changed: bool,
    /// … which the next batch must not be without, …
    is_urgent: bool,
    /// … or which waits until then.
    render_at: Option<Instant>,
    /// The next to ask for a checkpoint gets a new one.
    is_due: Cell<bool>,
    rendered: RefCell<Option<Checkpoint>>,
}

impl Mark {
    pub(super) fn new(established: bool, heard: Option<Timestamp>, gap: Option<OpenGap>) -> Self {
        Self {
            established,
            heard,
            gap,
            is_changed: false,
            is_urgent: false,
            render_at: None,
            is_due: Cell::new(true),
            rendered: RefCell::default(),
        }
    }

    /// There is more to remember.
    pub(super) fn change(&mut self) {
        self.is_changed = true;
    }

    /// There is more to remember, and what is handed over now must not be stored without it.
    pub(super) fn change_at_once(&mut self) {
        (self.is_changed, self.is_urgent) = (true, true);
    }

    /// When what has changed is to be stored, if it waits for that.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.render_at.filter(|_| self.is_changed)
    }

    /// Whether the time has come to store what has changed.
    pub(super) fn settle(&mut self, now: Now) {
        if self.is_changed && (self.is_urgent || self.render_at.is_none_or(|at| at <= now.instant)) {
            (self.is_changed, self.is_urgent) = (false, false);
            self.render_at = Some(now.instant + RENDER_EVERY);
            self.is_due.set(true);
        }
    }

    /// What is to be stored: made anew if it is time, which happens at most once for each batch.
    pub(super) fn checkpoint(&self, render: impl FnOnce() -> Option<Checkpoint>) -> Option<Checkpoint> {
        if self.is_due.replace(false) {
            self.rendered.replace(render());
        }
        self.rendered.borrow().clone()
    }

    /// From here on something may be missing, until the gap is told. A gap that was not told yet goes on.
    pub(super) fn open_gap(&mut self, from: Timestamp, reason: &str) {
        if self.established && self.gap.is_none() {
            self.gap = Some(OpenGap { from, reason: reason.to_owned() });
        }
        self.change_at_once();
    }

    /// When everything was certainly still there, as the last frame says, and that the server was there until now.
    pub(super) fn last_heard(&self, now: Now) -> Timestamp {
        let trusted = now.wall.checked_sub(TRUSTED).unwrap_or(now.wall);
        self.heard.map_or(trusted, |heard| heard.max(trusted)).min(now.wall)
    }

    /// Tells the gap, if there is one.
    pub(super) fn tell_gap(&mut self, now: Now, todo: &mut Todo) {
        if let Some(OpenGap { from, reason }) = self.gap.take() {
            tell_gap(from, now.wall, reason, todo);
            self.change_at_once();
        }
    }
}

/// Of each device the latest states, and of each code the newest event, are what a new subscription brings.
pub(super) fn tell_gap(from: Timestamp, to: Timestamp, reason: String, todo: &mut Todo) {
    todo.enter(Entry::Gap(Box::new(Gap { from: from.min(to), to, reason, recovered: "latest_states" })));
}
