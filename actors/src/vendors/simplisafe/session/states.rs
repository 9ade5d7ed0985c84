//! The states as they were last told: what a poll is compared to, so that a difference is told once and what an answer is silent about keeps its value.
//!
//! It is the lane's own knowledge once more, for a session cannot ask the lane, and is stored with the checkpoint. So it follows the lane's rules:
//! of two states the later stands, of two from one moment the event's.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::model::event::{Meaning, Origin, StateMeaning};
use crate::model::vocabulary::STATE_UNKNOWN;
use crate::vendors::simplisafe::checkpoint::KeptState;
use crate::vendors::{Entries, Entry, Kind, Noted, Occurrence, Scope, Snapshot};

/// Groups whose changes are pushed: they are not forgotten when polls fail, and what a poll tells of them is looked for in the history first.
const PUSHED: [&str; 7] = ["alarm", "power", "wifi", "rf", "lock", "prealarm", "alarm_memory"];

/// What an answer without a time of its own says against an event is believed when the event is so old: the cloud's answers trail what it pushes by 5 to
/// 10 s (observed).
const TRAILS: SignedDuration = SignedDuration::from_secs(30);

/// The cloud's memory of a lock trails by minutes (a capture of 2026).
const LOCK_TRAILS: SignedDuration = SignedDuration::from_mins(5);

/// What an answer says against an event of the same second, or of a door, is believed when the event is so old.
const SETTLES: SignedDuration = SignedDuration::from_secs(10);

/// What has told a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Event,
    Subscription,
    Sensors,
    Settings,
    Locks,
}

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

#[derive(Debug, Clone)]
struct State {
    group: Arc<str>,
    /// The vendor's value; empty where nobody knows it.
    value: Arc<str>,
    time: Box<str>,
    at: Option<Timestamp>,
    source: Source,
    /// Of what was told in this try.
    meaning: Option<Arc<Meaning>>,
}

impl State {
    fn is_known(&self) -> bool {
        !self.value.is_empty()
    }

    fn meaning(&self) -> Arc<Meaning> {
        // It is retold as it is, so that only group and value count.
        let state = || StateMeaning {
            group: Arc::clone(&self.group),
            value: Arc::clone(&self.value),
            vendor_group: Arc::clone(&self.group),
            vendor_value: Arc::clone(&self.value),
            text: None,
        };
        let retold = || Arc::new(Meaning { kind: STATE_UNKNOWN.into(), name: None, state: Some(state()) });
        self.meaning.clone().unwrap_or_else(retold)
    }
}

#[derive(Debug, Default)]
struct Item {
    states: Vec<State>,
    /// Lists in a row in which it was not.
    missing: u8,
    /// The list of locks tells its lock, so that of the sensors need not: they may differ for minutes.
    is_locks: bool,
}

/// The states by item.
#[derive(Debug, Default)]
pub(super) struct States {
    items: BTreeMap<Box<str>, Item>,
}

fn value_of(meaning: &Meaning) -> Option<&StateMeaning> {
    meaning.state.as_ref()
}

fn is_pushed(item: &str, group: &str) -> bool {
    PUSHED.contains(&group) || (group == "connection" && item.contains("/devices/"))
}

/// Whether an item belongs to a system.
fn is_of(item: &str, system: &str) -> bool {
    item.strip_prefix(system).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl States {
    pub(super) fn read(kept: Vec<(Box<str>, Vec<KeptState>)>) -> Self {
        let items = kept.into_iter().map(|(item, states)| {
            let is_locks =
                states.iter().any(|(group, .., letter)| **group == *LOCK && *letter == Source::Locks.letter());
            let states = states.into_iter().map(|(group, value, time, letter)| State {
                group: group.into(),
                value: value.into(),
                at: time.parse().ok(),
                time,
                source: Source::ALL.into_iter().find(|source| source.letter() == letter).unwrap_or(Source::Event),
                meaning: None,
            });
            (item, Item { states: states.collect(), missing: 0, is_locks })
        });
        Self { items: items.collect() }
    }

    pub(super) fn keep(&self) -> Vec<(Box<str>, Vec<KeptState>)> {
        let row = |state: &State| -> KeptState {
            let State { group, value, time, source, .. } = state;
            ((**group).into(), (**value).into(), time.clone(), source.letter())
        };
        self.items.iter().map(|(item, of)| (item.clone(), of.states.iter().map(row).collect())).collect()
    }

    /// An event has set a state, unless it comes too late for that.
    pub(super) fn set(&mut self, item: &str, meaning: &Arc<Meaning>, time: &str) {
        let Some(of) = value_of(meaning) else { return };
        let at: Option<Timestamp> = time.parse().ok();
        let state = State {
            group: Arc::clone(&of.vendor_group),
            value: Arc::clone(&of.vendor_value),
            time: time.into(),
            at,
            source: Source::Event,
            meaning: Some(Arc::clone(meaning)),
        };
        let states = &mut self.items.entry(item.into()).or_default().states;
        match states.iter_mut().find(|state| state.group == of.vendor_group) {
            Some(last) if last.is_known() && is_before(at, last.at) => {}
            Some(last) => *last = state,
            None => states.push(state),
        }
    }

    /// The value of a state, with its time.
    pub(super) fn get(&self, item: &str, group: &str) -> Option<(&str, Option<Timestamp>)> {
        let state = self.items.get(item)?.states.iter().find(|state| *state.group == *group)?;
        Some((&state.value, state.at))
    }

    /// The items of a system of which a state has this value.
    pub(super) fn with(&self, system: &str, group: &str, value: &str) -> Vec<(Box<str>, Option<Timestamp>)> {
        let of = self.items.iter().filter(|(item, _)| is_of(item, system));
        let with = of.filter_map(|(item, _)| {
            let (is, at) = self.get(item, group)?;
            (is == value).then(|| (item.clone(), at))
        });
        with.collect()
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
            if of.states.iter().any(|state| state.source == report.source) {
                of.missing = of.missing.saturating_add(1);
                // One list in a while lacks what is there all the same.
                if of.missing >= 2 {
                    changed |= of.take(item, &[], report, into);
                }
            }
        }
        for (item, reported) in by_item {
            let of = self.items.entry(item.into()).or_default();
            of.missing = 0;
            of.is_locks |= report.source == Source::Locks;
            changed |= of.take(item, &reported, report, into);
        }
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

impl State {
    fn forget(&mut self) {
        self.value = "".into();
        self.meaning = None;
    }

    /// Whether what an answer tells takes its place.
    fn gives_way(&self, reported: &Reported, report: &Report) -> bool {
        let Some(of) = value_of(&reported.meaning) else { return false };
        if of.vendor_value == self.value {
            return false;
        }
        if !self.is_known() {
            return true;
        }
        let (Some(is), by_event) = (self.at, self.source == Source::Event) else { return true };
        let is_old = |trails| is.checked_add(trails).is_ok_and(|is| report.at > is);
        if matches!(report.source, Source::Sensors | Source::Locks) {
            // That the list was told later than the event does not mean that this row was.
            return report.at >= is
                && (!by_event || report.listed.is_none_or(|at| at >= is) && is_old(self.trails(&of.vendor_value)));
        }
        match reported.time.parse::<Timestamp>() {
            // Times have whole seconds: within one of them the event counts, and what is still told later is as things are.
            Ok(at) if at == is && by_event => is_old(SETTLES),
            Ok(at) => at >= is,
            Err(_) if by_event => is_old(TRAILS),
            Err(_) => report.at >= is,
        }
    }

    /// For how long a list of devices may be older than the event behind this.
    fn trails(&self, value: &str) -> SignedDuration {
        match &*self.group {
            // Why it failed: no list of before would say that.
            LOCK if &*self.value == "error" && value == "jammed" => SignedDuration::ZERO,
            LOCK if &*self.value == "error" => TRAILS,
            LOCK => LOCK_TRAILS,
            // It is asked for no sooner, and events tell but that it was opened.
            CONTACT => SETTLES - SignedDuration::from_secs(1),
            _ => TRAILS,
        }
    }
}

impl Item {
    fn find(&self, group: &str) -> Option<&State> {
        self.states.iter().find(|state| *state.group == *group)
    }

    /// Whether it is for this source to tell a group.
    fn heeds(&self, source: Source, group: &str) -> bool {
        !(self.is_locks && source == Source::Sensors && group == LOCK)
    }

    fn take(&mut self, item: &str, reported: &[&Reported], report: &Report, into: &mut Entries) -> bool {
        let Report { source, at, .. } = *report;
        let mut changed = Vec::new();
        let mut forgot = false;
        for reported in reported {
            let Some(of) = value_of(&reported.meaning) else { continue };
            if !self.heeds(source, &of.vendor_group) && self.find(&of.vendor_group).is_some_and(State::is_known) {
                continue;
            }
            let mut last = self.states.iter_mut().find(|state| state.group == of.vendor_group);
            if let Some(last) = &mut last
                && !last.gives_way(reported, report)
            {
                // The list has that door: it will tell when it is closed.
                if *last.group == *CONTACT && last.value == of.vendor_value {
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

    /// Tells all states; those of these groups have changed.
    fn tell(&self, item: &str, changed: &[(Arc<str>, &str)], into: &mut Entries) {
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

fn is_before(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one < other)
}
