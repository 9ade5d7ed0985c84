//! The lane of one connection: what makes stored events out of a batch. Pure code; the state tracker does the waiting.
//!
//! ```text
//! entries ─► admit (leave out repeats) ─► missing names? ─► build (names, what changes) ─► append ─► committed | refused
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytestring::ByteString;
use jiff::Timestamp;

use crate::journal::{Append, Checkpoint, Loaded, StateWrite};
use crate::model::event::{Committed, Event, Item, Meaning, Origin, StateMeaning, one_line};
use crate::model::ids::{ConnectionName, EventId};
use crate::model::state::StateEntry;
use crate::model::vocabulary;
use crate::names::Names;
use crate::seen::Seen;
use crate::state_map::ConnectionStates;
use crate::vendors::{Entry, Gap, Occurrence, Scope, Snapshot, StatusChange};

/// What identifies a state within its connection: item, and the vendor's id of the group.
type Key = (Arc<str>, Arc<str>);

/// One connection's way into the journal.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) connection: ConnectionName,
    pub(crate) vendor: &'static str,
    pub(crate) checkpoint: Option<Checkpoint>,
    /// When everything of it was last handed over, as far as that is stored.
    pub(crate) heard: Option<Timestamp>,
    pub(crate) states: Arc<ConnectionStates>,
    seen: Seen,
    /// Ids of events that the last snapshot told of before they came.
    told: HashSet<u128>,
    /// While a snapshot is awaited: when each state was set by an event since.
    touched: Option<HashMap<Key, ByteString>>,
    /// Keys set in the batch under way, by which `touched` goes on when it is stored.
    touching: Vec<(Key, ByteString)>,
    baseline: Baseline,
}

/// What the batch under way does to the waiting for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Baseline {
    Unchanged,
    Begins,
    Ends,
}

/// A batch without its repeats.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) entries: Vec<Entry>,
    pub(crate) repeats: usize,
}

impl Lane {
    /// The lane as it was last stored.
    pub(crate) fn new(
        connection: ConnectionName,
        vendor: &'static str,
        states: Arc<ConnectionStates>,
        loaded: Loaded,
    ) -> Self {
        let mut seen = Seen::default();
        for id in &loaded.seen {
            seen.insert(id);
        }
        seen.commit();
        for entry in loaded.states {
            states.set(entry);
        }
        Self {
            connection,
            vendor,
            checkpoint: loaded.checkpoint,
            heard: loaded.heard,
            states,
            seen,
            told: HashSet::new(),
            touched: None,
            touching: Vec::new(),
            baseline: Baseline::Unchanged,
        }
    }

    /// Leaves out what was seen before.
    pub(crate) fn admit(&mut self, entries: Vec<Entry>) -> Admitted {
        let mut repeats = 0;
        let fresh = entries.into_iter().filter_map(|entry| match entry {
            Entry::Occurrence(occurrence) if !self.seen.insert(&occurrence.id) => {
                repeats += 1;
                // A snapshot may have told of it before it came, behind events that are older than the snapshot.
                let told = self.told.contains(&occurrence.id.fingerprint());
                told.then(|| Entry::Echo(Box::new(occurrence)))
            }
            entry => Some(entry),
        });
        let entries = fresh.collect();
        Admitted { entries, repeats }
    }

    /// Makes events and state changes of what was admitted.
    pub(crate) fn build(&mut self, names: &mut Names, entries: Vec<Entry>, checkpoint: Option<Checkpoint>) -> Append {
        let mut build = Build { events: Vec::with_capacity(entries.len()), states: Vec::new() };
        self.touching.clear();
        self.baseline = Baseline::Unchanged;
        for entry in entries {
            match entry {
                Entry::Occurrence(occurrence) => self.live(names, occurrence, &mut build),
                Entry::Echo(occurrence) => Self::echo(names, *occurrence, &mut build),
                Entry::BaselineAwaited { anew } if anew || self.touched.is_none() => self.baseline = Baseline::Begins,
                Entry::BaselineAwaited { .. } => {}
                Entry::Snapshot(snapshot) => {
                    self.told.clear();
                    self.merge(names, *snapshot, &mut build);
                    self.baseline = Baseline::Ends;
                }
                Entry::Gap(gap) => build.events.push(gap_event(&gap)),
                Entry::Status(change) => build.events.push(status_event(&change)),
            }
        }
        Append {
            connection: self.connection.clone(),
            vendor: self.vendor,
            events: build.events,
            states: build.states,
            checkpoint,
            heard: None,
        }
    }

    fn live(&mut self, names: &mut Names, occurrence: Occurrence, build: &mut Build) {
        let event = Event {
            item: names.item(&occurrence.item),
            meaning: names.meaning(&occurrence.kind),
            id: occurrence.id,
            origin: occurrence.origin,
            time: occurrence.time,
            data: one_line(occurrence.data),
        };
        if (self.touched.is_some() || self.baseline == Baseline::Begins)
            && let Some(key) = key(event.item.as_deref(), &event.meaning)
        {
            self.touching.push((key, ByteString::from(&*event.time)));
        }
        build.push(event);
    }

    fn echo(names: &mut Names, occurrence: Occurrence, build: &mut Build) {
        let (item, meaning) = (names.item(&occurrence.item), names.meaning(&occurrence.kind));
        if let Some(item) = item.filter(|_| meaning.state.is_some()) {
            build.states.push(silent(item, meaning, &occurrence.time, occurrence.origin));
        }
    }

    /// Puts a snapshot in the place of what was known, and makes an event of each difference.
    fn merge(&mut self, names: &mut Names, snapshot: Snapshot, build: &mut Build) {
        let mut known = self.present(&snapshot.scope, build);
        let mut touched = match self.baseline {
            Baseline::Begins => HashMap::new(),
            _ => self.touched.clone().unwrap_or_default(),
        };
        touched.extend(self.touching.drain(..));
        for occurrence in snapshot.states {
            let Some(item) = names.item(&occurrence.item) else { continue };
            let meaning = names.meaning(&occurrence.kind);
            let Some(key) = key(Some(&item), &meaning) else { continue };
            let was = known.remove(&key);
            // The snapshot may have been taken before an event that we already have.
            if touched.get(&key).is_some_and(|live| !is_newer(&occurrence.time, live)) {
                continue;
            }
            match was {
                Some(was) if was.meaning_value() == value(&meaning) && *was.time == *occurrence.time => {}
                Some(was) if was.meaning_value() != value(&meaning) => {
                    let given = !occurrence.id.as_str().is_empty() && self.seen.insert(&occurrence.id);
                    // Copies: slices would keep the snapshot's whole message alive for as long as one event of it is kept.
                    let id = if given { EventId::new(occurrence.id.as_str().to_owned()) } else { EventId::mint() };
                    if given {
                        self.told.insert(id.fingerprint());
                    }
                    let (time, data) = (copy(&occurrence.time), one_line(copy(&occurrence.data)));
                    build.push(Event { id, origin: Origin::Snapshot, meaning, item: Some(item), time, data });
                }
                // Seen for the first time, or the same value from another moment: no event.
                _ => build.states.push(silent(item, meaning, &occurrence.time, Origin::Snapshot)),
            }
        }
        let mut vanished: Vec<_> =
            known.into_iter().filter(|(key, was)| !touched.contains_key(key) && !was.is_unknown()).collect();
        vanished.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, was) in vanished {
            build.push(vanished_event(was));
        }
    }

    /// The states in scope as they will be when what was built so far is stored.
    fn present(&self, scope: &Scope, build: &Build) -> HashMap<Key, Present> {
        let scope = match scope {
            Scope::Everything => None,
            Scope::Item(item) => Some(&**item),
        };
        let mut known: HashMap<Key, Present> = HashMap::new();
        for entry in self.states.entries(scope) {
            let StateEntry { item, meaning, time, .. } = entry;
            if let Some(key) = key(Some(&item), &meaning) {
                known.insert(key, Present { item, meaning, time });
            }
        }
        for event in &build.events {
            let Some(item) = event.item.as_ref().filter(|item| scope.is_none_or(|scope| *item.id == *scope)) else {
                continue;
            };
            if let Some(key) = key(Some(item), &event.meaning) {
                let (item, meaning) = (Arc::clone(item), Arc::clone(&event.meaning));
                known.insert(key, Present { item, meaning, time: event.time.clone() });
            }
        }
        known
    }

    /// What was built is stored: shows it in the state map.
    pub(crate) fn committed(&mut self, commit: &Committed, states: &[StateWrite], checkpoint: Option<Checkpoint>) {
        self.seen.commit();
        if checkpoint.is_some() {
            self.checkpoint = checkpoint;
        }
        match self.baseline {
            Baseline::Unchanged => {}
            Baseline::Begins => self.touched = Some(HashMap::new()),
            Baseline::Ends => self.touched = None,
        }
        if let Some(touched) = &mut self.touched {
            touched.extend(self.touching.drain(..));
        }
        for entry in states.iter().filter_map(|write| write.entry(commit.first, &commit.events)) {
            self.states.set(entry);
        }
    }

    /// What was built could not be stored: a replay of it will be new.
    pub(crate) fn refused(&mut self) {
        self.seen.forget_in_flight();
        self.touching.clear();
        self.baseline = Baseline::Unchanged;
    }
}

/// The events and state changes of a batch, while they are made.
struct Build {
    events: Vec<Event>,
    states: Vec<StateWrite>,
}

impl Build {
    fn push(&mut self, event: Event) {
        if event.item.is_some() && event.meaning.state.is_some() {
            self.states.push(StateWrite::ByEvent(u32::try_from(self.events.len()).unwrap_or(u32::MAX)));
        }
        self.events.push(event);
    }
}

/// A state as it is known while a snapshot is merged.
struct Present {
    item: Arc<Item>,
    meaning: Arc<Meaning>,
    time: ByteString,
}

impl Present {
    fn meaning_value(&self) -> &str {
        value(&self.meaning)
    }

    fn is_unknown(&self) -> bool {
        self.meaning.state.as_ref().is_some_and(|state| *state.value == *vocabulary::UNKNOWN)
    }
}

/// A state that is set without an event.
fn silent(item: Arc<Item>, meaning: Arc<Meaning>, time: &ByteString, origin: Origin) -> StateWrite {
    let sequence = crate::model::Sequence::default();
    StateWrite::Silent(Box::new(StateEntry { item, meaning, time: copy(time), sequence, origin }))
}

/// A text that keeps no read buffer alive.
fn copy(text: &ByteString) -> ByteString {
    ByteString::from(&**text)
}

fn key(item: Option<&Item>, meaning: &Meaning) -> Option<Key> {
    Some((Arc::clone(&item?.id), Arc::clone(&meaning.state.as_ref()?.vendor_group)))
}

fn value(meaning: &Meaning) -> &str {
    meaning.state.as_ref().map_or("", |state| &state.vendor_value)
}

/// Whether the first time is after the second. Times that cannot be read are not.
fn is_newer(first: &str, second: &str) -> bool {
    match (first.parse::<Timestamp>(), second.parse::<Timestamp>()) {
        (Ok(first), Ok(second)) => first > second,
        _ => false,
    }
}

fn engine_event(kind: &str, data: &serde_json::Value) -> Event {
    Event {
        id: EventId::mint(),
        origin: Origin::Engine,
        meaning: Arc::new(Meaning { kind: kind.into(), name: None, state: None }),
        item: None,
        time: Timestamp::now().to_string().into(),
        data: data.to_string().into(),
    }
}

fn gap_event(gap: &Gap) -> Event {
    let data = serde_json::json!({
        "from": gap.from.to_string(), "to": gap.to.to_string(), "reason": gap.reason, "recovered": gap.recovered,
    });
    engine_event(vocabulary::GAP, &data)
}

fn status_event(change: &StatusChange) -> Event {
    let StatusChange { old, new, reason } = change;
    let data = serde_json::json!({ "old": old.as_str(), "new": new.as_str(), "reason": **reason });
    engine_event(vocabulary::ENGINE_CONNECTION, &data)
}

/// A state that the snapshot lacks: what it was is not true any more, and what it is nobody knows.
fn vanished_event(was: Present) -> Event {
    let old = was.meaning.state.as_ref();
    let meaning = Meaning {
        kind: vocabulary::STATE_UNKNOWN.into(),
        name: None,
        state: old.map(|old| StateMeaning {
            value: vocabulary::UNKNOWN.into(),
            vendor_value: "".into(),
            text: None,
            ..old.clone()
        }),
    };
    let data = serde_json::json!({ "old": old.map(|old| &*old.value) });
    Event {
        id: EventId::mint(),
        origin: Origin::Snapshot,
        meaning: Arc::new(meaning),
        item: Some(was.item),
        time: Timestamp::now().to_string().into(),
        data: data.to_string().into(),
    }
}

#[cfg(test)]
mod tests;
