//! A snapshot in the place of what was known: each difference becomes an event.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::latest::Latest;
use super::wording::Build;
use super::{Baseline, Lane, key_of};
use crate::model::event::{Event, Item, Meaning, Origin, StateMeaning};
use crate::model::ids::EventId;
use crate::model::state::StateEntry;
use crate::model::{StateKey, VendorTime, vocabulary};
use crate::vendors::{Scope, Snapshot};

impl Lane {
    pub(super) fn merge(&mut self, snapshot: &Snapshot, build: &mut Build<'_>, latest: &mut Latest) {
        let mut known = self.present(&snapshot.scope, build);
        let mut touched = match self.baseline {
            Baseline::Begins => HashMap::new(),
            _ => self.touched.clone().unwrap_or_default(),
        };
        touched.extend(self.touching.drain(..));
        for noted in &snapshot.states {
            let Some(item) = build.item(noted) else { continue };
            let meaning = build.meaning(noted);
            let Some(key) = StateKey::new(&item, &meaning) else { continue };
            let was = known.remove(&key);
            if latest.is_late(noted, build) {
                continue;
            }
            let time = build.text(noted.time);
            // The snapshot may have been taken before an event that we already have.
            if touched.get(&key).is_some_and(|live| !is_newer(time, live)) {
                continue;
            }
            match was {
                Some(was) if was.meaning_value() == value(&meaning) && *was.time == *time => {}
                Some(was) if was.meaning_value() != value(&meaning) => {
                    if !noted.id.is_empty() && self.seen.insert(noted.print) {
                        self.told.insert(noted.print);
                        build.differs(noted, None);
                    } else {
                        build.differs(noted, Some(EventId::mint().as_str()));
                    }
                }
                // Seen for the first time, or the same value from another moment: no event.
                _ => build.set_silently(item, noted, Origin::Snapshot),
            }
        }
        let mut vanished: Vec<_> =
            known.into_iter().filter(|(key, was)| !touched.contains_key(key) && !was.is_unknown()).collect();
        vanished.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (_, was) in vanished {
            build.push(&vanished_event(was));
        }
    }

    /// The states in scope as they will be when what was built so far is stored.
    fn present(&self, scope: &Scope, build: &Build<'_>) -> HashMap<StateKey, Present> {
        let scope = match scope {
            Scope::Everything => None,
            Scope::Item(item) => Some(&**item),
        };
        let mut known: HashMap<StateKey, Present> = HashMap::new();
        for entry in self.states.entries(scope) {
            let StateEntry { item, meaning, time, .. } = entry;
            if let Some(key) = StateKey::new(&item, &meaning) {
                known.insert(key, Present { item, meaning, time });
            }
        }
        for event in build.events.iter() {
            let Some(item) = event.item.filter(|item| scope.is_none_or(|scope| *item.id == *scope)) else {
                continue;
            };
            if let Some(key) = key_of(event) {
                let (item, meaning) = (Arc::clone(item), Arc::clone(event.meaning));
                known.insert(key, Present { item, meaning, time: event.time.into() });
            }
        }
        known
    }
}

/// A state as it is known while a snapshot is merged.
struct Present {
    item: Arc<Item>,
    meaning: Arc<Meaning>,
    time: VendorTime,
}

impl Present {
    fn meaning_value(&self) -> &str {
        value(&self.meaning)
    }

    fn is_unknown(&self) -> bool {
        self.meaning.state.as_ref().is_some_and(|state| *state.value == *vocabulary::UNKNOWN)
    }
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
