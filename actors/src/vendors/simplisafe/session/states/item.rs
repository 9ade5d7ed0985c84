//! The states of one item.

use std::sync::Arc;

use super::state::{State, value_of};
use super::{LOCK, Report, Reported, Source};
use crate::model::Origin;
use crate::vendors::{Entries, Entry, Kind, Noted, Occurrence, Scope, Snapshot};

/// An item, as it was told last.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) states: Vec<State>,
    /// Lists in a row in which it was not.
    pub(super) missing: u8,
    /// The list of locks tells its lock, so that of the sensors need not: they may differ for minutes.
    pub(super) is_locks: bool,
}

impl Item {
    pub(super) fn find(&self, group: &str) -> Option<&State> {
        self.states.iter().find(|state| *state.group == *group)
    }

    pub(super) fn find_mut(&mut self, group: &str) -> Option<&mut State> {
        self.states.iter_mut().find(|state| *state.group == *group)
    }

    /// Whether it is for this source to tell a group.
    pub(super) fn heeds(&self, source: Source, group: &str) -> bool {
        !(self.is_locks && source == Source::Sensors && group == LOCK)
    }

    pub(super) fn take(&mut self, item: &str, reported: &[&Reported], report: &Report, into: &mut Entries) -> bool {
        let Report { source, at, .. } = *report;
        let mut changed = Vec::new();
        let mut forgot = false;
        for reported in reported {
            let Some(of) = value_of(&reported.meaning) else { continue };
            if !self.heeds(source, &of.vendor_group) && self.find(&of.vendor_group).is_some_and(State::is_known) {
                continue;
            }
            let mut last = self.find_mut(&of.vendor_group);
            if let Some(last) = &mut last
                && !last.gives_way(reported, report)
            {
                if last.is_confirmed(reported, report) {
                    last.source = source;
                }
                continue;
            }
            let (time, at) = match reported.time.parse() {
                Ok(at) => (reported.time.clone(), at),
                Err(_) => (at.to_string().into(), at),
            };
            let state = State {
                group: Arc::clone(&of.vendor_group),
                value: Arc::clone(&of.vendor_value),
                time,
                at: Some(at),
                number: None,
                source,
                meaning: Some(Arc::clone(&reported.meaning)),
            };
            match last {
                Some(last) => *last = state,
                None => self.states.push(state),
            }
            changed.push((Arc::clone(&of.vendor_group), &*reported.data));
        }
        for state in &mut self.states {
            let told =
                |reported: &&Reported| value_of(&reported.meaning).is_some_and(|of| of.vendor_group == state.group);
            if state.source == source && state.is_known() && !reported.iter().any(told) {
                state.forget();
                forgot = true;
            }
        }
        let is_changed = forgot || !changed.is_empty();
        if is_changed {
            self.tell(item, &changed, into);
        }
        is_changed
    }

    /// Whether no answer has told anything of it.
    pub(super) fn is_told_by_events(&self) -> bool {
        self.states.iter().filter(|state| state.is_known()).all(|state| state.source == Source::Event)
    }

    /// Enough lists in a row lack it: what they told is not known any more, nor what events told before, unless another list has it.
    pub(super) fn leave(&mut self, item: &str, report: &Report, into: &mut Entries) -> bool {
        let is_others = |state: &State| !matches!(state.source, Source::Event) && state.source != report.source;
        let is_elsewhere = self.states.iter().any(|state| state.is_known() && is_others(state));
        let mut is_changed = false;
        for state in self.states.iter_mut().filter(|state| state.is_known() && !is_others(state)) {
            if state.source == report.source || !is_elsewhere && state.is_before_list(report) {
                state.forget();
                is_changed = true;
            }
        }
        if is_changed {
            self.tell(item, &[], into);
        }
        is_changed
    }

    /// Tells all states; those of these groups have changed.
    pub(super) fn tell(&self, item: &str, changed: &[(Arc<str>, &str)], into: &mut Entries) {
        let mut states: Vec<Noted> = Vec::with_capacity(self.states.len());
        // What has no meaning is left out: so it becomes unknown.
        for state in self.states.iter().filter(|state| state.is_known() || state.meaning.is_some()) {
            let data = changed.iter().find(|(group, _)| *group == state.group).map_or("", |(_, data)| data);
            let (meaning, time) = (state.meaning(), &*state.time);
            let kind = Kind::Known(&meaning);
            states.push(into.note(Occurrence { id: "", origin: Origin::Snapshot, item, kind, time, data }));
        }
        into.enter(Entry::Snapshot(Box::new(Snapshot { scope: Scope::Item(item.into()), states })));
    }
}
