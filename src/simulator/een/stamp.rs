//! Time as the API writes it: `YYYYMMDDhhmmss.xxx`, UTC (Eagle Eye API, definition of terms).

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(super) type Millis = u64;

pub(super) const DAY: Millis = 24 * 3600 * 1000;

pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn text(millis: Millis) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or(0);
    let second = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    format!("{}.{:03}", second.strftime("%Y%m%d%H%M%S"), millis % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_fraction_digits_whatever_they_are() {
        assert_eq!(text(0), "19700101000000.000");
        assert_eq!(text(1_542_819_011_007), "20181121165011.007");
    }
}
