//! What is typed behind `state` and `events`: which of them are wanted.

use globset::{GlobBuilder, GlobMatcher};
use watchpost::actors::settings::{closest, mistake::shown};

use super::http::Query;

/// One of the words that are typed: `key=glob`, or a word to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A glob that a member must match.
    Key(&'static str, String),
    /// A word that is looked for, in small letters.
    Word(String),
}

/// What states can be chosen by.
const OF_STATES: [&str; 7] = ["connection", "vendor", "item", "name", "group", "value", "origin"];
/// What events can be chosen by.
const OF_EVENTS: [&str; 8] = ["connection", "vendor", "type", "item", "name", "group", "value", "origin"];

/// Reads a word behind `state`.
pub(super) fn of_state(text: &str) -> Result<Wanted, String> {
    read(text, &OF_STATES)
}

/// Reads a word behind `events`.
pub(super) fn of_event(text: &str) -> Result<Wanted, String> {
    read(text, &OF_EVENTS)
}

fn read(text: &str, keys: &[&'static str]) -> Result<Wanted, String> {
    let Some((key, glob)) = text.split_once('=') else {
        return if text.trim().is_empty() {
            Err("an empty word finds everything".to_owned())
        } else {
            Ok(Wanted::Word(text.to_lowercase()))
        };
    };
    let Some(known) = keys.iter().find(|known| **known == key) else {
        let hint = closest(key, keys.iter().copied()).map_or(String::new(), |near| format!("; did you mean {near}=…?"));
        return Err(format!("there is no \"{}\" to choose by: there are {}{hint}", shown(key), keys.join(", ")));
    };
    if glob.is_empty() {
        return Err(format!("write {key}=GLOB, like {key}=*"));
    }
    matcher(glob).map_err(|error| format!("\"{}\" is no glob: {error}", shown(glob)))?;
    Ok(Wanted::Key(known, glob.to_owned()))
}

/// Like the globs of the server: `*` does not stop at a slash, `\` is a sign like others.
fn matcher(glob: &str) -> Result<GlobMatcher, String> {
    let glob = GlobBuilder::new(glob).literal_separator(false).backslash_escape(false).build();
    Ok(glob.map_err(|error| error.kind().to_string())?.compile_matcher())
}

/// All that is typed: a part for the server, and a part for us.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// What the server chooses by.
    pub(super) query: Query,
    values: Vec<GlobMatcher>,
    words: Vec<String>,
}

impl Choice {
    pub(super) fn new(wanted: &[Wanted]) -> Self {
        let mut choice = Self::default();
        for one in wanted {
            match one {
                // The server knows whole values alone.
                Wanted::Key("value", glob) => choice.values.extend(matcher(glob)),
                Wanted::Key(key, glob) => choice.query.push((key, glob.clone())),
                Wanted::Word(word) => choice.words.push(word.clone()),
            }
        }
        choice
    }

    /// Whether not all of what the server sends is wanted.
    pub(super) fn is_partly_ours(&self) -> bool {
        !(self.values.is_empty() && self.words.is_empty())
    }

    /// Whether what reads `value`, and is called by these texts, is wanted.
    pub(super) fn wants(&self, value: &str, texts: &[&str]) -> bool {
        let is_value = self.values.is_empty() || self.values.iter().any(|glob| glob.is_match(value));
        let texts: Vec<_> =
            if self.words.is_empty() { Vec::new() } else { texts.iter().map(|text| text.to_lowercase()).collect() };
        is_value && self.words.iter().all(|word| texts.iter().any(|text| text.contains(word)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn choice(words: &[&str]) -> Choice {
        Choice::new(&words.iter().map(|word| of_state(word).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn keys_go_to_the_server_and_the_rest_is_looked_for_here() {
        let all = choice(&["connection=hq", "name=Lob*", "value=o*", "Door", "camera"]);
        assert_eq!(all.query, [("connection", "hq".to_owned()), ("name", "Lob*".to_owned())]);
        assert!(all.wants("on", &["Back door 1", "cameras/7", "motion"]));
        assert!(!all.wants("clear", &["Back door 1", "cameras/7", "motion"]));
        assert!(!all.wants("on", &["Back door 1", "speakers/7", "motion"]));
        assert!(choice(&[]).wants("", &[]));
        assert!(choice(&["value=on", "value=off"]).wants("off", &[]));
    }

    #[test]
    fn what_cannot_be_chosen_by_is_said_with_what_can() {
        for (text, words) in [
            ("nmae=x", "did you mean name=…?"),
            ("type=x", "there are connection, vendor"),
            ("name=", "name=GLOB"),
            ("name=[a", "no glob"),
            (" ", "empty"),
        ] {
            let error = of_state(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(of_event("type=motion.*"), Ok(Wanted::Key("type", "motion.*".to_owned())));
    }
}
