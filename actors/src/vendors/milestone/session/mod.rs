//! One try at one Milestone session, as pure code.
//!
//! ```text
//! Start ─► token (and event types) ─► open ─► startSession ─┬─ 200, asked to resume ──────────────► live
//!                                                           └─ else: addSubscription (and those added since) ─► getState ─► live, states taken
//! ```
//! Three rules of the Events and State API carry it. The *status* of `startSession` decides whether a session was resumed, not what was asked
//! for. A session id is kept only once its subscription is confirmed: resuming a session without one succeeds and delivers nothing. And after
//! anything but a resume, `getState` is the only way to the states, while events may already be coming in.

mod baseline;
mod conversation;
mod events;
mod failover;
mod further;
mod opening;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use jiff::Timestamp;
use url::Url;

use self::further::FurtherSubscriptions;
use super::checkpoint::{LastEvent, MilestoneCheckpoint};
use super::config::MilestoneConfig;
use super::directory::Catalog;
use super::login::Grant;
use super::wire::{self, Decoded};
use crate::journal::Checkpoint;
use crate::model::Cause;
use crate::settings::CommonSettings;
use crate::vendors::{Action, Input, Now, Resume, Session, SessionEnd, Todo, Wishes};

/// One try at one session.
#[derive(Debug)]
pub struct MilestoneSession {
    config: MilestoneConfig,
    request_timeout: Duration,
    max_message: usize,
    phase: Phase,
    /// What will be stored: the conversation as far as everything handed over so far goes.
    mark: MilestoneCheckpoint,
    heard: Option<Timestamp>,
    grant: Option<Arc<Grant>>,
    /// The gateway that this try is at, and those that it has tried in vain.
    gateway: Option<Url>,
    tried: Vec<Url>,
    catalog: Option<Arc<Catalog>>,
    /// The socket may be opened: what there is of event types is there, or is not waited for.
    prepared: bool,
    /// The directory has answered, with or without them.
    named: bool,
    reauthorized: bool,
    /// The list of event types was asked for anew.
    renewed: bool,
    /// Spellings of the WebSocket's path that were refused.
    refused_spellings: u8,
    commands: u64,
    /// A session that has no confirmed subscription yet.
    unconfirmed: Option<String>,
    /// The last event handed over, behind which the cursor is still to be moved.
    last: Option<LastEvent>,
    /// The last event of a session that is not confirmed yet.
    early: Option<LastEvent>,
    baseline: Baseline,
    replay: Option<Replay>,
    further: FurtherSubscriptions,
}

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Token and event types are on their way.
    Waiting,
    /// The socket is being opened.
    Opening,
    /// `startSession` awaits its answer.
    Starting { command: u64, resuming: bool, until: Instant },
    /// A new session waits for event types by name; nothing is subscribed to yet.
    Naming,
    /// `addSubscription` awaits its answer.
    Subscribing { command: u64, until: Instant },
    /// The subscription of the settings is confirmed; those that were added since are being made again.
    Completing,
    /// Events come.
    Live,
    /// The try is over.
    Ended,
}

/// How far the states have been taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Baseline {
    NotWanted,
    Asked { command: u64, until: Instant, tries: u32 },
    Again { at: Instant, tries: u32 },
}

/// While a resumed session may be delivering what was missed.
#[derive(Debug, Clone, Copy)]
struct Replay {
    resumed: Timestamp,
    until: Instant,
    /// The gateway has answered a ping sent behind the answer of `startSession`: what comes now is live, unless it is older.
    passed: bool,
}

impl MilestoneSession {
    /// A session that goes on from `resume`.
    pub fn new(config: MilestoneConfig, common: &CommonSettings, resume: Resume) -> Self {
        let mut mark = resume.checkpoint.as_ref().and_then(MilestoneCheckpoint::read).unwrap_or_default();
        // Heard of before, though nothing is known of it: what was stored is lost, and the new session begins with a gap.
        mark.established |= resume.heard.is_some();
        Self {
            config,
            request_timeout: common.request_timeout,
            max_message: common.max_message.as_usize(),
            phase: Phase::Waiting,
            mark,
            heard: resume.heard,
            grant: None,
            gateway: None,
            tried: Vec::new(),
            catalog: None,
            prepared: false,
            named: false,
            reauthorized: false,
            renewed: false,
            refused_spellings: 0,
            commands: 0,
            unconfirmed: None,
            last: None,
            early: None,
            baseline: Baseline::NotWanted,
            replay: None,
            further: FurtherSubscriptions::default(),
        }
    }

    /// The session to resume and the event to resume behind.
    fn resumable(&self) -> Option<(&str, &str)> {
        // With another subscription in the settings, the old session would go on delivering the old one.
        let same = self.mark.subscribed == self.subscription();
        let (session, cursor) = (self.mark.session.as_deref()?, self.mark.cursor.as_deref()?);
        same.then_some((session, cursor))
    }

    /// What is subscribed to, as a text that is the same for the same settings.
    fn subscription(&self) -> String {
        let command = wire::add_subscription(0, &self.config.subscribe, |name| vec![name.to_owned()]);
        format!("{:032x}", crate::model::ids::fingerprint(&command))
    }

    fn woken(&mut self, now: Now, todo: &mut Todo) {
        match self.phase {
            Phase::Starting { until, .. } if until <= now.instant => {
                self.leave_gateway(now);
                return self.end(SessionEnd::retry(Cause::Timeout, "no answer to startSession"), todo);
            }
            Phase::Subscribing { until, .. } if until <= now.instant => {
                return self.end(SessionEnd::retry(Cause::Timeout, "no answer to addSubscription"), todo);
            }
            _ => {}
        }
        if let Some(command) = self.further.overdue(now) {
            return self.end(SessionEnd::retry(Cause::Timeout, format!("no answer to {command}")), todo);
        }
        match self.baseline {
            Baseline::Asked { until, tries, .. } if until <= now.instant => {
                todo.act(Action::Patience(None));
                self.states_failed(now, tries, todo);
            }
            Baseline::Again { at, tries } if at <= now.instant => self.ask_for_states(now, tries, todo),
            _ => {}
        }
        self.pursue(now, todo);
    }

    /// The next moment at which time alone changes something.
    fn next_wake(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Starting { until, .. } | Phase::Subscribing { until, .. } => Some(until),
            _ => None,
        };
        let baseline = match self.baseline {
            Baseline::Asked { until, .. } => Some(until),
            Baseline::Again { at, .. } => Some(at),
            Baseline::NotWanted => None,
        };
        phase.into_iter().chain(baseline).chain(self.further.next_wake()).min()
    }

    fn wake(&self, before: Option<Instant>, todo: &mut Todo) {
        let next = self.next_wake();
        if next != before {
            todo.act(Action::Wake(next));
        }
    }

    fn end(&mut self, end: SessionEnd, todo: &mut Todo) {
        self.phase = Phase::Ended;
        self.baseline = Baseline::NotWanted;
        todo.act(Action::End(end));
    }
}

impl Session for MilestoneSession {
    type Grant = Grant;
    type Catalog = Catalog;
    type Decoded = Decoded;

    fn decode(message: ByteString) -> Decoded {
        wire::decode(&message)
    }

    fn step(&mut self, now: Now, input: Input<Self>, todo: &mut Todo) {
        if self.phase == Phase::Ended {
            return;
        }
        let input = match input {
            // Events have no say in anything else: a flood need not look for it.
            Input::Message(frame) if self.scanned(now, &frame, todo) => return,
            Input::Message(frame) => Input::Decoded(wire::decode(&frame)),
            other => other,
        };
        let wake = self.next_wake();
        self.settle();
        match input {
            Input::Start => self.start(todo),
            Input::Granted(grant) => {
                self.granted(now, grant, todo);
            }
            Input::Prepared(catalog) => {
                // One before that was looked at in vain: a type that it lacks may be in the list that could not be had.
                self.catalog = catalog;
                (self.prepared, self.named) = (true, true);
                if self.phase == Phase::Naming {
                    self.subscribe(now, todo);
                } else {
                    self.proceed(now, todo);
                    self.list_came(now, todo);
                }
            }
            Input::Opened => {
                self.mark.spelling = self.spelling();
                self.reached_gateway(now);
                self.start_session(now, true, todo);
            }
            Input::Refused(error) => self.refused(now, &error, todo),
            Input::Decoded(Decoded::Events(events)) => self.events(now, &events, todo),
            Input::Decoded(Decoded::Reply(reply)) => {
                self.events(now, &reply.events, todo);
                self.replied(now, reply, todo);
            }
            Input::Decoded(Decoded::Malformed(why)) => self.unreadable(now, &why, todo),
            Input::Decoded(Decoded::Unknown) | Input::Message(_) | Input::Answer(..) => {}
            Input::Unreadable(why) => self.cut_off(now, &why, todo),
            Input::Woken => self.woken(now, todo),
            Input::BarrierPassed => {
                if let Some(replay) = &mut self.replay {
                    replay.passed = true;
                }
            }
        }
        self.wake(wake, todo);
    }

    fn wished(&mut self, now: Now, wishes: Wishes, todo: &mut Todo) {
        let wake = self.next_wake();
        self.are_wished(now, wishes, todo);
        self.wake(wake, todo);
    }

    fn kept(&mut self, now: Now, todo: &mut Todo) {
        let wake = self.next_wake();
        self.is_kept(now, todo);
        self.wake(wake, todo);
    }

    fn dropped(&mut self, now: Now, _: &mut Todo) -> bool {
        // It takes sockets and ends them: another one may be better at it.
        if matches!(self.phase, Phase::Starting { .. } | Phase::Naming | Phase::Subscribing { .. }) {
            self.leave_gateway(now);
        }
        false
    }

    fn place(&self) -> Option<String> {
        self.gateway_in_words()
    }

    fn is_caught_up(&self) -> bool {
        self.phase == Phase::Live && self.replay.is_none_or(|replay| replay.passed)
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        // Before the first confirmed subscription and the first event there is nothing that a new start would not do as well.
        if !self.mark.established {
            return None;
        }
        let mut mark = self.mark.clone();
        if let Some(last) = &self.last {
            mark.moved_behind(last, self.config.resume_window);
        }
        mark.write()
    }
}
