//! The states as they were last told: what a poll is compared to, so that a difference is told once and what an answer is silent about keeps its value.
//!
//! It is the lane's own knowledge once more, for a session cannot ask the lane, and is stored with the checkpoint. So it follows the lane's rules:
//! of two states the later stands, of two from one moment the event's. Of two events from one second the one with the greater number is the later, which
//! the lane does not know: it is told what comes too late for a state without it.

mod item;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use self::item::Item;
use self::state::{State, value_of};
use crate::model::event::Meaning;
use crate::vendors::simplisafe::checkpoint::{KeptNumber, KeptState};
use crate::vendors::{Entries, Entry, Scope, Snapshot};

/// Groups whose changes are pushed: they are not forgotten when polls fail, and what a poll tells of them is looked for in the history first.
const PUSHED: [&str; 7] = ["alarm", "power", "wifi", "rf", "lock", "prealarm", "alarm_memory"];

/// What has told a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Event,
    Subscription,
    Sensors,
    Settings,
    Locks,
}

/// Lists of devices in a row that lack one of which events alone have told: then what they told is not known any more.
const UNLISTED: u8 = 5;
/// The group that two lists tell.
const LOCK: &str = "lock";
/// That of doors.
const CONTACT: &str = "contact";

impl Source {
    const ALL: [Self; 5] = [Self::Event, Self::Subscription, Self::Sensors, Self::Settings, Self::Locks];

    fn letter(self) -> char {
        match self {
            Self::Event => 'e',
            Self::Subscription => 'u',
            Self::Sensors => 's',
            Self::Settings => 'b',
            Self::Locks => 'l',
        }
    }
}

/// A state that an answer tells.
#[derive(Debug, Clone)]
pub(super) struct Reported {
    pub(super) item: Box<str>,
    pub(super) meaning: Arc<Meaning>,
    /// Empty where the vendor did not say.
    pub(super) time: Box<str>,
    pub(super) data: Box<str>,
}

/// What an answer tells of a system's items.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) source: Source,
    /// The cloud's time when it was asked, in whole seconds, as events have them: so none that happens afterwards looks older.
    pub(super) at: Timestamp,
    /// The cloud's time when it answered.
    pub(super) came: Timestamp,
    /// When the base station last told anything that is in a list of devices. A row may be older than that.
    pub(super) listed: Option<Timestamp>,
    pub(super) states: Vec<Reported>,
}

/// The states by item.
#[derive(Debug, Default)]
pub(super) struct States {
    items: BTreeMap<Box<str>, Item>,
}

fn is_pushed(item: &str, group: &str) -> bool {
    PUSHED.contains(&group) || (group == "connection" && item.contains("/devices/"))
}

/// Whether an item belongs to a system.
fn is_of(item: &str, system: &str) -> bool {
    item.strip_prefix(system).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl States {
    pub(super) fn read(kept: Vec<(Box<str>, Vec<KeptState>)>, numbers: Vec<KeptNumber>) -> Self {
        let items = kept.into_iter().map(|(item, states)| {
            let is_locks =
                states.iter().any(|(group, .., letter)| **group == *LOCK && *letter == Source::Locks.letter());
            let states = states.into_iter().map(|(group, value, time, letter)| State {
                group: group.into(),
                value: value.into(),
                at: time.parse().ok(),
                time,
                number: None,
                source: Source::ALL.into_iter().find(|source| source.letter() == letter).unwrap_or(Source::Event),
                meaning: None,
            });
            (item, Item { states: states.collect(), missing: 0, is_locks })
        });
        let mut states = Self { items: items.collect() };
        for (item, group, number) in numbers {
            if let Some(state) = states.items.get_mut(&item).and_then(|item| item.find_mut(&group)) {
                state.number = Some(number);
            }
        }
        states
    }

    /// The numbers of the events behind them, for the checkpoint.
    pub(super) fn numbers(&self) -> Vec<KeptNumber> {
        let of = self.items.iter().flat_map(|(item, of)| of.states.iter().map(move |state| (item, state)));
        let number = |(item, state): (&_, &State)| Some((Box::clone(item), Box::from(&*state.group), state.number?));
        of.filter_map(number).collect()
    }

    pub(super) fn keep(&self) -> Vec<(Box<str>, Vec<KeptState>)> {
        let row = |state: &State| -> KeptState {
            let State { group, value, time, source, .. } = state;
            ((**group).into(), (**value).into(), time.clone(), source.letter())
        };
        self.items.iter().map(|(item, of)| (item.clone(), of.states.iter().map(row).collect())).collect()
    }

    /// An event with this number has set a state, unless it comes too late for that.
    pub(super) fn set(&mut self, item: &str, meaning: &Arc<Meaning>, time: &str, number: i64) {
        let Some(of) = value_of(meaning) else { return };
        let at: Option<Timestamp> = time.parse().ok();
        let state = State {
            group: Arc::clone(&of.vendor_group),
            value: Arc::clone(&of.vendor_value),
            time: time.into(),
            at,
            number: Some(number),
            source: Source::Event,
            meaning: Some(Arc::clone(meaning)),
        };
        let item = self.items.entry(item.into()).or_default();
        match item.find_mut(&of.vendor_group) {
            Some(last) if last.is_later(at, number) => {}
            Some(last) => *last = state,
            None => item.states.push(state),
        }
    }

    /// Whether a state is from a later moment than an event of that time and number.
    pub(super) fn is_later(&self, item: &str, group: &str, at: Option<Timestamp>, number: i64) -> bool {
        self.find(item, group).is_some_and(|state| state.is_later(at, number))
    }

    /// Whether an alarm of that time and number is over, as what is known of its system is from a later moment.
    pub(super) fn is_alarm_over(&self, system: &str, at: Option<Timestamp>, number: i64) -> bool {
        let alarm = self.find(system, "alarm").filter(|state| state.is_later(at, number));
        alarm.is_some_and(|state| !matches!(&*state.value, "triggered" | "entry_delay"))
    }

    fn find(&self, item: &str, group: &str) -> Option<&State> {
        self.items.get(item)?.find(group)
    }

    /// The value of a state, with its time.
    pub(super) fn get(&self, item: &str, group: &str) -> Option<(&str, Option<Timestamp>)> {
        self.find(item, group).map(|state| (&*state.value, state.at))
    }

    /// The items of a system of which a state has this value.
    pub(super) fn with(&self, system: &str, group: &str, value: &str) -> Vec<Box<str>> {
        let of = self.items.iter().filter(|(item, _)| is_of(item, system));
        let with = of.filter(|(_, of)| of.find(group).is_some_and(|state| *state.value == *value));
        with.map(|(item, _)| item.clone()).collect()
    }

    /// The systems whose states are known.
    pub(super) fn systems(&self) -> Vec<Box<str>> {
        let mut systems: Vec<Box<str>> = Vec::new();
        for item in self.items.keys() {
            let end = item.match_indices('/').nth(1).map_or(item.len(), |(at, _)| at);
            let system = item.get(..end).unwrap_or(item);
            if systems.last().is_none_or(|last| **last != *system) {
                systems.push(system.into());
            }
        }
        systems
    }

    /// Whether an answer tells a change of a state that should have been pushed.
    pub(super) fn tells_missed(&self, report: &Report) -> bool {
        report.states.iter().any(|reported| {
            let Some(of) = value_of(&reported.meaning) else { return false };
            let item = self.items.get(&reported.item).filter(|item| item.heeds(report.source, &of.vendor_group));
            let state = item.and_then(|item| item.find(&of.vendor_group));
            let differs = |state: &State| state.is_known() && state.gives_way(reported, report);
            is_pushed(&reported.item, &of.vendor_group) && state.is_some_and(differs)
        })
    }

    /// Takes in what an answer tells of a system, and tells each item that it changes.
    pub(super) fn take(&mut self, system: &str, report: &Report, into: &mut Entries) -> bool {
        let mut by_item: BTreeMap<&str, Vec<&Reported>> = BTreeMap::new();
        for reported in &report.states {
            by_item.entry(&reported.item).or_default().push(reported);
        }
        let known: Vec<_> = self.items.keys().filter(|item| is_of(item, system)).cloned().collect();
        let mut changed = false;
        for item in known.iter().filter(|item| !by_item.contains_key(&***item)) {
            let of = self.items.entry(item.clone()).or_default();
            of.is_locks &= report.source != Source::Locks;
            let is_unlisted = report.source == Source::Sensors && **item != *system && of.is_told_by_events();
            if is_unlisted || of.states.iter().any(|state| state.source == report.source) {
                of.missing = of.missing.saturating_add(1);
                // One list in a while lacks what is there all the same, and another one may have it.
                if of.missing >= if is_unlisted { UNLISTED } else { 2 } {
                    changed |= of.leave(item, report, into);
                }
            }
        }
        for (item, reported) in by_item {
            let of = self.items.entry(item.into()).or_default();
            of.missing = 0;
            of.is_locks |= report.source == Source::Locks;
            changed |= of.take(item, &reported, report, into);
        }
        self.items.retain(|item, of| !is_of(item, system) || of.states.iter().any(State::is_known));
        changed
    }

    /// A source has failed: what it alone tells is not known any more.
    pub(super) fn doubt(&mut self, system: &str, source: Source, into: &mut Entries) -> bool {
        let mut changed = false;
        for (item, of) in self.items.iter_mut().filter(|(item, _)| is_of(item, system)) {
            let mut doubted = false;
            of.is_locks &= source != Source::Locks;
            for state in of.states.iter_mut().filter(|state| state.is_known()) {
                let is_its = state.source == source || (source == Source::Sensors && *state.group == *CONTACT);
                if is_its && !is_pushed(item, &state.group) {
                    state.forget();
                    doubted = true;
                }
            }
            if doubted {
                of.tell(item, &[], into);
                changed = true;
            }
        }
        changed
    }

    /// Doors that an event has opened, before that moment, and of which no list tells: nobody knows whether they still are. Says whether that changes
    /// anything, and whether there are later ones.
    pub(super) fn doubt_doors(&mut self, system: &str, before: Timestamp, into: &mut Entries) -> (bool, bool) {
        let (mut is_changed, mut is_one_left) = (false, false);
        for (item, of) in self.items.iter_mut().filter(|(item, _)| is_of(item, system)) {
            let is_door =
                |state: &&mut State| *state.group == *CONTACT && state.source == Source::Event && state.is_known();
            let Some(door) = of.states.iter_mut().find(is_door) else { continue };
            if door.at.is_some_and(|at| at > before) {
                is_one_left = true;
                continue;
            }
            door.forget();
            of.tell(item, &[], into);
            is_changed = true;
        }
        (is_changed, is_one_left)
    }

    /// A system is not followed any more: nothing of it is known.
    pub(super) fn drop_system(&mut self, system: &str, into: &mut Entries) {
        self.items.retain(|item, _| {
            let gone = is_of(item, system);
            if gone {
                let scope = Scope::Item((**item).into());
                into.enter(Entry::Snapshot(Box::new(Snapshot { scope, states: Vec::new() })));
            }
            !gone
        });
    }
}
