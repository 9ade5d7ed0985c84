//! From the start of a try to a confirmed subscription, and what a refusal means.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::history::History;
use super::polls::DOORS_AGAIN;
use super::systems::{Held, Poll, System};
use super::{Phase, SimpliSafeSession};
use crate::transport::OpenError;
use crate::vendors::simplisafe::checkpoint::Stretch;
use crate::vendors::simplisafe::directory::{Catalog, Listed};
use crate::vendors::simplisafe::grant::{Grant, USER_AGENT};
use crate::vendors::simplisafe::wire::identify;
use crate::vendors::{Action, Now, SessionEnd, Todo};

/// How long the server may take to confirm a subscription: it was seen to take less than a second.
const ANSWER_MOST: Duration = Duration::from_secs(10);
/// An alarm cannot wait longer for what was missed before it.
const HOLD_MOST: Duration = Duration::from_secs(5);
/// Names are worth so much waiting; without them events come all the same.
const NAMES_MOST: Duration = Duration::from_secs(10);

impl SimpliSafeSession {
    pub(super) fn start(&mut self, todo: &mut Todo) {
        self.authorize(false, todo);
    }

    pub(super) fn granted(&mut self, now: Now, grant: Arc<Grant>, todo: &mut Todo) {
        self.token.granted(now, &grant);
        self.grant = Some(grant);
        match self.phase {
            Phase::Authorizing if self.prepared => self.open(todo),
            Phase::Authorizing => {
                self.phase = Phase::Preparing;
                self.prepare(todo);
            }
            // A live socket is left alone: it was let in, and stays.
            _ => self.call_again(now, todo),
        }
    }

    fn prepare(&self, todo: &mut Todo) {
        todo.act(Action::Prepare { patience: self.request_timeout.min(NAMES_MOST), anew: false });
    }

    pub(super) fn prepared(&mut self, now: Now, catalog: Option<Arc<Catalog>>, todo: &mut Todo) {
        if self.phase != Phase::Preparing {
            return;
        }
        let began = now.wall;
        match catalog {
            Some(catalog) => {
                self.has_names = true;
                for listed in &catalog.systems {
                    self.follow(began, listed);
                }
                self.mark.is_first &= catalog.systems.is_empty();
            }
            // The list of systems may have come, and that of one's sensors not: then it is there now.
            None if !std::mem::replace(&mut self.prepared_again, true) => return self.prepare(todo),
            // Events can be had without; the next poll tells the systems.
            None => {}
        }
        self.prepared = true;
        self.open(todo);
    }

    /// Follows a system, if it is one of those that are wanted and not followed yet.
    pub(super) fn follow(&mut self, began: Timestamp, listed: &Listed) -> Option<&mut System> {
        let sid = listed.sid;
        if !self.config.systems.contains(sid) {
            return None;
        }
        let system = self.known(began, sid);
        if let Some(from) = system.unlisted.take() {
            miss(system, from, began, "not_listed");
        }
        if listed.is_v2 && !std::mem::replace(&mut system.is_v2, listed.is_v2) {
            (system.sensors, system.settings, system.locks) = Default::default();
        }
        system.is_v2 = listed.is_v2;
        system.cameras.clone_from(&listed.cameras);
        Some(system)
    }

    /// The system with that number, from now on at least.
    pub(super) fn known(&mut self, now: Timestamp, sid: u64) -> &mut System {
        let (since, back) = (self.mark.since, self.backfill_first);
        let (is_first, gone) = (self.mark.is_first, &mut self.gone);
        self.systems.entry(sid).or_insert_with(|| {
            if let Some(mut kept) = gone.remove(&sid) {
                let unlisted = kept.gone.take();
                return System { unlisted, ..System::new(sid, History::read(kept)) };
            }
            // What happened before the connection's own beginning is asked for of the systems alone that were there then: those of the first list.
            let back = if is_first { SignedDuration::try_from(back).unwrap_or_default() } else { SignedDuration::ZERO };
            let mut history = History::new(since.filter(|_| is_first).unwrap_or(now), back);
            history.is_kept = is_first && since.is_some();
            System::new(sid, history)
        })
    }

    fn open(&mut self, todo: &mut Todo) {
        let Some(grant) = &self.grant else { return };
        let mut request = grant.open();
        request.max_message = self.max_message;
        request.open_timeout = self.request_timeout;
        self.phase = Phase::Opening;
        todo.act(Action::Open(request));
    }

    pub(super) fn opened(&mut self, now: Now, todo: &mut Todo) {
        let Some(grant) = self.grant.as_ref().filter(|_| self.phase == Phase::Opening) else { return };
        self.phase = Phase::Identifying;
        self.answer_until = Some(now.instant + ANSWER_MOST);
        let message = identify(&grant.access_token, &grant.user_id.to_string(), USER_AGENT, now.wall);
        todo.act(Action::Send(message));
    }

    /// The subscription is confirmed: only now is it known that the token was good.
    pub(super) fn subscribed(&mut self, now: Now, todo: &mut Todo) {
        if self.phase != Phase::Identifying {
            return;
        }
        self.phase = Phase::Online;
        self.answer_until = None;
        todo.act(Action::Online);
        let missed_since = self.heard.or(self.mark.since);
        for system in self.systems.values_mut() {
            // Of one that nobody has followed before nothing was missed.
            if let Some(from) = missed_since.filter(|_| system.history.is_kept) {
                miss(system, from, now.wall, "connection_lost");
            }
            begin(system, now);
        }
        self.mark.since.get_or_insert(now.wall);
        self.mark.change();
        let polls = if self.systems.is_empty() { now.instant } else { now.instant + HOLD_MOST };
        self.subscriptions = Poll::now(polls);
        self.leave_alone(now);
        self.look_if_due(now, todo);
        self.poll_if_due(now, todo);
    }

    pub(super) fn refused(&mut self, error: &OpenError, todo: &mut Todo) {
        match error {
            OpenError::Refused { status: 401, .. } if self.try_another_token(todo) => {}
            OpenError::Refused { retry_after, .. } => {
                self.end(
                    SessionEnd::Retry { why: error.to_string(), cause: error.cause(), not_before: *retry_after },
                    todo,
                );
            }
            OpenError::Failed { .. } | OpenError::Braked(_) => {
                self.end(SessionEnd::retry(error.cause(), error.to_string()), todo)
            }
        }
    }
}

/// Asks for what was missed and how things are, and holds back what comes meanwhile.
pub(super) fn begin(system: &mut System, now: Now) {
    system.is_begun = true;
    system.held = Some(Held::until(now.instant + HOLD_MOST));
    (system.look_at, system.look_again) = (Some(now.instant), true);
    // Its sensors may tell of them first.
    system.doors_at = Some(now.instant + DOORS_AGAIN);
    if !system.is_v2 {
        // The history comes first: it tells whether the base station may be disturbed.
        let polls = now.instant + HOLD_MOST;
        (system.sensors, system.settings) = (Poll::now(polls), Poll::now(polls));
    }
}

/// From `from` to `to` something may have been missed, besides what may have been missed before.
pub(super) fn miss(system: &mut System, from: Timestamp, to: Timestamp, reason: &str) {
    let stretch = system.history.stretch.get_or_insert_with(|| Stretch { from, to, reason: reason.into(), asked: to });
    stretch.from = stretch.from.min(from);
    stretch.to = to;
}
