//! In how many ways a text can stand in another: as it is, percent-encoded, with the escapes of JSON, and within base64.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter pieces of base64 may stand anywhere by chance.
const SHORTEST_PIECE: usize = 8;

/// How a text is read.
#[derive(Clone, Copy)]
struct Reading {
    percent: bool,
    escapes: bool,
}

const READINGS: [Reading; 4] = [
    Reading { percent: false, escapes: false },
    Reading { percent: true, escapes: false },
    Reading { percent: false, escapes: true },
    Reading { percent: true, escapes: true },
];

/// How many bytes of the beginning of `text` spell `wanted`, if they do. In small letters or not is the same for a name.
pub(super) fn spelled(text: &[u8], wanted: &[u8], is_name: bool) -> Option<usize> {
    READINGS.iter().find_map(|reading| reading.spelled(text, wanted, is_name))
}

/// The bytes with which a text may begin in any reading.
pub(super) fn first_bytes(text: &[u8]) -> impl Iterator<Item = u8> {
    let plain = text.first().copied();
    let read = READINGS.iter().filter_map(|reading| reading.next(text, b' ')?.0.first().copied());
    let mut all: Vec<u8> = plain.into_iter().chain(read).collect();
    all.dedup();
    all.into_iter()
}

/// One character as bytes.
struct Spelt {
    bytes: [u8; 4],
    len: usize,
}

impl Spelt {
    fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], len: 1 }
    }

    fn char(c: char) -> Self {
        let mut bytes = [0; 4];
        let len = c.encode_utf8(&mut bytes).len();
        Self { bytes, len }
    }
}

impl std::ops::Deref for Spelt {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Reading {
    fn spelled(self, text: &[u8], wanted: &[u8], is_name: bool) -> Option<usize> {
        let (mut at, mut left) = (0, wanted);
        while let Some(next) = left.first() {
            let (spelt, length) = self.next(&text[at..], *next)?;
            let (these, rest) = left.split_at_checked(spelt.len())?;
            let same = if is_name { these.eq_ignore_ascii_case(&spelt) } else { *these == *spelt };
            if !same {
                return None;
            }
            (at, left) = (at + length, rest);
        }
        Some(at)
    }

    /// What the text begins with, and how long that is there.
    fn next(self, text: &[u8], wanted: u8) -> Option<(Spelt, usize)> {
        let first = *text.first()?;
        Some(match first {
            b'%' if self.percent && hex(text.get(1..3)).is_some() => (Spelt::byte(hex(text.get(1..3))? as u8), 3),
            b'+' if self.percent && wanted == b' ' => (Spelt::byte(b' '), 1),
            b'\\' if self.escapes => escape(text)?,
            first => (Spelt::byte(first), 1),
        })
    }
}

/// One escape of JSON.
fn escape(text: &[u8]) -> Option<(Spelt, usize)> {
    let byte = match *text.get(1)? {
        byte @ (b'"' | b'\\' | b'/') => byte,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => {
            let unit = hex(text.get(2..6))?;
            if let Some(c) = char::from_u32(unit) {
                return Some((Spelt::char(c), 6));
            }
            let low = text.get(6..8).filter(|two| two == b"\\u").and_then(|_| hex(text.get(8..12)))?;
            let pair = [u16::try_from(unit).ok()?, u16::try_from(low).ok()?];
            let c = char::decode_utf16(pair).next()?.ok()?;
            return Some((Spelt::char(c), 12));
        }
        _ => return None,
    };
    Some((Spelt::byte(byte), 2))
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

/// What of a text stands in the base64 of any text around it, in either alphabet.
pub(super) fn within_base64(text: &[u8]) -> Vec<String> {
    let mut pieces = Vec::new();
    for (before, lead) in [(0, 0), (1, 2), (2, 3)] {
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(text);
        // The last character may depend on what comes behind.
        let sure = bytes.len() * 8 / 6;
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let piece = encoded.get(lead..sure).unwrap_or_default();
            if piece.len() >= SHORTEST_PIECE && !pieces.iter().any(|known| known == piece) {
                pieces.push(piece.to_owned());
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_however_it_is_spelled() {
        let wanted = "p&ss \"é\\%41".as_bytes();
        for text in [
            r#"p&ss "é\%41"#,
            r#"p&ss \"é\\%41"#,
            r#"p\u0026ss \u0022\u00e9\u005C%41"#,
            "p%26ss+%22%c3%A9%5C%2541",
            "p%26ss%20%22%C3%A9%5c%2541",
        ] {
            assert_eq!(spelled(text.as_bytes(), wanted, false), Some(text.len()), "{text}");
        }
        assert_eq!(spelled(b"p&ss", wanted, false), None);
        assert_eq!(spelled("\\ud83d\\ude00!".as_bytes(), "😀".as_bytes(), false), Some(12));
        assert_eq!(spelled(b"VMS.Example", b"vms.example", true), Some(11));
    }

    #[test]
    fn base64_shows_a_text_wherever_it_stands_in_it() {
        let pieces = within_base64(b"p&ss-w\xc3\xa9rd-9876");
        for around in ["", "a", "ab", "abc", "user:"] {
            let text = format!("{around}p&ss-wérd-9876{around}");
            for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(pieces.iter().any(|piece| encoded.contains(piece)), "{text}: {encoded} {pieces:?}");
            }
        }
    }
}
