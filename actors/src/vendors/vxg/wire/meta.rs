//! What tells one `meta` of an event from another.

use std::fmt;

use ring::digest::{SHA256, digest};

use crate::vendors::loose;
use crate::vendors::members::{Members, rows};

/// What is nested deeper is compared as it was sent: no `meta` was seen that has any depth at all.
const DEEPEST: u32 = 16;

/// A hash of an event's `meta`, the same whatever the order of its members, its blanks and its escapes are, and after a restart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct MetaPrint(pub u64);

impl MetaPrint {
    /// Of no `meta`: absent, `null`, or with nothing in it.
    pub const NONE: Self = Self(0);

    /// Of the JSON of a `meta`.
    #[must_use]
    pub fn of(json: &str) -> Self {
        let mut canonical = String::with_capacity(json.len());
        write(json, DEEPEST, &mut canonical);
        if matches!(&*canonical, "" | "null" | "{}" | "[]" | "\"\"") {
            return Self::NONE;
        }
        let hash = digest(&SHA256, canonical.as_bytes());
        let first = hash.as_ref().iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        // Nought is taken.
        Self(first.max(1))
    }

    /// Whether there is no `meta`.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// Sixteen digits: what stands behind the `~` of an update's id.
impl fmt::Display for MetaPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Members in the order of their names, of two of one name the last; no blanks; texts with the fewest escapes; numbers as they were sent.
fn write(json: &str, deepest: u32, into: &mut String) {
    let json = json.trim();
    match json.as_bytes().first() {
        Some(b'{') if deepest > 0 => match Members::of(json) {
            Ok(members) => write_object(&members, deepest - 1, into),
            Err(_) => into.push_str(json),
        },
        Some(b'[') if deepest > 0 => match rows(json) {
            Ok(rows) => {
                for (at, row) in rows.iter().enumerate() {
                    into.push(if at == 0 { '[' } else { ',' });
                    write(row.get(), deepest - 1, into);
                }
                into.push_str(if rows.is_empty() { "[]" } else { "]" });
            }
            Err(_) => into.push_str(json),
        },
        Some(b'"') => match loose::text(json) {
            Some(text) => write_text(&text, into),
            None => into.push_str(json),
        },
        _ => into.push_str(json),
    }
}

fn write_object(members: &Members<'_>, deepest: u32, into: &mut String) {
    let mut sorted: Vec<_> = members.iter().collect();
    // Stable: of two of one name the later stays behind.
    sorted.sort_by_key(|(name, _)| *name);
    into.push('{');
    for (at, (name, json)) in sorted.iter().enumerate() {
        if sorted.get(at + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        if !into.ends_with('{') {
            into.push(',');
        }
        write_text(name, into);
        into.push(':');
        write(json, deepest, into);
    }
    into.push('}');
}

fn write_text(text: &str, into: &mut String) {
    match serde_json::to_string(text) {
        Ok(json) => into.push_str(&json),
        Err(_) => into.push_str(text),
    }
}
