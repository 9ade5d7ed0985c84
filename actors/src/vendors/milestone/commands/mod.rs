//! What a system is asked to do, over the gateway's REST interface.
//!
//! - `types`: the event types that there are, with the states that they set.
//! - `trigger`: one event, by the name or the id of its type: the type is looked up, then the source if it is named, then the event is posted once.
//! - `find`: which of several rows a person means, and which are like it.
//!
//! Calls that read may be repeated. The one that makes an event never is: made twice, there would be two.

mod find;
mod trigger;
mod types;

use std::time::Duration;

use super::login::Grant;
use super::rest::{self, MAX_LIST, trouble};
use crate::messages::{self, CommandError};
use crate::transport::RestError;
use crate::transport::request::{Method, RestAnswer, RestCall, Retry};
use crate::vendors::{BoxedJob, Commands};

/// The time that a list may take: on large sites minutes were observed.
const LIST_TIMEOUT: Duration = Duration::from_secs(120);
/// Tries of a call that only reads.
const TRIES: u32 = 2;

/// The commands of one connection.
#[derive(Debug, Clone, Copy)]
pub struct MilestoneCommands {
    timeout: Duration,
}

impl MilestoneCommands {
    /// Commands each of whose calls may take `timeout`, and two minutes where it is a list.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { timeout }
    }
}

impl Commands for MilestoneCommands {
    type Grant = Grant;

    fn list_system_event_types(
        &self,
        _: &messages::ListSystemEventTypes,
    ) -> Option<BoxedJob<Grant, Vec<messages::SystemEventType>>> {
        Some(Box::new(types::List::default()))
    }

    fn trigger_event(
        &self,
        ask: &messages::TriggerEvent,
        _unique: &str,
    ) -> Option<BoxedJob<Grant, messages::Triggered>> {
        Some(Box::new(trigger::Trigger::new(ask, self.timeout)))
    }
}

/// Why it does not go on.
#[derive(Debug)]
enum Stop {
    Unauthorized,
    Failed(CommandError),
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

/// How the gateway spells its root, as far as that is known: `/API/` or, behind some proxies, `/api/` alone.
#[derive(Debug, Default)]
struct Root {
    lower_case: bool,
    /// Something was found there.
    is_certain: bool,
    /// What is asked now was not found in the other spelling.
    is_second: bool,
}

impl Root {
    /// A call that reads a list or one item.
    fn read(&self, grant: &Grant, path: &str, is_list: bool, timeout: Duration) -> RestCall {
        let mut call = rest::call(grant, self.lower_case, Method::Get, path);
        call.retry = Retry::Safe { tries: TRIES };
        call.timeout = timeout;
        if is_list {
            (call.timeout, call.max_body) = (LIST_TIMEOUT, MAX_LIST);
        }
        call
    }

    /// Whether the same is to be asked once more, with the other spelling.
    fn try_other(&mut self, status: u16) -> bool {
        let is_missing = status == 404 && !self.is_certain;
        let again = is_missing && !self.is_second;
        // Where neither has it, nothing is known of the root: the next question begins as this one did.
        self.lower_case ^= is_missing;
        self.is_second = again;
        again
    }
}

/// What has come of a call that reads.
enum Read<'a> {
    /// This.
    Told(&'a RestAnswer),
    /// There is no such thing, or it is not for this user: in words.
    Withheld(u16, String),
    /// Ask again.
    Again,
}

/// Judges the answer to a call that reads; `what` is read, for people.
fn read<'a>(root: &mut Root, what: &str, answer: Result<&'a RestAnswer, &RestError>) -> Result<Read<'a>, Stop> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_retryable() => return Err(CommandError::Unavailable(format!("{what}: {error}")).into()),
        Err(error) => return Err(CommandError::Refused(format!("{what}: {error}")).into()),
    };
    match answer.status {
        200..=299 => {
            root.is_certain = true;
            Ok(Read::Told(answer))
        }
        401 => Err(Stop::Unauthorized),
        status if root.try_other(status) => Ok(Read::Again),
        408 | 429 | 500.. => Err(CommandError::Unavailable(format!("{what}: {}", trouble(answer))).into()),
        status => Ok(Read::Withheld(status, trouble(answer))),
    }
}

/// What was told cannot be read: a page of a proxy's, say.
fn unreadable(what: &str, why: &str) -> Stop {
    CommandError::Refused(format!("{what}: {why}")).into()
}

#[cfg(test)]
mod tests;
