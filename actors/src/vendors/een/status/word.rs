//! The status word itself: how it is written, and its bits.

use std::fmt;

/// A resource that carries the status word.
///
/// All are documented but `status_masked`, which EEN's own examples ask for and read with the same bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// `status`: the legacy half, as a number.
    Status,
    /// `status_masked`: the same, it seems (inferred).
    Masked,
    /// `status64`: both halves, as a number.
    Status64,
    /// `status_hex`: the legacy half, as hex digits.
    Hex,
    /// `status_hex64`: both halves, as hex digits.
    Hex64,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Status, Self::Masked, Self::Status64, Self::Hex, Self::Hex64];

    /// The name of the resource.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Masked => "status_masked",
            Self::Status64 => "status64",
            Self::Hex => "status_hex",
            Self::Hex64 => "status_hex64",
        }
    }

    /// Whether it has the extended half. A session keeps to one form for an item: the legacy bits are slower than the extended ones, so that both in
    /// turn would tell a change, take it back, and tell it again.
    #[must_use]
    pub const fn is_extended(self) -> bool {
        matches!(self, Self::Status64 | Self::Hex64)
    }

    const fn is_hex(self) -> bool {
        matches!(self, Self::Hex | Self::Hex64)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something is no status word. To ask again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// Neither a number nor a text.
    #[error("{form} is {found}, no status word")]
    NoWord {
        /// Where it was.
        form: Form,
        /// `null`, `a list` …
        found: &'static str,
    },
    /// A text or number in another notation.
    #[error("{form} is {text:?}; expected {}", if form.is_hex() { "a text of hex digits" } else { "a whole number" })]
    Notation {
        /// Where it was.
        form: Form,
        /// What it was, its first 40 characters.
        text: String,
    },
    /// More bits than the form has.
    #[error("{form} is {text}, more than {} bits", if form.is_extended() { 64 } else { 32 })]
    TooLarge {
        /// Where it was.
        form: Form,
        /// What it was, its first 40 characters.
        text: String,
    },
}

/// A status word: 32 legacy bits, and above them 32 extended ones, which are 0 where the server sent none.
///
/// It displays as hex digits, 8 without the extended half and 16 with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct StatusWord(u64);

impl StatusWord {
    /// A word of these bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits)
    }

    /// Its bits, legacy half below.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The lower half.
    #[must_use]
    pub const fn legacy(self) -> u32 {
        self.0 as u32
    }

    /// The upper half, if it says of itself that it is valid.
    #[must_use]
    pub const fn extended(self) -> Option<u32> {
        let half = (self.0 >> 32) as u32;
        if half & extended::VALID == 0 { None } else { Some(half) }
    }

    /// Reads the value of a resource out of its JSON.
    ///
    /// A number may be written as the signed one of the same bits, and as a text (as REST does in `camera_info`). A text that begins with `0x` is hex
    /// in any form. A bare number where hex digits are due is refused: `160027` could be meant either way.
    ///
    /// # Errors
    /// [`StatusError`], which names the resource and what was found there.
    pub fn read(form: Form, json: &str) -> Result<Self, StatusError> {
        let json = json.trim();
        let bytes = json.as_bytes();
        let found = match bytes.first() {
            Some(b'"') => return Self::of_text(form, json.trim_matches('"').trim()),
            Some(b'-' | b'0'..=b'9') if form.is_hex() => return Err(StatusError::Notation { form, text: head(json) }),
            Some(b'-' | b'0'..=b'9') => return Self::of_decimal(form, json),
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b't' | b'f') => "a truth value",
            Some(b'n') => "null",
            _ => "nothing",
        };
        Err(StatusError::NoWord { form, found })
    }

    fn of_text(form: Form, text: &str) -> Result<Self, StatusError> {
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => Self::of_hex(form, digits),
            None if form.is_hex() => Self::of_hex(form, text),
            None => Self::of_decimal(form, text),
        }
    }

    fn of_hex(form: Form, digits: &str) -> Result<Self, StatusError> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(StatusError::Notation { form, text: head(digits) });
        }
        let word = u64::from_str_radix(digits, 16).ok().filter(|word| form.is_extended() || *word <= u32::MAX.into());
        word.map(Self).ok_or_else(|| StatusError::TooLarge { form, text: head(digits) })
    }

    fn of_decimal(form: Form, text: &str) -> Result<Self, StatusError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(StatusError::Notation { form, text: head(text) });
        }
        // Ids are known to be sent as signed numbers of the same bits; where that is done to a word too, it is of the form's own width.
        let word = if form.is_extended() {
            text.parse().or_else(|_| text.parse::<i64>().map(i64::cast_unsigned))
        } else {
            text.parse::<u32>().or_else(|_| text.parse::<i32>().map(i32::cast_unsigned)).map(u64::from)
        };
        word.map(Self).map_err(|_| StatusError::TooLarge { form, text: head(text) })
    }
}

/// Enough for a log line.
fn head(text: &str) -> String {
    text.chars().take(40).collect()
}

impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >> 32 == 0 { write!(f, "{:08x}", self.0) } else { write!(f, "{:016x}", self.0) }
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{self}")
    }
}

/// Bits of the lower half that mean something to us (EEN API documentation, status bitmask). Bits 0 to 3 are deprecated and never looked at.
pub mod legacy {
    /// The camera needs its ONVIF password.
    pub const PASSWORD: u32 = 1 << 8;
    /// The server does not know: the word says nothing.
    pub const INVALID: u32 = 1 << 16;
    /// The user has switched the camera on.
    pub const ON: u32 = 1 << 17;
    /// The camera talks to its bridge.
    pub const STREAMING: u32 = 1 << 18;
    /// It is being recorded.
    pub const RECORDING: u32 = 1 << 19;
    /// The bridge is registered with the cloud. Suppressed while the camera is off.
    pub const REGISTERED: u32 = 1 << 20;
}

/// Bits of the upper half, as they stand within it (EEN API documentation, extended status). Bit 3, pending or error, has a part in no rule.
pub mod extended {
    /// This half can be believed.
    pub const VALID: u32 = 1;
    /// The user has switched the camera on.
    pub const ON: u32 = 1 << 1;
    /// The bridge is registered with the cloud, whether the camera is on or off.
    pub const REGISTERED: u32 = 1 << 2;
    /// The camera talks to its bridge.
    pub const STREAMING: u32 = 1 << 4;
}
