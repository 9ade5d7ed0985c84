//! The refresh tokens that are known, and which of them are kept.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::settings::Secret;
use crate::vendors::simplisafe::config::fingerprint;

/// What is known of the tokens that came after the settings' one.
#[derive(Debug)]
pub(super) struct Tokens {
    configured: SecretString,
    newest: SecretString,
    /// The one before the newest, as long as that has not worked.
    before: Option<SecretString>,
    /// Nothing here is newer than what is kept.
    kept: bool,
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Note<'a> {
    /// SHA-256 of the settings' token.
    of: String,
    newest: std::borrow::Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<std::borrow::Cow<'a, str>>,
}

impl Tokens {
    /// Nothing but the settings' token is known.
    pub(super) fn new(configured: &Secret) -> Self {
        let configured = SecretString::from(configured.expose());
        Self { newest: configured.clone(), configured, before: None, kept: true }
    }

    /// Takes what is kept, if it came after the settings' token, and nothing here is still to be kept: another login with the same token may have
    /// exchanged since what is known here.
    pub(super) fn recall(&mut self, note: Option<&SecretString>) {
        if !self.kept {
            return;
        }
        let Some(note) = note.and_then(|note| serde_json::from_str::<Note<'_>>(note.expose_secret()).ok()) else {
            return;
        };
        if note.of == fingerprint(self.configured.expose_secret()) && !note.newest.is_empty() {
            self.newest = note.newest.into_owned().into();
            self.before = note.before.map(|before| before.into_owned().into());
        }
    }

    /// Those to try, the first one last: the newest, then the one before it. Older ones, that of the settings too, were exchanged for others that
    /// have worked: a server to which each is good for once takes one of them for a theft, and ends the newest as well.
    pub(super) fn to_try(&self) -> Vec<SecretString> {
        self.before.iter().chain([&self.newest]).cloned().collect()
    }

    /// A token has worked, and has been answered with another, or with none.
    pub(super) fn worked(&mut self, shown: &SecretString, given: Option<SecretString>) {
        let is_new = |given: &SecretString| given.expose_secret() != shown.expose_secret();
        let (newest, before) = match given.filter(is_new) {
            Some(given) => (given, Some(shown.clone())),
            None => (shown.clone(), None),
        };
        let text = |token: &Option<SecretString>| token.as_ref().map(|token| token.expose_secret().to_owned());
        let is_known = newest.expose_secret() == self.newest.expose_secret() && text(&before) == text(&self.before);
        self.kept &= is_known;
        (self.newest, self.before) = (newest, before);
    }

    /// What is to be kept before anything else happens, if it is not kept already.
    pub(super) fn unkept(&self) -> Option<SecretString> {
        let note = Note {
            of: fingerprint(self.configured.expose_secret()),
            newest: self.newest.expose_secret().into(),
            before: self.before.as_ref().map(|before| before.expose_secret().into()),
        };
        // Texts alone: this cannot fail.
        (!self.kept).then(|| serde_json::to_string(&note).unwrap_or_default().into())
    }

    pub(super) fn are_kept(&mut self) {
        self.kept = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(tokens: &Tokens) -> Vec<String> {
        tokens.to_try().iter().rev().map(|token| token.expose_secret().to_owned()).collect()
    }

    fn token(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[test]
    fn the_newest_is_tried_first_then_the_one_before_and_none_that_was_exchanged_before_that() {
        let mut tokens = Tokens::new(&"a".into());
        assert_eq!(shown(&tokens), ["a"]);
        tokens.worked(&token("a"), Some(token("b")));
        assert_eq!(shown(&tokens), ["b", "a"]);
        tokens.worked(&token("b"), Some(token("c")));
        assert_eq!(shown(&tokens), ["c", "b"]);
        // Only the one before works.
        tokens.worked(&token("b"), Some(token("d")));
        assert_eq!(shown(&tokens), ["d", "b"]);
        // The newest works, and no other is given: the one before is not needed any more.
        tokens.worked(&token("d"), None);
        assert_eq!(shown(&tokens), ["d"]);
    }

    #[test]
    fn what_was_kept_is_found_again_for_the_same_token_of_the_settings_alone() {
        let mut tokens = Tokens::new(&"a".into());
        assert!(tokens.unkept().is_none(), "the settings' own needs not be kept");
        tokens.worked(&token("a"), Some(token("b")));
        tokens.worked(&token("b"), Some(token("c\"\\")));
        let note = tokens.unkept();
        tokens.are_kept();
        assert!(note.is_some() && tokens.unkept().is_none());
        let again = |configured: &str, note: Option<&SecretString>| {
            let mut tokens = Tokens::new(&configured.into());
            tokens.recall(note);
            assert!(tokens.unkept().is_none());
            shown(&tokens)
        };
        assert_eq!(again("a", note.as_ref()), ["c\"\\", "b"]);
        assert_eq!(again("new", note.as_ref()), ["new"]);
        assert_eq!(again("a", None), ["a"]);
        for garbage in ["", "{", "[]", "{}", r#"{"of":1,"newest":2}"#, r#"{"of":"a","newest":""}"#] {
            assert_eq!(again("a", Some(&token(garbage))), ["a"], "{garbage}");
        }
    }

    #[test]
    fn what_another_login_has_kept_is_taken_unless_something_here_is_still_to_be_kept() {
        let mut other = Tokens::new(&"a".into());
        other.worked(&token("a"), Some(token("b")));
        other.worked(&token("b"), Some(token("z")));
        let note = other.unkept();
        let mut tokens = Tokens::new(&"a".into());
        tokens.recall(None);
        tokens.worked(&token("a"), Some(token("b")));
        tokens.recall(note.as_ref());
        assert_eq!(shown(&tokens), ["b", "a"]);
        assert!(tokens.unkept().is_some(), "and still to be kept");
        tokens.are_kept();
        tokens.recall(note.as_ref());
        assert_eq!(shown(&tokens), ["z", "b"]);
        assert!(tokens.unkept().is_none());
        tokens.recall(None);
        assert_eq!(shown(&tokens), ["z", "b"], "nothing kept is nothing newer");
    }
}
