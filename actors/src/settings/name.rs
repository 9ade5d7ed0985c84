//! Names of connections and sinks.

use super::Mistake;
use crate::model::ConnectionName;

/// Checks a name of a connection or sink: `[a-z0-9][a-z0-9_-]*`.
///
/// Names go into addresses, topics and file names, so they stay plain; `/` separates a connection from its children.
///
/// # Errors
///
/// A [`Mistake`] whose hint holds the nearest allowed name.
pub fn check(name: &str) -> Result<(), Mistake> {
    if ConnectionName::new(name).is_ok() {
        return Ok(());
    }
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let mistake = Mistake::new("a name is lower-case letters, digits, `_` and `-`, and starts with a letter or digit");
    let slug: String = name.to_lowercase().chars().map(|c| if inner(c) { c } else { '_' }).collect();
    let slug = slug.trim_matches(['_', '-']);
    let slug = &slug[..slug.len().min(64)];
    Err(if slug.is_empty() { mistake } else { mistake.hint(format!("write \"{slug}\"")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        for good in ["hq", "0", "a-b_c", "9-"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "HQ", "_a", "-a", "a/b", "a b", "é", "a.b", "a\n"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
