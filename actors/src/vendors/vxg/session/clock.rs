//! The server's clock, by the `Date` of its answers: our own may be wrong, and times are asked for by its.

use std::time::Instant;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::polls::micros;
use super::walk::SECOND;
use crate::transport::request::RestAnswer;
use crate::vendors::Now;

/// A date that is further off than this from what it was is believed when another one says so, too.
const JUMP: i64 = 3_600 * SECOND;
/// Two dates that differ by no more say the same.
const SAME: i64 = 60 * SECOND;

/// How far the server's clock is ahead of ours, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Clock {
    ahead: Option<i64>,
    doubtful: Option<i64>,
    /// An answer has come, with a date or without: there will be no better time.
    is_settled: bool,
    /// What [`sure`](Self::sure) said last, and when.
    sure: Option<(Instant, i64)>,
}

impl Clock {
    /// The server's time, in microseconds since 1970; ours where it never told.
    pub(super) fn at(&self, now: Now) -> i64 {
        now.wall.as_microsecond().saturating_add(self.ahead.unwrap_or_default())
    }

    pub(super) fn is_settled(&self) -> bool {
        self.is_settled
    }

    /// The server's time, as far as it went by: where a clock is put forward, this one catches up slowly.
    pub(super) fn sure(&mut self, now: Now) -> i64 {
        let told = self.at(now);
        let sure = self.sure.map_or(told, |(at, was)| {
            let gone = micros(now.instant.saturating_duration_since(at));
            told.min(was.saturating_add(gone).saturating_add(gone / 4))
        });
        self.sure = Some((now.instant, sure));
        sure
    }

    /// Takes an answer's date in. Says by how much the clock is found to be wrong, where it was not known before.
    pub(super) fn heed(&mut self, now: Now, answer: &RestAnswer) -> Option<i64> {
        self.is_settled = true;
        let date: Timestamp = rfc2822::parse(answer.header("date")?.trim()).ok()?.timestamp();
        let ahead = date.as_microsecond().saturating_sub(now.wall.as_microsecond());
        let is_near = |other: i64, most: i64| ahead.saturating_sub(other).saturating_abs() <= most;
        match self.ahead {
            None => {
                self.ahead = Some(ahead);
                self.sure = self.sure.map(|(at, was)| (at, was.saturating_add(ahead)));
                return Some(ahead);
            }
            Some(before) if is_near(before, JUMP) || self.doubtful.is_some_and(|doubtful| is_near(doubtful, SAME)) => {
                (self.ahead, self.doubtful) = (Some(ahead), None);
            }
            Some(_) => self.doubtful = Some(ahead),
        }
        None
    }
}
