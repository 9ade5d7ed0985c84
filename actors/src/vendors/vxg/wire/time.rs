//! VXG's times: ISO 8601 in UTC without a zone, with or without a fraction (VXG's pages and clients).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Reads a time. A `Z` or an offset is believed; without either it is UTC. `None` for what is no time, or none that can be counted.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // The other way round an offset would be passed over.
    text.parse().ok().or_else(|| Offset::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

/// Whether a text, with a `Z`, would be a time of RFC 3339: `2021-09-23T16:30:00`, with or without a fraction.
#[must_use]
pub(super) fn is_plain(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = |(byte, like): (u8, u8)| if like == b'0' { byte.is_ascii_digit() } else { byte == like };
    const LIKE: &[u8] = b"0000-00-00T00:00:00";
    whole.len() == LIKE.len() && whole.bytes().zip(LIKE.iter().copied()).all(fits) && fraction.is_none_or(is_digits)
}

/// A time as VXG writes it, in microseconds where it is not whole seconds; what is smaller is cut off: `2021-09-23T16:30:00`,
/// `2021-08-06T15:41:37.662355`.
#[must_use]
pub fn write(time: Timestamp) -> String {
    let time = Offset::UTC.to_datetime(time);
    let (whole, micros) = (time.strftime("%Y-%m-%dT%H:%M:%S"), time.subsec_nanosecond() / 1_000);
    if micros == 0 { whole.to_string() } else { format!("{whole}.{micros:06}") }
}
