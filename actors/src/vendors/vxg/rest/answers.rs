//! What an answer means.

use std::time::Duration;

use crate::model::Cause;
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::address::place;
use crate::vendors::loose;
use crate::vendors::members::{Members, utf8};
use crate::vendors::vxg::grant::Grant;
use crate::vendors::vxg::wire::{BodyError, Channel, Event, EventType, Page, Problem};

/// Why a call was not answered with what was asked for. The server's words are in it without the token, and cut.
///
/// No list of VXG's statuses is public: 401 and 404 are from its SDK, the others from what HTTP means by them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// 401: the token is not good any more, or is shown under the wrong scheme.
    #[error("the token is not accepted (401{})", with(.0))]
    Unauthorized(Option<String>),
    /// 403: the token is known, and may not do that: one with access `all` may.
    #[error("the token may not do that (403{})", with(.0))]
    Forbidden(Option<String>),
    /// 404: there is no such camera, type or event, or the address is wrong.
    #[error("it is not there (404{})", with(.0))]
    NotFound(Option<String>),
    /// Any other refusal: the same call is refused again.
    #[error("the server refused the call ({status}{})", with(.detail))]
    Bad {
        /// The status.
        status: u16,
        /// The server's words.
        detail: Option<String>,
    },
    /// 429: too many calls.
    #[error("the server asks to be left alone (429)")]
    Busy {
        /// For how long, where it says so.
        not_before: Option<Duration>,
    },
    /// Anything that may be over the next time: no answer, 5xx, a page of a proxy's.
    #[error("{why}")]
    Passing {
        /// What came.
        why: String,
        /// For how long the server asks to be left alone, where it does.
        not_before: Option<Duration>,
    },
}

fn with(detail: &Option<String>) -> String {
    detail.as_deref().map_or_else(String::new, |detail| format!(": {detail}"))
}

impl CallError {
    /// Whether the same call may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::Passing { .. })
    }

    /// What it comes to.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Unauthorized(_) | Self::Forbidden(_) | Self::NotFound(_) | Self::Bad { .. } => Cause::Refused,
            Self::Busy { .. } => Cause::Throttled,
            Self::Passing { .. } => Cause::Unavailable,
        }
    }

    /// For how long the server asks to be left alone.
    #[must_use]
    pub fn not_before(&self) -> Option<Duration> {
        match self {
            Self::Busy { not_before } | Self::Passing { not_before, .. } => *not_before,
            _ => None,
        }
    }
}

/// No whole answer came. A fault that lasts, a certificate say, is a [`Passing`](CallError::Passing) too: a person mends it without telling us.
impl From<&RestError> for CallError {
    fn from(error: &RestError) -> Self {
        Self::Passing { why: error.to_string(), not_before: None }
    }
}

/// A success that is not what was asked for: proxies are known to answer with pages of their own.
impl From<BodyError> for CallError {
    fn from(error: BodyError) -> Self {
        Self::Passing { why: format!("the server's answer cannot be used: {error}"), not_before: None }
    }
}

/// Whether a call was answered with success. The grant is the one that it was signed with.
///
/// # Errors
/// [`CallError`].
pub fn succeeded(grant: &Grant, answer: &RestAnswer) -> Result<(), CallError> {
    let problem = if answer.is_success() { refusal(answer) } else { Some(Problem::read(&answer.body)) };
    let Some(Problem { detail, status: told }) = problem else { return Ok(()) };
    let detail = detail.map(|detail| words(grant, &detail)).filter(|detail| !detail.is_empty());
    let status = if answer.is_success() { told.unwrap_or(answer.status) } else { answer.status };
    let not_before = answer.retry_after;
    Err(match status {
        401 => CallError::Unauthorized(detail),
        403 => CallError::Forbidden(detail),
        404 => CallError::NotFound(detail),
        429 => CallError::Busy { not_before },
        400..=499 if !matches!(status, 408 | 425) => CallError::Bad { status, detail },
        300..=399 => {
            let to = answer.header("location").and_then(|text| grant.base.join(text).ok()).map(|url| place(&url));
            let to = to.unwrap_or_else(|| "another address".to_owned());
            CallError::Passing { why: format!("the server sends the call on to {to} ({status})"), not_before }
        }
        _ => {
            CallError::Passing { why: format!("the server cannot answer now ({status}{})", with(&detail)), not_before }
        }
    })
}

/// The server's words on one line, cut, and without the token: that goes first, a cut one would not be recognised.
fn words(grant: &Grant, detail: &str) -> String {
    let line: String = grant.credential.mask(detail).split_whitespace().collect::<Vec<_>>().join(" ");
    loose::head(&line).chars().filter(|c| !c.is_control()).collect()
}

/// A refusal that comes with a status of success.
fn refusal(answer: &RestAnswer) -> Option<Problem> {
    let problem = Problem::read(&answer.body);
    problem.detail.is_some().then_some(problem)
}

/// A page of a list.
///
/// # Errors
/// [`CallError`].
pub fn read_page<'a>(grant: &Grant, answer: &'a RestAnswer) -> Result<Page<'a>, CallError> {
    succeeded(grant, answer)?;
    Ok(Page::read(&answer.body)?)
}

/// One event.
///
/// # Errors
/// [`CallError`].
pub fn read_event<'a>(grant: &Grant, answer: &'a RestAnswer) -> Result<Event<'a>, CallError> {
    succeeded(grant, answer)?;
    Ok(Event::read(utf8(&answer.body)?)?)
}

/// One camera.
///
/// # Errors
/// [`CallError`].
pub fn read_channel<'a>(grant: &Grant, answer: &'a RestAnswer) -> Result<Channel<'a>, CallError> {
    succeeded(grant, answer)?;
    Ok(Channel::read(utf8(&answer.body)?)?)
}

/// One type of event.
///
/// # Errors
/// [`CallError`].
pub fn read_event_type(grant: &Grant, answer: &RestAnswer) -> Result<EventType, CallError> {
    succeeded(grant, answer)?;
    Ok(EventType::read(utf8(&answer.body)?)?)
}

/// The id of an event that was made: all that its maker needs of the answer.
///
/// # Errors
/// [`CallError`]. One that is [`Passing`](CallError::Passing) does not say that it was not made.
pub fn read_id(grant: &Grant, answer: &RestAnswer) -> Result<i64, CallError> {
    succeeded(grant, answer)?;
    let members = Members::only(utf8(&answer.body)?, &["id"])?;
    Ok(members.number("id").ok_or(BodyError::Lacks("id"))?)
}
