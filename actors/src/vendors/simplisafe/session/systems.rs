//! A system that is followed.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::history::History;
use super::states::Report;
use super::telling::QUIET;
use super::walk::Walk;
use crate::vendors::Now;
use crate::vendors::simplisafe::snapshot::system_item;
use crate::vendors::simplisafe::wire::Camera;

/// Pages of histories come so many one right behind the other, …
const PAGES_AT_ONCE: u32 = 5;
/// … and the others after this: a long way must not look like an attack.
const PAGE_PAUSE: Duration = Duration::from_secs(1);
/// Held back are at most so many bytes of events.
const HOLD_BYTES: usize = 4 << 20;

/// A history that is asked because of a bad frame is asked again after this because of another one, and after twice as much each time until it is asked
/// for another reason.
pub(super) const LOOK_PAUSE: Duration = Duration::from_secs(3);
/// By so many seconds a base station's clock may be ahead of the cloud's, …
const AHEAD_MOST: i64 = 300;
/// … and the cloud's of ours, as long as no answer has told it.
const AHEAD_UNTOLD: i64 = 86_400;
/// The cloud's clock goes as ours does, but for so much. What says that it has leapt further ahead …
const LEAP: SignedDuration = SignedDuration::from_secs(60);
/// … is believed when nothing else was said for so long.
const LEAP_DOUBTED: Duration = Duration::from_secs(900);

/// One system.
#[derive(Debug)]
pub(super) struct System {
    pub(super) sid: u64,
    /// Its subject, `systems/<sid>`.
    pub(super) item: String,
    pub(super) is_v2: bool,
    pub(super) cameras: Vec<Camera<'static>>,
    /// Whether it has locks, once its sensors are known.
    pub(super) has_locks: Option<bool>,
    pub(super) history: History,
    pub(super) walk: Option<Walk>,
    /// When to look at the history next, …
    pub(super) look_at: Option<Instant>,
    /// … when that was done last, …
    pub(super) looked_at: Option<Instant>,
    /// … when the last one that came to its end had begun, by our clock, …
    pub(super) read_at: Option<Timestamp>,
    /// … and whether once more soon after that.
    pub(super) look_again: bool,
    /// Looks since the last regular one that bad frames were the reason of.
    pub(super) bad_frames: u32,
    /// Tries in a row that have failed, …
    pub(super) tries: u32,
    /// … and when the next one was to be: what hurries it must not make it given up sooner.
    pub(super) retry_at: Option<Instant>,
    /// The server asks to be left alone with it until then.
    pub(super) rest_until: Option<Instant>,
    pub(super) sensors: Poll,
    pub(super) settings: Poll,
    pub(super) locks: Poll,
    /// The base station must not be disturbed until then.
    pub(super) quiet_until: Option<Instant>,
    /// When to look for doors of which nobody will tell that they are closed.
    pub(super) doors_at: Option<Instant>,
    /// Events after a break, until the history has been read, or it takes too long.
    pub(super) held: Option<Held>,
    /// Answers that tell of something for which the history is looked at first.
    pub(super) waiting: Vec<Report>,
    pub(super) wait_until: Option<Instant>,
    /// Its history and all that is polled is asked for.
    pub(super) is_begun: bool,
    /// Lists in a row that lacked it.
    pub(super) missing: u8,
    /// When something of it was pushed last although no list had it.
    pub(super) pushed_at: Option<Instant>,
    /// Since when no list has told of it, as long as its history was not read either.
    pub(super) unlisted: Option<Timestamp>,
    /// When the exit delay began whose end the list of systems is asked for, as that told it.
    pub(super) leaving: Option<i64>,
    /// Its own name, and its cameras', as they were last listed.
    pub(super) listing: Option<u64>,
    /// The names of its other devices.
    pub(super) names: Option<u64>,
}

/// Events that are held back.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) until: Instant,
    pub(super) events: Vec<Happening>,
    bytes: usize,
}

impl Held {
    pub(super) fn until(until: Instant) -> Self {
        Self { until, events: Vec::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, event: Happening) {
        self.bytes += event.json.len();
        self.events.push(event);
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until <= now || self.bytes >= HOLD_BYTES
    }
}

/// An event on its way to the journal.
#[derive(Debug)]
pub(super) struct Happening {
    /// Seconds since 1970.
    pub(super) at: i64,
    /// Puts those of one second in order.
    pub(super) number: i64,
    pub(super) id: Box<str>,
    pub(super) json: Box<str>,
    pub(super) is_pushed: bool,
}

/// Something that is asked for again and again.
#[derive(Debug, Default)]
pub(super) struct Poll {
    /// When; never where it is not to be asked for.
    pub(super) due: Option<Instant>,
    pub(super) is_asked: bool,
    /// Failures in a row.
    pub(super) failures: u32,
}

impl Poll {
    /// Asked for at once.
    pub(super) fn now(now: Instant) -> Self {
        Self { due: Some(now), ..Self::default() }
    }

    /// When to ask, if nothing forbids it.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.filter(|_| !self.is_asked)
    }

    /// It is asked for now.
    pub(super) fn ask(&mut self) {
        (self.due, self.is_asked) = (None, true);
    }

    /// Not later than this, if it is to be asked for at all: what is on its way may be too old already.
    pub(super) fn hurry(&mut self, at: Instant) {
        if self.due.is_some() || self.is_asked {
            self.due = Some(self.due.map_or(at, |due| due.min(at)));
        }
    }

    /// It was answered as it should be.
    pub(super) fn succeeded(&mut self, again: Instant) {
        (self.is_asked, self.failures) = (false, 0);
        self.hurry_or(again);
    }

    /// It was not. Says how often in a row.
    pub(super) fn failed(&mut self) -> u32 {
        (self.is_asked, self.failures) = (false, self.failures + 1);
        self.failures
    }

    /// Then, unless it is wanted sooner.
    pub(super) fn hurry_or(&mut self, again: Instant) {
        self.due = Some(self.due.map_or(again, |due| due.min(again)));
    }
}

impl System {
    pub(super) fn new(sid: u64, history: History) -> Self {
        Self {
            sid,
            item: system_item(&sid.to_string()),
            is_v2: false,
            cameras: Vec::new(),
            has_locks: None,
            bad_frames: 0,
            history,
            walk: None,
            look_at: None,
            looked_at: None,
            read_at: None,
            look_again: false,
            tries: 0,
            retry_at: None,
            sensors: Poll::default(),
            settings: Poll::default(),
            locks: Poll::default(),
            quiet_until: None,
            doors_at: None,
            held: None,
            waiting: Vec::new(),
            wait_until: None,
            is_begun: false,
            missing: 0,
            pushed_at: None,
            rest_until: None,
            unlisted: None,
            leaving: None,
            listing: None,
            names: None,
        }
    }

    /// A page of the history is on its way.
    pub(super) fn is_looking(&self) -> bool {
        self.walk.as_ref().is_some_and(|walk| walk.is_asked)
    }

    /// Its history is looked at because of a bad frame, as soon as that may be.
    pub(super) fn look_soon(&mut self, now: Instant) {
        let pause = LOOK_PAUSE * (1 << self.bad_frames.min(5));
        let soon = self.looked_at.map_or(now, |last| now.max(last + pause));
        let soon = self.rest_until.map_or(soon, |rest| soon.max(rest));
        if self.look_at.is_none_or(|at| soon < at) {
            self.look_at = Some(soon);
            self.bad_frames += 1;
        }
        self.look_again = true;
    }

    /// Its alarm has changed, at `at` by the cloud's clock: the base station is left alone.
    pub(super) fn leave_alone(&mut self, now: Instant, cloud: Timestamp, at: Timestamp) {
        let ago = Duration::try_from(cloud.duration_since(at)).unwrap_or_default();
        if let Some(left) = QUIET.checked_sub(ago) {
            self.quiet_until = self.quiet_until.max(Some(now + left));
        }
    }

    /// Until when the base station must be left alone.
    pub(super) fn is_quiet(&self, now: Instant) -> Option<Instant> {
        self.quiet_until.filter(|until| *until > now && self.has_locks != Some(false))
    }

    /// Everything of it up to now has been handed over.
    pub(super) fn is_caught_up(&self) -> bool {
        self.held.is_none() && self.history.stretch.is_none()
    }

    /// The next moment at which time alone changes something.
    pub(super) fn next_wake(&self, now: Instant) -> Option<Instant> {
        let quiet = self.is_quiet(now);
        let polls = [&self.sensors, &self.settings, &self.locks].into_iter().filter_map(Poll::next);
        let polls = polls.map(|due| quiet.map_or(due, |until| due.max(until)));
        let look = self.look_at.filter(|_| !self.is_looking());
        let held = self.held.as_ref().map(|held| held.until);
        polls.chain([look, held, self.wait_until, self.doors_at].into_iter().flatten()).min()
    }
}

/// Keeps the pages of all histories apart.
#[derive(Debug, Default)]
pub(super) struct Pace {
    next: Option<Instant>,
}

impl Pace {
    /// For how long one more page waits.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let next = self.next.map_or(now, |next| next.max(now));
        self.next = Some(next + PAGE_PAUSE);
        (next - now).saturating_sub(PAGE_PAUSE * (PAGES_AT_ONCE - 1))
    }
}

/// The cloud's clock beside ours, by the `Date` of its answers.
///
/// One answer of a wrong time must not put states and histories into time to come, where they would keep out all that follows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    ahead: SignedDuration,
    /// The last answer that was believed: when it came, and what it said.
    told: Option<(Instant, Timestamp)>,
    /// Since when answers say that it has leapt ahead.
    leapt: Option<Instant>,
    /// By how much it was ahead before an answer took it back.
    before: Option<SignedDuration>,
}

impl Clock {
    pub(super) fn set(&mut self, date: Timestamp, now: Now) {
        let ahead = date.duration_since(now.wall);
        // What one answer took back the next one puts right.
        let is_near = |before: SignedDuration| {
            let off = ahead.saturating_sub(before);
            (-LEAP..=LEAP).contains(&off)
        };
        let is_return = self.before.is_some_and(is_near);
        if self.is_leap(date, ahead, now) && !is_return {
            let since = *self.leapt.get_or_insert(now.instant);
            if now.instant.saturating_duration_since(since) < LEAP_DOUBTED {
                return;
            }
        }
        if self.told.is_some() && ahead < self.ahead.saturating_sub(LEAP) {
            self.before = Some(self.ahead);
        } else if is_return {
            self.before = None;
        }
        (self.told, self.leapt) = (Some((now.instant, date)), None);
        // Dates have whole seconds.
        self.ahead = if ahead.abs() < SignedDuration::from_secs(2) { SignedDuration::ZERO } else { ahead };
    }

    /// Whether more time has passed in the cloud than here, by either of our clocks: one was set, or the other stood still while the machine slept.
    fn is_leap(&self, date: Timestamp, ahead: SignedDuration, now: Now) -> bool {
        let Some((at, told)) = self.told else { return false };
        let passed = SignedDuration::try_from(now.instant.saturating_duration_since(at)).unwrap_or(SignedDuration::MAX);
        let is_late = date.duration_since(told) > passed.saturating_add(LEAP);
        is_late && ahead > self.ahead.saturating_add(LEAP)
    }

    pub(super) fn ahead(&self) -> SignedDuration {
        self.ahead
    }

    pub(super) fn at(&self, wall: Timestamp) -> Timestamp {
        wall.checked_add(self.ahead).unwrap_or(wall)
    }

    /// When that was which the cloud says happened at `second`: nothing that has happened did so in time to come, by either clock.
    pub(super) fn happened(&self, second: i64, wall: Timestamp) -> i64 {
        let cloud = self.at(wall).as_second();
        let most = if self.told.is_some() { AHEAD_MOST } else { AHEAD_UNTOLD };
        if second > cloud.max(wall.as_second()).saturating_add(most) { cloud } else { second }
    }
}

/// A tenth more or less, so that many connections do not ask in one moment; the same for the same seed.
pub(super) fn jittered(every: Duration, seed: u64) -> Duration {
    every.mul_f64(0.9 + 0.2 * ((seed % 1_024) as f64 / 1_024.0))
}
