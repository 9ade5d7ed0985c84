//! Time as XProtect writes it: UTC with seven fraction digits and a `Z`, as observed on 2025 R2 sites.

use std::time::{SystemTime, UNIX_EPOCH};

/// How many ticks of 100 ns make a second.
pub(super) const SECOND: u64 = 10_000_000;

/// Ticks of 100 ns since 1970.
pub(super) type Ticks = u64;

pub(super) fn now() -> Ticks {
    at(SystemTime::now())
}

pub(super) fn at(moment: SystemTime) -> Ticks {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() * SECOND + u64::from(since.subsec_nanos() / 100)
}

/// `2025-06-11T09:17:59.1234567Z`: always 28 characters.
pub(super) fn text(ticks: Ticks) -> String {
    let seconds = i64::try_from(ticks / SECOND).unwrap_or(0);
    let second = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    format!("{}.{:07}Z", second.strftime("%Y-%m-%dT%H:%M:%S"), ticks % SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_seven_fraction_digits_whatever_they_are() {
        assert_eq!(text(0), "1970-01-01T00:00:00.0000000Z");
        assert_eq!(text(17_496_334_791_234_567), "2025-06-11T09:17:59.1234567Z");
    }
}
