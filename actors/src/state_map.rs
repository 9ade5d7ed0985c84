//! What every item reads now: the one piece of memory that is shared. The state tracker alone writes it; anyone reads it
//! without a message and without waiting for ingestion.
//!
//! Reads see what is committed, and may be ahead of what a sink has delivered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{self, AtomicBool, AtomicUsize};
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

/// Where a state stands in the order of [`StateMap::page`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StatePlace {
    /// The connection.
    pub connection: String,
    /// The item.
    pub item: String,
    /// The vendor's id of the group.
    pub group: String,
}

impl StatePlace {
    /// The place of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let group = state.meaning.state.as_ref().map_or("", |state| &state.vendor_group);
        let (connection, item, group) = (state.connection.to_string(), state.item.id.to_string(), group.to_owned());
        Self { connection, item, group }
    }
}

/// Some states.
#[derive(Clone, Debug, Default)]
pub struct StatePage {
    /// In order.
    pub states: Vec<State>,
    /// There are others after these.
    pub has_more: bool,
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

    /// The first states after a place, in the order of connection, item and the vendor's id of the group, that a filter wants and `is_wanted`
    /// too. Looks at the states from that place on until there are enough, and at one item at a time: it holds up nobody who sets one.
    #[must_use]
    pub fn page(
        &self,
        filter: &Filter,
        after: Option<&StatePlace>,
        limit: usize,
        is_wanted: impl Fn(&StateEntry) -> bool,
    ) -> StatePage {
        let begin = after.map_or("", |after| &*after.connection);
        let mut connections: Vec<_> = self
            .connections
            .iter()
            .filter(|entry| entry.key().as_str() >= begin && filter.may_want_of(entry.key().as_str(), entry.vendor))
            .map(|entry| Arc::clone(entry.value()))
            .collect();
        connections.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut states = Vec::new();
        for connection in connections {
            let after = after.filter(|after| after.connection == connection.name.as_str());
            let after = after.map(|after| (&*after.item, &*after.group));
            // One more than wanted shows that there are more.
            connection.first(filter, after, limit + 1 - states.len(), &is_wanted, &mut states);
            if states.len() > limit {
                states.truncate(limit);
                return StatePage { states, has_more: true };
            }
        }
        StatePage { states, has_more: false }
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
        self.states_of(connection).map_or(0, |states| states.count.load(atomic::Ordering::Relaxed))
    }

    /// Calls `look` for each connection: its vendor, how it is doing, and how many states it has.
    pub(crate) fn each(&self, mut look: impl FnMut(&'static str, ConnectionState, usize)) {
        for states in self.connections.iter() {
            let state = states.status.lock().unwrap_or_else(PoisonError::into_inner).state;
            look(states.vendor, state, states.count.load(atomic::Ordering::Relaxed));
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
        !self.online.load(atomic::Ordering::Acquire)
    }

    pub(crate) fn status(&self) -> ConnectionStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update_status(&self, update: impl FnOnce(&mut ConnectionStatus)) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        update(&mut status);
        self.online.store(status.state == ConnectionState::Online, atomic::Ordering::Release);
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
            let wanted = item.states.iter().filter(|entry| self.is_wanted(filter, entry));
            found.extend(wanted.map(|entry| self.show(entry, stale)));
        }
        found
    }

    fn is_wanted(&self, filter: &Filter, entry: &StateEntry) -> bool {
        filter.wants_entry(self.name.as_str(), self.vendor, entry)
    }

    /// Adds the first states after an item's group, in order, `count` at most.
    ///
    /// Whoever sets a state waits while its part of the map is read. So there nothing is done but to copy the names of items, then the states of one item
    /// after the other; what is wanted is found out outside.
    fn first(
        &self,
        filter: &Filter,
        after: Option<(&str, &str)>,
        count: usize,
        is_wanted: &impl Fn(&StateEntry) -> bool,
        found: &mut Vec<State>,
    ) {
        let is_left = |item: &str| after.is_none_or(|(after, _)| item >= after);
        let left = self.items.iter().filter(|place| is_left(place.key()));
        // A heap, as most pages end long before all is in order.
        let mut left: BinaryHeap<_> = left.map(|place| Reverse(Arc::clone(place.key()))).collect();
        let (stale, most) = (self.is_stale(), found.len() + count);
        while found.len() < most
            && let Some(Reverse(item)) = left.pop()
        {
            let mut entries = self.entries(Some(&item));
            entries.sort_unstable_by(|a, b| a.vendor_group().cmp(b.vendor_group()));
            entries.retain(|entry| after.is_none_or(|after| (&*item, entry.vendor_group()) > after));
            let wanted = entries.iter().filter(|entry| self.is_wanted(filter, entry) && is_wanted(entry));
            found.extend(wanted.take(most - found.len()).map(|entry| self.show(entry, stale)));
        }
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
                self.count.fetch_add(1, atomic::Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeSet;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::model::event::{Origin, StateMeaning};
    use crate::model::ids::Sequence;

    type Key = (String, String, String);

    fn key(connection: &str, item: usize, group: usize) -> Key {
        (connection.to_owned(), format!("item {item}"), format!("group {group}"))
    }

    fn set(map: &StateMap, key: &Key) {
        let (connection, item, group) = key;
        let states = map.open(&connection.parse().unwrap(), "test");
        let words = |text: &str| Arc::from(text);
        let state = StateMeaning {
            group: words("g"),
            value: words("v"),
            vendor_group: words(group),
            vendor_value: words("v"),
            text: None,
        };
        let meaning = Arc::new(Meaning { kind: words("test"), name: None, state: Some(state) });
        let item = Arc::new(Item { id: words(item), name: None });
        states.set(StateRef { item: &item, meaning: &meaning, time: "", sequence: Sequence(1), origin: Origin::Live });
    }

    fn place(state: &State) -> Key {
        let StatePlace { connection, item, group } = StatePlace::of(state);
        (connection, item, group)
    }

    /// Every page, by so many; `between` happens after each.
    fn pages(map: &StateMap, limit: usize, mut between: impl FnMut()) -> Vec<Key> {
        let (mut all, mut after): (Vec<Key>, Option<StatePlace>) = (Vec::new(), None);
        loop {
            let StatePage { states, has_more } = map.page(&Filter::everything(), after.as_ref(), limit, |_| true);
            assert!(states.len() <= limit);
            assert!(!has_more || states.len() == limit);
            all.extend(states.iter().map(place));
            if !has_more {
                return all;
            }
            after = states.last().map(StatePlace::of);
            between();
        }
    }

    fn keys() -> impl Strategy<Value = BTreeSet<Key>> {
        let one = (0_usize..3, 0_usize..40, 0_usize..4);
        let key = one.prop_map(|(connection, item, group)| key(["a", "b", "c/d"][connection], item, group));
        prop::collection::btree_set(key, 0..120)
    }

    proptest! {
        #[test]
        fn pages_put_together_are_all_states_once_in_order(all in keys(), limit in 1_usize..30) {
            let map = StateMap::default();
            all.iter().for_each(|key| set(&map, key));
            prop_assert_eq!(pages(&map, limit, || ()), all.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn what_was_there_from_the_first_page_on_is_in_the_pages_once_whatever_comes_meanwhile(
            before in keys(),
            meanwhile in keys(),
            limit in 1_usize..30,
        ) {
            let map = StateMap::default();
            before.iter().for_each(|key| set(&map, key));
            let mut coming = meanwhile.iter();
            let told = pages(&map, limit, || coming.by_ref().take(7).for_each(|key| set(&map, key)));
            prop_assert!(told.is_sorted_by(|a, b| a < b), "in order, and each once: {:?}", told);
            let told: BTreeSet<_> = told.into_iter().collect();
            prop_assert!(told.is_superset(&before));
            prop_assert!(told.is_subset(&before.union(&meanwhile).cloned().collect()));
        }
    }

    #[test]
    fn a_state_can_be_set_while_somebody_finds_out_whether_another_is_wanted() {
        let map = StateMap::default();
        (0..64).for_each(|item| set(&map, &key("a", item, 0)));
        let (asked, asks) = mpsc::channel();
        let (go_on, wait) = mpsc::channel::<()>();
        let reader = {
            let map = map.clone();
            thread::spawn(move || {
                map.page(&Filter::everything(), None, 1, |_| {
                    // Only the first is waited for.
                    let _ = asked.send(());
                    wait.recv().is_err()
                })
            })
        };
        asks.recv().unwrap();
        let (done, all_set) = mpsc::channel();
        let writer = map.clone();
        thread::spawn(move || {
            (0..64).for_each(|item| set(&writer, &key("a", item, 1)));
            done.send(()).unwrap();
        });
        let result = all_set.recv_timeout(Duration::from_secs(10));
        drop(go_on);
        assert_eq!(reader.join().unwrap().states.len(), 1);
        assert!(result.is_ok(), "whoever sets states does not wait for a reader");
    }
}
