//! Scalars that come in more than one JSON type: numbers as texts, truth values as numbers. All of these take the JSON of one value.

use std::borrow::Cow;

/// A text without its quotes, or a number's digits as they were sent. Anything else is as good as absent.
pub(super) fn text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' if json.contains('\\') => serde_json::from_str(json).ok().map(Cow::Owned),
        b'"' => json.get(1..json.len() - 1).map(Cow::Borrowed),
        b'-' | b'0'..=b'9' => Some(json.into()),
        _ => None,
    }
}

/// A whole number, or a text of one.
pub(super) fn number(json: &str) -> Option<i64> {
    text(json)?.trim().parse().ok()
}

/// `true`, `1`, `"1"`, `"true"`, and their opposites. Anything else is not known.
pub(super) fn flag(json: &str) -> Option<bool> {
    match json {
        "true" => Some(true),
        "false" => Some(false),
        _ => match &*text(json)? {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        },
    }
}

/// What kind of value it is, for people.
pub(super) fn kind(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "nothing",
    }
}

/// The first 200 characters: a server may repeat whatever it likes, and nobody needs more in a log line.
pub(super) fn head(text: &str) -> &str {
    text.char_indices().nth(200).map_or(text, |(at, _)| &text[..at])
}
