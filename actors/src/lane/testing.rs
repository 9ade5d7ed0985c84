//! A lane with a journal behind it, for tests of what a session hands over.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::Lane;
use crate::journal::{Journal, Loaded, Memory};
use crate::model::event::Committed;
use crate::model::ids::ConnectionName;
use crate::model::state::StateEntry;
use crate::names::Names;
use crate::state_map::ConnectionStates;
use crate::vendors::{Entries, Now, Order};

/// A lane that stores what it is given, as the state tracker would.
pub(crate) struct StoringLane {
    lane: Lane,
    names: Names,
    journal: Memory,
}

impl StoringLane {
    pub(crate) fn new(connection: &str, vendor: &'static str, order: Order) -> Self {
        let name = ConnectionName::new(connection).unwrap();
        let states = Arc::new(ConnectionStates::new(name.clone(), vendor));
        let lane = Lane::new(name, vendor, order, states, Loaded::default());
        Self { lane, names: Names::default(), journal: Memory::default() }
    }

    /// Stores all of it, and tells what events that has made.
    pub(crate) fn store(&mut self, now: Now, mut entries: Entries) -> Arc<Committed> {
        self.lane.admit(&mut entries);
        let known = Lane::recognize(&self.names, now.instant, &entries).items;
        let append = self.lane.build(&mut self.names, entries, known, None);
        let states = append.states.clone();
        let commit = self.journal.append(vec![append]).remove(0).unwrap();
        self.lane.committed(&commit, &states, None);
        commit
    }

    /// The states of an item, or of all.
    pub(crate) fn states(&self, item: Option<&str>) -> Vec<StateEntry> {
        self.lane.states.entries(item)
    }
}
