//! An access token for a refresh token.
//!
//! ```text
//! newest refresh token ─► POST {auth_url}/oauth/token ─► another one? ─► kept ─► GET {api_url}/v1/api/authCheck ─► grant
//!                              `invalid_grant` ─► the one before it, once                             (once a process)
//! ```
//! Sources contradict each other on whether SimpliSafe gives a new refresh token each time, and whether the old one is used up then (simplipy's guide: it
//! is; a capture of a live account, 2026: none is given). So a new one is taken where it is given, and kept before anything is done with what came
//! along with it; the one before it stays until the new one has worked, and is shown where the new one is said to be invalid: no other refusal is
//! worth showing a token again that may be used up. What is kept belongs to the token of the settings: another one there begins anew. Logins that
//! differ in where their grants lead have one note, so each reads it before it shows a token, and lets the next in only when it is written.
//!
//! `tokens` is what is known and kept, `answers` reads what SimpliSafe says. [`Authorization`] is the login with a person at a browser, which yields
//! the first refresh token.

mod answers;
mod browser;
mod tokens;

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::config::SimpliSafeConfig;
use super::grant::{Grant, browse};
use super::rest::versioned;
use crate::journal::JournalError;
use crate::settings::Secret;
use crate::transport::RestError;
use crate::transport::request::{Body, Method, RestAnswer, RestCall};
use crate::vendors::address::{place, under};
use crate::vendors::{Login, LoginError, LoginStep, Now};
use answers::{Issued, Said};
use tokens::Tokens;

pub use browser::{Authorization, NoCode, read_code};

/// The client that SimpliSafe's own app for iOS is: public, without a secret of its own (simplipy).
const CLIENT_ID: &str = "42aBZ5lYrVW12jfOuu3CQROitwxg9sN5";
/// Answers to a login are small.
const MAX_BODY: usize = 1 << 20;
/// After so long of nothing but refusals that say nothing of the token, a person had better look, and the server is asked more rarely.
const DOUBTED: Duration = Duration::from_secs(600);
/// So rarely.
const DOUBTED_AGAIN: Duration = Duration::from_secs(600);
/// A token with less left than this is not worth going on with.
const WORTHWHILE: Duration = Duration::from_secs(10);

/// The login of one user.
#[derive(Debug)]
pub struct SimpliSafeLogin {
    config: SimpliSafeConfig,
    timeout: Duration,
    tokens: Tokens,
    /// Refresh tokens still to be tried, the next one last.
    untried: Vec<SecretString>,
    stage: Stage,
    /// Given by SimpliSafe, and not handed on yet: what came between them is gone through first, for to ask again may use a token up.
    pending: Option<Access>,
    user_id: Option<u64>,
    /// Since when there were only refusals that did not say that the token is not good.
    doubted_since: Option<Instant>,
    proven: bool,
}

/// An access token on its way.
#[derive(Debug, Clone)]
struct Access {
    token: SecretString,
    until: Instant,
}

#[derive(Debug)]
enum Stage {
    Refresh(SecretString),
    Check,
}

impl SimpliSafeLogin {
    /// A login that has not begun, each of whose calls may take `timeout`.
    #[must_use]
    pub fn new(config: SimpliSafeConfig, timeout: Duration) -> Self {
        let tokens = Tokens::new(&config.refresh_token);
        Self {
            config,
            timeout,
            tokens,
            untried: Vec::new(),
            stage: Stage::Check,
            pending: None,
            user_id: None,
            doubted_since: None,
            proven: false,
        }
    }

    /// Shows the next refresh token.
    fn refresh(&mut self) -> LoginStep<Grant> {
        let Some(token) = self.untried.pop() else {
            return LoginStep::Failed(LoginError::Refused(format!(
                "{} does not take the refresh token any more, nor one that came after it: the password was changed, perhaps, or \
                 the token was used elsewhere; run `watchpost login simplisafe`, and start watchpost again",
                place(&self.config.auth_url)
            )));
        };
        let body = json!({
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "refresh_token": token.expose_secret(),
        });
        self.stage = Stage::Refresh(token);
        LoginStep::Call(token_call(&self.config.auth_url, &body, self.timeout))
    }

    fn refreshed(&mut self, now: Now, shown: &SecretString, answer: &RestAnswer) -> LoginStep<Grant> {
        let said = answers::token(&self.config.auth_url, answer);
        let doubted_since = self.doubted_since.take();
        let issued = match said {
            Said::Yes(issued) => issued,
            Said::No => return self.refresh(),
            Said::Doubtful(why) => {
                let since = *self.doubted_since.insert(doubted_since.unwrap_or(now.instant));
                return LoginStep::Failed(doubted(why, now.instant.saturating_duration_since(since)));
            }
            Said::Neither(error) => return LoginStep::Failed(error),
        };
        let Issued { access_token, refresh_token, life } = issued;
        self.untried.clear();
        self.pending = Some(Access { token: access_token, until: now.instant + life });
        self.tokens.worked(shown, refresh_token);
        self.keep_or_check(now)
    }

    /// Nothing that came with a refresh token is used before that is kept.
    fn keep_or_check(&mut self, now: Now) -> LoginStep<Grant> {
        match self.tokens.unkept() {
            Some(note) => LoginStep::Keep(note),
            None => self.check(now),
        }
    }

    fn check(&mut self, now: Now) -> LoginStep<Grant> {
        let Some(access) = &self.pending else { return self.refresh() };
        // Not before: the next login with this token reads what is kept.
        self.proven = true;
        // A user does not become another one.
        if let Some(user_id) = self.user_id {
            return self.done(now, user_id);
        }
        let mut call = RestCall::new(Method::Get, versioned(&self.config.api_url, "api/authCheck"));
        (call.timeout, call.max_body) = (self.timeout, MAX_BODY);
        let bearer = format!("Bearer {}", access.token.expose_secret());
        self.stage = Stage::Check;
        LoginStep::Call(browse(call).header("authorization", SecretString::from(bearer)))
    }

    fn checked(&mut self, now: Now, answer: &RestAnswer) -> LoginStep<Grant> {
        match answers::user(&self.config.api_url, answer) {
            Ok(user_id) => {
                self.user_id = Some(user_id);
                self.done(now, user_id)
            }
            Err(error) => {
                if (400..500).contains(&answer.status) {
                    // It will not be better liked the next time.
                    self.pending = None;
                }
                LoginStep::Failed(error)
            }
        }
    }

    fn done(&mut self, now: Now, user_id: u64) -> LoginStep<Grant> {
        let Some(Access { token, until }) = self.pending.take() else { return self.refresh() };
        let life = until.saturating_duration_since(now.instant);
        let grant = Grant {
            api: under(&self.config.api_url, ""),
            socket: self.config.socket_url.clone(),
            access_token: token,
            user_id,
            good_until: until,
            renew_at: Grant::renew_at(now.instant, life),
        };
        let who = format!("user {user_id} at {}", place(&self.config.api_url));
        LoginStep::Granted { grant, lifetime: Some(life), who }
    }
}

impl Login for SimpliSafeLogin {
    type Grant = Grant;

    fn secret(&self) -> &Secret {
        &self.config.refresh_token
    }

    fn note(&self) -> Option<String> {
        Some(token_note(&self.config))
    }

    fn recall(&mut self, note: Option<SecretString>) {
        self.tokens.recall(note.as_ref());
    }

    fn begin(&mut self, now: Now) -> LoginStep<Grant> {
        self.proven = false;
        self.pending = self.pending.take().filter(|access| access.until > now.instant + WORTHWHILE);
        if self.pending.is_none() {
            self.untried = self.tokens.to_try();
        }
        self.keep_or_check(now)
    }

    fn is_proven(&self) -> bool {
        self.proven
    }

    fn kept(&mut self, now: Now, kept: Result<(), JournalError>) -> LoginStep<Grant> {
        match kept {
            Ok(()) => {
                self.tokens.are_kept();
                self.check(now)
            }
            Err(error) => LoginStep::Failed(LoginError::unavailable(format!(
                "the new refresh token cannot be kept, so nothing is done with it yet: {error}"
            ))),
        }
    }

    fn answer(&mut self, now: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Grant> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return LoginStep::Failed(LoginError::unavailable(error.to_string())),
        };
        match std::mem::replace(&mut self.stage, Stage::Check) {
            Stage::Refresh(shown) => self.refreshed(now, &shown, &answer),
            Stage::Check => self.checked(now, &answer),
        }
    }
}

/// The journal's note that holds the refresh tokens which SimpliSafe has given in the place of the settings' one.
#[must_use]
pub fn token_note(config: &SimpliSafeConfig) -> String {
    format!("simplisafe refresh token after {} at {}", config.fingerprint(), place(&config.auth_url))
}

/// The same token is shown the next time, however often that was: what stands before a login server may refuse for hours, and then does not any more.
fn doubted(why: String, lasting: Duration) -> LoginError {
    if lasting < DOUBTED {
        return LoginError::unavailable(format!("{why}, and does not say that the refresh token is to blame"));
    }
    let minutes = lasting.as_secs() / 60;
    let why = format!(
        "{why}, for {minutes} minutes now, and does not say that the refresh token is to blame: if this lasts, run `watchpost \
         login simplisafe`, and start watchpost again"
    );
    LoginError::TooMany { why, not_before: Some(DOUBTED_AGAIN) }
}

/// A call to where tokens are given.
fn token_call(auth_url: &Url, body: &serde_json::Value, timeout: Duration) -> RestCall {
    let mut call = browse(RestCall::new(Method::Post, under(auth_url, "oauth/token")));
    call = call.header("content-type", "application/json; charset=utf-8");
    call.body = Body::Json(body.to_string().into());
    (call.timeout, call.max_body) = (timeout, MAX_BODY);
    call
}

#[cfg(test)]
mod tests;
