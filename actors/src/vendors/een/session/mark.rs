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

/// While the socket lives, gaps are told at most so often: the first one at once, and what is missed in the time behind it as one more.
const GAP_EVERY: Duration = Duration::from_secs(60);

/// The gap that was told last.
#[derive(Debug, Clone, Copy)]
struct Told {
    from: Timestamp,
    to: Timestamp,
    /// When the next one may be told, if it was told while the socket lives.
    next_at: Option<Instant>,
}

/// The conversation as a whole.
#[derive(Debug)]
pub(super) struct Mark {
    /// There has been a subscription that was answered.
    pub(super) established: bool,
    /// When a frame was last handed over.
    pub(super) heard: Option<Timestamp>,
    /// A gap that has not been told yet.
    pub(super) gap: Option<OpenGap>,
    /// Until when it goes, where nothing is missing any more and it only waits to be told.
    gap_until: Option<Timestamp>,
    told: Option<Told>,
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
            gap_until: None,
            told: None,
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

    /// From here on something may be missing, until the gap is told. A gap that was not told yet goes on; one that only waited to be told is now
    /// part of this one, which is wider and says why.
    pub(super) fn open_gap(&mut self, from: Timestamp, reason: &str) {
        let waiting = self.gap.take_if(|gap| gap.late);
        if self.established && self.gap.is_none() {
            let from = waiting.map_or(from, |waiting| waiting.from.min(from));
            self.gap = Some(OpenGap { from, reason: reason.to_owned(), late: false });
        }
        self.gap_until = None;
        self.change_at_once();
    }

    /// Of a device that is back something may be missing since before the gap that is open.
    pub(super) fn extend_gap(&mut self, from: Timestamp) {
        if let Some(gap) = &mut self.gap {
            gap.from = gap.from.min(from);
            self.change_at_once();
        }
    }

    /// Something may be missing from then until now, while the socket lives: a gap, which [`tell_late`](Self::tell_late) tells, unless the
    /// last one covers all of it. A gap may reach over one that was told before, where a device was away for longer.
    pub(super) fn miss(&mut self, now: Now, from: Timestamp, reason: &str) {
        let is_told = |told: &Told| told.from <= from && now.wall <= told.to;
        if !self.established || self.told.is_some_and(|told| is_told(&told)) {
            return;
        }
        // From the end of what was told, if that reaches so far back.
        let from = self.told.filter(|told| told.from <= from).map_or(from, |told| from.max(told.to)).min(now.wall);
        if self.gap.is_some() {
            self.extend_gap(from);
        } else {
            self.gap = Some(OpenGap { from, reason: reason.to_owned(), late: true });
        }
        self.gap_until = Some(now.wall);
        self.change_at_once();
    }

    /// When the gap that waits to be told may be.
    pub(super) fn late_gap_at(&self) -> Option<Instant> {
        self.told?.next_at.filter(|_| self.gap.is_some())
    }

    /// Tells the gap that waits to be told, if it is time: at once, or a minute behind the one before.
    pub(super) fn tell_late(&mut self, now: Now, todo: &mut Todo) {
        if self.late_gap_at().is_some_and(|at| now.instant < at) {
            return;
        }
        if let Some(OpenGap { from, reason, .. }) = self.gap.take() {
            let to = self.gap_until.take().unwrap_or(now.wall);
            self.told = Some(Told { from, to, next_at: Some(now.instant + GAP_EVERY) });
            tell_gap(from, to, reason, todo);
            self.change_at_once();
        }
    }

    /// When everything was certainly still there, as the last frame says, and that the server was there until now.
    pub(super) fn last_heard(&self, now: Now) -> Timestamp {
        let trusted = now.wall.checked_sub(TRUSTED).unwrap_or(now.wall);
        self.heard.map_or(trusted, |heard| heard.max(trusted)).min(now.wall)
    }

    /// Tells the gap of a break, if there is one: it is over.
    pub(super) fn tell_gap(&mut self, now: Now, todo: &mut Todo) {
        if let Some(OpenGap { from, reason, .. }) = self.gap.take() {
            // What is missed behind it is another matter: the next gap is told at once.
            (self.told, self.gap_until) = (Some(Told { from, to: now.wall, next_at: None }), None);
            tell_gap(from, now.wall, reason, todo);
            self.change_at_once();
        }
    }
}

/// Of each device the latest states, and of each code the newest event, are what a new subscription brings.
fn tell_gap(from: Timestamp, to: Timestamp, reason: String, todo: &mut Todo) {
    todo.enter(Entry::Gap(Box::new(Gap { item: None, from: from.min(to), to, reason, recovered: "latest_states" })));
}
