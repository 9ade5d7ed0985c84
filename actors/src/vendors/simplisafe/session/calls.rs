//! REST calls, and what becomes of their answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::SimpliSafeSession;
use crate::telemetry::CallFailed;
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::simplisafe::rest::{self, CallError, MOST_EVENTS};
use crate::vendors::{Action, CallId, Now, Todo};

/// So long a call that was refused with a fresh token, too, costs no other one.
const IN_VAIN: Duration = Duration::from_secs(3_600);

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    Subscriptions,
    Sensors(u64),
    Settings(u64),
    Locks(u64),
    Events { sid: u64, from: Option<i64> },
}

impl Ask {
    /// Whether it is the same, of whatever page.
    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Events { sid, .. }, Self::Events { sid: other, .. }) => sid == other,
            _ => self == other,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Subscriptions => "the list of systems",
            Self::Sensors(_) => "the sensors of a system",
            Self::Settings(_) => "the settings of a system",
            Self::Locks(_) => "the locks of a system",
            Self::Events { .. } => "the history of a system",
        }
    }
}

/// Calls on their way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u32,
    open: HashMap<u32, Asked>,
    /// Those that wait for another token.
    waiting: Vec<Ask>,
    /// Those for which another token is asked for in vain, until then.
    in_vain: Vec<(Ask, Instant)>,
}

impl Calls {
    /// Whether another token may help a call that was refused.
    fn may_help(&self, now: Now, ask: Ask) -> bool {
        !self.in_vain.iter().any(|(vain, until)| vain.is_like(ask) && *until > now.instant)
    }

    /// It was refused with a fresh token, too, whatever the reason is.
    fn was_in_vain(&mut self, now: Now, ask: Ask) {
        self.worked(ask);
        self.in_vain.push((ask, now.instant + IN_VAIN));
    }

    fn worked(&mut self, ask: Ask) {
        self.in_vain.retain(|(vain, _)| !vain.is_like(ask));
    }
}

#[derive(Debug)]
struct Asked {
    ask: Ask,
    /// By our clock.
    at: Timestamp,
    token: u32,
    /// It was refused before, with another token.
    again: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Asking again later may help.
    Passing {
        /// In words.
        why: String,
        /// For how long the server asks to be left alone.
        not_before: Option<Duration>,
    },
    /// The owner does not pay for it.
    NotInPlan,
    /// Nothing is asked until then: the cloud blocks this machine's address.
    Braked(Instant),
}

impl Trouble {
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self::Passing { why: why.into(), not_before: None }
    }
}

impl SimpliSafeSession {
    pub(super) fn ask(&mut self, now: Now, ask: Ask, todo: &mut Todo) {
        self.call(now, ask, false, todo);
    }

    fn call(&mut self, now: Now, ask: Ask, again: bool, todo: &mut Todo) {
        let Some(grant) = &self.grant else { return };
        let mut call = match ask {
            Ask::Subscriptions => rest::subscriptions(grant),
            Ask::Sensors(sid) => rest::sensors(grant, sid),
            Ask::Settings(sid) => rest::settings(grant, sid),
            Ask::Locks(sid) => rest::locks(grant, sid),
            Ask::Events { sid, from } => rest::events(grant, sid, MOST_EVENTS, from),
        };
        call.timeout = self.request_timeout;
        let calls = &mut self.calls;
        calls.last = calls.last.wrapping_add(1);
        calls.open.insert(calls.last, Asked { ask, at: now.wall, token: self.token.serial, again });
        todo.act(Action::Call(CallId(calls.last), call));
    }

    pub(super) fn answered(
        &mut self,
        now: Now,
        CallId(id): CallId,
        answer: Result<RestAnswer, RestError>,
        todo: &mut Todo,
    ) {
        let Some(Asked { ask, at, token, again }) = self.calls.open.remove(&id) else { return };
        if let Some(date) = answer.as_ref().ok().and_then(date) {
            self.clock.set(date, now);
        }
        if let Err(RestError::Braked(braked)) = &answer {
            return self.failed(now, ask, Trouble::Braked(braked.until), todo);
        }
        let judged = match &answer {
            Ok(answer) => rest::succeeded(answer).map(|()| answer).map_err(Some),
            Err(_) => Err(None),
        };
        match judged {
            Ok(answer) => {
                self.calls.worked(ask);
                self.take(now, ask, at, answer, todo);
            }
            Err(Some(CallError::Unauthorized)) if !again && self.calls.may_help(now, ask) => {
                self.calls.waiting.push(ask);
                if token == self.token.serial {
                    self.authorize(true, todo);
                } else if !self.token.is_asked {
                    self.call_again(now, todo);
                }
            }
            Err(Some(CallError::NotInPlan)) => self.failed(now, ask, Trouble::NotInPlan, todo),
            Err(error) => {
                if again && matches!(error, Some(CallError::Unauthorized)) {
                    self.calls.was_in_vain(now, ask);
                }
                let not_before = match &error {
                    Some(CallError::Busy { not_before, .. }) => *not_before,
                    // Whatever is asked next keeps the block up.
                    Some(CallError::Blocked) => Some(Duration::from_secs(60)),
                    _ => None,
                };
                let why = match (error, &answer) {
                    (Some(error), _) => error.to_string(),
                    (None, Err(error)) => error.to_string(),
                    (None, Ok(_)) => String::new(),
                };
                self.failed(now, ask, Trouble::Passing { why, not_before }, todo);
            }
        }
    }

    /// Puts the calls once more that were refused with the token before.
    pub(super) fn call_again(&mut self, now: Now, todo: &mut Todo) {
        for ask in std::mem::take(&mut self.calls.waiting) {
            if !self.put_off(now, ask) {
                self.call(now, ask, true, todo);
            }
        }
    }

    /// There is no other token for them.
    pub(super) fn give_up_waiting(&mut self, now: Now, todo: &mut Todo) {
        for ask in std::mem::take(&mut self.calls.waiting) {
            self.failed(now, ask, Trouble::passing("no access token can be had"), todo);
        }
    }

    fn take(&mut self, now: Now, ask: Ask, at: Timestamp, answer: &RestAnswer, todo: &mut Todo) {
        match ask {
            Ask::Events { sid, .. } => self.paged(now, sid, &answer.body, todo),
            poll => {
                let at = Timestamp::from_second(self.clock.at(at).as_second()).unwrap_or(at);
                self.polled(now, poll, at, &answer.body, todo);
            }
        }
    }

    fn failed(&mut self, now: Now, ask: Ask, trouble: Trouble, todo: &mut Todo) {
        if let Trouble::Passing { why, .. } = &trouble {
            CallFailed { vendor: "simplisafe", what: ask.words(), why }.emit();
        }
        match ask {
            Ask::Events { sid, .. } => self.page_failed(now, sid, trouble, todo),
            poll => self.poll_failed(now, poll, &trouble, todo),
        }
    }
}

/// When the cloud answered, by its own clock.
pub(in crate::vendors::simplisafe) fn date(answer: &RestAnswer) -> Option<Timestamp> {
    rfc2822::parse(answer.header("date")?).ok().map(|date| date.timestamp())
}
