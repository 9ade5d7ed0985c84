//! When to read what, and what it means if that fails.

use std::time::{Duration, Instant};

use super::calls::Ask;
use super::reading::{CAMERAS, Reading, STEP, Smaller};
use super::retention::Retention;
use super::walk::{Row, SECOND, Step, Window};
use super::{Phase, VxgSession};
use crate::model::ids::fingerprint;
use crate::transport::request::RestAnswer;
use crate::vendors::vxg::checkpoint::First;
use crate::vendors::vxg::config::{Cameras, VxgConfig};
use crate::vendors::vxg::rest::{self, CallError, MOST_ROWS};
use crate::vendors::vxg::token::Scheme;
use crate::vendors::vxg::wire::{Asked, Event};
use crate::vendors::{Action, Now, SessionEnd, Todo};

/// A call that fails is made again after 1, 2 and 4 s.
const TRIES: u32 = 4;
/// One for the smallest window, of which it is known that others can be read, after 8 s, too.
const TRIES_SMALLEST: u32 = 5;
/// So often in a row a server may ask to be left alone; then the try ends.
const BUSY_MOST: u32 = 8;
/// For longer than this the try does not wait, unless polls are as far apart: it ends, and users see that.
const WAIT_MOST: Duration = Duration::from_secs(30);
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
    next_at: Option<Instant>,
    retry_at: Option<Instant>,
    next_sweep: Option<Instant>,
    /// Grows when the server is slow or wants fewer calls.
    pub(super) interval: Duration,
    /// Its last answer was slow, or a refusal for want of time.
    is_strained: bool,
    /// Refusals of that kind in a row.
    busy: u32,
    limit: u32,
    /// Cameras in one call.
    chunk: usize,
    /// The server wants cameras to be named.
    by_ids: bool,
    /// The cameras of each group that the window under way is read for; an empty group is all that the token opens.
    groups: Vec<Vec<i64>>,
    /// What made the look at the live edge necessary.
    trouble: String,
}

impl Polls {
    pub(super) fn new(config: &VxgConfig) -> Self {
        Self {
            reading: None,
            settling: None,
            retention: None,
            is_catching_up: true,
            began: 0,
            next_at: None,
            retry_at: None,
            next_sweep: None,
            interval: config.poll_every,
            is_strained: false,
            busy: 0,
            limit: MOST_ROWS,
            chunk: CAMERAS,
            by_ids: false,
            groups: Vec::new(),
            trouble: String::new(),
        }
    }

    /// From when to when, in seconds since 1970, and which page.
    pub(super) fn page(&mut self) -> (i64, i64, Asked) {
        let limit = self.limit;
        let Some(reading) = &mut self.reading else { return (0, 0, Asked { limit, offset: 0 }) };
        let walk = reading.walk(limit);
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
            let reading = self.begin_reading(now);
            self.polls.reading = Some(reading);
        }
        self.ask_page(now, todo);
    }

    /// What the next reading reads.
    fn begin_reading(&mut self, now: Now) -> Reading {
        let asked = self.clock.at(now);
        let (sweep, overlap) = (micros(self.config.sweep), micros(self.config.overlap));
        if !self.polls.is_catching_up {
            let is_sweep = self.polls.next_sweep.is_none_or(|at| at <= now.instant);
            let newest = self.cursor.newest.map_or(i64::MAX, |newest| newest.at);
            let poll = newest.min(self.cursor.read_until).saturating_sub(overlap);
            let from = if is_sweep { self.cursor.from() } else { poll.max(self.cursor.from()) };
            return Reading::new(is_sweep, from, asked, i64::MAX);
        }
        self.polls.began = asked;
        if self.cursor.is_new {
            self.begin_history(asked);
        } else if self.cursor.first.is_none() {
            let away = asked.saturating_sub(self.cursor.read_until);
            self.polls.retention = (away > overlap).then(|| Retention::new(&self.cursor, away, away > sweep));
        }
        Reading::new(true, self.cursor.from(), asked, STEP)
    }

    /// A first start begins now: what happened before is known without being told, but for the history that is wanted.
    fn begin_history(&mut self, asked: i64) {
        let (sweep, back) = (micros(self.config.sweep), micros(self.backfill_first));
        // Dates are cut to whole seconds.
        let began = asked.saturating_add(SECOND);
        let told_from = if back > 0 { asked.saturating_sub(back) } else { i64::MAX };
        self.cursor.begin(asked.saturating_sub(sweep.max(back)), asked, First { told_from, began });
    }

    /// The server has told the time for the first time: ours is wrong by so much.
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

    fn ask_page(&mut self, now: Now, todo: &mut Todo) {
        let begins = self.polls.reading.as_ref().is_some_and(|reading| reading.group() == 0 && !reading.has_walk());
        if begins {
            // Without a list of cameras to name there is nothing to ask yet: see `channels_listed`.
            let Some(groups) = self.groups() else { return };
            if groups.is_empty() {
                // There are no cameras, and so no events.
                self.polls.settling = self.polls.reading.take();
                return self.ask_evidence(now, todo);
            }
            self.polls.groups = groups;
        }
        self.ask(now, Ask::Page, todo);
    }

    /// The cameras to name in each call; `None` where they have to be named and are not known.
    fn groups(&self) -> Option<Vec<Vec<i64>>> {
        let grant = self.grant.as_ref()?;
        let all = match &self.config.cameras {
            Cameras::Only(ids) if grant.scheme() != Scheme::Acc || grant.camera.is_none() => ids.clone(),
            // What its token opens is one camera. Whether it has to be named is not documented.
            _ if grant.scheme() == Scheme::Acc => grant.camera.into_iter().collect(),
            _ if self.polls.by_ids => {
                let ids = self.channels.ids()?;
                return Some(ids.chunks(self.polls.chunk.max(1)).map(<[i64]>::to_vec).collect());
            }
            _ => Vec::new(),
        };
        if all.is_empty() {
            return Some(vec![Vec::new()]);
        }
        Some(all.chunks(self.polls.chunk.max(1)).map(<[i64]>::to_vec).collect())
    }

    /// Whether a row is of a camera that is followed.
    fn follows(&self, camera: Option<i64>) -> bool {
        let own = self.grant.as_ref().and_then(|grant| grant.camera);
        match (camera, own) {
            (Some(camera), Some(own)) => camera == own,
            (Some(camera), None) => self.config.cameras.contains(camera),
            // Whoever lists it was asked for those that are.
            (None, _) => true,
        }
    }

    pub(super) fn paged(&mut self, now: Now, answer: &RestAnswer, todo: &mut Todo) {
        let Some(grant) = self.grant.clone() else { return };
        if self.polls.reading.is_none() {
            // Our clock has been found to be wrong meanwhile.
            return self.read_if_due(now, todo);
        }
        let page = match rest::read_page(&grant, answer) {
            Ok(page) => page,
            Err(error) => return self.failed(now, Ask::Page, &error, todo),
        };
        let only = match self.polls.cameras() {
            [camera] => Some(*camera),
            _ => None,
        };
        let read = page.read_rows(Event::read);
        let mut unreadable = Vec::new();
        for skipped in &read.skipped {
            let print = fingerprint(page.rows.get(skipped.row).map_or("", |row| row.get()));
            unreadable.push(print);
            self.teller.doubt(&skipped.why, print, todo);
        }
        let row = |event: Event<'_>| {
            let (meta, camera) = (event.meta_print().0, event.camera.or(only));
            Row { at: event.time.as_microsecond(), id: event.id, camera, meta, json: event.json.into() }
        };
        let rows = read.rows.into_iter().map(row).collect();
        let limit = self.polls.limit;
        let Some(reading) = &mut self.polls.reading else { return };
        reading.tries = 0;
        self.polls.busy = 0;
        let can_halve = !reading.is_smallest();
        let walk = reading.walk(limit);
        let window = walk.window();
        match walk.page(&page, rows, &unreadable, can_halve) {
            Step::Page => self.ask(now, Ask::Page, todo),
            Step::Over { to } => {
                if let Some((listed, counted)) = walk.miscounted {
                    self.teller.doubt_count(listed, counted, todo);
                }
                self.window_read(now, to, todo);
            }
            Step::Unstable => {
                self.tell_gap(None, window.from, window.to.min(self.clock.at(now)), "unstable_list", todo);
                self.window_read(now, window.to, todo);
            }
            Step::TooLarge => {
                self.read_smaller(now, todo);
            }
        }
    }

    fn window_read(&mut self, now: Now, to: i64, todo: &mut Todo) {
        let groups = self.polls.groups.len();
        let Some(reading) = &mut self.polls.reading else { return };
        let Some((_, rows)) = reading.done(to, groups) else { return self.ask(now, Ask::Page, todo) };
        reading.grow();
        self.deliver(now, rows, todo);
        self.cursor.is_new = false;
        let Some(reading) = &self.polls.reading else { return };
        let (is_over, is_sweep) = (reading.is_over(), reading.is_sweep);
        if is_sweep && !is_over && self.polls.retention.is_none() {
            // What is older than what sweeps read is done with.
            let done = reading.reached().min(reading.asked.saturating_sub(micros(self.config.sweep)));
            self.cursor.move_horizon(done);
        }
        // A first start is there once it knows what it begins with.
        if self.cursor.first.is_none() {
            self.go_online(todo);
        }
        if !is_over {
            return self.ask_page(now, todo);
        }
        self.polls.settling = self.polls.reading.take();
        self.ask_evidence(now, todo);
    }

    /// Tells what is new among the rows of a window.
    fn deliver(&mut self, now: Now, mut rows: Vec<Row>, todo: &mut Todo) {
        rows.retain(|row| self.follows(row.camera));
        rows.sort_by_key(|row| (row.at, row.id));
        if let Some(retention) = &mut self.polls.retention {
            retention.heed(&rows, &self.cursor.seen);
        }
        let server = self.clock.at(now);
        let recent = server.saturating_sub(micros(self.config.overlap) + micros(self.polls.interval));
        // What this try has not missed, and what is not older than a poll looks back, is live.
        let live_from = recent.max(self.polls.began);
        let has_news = self.teller.tell(&mut self.cursor, &rows, server, live_from, todo);
        if has_news {
            self.cursor.change();
            if let Some(reading) = &mut self.polls.reading {
                reading.has_news = true;
            }
        }
    }

    fn go_online(&mut self, todo: &mut Todo) {
        if !std::mem::replace(&mut self.is_online, true) {
            todo.act(Action::Online);
        }
    }

    /// A reading is over, and all that it was to find out is known.
    pub(super) fn finish_reading(&mut self, now: Now, todo: &mut Todo) {
        let Some(reading) = self.polls.settling.take() else { return };
        self.tell_retention(reading.asked, todo);
        self.polls.is_catching_up = false;
        let was_first = self.cursor.first.take().is_some();
        let sweep_every = self.config.sweep_every;
        if reading.is_sweep {
            self.cursor.move_horizon(reading.asked.saturating_sub(micros(self.config.sweep)));
            self.polls.next_sweep = Some(now.instant + jittered(sweep_every, reading.asked));
        }
        self.cursor.read(reading.asked, reading.has_news || was_first);
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
                return self.end(SessionEnd::retry(why), todo);
            }
            CallError::Busy { not_before } | CallError::Passing { not_before: not_before @ Some(_), .. } => {
                return self.is_busy(now, *not_before, error, todo);
            }
            _ => {}
        }
        if let CallError::Bad { status, .. } = error {
            if matches!(status, 413 | 414) && self.polls.cameras().len() > 1 {
                self.polls.chunk = self.polls.cameras().len().div_ceil(2);
                return self.begin_window_anew(now, todo);
            }
            let names_none = self.polls.cameras().is_empty() && self.channels.are_listed();
            if !self.polls.by_ids && names_none {
                // Not documented for tokens of more than one camera: it may want to be told which.
                self.polls.by_ids = true;
                return self.begin_window_anew(now, todo);
            }
        }
        let Some(reading) = &mut self.polls.reading else { return };
        reading.tries += 1;
        let most = match (reading.is_at_fault, reading.is_smallest()) {
            _ if !error.is_retryable() => 1,
            (false, _) => TRIES,
            (true, false) => 1,
            (true, true) => TRIES_SMALLEST,
        };
        if reading.tries < most {
            let pause = Duration::from_secs(1 << (reading.tries - 1).min(3));
            self.polls.retry_at = Some(now.instant + pause);
            return;
        }
        self.polls.trouble = error.to_string();
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
        if self.polls.busy > BUSY_MOST || wait > WAIT_MOST.max(self.config.poll_most) {
            return self.end(SessionEnd::Retry { why: error.to_string(), not_before: Some(wait) }, todo);
        }
        self.polls.retry_at = Some(now.instant + wait);
    }

    /// The latest events cannot be had either: it is not the window.
    pub(super) fn edge_failed(&mut self, error: &CallError, todo: &mut Todo) {
        let why = std::mem::take(&mut self.polls.trouble);
        let why = if why.is_empty() { error.to_string() } else { why };
        let not_before = error.not_before();
        self.end(SessionEnd::Retry { why: format!("the list of events: {why}"), not_before }, todo);
    }

    /// The latest events can be had: it is the window that cannot be read.
    pub(super) fn edge_is_there(&mut self, now: Now, todo: &mut Todo) {
        let Some(reading) = &mut self.polls.reading else { return };
        let was_at_fault = std::mem::replace(&mut reading.is_at_fault, true);
        if reading.is_smallest() && !was_at_fault && reading.tries > 1 {
            self.polls.retry_at = Some(now.instant + Duration::from_secs(1 << (reading.tries - 1).min(3)));
            return;
        }
        self.read_smaller(now, todo);
    }

    /// Reads half of a window that cannot be read as a whole; what is too small for that is lost.
    fn read_smaller(&mut self, now: Now, todo: &mut Todo) {
        let Some(reading) = &mut self.polls.reading else { return };
        match reading.smaller() {
            Smaller::Half => self.ask_page(now, todo),
            Smaller::Lost(lost) => self.lose(now, lost, todo),
        }
    }

    fn lose(&mut self, now: Now, lost: Window, todo: &mut Todo) {
        self.tell_gap(None, lost.from, lost.to, "window_failed", todo);
        self.cursor.floor = self.cursor.floor.max(lost.to.saturating_add(1));
        self.cursor.change();
        let Some(reading) = &mut self.polls.reading else { return };
        reading.has_news = true;
        reading.pass(lost);
        if reading.is_over() {
            self.polls.settling = self.polls.reading.take();
            return self.ask_evidence(now, todo);
        }
        self.ask_page(now, todo);
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
