//! When to read what, and from when on.

use std::time::{Duration, Instant};

use super::calls::Ask;
use super::reading::{CAMERAS, Reading, STEP};
use super::retention::Retention;
use super::walk::SECOND;
use super::{Phase, VxgSession};
use crate::vendors::vxg::checkpoint::First;
use crate::vendors::vxg::config::VxgConfig;
use crate::vendors::vxg::rest::PageSize;
use crate::vendors::vxg::wire::Asked;
use crate::vendors::{Now, Todo};

/// A first answer that shows our clock to be wrong by more than this was asked for with wrong times.
const CLOCK_WRONG: i64 = 30 * SECOND;

/// The reading under way, and when the next begins.
#[derive(Debug)]
pub(super) struct Polls {
    pub(super) reading: Option<Reading>,
    /// The reading that is over, while it is asked whether anything was lost before it.
    pub(super) settling: Option<Reading>,
    pub(super) retention: Option<Retention>,
    /// The first reading of this try is not over.
    pub(super) is_catching_up: bool,
    /// The server's time when that began.
    pub(super) began: i64,
    /// The first reading of a first start has met no failure.
    pub(super) is_unbroken: bool,
    /// When that began, by a clock that nobody sets.
    began_at: Option<Instant>,
    pub(super) next_at: Option<Instant>,
    pub(super) retry_at: Option<Instant>,
    pub(super) next_sweep: Option<Instant>,
    /// Grows when the server is slow or wants fewer calls.
    pub(super) interval: Duration,
    /// Its last answer was slow, or a refusal for want of time.
    pub(super) is_strained: bool,
    /// Refusals of that kind in a row.
    pub(super) busy: u32,
    pub(super) size: PageSize,
    /// Rows to ask for at the live edge.
    pub(super) edge_rows: u32,
    /// Cameras in one call.
    pub(super) chunk: usize,
    /// The server wants cameras to be named.
    pub(super) by_ids: bool,
    /// The cameras of each group that the window under way is read for; an empty group is all that the token opens.
    pub(super) groups: Vec<Vec<i64>>,
    /// It has given events without that, in this try.
    pub(super) names_none: bool,
    /// Polls since the last sweep that had to do without what is dated in the future.
    pub(super) ahead_failures: u32,
    /// Up to there it was told that lists do not hold still.
    pub(super) unstable_until: Option<i64>,
    /// What made the look at the live edge necessary.
    pub(super) trouble: String,
    /// … and for how long the server wanted to be left alone then.
    pub(super) pause: Option<Duration>,
}

impl Polls {
    pub(super) fn new(config: &VxgConfig) -> Self {
        Self {
            reading: None,
            settling: None,
            retention: None,
            is_catching_up: true,
            began: 0,
            is_unbroken: false,
            began_at: None,
            next_at: None,
            retry_at: None,
            next_sweep: None,
            interval: config.poll_every,
            is_strained: false,
            busy: 0,
            size: PageSize::default(),
            edge_rows: 1,
            chunk: CAMERAS,
            by_ids: false,
            groups: Vec::new(),
            names_none: false,
            ahead_failures: 0,
            unstable_until: None,
            trouble: String::new(),
            pause: None,
        }
    }

    /// From when to when, in seconds since 1970, and which page.
    pub(super) fn page(&mut self) -> (i64, i64, Asked) {
        let Some(reading) = &mut self.reading else { return (0, 0, self.size.at(0)) };
        let walk = reading.walk(self.size.rows());
        (walk.start(), walk.end(), walk.asked())
    }

    /// The reading cannot go on before the list of cameras is there.
    pub(super) fn waits_for_cameras(&self) -> bool {
        self.by_ids && self.reading.is_some()
    }

    pub(super) fn read_again_at(&mut self, at: Instant) {
        self.retry_at = Some(at);
    }

    /// The cameras of the group under way.
    pub(super) fn cameras(&self) -> &[i64] {
        let group = self.reading.as_ref().map_or(0, Reading::group);
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }
}

impl VxgSession {
    pub(super) fn next_reading(&self) -> Option<Instant> {
        if self.calls.are_events_asked() {
            return None;
        }
        // Nothing has to be waited for where neither is set; then the list of cameras is.
        self.polls.retry_at.or(self.polls.next_at)
    }

    pub(super) fn read_if_due(&mut self, now: Now, todo: &mut Todo) {
        if self.phase != Phase::Running || self.calls.are_events_asked() {
            return;
        }
        let is_ahead = |at: Option<Instant>| at.is_some_and(|at| at > now.instant);
        let polls = &mut self.polls;
        if is_ahead(polls.retry_at) || (polls.reading.is_none() && is_ahead(polls.next_at)) {
            return;
        }
        (polls.retry_at, polls.next_at) = (None, None);
        if polls.settling.is_some() {
            return self.ask_evidence(now, todo);
        }
        if self.polls.reading.is_none() {
            let mut reading = self.begin_reading(now, todo);
            self.look_ahead(&mut reading);
            self.polls.reading = Some(reading);
        }
        self.ask_page(now, todo);
    }

    /// What the next reading reads.
    fn begin_reading(&mut self, now: Now, todo: &mut Todo) -> Reading {
        self.pull_back_if_ahead(now, todo);
        let (asked, latest) = (self.clock.at(now), self.clock.most(now));
        let (sweep, overlap) = (micros(self.config.sweep), micros(self.config.overlap));
        // A machine that slept had a break, too.
        let apart = micros(self.polls.interval.saturating_mul(2));
        self.polls.is_catching_up |= asked.saturating_sub(self.cursor.read_until) > sweep.max(apart);
        if !self.polls.is_catching_up {
            let is_sweep = self.polls.next_sweep.is_none_or(|at| at <= now.instant);
            let newest = self.cursor.newest.map_or(i64::MAX, |newest| newest.at);
            // Events may be dated by our clock, and answers by another.
            let behind = latest.saturating_sub(asked);
            let read_until =
                self.cursor.read_until.saturating_add(behind).min(self.clock.least(now).saturating_add(behind));
            let poll = newest.min(read_until).saturating_sub(overlap);
            let from = if is_sweep { self.cursor.from() } else { poll.max(self.cursor.from()) };
            return Reading::new(is_sweep, from, (asked, latest), i64::MAX, self.cursor.passed.clone());
        }
        self.polls.began = asked;
        self.polls.began_at.get_or_insert(now.instant);
        if self.cursor.is_new {
            self.begin_history(asked, self.clock.least(now));
        } else if self.cursor.first.is_none() {
            let away = asked.saturating_sub(self.cursor.read_until);
            let follows = |camera| self.follows_known(camera);
            let retention = || Retention::new(&self.cursor, away, away > sweep, follows);
            self.polls.retention = (away > overlap).then(retention);
        }
        Reading::new(true, self.cursor.from(), (asked, latest), STEP, self.cursor.passed.clone())
    }

    /// A clock that was ahead is put right: what is to be known by it has not happened yet.
    fn pull_back_if_ahead(&mut self, now: Now, todo: &mut Todo) {
        let at = self.clock.at(now);
        if self.cursor.is_new || !self.clock.is_settled() || !self.cursor.is_ahead_of(at) {
            return;
        }
        self.polls.began = self.polls.began.min(at);
        // By the clock as it is now nothing was listened to before this, where there never was an event: it was as much ahead then.
        let never = self.cursor.floor.saturating_sub(self.cursor.read_until.saturating_sub(at).max(0));
        if !self.cursor.pull_back(at) {
            return;
        }
        // What was there when this try began it has found, whatever the clock said. Of the tries before it nothing but the newest event tells.
        let gone = self.polls.began_at.map_or(Duration::ZERO, |began| now.instant.saturating_duration_since(began));
        let since = at.saturating_sub(micros(gone.max(self.config.sweep)));
        let since = since.min(self.cursor.newest.map_or(never, |newest| newest.at));
        self.tell_gap(None, since, at, "clock_set_back", todo);
    }

    /// The first answer is there: what was asked for by our clock may not be what is wanted by the server's.
    pub(super) fn clock_is_settled(&mut self, now: Now) {
        if !self.cursor.is_new && self.cursor.is_ahead_of(self.clock.at(now)) {
            (self.polls.reading, self.polls.retention) = (None, None);
        }
    }

    /// A first start begins now: what happened before is known without being told, but for the history that is wanted.
    fn begin_history(&mut self, asked: i64, least: i64) {
        let (sweep, back) = (micros(self.config.sweep), micros(self.backfill_first));
        // Dates are cut to whole seconds.
        let began = asked.saturating_add(SECOND);
        let told_from = if back > 0 { asked.saturating_sub(back) } else { i64::MAX };
        self.polls.is_unbroken = true;
        self.cursor.begin(least.saturating_sub(sweep.max(back)), asked, First { told_from, began });
    }

    /// The server has told the time for the first time, or another one than before: it is off by so much.
    pub(super) fn clock_is_known(&mut self, by: i64) {
        let Some(reading) = &mut self.polls.reading else { return };
        if by.saturating_abs() > CLOCK_WRONG {
            // It was asked with wrong times.
            (self.polls.reading, self.polls.retention) = (None, None);
            return;
        }
        reading.shift(by);
        self.polls.began = self.polls.began.saturating_add(by);
        if self.cursor.is_new
            && let Some(First { told_from, began }) = &mut self.cursor.first
        {
            *began = began.saturating_add(by);
            *told_from = told_from.saturating_add(if *told_from == i64::MAX { 0 } else { by });
        }
    }

    /// A reading is over, and all that it was to find out is known.
    pub(super) fn finish_reading(&mut self, now: Now, todo: &mut Todo) {
        let Some(reading) = self.polls.settling.take() else { return };
        let asked = reading.asked.min(self.clock.at(now));
        self.tell_retention(reading.asked, todo);
        self.polls.is_catching_up = false;
        let was_first = self.cursor.first.take().is_some();
        let sweep_every = self.config.sweep_every;
        if reading.is_sweep {
            let sure = self.clock.sure(now).min(asked).min(self.clock.least(now));
            self.cursor.move_horizon(sure.saturating_sub(micros(self.config.sweep)));
            self.polls.next_sweep = Some(now.instant + jittered(sweep_every, reading.asked));
        }
        self.cursor.read(asked, reading.has_news || was_first);
        self.go_online(todo);
        let polls = &mut self.polls;
        if !std::mem::take(&mut polls.is_strained) {
            // Comes back slowly.
            polls.interval = polls.interval.mul_f64(0.8).max(self.config.poll_every);
        }
        polls.next_at = Some(now.instant + jittered(polls.interval, reading.asked));
    }

    /// An answer took so long.
    pub(super) fn took(&mut self, time: Duration, ask: Ask) {
        if ask == Ask::Page && time > self.config.poll_every / 2 {
            self.strain();
        }
    }

    fn strain(&mut self) {
        let polls = &mut self.polls;
        if !std::mem::replace(&mut polls.is_strained, true) {
            polls.interval = (polls.interval * 2).min(self.config.poll_most.max(self.config.poll_every));
        }
    }

    /// The list of cameras is there: a reading may have waited for it.
    pub(super) fn channels_listed(&mut self, now: Now, todo: &mut Todo) {
        let waits = self.polls.reading.is_some() && self.polls.retry_at.is_none();
        if waits {
            self.read_if_due(now, todo);
        }
    }
}

pub(super) fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// So long, a tenth more or less: many connections shall not ask at the same moment.
pub(super) fn jittered(every: Duration, seed: i64) -> Duration {
    let share = seed.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
    every.mul_f64(0.9 + 0.2 * (share as f64 / 1_024.0))
}
