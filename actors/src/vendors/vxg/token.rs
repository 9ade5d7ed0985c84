//! What a token says of itself.
//!
//! An access token is the base64 of a JSON object, by VXG's page on authorization and by VXG's web client, which takes server, scheme and camera out of
//! it. A licence key is opaque.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::settings::is_loopback;
use crate::transport::request::HeaderText;
use crate::vendors::members::{BodyError, Members};

/// The server of a token that names none (VXG's web client).
pub const DEFAULT_HOST: &str = "web.skyvr.videoexpertsgroup.com";

/// What is shorter may stand in a token by chance, and leads nobody into anything.
const SHORTEST_PIECE: usize = 8;

/// How a token is shown to the server: the first word of the `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// The access token of one camera.
    Acc,
    /// The token of a group of cameras.
    Si,
    /// A licence key: the whole account.
    LKey,
}

impl Scheme {
    /// All of them, by name.
    pub const NAMES: [&'static str; 3] = ["Acc", "SI", "LKey"];

    /// The scheme of a name, in any case of letters.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::Acc, Self::Si, Self::LKey].into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name.trim()))
    }

    /// Its name, as the header has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Acc => "Acc",
            Self::Si => "SI",
            Self::LKey => "LKey",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A token with its scheme. It cannot be printed.
#[derive(Debug, Clone)]
pub struct Credential {
    scheme: Scheme,
    token: SecretString,
}

impl Credential {
    /// A token to be shown under a scheme. Blanks and line ends around it, and within an access token, are no part of it.
    #[must_use]
    pub fn new(scheme: Scheme, token: &str) -> Self {
        let token = match scheme {
            Scheme::LKey => token.trim().to_owned(),
            Scheme::Acc | Scheme::Si => token.split_ascii_whitespace().collect(),
        };
        Self { scheme, token: token.into() }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The `Authorization` header's value.
    #[must_use]
    pub fn header(&self) -> HeaderText {
        HeaderText::secret(format!("{} {}", self.scheme, self.token.expose_secret()))
    }

    /// A text of the server's with the token taken out, which it may have repeated: the whole, the one inside it, and pieces of eight characters and
    /// more of either.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let whole = self.token.expose_secret();
        let inner = AccessToken::decode(whole).ok().and_then(|token| token.inner);
        let secrets = [Some(whole), inner.as_ref().map(ExposeSecret::expose_secret)];
        let secrets: Vec<&str> = secrets.into_iter().flatten().filter(|secret| !secret.is_empty()).collect();
        let text = secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "…"));
        // Whatever stands around a piece, each of its stretches of that length is one of the secret's.
        let pieces: HashSet<&[u8]> =
            secrets.iter().flat_map(|secret| secret.as_bytes().windows(SHORTEST_PIECE)).collect();
        let mut secret_to = 0;
        let mut masked = String::with_capacity(text.len());
        let mut windows = text.as_bytes().windows(SHORTEST_PIECE);
        let mut was_secret = false;
        for (at, c) in text.char_indices() {
            for from in at..at + c.len_utf8() {
                if windows.next().is_some_and(|window| pieces.contains(window)) {
                    secret_to = from + SHORTEST_PIECE;
                }
            }
            let is_secret = at < secret_to;
            if !is_secret {
                masked.push(c);
            } else if !was_secret {
                masked.push('…');
            }
            was_secret = is_secret;
        }
        masked
    }
}

/// Why a text is no access token. It may be a licence key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No base64.
    #[error("it is no base64")]
    NotBase64,
    /// Base64 of something else.
    #[error("it is base64 of no JSON object: {0}")]
    NotJson(&'static str),
}

/// What an access token says. Only the whole is a secret, and what it has inside.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// `camid`: the one camera that it is of.
    pub camera: Option<i64>,
    /// `access`: `all`, `watch` …
    pub access: Option<String>,
    /// `token`: what may be sent as `?token=` in place of the header, which is never done here.
    pub inner: Option<SecretString>,
    /// `api`: the server, mostly a host alone.
    pub api: Option<String>,
    /// `api_p`: the server's port for http.
    pub port: Option<u16>,
    /// `api_sp`: the server's port for https.
    pub tls_port: Option<u16>,
    /// `path`: where on the server the API begins.
    pub path: Option<String>,
}

impl AccessToken {
    /// Takes a token apart: base64 in either alphabet, padded or not, with blanks and line ends anywhere.
    ///
    /// # Errors
    /// [`TokenError`] for anything else. No part of the text is in it.
    pub fn decode(text: &str) -> Result<Self, TokenError> {
        let json = base64(text).filter(|json| !json.is_empty()).ok_or(TokenError::NotBase64)?;
        let json = String::from_utf8(json).map_err(|_| TokenError::NotJson("it is no text"))?;
        let members = Members::of(&json).map_err(|error| TokenError::NotJson(reason(&error)))?;
        let text = |name| members.text(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let port = |name| members.number(name).and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
        Ok(Self {
            camera: members.number("camid"),
            access: text("access"),
            inner: text("token").map(SecretString::from),
            api: text("api"),
            port: port("api_p"),
            tls_port: port("api_sp"),
            path: text("path"),
        })
    }

    /// How to show it: with a `token` and without a `camid` it is of a group (VXG's web client).
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.camera.is_none() && self.inner.is_some() { Scheme::Si } else { Scheme::Acc }
    }

    /// The server, over https: host, port and path as VXG's web client puts them together. `None` where they make no address, or tell a port for http
    /// alone that is not the usual one: only on this machine is that believed, for elsewhere the token would go out in the clear.
    #[must_use]
    pub fn base_url(&self) -> Option<Url> {
        let host = self.api.as_deref().unwrap_or(DEFAULT_HOST);
        let host = host.split_once("://").map_or(host, |(_, host)| host).trim_end_matches('/');
        let mut url = Url::parse(&format!("https://{host}/")).ok()?;
        let is_place = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !is_place || !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        match (self.tls_port, self.port) {
            (Some(port), _) => url.set_port(Some(port)).ok()?,
            (None, Some(port)) if is_loopback(&url) => {
                url.set_scheme("http").ok()?;
                url.set_port(Some(port)).ok()?;
            }
            (None, None | Some(80)) => {}
            (None, Some(_)) => return None,
        }
        if let Some(path) = &self.path {
            url.set_path(&format!("{}/", path.trim_matches('/')));
        }
        Some(url)
    }

    /// When it was issued and for how long, if its inner token has the form that all samples have:
    /// `share.<base64>.<seconds since 1970>t<seconds>.<signature>`, both in hex. That this is what the numbers mean is inferred: good for a hint, and never for a refusal.
    #[must_use]
    pub fn lifetime(&self) -> Option<Lifetime> {
        let mut parts = self.inner.as_ref()?.expose_secret().split('.');
        let (Some("share"), Some(_), Some(times), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        let (issued, seconds) = times.split_once('t')?;
        let issued = Timestamp::from_second(i64::from_str_radix(issued, 16).ok()?).ok()?;
        Some(Lifetime { issued, good_for: Duration::from_secs(u64::from_str_radix(seconds, 16).ok()?) })
    }
}

/// See [`AccessToken::lifetime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// When it was issued.
    pub issued: Timestamp,
    /// For how long.
    pub good_for: Duration,
}

impl Lifetime {
    /// When it ends, as far as time goes.
    #[must_use]
    pub fn until(&self) -> Timestamp {
        self.issued.checked_add(self.good_for).unwrap_or(Timestamp::MAX)
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let standard = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => byte,
    };
    let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(standard).collect();
    LENIENT.decode(text).ok()
}

/// Why it is no object, without a word of it.
fn reason(error: &BodyError) -> &'static str {
    match error {
        BodyError::Kind { found, .. } => found,
        BodyError::NotJson(_) | BodyError::Lacks(_) => "it cannot be read",
    }
}

#[cfg(test)]
mod tests;
