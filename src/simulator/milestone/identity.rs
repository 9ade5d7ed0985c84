//! The identity provider: passwords, lock-out and tokens; and discovery, which leads clients to it.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Options;

/// The form of a token request. Unknown members are ignored.
#[derive(Default, Deserialize)]
pub(super) struct TokenForm {
    grant_type: Option<String>,
    username: Option<String>,
    password: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    scope: Option<String>,
}

/// Why a bearer token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenFault {
    Missing,
    Unknown,
    Expired,
}

impl TokenFault {
    /// The text for an expired token is the vendor's; the others are inferred.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Missing => "Token validation failed: no token was given.",
            Self::Unknown => "Token validation failed: the token is not valid.",
            Self::Expired => "Token validation failed: the token is expired.",
        }
    }
}

#[derive(Default)]
struct Attempts {
    failed: u32,
    locked_until: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Identity {
    /// When each token was issued.
    tokens: HashMap<String, Instant>,
    attempts: HashMap<String, Attempts>,
}

impl TokenForm {
    pub(super) fn is_of_windows_user(&self) -> bool {
        self.grant_type.as_deref() == Some("windows_credentials")
            && self.client_id.as_deref() == Some("GrantValidatorClient")
    }
}

impl Identity {
    /// Answers a token request: HTTP status and body.
    pub(super) fn login(&mut self, form: &TokenForm, options: &Options) -> (u16, Value) {
        let given = |member: &Option<String>| member.clone().unwrap_or_default();
        match form.grant_type.as_deref() {
            Some("password") if form.client_id.as_deref() != Some("GrantValidatorClient") => {
                (400, json!({"error": "invalid_client"}))
            }
            Some("password") => self.check(&given(&form.username), &given(&form.password), options),
            Some("client_credentials") if form.scope.as_deref() != Some("managementserver") => {
                (400, json!({"error": "invalid_scope"}))
            }
            Some("client_credentials") => {
                let (status, body) = self.check(&given(&form.client_id), &given(&form.client_secret), options);
                if status == 200 { (status, body) } else { (400, json!({"error": "invalid_client"})) }
            }
            // Through the gateway, which cannot pass NTLM on; directly, `windows` has answered already.
            Some("windows_credentials") => (401, json!({"error": "invalid_grant"})),
            Some(_) => (400, json!({"error": "unsupported_grant_type"})),
            None => (400, json!({"error": "invalid_request"})),
        }
    }

    fn check(&mut self, username: &str, password: &str, options: &Options) -> (u16, Value) {
        let is_right = username.eq_ignore_ascii_case(&options.username) && password == options.password;
        self.judge(username, is_right, options)
    }

    /// Grants a token to a user who has shown the right secret and is not locked out.
    pub(super) fn judge(&mut self, username: &str, is_right: bool, options: &Options) -> (u16, Value) {
        let now = Instant::now();
        // User names are compared as Windows does: whatever their case.
        let attempts = self.attempts.entry(username.to_lowercase()).or_default();
        if attempts.locked_until.is_some_and(|until| now < until) {
            return refusal("LockedOut");
        }
        if is_right {
            *attempts = Attempts::default();
            return (200, self.issue(now, options.token_life));
        }
        attempts.failed += 1;
        if attempts.failed < options.lockout_after {
            return refusal("InvalidCredential");
        }
        *attempts = Attempts { failed: 0, locked_until: Some(now + options.lockout_for) };
        refusal("LockedOut")
    }

    fn issue(&mut self, now: Instant, life: Duration) -> Value {
        // An expired token is remembered for a while, to be told from one that never was.
        let memory = life.saturating_mul(2) + Duration::from_secs(3600);
        self.tokens.retain(|_, issued| issued.elapsed() < memory);
        // Clients must treat it as opaque; it is shaped like a JWT because the real one is.
        let token =
            format!("eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.{}.{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        self.tokens.insert(token.clone(), now);
        json!({
            "access_token": token,
            "expires_in": life.as_secs(),
            "token_type": "Bearer",
            "scope": "managementserver",
        })
    }

    /// Checks a token, with or without `Bearer ` in front of it.
    pub(super) fn verify(&self, bearer: Option<&str>, life: Duration) -> Result<(), TokenFault> {
        let bearer = bearer.unwrap_or_default().trim();
        let token = match bearer.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer ") => token.trim(),
            _ => bearer,
        };
        if token.is_empty() {
            return Err(TokenFault::Missing);
        }
        match self.tokens.get(token) {
            None => Err(TokenFault::Unknown),
            Some(issued) if issued.elapsed() >= life => Err(TokenFault::Expired),
            Some(_) => Ok(()),
        }
    }
}

/// The body for refused credentials, as third parties report it.
pub(super) fn refusal(code: &str) -> (u16, Value) {
    let body = json!({
        "error": "invalid_grant",
        "error_description": "invalid_username_or_password",
        "error_code": code,
    });
    (400, body)
}

/// `/api/.well-known/uris`. `root` is `http://host:port`, `gateways` the roots of all API gateways.
pub(super) fn uris(root: &str, gateways: &[String]) -> Value {
    let gateways: Vec<String> = gateways.iter().map(|gateway| format!("{gateway}/API/")).collect();
    json!({
        "ProductVersion": "25.2.16119.1",
        "UnsecureManagementServer": format!("{root}/"),
        "SecureManagementServer": format!("{root}/"),
        "IdentityProvider": format!("{root}/IDP"),
        "ApiGateways": gateways,
    })
}

/// `{IdentityProvider}/.well-known/openid-configuration`.
pub(super) fn openid(root: &str) -> Value {
    json!({
        "issuer": format!("{root}/IDP"),
        "authorization_endpoint": format!("{root}/IDP/connect/authorize"),
        "token_endpoint": format!("{root}/IDP/connect/token"),
        "external_providers_uri": format!("{root}/IDP/api/externalproviders"),
        "server_version": "25.2.0.1",
    })
}
