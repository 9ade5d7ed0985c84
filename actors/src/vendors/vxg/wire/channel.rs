//! A camera: a row of a channel list, or the answer to one alone.

use std::borrow::Cow;

use secrecy::SecretString;

use crate::vendors::members::{BodyError, Members};

/// A camera. VXG calls it a channel in versions 3 and later of its API, and a camera in version 2 (where a name and a status are inferred).
#[derive(Clone, Debug)]
pub struct Channel<'a> {
    /// The channel as it was sent, secrets and all: see [`without_secrets`](super::without_secrets).
    pub json: &'a str,
    /// `id`: what events have as `camid`.
    pub id: i64,
    /// `name`.
    pub name: Option<Cow<'a, str>>,
    /// `status`, see [`is_online`](Self::is_online).
    pub status: Option<Cow<'a, str>>,
    /// `access_tokens`, which a licence key is shown.
    pub access_tokens: AccessTokens,
}

/// A camera's access tokens.
#[derive(Clone, Debug, Default)]
pub struct AccessTokens {
    /// `all`: may do everything.
    pub all: Option<SecretString>,
    /// `watch`: may look.
    pub watch: Option<SecretString>,
}

impl<'a> Channel<'a> {
    /// Reads a channel.
    ///
    /// # Errors
    /// [`BodyError`] for what is no object, and for one without an id.
    pub fn read(json: &'a str) -> Result<Self, BodyError> {
        let members = Members::only(json, &["id", "name", "status", "access_tokens"])?;
        let tokens = members.object("access_tokens");
        let token = |name| {
            let text = tokens.text(name).map(|text| text.trim().to_owned());
            text.filter(|text| !text.is_empty()).map(SecretString::from)
        };
        Ok(Self {
            json,
            id: members.number("id").ok_or(BodyError::Lacks("id"))?,
            name: members.text("name"),
            status: members.text("status"),
            access_tokens: AccessTokens { all: token("all"), watch: token("watch") },
        })
    }

    /// Whether the camera is online: `active`, and no other word, says so (VXG's web client). `None` where nothing is said.
    #[must_use]
    pub fn is_online(&self) -> Option<bool> {
        self.status.as_ref().map(|status| status.trim().eq_ignore_ascii_case("active"))
    }
}

impl AccessTokens {
    /// The token that may do most.
    #[must_use]
    pub fn best(&self) -> Option<&SecretString> {
        self.all.as_ref().or(self.watch.as_ref())
    }
}
