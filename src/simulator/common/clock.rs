//! What a simulator's clock brings: events at a steady rate, and what was put off.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Counts what is due at a rate.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Rate {
    /// The part of an event that is owed.
    owed: f64,
}

impl Rate {
    /// How many are due after so much more time at `rate` a second.
    pub(in crate::simulator) fn due(&mut self, rate: f64, passed: Duration) -> usize {
        self.owed += rate * passed.as_secs_f64();
        let due = self.owed.floor();
        self.owed -= due;
        due as usize
    }
}

/// What is put off, each to a time of its own. What is due at the same time comes in the order in which it was put off.
pub(in crate::simulator) struct Timers<T> {
    waiting: BTreeMap<(Instant, u64), T>,
    next: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), next: 0 }
    }
}

impl<T> Timers<T> {
    pub(in crate::simulator) fn put_off(&mut self, due: Instant, what: T) {
        self.waiting.insert((due, self.next), what);
        self.next += 1;
    }

    /// Takes the earliest that is due by now.
    pub(in crate::simulator) fn take_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }
}
