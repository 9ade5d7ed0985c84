//! EEN's timestamps: UTC, `YYYYMMDDhhmmss.xxx`.

use std::fmt;
use std::ops::Deref;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Why a text is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no timestamp of the form YYYYMMDDhhmmss.xxx")]
pub struct TimeError(String);

/// Reads a timestamp. The fraction may have 1 to 9 digits, or be absent with its point.
///
/// # Errors
/// [`TimeError`] for any other text, and for days and hours that there are not.
pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
    read(text).ok_or_else(|| TimeError(text.chars().take(40).collect()))
}

fn read(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.as_bytes().split_at_checked(14)?;
    let nanosecond = match fraction {
        [] => 0,
        [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
            i32::try_from(number(digits)?).ok()? * 10_i32.pow(9 - digits.len() as u32)
        }
        _ => return None,
    };
    let two = |at: usize| number(&whole[at..at + 2]).and_then(|number| i8::try_from(number).ok());
    let year = number(&whole[..4]).and_then(|year| i16::try_from(year).ok())?;
    let time = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?, nanosecond).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

/// A number of at most nine digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
}

/// A time as EEN writes it, in milliseconds; what is smaller is cut off.
#[must_use]
pub fn write(time: Timestamp) -> String {
    let time = Offset::UTC.to_datetime(time);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}.{:03}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

/// A timestamp as RFC 3339 writes it, with the fraction digits that were sent: `2018-11-21T16:50:11.233Z`. It needs no memory of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339 {
    bytes: [u8; 30],
    len: u8,
}

impl Rfc3339 {
    /// Of a timestamp of EEN's; `None` for what [`parse`] refuses.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        read(text)?;
        let mut bytes = *b"0000-00-00T00:00:00Z\0\0\0\0\0\0\0\0\0\0";
        let (sent, fraction) = text.as_bytes().split_at_checked(14)?;
        for (place, part) in [(0, 0..4), (5, 4..6), (8, 6..8), (11, 8..10), (14, 10..12), (17, 12..14)] {
            bytes[place..place + part.len()].copy_from_slice(&sent[part]);
        }
        let end = 19 + fraction.len();
        bytes[19..end].copy_from_slice(fraction);
        bytes[end] = b'Z';
        Some(Self { bytes, len: end as u8 + 1 })
    }
}

impl Deref for Rfc3339 {
    type Target = str;

    fn deref(&self) -> &str {
        // ASCII by construction.
        self.bytes.get(..usize::from(self.len)).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
