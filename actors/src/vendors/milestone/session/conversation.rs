//! Commands and their answers, from `startSession` to a live session.

use std::time::Duration;

use super::{Baseline, MilestoneSession, Phase, Replay};
use crate::model::Cause;
use crate::vendors::milestone::checkpoint::OpenGap;
use crate::vendors::milestone::wire::{self, Reply};
use crate::vendors::{Action, Entry, Now, SessionEnd, Todo};

/// A replay is over after so long, should the gateway not tell.
const REPLAY_MOST: Duration = Duration::from_secs(5);

impl MilestoneSession {
    pub(super) fn command(&mut self) -> u64 {
        // From 1: several clients test a command id for truth.
        self.commands += 1;
        self.commands
    }

    pub(super) fn start_session(&mut self, now: Now, resume: bool, todo: &mut Todo) {
        let command = self.command();
        let ids = if resume { self.resumable() } else { None };
        let (session, cursor) = ids.unwrap_or_default();
        todo.act(Action::Send(wire::start_session(command, session, cursor).into()));
        self.phase = Phase::Starting { command, resuming: ids.is_some(), until: now.instant + self.start_timeout() };
    }

    pub(super) fn replied(&mut self, now: Now, reply: Reply, todo: &mut Todo) {
        match (self.phase, self.baseline) {
            (Phase::Starting { command, resuming, .. }, _) if command == reply.command => {
                self.session_answered(now, resuming, reply, todo);
            }
            (Phase::Subscribing { command, .. }, _) if command == reply.command => {
                self.subscription_answered(now, &reply, todo)
            }
            _ if self.further.awaits(&reply) => self.further_answered(now, &reply, todo),
            (Phase::Live, Baseline::Asked { command, tries, .. }) if command == reply.command => {
                self.states_answered(now, tries, reply, todo);
            }
            // States that came too late for the question that they answer are as good as any.
            (Phase::Live, Baseline::Asked { tries, .. } | Baseline::Again { tries, .. })
                if reply.states.is_some() && self.further.are_of_now(&reply) =>
            {
                self.states_answered(now, tries, reply, todo);
            }
            // The answer to something that is not awaited any more.
            _ => {}
        }
    }

    pub(super) fn session_answered(&mut self, now: Now, resuming: bool, reply: Reply, todo: &mut Todo) {
        if resuming && reply.status == 200 {
            self.resumed(now, reply, todo);
        } else if reply.is_success() {
            self.begun(now, resuming, reply, todo);
        } else if resuming {
            // Documented is a 201 for a session that is gone; should a gateway refuse instead, a new one is all the same.
            self.start_session(now, false, todo);
        } else {
            if reply.status >= 500 {
                self.leave_gateway(now);
            }
            self.end(SessionEnd::retry(Cause::Refused, format!("startSession was refused, {}", reply.trouble())), todo);
        }
    }

    pub(super) fn resumed(&mut self, now: Now, reply: Reply, todo: &mut Todo) {
        self.mark.session = reply.session.filter(|id| !id.is_empty()).or(self.mark.session.take());
        self.settle_at_gateway();
        self.last = self.early.take();
        self.settle();
        self.replay = Some(Replay { resumed: now.wall, until: now.instant + REPLAY_MOST, passed: false });
        todo.act(Action::Barrier);
        self.live(now, false, todo);
    }

    /// A new session, whatever was asked for.
    pub(super) fn begun(&mut self, now: Now, resuming: bool, reply: Reply, todo: &mut Todo) {
        if self.mark.established {
            let reason = if resuming && self.has_moved(now) {
                "gateway_changed"
            } else if resuming {
                "session_expired"
            } else if self.mark.cursor.is_none() && (self.mark.session.is_some() || self.mark.heard.is_some()) {
                // It has brought no event; or it was never confirmed, though it has.
                "nothing_to_resume_from"
            } else if self.mark.session.is_some() && self.resumable().is_none() {
                "subscription_changed"
            } else {
                "session_expired"
            };
            let heard = self.last_heard(now);
            // A gap that was not told yet goes on.
            let open = self.mark.gap.take();
            let (from, reason) = open.map_or((heard, reason.to_owned()), |gap| (gap.from, gap.reason));
            self.mark.gap = Some(OpenGap { from, to: now.wall, reason });
        }
        (self.mark.session, self.mark.cursor, self.early) = (None, None, None);
        self.mark.further.clear();
        self.unconfirmed = reply.session.filter(|id| !id.is_empty());
        self.subscribe(now, todo);
    }

    /// Subscribes to what the settings want, once event types given by name are known.
    pub(super) fn subscribe(&mut self, now: Now, todo: &mut Todo) {
        self.phase = Phase::Naming;
        if self.names_are_needed() && self.catalog.is_none() && !self.named {
            return;
        }
        if !self.names_are_known(todo) {
            return;
        }
        let command = self.command();
        let catalog = self.catalog.clone();
        let names = |name: &str| catalog.as_ref().map_or(Vec::new(), |catalog| catalog.event_types(name).to_vec());
        todo.act(Action::Send(wire::add_subscription(command, &self.config.subscribe, names).into()));
        self.phase = Phase::Subscribing { command, until: now.instant + self.request_timeout };
    }

    pub(super) fn subscription_answered(&mut self, now: Now, reply: &Reply, todo: &mut Todo) {
        if !reply.is_success() {
            let why = format!(
                "the gateway refused the subscription, {}; check `subscribe` and the user's role",
                reply.trouble()
            );
            return self.end(SessionEnd::retry(Cause::Refused, why), todo);
        }
        self.phase = Phase::Completing;
        self.pursue(now, todo);
    }

    /// Everything is subscribed to.
    pub(super) fn completed(&mut self, now: Now, todo: &mut Todo) {
        self.mark.session = self.unconfirmed.take();
        self.settle_at_gateway();
        self.mark.established = true;
        self.mark.subscribed = self.subscription();
        self.mark.baseline_pending = true;
        if let Some(gap) = &mut self.mark.gap {
            gap.to = now.wall;
        }
        self.mark.heard = Some(now.wall);
        self.last = self.early.take();
        self.settle();
        self.live(now, true, todo);
    }

    pub(super) fn live(&mut self, now: Now, anew: bool, todo: &mut Todo) {
        self.phase = Phase::Live;
        todo.act(Action::Online);
        if self.mark.baseline_pending {
            todo.enter(Entry::BaselineAwaited { anew });
            self.begin_baseline(now, todo);
        }
        self.pursue(now, todo);
    }
}
