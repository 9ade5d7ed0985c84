//! The lane of one connection: what makes stored events out of a batch. Pure code; the state tracker does the waiting.
//!
//! ```text
//! entries ─► admit (leave out repeats) ─► missing names? ─► build (names, what changes) ─► append ─► committed | refused
//! ```

mod latest;
mod merge;
#[cfg(test)]
pub(crate) mod testing;
mod wording;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use self::latest::Latest;
use self::wording::Build;
use crate::journal::{Append, Checkpoint, Loaded, StateWrite, last_states};
use crate::model::event::{Committed, Event, EventRef, Item, Meaning, Origin};
use crate::model::ids::{ConnectionName, EventId, Print};
use crate::model::{StateKey, VendorTime, vocabulary};
use crate::names::{Names, Word};
use crate::seen::Seen;
use crate::state_map::ConnectionStates;
use crate::vendors::{Entries, Entry, Gap, Kind, NameKey, Noted, Order, StatusChange};

/// One connection's way into the journal.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) connection: ConnectionName,
    pub(crate) vendor: &'static str,
    order: Order,
    pub(crate) checkpoint: Option<Checkpoint>,
    /// When everything of it was last handed over, as far as that is stored.
    pub(crate) heard: Option<Timestamp>,
    pub(crate) states: Arc<ConnectionStates>,
    seen: Seen,
    /// Ids of events that the last snapshot told of before they came.
    told: HashSet<Print>,
    /// While a snapshot is awaited: when each state was set by an event since.
    touched: Option<HashMap<StateKey, VendorTime>>,
    /// Keys set in the batch under way, by which `touched` goes on when it is stored.
    touching: Vec<(StateKey, VendorTime)>,
    baseline: Baseline,
}

/// What is known of the words of a batch.
#[derive(Debug)]
pub(crate) struct Recognized {
    /// Its items, where they have names.
    pub(crate) items: Vec<Option<Arc<Item>>>,
    /// The names that are missing and may be asked for.
    pub(crate) missing: Vec<NameKey>,
}

/// What the batch under way does to the waiting for a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Baseline {
    Unchanged,
    Begins,
    Ends,
}

impl Lane {
    /// The lane as it was last stored.
    pub(crate) fn new(
        connection: ConnectionName,
        vendor: &'static str,
        order: Order,
        states: Arc<ConnectionStates>,
        loaded: Loaded,
    ) -> Self {
        let mut seen = Seen::default();
        seen.extend(loaded.seen);
        for entry in loaded.states {
            states.set(entry.view());
        }
        Self {
            connection,
            vendor,
            order,
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

    /// Leaves out what was seen before, and says how many.
    pub(crate) fn admit(&mut self, entries: &mut Entries) -> usize {
        let mut repeats = 0;
        let (seen, told) = (&mut self.seen, &self.told);
        entries.list.retain_mut(|entry| {
            let Entry::Occurrence(noted) = *entry else { return true };
            if seen.insert(noted.print) {
                return true;
            }
            repeats += 1;
            // A snapshot may have told of it before it came, behind events that are older than the snapshot.
            let echo = told.contains(&noted.print);
            if echo {
                *entry = Entry::Echo(noted);
            }
            echo
        });
        repeats
    }

    /// Looks up what was admitted.
    pub(crate) fn recognize(names: &Names, now: std::time::Instant, entries: &Entries) -> Recognized {
        let words = &entries.words;
        let (mut items, mut kinds) = (vec![false; words.items.len()], vec![false; words.kinds.len()]);
        let mut wants = |noted: &Noted| {
            // What the protocol's own table knows does not tell what an item is called: nobody could be asked.
            let asks = matches!(words.kinds.get(noted.kind as usize), Some(kind) if kind.is_named());
            if let Some(wanted) = kinds.get_mut(noted.kind as usize).filter(|_| asks) {
                *wanted = true;
            }
            if let Some(wanted) = noted.item.and_then(|item| items.get_mut(item as usize)).filter(|_| asks) {
                *wanted = true;
            }
        };
        for entry in &entries.list {
            match entry {
                Entry::Occurrence(noted) | Entry::Echo(noted) => wants(noted),
                Entry::Snapshot(snapshot) => snapshot.states.iter().for_each(&mut wants),
                Entry::BaselineAwaited { .. } | Entry::Gap(_) | Entry::Status(_) => {}
            }
        }
        let known: Vec<_> = words.items.iter().map(|id| names.known_item(words.text.get(*id)).cloned()).collect();
        let items = words.items.iter().zip(&known).zip(items).filter(|((_, known), wanted)| known.is_none() && *wanted);
        let kinds = words.kinds.iter().zip(kinds).filter(|(_, wanted)| *wanted);
        let items = items.map(|((id, _), _)| Word::Item(words.text.get(*id)));
        let kinds = kinds.filter_map(|(kind, _)| match kind.told(&words.text) {
            Kind::Named { kind, group, .. } => Some(Word::Kind { kind, group }),
            Kind::Known(_) => None,
        });
        let missing = names.missing(now, items.chain(kinds));
        Recognized { items: known, missing }
    }

    /// Makes events and state changes of what was admitted. `known` are the items that were recognized, if nothing was learned since.
    pub(crate) fn build(
        &mut self,
        names: &mut Names,
        entries: Entries,
        known: Vec<Option<Arc<Item>>>,
        checkpoint: Option<Checkpoint>,
    ) -> Append {
        let Entries { words, list, .. } = entries;
        let mut build = Build::new(names, words, known, list.len());
        let mut latest = Latest::new(self.order, Arc::clone(&self.states));
        self.touching.clear();
        self.baseline = Baseline::Unchanged;
        for entry in list {
            match entry {
                Entry::Occurrence(noted) if latest.is_late(&noted, &mut build) => build.occurred_late(&noted),
                Entry::Occurrence(noted) => {
                    build.occurred(&noted);
                    self.touch(&build);
                }
                Entry::Echo(noted) => {
                    let sets_state = build.meaning(&noted).state.is_some() && !latest.is_late(&noted, &mut build);
                    if let Some(item) = build.item(&noted).filter(|_| sets_state) {
                        build.set_silently(item, &noted, noted.origin);
                    }
                }
                Entry::BaselineAwaited { anew } if anew || self.touched.is_none() => self.baseline = Baseline::Begins,
                Entry::BaselineAwaited { .. } => {}
                Entry::Snapshot(snapshot) => {
                    self.told.clear();
                    self.merge(&snapshot, &mut build, &mut latest);
                    self.baseline = Baseline::Ends;
                }
                Entry::Gap(gap) => build.push(&gap_event(&gap)),
                Entry::Status(change) => build.push(&status_event(&change)),
            }
        }
        let Build { mut events, states, .. } = build;
        events.compact();
        let (connection, vendor) = (self.connection.clone(), self.vendor);
        Append { connection, vendor, events, states: states.into(), checkpoint, heard: None }
    }

    /// Remembers what the last event has set, if a snapshot is awaited.
    fn touch(&mut self, build: &Build<'_>) {
        if (self.touched.is_some() || self.baseline == Baseline::Begins)
            && let Some(event) = build.last()
            && let Some(key) = key_of(event)
        {
            self.touching.push((key, event.time.into()));
        }
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
        for state in last_states(states, commit) {
            self.states.set(state);
        }
    }

    /// What was built could not be stored: a replay of it will be new.
    pub(crate) fn refused(&mut self) {
        self.seen.forget_in_flight();
        self.touching.clear();
        self.baseline = Baseline::Unchanged;
    }
}

fn key_of(event: EventRef<'_>) -> Option<StateKey> {
    StateKey::new(event.item?, event.meaning)
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
    let mut data = serde_json::json!({
        "from": gap.from.to_string(), "to": gap.to.to_string(), "reason": gap.reason, "recovered": gap.recovered,
    });
    if let Some(item) = &gap.item {
        data["item"] = item.as_str().into();
    }
    engine_event(vocabulary::GAP, &data)
}

fn status_event(change: &StatusChange) -> Event {
    let StatusChange { old, new, reason } = change;
    let data = serde_json::json!({ "old": old.as_str(), "new": new.as_str(), "reason": **reason });
    engine_event(vocabulary::ENGINE_CONNECTION, &data)
}

#[cfg(test)]
mod tests;
