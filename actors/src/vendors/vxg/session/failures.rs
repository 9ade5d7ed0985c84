//! What it means that a list of events cannot be had.

use std::time::Duration;

use super::VxgSession;
use super::calls::Ask;
use super::reading::{Reading, Smaller};
use super::walk::Window;
use crate::model::Cause;
use crate::vendors::vxg::rest::CallError;
use crate::vendors::{Now, SessionEnd, Todo};

/// A call that fails is made again after 1, 2 and 4 s.
const TRIES: u32 = 4;
/// One for the smallest window, of which it is known that others can be read, after 8 s, too.
const TRIES_SMALLEST: u32 = 5;
/// So often in a row a server may ask to be left alone; then the try ends.
const BUSY_MOST: u32 = 8;
/// For longer than this the try does not wait, unless polls are as far apart: it ends, and users see that.
const WAIT_MOST: Duration = Duration::from_secs(30);
/// Between two windows that cannot be read: there may be very many of them.
const PAUSE: Duration = Duration::from_secs(1);
/// In a longer pause something may happen that a first start has to tell.
const SHORT: Duration = Duration::from_secs(5);

impl VxgSession {
    pub(super) fn page_failed(&mut self, now: Now, error: &CallError, todo: &mut Todo) {
        if self.polls.reading.is_none() {
            return self.read_if_due(now, todo);
        }
        match error {
            CallError::Forbidden(_) => {
                let why = format!("the list of events: {error}: use a token with access \"all\"");
                return self.end(SessionEnd::Halt(why), todo);
            }
            CallError::NotFound(_) => {
                let why = format!("the list of events: {error}: is `url` right?");
                return self.end(SessionEnd::retry(Cause::Refused, why), todo);
            }
            CallError::Busy { not_before } => return self.is_busy(now, *not_before, error, todo),
            // Of a window that is at fault it says no more than that.
            CallError::Passing { not_before: not_before @ Some(_), .. }
                if self.polls.reading.as_ref().is_some_and(|reading| !reading.is_at_fault) =>
            {
                return self.is_busy(now, *not_before, error, todo);
            }
            _ => {}
        }
        if self.polls.size.lessen(error) {
            return self.begin_window_anew(now, todo);
        }
        if matches!(error, CallError::Bad { status: 413 | 414, .. }) && self.polls.cameras().len() > 1 {
            self.polls.chunk = self.polls.cameras().len().div_ceil(2);
            return self.begin_window_anew(now, todo);
        }
        let Some(reading) = &mut self.polls.reading else { return };
        reading.tries += 1;
        let most = match (reading.is_at_fault, reading.is_smallest()) {
            _ if !error.is_retryable() || reading.is_hopeless() => 1,
            (false, _) => TRIES,
            (true, false) => 1,
            (true, true) => TRIES_SMALLEST,
        };
        if reading.tries < most {
            let pause = Duration::from_secs(1 << (reading.tries - 1).min(3));
            let pause = pause.max(error.not_before().unwrap_or_default().min(WAIT_MOST));
            return self.read_again_after(now, pause);
        }
        self.polls.trouble = error.to_string();
        // A server that refuses the number of rows refuses it there, too; other troubles of a window may be with a row that the edge has as well.
        let is_refused = matches!(error, CallError::Bad { .. });
        self.polls.edge_rows = if is_refused { self.polls.size.rows() } else { 1 };
        self.ask(now, Ask::Edge, todo);
    }

    fn begin_window_anew(&mut self, now: Now, todo: &mut Todo) {
        if let Some(reading) = &mut self.polls.reading {
            reading.again();
        }
        self.ask_page(now, todo);
    }

    fn is_busy(&mut self, now: Now, not_before: Option<Duration>, error: &CallError, todo: &mut Todo) {
        let polls = &mut self.polls;
        polls.interval = (polls.interval * 2).min(self.config.poll_most.max(self.config.poll_every));
        polls.is_strained = true;
        polls.busy += 1;
        let wait = not_before.unwrap_or_default().max(self.polls.interval);
        if self.polls.busy <= BUSY_MOST && wait <= WAIT_MOST.max(self.config.poll_most) {
            return self.read_again_after(now, wait);
        }
        if matches!(error, CallError::Passing { .. }) {
            // Perhaps it says so of this window alone, and would for ever.
            (self.polls.trouble, self.polls.edge_rows, self.polls.pause) = (error.to_string(), 1, Some(wait));
            return self.ask(now, Ask::Edge, todo);
        }
        self.end(SessionEnd::Retry { why: error.to_string(), cause: error.cause(), not_before: Some(wait) }, todo);
    }

    fn read_again_after(&mut self, now: Now, pause: Duration) {
        self.is_held_up(pause);
        self.polls.read_again_at(now.instant + pause);
    }

    /// What a first start knows after a pause, and what comes meanwhile, are two things; before it knows anything it may as well begin then.
    pub(super) fn is_held_up(&mut self, pause: Duration) {
        self.polls.is_unbroken &= self.cursor.is_new && pause <= SHORT;
    }

    /// The latest events cannot be had either: it is not the window.
    pub(super) fn edge_failed(&mut self, now: Now, error: &CallError, todo: &mut Todo) {
        if self.polls.size.lessen(error) {
            self.polls.edge_rows = self.polls.size.rows();
            return self.ask(now, Ask::Edge, todo);
        }
        let names_none = self.polls.reading.is_some() && self.polls.cameras().is_empty() && self.channels.are_listed();
        if matches!(error, CallError::Bad { .. }) && names_none && !self.polls.by_ids && !self.polls.names_none {
            // Not documented for tokens of more than one camera: it may want to be told which.
            self.polls.by_ids = true;
            return self.begin_window_anew(now, todo);
        }
        let why = std::mem::take(&mut self.polls.trouble);
        let why = if why.is_empty() { error.to_string() } else { why };
        let not_before = error.not_before().max(self.polls.pause);
        self.end(
            SessionEnd::Retry { why: format!("the list of events: {why}"), cause: error.cause(), not_before },
            todo,
        );
    }

    /// The latest events can be had: it is the window that cannot be read.
    pub(super) fn edge_is_there(&mut self, now: Now, todo: &mut Todo) {
        if self.polls.settling.is_some() {
            // It answers, but not whether it still keeps an event: what is not known to be kept is not.
            return self.evidence(now, true, todo);
        }
        (self.polls.busy, self.polls.pause) = (0, None);
        if self.polls.edge_rows > 1 {
            self.polls.size.taken();
        }
        let Some(reading) = &mut self.polls.reading else {
            // Our clock has been found to be wrong by this answer.
            return self.read_if_due(now, todo);
        };
        let was_at_fault = std::mem::replace(&mut reading.is_at_fault, true);
        // The one that is never worth another try has had its only one.
        if reading.is_smallest() && !was_at_fault && reading.tries != 1 {
            let pause = Duration::from_secs(1 << reading.tries.saturating_sub(1).min(3));
            return self.read_again_after(now, pause);
        }
        let was_cut = reading.is_cut;
        let smaller = reading.smaller();
        self.polls.ahead_failures += u32::from(reading.is_cut && !was_cut && !reading.is_sweep);
        match smaller {
            Smaller::Half => self.read_again_after(now, PAUSE),
            Smaller::Nothing => self.go_on(now, todo),
            Smaller::Lost(lost) => self.lose(now, lost, todo),
        }
    }

    /// Reads half of a window that cannot be read as a whole; what is too small for that is lost.
    pub(super) fn read_smaller(&mut self, now: Now, todo: &mut Todo) {
        let Some(reading) = &mut self.polls.reading else { return };
        match reading.smaller() {
            Smaller::Half => self.ask_page(now, todo),
            Smaller::Nothing => self.go_on(now, todo),
            Smaller::Lost(lost) => self.lose(now, lost, todo),
        }
    }

    fn lose(&mut self, now: Now, lost: Window, todo: &mut Todo) {
        self.tell_unread(lost, "window_failed", todo);
        self.cursor.pass(lost);
        let Some(reading) = &mut self.polls.reading else { return };
        reading.has_news = true;
        reading.pass(lost);
        self.go_on(now, todo);
    }

    /// Goes on behind what cannot be read.
    fn go_on(&mut self, now: Now, todo: &mut Todo) {
        if self.polls.reading.as_ref().is_some_and(Reading::is_over) {
            self.polls.settling = self.polls.reading.take();
            return self.ask_evidence(now, todo);
        }
        self.read_again_after(now, PAUSE);
    }

    /// Tells a gap for what of a window would have been told.
    pub(super) fn tell_unread(&self, window: Window, reason: &str, todo: &mut Todo) {
        let owed = self.cursor.first.map_or(i64::MIN, |first| first.told_from.min(first.began.saturating_add(1)));
        let from = window.from.max(owed);
        if from <= window.to {
            self.tell_gap(None, from, window.to, reason, todo);
        }
    }
}
