//! Finds in JSON what is a secret or the name of a machine: by the names above it. The text may be cut off, only look like JSON, or have JSON in its strings.

use std::ops::Range;

use super::find::{Found, Kind};
use super::layers::string;
use super::names::{is_harmless, is_machine, is_name, is_secret, is_telling, is_telling_field, is_word};

/// So deep JSON is looked for in strings of JSON.
const DEEP: usize = 4;

/// An open object or array.
#[derive(Default)]
struct Open {
    /// All in it is secret.
    secret: bool,
    /// It names what its `value` is, which is a secret: `{"name":"token","value":…}`.
    pair: bool,
    values: Vec<Range<usize>>,
}

/// The secrets of a JSON text.
pub(super) fn in_json(text: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    look(text, 0, &mut found);
    found
}

fn look(text: &[u8], depth: usize, found: &mut Vec<Found>) {
    let mut open: Vec<Open> = Vec::new();
    let mut name: Option<String> = None;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                let end = string_end(text, at + 1);
                let inner = at + 1..end;
                at = (end + 1).min(text.len());
                let blanks = text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                if text.get(at + blanks) == Some(&b':') {
                    name = Some(plain(text, &inner));
                    at += blanks + 1;
                    continue;
                }
                value(text, inner, name.take().as_deref(), open.last_mut(), depth, found);
                continue;
            }
            b'{' | b'[' => {
                let own = name.take().is_some_and(|name| is_telling(&name));
                let secret = own || open.last().is_some_and(|above| above.secret);
                open.push(Open { secret, ..Open::default() });
            }
            b'}' | b']' => {
                close(text, open.pop(), found);
                name = None;
            }
            b',' => name = None,
            b'0'..=b'9' => {
                let length = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let before = at.checked_sub(1).map(|before| text[before]);
                let is_whole = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'.' && byte != b'-');
                let name = name.take();
                let own = name.as_deref().is_some_and(is_telling);
                // Four digits and more: less is a number of something.
                let above = open.last().is_some_and(|above| above.secret) && (4..=12).contains(&length);
                if is_whole && (own || above && !name.as_deref().is_some_and(is_harmless)) {
                    found.push((at..at + length, Kind::Number));
                }
                at += length;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    for open in open {
        close(text, Some(open), found);
    }
}

/// A string that is a value.
fn value(
    text: &[u8],
    inner: Range<usize>,
    name: Option<&str>,
    open: Option<&mut Open>,
    depth: usize,
    found: &mut Vec<Found>,
) {
    let value = plain(text, &inner);
    let above = open.as_deref().is_some_and(|open| open.secret);
    if let (Some(name), Some(open)) = (name, open) {
        let short = name.to_lowercase();
        if is_name(name) || matches!(&*short, "key" | "id" | "field" | "header" | "parameter") {
            open.pair |= is_telling_field(&value);
        } else if matches!(&*short, "value" | "val" | "content" | "text" | "data") {
            open.values.push(inner.clone());
        }
    }
    if is_word(&value) {
        return;
    }
    // What it is called, and what it is for: such words are no secrets.
    let is_called = name.is_some_and(|name| is_name(name) || is_harmless(name)) && is_wordlike(&value);
    if name.is_some_and(|name| is_secret(name, &value)) || above && !is_called {
        return found.push((inner, Kind::Secret));
    }
    if name.is_some_and(is_machine) && !value.contains([' ', '/', '\\', '@']) {
        return found.push((inner, Kind::Host));
    }
    if depth < DEEP
        && value.trim_start().starts_with(['{', '[', '"'])
        && let Some(layer) = string(text, &inner)
    {
        let mut within = Vec::new();
        look(layer.text(), depth + 1, &mut within);
        found.extend(within.into_iter().map(|(range, kind)| (layer.range(&range), kind)));
    }
}

fn close(text: &[u8], open: Option<Open>, found: &mut Vec<Found>) {
    let Some(Open { pair: true, values, .. }) = open else { return };
    let is_secret = |value: &Range<usize>| !is_word(&plain(text, value));
    found.extend(values.into_iter().filter(is_secret).map(|value| (value, Kind::Secret)));
}

fn is_wordlike(value: &str) -> bool {
    value.len() <= 40 && value.chars().all(|c| c.is_alphabetic() || c == ' ' || c == '_')
}

/// A string without its escapes, as far as it is one.
fn plain(text: &[u8], inner: &Range<usize>) -> String {
    let piece = &text[inner.clone()];
    match string(text, inner) {
        Some(layer) => String::from_utf8_lossy(layer.text()).into_owned(),
        None => String::from_utf8_lossy(piece).into_owned(),
    }
}

/// Where the string ends that begins there: at its quote, or with the text.
fn string_end(text: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        in_json(text.as_bytes()).into_iter().map(|(range, _)| &text[range]).collect()
    }

    #[test]
    fn secrets_are_found_under_their_names_in_whole_and_broken_json() {
        let json = r#"{"access_token":"abc.def","token_type":"Bearer","expires_in":3600,"pin":1234,
            "pins":{"pin1":{"name":"Anna","value":"7777"}},"tokens":["t-1","t-2"],"a":{"b":"c"},"password" : "p\"q"}"#;
        assert_eq!(texts(json), ["abc.def", "1234", "7777", "t-1", "t-2", "p\\\"q"]);
        assert_eq!(texts(r#"[{"token":"abc"#), ["abc"]);
        assert_eq!(texts(r#"{"token":{"a":1},"b":"c-d-e","f":22}"#), Vec::<&str>::new());
        for odd in ["", "\"", "{", "\\", "}}]]", "\"token\":", "{\"token\":\"\\", "{\"a\":\"{\\"] {
            in_json(odd.as_bytes());
        }
    }

    #[test]
    fn secrets_are_found_where_only_their_surroundings_tell() {
        for (json, secrets) in [
            (r#"{"data":"{\"access_token\":\"abc-1\"}"}"#, &["abc-1"][..]),
            (r#"{"a":"[{\"b\":\"{\\\"token\\\":\\\"abc-2\\\"}\"}]"}"#, &["abc-2"]),
            (r#"{"pins":{"pin1":13579,"list":[24680]},"n":5}"#, &["13579", "24680"]),
            (
                r#"{"passwords":["swordfish"],"credentials":{"value":"hunter","expires":"never"}}"#,
                &["swordfish", "hunter"],
            ),
            (r#"[{"name":"access_token","value":"abc-3"},{"value":"abc-4","key":"pin"}]"#, &["abc-3", "abc-4"]),
            (r#"{"tok\u0065n":"abc-5","hostName":"NAS01","key":"motion"}"#, &["abc-5", "NAS01"]),
        ] {
            assert_eq!(texts(json), secrets, "{json}");
        }
    }
}
