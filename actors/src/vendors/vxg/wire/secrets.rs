//! A camera's row as it may be kept: in it stand access tokens, and the camera's own password.

use std::fmt::Write;

use url::Url;

use crate::vendors::loose;
use crate::vendors::members::{Members, rows};

/// A member is left out if its name has one of these in it.
const SECRET: [&str; 7] = ["token", "passw", "secret", "key", "credential", "auth", "signature"];

/// What is nested deeper is left out.
const DEEPEST: u32 = 8;

/// An object without its secrets: members whose names speak of one are left out at any depth, and so are addresses with a user, a password or a token in
/// them. Of what is no object nothing is left.
#[must_use]
pub fn without_secrets(json: &str) -> String {
    let mut kept = String::with_capacity(json.len());
    write(json, DEEPEST, &mut kept);
    if kept.starts_with('{') { kept } else { "{}".to_owned() }
}

fn write(json: &str, deepest: u32, into: &mut String) {
    let json = json.trim();
    match json.as_bytes().first() {
        Some(b'{' | b'[') if deepest == 0 => into.push_str("null"),
        Some(b'{') => {
            into.push('{');
            for (name, json) in Members::of(json).unwrap_or_default().iter().filter(|member| !is_secret(member)) {
                let name = serde_json::to_string(name).unwrap_or_default();
                let comma = if into.ends_with('{') { "" } else { "," };
                // Writing to a text cannot fail.
                let _ = write!(into, "{comma}{name}:");
                write(json, deepest - 1, into);
            }
            into.push('}');
        }
        Some(b'[') => {
            into.push('[');
            for (at, row) in rows(json).unwrap_or_default().iter().enumerate() {
                into.push_str(if at == 0 { "" } else { "," });
                write(if has_secret(row.get()) { "null" } else { row.get() }, deepest - 1, into);
            }
            into.push(']');
        }
        _ => into.push_str(json),
    }
}

fn is_secret((name, json): &(&str, &str)) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word)) || has_secret(json)
}

/// Whether a value is an address with a secret in it.
fn has_secret(json: &str) -> bool {
    let address = json.trim().strip_prefix('"').and_then(|_| loose::text(json.trim()));
    let Some(address) = address.filter(|text| text.contains("://")) else { return false };
    let speaks = |text: &str| SECRET.iter().any(|word| text.to_ascii_lowercase().contains(word));
    match Url::parse(address.trim()) {
        Ok(url) => !url.username().is_empty() || url.password().is_some() || url.query().is_some_and(speaks),
        // Whoever wrote it meant something by it.
        Err(_) => address.contains('@') || speaks(&address),
    }
}
