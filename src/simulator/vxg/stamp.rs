//! Time as this protocol writes it: naive UTC, `2021-09-23T16:30:00`, with microseconds where there are any.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970.
pub(super) type Micros = i64;

pub(super) const SECOND: Micros = 1_000_000;

/// This machine's clock, so many milliseconds ahead.
pub(super) fn now(ahead: i64) -> Micros {
    of(SystemTime::now()).saturating_add(ahead.saturating_mul(1000))
}

pub(super) fn of(time: SystemTime) -> Micros {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |before| -before),
    }
}

pub(super) fn span(duration: Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn system_time(micros: Micros) -> SystemTime {
    let size = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 { UNIX_EPOCH - size } else { UNIX_EPOCH + size }
}

/// As Python's `isoformat` writes it: six digits of a second, or none.
pub(super) fn text(micros: Micros) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    let form = if micros % SECOND == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%dT%H:%M:%S.%6f" };
    time.strftime(form).to_string()
}

/// Reads a naive time, or one with a zone.
pub(super) fn read(text: &str) -> Option<Micros> {
    if !text.contains('T') {
        return None;
    }
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let naive = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    Some(zoned.or_else(|| Some(naive()?.timestamp()))?.as_microsecond())
}

/// The header `Date`.
pub(super) fn http_date(micros: Micros) -> String {
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written_and_with_a_zone() {
        let page = read("2021-09-23T16:30:00").unwrap();
        assert_eq!(page, 1_632_414_600 * SECOND);
        assert_eq!(text(page), "2021-09-23T16:30:00");
        assert_eq!(text(page + 5), "2021-09-23T16:30:00.000005");
        for same in ["2021-09-23T16:30:00Z", "2021-09-23T16:30:00.000Z", "2021-09-23T18:30:00+02:00"] {
            assert_eq!(read(same), Some(page), "{same}");
        }
        assert_eq!(read("2021-08-06T15:41:37.662355").map(text).unwrap(), "2021-08-06T15:41:37.662355");
        for wrong in ["", "yesterday", "2021-09-23", "1632414600", "2021-13-01T00:00:00"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(of(system_time(page)), page);
        assert_eq!(http_date(page), "Thu, 23 Sep 2021 16:30:00 GMT");
    }
}
