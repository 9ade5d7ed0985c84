//! A name as one level of an MQTT topic or a NATS subject.

use std::fmt::Write as _;

/// Writes a name so that it is one level, whatever is in it: each byte outside `[A-Za-z0-9_-]` as `=` and two upper-case hexadecimal
/// digits. `stores/42` is `stores=2F42`. A name that is empty is `=`, which no other name becomes: an empty level is no level in NATS.
pub(super) fn encode(name: &str) -> String {
    if name.is_empty() {
        return "=".to_owned();
    }
    let mut level = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' {
            level.push(char::from(byte));
        } else {
            // Writing into a String does not fail.
            let _ = write!(level, "={byte:02X}");
        }
    }
    level
}

/// The name that a level stands for; `None` if no name is written so.
pub(super) fn decode(level: &str) -> Option<String> {
    if level == "=" {
        return Some(String::new());
    }
    let mut name = Vec::with_capacity(level.len());
    let mut bytes = level.bytes();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'=' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            plain => plain,
        });
    }
    let name = String::from_utf8(name).ok()?;
    // What is written otherwise than we would write it is not ours.
    (encode(&name) == level).then_some(name)
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_byte_that_has_a_meaning_to_a_broker_is_written_as_two_digits() {
        for (name, level) in [
            ("hq", "hq"),
            ("stores/42", "stores=2F42"),
            ("motion.started", "motion=2Estarted"),
            ("a+b#c*d>e f$", "a=2Bb=23c=2Ad=3Ee=20f=24"),
            ("=", "=3D"),
            ("ü", "=C3=BC"),
            ("", "="),
        ] {
            assert_eq!(encode(name), level);
            assert_eq!(decode(level).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_is_written_otherwise_stands_for_no_name() {
        for level in ["a=2f", "a=2", "a=", "a=41", "a.b", "ü", "=FF", "=+1", ""] {
            assert_eq!(decode(level), None, "{level}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_one_plain_level_that_leads_back_to_it(name in any::<String>()) {
            let level = encode(&name);
            prop_assert!(!level.is_empty());
            prop_assert!(level.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-=".contains(&byte)));
            prop_assert_eq!(decode(&level), Some(name));
        }
    }
}
