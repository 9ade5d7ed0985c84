//! What goes wrong in a demo, and when.

use std::time::Duration;

use watchpost::simulator::milestone::DropHow;

/// How long the script takes where there is time enough; then it begins anew.
const CYCLE: Duration = Duration::from_secs(60);
/// How long the script takes at least. In a shorter demo not everything happens.
const SHORTEST: Duration = Duration::from_secs(10);
/// How long the simulator keeps a lost session, where there is time enough.
const WINDOW: Duration = Duration::from_secs(5);
/// How much longer than that it stays away.
const LONGER: Duration = Duration::from_secs(1);

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub(super) enum Break {
    /// The socket is lost, and the session can be resumed.
    Drop(DropHow, &'static str),
    /// The gateway is away for longer than it keeps the session.
    Outage,
}

/// In which part of the cycle what breaks. After an outage it takes a while until there is a socket to break again.
const SCRIPT: [(f64, Break); 5] = [
    (0.167, Break::Drop(DropHow::Close(1001), "closes the socket, as a gateway does that is recycled")),
    (0.333, Break::Outage),
    (0.6, Break::Drop(DropHow::Reset, "resets the TCP connection")),
    (0.75, Break::Drop(DropHow::MidFrame, "resets the TCP connection in the middle of a frame")),
    (0.867, Break::Drop(DropHow::HalfOpen, "falls silent without a word, as if a cable were cut")),
];

/// The times of a demo; all shorter in a short one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    cycle: Duration,
    /// How long the simulator keeps a lost session.
    pub(super) window: Duration,
    /// How long an outage lasts.
    pub(super) outage: Duration,
    /// How long the connection is left alone after a break is mended.
    pub(super) rest: Duration,
}

impl Timing {
    /// For a demo of this length, or one without an end.
    pub(super) fn new(length: Option<Duration>) -> Self {
        let cycle = length.map_or(CYCLE, |length| length.clamp(SHORTEST, CYCLE));
        let window = WINDOW.min(Duration::from_secs(cycle.as_secs()) / 6).max(SHORTEST / 10);
        // In whole tenths, for those who read it.
        let tenths = u64::try_from(window.as_millis() / 100).unwrap_or(1);
        let window = Duration::from_millis(tenths * 100);
        Self { cycle, window, outage: window + LONGER, rest: cycle / 20 }
    }

    /// After so long everything begins anew.
    pub(super) fn cycle(&self) -> Duration {
        self.cycle
    }

    /// How long the house counts down before it is armed.
    pub(super) fn exit_delay(&self) -> Duration {
        (self.cycle / 15).clamp(Duration::from_secs(1), Duration::from_secs(3))
    }

    /// When the `nth` break is due, counted from the start, and which it is.
    pub(super) fn nth(&self, nth: usize) -> (Duration, Break) {
        let (part, what) = SCRIPT[nth % SCRIPT.len()];
        let cycles = u32::try_from(nth / SCRIPT.len()).unwrap_or(u32::MAX);
        (self.cycle.saturating_mul(cycles) + self.cycle.mul_f64(part), what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_break_lies_within_the_demo_and_an_outage_outlasts_the_window() {
        for seconds in [10, 15, 30, 60, 600] {
            let length = Duration::from_secs(seconds);
            let timing = Timing::new(Some(length));
            assert!(timing.outage > timing.window);
            assert!(timing.nth(SCRIPT.len() - 1).0 < length.min(CYCLE));
            assert!((0..20).map(|nth| timing.nth(nth).0).is_sorted());
        }
    }
}
