//! What a run is asked for.

use std::{env, fmt, time::Duration};

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// For how long there is trouble.
    pub(crate) trouble: Duration,
}

impl Plan {
    /// What the environment asks for: one run of half a minute unless it says otherwise, for a run needs about as long again to come to rest.
    pub(crate) fn asked_for() -> Vec<Self> {
        let first = number("WATCHPOST_CHAOS_SEED").unwrap_or(1);
        let runs = number("WATCHPOST_CHAOS_RUNS").unwrap_or(1);
        let trouble = Duration::from_secs(number("WATCHPOST_CHAOS_SECONDS").unwrap_or(30));
        (first..first + runs).map(|seed| Self { seed, trouble }).collect()
    }

    /// For how long a lost session of Milestone can be resumed: not at all after most kills, after many, or after nearly all.
    pub(crate) const fn window(self) -> Duration {
        Duration::from_secs([2, 10, 30][(self.seed % 3) as usize])
    }

    /// Of half of the seeds all faults are such that the histories of SimpliSafe and VXG have everything in the end, so that any gap of theirs is one too many.
    pub(crate) const fn is_mild(self) -> bool {
        self.seed % 2 == 1
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().and_then(|text| text.parse().ok())
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WATCHPOST_CHAOS_SEED={} WATCHPOST_CHAOS_SECONDS={}", self.seed, self.trouble.as_secs())
    }
}
