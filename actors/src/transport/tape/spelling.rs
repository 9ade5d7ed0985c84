//! What a text is made of where it is written in another way: escapes of JSON, base64, hexadecimal digits.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter pieces of base64 may stand anywhere by chance.
const SHORTEST_PIECE: usize = 8;

/// One character as bytes.
pub(super) struct Spelt {
    bytes: [u8; 4],
    len: usize,
}

impl Spelt {
    /// None at all.
    pub(super) fn nothing() -> Self {
        Self { bytes: [0; 4], len: 0 }
    }

    pub(super) fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], len: 1 }
    }

    pub(super) fn char(c: char) -> Self {
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

/// One escape of JSON.
pub(super) fn escape(text: &[u8]) -> Option<(Spelt, usize)> {
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

pub(super) fn hex(digits: Option<&[u8]>) -> Option<u32> {
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

/// A text as programs pass it on: as hexadecimal digits, in UTF-16 and base64, in base64 twice, in Latin-1.
pub(super) fn others(text: &str) -> Vec<Vec<u8>> {
    let mut others: Vec<Vec<u8>> = Vec::new();
    let lower: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    others.push(lower.to_uppercase().into_bytes());
    others.push(lower.into_bytes());
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    others.extend(within_base64(&wide).into_iter().map(String::into_bytes));
    for once in [STANDARD_NO_PAD.encode(text), STANDARD.encode(text)] {
        others.extend(within_base64(once.as_bytes()).into_iter().map(String::into_bytes));
    }
    // The letters of Latin-1 are the first of Unicode's.
    let narrow: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    others.extend(narrow.filter(|_| !text.is_ascii()));
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_in_the_forms_in_which_programs_pass_it_on() {
        let others = others("Ge\"h&im-ü");
        for form in ["4765226826696d2dc3bc", "4765226826696D2DC3BC", "RwBlACIAaAAmAGkAbQAtAPwA"] {
            assert!(
                others.iter().any(|other| form.as_bytes().starts_with(other) && other.len() + 3 > form.len()),
                "{form}"
            );
        }
        let twice = STANDARD_NO_PAD.encode(STANDARD_NO_PAD.encode("Ge\"h&im-ü"));
        assert!(others.iter().any(|other| twice.as_bytes().starts_with(other) && other.len() > 12), "{twice}");
        assert!(others.iter().any(|other| other == b"Ge\"h&im-\xfc"));
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
