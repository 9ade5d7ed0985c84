//! When to ping, and when to give a silent server up. A pure value.
//!
//! Connections ping in step: at the last beat before their silence is long enough. So of thousands of quiet ones many wake at a time, their
//! answers come together, and what they have to store goes into the journal together; one by one, each would cost a wait for the disk.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Beats within the time after which a silent server is pinged.
const BEATS: u32 = 20;

/// The first beat, for all connections of the process.
static FIRST_BEAT: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The watch over one socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Liveness {
    first_beat: Instant,
    ping_after: Duration,
    dead_after: Duration,
    /// The last sign of life, or the last moment at which we were not listening ourselves.
    heard: Instant,
    /// When the first and the last ping since then were sent.
    pinged: Option<(Instant, Instant)>,
    /// A slow answer is awaited: silence until then is no death.
    patience: Option<Instant>,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    Dead,
}

impl Liveness {
    pub(super) fn new(ping_after: Duration, dead_after: Duration, now: Instant) -> Self {
        Self { first_beat: *FIRST_BEAT, ping_after, dead_after, heard: now, pinged: None, patience: None }
    }

    /// A byte came at `at`.
    pub(super) fn heard(&mut self, at: Instant) {
        if at > self.heard {
            self.heard = at;
            self.pinged = None;
        }
    }

    pub(super) fn set_patience(&mut self, until: Option<Instant>, now: Instant) {
        if until.is_none() && self.patience.is_some() {
            // The server may have been busy until now; it gets the usual time from here.
            self.heard(now);
        }
        self.patience = until;
    }

    /// Never without a ping: had we been too busy to send one, the silence would be ours. It has its full time to be answered.
    fn dies_at(&self) -> Option<Instant> {
        let (first, _) = self.pinged?;
        let dies = (self.heard + self.dead_after).max(first + self.dead_after.saturating_sub(self.ping_after));
        Some(self.patience.map_or(dies, |until| dies.max(until)))
    }

    /// At a beat, up to a twentieth early.
    fn pings_at(&self) -> Instant {
        let latest = self.pinged.map_or(self.heard, |(_, last)| last) + self.ping_after;
        let beat = (self.ping_after / BEATS).as_nanos().max(1);
        let early = latest.saturating_duration_since(self.first_beat).as_nanos() % beat;
        latest - Duration::from_nanos(u64::try_from(early).unwrap_or(0))
    }

    /// The next moment to look.
    pub(super) fn next(&self) -> Instant {
        self.dies_at().map_or(self.pings_at(), |dies| dies.min(self.pings_at()))
    }

    /// What is due. Ask only when there is nothing to read: an answer may be there already.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        if self.dies_at().is_some_and(|dies| now >= dies) {
            Due::Dead
        } else if now >= self.pings_at() {
            self.pinged = Some((self.pinged.map_or(now, |(first, _)| first), now));
            Due::Ping
        } else {
            Due::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn liveness() -> (Liveness, Instant) {
        let now = Instant::now();
        (Liveness { first_beat: now, ..Liveness::new(SECOND * 5, SECOND * 12, now) }, now)
    }

    #[test]
    fn quiet_connections_ping_in_step_and_never_late() {
        let (liveness, start) = liveness();
        let beat = SECOND / 4;
        let pings: Vec<_> = (0..1_000)
            .map(|n| {
                let heard = start + Duration::from_millis(n * 7);
                let pings = Liveness { heard, ..liveness }.next();
                assert!(pings <= heard + SECOND * 5 && pings + beat > heard + SECOND * 5, "{n}");
                pings
            })
            .collect();
        let beats: std::collections::BTreeSet<_> = pings.into_iter().collect();
        assert_eq!(beats.len(), 28, "a thousand that fell silent within seven seconds");
    }

    #[test]
    fn a_silent_server_is_pinged_and_then_given_up_early_enough_to_resume() {
        let (mut liveness, start) = liveness();
        assert_eq!(liveness.due(start + SECOND * 4), Due::Nothing);
        assert_eq!(liveness.due(start + SECOND * 5), Due::Ping);
        assert_eq!(liveness.due(start + SECOND * 6), Due::Nothing);
        assert_eq!(liveness.due(start + SECOND * 10), Due::Ping);
        assert_eq!(liveness.next(), start + SECOND * 12);
        assert_eq!(liveness.due(start + SECOND * 12), Due::Dead);
    }

    #[test]
    fn a_byte_is_a_sign_of_life() {
        let (mut liveness, start) = liveness();
        assert_eq!(liveness.due(start + SECOND * 5), Due::Ping);
        liveness.heard(start + SECOND * 6);
        assert_eq!(liveness.next(), start + SECOND * 11);
        assert_eq!(liveness.due(start + SECOND * 13), Due::Ping);
    }

    #[test]
    fn a_server_that_answers_pings_is_kept_for_hours() {
        let (mut liveness, start) = liveness();
        let (mut now, mut pings) = (start, 0_u32);
        while now < start + SECOND * 3_600 * 2 {
            now = liveness.next();
            let due = liveness.due(now);
            assert_ne!(due, Due::Dead, "after {:?}", now - start);
            if due == Due::Ping {
                pings += 1;
                liveness.heard(now + SECOND / 10);
            }
        }
        assert!((1_400..=1_500).contains(&pings), "{pings} pings, one in five seconds");
    }

    #[test]
    fn our_own_slowness_is_not_taken_for_the_servers_silence() {
        let (mut liveness, start) = liveness();
        // The thread was busy for a minute: nobody has asked the server anything.
        assert_eq!(liveness.due(start + SECOND * 60), Due::Ping);
        assert_eq!(liveness.due(start + SECOND * 66), Due::Ping);
        assert_eq!(liveness.next(), start + SECOND * 67);
        assert_eq!(liveness.due(start + SECOND * 67), Due::Dead);
    }

    #[test]
    fn silence_is_no_death_while_a_slow_answer_is_awaited() {
        let (mut liveness, start) = liveness();
        liveness.set_patience(Some(start + SECOND * 60), start);
        assert_eq!(liveness.due(start + SECOND * 58), Due::Ping);
        assert_eq!(liveness.due(start + SECOND * 59), Due::Nothing);
        assert_eq!(liveness.due(start + SECOND * 65), Due::Dead);
        liveness.set_patience(None, start + SECOND * 60);
        assert_eq!(liveness.due(start + SECOND * 61), Due::Nothing);
    }
}
