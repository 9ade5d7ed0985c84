//! One clock for all processes: the system's time of day, with which events tell when they were due.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::Outcome;

/// Nanoseconds since 1970.
pub(crate) fn now() -> i128 {
    nanos(SystemTime::now())
}

fn nanos(moment: SystemTime) -> i128 {
    moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos().cast_signed())
}

/// The same from the text in an event.
pub(crate) fn of_text(text: &str) -> Outcome<i128> {
    let time: Timestamp = text.parse().map_err(|error| format!("{text:?} is no time: {error}"))?;
    Ok(time.as_nanosecond())
}

/// The most by which the clock may have been set while something was measured, in nanoseconds: a step that is smaller cannot be told from
/// the readings.
const STEP: i128 = 50_000;

/// Notices when somebody sets the clock: against the one that nobody can set, which the system speeds up and slows down just as much.
pub(crate) struct Steps {
    began: Instant,
    apart: i128,
}

impl Steps {
    pub(crate) fn watch() -> Self {
        let began = Instant::now();
        Self { began, apart: apart(began) }
    }

    /// Fails if the clock was set.
    pub(crate) fn check(&self) -> Outcome<()> {
        let step = apart(self.began) - self.apart;
        if step.abs() > STEP {
            return Err(format!("the clock was set by {step} ns while delays were measured; measure again").into());
        }
        Ok(())
    }
}

/// What is between the clocks: of several readings the one that took the least time, as a process may be made to wait in the midst of one.
fn apart(began: Instant) -> i128 {
    let readings = (0..100).map(|_| {
        let (before, wall, after) = (began.elapsed(), now(), began.elapsed());
        let middle = i128::midpoint(before.as_nanos().cast_signed(), after.as_nanos().cast_signed());
        (after - before, wall - middle)
    });
    readings.min().map_or(0, |(_, apart)| apart)
}
