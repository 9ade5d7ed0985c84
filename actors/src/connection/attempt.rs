//! One try at one session: everything that can happen to it, one thing at a time.
//!
//! While a batch is on its way into the journal the next one collects, up to a bound; then reading waits (`hold`: pings are still answered, TCP slows
//! the server down). A journal that takes longer than the hold limit ends the try on purpose: the session is resumed later, or a gap is told.

mod wishes;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use secrecy::ExposeSecret;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::asked::Asked;
use super::batches::{Batches, Stored};
use super::channel::Channel;
use super::ending::{Ended, Ending};
use super::happened::{Authorized, Giant, Happened};
use super::keeping::Keeping;
use super::liveness::Due;
use super::pump::obey;
use super::report::Report;
use super::{Clients, Control, Setup};
use crate::account::Granted;
use crate::gate::AuthorizeError;
use crate::journal::{Checkpoint, JournalError};
use crate::lookup::ForgetNames;
use crate::model::Cause;
use crate::supervisor::WantChildren;
use crate::telemetry::{HeldBack, OddityMet};
use crate::transport::{CloseReason, Incoming, OpenError, SendError};
use crate::vendors::{Action, Input, Now, Resume, Session, SessionEnd, Todo, Vendor};
use crate::wanted::Hearing;

/// One try.
pub(super) struct Attempt<'a, V: Vendor> {
    setup: &'a Setup<V>,
    session: V::Session,
    insist: bool,
    granted: Option<Granted<V::Grant>>,
    asked: Asked<'a, V>,
    channel: Channel<'a>,
    /// Messages that wait behind a giant.
    incoming: VecDeque<Incoming>,
    wake_at: Option<Instant>,
    /// The batch that collects, and what the session wants done.
    todo: Todo,
    batches: Batches<'a>,
    keeping: Keeping,
    hearing: Hearing,
    held: bool,
    online_since: Option<Instant>,
    /// The last moment at which everything that the vendor had sent was handed over.
    complete: Option<Now>,
    ending: Option<Ending>,
}

impl<'a, V: Vendor> Attempt<'a, V> {
    pub(super) fn new(
        setup: &'a Setup<V>,
        clients: &'a Clients,
        resume: Resume,
        checkpoint: Option<Checkpoint>,
        insist: bool,
    ) -> Self {
        let common = &setup.common;
        Self {
            setup,
            session: V::session(&setup.config, common, resume),
            insist,
            granted: None,
            asked: Asked::new(setup, clients),
            channel: Channel::new(common),
            incoming: VecDeque::new(),
            wake_at: None,
            todo: Todo::default(),
            batches: Batches::new(checkpoint, setup.heartbeat),
            keeping: Keeping::default(),
            hearing: Hearing::new(&setup.wanted),
            held: false,
            online_since: None,
            complete: None,
            ending: None,
        }
    }

    /// Runs until it has ended, and everything that was read is stored or refused.
    pub(super) async fn run(mut self, orders: &mut mpsc::Receiver<Control>, report: &mut Report) -> Ended {
        // Changes that could not be stored in the try before.
        report.shorten();
        report.entries().for_each(|entry| self.todo.enter(entry));
        self.wished(Now::read(), report);
        self.step(Now::read(), Input::Start, report);
        while self.ending.is_none() {
            if self.submit() {
                self.kept(report);
                continue;
            }
            let happened = self.next(orders).await;
            let quiet = matches!(happened, Happened::Alarm);
            self.take(happened, report);
            if self.ending.is_none() {
                self.alarms(quiet, report);
            }
        }
        self.finish(report).await
    }

    /// Waits for the next thing to happen.
    async fn next(&mut self, orders: &mut mpsc::Receiver<Control>) -> Happened<V> {
        let (held, alarm) = (self.is_held(), self.next_alarm());
        if held && !self.held && self.batches.are_held(&self.todo.entries) {
            HeldBack { connection: &self.setup.name }.emit();
        }
        if self.held && !held {
            self.channel.listen_again(Instant::now());
        }
        self.held = held;
        let Self { batches, asked, channel, incoming, hearing, .. } = self;
        let mut came = Vec::new();
        let happened = tokio::select! {
            biased;
            order = orders.recv() => Happened::Order(order),
            stored = batches.stored() => Happened::Stored(stored),
            happened = asked.next() => happened,
            () = hearing.changed() => Happened::Wished,
            result = channel.read(held, &mut came) => Happened::Read(result),
            // Last: a timer is set up only if there is nothing else to do.
            () = sleep_until(alarm.into()) => Happened::Alarm,
        };
        incoming.extend(came);
        happened
    }

    fn take(&mut self, happened: Happened<V>, report: &mut Report) {
        let now = Now::read();
        match happened {
            Happened::Order(Some(Control::Stop) | None) => self.ending = Some(Ending::Stop),
            Happened::Order(Some(Control::Restart)) => self.ending = Some(Ending::Restart),
            Happened::Order(Some(order)) => obey(order),
            Happened::Stored(stored) => {
                if self.stored(stored, report) {
                    self.keep(report);
                }
            }
            Happened::Wished => self.wished(now, report),
            Happened::Authorized(result) => self.authorized(now, result, report),
            Happened::Prepared(catalog) => self.step(now, Input::Prepared(catalog), report),
            Happened::Opened(Ok(socket)) => {
                self.channel.open(*socket, now.instant);
                self.step(now, Input::Opened, report);
            }
            Happened::Opened(Err(OpenError::Braked(braked))) => {
                self.halt(&braked.to_string().into(), Some(braked.until), report);
            }
            Happened::Opened(Err(error)) => self.step(now, Input::Refused(error), report),
            Happened::Answered(call, answer) => self.step(now, Input::Answer(call, answer), report),
            Happened::Decoded(decoded) => self.decoded(now, decoded, report),
            Happened::Read(Ok(())) => {
                self.messages(now, report);
                if !self.asked.is_decoding() && self.online_since.is_some() && self.session.is_caught_up() {
                    self.complete = Some(now);
                }
            }
            Happened::Read(Err(reason)) => {
                if reason.is_unreadable() {
                    self.step(now, Input::Unreadable(reason.to_string()), report);
                }
                if self.ending.is_none() {
                    self.dropped(now, &reason, report);
                }
            }
            Happened::Alarm => {}
        }
    }

    fn decoded(&mut self, now: Now, decoded: Giant<V>, report: &mut Report) {
        match decoded {
            Some((decoded, _permit)) => {
                self.step(now, Input::Decoded(decoded), report);
                self.messages(now, report);
            }
            None => self.lose(Cause::Defect, "a message could not be taken apart"),
        }
    }

    /// Hands the messages that have come to the session, up to a giant, which is taken apart on another thread first.
    fn messages(&mut self, now: Now, report: &mut Report) {
        while let Some(message) = self.incoming.pop_front() {
            match message {
                Incoming::Text(text) => {
                    self.batches.count_bytes(text.len());
                    self.step(now, Input::Message(text), report);
                }
                Incoming::LargeText(text, permit) => {
                    self.batches.count_bytes(text.len());
                    return self.asked.decode(text, permit);
                }
                Incoming::Pong(payload) if self.channel.is_barrier(&payload) => {
                    self.step(now, Input::BarrierPassed, report)
                }
                // Of binary messages nothing is documented; one that is text may hold an event all the same. A ping is answered already.
                Incoming::Binary(bytes) | Incoming::LargeBinary(bytes, _) => {
                    self.batches.count_bytes(bytes.len());
                    if let Ok(text) = ByteString::try_from(bytes) {
                        self.step(now, Input::Message(text), report);
                    }
                }
                Incoming::Ping | Incoming::Pong(_) => {}
            }
        }
    }

    fn step(&mut self, now: Now, input: Input<V::Session>, report: &mut Report) {
        self.session.step(now, input, &mut self.todo);
        self.act_all(now, report);
    }

    fn dropped(&mut self, now: Now, reason: &CloseReason, report: &mut Report) {
        if self.goes_on(now, report, V::Session::dropped) {
            drop(self.channel.take());
        } else {
            self.lose(reason.cause(), &reason.to_string());
        }
    }

    /// Asks the session whether the try goes on nevertheless, and does what it wants done then.
    fn goes_on(
        &mut self,
        now: Now,
        report: &mut Report,
        ask: impl FnOnce(&mut V::Session, Now, &mut Todo) -> bool,
    ) -> bool {
        let goes_on = ask(&mut self.session, now, &mut self.todo);
        self.act_all(now, report);
        goes_on
    }

    /// The session has moved on: does what it wants done now.
    fn act_all(&mut self, now: Now, report: &mut Report) {
        self.batches.touch();
        for action in std::mem::take(&mut self.todo.actions) {
            self.act(now, action, report);
        }
    }

    fn act(&mut self, now: Now, action: Action, report: &mut Report) {
        if self.ending.is_some() {
            return;
        }
        let Setup { directories, common, .. } = self.setup;
        match action {
            Action::Authorize { refused } => {
                let serial = self.granted.as_ref().filter(|_| refused).map(|granted| granted.serial);
                self.asked.authorize(serial, std::mem::take(&mut self.insist));
            }
            Action::Prepare { patience, anew } => self.asked.prepare(patience, anew),
            Action::Open(request) => {
                // One that a vendor does not wait for any more.
                drop(self.channel.take());
                self.asked.open(request);
            }
            Action::Send(text) => {
                let sent = self.channel.send(text.expose_secret());
                self.sent(sent);
            }
            Action::Call(id, call) => self.asked.call(id, call),
            Action::Wake(at) => self.wake_at = at,
            Action::Barrier => {
                let sent = self.channel.set_barrier();
                self.sent(sent);
            }
            Action::Patience(until) => self.channel.set_patience(until, now.instant),
            Action::Online => {
                self.online_since.get_or_insert(now.instant);
                self.hearing.online();
                let place = self.session.place().unwrap_or_default().into();
                self.changed(report, |report, setup| report.online(setup, &place));
            }
            Action::Keep => self.keeping = Keeping::Collecting,
            Action::Wish(news) => self.tell(news),
            Action::Warn(what) => OddityMet { connection: &self.setup.name, what: &what }.emit(),
            Action::Forget(what) => directories.lookup.do_send(ForgetNames(what)),
            Action::Children(children) => {
                let (parent, common) = (self.setup.name.clone(), common.clone());
                self.setup.children.do_send(WantChildren { parent, common, children });
            }
            Action::End(SessionEnd::Retry { why, cause, not_before }) => {
                self.ending = Some(Ending::Lost { why: why.into(), cause, not_before });
            }
            Action::End(SessionEnd::Halt(why)) => self.halt(&why.into(), None, report),
        }
    }

    /// Changes the report, and enters what has changed behind what has happened so far.
    fn changed(&mut self, report: &mut Report, change: impl FnOnce(&mut Report, &Setup<V>)) {
        let before = report.unstored();
        change(report, self.setup);
        report.entries().skip(before).for_each(|entry| self.todo.enter(entry));
    }

    fn sent(&mut self, result: Result<(), SendError>) {
        if let Err(error) = result {
            self.lose(error.cause(), &error.to_string());
        }
    }

    fn lose(&mut self, cause: Cause, why: &str) {
        self.ending = Some(Ending::Lost { why: why.into(), cause, not_before: None });
    }

    fn halt(&mut self, why: &Arc<str>, again_at: Option<Instant>, report: &mut Report) {
        self.changed(report, |report, setup| report.halted(setup, why));
        self.ending = Some(Ending::Halt { again_at });
    }

    fn authorized(&mut self, now: Now, result: Authorized<V>, report: &mut Report) {
        match result {
            Ok(Ok(granted)) => {
                let grant = Arc::clone(&granted.grant);
                self.granted = Some(granted);
                self.step(now, Input::Granted(grant), report);
            }
            Ok(Err(_)) if self.goes_on(now, report, V::Session::unauthorized) => {}
            Ok(Err(AuthorizeError::Refused { why, again_at })) => self.halt(&why, again_at, report),
            Ok(Err(AuthorizeError::Braked { why, until })) => self.halt(&why, Some(until), report),
            Ok(Err(AuthorizeError::Unavailable { why } | AuthorizeError::NotThis { why })) => {
                self.lose(Cause::Login, &why);
            }
            Err(error) => self.lose(Cause::Login, &format!("the login: {error}")),
        }
    }

    /// Hands the batch that has collected to the journal, if none is on its way. Whether what the session wants to be kept is stored already.
    fn submit(&mut self) -> bool {
        let begins = self.batches.storing_since().is_none();
        let Self { todo, batches, session, setup, complete, .. } = self;
        batches.submit(&mut todo.entries, || session.checkpoint(), *complete, &setup.name, &setup.tracker);
        self.keeping.submitted(begins, self.batches.storing_since().is_some())
    }

    /// Whether to hand over what is left.
    fn stored(&mut self, stored: Stored, report: &mut Report) -> bool {
        let error = match stored.result {
            Ok(()) => {
                report.stored(stored.statuses);
                return true;
            }
            Err(error) => error,
        };
        // The connection's own changes are tried once more; then they wait for the next try.
        let first = !self.batches.were_refused();
        // What has collected since builds on what was refused: the vendor is asked for all of it again.
        self.batches.discard(&mut self.todo.entries, report.entries());
        drop(self.asked.take_decoding());
        self.incoming.clear();
        self.complete = None;
        if matches!(error, JournalError::Fenced { .. }) {
            self.halt(&error.to_string().into(), None, report);
        } else {
            self.lose(Cause::Journal, &format!("journal: {error}"));
        }
        first
    }

    fn is_held(&self) -> bool {
        self.asked.is_decoding() || self.batches.are_held(&self.todo.entries)
    }

    /// The next moment at which time alone makes something happen.
    fn next_alarm(&self) -> Instant {
        let hold = self.batches.storing_since().map(|since| since + self.setup.hold_limit);
        let liveness = self.channel.next().filter(|_| !self.is_held());
        let far = Instant::now() + Duration::from_secs(3_600);
        [hold, liveness, self.wake_at].into_iter().flatten().min().unwrap_or(far)
    }

    /// Does what the time has come for. Only while it is `quiet` is it known that there is nothing to read: a busy thread, or a busy
    /// neighbour on it, may have kept us from reading an answer.
    fn alarms(&mut self, quiet: bool, report: &mut Report) {
        let now = Now::read();
        if self.batches.storing_since().is_some_and(|since| since + self.setup.hold_limit <= now.instant) {
            let why = format!("journal: it has not stored a batch for {:?}", self.setup.hold_limit);
            return self.lose(Cause::Journal, &why);
        }
        if self.wake_at.is_some_and(|at| at <= now.instant) {
            self.wake_at = None;
            self.step(now, Input::Woken, report);
        }
        if !quiet || self.is_held() {
            return;
        }
        match self.channel.due(now.instant) {
            Due::Nothing => {}
            Due::Ping => {
                let sent = self.channel.ping();
                self.sent(sent);
            }
            Due::Dead => {
                let why = format!("the server was silent for {:?}", self.setup.common.dead_after);
                self.lose(Cause::Silent, &why);
            }
        }
    }

    /// Tells how it ended, stores what was read, and closes the socket.
    async fn finish(mut self, report: &mut Report) -> Ended {
        // Told to end, it still stores all that it has taken off the socket.
        while matches!(self.ending, Some(Ending::Stop | Ending::Restart))
            && let Some(decoding) = self.asked.take_decoding()
        {
            let decoded = decoding.await;
            self.decoded(Now::read(), decoded, report);
        }
        let ending = self.ending.take().unwrap_or(Ending::Stop);
        self.hearing.over(matches!(ending, Ending::Stop | Ending::Restart));
        if let Ending::Lost { why, .. } = &ending {
            self.changed(report, |report, setup| report.lost(setup, why));
        }
        let now = Now::read();
        if let Some(socket) = self.channel.take().filter(|_| !matches!(ending, Ending::Lost { .. })) {
            socket.shutdown(1000).await;
        }
        self.submit();
        while self.batches.storing_since().is_some() {
            let stored = self.batches.stored().await;
            if !self.stored(stored, report) {
                break;
            }
            self.submit();
        }
        let heard = self.complete.and_then(|last| {
            let ago = jiff::SignedDuration::try_from(now.instant.saturating_duration_since(last.instant)).ok()?;
            now.wall.checked_sub(ago).ok()
        });
        let online = self.online_since.map(|since| now.instant.saturating_duration_since(since));
        Ended { ending, at: now.instant, online, heard }
    }
}
