//! How a try ended, and how long to wait after it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::model::Cause;
use crate::retry::RetryClock;

/// How a try ended.
pub(super) struct Ended {
    pub(super) ending: Ending,
    /// When; what was read may have been stored since.
    pub(super) at: Instant,
    /// For how long the vendor had confirmed it, if it had.
    pub(super) online: Option<Duration>,
    /// When the last message came, if nothing was missing then.
    pub(super) heard: Option<Timestamp>,
}

/// Why a try ended.
pub(super) enum Ending {
    Stop,
    Restart,
    Lost { why: Arc<str>, cause: Cause, not_before: Option<Duration> },
    Halt { again_at: Option<Instant> },
}

/// The longest time for which a vendor can ask us to stay away.
const LONGEST: Duration = Duration::from_secs(60);

impl Ended {
    /// How long to wait from `now`. The vendor's window runs since the socket was lost, and storing what was read takes its time.
    pub(super) fn pause(
        &self,
        clock: &mut RetryClock,
        not_before: Option<Duration>,
        now: Instant,
        jitter: f64,
    ) -> Duration {
        // Never sooner than asked for, and not in the same moment as all others that were asked.
        let not_before = not_before.unwrap_or_default().min(LONGEST).mul_f64(1.0 + 0.5 * jitter.clamp(0.0, 1.0));
        let delay = clock.delay(self.at, self.online, jitter).max(not_before);
        delay.saturating_sub(now.saturating_duration_since(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::RetryPolicy;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_is_asked_to_stay_away_does_and_comes_back_at_a_moment_of_its_own() {
        let at = Instant::now();
        let ended = Ended { ending: Ending::Stop, at, online: None, heard: None };
        let pause = |not_before: u32, jitter: f64| {
            let mut clock = RetryClock::new(RetryPolicy::for_window(Duration::ZERO));
            ended.pause(&mut clock, Some(SECOND * not_before), at, jitter)
        };
        assert_eq!([pause(10, 0.0), pause(10, 0.5), pause(10, 1.0)], [SECOND * 10, SECOND * 25 / 2, SECOND * 15]);
        assert_eq!(pause(3_600, 0.0), LONGEST);
    }

    #[test]
    fn the_time_that_storing_took_is_taken_off_the_pause() {
        let at = Instant::now();
        let ended = Ended { ending: Ending::Stop, at, online: Some(SECOND), heard: None };
        let clock = || RetryClock::new(RetryPolicy::for_window(SECOND * 30));
        assert_eq!(ended.pause(&mut clock(), Some(SECOND * 10), at + SECOND * 4, 0.0), SECOND * 6);
        assert_eq!(ended.pause(&mut clock(), None, at + SECOND * 12, 0.0), Duration::ZERO);
        let mut late = clock();
        ended.pause(&mut late, None, at + SECOND * 12, 0.0);
        assert_eq!(late.delay(at + SECOND * 28, None, 0.0), SECOND, "the window began when the socket was lost");
    }
}
