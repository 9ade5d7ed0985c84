//! Attributes of events as the values of headers: the bindings of CloudEvents 1.0 to HTTP and to NATS have one rule for both.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a header cannot hold as it is; beyond ASCII, everything (HTTP and NATS protocol bindings, section 3.1.3.2).
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// A value as a header has it.
pub(super) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_value_is_encoded_as_the_binding_says() {
        for (value, expected) in [
            ("", ""),
            ("!#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~", "!#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"),
            ("a b", "a%20b"),
            ("\"quoted\"", "%22quoted%22"),
            ("100%", "100%25"),
            ("%41", "%2541"),
            ("\t\r\n\0\u{7f}", "%09%0D%0A%00%7F"),
            // The binding's own example.
            ("Euro \u{20ac} \u{1f600}", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("\u{80}\u{a0}", "%C2%80%C2%A0"),
        ] {
            assert_eq!(encoded(value), expected, "{value:?}");
        }
    }
}
