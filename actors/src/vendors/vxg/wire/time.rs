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

/// A time as VXG writes it, in microseconds where it is not whole seconds; what is smaller is cut off: `2021-09-23T16:30:00`,
/// `2021-08-06T15:41:37.662355`.
#[must_use]
pub fn write(time: Timestamp) -> String {
    let time = Offset::UTC.to_datetime(time);
    let (whole, micros) = (time.strftime("%Y-%m-%dT%H:%M:%S"), time.subsec_nanosecond() / 1_000);
    if micros == 0 { whole.to_string() } else { format!("{whole}.{micros:06}") }
}
