//! What a login yields.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::accounts::User;
use super::wire::AccountId;
use crate::transport::request::{HeaderText, RestCall};

/// A session at the cloud, switched to the account that it is for.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Where to call, with a slash at the end.
    pub rest: Url,
    /// Where to open the socket (`wss`, or `ws` at a simulator), with a slash at the end.
    pub socket: Url,
    /// The session's key: the value of the cookie `auth_key`.
    pub auth_key: SecretString,
    /// The API key's header, if there is a key.
    pub api_key: Option<(String, SecretString)>,
    /// The account whose devices are seen.
    pub account: AccountId,
    /// Who has logged in.
    pub user: User,
}

impl Grant {
    /// Adds to a call what every call carries: the session's cookie, and the API key if there is one.
    #[must_use]
    pub fn sign(&self, mut call: RestCall) -> RestCall {
        call.headers.push(("cookie".into(), self.cookie()));
        call.headers.extend(self.api_key.clone().map(|(name, key)| (name.into(), key.into())));
        call
    }

    /// The session's cookie, for calls and for the socket.
    #[must_use]
    pub fn cookie(&self) -> HeaderText {
        HeaderText::secret(format!("auth_key={}", self.auth_key.expose_secret()))
    }
}
