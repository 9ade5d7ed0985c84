//! The events that the cloud has, found by time and by camera.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    ops::RangeBounds,
    time::{Instant, SystemTime},
};

use serde_json::{Map, Value};

use super::{Origin, stamp::Micros};

pub(super) type Meta = Map<String, Value>;

/// The meta of an event for some time.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) meta: Meta,
    pub(super) since: SystemTime,
    pub(super) shown: u32,
}

#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: i64,
    pub(super) camera: i64,
    pub(super) name: String,
    pub(super) alias: Option<String>,
    pub(super) time: Micros,
    pub(super) origin: Origin,
    pub(super) arrived: SystemTime,
    /// Lists have it from then on.
    pub(super) listed: Instant,
    /// What is told in its place.
    pub(super) row: Option<Value>,
    /// It has an image.
    pub(super) thumb: bool,
    /// The last one is that of now.
    pub(super) versions: Vec<Version>,
    pub(super) shown: u32,
    pub(super) first_shown: Option<SystemTime>,
    /// When it was deleted.
    pub(super) gone: Option<SystemTime>,
}

impl Event {
    pub(super) fn meta(&self) -> Option<&Meta> {
        self.versions.last().map(|version| &version.meta)
    }

    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.meta().is_some_and(|meta| meta.contains_key(tag))
    }

    pub(super) fn set_meta(&mut self, meta: Meta) {
        if self.meta() != Some(&meta) {
            self.versions.push(Version { meta, since: SystemTime::now(), shown: 0 });
        }
    }

    pub(super) fn note_shown(&mut self) {
        self.shown = self.shown.saturating_add(1);
        self.first_shown.get_or_insert_with(SystemTime::now);
        if let Some(version) = self.versions.last_mut() {
            version.shown = version.shown.saturating_add(1);
        }
    }
}

/// The key under which an event is found in the order of time.
pub(super) type Key = (Micros, i64);

#[derive(Default)]
pub(super) struct Store {
    events: HashMap<i64, Event>,
    /// Ids by arrival, deleted ones too.
    arrived: VecDeque<i64>,
    by_time: BTreeSet<Key>,
    by_camera: HashMap<i64, BTreeSet<Key>>,
}

impl Store {
    pub(super) fn insert(&mut self, event: Event, most: usize) {
        let key = (event.time, event.id);
        self.by_time.insert(key);
        self.by_camera.entry(event.camera).or_default().insert(key);
        self.arrived.push_back(event.id);
        self.events.insert(event.id, event);
        while self.arrived.len() > most {
            if let Some(id) = self.arrived.pop_front() {
                self.hide(id);
                self.events.remove(&id);
            }
        }
    }

    /// An event that was not deleted.
    pub(super) fn get(&self, id: i64) -> Option<&Event> {
        self.events.get(&id).filter(|event| event.gone.is_none())
    }

    pub(super) fn get_mut(&mut self, id: i64) -> Option<&mut Event> {
        self.events.get_mut(&id).filter(|event| event.gone.is_none())
    }

    /// An event, deleted or not.
    pub(super) fn known(&self, id: i64) -> Option<&Event> {
        self.events.get(&id)
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        self.events.contains_key(&id)
    }

    /// All in the order of arrival, deleted ones too.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.arrived.iter().filter_map(|id| self.events.get(id))
    }

    /// Those of a camera, or all, in the order of time.
    pub(super) fn within(
        &self,
        camera: Option<i64>,
        range: impl RangeBounds<Key>,
    ) -> impl DoubleEndedIterator<Item = &Event> {
        let keys = match camera {
            None => Some(&self.by_time),
            Some(camera) => self.by_camera.get(&camera),
        };
        keys.into_iter()
            .flat_map(move |keys| keys.range((range.start_bound(), range.end_bound())))
            .filter_map(|key| self.get(key.1))
    }

    fn hide(&mut self, id: i64) -> bool {
        let Some(event) = self.events.get(&id) else { return false };
        let key = (event.time, event.id);
        if let Some(keys) = self.by_camera.get_mut(&event.camera) {
            keys.remove(&key);
        }
        self.by_time.remove(&key)
    }

    /// No list has it any more; it stays in the ledger.
    pub(super) fn delete(&mut self, id: i64) -> bool {
        let hidden = self.hide(id);
        if let Some(event) = self.get_mut(id) {
            event.gone = Some(SystemTime::now());
        }
        hidden
    }

    /// Deletes what is older, of a camera or of all; says how much.
    pub(super) fn purge(&mut self, camera: Option<i64>, before: Micros) -> usize {
        let old: Vec<i64> = self.within(camera, ..(before, i64::MIN)).map(|event| event.id).collect();
        old.iter().filter(|id| self.delete(**id)).count()
    }

    pub(super) fn len(&self) -> usize {
        self.by_time.len()
    }
}
