//! A time in a vendor's own words.

use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};

/// The longest text that needs no memory of its own; `2026-06-11T09:17:59.1234567+02:00` would be 33 bytes, but vendors write `Z`.
const SHORT: usize = 30;

/// When a state was taken on, in the vendor's own words; empty where it did not say. Each state has one, so usual ones need no memory of
/// their own, and are set and copied without asking for any.
#[derive(Clone, PartialEq, Eq)]
pub struct VendorTime(Words);

#[derive(Clone, PartialEq, Eq)]
enum Words {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

impl From<&str> for VendorTime {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        Self(match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text.as_bytes());
                Words::Short { len, bytes }
            }
            _ => Words::Long(text.into()),
        })
    }
}

impl Deref for VendorTime {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Words::Short { len, bytes } => {
                let text = bytes.get(..usize::from(*len)).map(str::from_utf8);
                // It was made of a whole text, so there is one.
                text.and_then(Result::ok).unwrap_or_default()
            }
            Words::Long(text) => text,
        }
    }
}

impl fmt::Display for VendorTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for VendorTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Serialize for VendorTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_it_was_however_long_it_is() {
        for text in
            ["", "2026-06-11T09:17:59.1234567Z", "é", &"x".repeat(SHORT), &"x".repeat(SHORT + 1), &"é".repeat(200)]
        {
            assert_eq!(&*VendorTime::from(text), text);
            assert_eq!(VendorTime::from(text).clone(), VendorTime::from(text));
        }
        assert!(size_of::<VendorTime>() <= 32);
    }
}
