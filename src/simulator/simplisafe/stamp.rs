//! Time as this protocol writes it: whole seconds since 1970, and ISO 8601 in envelopes.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970.
pub(super) type Seconds = i64;

pub(super) fn now() -> Seconds {
    millis() / 1000
}

pub(super) fn millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `2021-09-29T23:14:46.000Z`: live messages have no fraction.
pub(super) fn iso(seconds: Seconds) -> String {
    let second = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    second.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_live_messages_have_it() {
        assert_eq!(iso(1_632_957_286), "2021-09-29T23:14:46.000Z");
    }
}
