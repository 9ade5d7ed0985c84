//! Subscriptions besides that of the settings, which come and go while the session lives: one step at a time towards what is wished.
//!
//! ```text
//! wished: add ─► names ─► kept in the journal ─► addSubscription ─► confirmed ─┐
//! not any more ─► removeSubscription ─► confirmed ─────────────────────────────┴─► nothing left to do ─► getState
//! ```
//! The gateway knows a subscription by a name of its own, and a resumed session still has it. So that none lingers there unknown to us, that one is about to be
//! asked for is stored first. One that may be there, or is there and cannot be removed, ends the session: the next one is without it, behind a gap.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::{Baseline, MilestoneSession, Phase};
use crate::messages::SubscriptionError;
use crate::model::Cause;
use crate::model::ids::SubscriptionId;
use crate::settings::closest;
use crate::vendors::milestone::checkpoint::{FurtherSubscription, OpenGap};
use crate::vendors::milestone::config::FilterRow;
use crate::vendors::milestone::wire::{self, Reply};
use crate::vendors::{Action, Entry, Filters, Now, SessionEnd, Todo, Wish, WishNews, Wishes};

/// A session that ends so often while one subscription is being added ends because of it: it is let be for a while …
const MOST_BREAKS_ADDING: u32 = 3;
const LET_BE: Duration = Duration::from_secs(300);
/// … and where it is so often while one is being removed, it is not asked for any more.
const MOST_BREAKS_REMOVING: u32 = 2;
/// When a gateway in trouble is asked again for what it could not do.
const TROUBLE_PAUSE: Duration = Duration::from_secs(60);

/// What is wished, and the step that is under way.
#[derive(Debug, Default)]
pub(super) struct FurtherSubscriptions {
    wishes: Wishes,
    /// Not in force, and not to be asked for again in this session, or not before then.
    put_off: HashMap<SubscriptionId, Option<Instant>>,
    step: Step,
    /// Something was added or removed, and the states are not asked for since.
    changed: bool,
    /// The states that are awaited were asked for before something changed: they are to be taken once more.
    retake: bool,
    /// Answers to commands before this one are of an older subscription.
    states_since: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Step {
    #[default]
    None,
    /// Its event types are looked up by name.
    Naming(SubscriptionId),
    /// That it will be asked for is being stored.
    Keeping(SubscriptionId),
    /// `addSubscription` awaits its answer.
    Adding { id: SubscriptionId, command: u64, until: Instant },
    /// `removeSubscription` awaits its answer.
    Removing { id: SubscriptionId, server: String, command: u64, until: Instant },
}

/// Why a wish cannot be asked for.
enum Nameless {
    /// There is no list of event types to look its names up in.
    NoList,
    /// The list lacks this one.
    Unknown { name: String, near: Option<String> },
}

impl FurtherSubscriptions {
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let step = match &self.step {
            Step::Adding { until, .. } | Step::Removing { until, .. } => Some(*until),
            Step::None | Step::Naming(_) | Step::Keeping(_) => None,
        };
        // While a step is under way, nothing else is begun.
        let again = self.put_off.values().copied().flatten().filter(|_| self.step == Step::None);
        step.into_iter().chain(again).min()
    }

    /// The command whose answer did not come in time.
    pub(super) fn overdue(&self, now: Now) -> Option<&'static str> {
        match &self.step {
            Step::Adding { until, .. } if *until <= now.instant => Some("addSubscription"),
            Step::Removing { until, .. } if *until <= now.instant => Some("removeSubscription"),
            _ => None,
        }
    }

    pub(super) fn awaits(&self, reply: &Reply) -> bool {
        matches!(&self.step, Step::Adding { command, .. } | Step::Removing { command, .. } if *command == reply.command)
    }

    /// Whether these states were asked for since the last change.
    pub(super) fn are_of_now(&self, reply: &Reply) -> bool {
        reply.command >= self.states_since
    }

    /// The states are asked for.
    pub(super) fn asked_for_states(&mut self) {
        self.retake = false;
    }

    /// The states have come. Whether they are to be taken once more.
    pub(super) fn took_states(&mut self) -> bool {
        std::mem::take(&mut self.retake)
    }
}

impl MilestoneSession {
    pub(super) fn are_wished(&mut self, now: Now, wishes: Wishes, todo: &mut Todo) {
        self.further.put_off.retain(|id, _| wishes.get(*id).is_some());
        self.further.wishes = wishes;
        self.pursue(now, todo);
    }

    /// Takes the next step towards what is wished, if none is under way.
    pub(super) fn pursue(&mut self, now: Now, todo: &mut Todo) {
        while self.further.step == Step::None && matches!(self.phase, Phase::Completing | Phase::Live) {
            if let Some(id) = self.surplus().filter(|_| self.phase == Phase::Live) {
                self.remove(now, id, todo);
            } else if let Some(wish) = self.missing(now) {
                self.add(now, &wish, false, todo);
            } else if self.phase == Phase::Completing {
                // Goes on from there.
                return self.completed(now, todo);
            } else {
                return self.settled(now, todo);
            }
        }
    }

    /// One that the gateway has, or may have, and that is not wished any more.
    fn surplus(&self) -> Option<SubscriptionId> {
        let mut ids = self.mark.further.iter().map(|further| further.id);
        ids.find(|id| self.further.wishes.get(*id).is_none())
    }

    /// One that is wished, and that the gateway is not known to have.
    fn missing(&self, now: Now) -> Option<Wish> {
        let is_there = |id| self.mark.further.iter().any(|further| further.id == id && further.confirmed);
        let is_put_off = |id| {
            let again = self.further.put_off.get(&id);
            again.is_some_and(|again| again.is_none_or(|again| again > now.instant))
        };
        let mut wishes = self.further.wishes.list.iter();
        wishes.find(|wish| !is_there(wish.id) && !is_put_off(wish.id)).cloned()
    }

    /// All is done that can be done.
    fn settled(&mut self, now: Now, todo: &mut Todo) {
        if std::mem::take(&mut self.further.changed) {
            self.take_states_anew(now, todo);
        }
        todo.act(Action::Wish(WishNews::Settled(self.further.wishes.version)));
    }

    fn take_states_anew(&mut self, now: Now, todo: &mut Todo) {
        match self.baseline {
            Baseline::NotWanted => {
                todo.enter(Entry::BaselineAwaited { anew: true });
                self.ask_for_states(now, 0, todo);
            }
            Baseline::Asked { .. } => self.further.retake = true,
            Baseline::Again { .. } => {}
        }
    }

    /// The subscription is another from here on.
    fn has_changed(&mut self) {
        if self.phase == Phase::Live {
            self.further.changed = true;
            self.further.states_since = self.commands + 1;
            // Also if the socket is lost before they were asked for.
            self.mark.baseline_pending = true;
        }
    }

    /// Whether every event type that is named is known.
    fn are_named(&self, rows: &[FilterRow]) -> Result<(), Nameless> {
        let mut names = super::opening::event_names(rows).peekable();
        if names.peek().is_none() {
            return Ok(());
        }
        let catalog = self.catalog.as_ref().ok_or(Nameless::NoList)?;
        match names.find(|name| catalog.event_types(name).is_empty()) {
            None => Ok(()),
            Some(name) => Err(Nameless::Unknown {
                name: name.to_owned(),
                near: closest(name, catalog.names()).map(str::to_owned),
            }),
        }
    }

    fn add(&mut self, now: Now, wish: &Wish, renewed: bool, todo: &mut Todo) {
        let id = wish.id;
        let was_put_off = self.further.put_off.remove(&id).is_some();
        if self.further.wishes.breaks(id) >= MOST_BREAKS_ADDING && !was_put_off && !renewed {
            let why = "the connection has broken each time that it was asked for";
            return self.refuse(id, SubscriptionError::Refused(why.to_owned()), Some(now.instant + LET_BE), todo);
        }
        let Filters::Milestone(rows) = &wish.filters;
        match self.are_named(rows) {
            Ok(()) if self.phase == Phase::Live => {
                let unknown = FurtherSubscription { id, server: None, confirmed: false };
                self.mark.further.push(unknown);
                self.further.step = Step::Keeping(id);
                todo.act(Action::Keep);
            }
            // A session that is not kept yet cannot be resumed: nothing can linger in it.
            Ok(()) => {
                self.mark.further.push(FurtherSubscription { id, server: None, confirmed: false });
                self.send_add(now, wish, todo);
            }
            // The type may have been made a moment ago.
            Err(_) if !renewed => {
                self.further.step = Step::Naming(id);
                todo.act(Action::Prepare { patience: self.request_timeout * 2, anew: self.catalog.is_some() });
            }
            Err(Nameless::Unknown { name, near }) => {
                self.refuse(id, SubscriptionError::UnknownType { name, near }, None, todo);
            }
            Err(Nameless::NoList) if self.phase == Phase::Completing => {
                let why =
                    "a subscription that was added names event types, and the gateway's list of them cannot be had";
                self.end(SessionEnd::retry(Cause::Directory, why), todo);
            }
            Err(Nameless::NoList) => {
                let why = "it names event types, and the gateway's list of them cannot be had".to_owned();
                self.refuse(id, SubscriptionError::Unavailable(why), Some(now.instant + TROUBLE_PAUSE), todo);
            }
        }
    }

    /// The list of event types has come, or has not.
    pub(super) fn list_came(&mut self, now: Now, todo: &mut Todo) {
        let Step::Naming(id) = self.further.step else { return };
        self.further.step = Step::None;
        if let Some(wish) = self.further.wishes.get(id).cloned() {
            self.add(now, &wish, true, todo);
        }
        self.pursue(now, todo);
    }

    /// What is about to be asked for is stored.
    pub(super) fn is_kept(&mut self, now: Now, todo: &mut Todo) {
        let Step::Keeping(id) = self.further.step else { return };
        self.further.step = Step::None;
        match self.further.wishes.get(id).cloned() {
            Some(wish) => self.send_add(now, &wish, todo),
            None => self.was_not_added(id),
        }
        self.pursue(now, todo);
    }

    fn send_add(&mut self, now: Now, wish: &Wish, todo: &mut Todo) {
        let command = self.command();
        let catalog = self.catalog.clone();
        let names = |name: &str| catalog.as_ref().map_or(Vec::new(), |catalog| catalog.event_types(name).to_vec());
        todo.act(Action::Wish(WishNews::Asked(wish.id)));
        let Filters::Milestone(rows) = &wish.filters;
        todo.act(Action::Send(wire::add_subscription(command, rows, names).into()));
        self.further.step = Step::Adding { id: wish.id, command, until: now.instant + self.request_timeout };
    }

    fn was_not_added(&mut self, id: SubscriptionId) {
        let asked = self.mark.further.iter().rposition(|further| further.id == id && !further.confirmed);
        asked.map(|place| self.mark.further.remove(place));
    }

    fn refuse(&mut self, id: SubscriptionId, error: SubscriptionError, again: Option<Instant>, todo: &mut Todo) {
        self.further.put_off.insert(id, again);
        todo.act(Action::Wish(WishNews::Refused(id, error)));
    }

    /// The answer to the command that is awaited.
    pub(super) fn further_answered(&mut self, now: Now, reply: &Reply, todo: &mut Todo) {
        match std::mem::take(&mut self.further.step) {
            Step::Adding { id, .. } => self.add_answered(now, id, reply, todo),
            Step::Removing { id, server, .. } => self.remove_answered(now, id, &server, reply, todo),
            Step::None | Step::Naming(_) | Step::Keeping(_) => {}
        }
        self.pursue(now, todo);
    }

    fn add_answered(&mut self, now: Now, id: SubscriptionId, reply: &Reply, todo: &mut Todo) {
        if reply.is_success() {
            let mut asked = self.mark.further.iter_mut().rev();
            if let Some(further) = asked.find(|further| further.id == id && !further.confirmed) {
                further.confirmed = true;
                further.server = reply.subscription.clone().filter(|server| !server.is_empty());
            }
            self.has_changed();
            return todo.act(Action::Wish(WishNews::Confirmed(id)));
        }
        self.was_not_added(id);
        let why = format!("the gateway refused the subscription, {}", reply.trouble());
        match reply.status {
            408 | 429 | 500.. => {
                self.refuse(id, SubscriptionError::Unavailable(why), Some(now.instant + TROUBLE_PAUSE), todo);
            }
            _ => self.refuse(id, SubscriptionError::Refused(why), None, todo),
        }
    }

    fn remove(&mut self, now: Now, id: SubscriptionId, todo: &mut Todo) {
        let mut named = self.mark.further.iter().filter(|further| further.id == id);
        let Some(server) = named.next().and_then(|further| further.server.clone()) else {
            return self.begin_without(now, "it may be there, under a name that is not known", todo);
        };
        if self.further.wishes.breaks(id) >= MOST_BREAKS_REMOVING {
            return self.begin_without(now, "the connection has broken each time that it was asked for", todo);
        }
        let command = self.command();
        todo.act(Action::Wish(WishNews::Asked(id)));
        todo.act(Action::Send(wire::remove_subscription(command, &server).into()));
        self.further.step = Step::Removing { id, server, command, until: now.instant + self.request_timeout };
    }

    fn remove_answered(&mut self, now: Now, id: SubscriptionId, server: &str, reply: &Reply, todo: &mut Todo) {
        // Asked a second time, because the answer to the first was lost, the gateway does not know it any more.
        let is_gone = reply.status == 404 && self.further.wishes.breaks(id) > 0;
        if !reply.is_success() && !is_gone {
            return self.begin_without(now, &reply.trouble(), todo);
        }
        self.mark.further.retain(|further| further.server.as_deref() != Some(server));
        self.has_changed();
    }

    /// What cannot be removed goes with its session. How `removeSubscription` is written is not documented, so this must do everywhere.
    fn begin_without(&mut self, now: Now, why: &str, todo: &mut Todo) {
        let (from, reason) = (self.last_heard(now), "subscription_changed".to_owned());
        self.mark.gap.get_or_insert(OpenGap { from, to: now.wall, reason });
        (self.mark.session, self.mark.cursor) = (None, None);
        self.mark.further.clear();
        let why = format!("a subscription could not be removed from the session ({why}): another is begun without it");
        self.end(SessionEnd::retry(Cause::Refused, why), todo);
    }
}
