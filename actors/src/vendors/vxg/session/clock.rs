//! The server's clock, by the `Date` of its answers: our own may be wrong, and times are asked for by its.

use std::time::{Duration, Instant};

use jiff::fmt::rfc2822;

use super::polls::micros;
use super::walk::SECOND;
use crate::transport::request::RestAnswer;
use crate::vendors::Now;

/// A date that is further off than this from what it was is believed when another one says so, too. So is the first one, where it is further than this from our
/// time and from the moment when the list was last read.
const FAR: i64 = 300 * SECOND;
/// Two dates that differ by no more say the same.
const SAME: i64 = 60 * SECOND;
/// So many first dates of which no two say the same tell nothing: then our time is taken.
const DOUBTS_MOST: u32 = 4;
/// A date that is still the same after so long is no clock.
const STILL: Duration = Duration::from_secs(300);
/// Where its time is ahead of ours, ours is reckoned with as well, up to this far back: more would be read over and over where it is ours that is wrong.
const APART_MOST: i64 = 3 * 86_400 * SECOND;

/// How far the server's clock is ahead of ours, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead: Option<i64>,
    /// The date that was believed last, and when it came: our clock may be set back meanwhile.
    told: Option<(Instant, i64)>,
    /// The date that came last, and when it came first.
    still: Option<(Instant, i64)>,
    doubtful: Option<i64>,
    /// First dates that were not believed.
    doubts: u32,
    /// An answer has come, without a date or with one that is believed: there will be no better time.
    is_settled: bool,
    /// What [`sure`](Self::sure) said last, and when.
    sure: Option<(Instant, i64)>,
    /// What `ahead` was when that was the server's time.
    steady: i64,
}

impl Clock {
    /// The server's time, in microseconds since 1970; ours where it never told.
    pub(super) fn at(&self, now: Now) -> i64 {
        let by_ours = now.wall.as_microsecond().saturating_add(self.ahead.unwrap_or_default());
        self.since_told(now).map_or(by_ours, |at| at.max(by_ours))
    }

    /// The time by the last date, and by a clock that nobody sets, which stands still where the machine sleeps.
    fn since_told(&self, now: Now) -> Option<i64> {
        let (at, date) = self.told?;
        Some(date.saturating_add(micros(now.instant.saturating_duration_since(at))))
    }

    /// The earliest time that it may be: events may be dated by another clock than answers, and that is most likely ours.
    pub(super) fn least(&self, now: Now) -> i64 {
        let at = self.at(now);
        at.min(now.wall.as_microsecond().max(at.saturating_sub(APART_MOST)))
    }

    /// The latest time that it may be.
    pub(super) fn most(&self, now: Now) -> i64 {
        self.at(now).max(now.wall.as_microsecond())
    }

    /// By how much its clock and ours disagree, in seconds, where that is worth a word.
    pub(super) fn disagrees_by(&self) -> Option<i64> {
        self.ahead.filter(|ahead| ahead.saturating_abs() > FAR).map(|ahead| ahead / SECOND)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// What the first answer says of the time is to be confirmed by another one.
    pub(super) fn is_in_doubt(&self) -> bool {
        !self.is_settled && self.doubtful.is_some()
    }

    /// The server's time, as far as it went by: where a clock is put forward, this one catches up slowly.
    pub(super) fn sure(&mut self, now: Now) -> i64 {
        let told = self.at(now);
        let sure = self.sure.map_or(told, |(at, was)| {
            let gone = micros(now.instant.saturating_duration_since(at));
            told.min(was.saturating_add(gone).saturating_add(gone / 4))
        });
        if sure == told {
            self.steady = self.ahead.unwrap_or_default();
        }
        self.sure = Some((now.instant, sure));
        sure
    }

    /// Takes an answer's date in; the list was last read at `read_until`. Says by how much the clock is found to be wrong, where it was not known before or is
    /// another now.
    pub(super) fn heed(&mut self, now: Now, answer: &RestAnswer, read_until: Option<i64>) -> Option<i64> {
        let Some(date) = answer.header("date").and_then(|date| rfc2822::parse(date.trim()).ok()) else {
            self.is_settled = true;
            return None;
        };
        let date = date.timestamp().as_microsecond();
        if self.stands_still(now, date) {
            self.is_settled = true;
            (self.doubtful, self.told, self.sure, self.steady) = (None, None, None, 0);
            return self.ahead.take().map(|ahead| ahead.saturating_neg());
        }
        let ahead = date.saturating_sub(now.wall.as_microsecond());
        let is_near = |other: i64, most: i64| ahead.saturating_sub(other).saturating_abs() <= most;
        let is_confirmed = self.doubtful.is_some_and(|doubtful| is_near(doubtful, SAME));
        // One of ours that was set changes how far ahead the server's is, and not what it tells.
        let goes_on = self.since_told(now).is_some_and(|at| date.saturating_sub(at).saturating_abs() <= FAR);
        let is_likely = match self.ahead {
            Some(before) => is_near(before, FAR) || goes_on,
            None => is_near(0, FAR) || read_until.is_some_and(|at| date.saturating_sub(at).saturating_abs() <= FAR),
        };
        if !is_likely && !is_confirmed {
            self.doubtful = Some(ahead);
            self.doubts += 1;
            self.is_settled |= self.doubts >= DOUBTS_MOST;
            return None;
        }
        let by = date.saturating_sub(self.at(now));
        let before = self.ahead.replace(ahead);
        self.told = Some((now.instant, date));
        (self.doubtful, self.is_settled) = (None, true);
        if before.is_none() {
            self.sure = self.sure.map(|(at, was)| (at, was.saturating_add(ahead)));
        }
        if is_near(self.steady, SAME) || is_near(0, SAME) {
            // Its clock and ours went on together, or say the same: neither was set. Where both made a step the machine slept.
            self.sure = Some((now.instant, self.at(now)));
        }
        match before {
            Some(_) if is_likely && by.saturating_abs() <= FAR => None,
            _ => Some(by),
        }
    }

    fn stands_still(&mut self, now: Now, date: i64) -> bool {
        let (since, _) = *self.still.insert(self.still.filter(|(_, was)| *was == date).unwrap_or((now.instant, date)));
        now.instant.saturating_duration_since(since) >= STILL
    }
}
