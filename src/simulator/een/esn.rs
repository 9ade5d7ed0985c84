//! Ids of accounts, users and devices.

use std::fmt;

/// An ESN: written as 8 hexadecimal digits in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Esn(pub(super) u32);

impl Esn {
    pub(super) fn read(text: &str) -> Option<Self> {
        let digits = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        digits.then(|| u32::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for Esn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_esn_is_8_digits_in_lower_case() {
        assert_eq!(Esn::read("00004206"), Some(Esn(0x4206)));
        assert_eq!(Esn(0x4206).to_string(), "00004206");
        for wrong in ["4206", "0000420", "000042060", "0000420G", "0000420F", "+0004206", ""] {
            assert_eq!(Esn::read(wrong), None, "{wrong}");
        }
    }
}
