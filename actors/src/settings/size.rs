//! A number of bytes as people write it.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// A number of bytes, written `64MiB`.
///
/// A whole number and a unit: `B`, `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024) or `kB`, `MB`, `GB`, `TB` (powers
/// of 1000). Case and blanks between number and unit do not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Binary units first: they are the ones to print.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
];

/// Why a text is no [`ByteSize`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ByteSizeError {
    /// It does not start with a whole number.
    #[error("a size starts with a whole number")]
    Number,
    /// There is no unit behind the number.
    #[error("a size needs a unit")]
    NoUnit,
    /// The unit is not one of those known.
    #[error("`{0}` is no unit of size")]
    Unit(String),
    /// More bytes than 64 bits can count.
    #[error("the size is too large")]
    TooLarge,
}

impl ByteSize {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1,024 bytes; stops at the largest size there is.
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// So many times 1,048,576 bytes; stops at the largest size there is.
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// So many times 1,073,741,824 bytes; stops at the largest size there is.
    pub const fn gib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 30))
    }

    /// The number of bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The number of bytes as a length in memory; on a machine too small for it, the largest length there is.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim();
        if number.is_empty() {
            return Err(ByteSizeError::Number);
        }
        if unit.is_empty() {
            return Err(ByteSizeError::NoUnit);
        }
        // Only digits are left, so the one way to fail is to have too many of them.
        let number: u64 = number.parse().map_err(|_| ByteSizeError::TooLarge)?;
        let (_, factor) = UNITS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(|| ByteSizeError::Unit(unit.to_owned()))?;
        number.checked_mul(*factor).map(Self).ok_or(ByteSizeError::TooLarge)
    }
}

impl fmt::Display for ByteSize {
    /// The largest binary unit that holds the size without a fraction: `64MiB`, `1536KiB`, `1000B`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) =
            UNITS.iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)).unwrap_or(&("B", 1));
        write!(out, "{}{unit}", self.0 / factor)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("4GiB", 4 << 30),
            ("0B", 0),
            ("12kB", 12_000),
            ("1TB", 1_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize::bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        for (text, why) in [
            ("", ByteSizeError::Number),
            ("MiB", ByteSizeError::Number),
            ("-1MiB", ByteSizeError::Number),
            ("64", ByteSizeError::NoUnit),
            ("64M", ByteSizeError::Unit("M".into())),
            ("1.5GiB", ByteSizeError::Unit(".5GiB".into())),
            ("99999999999999999999B", ByteSizeError::TooLarge),
            ("99999999999TiB", ByteSizeError::TooLarge),
        ] {
            assert_eq!(text.parse::<ByteSize>(), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(bytes: u64) {
            let size = ByteSize::bytes(bytes);
            prop_assert_eq!(size.to_string().parse::<ByteSize>().unwrap(), size);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in ".*") {
            let _ = text.parse::<ByteSize>();
        }
    }
}
