//! SimpliSafe's times: seconds since 1970, in UTC.

use jiff::Timestamp;

/// A time as RFC 3339 writes it, in whole seconds: `2021-09-29T23:14:46Z`. `None` for 0, which stands for no time, and for what is no time at all.
#[must_use]
pub fn text(seconds: i64) -> Option<String> {
    (seconds > 0).then(|| Timestamp::from_second(seconds).ok()).flatten().map(|time| time.to_string())
}
