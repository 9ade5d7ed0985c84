//! One try at one connection to Eagle Eye, as pure code.
//!
//! ```text
//! Start ─► login ─┬─ a reseller's ─► list accounts ─► children ─► online ─► list again …
//!                 └─ an account's ─► list devices ─► open ─► subscribe ─┬─ first time ─► online, live
//!                                                                       └─ else: hold ─► gap, states, what was missed ─► live
//! ```
//! The poll WebSocket cannot be resumed: each subscription begins with each device's present state and the newest event of each code. So a
//! first answer is a snapshot, after any break there is a gap, and of it the latest of everything is recovered. Whoever answers later than the others, or was
//! refused for a time, has a gap of its own.
//!
//! - `opening`: from the start to an open socket, and what a refusal means. `reseller`: the other way, with accounts in place of devices.
//! - `following`: subscriptions, and what time alone brings. `frames`: what a frame means as a whole; `held`: those after a break.
//! - `devices`: who was asked; `device`: what is known of each. `answers`: from answers to entries; `words`: those that are status words. `mark`: the gap, and what is stored when.

mod answers;
mod device;
mod devices;
mod following;
mod frames;
mod held;
mod mark;
mod opening;
mod reseller;
#[cfg(test)]
mod tests;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;

use self::devices::Devices;
pub use self::frames::Decoded;
use self::held::Held;
use self::mark::Mark;
use self::reseller::Reseller;
use super::EenConfig;
use super::checkpoint::{EenCheckpoint, Parts};
use super::directory::Catalog;
use super::grant::Grant;
use crate::journal::Checkpoint;
use crate::model::Cause;
use crate::settings::CommonSettings;
use crate::vendors::{Action, Input, Now, Resume, Session, SessionEnd, Todo};

/// One try at one connection: a reseller's, or an account's.
#[derive(Debug)]
pub struct EenSession {
    config: EenConfig,
    request_timeout: Duration,
    max_message: usize,
    phase: Phase,
    grant: Option<Arc<Grant>>,
    /// The server refused a grant in this try already.
    reauthorized: bool,
    /// With the grant in hand something was told.
    proven: bool,
    reseller: Option<Box<Reseller>>,
    catalog: Option<Arc<Catalog>>,
    devices: Devices,
    mark: Mark,
    held: Option<Held>,
    /// The subscription was answered, on this socket.
    online: bool,
    /// … which is told once all have answered, and no later than this.
    confirm_by: Option<Instant>,
    /// The subscription was answered, on any socket in this try.
    worked: bool,
    /// A request was denied as a whole: the account's own events may have been too much to ask.
    denied: bool,
    /// Frames in a row that could not be read.
    unreadable: u32,
    /// When the log was last told of such a frame.
    warned: Option<Instant>,
    /// What has not been answered by then will not be.
    answers_until: Option<Instant>,
    /// A list has come that is not followed yet.
    has_news: bool,
    listed_at: Option<Instant>,
    /// A new list is on its way.
    listing: bool,
    /// The devices have changed since it was asked for.
    changed_meanwhile: bool,
    /// The last list was empty.
    was_empty: bool,
    /// It is not believed yet.
    doubted: bool,
    /// Lists in a row that could not be had, or not be believed.
    listed_in_vain: u32,
    relist_at: Option<Instant>,
    /// All were asked again for their states.
    asked_again: Option<Instant>,
    /// … and are to be asked once more.
    ask_again_at: Option<Instant>,
    wake: Option<Instant>,
}

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The login is on its way.
    Authorizing,
    /// The list of devices is on its way.
    Listing,
    /// The socket is being opened.
    Opening,
    /// It is open, and everything is subscribed to.
    Open,
    /// The accounts are listed; there is no socket.
    Reselling,
    /// The try is over.
    Ended,
}

impl EenSession {
    /// A session that goes on from `resume`.
    #[must_use]
    pub fn new(config: EenConfig, common: &CommonSettings, resume: Resume) -> Self {
        let mut mark = resume.checkpoint.as_ref().and_then(EenCheckpoint::read).unwrap_or_default();
        // Heard of before, though nothing is known of it: what was stored is lost, and this session begins with a gap.
        let established = mark.established || resume.heard.is_some();
        Self {
            request_timeout: common.request_timeout,
            max_message: common.max_message.as_usize(),
            phase: Phase::Authorizing,
            grant: None,
            reauthorized: false,
            proven: false,
            reseller: None,
            catalog: None,
            mark: Mark::new(established, mark.heard.max(resume.heard), mark.gap.take()),
            devices: Devices::new(&config, mark),
            config,
            held: None,
            online: false,
            confirm_by: None,
            worked: false,
            denied: false,
            unreadable: 0,
            warned: None,
            answers_until: None,
            has_news: false,
            listed_at: None,
            listing: false,
            changed_meanwhile: false,
            was_empty: false,
            doubted: false,
            listed_in_vain: 0,
            relist_at: None,
            asked_again: None,
            ask_again_at: None,
            wake: None,
        }
    }

    /// The next moment at which time alone changes something.
    fn next_wake(&self) -> Option<Instant> {
        let held = self.held.as_ref().and_then(Held::next_wake);
        let reseller = self.reseller.as_ref().and_then(|reseller| reseller.next_wake());
        let late_gap = self.mark.late_gap_at().filter(|_| self.held.is_none() && self.unreadable == 0);
        let moments = match self.phase {
            Phase::Open => [
                self.answers_until,
                self.confirm_by,
                self.relist_at,
                held,
                self.mark.next_wake(),
                late_gap,
                self.ask_again_at,
                self.devices.next_asking(),
            ],
            Phase::Reselling => [reseller, None, None, None, None, None, None, None],
            _ => [None; 8],
        };
        moments.into_iter().flatten().min()
    }

    fn woken(&mut self, now: Now, todo: &mut Todo) {
        match self.phase {
            Phase::Open => self.follow(now, todo),
            Phase::Reselling => self.list_accounts_if_due(now, todo),
            _ => {}
        }
    }

    /// The login that the server does not know any more is replaced, once in a try.
    fn reauthorize(&mut self, why: impl Into<String>, todo: &mut Todo) {
        if std::mem::replace(&mut self.reauthorized, true) {
            return self.end(SessionEnd::retry(Cause::Refused, why), todo);
        }
        self.grant = None;
        self.phase = Phase::Authorizing;
        todo.act(Action::Authorize { refused: true });
    }

    fn end(&mut self, end: SessionEnd, todo: &mut Todo) {
        self.phase = Phase::Ended;
        self.held = None;
        self.mark.change_at_once();
        todo.act(Action::End(end));
    }
}

impl Session for EenSession {
    type Grant = Grant;
    type Catalog = Catalog;
    type Decoded = Decoded;

    fn decode(message: ByteString) -> Decoded {
        Decoded::of(message)
    }

    fn step(&mut self, now: Now, input: Input<Self>, todo: &mut Todo) {
        if self.phase == Phase::Ended {
            return;
        }
        match input {
            Input::Message(text) => self.frame(now, &text, todo),
            Input::Decoded(decoded) => self.decoded(now, &decoded, todo),
            Input::Start => self.start(todo),
            Input::Granted(grant) => self.granted(grant, todo),
            Input::Prepared(catalog) => self.prepared(now, catalog, todo),
            Input::Opened => self.opened(now, todo),
            Input::Refused(error) => self.refused(&error, todo),
            Input::Answer(call, answer) => self.accounts_answered(now, call, answer, todo),
            Input::Unreadable(why) => self.cut_off(now, &why, todo),
            Input::Woken => {
                self.wake = None;
                self.woken(now, todo);
            }
            Input::BarrierPassed => self.barrier_passed(now, todo),
        }
        self.mark.settle(now);
        let next = self.next_wake();
        if next != self.wake {
            self.wake = next;
            todo.act(Action::Wake(next));
        }
    }

    fn is_caught_up(&self) -> bool {
        self.online && self.held.is_none() && matches!(self.phase, Phase::Open | Phase::Reselling)
    }

    fn checkpoint(&self) -> Option<Checkpoint> {
        // Before the first answer there is nothing that a new start would not do as well.
        let Mark { established, heard, gap, .. } = &self.mark;
        if !*established || self.reseller.is_some() {
            return None;
        }
        self.mark.checkpoint(|| {
            let (codes, devices, away) = (self.devices.asked_before(), self.devices.rows(), self.devices.away());
            Parts { established: true, heard: *heard, gap: gap.as_ref(), codes, devices, away }.write()
        })
    }
}
