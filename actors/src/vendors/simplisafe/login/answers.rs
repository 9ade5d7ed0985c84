//! What SimpliSafe's answers to a login mean.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::transport::request::RestAnswer;
use crate::vendors::LoginError;
use crate::vendors::address::place;
use crate::vendors::simplisafe::config::is_token;
use crate::vendors::simplisafe::rest::{is_blocked, problem};
use crate::vendors::simplisafe::wire::Problem;

/// How long a token is good for where the answer does not say (simplipy's fixtures, a capture of a live account).
const USUAL_LIFE: Duration = Duration::from_secs(3_600);
/// The longest that is believed.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// How long a server that is asked too often is left alone, where it does not say.
const SLOW_DOWN: Duration = Duration::from_secs(60);
/// Access tokens are signed texts of some thousand characters.
const LONGEST_ACCESS_TOKEN: usize = 32 << 10;

/// What was given.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) access_token: SecretString,
    /// In the place of the one that was shown.
    pub(super) refresh_token: Option<SecretString>,
    pub(super) life: Duration,
}

/// An answer to a token.
#[derive(Debug)]
pub(super) enum Said {
    Yes(Issued),
    /// The token is not good, in so many words; the one before it may be.
    No,
    /// Refused without a word about the token, which may be good: what stands before the login server refuses so too, for a moment.
    Doubtful(String),
    /// It was not judged, or not by SimpliSafe.
    Neither(LoginError),
}

/// The answer of `oauth/token`.
pub(super) fn token(auth_url: &Url, answer: &RestAnswer) -> Said {
    let at = place(auth_url);
    let word = problem(&answer.body);
    let named = word.as_deref().map_or(String::new(), |word| format!(", {word}"));
    let status = answer.status;
    let (why, not_before) = match status {
        200..=299 => match issued(&answer.body) {
            Some(issued) => return Said::Yes(issued),
            None => (format!("the answer of {at} holds no access token: is auth_url SimpliSafe's login host?"), None),
        },
        403 if is_blocked(answer) => (format!("{at} blocks this machine's address (403)"), Some(SLOW_DOWN)),
        400 | 401 | 403 if Problem::read(&answer.body).is_invalid_grant() => return Said::No,
        // Without a word it is not the login that speaks, but what stands before it.
        400 if word.is_none() => return Said::Doubtful(format!("{at} refuses the login (400): is auth_url right?")),
        401 | 403 => return Said::Doubtful(format!("{at} refuses the login ({status}{named})")),
        429 => (format!("{at} wants fewer requests (429)"), answer.retry_after.or(Some(SLOW_DOWN))),
        404 | 405 | 410 => (format!("there is no login of SimpliSafe at {at} ({status}): is auth_url right?"), None),
        408 | 409 | 425 => (format!("{at} was not ready ({status}{named})"), answer.retry_after),
        400..=499 => {
            let why =
                format!("{at} does not understand the login ({status}{named}): is auth_url right? If so, report it");
            return Said::Neither(LoginError::Refused(why));
        }
        500.. => (format!("{at} cannot answer now ({status}{named})"), answer.retry_after),
        _ => (format!("{at} answered with status {status}, which means nothing here"), None),
    };
    Said::Neither(LoginError::busy(why, not_before))
}

fn issued(body: &[u8]) -> Option<Issued> {
    #[derive(Deserialize)]
    struct Members {
        access_token: SecretString,
        #[serde(default)]
        refresh_token: Option<Value>,
        #[serde(default)]
        expires_in: Option<Value>,
    }
    let Members { access_token, refresh_token, expires_in } = serde_json::from_slice(body).ok()?;
    let text = access_token.expose_secret();
    let is_sound =
        text.len() <= LONGEST_ACCESS_TOKEN && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let refresh_token = refresh_token.as_ref().and_then(Value::as_str).filter(|token| is_token(token));
    is_sound.then(|| Issued {
        refresh_token: refresh_token.map(SecretString::from),
        life: life(expires_in.as_ref()),
        access_token,
    })
}

/// A number of seconds, or a text of one. What makes no sense is as good as absent.
fn life(seconds: Option<&Value>) -> Duration {
    let seconds = seconds.and_then(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()));
    let life = seconds.filter(|seconds| *seconds >= 1.0).map(|seconds| seconds.min(LONGEST_LIFE.as_secs_f64()));
    life.map_or(USUAL_LIFE, Duration::from_secs_f64)
}

/// The answer of `authCheck`.
///
/// # Errors
/// Why it does not tell whose token it is.
pub(super) fn user(api_url: &Url, answer: &RestAnswer) -> Result<u64, LoginError> {
    #[derive(Deserialize)]
    struct Members {
        #[serde(rename = "userId")]
        user_id: Value,
    }
    let at = place(api_url);
    let named = problem(&answer.body).map_or(String::new(), |word| format!(", {word}"));
    let status = answer.status;
    let (why, not_before) = match status {
        200..=299 => {
            let members = serde_json::from_slice::<Members>(&answer.body).ok();
            let id = members
                .and_then(|Members { user_id }| user_id.as_u64().or_else(|| user_id.as_str()?.trim().parse().ok()));
            match id {
                Some(id) => return Ok(id),
                None => (format!("{at} does not tell whose token it is: is api_url right?"), None),
            }
        }
        403 if is_blocked(answer) => (format!("{at} blocks this machine's address (403)"), Some(SLOW_DOWN)),
        401 | 403 => {
            let why =
                format!("{at} does not take the token that has just been given ({status}{named}): is api_url right?");
            return Err(LoginError::NotThis(why));
        }
        404 | 405 | 410 => (format!("there is no SimpliSafe at {at} ({status}): is api_url right?"), None),
        429 => (format!("{at} wants fewer requests (429)"), answer.retry_after.or(Some(SLOW_DOWN))),
        _ => (format!("{at} cannot say now whose token it is ({status}{named})"), answer.retry_after),
    };
    Err(LoginError::busy(why, not_before))
}
