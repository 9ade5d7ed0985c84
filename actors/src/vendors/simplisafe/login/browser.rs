//! The login with a person at a browser: the authorization code flow with PKCE (RFC 7636), of which a refresh token comes.
//!
//! The page ends at an address that belongs to SimpliSafe's own app, so a browser cannot follow it; the person copies it, or the code in it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::{Url, form_urlencoded};

use super::answers::{self, Said};
use super::{CLIENT_ID, token_call};
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::LoginError;
use crate::vendors::address::{place, under};

/// Where the page leads in the end (simplipy).
const REDIRECT: &str = "com.simplisafe.mobile://auth.simplisafe.com/ios/com.simplisafe.mobile/callback";
const SCOPE: &str = "offline_access email openid https://api.simplisafe.com/scopes/user:platform";
const AUDIENCE: &str = "https://api.simplisafe.com/";
/// How SimpliSafe's app names its login library, in Base64 (simplipy).
const AUTH0_CLIENT: &str =
    "eyJ2ZXJzaW9uIjoiMi4zLjIiLCJuYW1lIjoiQXV0aDAuc3dpZnQiLCJlbnYiOnsic3dpZnQiOiI1LngiLCJpT1MiOiIxNi4zIn19";
/// What is longer than this was not meant as a code.
const LONGEST_CODE: usize = 1_024;

/// One login at a browser. What its page gives is good for nothing without it.
#[derive(Debug)]
pub struct Authorization {
    auth_url: Url,
    verifier: SecretString,
    page: Url,
}

impl Authorization {
    /// Begins one at this login host.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn begin(auth_url: &Url) -> Result<Self, LoginError> {
        let (mut verifier, mut device) = ([0; 32], [0; 16]);
        let random = SystemRandom::new();
        for bytes in [&mut verifier[..], &mut device[..]] {
            random.fill(bytes).map_err(|_| LoginError::unavailable("the system has no random numbers to give"))?;
        }
        Ok(Self::of(auth_url, verifier, device))
    }

    fn of(auth_url: &Url, verifier: [u8; 32], device: [u8; 16]) -> Self {
        let verifier = URL_SAFE_NO_PAD.encode(verifier);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let device = uuid::Builder::from_random_bytes(device).into_uuid().to_string().to_uppercase();
        let mut page = under(auth_url, "authorize");
        page.query_pairs_mut().extend_pairs([
            ("audience", AUDIENCE),
            ("auth0Client", AUTH0_CLIENT),
            ("client_id", CLIENT_ID),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("device", "iPhone"),
            ("device_id", &device),
            ("redirect_uri", REDIRECT),
            ("response_type", "code"),
            ("scope", SCOPE),
        ]);
        Self { auth_url: auth_url.clone(), verifier: verifier.into(), page }
    }

    /// The page to open. There is no secret in it.
    #[must_use]
    pub fn page(&self) -> &Url {
        &self.page
    }

    /// Asks for the refresh token. A code is good once, and for minutes.
    #[must_use]
    pub fn exchange(&self, code: &SecretString, timeout: Duration) -> RestCall {
        let body = json!({
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code_verifier": self.verifier.expose_secret(),
            "code": code.expose_secret(),
            "redirect_uri": REDIRECT,
        });
        token_call(&self.auth_url, &body, timeout)
    }

    /// The refresh token in the answer.
    ///
    /// # Errors
    /// [`Refused`](LoginError::Refused): the code was no good, and this login is over. Else it could not be asked.
    pub fn read(&self, answer: &RestAnswer) -> Result<SecretString, LoginError> {
        match answers::token(&self.auth_url, answer) {
            Said::Yes(issued) => issued.refresh_token.ok_or_else(|| {
                LoginError::unavailable(format!("{} has taken the code and given no refresh token", place(&self.auth_url)))
            }),
            // A code is good once, whatever was said to it.
            Said::No | Said::Doubtful(_) => Err(LoginError::Refused(
                "SimpliSafe does not take this code: it is good once, for some minutes, and for the page that was opened for it"
                    .to_owned(),
            )),
            Said::Neither(error) => Err(error),
        }
    }
}

/// Why what was typed holds no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCode {
    /// Nothing was typed.
    #[error("that was nothing")]
    Empty,
    /// The page says that the login failed.
    #[error("SimpliSafe's page says that the login failed: {0}")]
    Failed(String),
    /// It is the address of the page that was to be opened, or another that the login has not ended at.
    #[error(
        "that address has no code in it: it is not the one at which the login ends, which begins with com.simplisafe.mobile://"
    )]
    OtherAddress,
    /// It is no code.
    #[error("that is no code: codes have letters, digits, `-` and `_`, and no blanks")]
    Garbage,
}

/// The code in what a person has copied: the whole address at which the page ended, its part from `code=` on, or the code alone.
///
/// # Errors
/// [`NoCode`].
pub fn read_code(typed: &str) -> Result<SecretString, NoCode> {
    // Terminals and chats wrap quotes and brackets around what is copied.
    let typed = typed.trim().trim_matches(['"', '\'', '<', '>', '`']).trim();
    if typed.is_empty() {
        return Err(NoCode::Empty);
    }
    let is_address = typed.contains("://");
    let query = match typed.split_once('?') {
        Some((_, query)) => Some(query),
        None if typed.starts_with("code=") || typed.contains("&code=") || typed.starts_with("error=") => Some(typed),
        None => None,
    };
    let Some(query) = query else {
        return if is_address { Err(NoCode::OtherAddress) } else { sound(typed) };
    };
    let query = query.split('#').next().unwrap_or_default();
    let member = |wanted: &str| {
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    match (member("code"), member("error")) {
        (Some(code), _) => sound(&code),
        (None, Some(error)) => {
            let what = member("error_description").unwrap_or(error);
            Err(NoCode::Failed(crate::settings::mistake::shown(&what)))
        }
        (None, None) if is_address => Err(NoCode::OtherAddress),
        (None, None) => Err(NoCode::Garbage),
    }
}

fn sound(code: &str) -> Result<SecretString, NoCode> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let is_code = !code.is_empty() && code.len() <= LONGEST_CODE && code.bytes().all(is_part);
    if is_code { Ok(code.to_owned().into()) } else { Err(NoCode::Garbage) }
}
