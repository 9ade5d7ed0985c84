//! Calls with an access token, and what their statuses mean.
//!
//! Nothing here is documented by SimpliSafe: paths and members are those that simplipy, homebridge-simplisafe3 and a capture of a live account (2026) agree on.

use std::time::Duration;

use url::Url;

use super::grant::Grant;
use super::wire::Problem;
use crate::settings::mistake::shown;
use crate::transport::request::{Method, RestAnswer, RestCall, Retry};
use crate::vendors::address::under;

/// The most events that one page holds; SimpliSafe refuses to give more (a capture of a live account).
pub const MOST_EVENTS: u32 = 50;
/// Tries of a call that only reads: a base station that does not answer (504) often does a moment later (simplipy tries four times).
const TRIES: u32 = 2;
/// The size that an answer may have, 8 MiB: sensors have some hundred bytes each, subscriptions some ten thousand.
const MAX_BODY: usize = 8 << 20;

/// What is longer names no error.
const LONGEST_PROBLEM: usize = 4 << 10;

/// What the cloud holds, which trails a door by 5 to 10 s, and a lock by minutes (a capture of a live account). The base station itself is never asked:
/// that takes up to 20 s, wears batteries, and makes it announce that a lock does not respond (simplipy).
const CACHED: (&str, &str) = ("forceUpdate", "false");

/// Asks for the user's systems, active ones alone.
#[must_use]
pub fn subscriptions(grant: &Grant) -> RestCall {
    get(grant, &format!("users/{}/subscriptions", grant.user_id), &[("activeOnly", "true")])
}

/// Asks for the sensors of a system of version 3.
#[must_use]
pub fn sensors(grant: &Grant, sid: u64) -> RestCall {
    get(grant, &format!("ss3/subscriptions/{sid}/sensors"), &[CACHED])
}

/// Asks for the settings of a system of version 3, of which the base station's state is a part, and the users' codes too: whoever reads the answer must
/// leave these alone.
#[must_use]
pub fn settings(grant: &Grant, sid: u64) -> RestCall {
    get(grant, &format!("ss3/subscriptions/{sid}/settings/normal"), &[CACHED])
}

/// Asks for the locks of a system.
#[must_use]
pub fn locks(grant: &Grant, sid: u64) -> RestCall {
    get(grant, &format!("doorlock/{sid}"), &[])
}

/// Asks for the newest `count` events of a system, at most [`MOST_EVENTS`], newest first.
///
/// What `from_timestamp` (seconds since 1970) means is contradictory between sources: events at or after it, or older ones. Who uses it must check
/// where the page has led.
#[must_use]
pub fn events(grant: &Grant, sid: u64, count: u32, from_timestamp: Option<i64>) -> RestCall {
    let count = count.clamp(1, MOST_EVENTS).to_string();
    let from = from_timestamp.map(|from| from.to_string());
    let mut query = vec![("numEvents", count.as_str())];
    query.extend(from.as_deref().map(|from| ("fromTimestamp", from)));
    get(grant, &format!("subscriptions/{sid}/events"), &query)
}

fn get(grant: &Grant, path: &str, query: &[(&str, &str)]) -> RestCall {
    let mut url = versioned(&grant.api, path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut call = grant.sign(RestCall::new(Method::Get, url));
    (call.retry, call.max_body) = (Retry::Safe { tries: TRIES }, MAX_BODY);
    call
}

/// A path of the API's only version.
pub(super) fn versioned(api: &Url, path: &str) -> Url {
    under(api, &format!("v1/{path}"))
}

/// Why a call was not answered with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// 401: the token is not good any more. Another one helps.
    #[error("the access token is not known any more (401)")]
    Unauthorized,
    /// 403 without a word why: the address is blocked, as happens to who asks too often. Whatever is asked next keeps the block up.
    #[error("SimpliSafe blocks this machine's address (403)")]
    Blocked,
    /// `NoRemoteManagement`: not part of what the owner pays for. Other systems and calls are not concerned.
    #[error("the system's plan has no remote management")]
    NotInPlan,
    /// 409: somebody changes the settings at this moment. Trying again soon helps.
    #[error("the settings are being changed by somebody else (409)")]
    InProgress,
    /// 504 `GatewayTimeout`: the cloud is there, and the base station does not answer it. Other systems are not concerned.
    #[error("the base station does not answer (504)")]
    Unreachable,
    /// 429 and 5xx. Trying again later helps.
    #[error("SimpliSafe cannot answer now ({status})")]
    Busy {
        /// The status.
        status: u16,
        /// For how long the server asks to be left alone.
        not_before: Option<Duration>,
    },
    /// Any other status.
    #[error("SimpliSafe refused the call ({status}{})", word.as_deref().map_or(String::new(), |word| format!(", {word}")))]
    Refused {
        /// The status.
        status: u16,
        /// The kind of error that the answer names, if it names one.
        word: Option<String>,
    },
}

impl CallError {
    /// Whether the same call may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::InProgress | Self::Unreachable | Self::Busy { .. })
    }
}

/// Whether a call was answered with what was asked for.
///
/// # Errors
/// [`CallError`].
pub fn succeeded(answer: &RestAnswer) -> Result<(), CallError> {
    // A refusal may come with a status of success (simplipy), and is short.
    let is_list = answer.is_success() && answer.body.len() > LONGEST_PROBLEM;
    let word = if is_list { None } else { problem(&answer.body) };
    if word.as_deref() == Some("NoRemoteManagement") {
        return Err(CallError::NotInPlan);
    }
    let (status, not_before) = (answer.status, answer.retry_after);
    Err(match status {
        200..=299 => return Ok(()),
        401 => CallError::Unauthorized,
        403 if is_blocked(answer) => CallError::Blocked,
        409 => CallError::InProgress,
        504 if word.as_deref() == Some("GatewayTimeout") => CallError::Unreachable,
        400..=428 | 430..=499 if !matches!(status, 408 | 425) => CallError::Refused { status, word },
        _ => CallError::Busy { status, not_before },
    })
}

/// Whether this says that the address is blocked: a 403 that names no error of SimpliSafe's own.
#[must_use]
pub fn is_blocked(answer: &RestAnswer) -> bool {
    answer.status == 403 && problem(&answer.body).is_none()
}

/// The word of an error that an answer names. Pages of proxies name none.
pub(super) fn problem(body: &[u8]) -> Option<String> {
    let problem = Problem::read(body);
    let word = problem.word.trim();
    (problem.is_typed() && !word.is_empty()).then(|| shown(word))
}

#[cfg(test)]
mod tests;
