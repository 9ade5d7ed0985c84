//! One try at one connection to VXG Cloud VMS, as pure code.
//!
//! ```text
//! Start ─► log in ─► names ─► first reading: what was missed, in windows ─► online ─► polls, and now and then a sweep
//!                          └► list of cameras, over and over: who is online
//! ```
//! There is no stream, no cursor and no time of arrival: what is listed is read again and again, far enough back that nothing which is listed late is missed, and
//! each id is told once.
//!
//! - `walk`: the pages of one window. `reading`: the windows of one reading. `windows`: the way through them. `polls`: when to read what.
//! - `failures`: what it means that a list cannot be had. `retention`: what is not to be had any more.
//! - `seen`: the ids that are known. `cursor`: how far everything was read. `telling`: from rows to occurrences.
//! - `channels`: who is online. `calls`: REST calls, tokens, and the server's clock.

mod calls;
mod channels;
mod clock;
mod cursor;
mod failures;
mod polls;
mod reading;
mod retention;
mod seen;
mod telling;
#[cfg(test)]
mod tests;
mod walk;
mod windows;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use jiff::Timestamp;

use self::calls::Calls;
use self::channels::Channels;
use self::clock::Clock;
use self::cursor::Cursor;
use self::polls::Polls;
use self::telling::Teller;
use super::checkpoint::VxgCheckpoint;
use super::config::VxgConfig;
use super::directory::Catalog;
use super::grant::Grant;
use crate::journal::Checkpoint;
use crate::settings::CommonSettings;
use crate::vendors::{Action, Input, Now, Resume, Session, SessionEnd, Todo};

/// Names are worth so much waiting; without them events come all the same.
const NAMES_MOST: Duration = Duration::from_secs(10);

/// One try at one connection.
#[derive(Debug)]
pub struct VxgSession {
    config: VxgConfig,
    backfill_first: Duration,
    request_timeout: Duration,
    phase: Phase,
    is_online: bool,
    grant: Option<Arc<Grant>>,
    calls: Calls,
    clock: Clock,
    cursor: Cursor,
    polls: Polls,
    channels: Channels,
    teller: Teller,
    wake: Option<Instant>,
    /// What is stored cannot be read: when the connection was last heard of.
    forgotten: Option<Timestamp>,
}

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The login is on its way.
    Authorizing,
    /// The names are on their way.
    Preparing,
    /// Events are asked for.
    Running,
    /// The try is over.
    Ended,
}

impl VxgSession {
    /// A session that goes on from `resume`.
    #[must_use]
    pub fn new(config: VxgConfig, common: &CommonSettings, resume: Resume) -> Self {
        let kept = resume.checkpoint.as_ref().and_then(VxgCheckpoint::read);
        // Where nobody knows when, all that is known is that something may be missing up to now.
        let forgotten = resume.checkpoint.filter(|_| kept.is_none()).map(|_| resume.heard.unwrap_or(Timestamp::MAX));
        Self {
            backfill_first: common.backfill_on_first_start,
            request_timeout: common.request_timeout,
            phase: Phase::Authorizing,
            is_online: false,
            grant: None,
            calls: Calls::default(),
            clock: Clock::default(),
            cursor: Cursor::new(kept),
            polls: Polls::new(&config),
            channels: Channels::default(),
            teller: Teller::default(),
            wake: None,
            forgotten,
            config,
        }
    }

    fn granted(&mut self, now: Now, grant: Arc<Grant>, todo: &mut Todo) {
        self.grant = Some(grant);
        match self.phase {
            Phase::Authorizing => {
                self.phase = Phase::Preparing;
                todo.act(Action::Prepare { patience: self.request_timeout.min(NAMES_MOST), anew: false });
            }
            _ => self.call_again(now, todo),
        }
    }

    fn prepared(&mut self, now: Now, catalog: Option<&Catalog>, todo: &mut Todo) {
        if self.phase != Phase::Preparing {
            return;
        }
        self.phase = Phase::Running;
        self.teller.know(catalog);
        self.begin_channels(now, todo);
        self.read_if_due(now, todo);
    }

    fn end(&mut self, end: SessionEnd, todo: &mut Todo) {
        self.phase = Phase::Ended;
        todo.act(Action::End(end));
    }

    /// Asks for the moment at which time alone changes something.
    fn settle(&mut self, todo: &mut Todo) {
        let is_running = self.phase == Phase::Running;
        let moments = [self.next_reading(), self.channels.next_wake(), self.calls.next_wake()];
        let next = moments.into_iter().flatten().min().filter(|_| is_running);
        if next != self.wake {
            self.wake = next;
            todo.act(Action::Wake(next));
        }
    }
}

impl Session for VxgSession {
    type Grant = Grant;
    type Catalog = Catalog;
    type Decoded = ByteString;

    fn decode(message: ByteString) -> ByteString {
        message
    }

    fn step(&mut self, now: Now, input: Input<Self>, todo: &mut Todo) {
        if self.phase == Phase::Ended {
            return;
        }
        match input {
            Input::Start => todo.act(Action::Authorize { refused: false }),
            Input::Granted(grant) => self.granted(now, grant, todo),
            Input::Prepared(catalog) => self.prepared(now, catalog.as_deref(), todo),
            Input::Answer(call, answer) => self.answered(now, call, answer, todo),
            Input::Woken => {
                self.wake = None;
                if self.phase == Phase::Running {
                    self.call_if_quiet_is_over(now, todo);
                    self.list_channels_if_due(now, todo);
                    self.read_if_due(now, todo);
                }
            }
            // There is no socket.
            Input::Opened
            | Input::Refused(_)
            | Input::Message(_)
            | Input::Decoded(_)
            | Input::Unreadable(_)
            | Input::BarrierPassed => {}
        }
        self.settle(todo);
    }

    fn is_caught_up(&self) -> bool {
        self.is_online && !self.polls.is_catching_up
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        self.cursor.checkpoint()
    }
}
