//! Subscriptions to what the list names, and what time alone brings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::device::Spread;
use super::devices::{ENTITIES, Listed};
use super::held::{HOLD_MOST, Held};
use super::{EenSession, Phase};
use crate::model::Cause;
use crate::vendors::een::directory::Catalog;
use crate::vendors::een::wire::{Esn, drop_entities};
use crate::vendors::{Action, Now, SessionEnd, Todo};

/// A device that has not answered for so long has nothing to say (design of the engine; EEN documents no time).
const ANSWER_MOST: Duration = Duration::from_secs(60);
/// Devices that are made one after the other do not cause a listing each.
const RELIST_PAUSE: Duration = Duration::from_secs(10);
/// After a listing that failed; it doubles up to the usual pause.
const RELIST_SOON: Duration = Duration::from_secs(30);
/// Asking for all states again is no more frequent than this.
const AGAIN_PAUSE: Duration = Duration::from_secs(10);

impl EenSession {
    pub(super) fn opened(&mut self, now: Now, todo: &mut Todo) {
        if self.phase != Phase::Opening {
            return;
        }
        (self.phase, self.online, self.confirm_by) = (Phase::Open, false, None);
        self.list();
        if self.mark.established {
            let from = self.mark.heard.unwrap_or(now.wall).min(now.wall);
            self.mark.open_gap(from, "connection_lost");
            self.held = Some(Held::new());
        }
        // A thousand accounts of one reseller do not list, or ask again, at the same time.
        let spread = self.grant.as_ref().map(|grant| Spread::of(&grant.account)).unwrap_or_default();
        self.devices.spread(spread);
        self.answers_until = Some(now.instant + ANSWER_MOST);
        let all = self.devices.all();
        self.subscribe(now, all, todo);
        self.ask_again_at = None;
        if self.devices.is_empty() {
            // No answer will say that the subscription is one.
            todo.act(Action::Barrier);
        }
        let soon = if self.doubted { spread.shorten(RELIST_SOON) } else { Duration::MAX };
        self.relist_in(now, spread.share(self.config.relist_every).min(soon));
    }

    fn subscribe(&mut self, now: Now, esns: Vec<Esn>, todo: &mut Todo) {
        self.devices.await_answers_of(&esns, now);
        for request in self.devices.requests(esns) {
            todo.act(Action::Send(request.into()));
        }
        // Whoever was asked before these has no more time because of them.
        self.answers_until.get_or_insert(now.instant + ANSWER_MOST);
    }

    fn list(&mut self) -> Listed {
        self.has_news = false;
        let account = self.grant.as_ref().filter(|_| !self.denied).map(|grant| &grant.account);
        self.devices.list(self.catalog.as_ref().map(|catalog| &catalog.devices), account)
    }

    /// A list is followed from now on, if it can be believed, and else the one before; says which. One that has become empty may be that of
    /// another account, into which the session has fallen back: it is believed when it comes again.
    pub(super) fn believe(&mut self, catalog: Arc<Catalog>) -> bool {
        let is_empty = catalog.devices.wanted().next().is_none();
        let was_empty = std::mem::replace(&mut self.was_empty, is_empty);
        self.doubted = is_empty && !was_empty && self.devices.has_listed();
        if !self.doubted {
            self.catalog = Some(catalog);
            // Also if it is the same list: who was refused is asked again.
            self.has_news = true;
        }
        !self.doubted
    }

    /// The answer to a listing while the socket is open.
    pub(super) fn relisted(&mut self, now: Now, catalog: Option<Arc<Catalog>>, todo: &mut Todo) {
        self.listing = false;
        self.listed_at = Some(now.instant);
        let pause = if catalog.is_some_and(|catalog| self.believe(catalog)) {
            self.listed_in_vain = 0;
            self.config.relist_every
        } else {
            let pause = RELIST_SOON.saturating_mul(1 << self.listed_in_vain.min(8));
            self.listed_in_vain = self.listed_in_vain.saturating_add(1);
            pause.min(self.config.relist_every)
        };
        self.relist_in(now, pause);
        self.relist(now, todo);
    }

    /// The next listing, which comes sooner if the last one may be older than what has changed.
    fn relist_in(&mut self, now: Now, pause: Duration) {
        let is_stale = !self.listing && std::mem::take(&mut self.changed_meanwhile);
        self.relist_at = Some(now.instant + if is_stale { pause.min(RELIST_PAUSE) } else { pause });
    }

    /// Follows the list that has come last, unless that waits for the gap to be told. Behind an empty one there is nothing to wait for.
    pub(super) fn relist(&mut self, now: Now, todo: &mut Todo) {
        let waits = self.held.is_some() && (self.online || !self.was_empty);
        if !self.has_news || waits {
            return;
        }
        let Listed { ask, drop } = self.list();
        for request in drop_entities(&drop, ENTITIES) {
            todo.act(Action::Send(request.into()));
        }
        if !ask.is_empty() {
            self.subscribe(now, ask, todo);
        }
        if self.held.is_none() {
            self.devices.tell_gone(&mut todo.entries);
        } else if self.devices.is_empty() {
            // As on a socket that begins without any.
            todo.act(Action::Barrier);
        }
        self.mark.change_at_once();
    }

    /// The devices have changed: they are listed anew, soon.
    pub(super) fn relist_soon(&mut self, now: Now) {
        if self.listing {
            // The list that is on its way may have been made before.
            self.changed_meanwhile = true;
            return;
        }
        let soon = self.listed_at.map_or(now.instant, |last| (last + RELIST_PAUSE).max(now.instant));
        self.relist_at = Some(self.relist_at.map_or(soon, |at| at.min(soon)));
    }

    /// Asks all for their states once more, because a frame was lost; not too often, but never less than once behind the last such frame.
    pub(super) fn ask_again(&mut self, now: Now, todo: &mut Todo) {
        if let Some(at) = self.asked_again.map(|last| last + AGAIN_PAUSE).filter(|at| now.instant < *at) {
            self.ask_again_at = Some(at);
            return;
        }
        (self.asked_again, self.ask_again_at) = (Some(now.instant), None);
        for request in self.devices.requests(self.devices.followed()) {
            todo.act(Action::Send(request.into()));
        }
    }

    pub(super) fn barrier_passed(&mut self, now: Now, todo: &mut Todo) {
        if self.phase == Phase::Open && self.devices.is_empty() {
            self.subscribed(now, todo);
            self.release(now, todo);
        }
    }

    /// The subscription was answered. After a break that is told behind the gap; else once all have answered, who might lose something until then.
    pub(super) fn subscribed(&mut self, now: Now, todo: &mut Todo) {
        if !self.online {
            (self.online, self.worked, self.mark.established) = (true, true, true);
            self.mark.change_at_once();
            self.confirm_by = self.held.is_none().then_some(now.instant + HOLD_MOST);
            self.confirm_if_due(now, todo);
        }
    }

    /// Tells that it is online, if that has waited long enough.
    pub(super) fn confirm_if_due(&mut self, now: Now, todo: &mut Todo) {
        let is_due = |by: &mut Instant| self.devices.awaited() == 0 || *by <= now.instant;
        if self.confirm_by.take_if(is_due).is_some() {
            todo.act(Action::Online);
        }
    }

    /// Does what the time has come for.
    pub(super) fn follow(&mut self, now: Now, todo: &mut Todo) {
        self.release(now, todo);
        if self.answers_until.is_some_and(|until| until <= now.instant) {
            self.answers_until = None;
            if !self.online && !self.devices.has_answered() {
                let why = format!("no answer to the subscription for {ANSWER_MOST:?}");
                return self.end(SessionEnd::retry(Cause::Timeout, why), todo);
            }
            // All that have answered may have been refused: that is an answer too.
            self.subscribed(now, todo);
            if let Some(held) = &mut self.held {
                held.give_up();
            }
            self.release(now, todo);
            self.answers_until = self.devices.give_up(now.instant, ANSWER_MOST, &mut todo.entries);
            self.mark.change_at_once();
        }
        self.confirm_if_due(now, todo);
        self.tell_late_gap(now, todo);
        if self.ask_again_at.is_some_and(|at| at <= now.instant) {
            self.ask_again(now, todo);
        }
        let again = self.devices.ask_again(now.instant, &mut todo.entries);
        if !again.is_empty() {
            for request in self.devices.requests(again) {
                todo.act(Action::Send(request.into()));
            }
            self.mark.change_at_once();
        }
        if self.relist_at.is_some_and(|at| at <= now.instant) {
            self.relist_at = None;
            if !std::mem::replace(&mut self.listing, true) {
                todo.act(Action::Prepare { patience: self.request_timeout * 2, anew: true });
            }
        }
    }
}
