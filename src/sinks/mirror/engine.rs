//! What an engine knows now, as a sink's filter lets it through, and what changes there.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use watchpost_actors::{
    EngineHandle,
    changes::{Change, Following},
    messages::{ConnectionInfo, ListConnections},
    model::{ConnectionName, Filter, State},
};

use super::{Connection, Present};

/// What has changed since somebody looked, each item once.
#[derive(Debug, Default)]
pub(in crate::sinks) struct Changed {
    inner: Mutex<Since>,
    told: Notify,
}

/// What is to be looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) everything: bool,
    pub(super) items: HashSet<(ConnectionName, Arc<str>)>,
}

impl Changed {
    fn since(&self) -> MutexGuard<'_, Since> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes may have been missed.
    pub(super) fn everything(&self) {
        let mut since = self.since();
        since.everything = true;
        // All of them are among these.
        since.items.clear();
        drop(since);
        self.told.notify_one();
    }

    pub(super) fn items(&self, items: impl Iterator<Item = (ConnectionName, Arc<str>)>) {
        let mut since = self.since();
        if !since.everything {
            since.items.extend(items);
            drop(since);
            self.told.notify_one();
        }
    }

    /// Waits until there is something, and takes it. May be dropped at any time, and loses nothing then.
    pub(super) async fn take(&self) -> Since {
        loop {
            let since = std::mem::take(&mut *self.since());
            if since != Since::default() {
                return since;
            }
            self.told.notified().await;
        }
    }
}

/// What an engine knows now.
pub(in crate::sinks) struct EnginePresent {
    engine: EngineHandle,
    filter: Filter,
    _following: Following,
}

impl EnginePresent {
    /// Follows an engine from now on.
    pub(in crate::sinks) fn new(engine: EngineHandle, filter: Filter) -> (Self, Arc<Changed>) {
        let changed = Arc::new(Changed::default());
        let told = Arc::clone(&changed);
        let following = engine.follow_changes(filter.clone(), move |change| match change {
            Change::Begun => told.everything(),
            Change::States(states) => {
                told.items(states.into_iter().map(|state| (state.connection, Arc::clone(&state.item.id))));
            }
        });
        (Self { engine, filter, _following: following }, changed)
    }
}

#[cfg(feature = "mqtt")]
impl EnginePresent {
    /// Whether there is anything to put up of an item.
    pub(in crate::sinks) fn shows(&self, connection: &ConnectionName, item: &str) -> bool {
        self.states(connection, item).iter().any(|state| state.value() != watchpost_actors::model::vocabulary::UNKNOWN)
    }
}

impl Present for EnginePresent {
    async fn connections(&self) -> Option<Vec<Connection>> {
        let all = self.engine.send(ListConnections).await.ok()?;
        let wanted = all.into_iter().filter(|info| self.filter.wants_connection(info.name.as_str(), info.vendor));
        let connection = |ConnectionInfo { name, vendor, title, status, .. }| Connection {
            name,
            vendor,
            title,
            state: status.state,
        };
        Some(wanted.map(connection).collect())
    }

    fn items(&self, connection: &ConnectionName) -> Vec<Arc<str>> {
        self.engine.states().items(connection.as_str())
    }

    fn states(&self, connection: &ConnectionName, item: &str) -> Vec<State> {
        let map = self.engine.states();
        let Some(vendor) = map.vendor(connection.as_str()) else { return Vec::new() };
        let mut states = map.item(connection.as_str(), item);
        states.retain(|state| self.filter.wants_state(vendor, state));
        states.sort_unstable_by(|a, b| a.group().cmp(b.group()));
        states
    }
}
