//! Why nobody enters, or one at a time: a pause, a refusal, or what may be one.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::AuthorizeError;
use crate::refusals::Refused;

/// After a refused login, the one further try.
pub(super) const FURTHER_TRY: Duration = Duration::from_secs(600);
/// For how long the next answer that may mean a refusal means one, unless a login is granted.
pub(super) const DOUBTED: Duration = Duration::from_secs(600);

/// Nobody enters for a while.
pub(super) struct Closed {
    pub(super) why: Arc<str>,
    pub(super) until: Instant,
    pub(super) kind: Kind,
}

/// What that means for those at the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The server could not be asked: they are turned away, until a login has worked after all.
    Dead,
    /// The server has asked for it. They are turned away.
    Asked,
    /// The same, for a short while: they wait.
    Brief,
}

pub(super) struct Refusal {
    why: Arc<str>,
    pub(super) count: u32,
    again_at: Option<Instant>,
    /// The last turn before it. Whatever comes of that one and those before is of the same round.
    turns: u64,
}

/// The server may have said no.
pub(super) struct Doubt {
    since: Instant,
    /// The last turn before it. Those were not made after a pause.
    turns: u64,
}

impl Refusal {
    /// Another one, of so many turns; the first is followed by one further try.
    pub(super) fn after(before: Option<Self>, why: Arc<str>, turns: u64) -> Self {
        let count = before.map_or(0, |refusal| refusal.count) + 1;
        Self { why, count, again_at: (count == 1).then(|| Instant::now() + FURTHER_TRY), turns }
    }

    pub(super) fn of_earlier_process(refused: Refused) -> Self {
        let again_at = (refused.count == 1).then(|| further_try(refused.at));
        Self { again_at, why: refused.why.into(), count: refused.count, turns: 0 }
    }

    /// Nobody enters.
    pub(super) fn stands(&self, now: Instant) -> bool {
        self.again_at.is_none_or(|at| at > now)
    }

    /// Whether this turn was no later.
    pub(super) fn covers(&self, turn: u64) -> bool {
        turn <= self.turns
    }

    pub(super) fn error(&self) -> AuthorizeError {
        AuthorizeError::Refused { why: Arc::clone(&self.why), again_at: self.again_at.map(Instant::into_std) }
    }
}

impl Doubt {
    /// It began after so many turns.
    pub(super) fn behind(turns: u64) -> Self {
        Self { since: Instant::now(), turns }
    }

    pub(super) fn stands(&self) -> bool {
        self.since.elapsed() < DOUBTED
    }

    /// Whether this turn was no later.
    pub(super) fn covers(&self, turn: u64) -> bool {
        turn <= self.turns
    }
}

/// When the one further try is due, of a refusal at a time that an earlier process has noted.
fn further_try(refused: jiff::Timestamp) -> Instant {
    let passed = jiff::Timestamp::now().duration_since(refused).unsigned_abs();
    Instant::now() + FURTHER_TRY.saturating_sub(passed)
}
