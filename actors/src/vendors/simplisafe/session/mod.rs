//! One try at one connection to SimpliSafe, as pure code.
//!
//! ```text
//! Start ─► log in ─► names ─► open ─► identify ─► subscribed: online ─┬─ history: what was missed ─► events held meanwhile ─► live
//!                                                                     └─ polls: what is not pushed, over and over
//! ```
//! The socket replays nothing: what happened during a break stands in each system's history, and only there. So a gap is told only where the
//! history does not reach.
//!
//! - `opening`: from the start to a subscription. `token`: another access token, before it ends or when it is refused. `frames`: what the socket says;
//!   `parts`: what it says but in part.
//! - `calls`: REST calls and what becomes of their answers. `backfill`: the `walk` through a `history`; `polls`: what is asked for over and over.
//! - `systems`: a system, and what is held back of it. `states`: what was told last. `telling`: from an event to occurrences. `mark`: what is stored when.

mod backfill;
pub(super) mod calls;
mod frames;
mod history;
mod mark;
mod opening;
mod parts;
mod polls;
mod states;
mod systems;
pub(super) mod telling;
#[cfg(test)]
mod tests;
mod token;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use jiff::Timestamp;

use self::calls::Calls;
use self::history::History;
use self::mark::Mark;
use self::parts::{Doubtful, Parts};
use self::states::States;
use self::systems::{Clock, Pace, Poll, System};
use self::token::Token;
use super::checkpoint::{KeptSystem, SimpliSafeCheckpoint};
use super::codes::Codes;
use super::config::SimpliSafeConfig;
use super::directory::Catalog;
use super::grant::Grant;
use crate::journal::Checkpoint;
use crate::model::Cause;
use crate::settings::CommonSettings;
use crate::vendors::{Action, Input, Now, Resume, Session, SessionEnd, Todo};

/// One try at one connection.
#[derive(Debug)]
pub struct SimpliSafeSession {
    config: SimpliSafeConfig,
    backfill_first: Duration,
    request_timeout: Duration,
    max_message: usize,
    phase: Phase,
    grant: Option<Arc<Grant>>,
    token: Token,
    /// The directory has loaded what it could.
    prepared: bool,
    /// … which was asked for twice.
    prepared_again: bool,
    /// The directory has the names.
    has_names: bool,
    /// The server has hung up on the first token of this try, or answered it with silence.
    hung_up: bool,
    /// Until when the subscription must be confirmed.
    answer_until: Option<Instant>,
    /// When the last session was last heard of.
    heard: Option<Timestamp>,
    mark: Mark,
    clock: Clock,
    codes: Codes,
    states: States,
    systems: BTreeMap<u64, System>,
    /// What is known of those that the lists do not tell of any more.
    gone: BTreeMap<u64, KeptSystem>,
    calls: Calls,
    pace: Pace,
    subscriptions: Poll,
    doubtful: Vec<Doubtful>,
    parts: Parts,
    /// When somebody was last told of a frame that cannot be read.
    warned: Option<Instant>,
    wake: Option<Instant>,
}

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The login is on its way.
    Authorizing,
    /// The names are on their way.
    Preparing,
    /// The socket is being opened.
    Opening,
    /// It is open, and the token has been sent.
    Identifying,
    /// The subscription is confirmed.
    Online,
    /// The try is over.
    Ended,
}

impl SimpliSafeSession {
    /// A session that goes on from `resume`.
    #[must_use]
    pub fn new(config: SimpliSafeConfig, common: &CommonSettings, resume: Resume) -> Self {
        let kept = resume.checkpoint.as_ref().and_then(SimpliSafeCheckpoint::read).unwrap_or_default();
        let SimpliSafeCheckpoint { since, systems, states, strangers, no_list, numbers, parts, .. } = kept;
        let is_first = no_list || since.is_none();
        let systems = systems.into_iter().filter(|system| config.systems.contains(system.sid));
        let (gone, systems): (Vec<_>, Vec<_>) = systems.partition(|system| system.gone.is_some());
        let systems = systems.into_iter().map(|system| (system.sid, System::new(system.sid, History::read(system))));
        Self {
            backfill_first: common.backfill_on_first_start,
            request_timeout: common.request_timeout,
            max_message: common.max_message.as_usize(),
            phase: Phase::Authorizing,
            grant: None,
            token: Token::default(),
            prepared: false,
            prepared_again: false,
            has_names: false,
            hung_up: false,
            answer_until: None,
            heard: resume.heard,
            mark: Mark::new(since, is_first),
            clock: Clock::default(),
            codes: Codes::knowing(&strangers),
            states: States::read(states, numbers),
            systems: systems.collect(),
            gone: gone.into_iter().map(|system| (system.sid, system)).collect(),
            calls: Calls::default(),
            pace: Pace::default(),
            subscriptions: Poll::default(),
            doubtful: Vec::new(),
            parts: Parts::read(parts),
            warned: None,
            wake: None,
            config,
        }
    }

    /// The next moment at which time alone changes something.
    fn next_wake(&self, now: Now) -> Option<Instant> {
        let mut moments = vec![self.answer_until];
        if self.phase == Phase::Online {
            moments.extend([self.token.next_wake(), self.next_subscriptions(now)]);
            moments.extend(self.systems.values().map(|system| system.next_wake(now.instant)));
            moments.extend(self.doubtful.iter().map(|doubtful| Some(doubtful.next_wake())));
        }
        moments.into_iter().flatten().min()
    }

    fn woken(&mut self, now: Now, todo: &mut Todo) {
        if telling::is_due(self.answer_until, now) {
            self.answer_until = None;
            if self.try_another_token(todo) {
                return;
            }
            return self.end(SessionEnd::retry(Cause::Timeout, "the server does not confirm the subscription"), todo);
        }
        if self.phase == Phase::Online {
            self.renew_if_due(now, todo);
            self.release_if_due(now, todo);
            self.look_if_due(now, todo);
            self.poll_if_due(now, todo);
            self.doubt_doors_if_due(now, todo);
        }
    }

    fn end(&mut self, end: SessionEnd, todo: &mut Todo) {
        self.phase = Phase::Ended;
        todo.act(Action::End(end));
    }

    fn settle(&mut self, now: Now, todo: &mut Todo) {
        let next = self.next_wake(now);
        if next != self.wake {
            self.wake = next;
            todo.act(Action::Wake(next));
        }
    }
}

impl Session for SimpliSafeSession {
    type Grant = Grant;
    type Catalog = Catalog;
    type Decoded = ByteString;

    fn decode(message: ByteString) -> ByteString {
        // What is read of a frame are slices of it; they cannot travel.
        message
    }

    fn step(&mut self, now: Now, input: Input<Self>, todo: &mut Todo) {
        if self.phase == Phase::Ended {
            return;
        }
        match input {
            Input::Message(text) | Input::Decoded(text) => self.frame(now, &text, todo),
            Input::Answer(call, answer) => self.answered(now, call, answer, todo),
            Input::Start => self.start(todo),
            Input::Granted(grant) => self.granted(now, grant, todo),
            Input::Prepared(catalog) => self.prepared(now, catalog, todo),
            Input::Opened => self.opened(now, todo),
            Input::Refused(error) => self.refused(&error, todo),
            Input::Woken => {
                self.wake = None;
                self.woken(now, todo);
            }
            // The next socket begins with the history.
            Input::Unreadable(_) | Input::BarrierPassed => {}
        }
        self.settle(now, todo);
    }

    fn dropped(&mut self, now: Now, todo: &mut Todo) -> bool {
        // While another token is on its way, it is the socket that was given up for it.
        let goes_on = self.phase == Phase::Authorizing || self.try_another_token(todo);
        self.settle(now, todo);
        goes_on
    }

    fn unauthorized(&mut self, now: Now, todo: &mut Todo) -> bool {
        let goes_on = self.keep_token(now, todo);
        self.settle(now, todo);
        goes_on
    }

    fn is_caught_up(&self) -> bool {
        self.phase == Phase::Online && self.doubtful.is_empty() && self.systems.values().all(System::is_caught_up)
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        // Before it was online for the first time there is nothing that a new start would not do as well.
        let since = self.mark.since?;
        self.mark.checkpoint(|| {
            let systems = self.systems.values().map(|system| system.history.keep(system.sid));
            let systems = systems.chain(self.gone.values().cloned()).collect();
            let states = self.states.keep();
            let mut made = SimpliSafeCheckpoint::new(since, systems, states, self.codes.strangers());
            made.no_list = self.mark.is_first;
            (made.numbers, made.parts) = (self.states.numbers(), self.parts.keep());
            made.write()
        })
    }
}
