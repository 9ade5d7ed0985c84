//! When to try again: the clock of a connection that was lost.
//!
//! A pure value. While the vendor would still resume the session, tries come every few seconds, one or two of them just before the window
//! closes; after that they back off to once a minute. A connection that comes up and drops at once does not reset the clock.

use std::time::{Duration, Instant};

/// The delays of one connection.
#[derive(Debug, Clone)]
pub(crate) struct RetryPolicy {
    /// How long the vendor keeps a lost session; zero where there is nothing to resume.
    pub(crate) window: Duration,
    /// A connection that lived this long is tried again at once when it is lost.
    pub(crate) lived: Duration,
    /// One step inside the window: delays are 1, 2, 3, 3 … of these.
    pub(crate) step: Duration,
    /// First delay after the window; it doubles from there.
    pub(crate) first: Duration,
    /// The longest delay.
    pub(crate) longest: Duration,
    /// Online for this long, the clock starts anew.
    pub(crate) reset_after: Duration,
}

impl RetryPolicy {
    /// The policy for a vendor that keeps a lost session for `window`.
    ///
    /// With 30 s: at once after 30 s of life, else 1, 2, 3, 3 … s inside the window, then 2, 4 … 60 s. A shorter window (in tests, say)
    /// shortens what happens inside it and leaves the rest.
    #[must_use]
    pub(crate) fn for_window(window: Duration) -> Self {
        let usual = Duration::from_secs(30);
        let scale = if window.is_zero() { usual } else { window.min(usual) };
        Self {
            window,
            lived: scale,
            step: scale / 30,
            first: Duration::from_secs(2),
            longest: Duration::from_secs(60),
            reset_after: scale * 2,
        }
    }
}

/// The clock itself.
#[derive(Debug)]
pub(crate) struct RetryClock {
    policy: RetryPolicy,
    inside: u32,
    outside: u32,
    window_ends: Option<Instant>,
}

impl RetryClock {
    /// A clock that has seen no failure.
    #[must_use]
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, inside: 0, outside: 0, window_ends: None }
    }

    /// A connection has ended, or a try has failed: how long to wait.
    ///
    /// `online` is how long the vendor had confirmed it, if it had; `jitter` is a random number from 0 to 1.
    pub(crate) fn delay(&mut self, now: Instant, online: Option<Duration>, jitter: f64) -> Duration {
        if let Some(online) = online {
            self.window_ends = Some(now + self.policy.window);
            self.outside = 0;
            if online >= self.policy.reset_after {
                self.inside = 0;
            }
            if online >= self.policy.lived {
                return Duration::ZERO;
            }
        }
        // Up to a quarter less, so that thousands of connections do not come back in one moment.
        let shorter = |delay: Duration| delay.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0));
        let step = self.policy.step;
        // The last try must leave time to connect.
        let last = self.window_ends.and_then(|end| end.checked_sub(step)).filter(|last| now < *last);
        if let Some(last) = last {
            self.inside = (self.inside + 1).min(3);
            // One try shortly before the end, or two, never hard on the heels of another, and not in the same moment as those of all
            // other connections that were lost together.
            let last = last.saturating_duration_since(now).saturating_sub(step.mul_f64(0.75 * jitter.clamp(0.0, 1.0)));
            return shorter(step * self.inside).min(last).max(step.mul_f64(0.75));
        }
        let delay = self.policy.first.saturating_mul(1 << self.outside.min(16)).min(self.policy.longest);
        self.outside += 1;
        shorter(delay)
    }
}

/// A random number from 0 to 1 for jitter.
pub(crate) fn jitter() -> f64 {
    rand::random()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn clock() -> (RetryClock, Instant) {
        (RetryClock::new(RetryPolicy::for_window(SECOND * 30)), Instant::now())
    }

    /// The moments of the tries of an outage, in seconds after the break.
    fn tries(online: Duration, count: usize, jitter: f64) -> Vec<f64> {
        let (mut clock, start) = clock();
        let (mut now, mut online, mut tries) = (start, Some(online), Vec::new());
        for _ in 0..count {
            now += clock.delay(now, online.take(), jitter);
            tries.push((now - start).as_secs_f64());
        }
        tries
    }

    #[test]
    fn a_connection_that_lived_is_tried_at_once_and_then_every_few_seconds() {
        assert_eq!(tries(SECOND * 30, 12, 0.0), [0.0, 1.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0, 24.0, 27.0, 29.0]);
        assert_eq!(tries(SECOND, 4, 0.0), [1.0, 3.0, 6.0, 9.0]);
    }

    #[test]
    fn an_outage_of_28_seconds_is_tried_again_inside_the_window_whatever_the_jitter() {
        for jitter in [0.0, 0.1, 0.37, 0.5, 0.99, 1.0] {
            let tries = tries(SECOND * 60, 30, jitter);
            assert!(tries.iter().any(|at| (28.0..=29.0).contains(at)), "{jitter}: {tries:?}");
        }
    }

    #[test]
    fn the_last_tries_of_connections_that_were_lost_together_do_not_come_together() {
        let mut last: Vec<_> = (0..=1_000)
            .map(|n| {
                let (mut clock, now) = clock();
                clock.delay(now, Some(SECOND), 0.5);
                clock.inside = 3;
                clock.delay(now + SECOND * 27, None, f64::from(n) / 1_000.0)
            })
            .collect();
        last.sort();
        assert!(last[750] - last[250] > SECOND / 4, "half of them in {:?}", last[750] - last[250]);
        assert!(last.iter().all(|delay| (SECOND * 5 / 4..=SECOND * 2).contains(delay)));
    }

    #[test]
    fn the_last_try_inside_the_window_does_not_follow_hard_on_another() {
        let (mut clock, start) = clock();
        clock.delay(start, Some(SECOND), 0.0);
        let almost = start + SECOND * 29 - Duration::from_millis(5);
        assert_eq!(clock.delay(almost, None, 0.0), Duration::from_millis(750));
    }

    #[test]
    fn after_the_window_delays_double_up_to_a_minute() {
        let tries = tries(SECOND * 30, 20, 0.0);
        let delays: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).skip(11).collect();
        assert_eq!(delays[..7], [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);
    }

    #[test]
    fn a_server_that_confirms_and_drops_at_once_is_never_tried_faster_than_its_back_off() {
        let (mut clock, mut now) = clock();
        let mut delays = Vec::new();
        for _ in 0..6 {
            let delay = clock.delay(now, Some(Duration::from_millis(5)), 1.0);
            delays.push(delay.as_secs_f64());
            now += delay;
        }
        assert_eq!(delays, [0.75, 1.5, 2.25, 2.25, 2.25, 2.25]);
    }

    #[test]
    fn a_server_that_refuses_from_the_start_is_tried_ever_more_seldom() {
        let (mut clock, mut now) = clock();
        let mut total = Duration::ZERO;
        for _ in 0..8 {
            let delay = clock.delay(now, None, 1.0);
            now += delay;
            total += delay;
        }
        assert!(total > SECOND * 180, "{total:?}");
    }

    #[test]
    fn a_minute_online_starts_the_clock_anew() {
        let (mut clock, now) = clock();
        for _ in 0..3 {
            clock.delay(now, Some(SECOND), 0.0);
        }
        assert_eq!(clock.delay(now, Some(SECOND * 60), 0.0), Duration::ZERO);
        assert_eq!(clock.delay(now, None, 0.0), SECOND);
    }

    #[test]
    fn jitter_is_a_share() {
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&jitter()));
        }
    }
}
