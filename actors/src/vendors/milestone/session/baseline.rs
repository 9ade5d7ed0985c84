//! Taking the states of a new session, and telling the gap before it.

use std::time::Duration;

use super::events::occurrence;
use super::{Baseline, MilestoneSession};
use crate::model::event::Origin;
use crate::vendors::milestone::checkpoint::OpenGap;
use crate::vendors::milestone::wire::{self, EventList, Reply};
use crate::vendors::{Action, Entry, Gap, Now, Scope, Snapshot, Todo};

/// Refused `getState`s after which an open gap is told without the states.
const BASELINE_TRIES: u32 = 3;
/// The first pause after a refused `getState`; it doubles up to a minute.
const BASELINE_PAUSE: Duration = Duration::from_secs(5);

/// Sessions that may end one after the other before their states were taken, before that is taken for the states' own fault …
const BASELINE_BREAKS: u32 = 30;
/// … and for how many an end counts that comes with an unreadable answer: one larger than the limit, say, comes again each time.
pub(super) const UNREADABLE_BREAK: u32 = 10;

impl MilestoneSession {
    /// Wants the states of a session that has just gone live.
    pub(super) fn begin_baseline(&mut self, now: Now, todo: &mut Todo) {
        self.mark.baseline_breaks = self.mark.baseline_breaks.saturating_add(1);
        if self.mark.baseline_breaks <= BASELINE_BREAKS {
            return self.ask_for_states(now, 0, todo);
        }
        self.tell_gap("nothing", todo);
        let pause = self.pause(self.mark.baseline_breaks - BASELINE_BREAKS);
        self.baseline = Baseline::Again { at: now.instant + pause, tries: BASELINE_TRIES };
    }

    fn pause(&self, tries: u32) -> Duration {
        let pause = BASELINE_PAUSE.saturating_mul(1 << tries.min(4)).min(Duration::from_secs(60));
        pause.min(self.config.snapshot_timeout)
    }

    pub(super) fn ask_for_states(&mut self, now: Now, tries: u32, todo: &mut Todo) {
        let command = self.command();
        let until = now.instant + self.config.snapshot_timeout;
        todo.act(Action::Send(wire::get_state(command).into()));
        // On large sites the first byte takes minutes, and pings go unanswered meanwhile (observed).
        todo.act(Action::Patience(Some(until)));
        self.baseline = Baseline::Asked { command, until, tries };
        self.further.asked_for_states();
    }

    pub(super) fn states_answered(&mut self, now: Now, tries: u32, reply: Reply, todo: &mut Todo) {
        todo.act(Action::Patience(None));
        // A success without states is no snapshot: an empty one would make every state unknown.
        let Some(states) = reply.states.as_ref().filter(|_| reply.is_success()) else {
            return self.states_failed(now, tries, todo);
        };
        self.tell_gap("states", todo);
        let states = states.iter().filter(|state| !state.source.is_empty() && !state.group.is_empty());
        todo.entries.reserve(reply.states.iter().flat_map(EventList::iter).map(|state| state.raw.len()).sum());
        let noted = states.map(|state| {
            state.with_lower_case(|state| todo.entries.note(occurrence(&state, state.id, Origin::Snapshot)))
        });
        let states = noted.collect();
        todo.enter(Entry::Snapshot(Box::new(Snapshot { scope: Scope::Everything, states })));
        self.mark.baseline_breaks = 0;
        if self.further.took_states() {
            todo.enter(Entry::BaselineAwaited { anew: true });
            return self.ask_for_states(now, 0, todo);
        }
        self.mark.baseline_pending = false;
        self.baseline = Baseline::NotWanted;
    }

    pub(super) fn states_failed(&mut self, now: Now, tries: u32, todo: &mut Todo) {
        let pause = self.pause(tries);
        let tries = tries + 1;
        if tries >= BASELINE_TRIES {
            // Better a gap told without the states than one never told.
            self.tell_gap("nothing", todo);
        }
        self.baseline = Baseline::Again { at: now.instant + pause, tries };
    }

    pub(super) fn tell_gap(&mut self, recovered: &'static str, todo: &mut Todo) {
        if let Some(OpenGap { from, to, reason }) = self.mark.gap.take() {
            todo.enter(Entry::Gap(Box::new(Gap { item: None, from, to, reason, recovered })));
        }
    }
}
