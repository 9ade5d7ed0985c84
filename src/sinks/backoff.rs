//! How long a sink waits between two tries.

use std::time::Duration;

/// The pause after a first failure; it doubles from there.
const FIRST: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// Growing pauses, each up to a quarter shorter at random, so that the lanes of a receiver that comes back do not all come at once.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// The pause before the next try; at least what the receiver asked for.
    pub(super) fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.next.mul_f64(rand::random_range(0.75..=1.0));
        self.next = (self.next * 2).min(LONGEST);
        pause.max(asked.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute_and_what_was_asked_for_is_kept() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..10).map(|_| backoff.pause(None)).collect();
        for (index, pause) in pauses.iter().enumerate() {
            let full = (FIRST * (1 << index)).min(LONGEST);
            assert!(*pause <= full && *pause >= full.mul_f64(0.75), "{index}: {pause:?}");
        }
        assert_eq!(Backoff::new().pause(Some(Duration::from_secs(90))), Duration::from_secs(90));
    }
}
