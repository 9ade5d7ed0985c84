//! What a REST call is answered with where it is refused.

use std::borrow::Cow;
use std::fmt;

use crate::vendors::loose;
use crate::vendors::members::Members;

/// Why a call was refused, in the server's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How it was said.
    pub form: Form,
    /// The word that it is known by: `NoRemoteManagement`, `invalid_grant`. Of what cannot be read, how it begins.
    pub word: String,
    /// What the server says for people.
    pub message: Option<String>,
}

/// How a refusal is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `{"type":…,"message":…}`, of the API.
    Type,
    /// `{"error":…,"error_description":…}`, of the login server.
    Error,
    /// `{"errorType":…,"param":…}`, of the API for a parameter.
    ErrorType,
    /// One JSON text.
    Text,
    /// Nothing of the vendor's: a page of what stands before its servers, or nothing at all.
    Opaque,
}

impl Problem {
    /// Reads the body of a refusal, whatever it is.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        Self::of_object(text).or_else(|| Self::of_text(text)).unwrap_or_else(|| Self {
            form: Form::Opaque,
            word: loose::head(text).to_owned(),
            message: None,
        })
    }

    fn of_object(text: &str) -> Option<Self> {
        let members = Members::of(text).ok()?;
        let forms = [
            (Form::Type, "type", "message"),
            (Form::Error, "error", "error_description"),
            (Form::ErrorType, "errorType", "param"),
        ];
        forms.into_iter().find_map(|(form, word, message)| {
            let head = |text: Cow<'_, str>| loose::head(&text).to_owned();
            Some(Self { form, word: head(members.text(word)?), message: members.text(message).map(head) })
        })
    }

    fn of_text(text: &str) -> Option<Self> {
        let word: String = serde_json::from_str(text).ok()?;
        Some(Self { form: Form::Text, word: loose::head(&word).to_owned(), message: None })
    }

    /// Whether the vendor's own servers say so, and not what stands before them.
    #[must_use]
    pub fn is_typed(&self) -> bool {
        self.form != Form::Opaque
    }

    /// The token or code is not good any more.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        self.form == Form::Error && self.word == "invalid_grant"
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.message, self.form) {
            (_, Form::Opaque) if self.word.is_empty() => f.write_str("nothing"),
            (_, Form::Opaque) => write!(f, "{:?}", self.word),
            (Some(message), _) => write!(f, "{} ({message})", self.word),
            (None, _) => f.write_str(&self.word),
        }
    }
}
