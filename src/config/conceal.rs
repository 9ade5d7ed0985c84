//! Finds what may be a secret in the text of a configuration, so that no message shows it.
//!
//! Settings that are secret are known by name only to their readers, and a reader does not see a misspelled key or
//! a line that is not TOML. So this goes by what keys are usually called; hiding too much does no harm.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const WORDS: [&str; 7] = ["pass", "pwd", "secret", "token", "key", "auth", "credential"];

/// Whether a key sounds like one for a secret.
pub(super) fn is_secretive(key: &str) -> bool {
    let key = key.to_lowercase();
    WORDS.iter().any(|word| key.contains(word))
}

/// The literals under keys that sound secret.
pub(super) fn secrets_in(table: &DeTable<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (key, value) in table {
        collect(value, is_secretive(key.get_ref()), is_secretive, &mut found);
    }
    found
}

/// Every literal in the value.
pub(super) fn literals_in(value: &Spanned<DeValue<'_>>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    collect(value, true, |_| true, &mut found);
    found
}

fn collect(value: &Spanned<DeValue<'_>>, secret: bool, by_key: fn(&str) -> bool, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        // Inside of a table its own keys say what is secret: `password = { env = "X" }` is a reference.
        DeValue::Table(table) => {
            for (key, value) in table {
                collect(value, by_key(key.get_ref()), by_key, found);
            }
        }
        DeValue::Array(array) => array.iter().for_each(|item| collect(item, secret, by_key, found)),
        _ if secret => found.push(value.span()),
        _ => {}
    }
}

/// What may be a secret in a line that is not TOML: what stands behind a key that sounds so, or an address with a user
/// in it. A reference (`{ env = … }`) is none.
pub(super) fn secret_in_line(text: &str, line: Range<usize>) -> Option<Range<usize>> {
    let content = text[line.start..line.end.min(text.len())].trim_end();
    let address = content.find("://").filter(|at| content[*at..].contains('@'));
    let mut key_from = 0;
    for (sign, _) in content.match_indices(['=', ':']) {
        let key = &content[key_from..sign];
        let value = content[sign + 1..].trim_start();
        key_from = content.len() - value.len();
        let reference = value.strip_prefix('{').map(str::trim_start);
        let is_reference = reference.is_some_and(|inner| inner.starts_with("env") || inner.starts_with("file"));
        let has_user = address.is_some_and(|at| key_from <= at);
        if is_secretive(key) && !is_reference || has_user {
            // A broken line does not say where the value ends.
            return Some(line.start + key_from..line.start + content.len());
        }
    }
    None
}

/// The ranges in order, those that touch made one, empty ones left out.
pub(super) fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden_in(line: &str) -> Vec<&str> {
        secret_in_line(line, 0..line.len()).into_iter().map(|range| &line[range]).collect()
    }

    #[test]
    fn a_broken_line_hides_what_follows_a_secretive_key() {
        assert_eq!(hidden_in("password = hunter2"), ["hunter2"]);
        assert_eq!(hidden_in("API_Key: 'x"), ["'x"]);
        assert_eq!(hidden_in("c = { name = 'a', token = 'x"), ["'x"]);
        assert_eq!(hidden_in("password = { env = HQ }"), Vec::<&str>::new());
        assert_eq!(hidden_in("password = { 'hunter2' }"), ["{ 'hunter2' }"]);
        assert_eq!(hidden_in("url = https://me:x@host"), ["https://me:x@host"]);
        assert_eq!(hidden_in("name = hq"), Vec::<&str>::new());
    }

    #[test]
    fn ranges_that_overlap_become_one() {
        assert_eq!(merged(vec![5..9, 1..3, 3..4, 6..7, 8..8]), [1..4, 5..9]);
    }
}
