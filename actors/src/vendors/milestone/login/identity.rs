//! What the identity provider is asked, and what it answers.

use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;

use super::super::config::{MilestoneConfig, User};
#[cfg(feature = "windows-auth")]
use super::windows;
use crate::transport::request::{Body, RestAnswer, RestCall};
use crate::vendors::LoginError;

/// The identity provider's words for a refusal (observed), and those of OAuth 2.0 (RFC 6749, section 5.2).
const KNOWN_WORDS: [&str; 10] = [
    "invalid_grant",
    "invalid_username_or_password",
    "LockedOut",
    "InvalidCredential",
    "invalid_client",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "access_denied",
];
/// The client id of Milestone's own samples for basic and Windows users.
const CLIENT_ID: &str = "GrantValidatorClient";
/// The life of a token that the server does not tell, as observed.
pub(super) const LIFETIME: Duration = Duration::from_secs(3_600);

#[derive(Deserialize)]
pub(super) struct Token {
    pub(super) access_token: SecretString,
    #[serde(default)]
    expires_in: Option<f64>,
}

/// How the identity provider refuses.
#[derive(Debug, Deserialize, Default)]
struct Refusal {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    error_code: Option<String>,
}

impl Token {
    pub(super) fn read(answer: &RestAnswer) -> Option<Self> {
        serde_json::from_slice(&answer.body).ok()
    }

    /// How long it is good for.
    pub(super) fn lifetime(&self) -> Duration {
        let seconds = self.expires_in.filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
        seconds.map_or(LIFETIME, |seconds| Duration::from_secs_f64(seconds.min(1e9)))
    }
}

/// Gives a call to the identity provider what the user logs in with.
pub(super) fn fill_in(call: &mut RestCall, config: &MilestoneConfig) {
    let secret = || SecretString::from(config.password.expose().to_owned());
    call.body = Body::Form(match &config.user {
        User::Basic(name) => vec![
            ("grant_type".into(), "password".into()),
            ("username".into(), name.clone().into()),
            ("password".into(), secret().into()),
            ("client_id".into(), CLIENT_ID.into()),
        ],
        #[cfg(feature = "windows-auth")]
        User::Windows(user) => {
            windows::log_in(call, user, secret());
            vec![("grant_type".into(), "windows_credentials".into()), ("client_id".into(), CLIENT_ID.into())]
        }
        User::Service(id) => vec![
            ("grant_type".into(), "client_credentials".into()),
            ("scope".into(), "managementserver".into()),
            ("client_id".into(), id.clone().into()),
            ("client_secret".into(), secret().into()),
        ],
    });
}

/// Refused, with a status and perhaps with words.
pub(super) fn refused(user: &User, answer: &RestAnswer) -> LoginError {
    let status = answer.status;
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Refusal { error, error_description, error_code } = refusal;
    let told = [error, error_description, error_code].into_iter().flatten().collect::<Vec<_>>().join(", ");
    // The server may repeat what it was sent, the password included: only words that we know are told on.
    let words = KNOWN_WORDS.into_iter().filter(|word| told.contains(word)).collect::<Vec<_>>().join(", ");
    LoginError::Refused(match user {
        User::Basic(name) => basic_refused(name, status, &words),
        #[cfg(feature = "windows-auth")]
        User::Windows(_) => windows::refused(user, status, &words),
        User::Service(_) => service_refused(user, status, &words),
    })
}

/// The words in brackets, if there are any.
pub(super) fn bracketed(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" ({words})") }
}

fn basic_refused(user: &str, status: u16, words: &str) -> String {
    let locked = words.contains("LockedOut");
    let credentials = locked
        || words.contains("invalid_grant")
        || words.contains("InvalidCredential")
        || words.contains("username_or_password");
    match (locked, credentials) {
        (true, _) => format!("user {user:?} is locked out ({words}): wait five minutes, then check the password"),
        // A Windows user's name as Windows shows it: as that of a basic user it is unknown.
        (_, true) if user.contains('@') => format!(
            "wrong user name or password for {user:?} ({words}): correct them in the settings; a Windows user is written DOMAIN\\user"
        ),
        (_, true) => format!("wrong user name or password for {user:?} ({words}): correct them in the settings"),
        _ if words.is_empty() => format!("the identity provider answered with status {status} for user {user:?}"),
        _ => format!("the identity provider refused user {user:?} with status {status}: {words}"),
    }
}

fn service_refused(user: &User, status: u16, words: &str) -> String {
    if words.contains("invalid_client") || words.contains("invalid_grant") || status == 401 {
        return format!(
            "wrong client_id or client_secret for {user}{}: correct them in the settings",
            bracketed(words)
        );
    }
    format!("the identity provider refused {user} with status {status}{}", bracketed(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_windows_user_who_is_written_as_an_address_is_told_the_other_form() {
        let told = |user: &str| basic_refused(user, 400, "invalid_grant");
        assert!(told("anna@corp.local").contains("DOMAIN\\user"));
        assert!(!told("anna").contains("DOMAIN"));
    }
}
