//! What every item reads now: the one piece of memory that is shared. The state tracker alone writes it; anyone reads it
//! without a message and without waiting for ingestion.
//!
//! Reads see what is committed, and may be ahead of what a sink has delivered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;

use crate::model::event::{Item, Meaning};
use crate::model::filter::Filter;
use crate::model::ids::ConnectionName;
use crate::model::state::{State, StateEntry, StateRef};
use crate::model::status::{ConnectionState, ConnectionStatus};

/// The present states of all connections. Cloning it gives another reader of the same map.
#[derive(Clone, Debug, Default)]
pub struct StateMap {
    connections: Arc<DashMap<ConnectionName, Arc<ConnectionStates>>>,
}

/// The present states of one connection.
#[derive(Debug)]
pub(crate) struct ConnectionStates {
    name: ConnectionName,
    vendor: &'static str,
    online: AtomicBool,
    status: Mutex<ConnectionStatus>,
    items: DashMap<Arc<str>, ItemStates, foldhash::fast::RandomState>,
    /// States in all items together; they are never taken away.
    count: AtomicUsize,
}

/// The states of one item; a handful, so a list is searched faster than a map.
#[derive(Debug)]
struct ItemStates {
    item: Arc<Item>,
    states: Vec<StateEntry>,
}

impl StateMap {
    /// One state; `group` is the shared group or the vendor's own id of it.
    #[must_use]
    pub fn get(&self, connection: &str, item: &str, group: &str) -> Option<State> {
        self.item(connection, item).into_iter().find(|state| {
            state
                .meaning
                .state
                .as_ref()
                .is_some_and(|meaning| *meaning.group == *group || *meaning.vendor_group == *group)
        })
    }

    /// All states of one item; empty if there is none.
    #[must_use]
    pub fn item(&self, connection: &str, item: &str) -> Vec<State> {
        let Some(states) = self.states_of(connection) else { return Vec::new() };
        let stale = states.is_stale();
        let found = states.items.get(item);
        found.map_or_else(Vec::new, |found| found.states.iter().map(|entry| states.show(entry, stale)).collect())
    }

    /// All states that a filter wants, in no order. Looks at every state: on a large system that takes milliseconds.
    #[must_use]
    pub fn query(&self, filter: &Filter) -> Vec<State> {
        let connections: Vec<_> = self.connections.iter().map(|entry| Arc::clone(entry.value())).collect();
        connections.iter().flat_map(|states| states.query(filter)).collect()
    }

    /// The connections of which states are kept, by name, each with its vendor.
    #[must_use]
    pub fn connections(&self) -> Vec<(ConnectionName, &'static str)> {
        let mut all: Vec<_> = self.connections.iter().map(|entry| (entry.key().clone(), entry.vendor)).collect();
        all.sort_unstable();
        all
    }

    /// The vendor of a connection.
    #[must_use]
    pub fn vendor(&self, connection: &str) -> Option<&'static str> {
        self.states_of(connection).map(|states| states.vendor)
    }

    /// The items of a connection of which states are known, in no order. With [`item`](Self::item) that is a way to go through a large system
    /// piece by piece, without a copy of all of it at once.
    #[must_use]
    pub fn items(&self, connection: &str) -> Vec<Arc<str>> {
        self.states_of(connection)
            .map_or_else(Vec::new, |states| states.items.iter().map(|entry| Arc::clone(entry.key())).collect())
    }

    /// How a connection is doing.
    #[must_use]
    pub fn status(&self, connection: &str) -> Option<ConnectionStatus> {
        self.states_of(connection).map(|states| states.status())
    }

    /// The number of states of a connection.
    #[must_use]
    pub fn count(&self, connection: &str) -> usize {
        self.states_of(connection).map_or(0, |states| states.count.load(Ordering::Relaxed))
    }

    /// Calls `look` for each connection: its vendor, how it is doing, and how many states it has.
    pub(crate) fn each(&self, mut look: impl FnMut(&'static str, ConnectionState, usize)) {
        for states in self.connections.iter() {
            let state = states.status.lock().unwrap_or_else(PoisonError::into_inner).state;
            look(states.vendor, state, states.count.load(Ordering::Relaxed));
        }
    }

    pub(crate) fn states_of(&self, connection: &str) -> Option<Arc<ConnectionStates>> {
        self.connections.get(connection).map(|entry| Arc::clone(entry.value()))
    }

    /// The place for a connection's states, made if it is not there.
    pub(crate) fn open(&self, name: &ConnectionName, vendor: &'static str) -> Arc<ConnectionStates> {
        let entry = self.connections.entry(name.clone());
        Arc::clone(&entry.or_insert_with(|| Arc::new(ConnectionStates::new(name.clone(), vendor))))
    }

    pub(crate) fn remove(&self, name: &ConnectionName) {
        self.connections.remove(name);
    }
}

impl ConnectionStates {
    pub(crate) fn new(name: ConnectionName, vendor: &'static str) -> Self {
        Self {
            name,
            vendor,
            online: AtomicBool::new(false),
            status: Mutex::default(),
            items: DashMap::with_hasher(foldhash::fast::RandomState::default()),
            count: AtomicUsize::new(0),
        }
    }

    fn is_stale(&self) -> bool {
        !self.online.load(Ordering::Acquire)
    }

    pub(crate) fn status(&self) -> ConnectionStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update_status(&self, update: impl FnOnce(&mut ConnectionStatus)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        update(&mut status);
        self.online.store(status.state == ConnectionState::Online, Ordering::Release);
    }

    fn show(&self, entry: &StateEntry, stale: bool) -> State {
        let StateEntry { item, meaning, time, sequence, origin } = entry.clone();
        State { connection: self.name.clone(), item, meaning, time, sequence, origin, stale }
    }

    /// An entry as a reader sees it.
    pub(crate) fn state(&self, entry: &StateEntry) -> State {
        self.show(entry, self.is_stale())
    }

    /// The states that a filter wants.
    pub(crate) fn query(&self, filter: &Filter) -> Vec<State> {
        let stale = self.is_stale();
        let mut found = Vec::new();
        for item in &self.items {
            let shown = item.states.iter().map(|entry| self.show(entry, stale));
            found.extend(shown.filter(|state| filter.wants_state(self.vendor, state)));
        }
        found
    }

    /// Every state, or those of one item.
    pub(crate) fn entries(&self, item: Option<&str>) -> Vec<StateEntry> {
        match item {
            Some(item) => self.items.get(item).map_or_else(Vec::new, |found| found.states.clone()),
            None => self.items.iter().flat_map(|found| found.states.clone()).collect(),
        }
    }

    /// Puts a state in its place.
    pub(crate) fn set(&self, state: StateRef<'_>) {
        let item = state.item;
        let mut place = match self.items.get_mut(&*item.id) {
            Some(place) => place,
            None => self
                .items
                .entry(Arc::clone(&item.id))
                .or_insert_with(|| ItemStates { item: Arc::clone(item), states: Vec::with_capacity(1) }),
        };
        if !Arc::ptr_eq(&place.item, item) && item.name.is_some() {
            place.item = Arc::clone(item);
        }
        match place.states.iter_mut().find(|kept| kept.is_of_group(state.meaning)) {
            Some(kept) => kept.take_on(state),
            None => {
                place.states.push(state.to_entry());
                self.count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// An item has got a name.
    pub(crate) fn rename(&self, item: &Arc<Item>) {
        if let Some(mut place) = self.items.get_mut(&*item.id) {
            place.item = Arc::clone(item);
            for entry in &mut place.states {
                entry.item = Arc::clone(item);
            }
        }
    }

    /// Types have got meanings: states that were set while these were unknown get their shared names.
    pub(crate) fn explain(&self, meanings: &[Arc<Meaning>]) {
        let key = |meaning: &Meaning| {
            meaning.state.as_ref().map(|state| (Arc::clone(&state.vendor_value), Arc::clone(&state.vendor_group)))
        };
        let known: std::collections::HashMap<_, _> =
            meanings.iter().filter_map(|meaning| Some((key(meaning)?, meaning))).collect();
        if known.is_empty() {
            return;
        }
        for mut item in self.items.iter_mut() {
            for entry in &mut item.states {
                if let Some(meaning) = key(&entry.meaning).and_then(|key| known.get(&key)) {
                    entry.meaning = Arc::clone(meaning);
                }
            }
        }
    }
}
