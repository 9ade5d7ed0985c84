//! The server's clock, by the `Date` of its answers: our own may be wrong, and times are asked for by its.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

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
}

impl Clock {
    /// The server's time, in microseconds since 1970; ours where it never told.
    pub(super) fn at(&self, now: Now) -> i64 {
        now.wall.as_microsecond().saturating_add(self.ahead.unwrap_or_default())
    }

    /// Takes an answer's date in. Says by how much the clock is found to be wrong, where it was not known before.
    pub(super) fn heed(&mut self, now: Now, answer: &RestAnswer) -> Option<i64> {
        let date: Timestamp = rfc2822::parse(answer.header("date")?.trim()).ok()?.timestamp();
        let ahead = date.as_microsecond().saturating_sub(now.wall.as_microsecond());
        let is_near = |other: i64, most: i64| ahead.saturating_sub(other).saturating_abs() <= most;
        match self.ahead {
            None => {
                self.ahead = Some(ahead);
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
