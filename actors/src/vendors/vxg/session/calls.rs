//! REST calls, and what becomes of their answers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::telling::NO_CAMERA;
use super::walk::SECOND;
use super::{Phase, VxgSession};
use crate::model::Cause;
use crate::telemetry::CallFailed;
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::vxg::rest::{self, CallError, EventsQuery};
use crate::vendors::vxg::wire::Asked;
use crate::vendors::{Action, CallId, Now, SessionEnd, Todo};

/// For so long no call is made where the server wants to be left alone; what wants a longer pause than this waits by itself.
const QUIET_MOST: Duration = Duration::from_secs(300);
/// A look at the live edge begins so much before now.
const EDGE: i64 = 10;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// The next page of events.
    Page,
    /// Whether the latest events can be had.
    Edge,
    /// One event: whether it is still kept.
    Event(i64),
    /// The oldest event of a camera.
    Oldest(i64),
    /// The next page of cameras.
    Channels,
}

impl Ask {
    fn words(self) -> &'static str {
        match self {
            Self::Page => "the list of events",
            Self::Edge => "the latest events",
            Self::Event(_) => "one event",
            Self::Oldest(_) => "the oldest event",
            Self::Channels => "the list of cameras",
        }
    }
}

/// Calls on their way: one at a time for events, and one for cameras.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u32,
    open: HashMap<u32, OnItsWay>,
    /// Those that wait for another token, or until the server may be asked again.
    waiting: Vec<Ask>,
    /// Another token is on its way.
    is_authorizing: bool,
    /// Tokens that were refused in a row.
    refused: u32,
    /// Until then the server wants no calls, of whatever kind.
    quiet_until: Option<Instant>,
}

#[derive(Debug)]
struct OnItsWay {
    ask: Ask,
    at: Instant,
    /// The token it was made with, by the number of those refused before.
    token: u32,
}

impl Calls {
    /// When those that wait for the server may be made.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.quiet_until.filter(|_| !self.is_authorizing && !self.waiting.is_empty())
    }

    fn is_quiet(&self, now: Now) -> bool {
        self.quiet_until.is_some_and(|until| until > now.instant)
    }

    /// An answer about events is awaited.
    pub(super) fn are_events_asked(&self) -> bool {
        let asks = self.open.values().map(|asked| asked.ask).chain(self.waiting.iter().copied());
        asks.into_iter().any(|ask| ask != Ask::Channels)
    }
}

impl VxgSession {
    pub(super) fn ask(&mut self, now: Now, ask: Ask, todo: &mut Todo) {
        if self.calls.is_authorizing || self.calls.is_quiet(now) {
            self.calls.waiting.push(ask);
            return;
        }
        let Some(mut call) = self.call(now, ask) else { return };
        call.timeout = self.request_timeout;
        let calls = &mut self.calls;
        calls.last = calls.last.wrapping_add(1);
        calls.open.insert(calls.last, OnItsWay { ask, at: now.instant, token: calls.refused });
        todo.act(Action::Call(CallId(calls.last), call));
    }

    fn call(&mut self, now: Now, ask: Ask) -> Option<RestCall> {
        let grant = self.grant.clone()?;
        let grant = &*grant;
        Some(match ask {
            Ask::Page => {
                let (start, end, page) = self.polls.page();
                let query = EventsQuery {
                    start: Some(moment(start)),
                    end: Some(moment(end)),
                    page,
                    cameras: self.polls.cameras(),
                    ..EventsQuery::default()
                };
                rest::events(grant, &query)
            }
            Ask::Edge => {
                let now = self.clock.at(now).div_euclid(SECOND);
                let query = EventsQuery {
                    start: Some(moment(now - EDGE)),
                    // What is dated in the future may be what cannot be read.
                    end: Some(moment(now + 1)),
                    page: Asked { limit: self.polls.edge_rows, offset: 0 },
                    cameras: self.polls.cameras(),
                    ..EventsQuery::default()
                };
                rest::events(grant, &query)
            }
            Ask::Event(id) => rest::event(grant, id),
            Ask::Oldest(camera) => {
                let page = Asked { limit: 1, offset: 0 };
                let own = [camera];
                // An event without a camera is found where no camera is asked for.
                let cameras = if camera == NO_CAMERA { self.polls.cameras() } else { &own };
                rest::events(grant, &EventsQuery { page, cameras, ..EventsQuery::default() })
            }
            Ask::Channels => self.channels.call(grant)?,
        })
    }

    pub(super) fn answered(
        &mut self,
        now: Now,
        CallId(id): CallId,
        answer: Result<RestAnswer, RestError>,
        todo: &mut Todo,
    ) {
        let Some(OnItsWay { ask, at, token }) = self.calls.open.remove(&id) else { return };
        let Some(grant) = self.grant.clone() else { return };
        let judged = match &answer {
            Ok(answer) => rest::succeeded(&grant, answer).map(|()| answer),
            Err(error) => Err(CallError::from(error)),
        };
        // What stands before the server may have another clock.
        if let Ok(answer) = judged {
            let was_settled = self.clock.is_settled();
            let read_until = (!self.cursor.is_new).then_some(self.cursor.read_until);
            if let Some(by) = self.clock.heed(now, answer, read_until) {
                self.clock_is_known(by);
            }
            if let Some(ahead) = self.clock.disagrees_by() {
                self.teller.doubt_server(ahead, todo);
            }
            if !was_settled && self.clock.is_settled() {
                self.clock_is_settled(now);
            }
        }
        match judged {
            Ok(answer) => {
                self.calls.refused = 0;
                self.took(now.instant.saturating_duration_since(at), ask);
                if ask != Ask::Channels && self.clock.is_in_doubt() {
                    // By another date it may have to be asked otherwise.
                    return self.ask(now, ask, todo);
                }
                self.take(now, ask, answer, todo);
            }
            // Events are asked for more often: they find out whether the token as such is good.
            Err(CallError::Unauthorized(why)) if ask != Ask::Channels => self.refused(now, ask, token, why, todo),
            Err(error) => self.failed(now, ask, &error, todo),
        }
    }

    fn take(&mut self, now: Now, ask: Ask, answer: &RestAnswer, todo: &mut Todo) {
        let Some(grant) = self.grant.clone() else { return };
        // A page of a proxy's comes with a status of success, too.
        match ask {
            Ask::Page => self.paged(now, answer, todo),
            Ask::Edge => match rest::read_page(&grant, answer) {
                Ok(_) => self.edge_is_there(now, todo),
                Err(error) => self.failed(now, ask, &error, todo),
            },
            Ask::Event(_) => match rest::read_event(&grant, answer) {
                Ok(_) => self.newest_is_kept(now, true, todo),
                Err(error) => self.failed(now, ask, &error, todo),
            },
            Ask::Oldest(_) => self.oldest_told(now, answer, todo),
            Ask::Channels => self.channels_paged(now, answer, todo),
        }
    }

    /// Tells of what cannot be had.
    pub(super) fn failed(&mut self, now: Now, ask: Ask, error: &CallError, todo: &mut Todo) {
        CallFailed { vendor: "vxg", what: ask.words(), why: &error.to_string() }.emit();
        self.heed_quiet(now, ask, error);
        match ask {
            Ask::Page => self.page_failed(now, error, todo),
            Ask::Edge => self.edge_failed(now, error, todo),
            Ask::Event(_) if matches!(error, CallError::NotFound(_)) => self.newest_is_kept(now, false, todo),
            Ask::Event(_) | Ask::Oldest(_) => self.evidence_failed(now, error, todo),
            Ask::Channels => self.channels_failed(now, error, todo),
        }
    }

    /// A server that has had enough means all calls, not those of one kind.
    fn heed_quiet(&mut self, now: Now, ask: Ask, error: &CallError) {
        // Of a window that is at fault it says no more than that.
        let is_at_fault = ask == Ask::Page && self.polls.reading.as_ref().is_some_and(|reading| reading.is_at_fault);
        let pause = match error {
            CallError::Busy { not_before } => not_before.unwrap_or(self.polls.interval),
            CallError::Passing { not_before: Some(pause), .. } if !is_at_fault => *pause,
            _ => return,
        };
        self.is_held_up(pause);
        self.calls.quiet_until = self.calls.quiet_until.max(Some(now.instant + pause.min(QUIET_MOST)));
    }

    /// Makes the calls that waited until the server may be asked again.
    pub(super) fn call_if_quiet_is_over(&mut self, now: Now, todo: &mut Todo) {
        if self.calls.next_wake().is_some_and(|at| at <= now.instant) {
            for ask in std::mem::take(&mut self.calls.waiting) {
                self.ask(now, ask, todo);
            }
        }
    }

    /// Another token is asked for, once; the login decides whether there is one.
    fn refused(&mut self, now: Now, ask: Ask, token: u32, why: Option<String>, todo: &mut Todo) {
        if token != self.calls.refused {
            // Refused with the token before: the one in hand is good, or on its way.
            return self.ask(now, ask, todo);
        }
        if token > 0 {
            let why = CallError::Unauthorized(why);
            return self.end(
                SessionEnd::retry(Cause::Refused, format!("a token that the login has just found good: {why}")),
                todo,
            );
        }
        self.calls.refused += 1;
        self.calls.waiting.push(ask);
        if !std::mem::replace(&mut self.calls.is_authorizing, true) {
            todo.act(Action::Authorize { refused: true });
        }
    }

    /// Puts the calls once more that were refused with the token before.
    pub(super) fn call_again(&mut self, now: Now, todo: &mut Todo) {
        self.calls.is_authorizing = false;
        for ask in std::mem::take(&mut self.calls.waiting) {
            self.ask(now, ask, todo);
        }
        if self.phase == Phase::Running {
            self.read_if_due(now, todo);
        }
    }
}

/// A moment of seconds since 1970, as near as it can be told.
fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or(if second < 0 { Timestamp::MIN } else { Timestamp::MAX })
}
