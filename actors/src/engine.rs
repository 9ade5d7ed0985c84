//! Starting and stopping the engine, and the handle by which an application holds it.

use std::collections::{HashMap, HashSet};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use actix::prelude::*;
use rustls::ClientConfig;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::connection::Launcher;
use crate::journal::{Journal, JournalError, JournalHandle, Memory, Waiting, Writer};
use crate::messages::{AddConnection, AddError, StopAll};
use crate::model::ids::ConnectionName;
use crate::model::status::ConnectionState;
use crate::settings::{CommonSettings, TlsSettings};
use crate::state_map::StateMap;
use crate::state_tracker::StateTracker;
use crate::supervisor::{Ground, ShardActors, Supervisor};
use crate::telemetry::{ConnectionsCounted, QueuesMeasured};
use crate::transport::{Brakes, Budget, Tape};
use crate::vendors::{VENDORS, VendorSettings};

/// One connection: its name, what every connection has, and its vendor's own settings.
#[derive(Clone, Debug)]
pub struct ConnectionConfig {
    /// The name, by which events and states are known.
    pub name: ConnectionName,
    /// What every connection has.
    pub common: CommonSettings,
    /// The vendor's own settings.
    pub vendor: VendorSettings,
}

/// What an engine is started with. Two engines in one process do not meet.
#[derive(Debug)]
pub struct EngineConfig {
    /// Connections to start with; more can be added later.
    pub connections: Vec<ConnectionConfig>,
    /// Where events, states and checkpoints are kept.
    pub journal: Box<dyn Journal>,
    /// Threads for connections; each connection keeps to one. By default one per core, four at most.
    pub arbiters: usize,
    /// How long a batch waits for names at most; 2 s unless set.
    pub name_wait: Duration,
    /// A connection that the journal holds up for longer than this is closed on purpose; 10 s unless set. The time that a batch may wait
    /// for names comes on top, for it cannot be told apart.
    pub hold_limit: Duration,
    /// How often a quiet connection stores that nothing was missing, which dates the gap after a crash; 10 s unless set.
    pub heartbeat: Duration,
    /// Ask logins again that an earlier process was refused. Otherwise they wait: one further try ten minutes after the first refusal, then
    /// none until the secret changes.
    pub insist: bool,
    /// Memory that messages above 1 MiB share, in bytes; 256 MiB unless set.
    pub budget: usize,
    /// Records what goes over the wire, of all connections; nothing unless set.
    pub tape: Option<Arc<Tape>>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            connections: Vec::new(),
            journal: Box::new(Memory::default()),
            arbiters: thread::available_parallelism().map_or(1, usize::from).min(4),
            name_wait: Duration::from_secs(2),
            hold_limit: Duration::from_secs(10),
            heartbeat: Duration::from_secs(10),
            insist: false,
            budget: 256 << 20,
            tape: None,
        }
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The journal cannot be used.
    #[error("the journal: {0}")]
    Journal(#[from] JournalError),
    /// A connection cannot be started.
    #[error(transparent)]
    Connection(#[from] AddError),
    /// The system gave no thread, or the engine's thread ended at once.
    #[error("the engine's thread: {0}")]
    Thread(String),
}

/// Starts engines.
#[derive(Debug, Clone, Copy)]
pub struct Engine;

/// A running engine. Cheap to clone, and at home on any thread.
///
/// When the last clone is dropped the engine ends at once; [`shutdown`](Self::shutdown) ends it well.
#[derive(Clone)]
pub struct EngineHandle {
    inner: Arc<Inner>,
}

struct Inner {
    supervisor: Addr<Supervisor>,
    states: StateMap,
    journal: JournalHandle,
    callbacks: ArbiterHandle,
    budget: Arc<Budget>,
    arbiters: Mutex<Arbiters>,
    /// The engine's own system, where it had to bring one.
    system: Mutex<Option<oneshot::Sender<()>>>,
}

/// The engine's threads; they end with this.
#[derive(Default)]
struct Arbiters(Vec<Arbiter>);

impl Arbiters {
    fn add(&mut self) -> Result<ArbiterHandle, StartError> {
        let arbiter = Arbiter::try_new().map_err(|error| StartError::Thread(error.to_string()))?;
        let handle = arbiter.handle();
        self.0.push(arbiter);
        Ok(handle)
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        for arbiter in &self.0 {
            arbiter.stop();
        }
    }
}

impl Engine {
    /// Starts an engine: on arbiters of its own under the running actix system, or on a system of its own, on a thread of its own, where
    /// there is none. Comes back when the actors are there; connections are made in the background.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub fn start(config: EngineConfig) -> Result<EngineHandle, StartError> {
        if System::try_current().is_some() {
            return build(config, None);
        }
        let (started, wait) = mpsc::channel();
        let on_thread = move || {
            System::new().block_on(async move {
                let (stop, stopped) = oneshot::channel();
                let result = build(config, Some(stop));
                let running = result.is_ok();
                // Whoever started it waits for this.
                drop(started.send(result));
                if running {
                    // Ends when told to, or when the last handle is dropped.
                    drop(stopped.await);
                }
            });
        };
        let spawned = thread::Builder::new().name("watchpost-engine".to_owned()).spawn(on_thread);
        spawned.map_err(|error| StartError::Thread(error.to_string()))?;
        wait.recv().map_err(|_| StartError::Thread("it ended before the engine was there".to_owned()))?
    }
}

fn build(config: EngineConfig, system: Option<oneshot::Sender<()>>) -> Result<EngineHandle, StartError> {
    let EngineConfig { connections, journal, arbiters, name_wait, hold_limit, heartbeat, insist, budget, tape } =
        config;
    let tls = check(&connections)?;
    let journal = Writer::start(journal)?.handle();
    let states = StateMap::default();
    let mut threads = Arbiters::default();
    let mut shards = Vec::new();
    for number in 0..arbiters.max(1) {
        let arbiter = threads.add()?;
        let tracker = StateTracker::start_on(&arbiter, number, journal.clone(), states.clone(), name_wait);
        let taped = tape.clone();
        let launcher = Actor::start_in_arbiter(&arbiter, |_| Launcher::new(taped));
        shards.push(ShardActors { tracker, launcher });
    }
    let (services, callbacks) = (threads.add()?, threads.add()?);
    let budget = Arc::new(Budget::new(budget));
    let ground = Ground {
        shards,
        services: services.clone(),
        states: states.clone(),
        journal: journal.clone(),
        insist,
        budget: Arc::clone(&budget),
        paces: Arc::default(),
        brakes: Brakes::default(),
        // Waiting for names is not the journal's doing.
        hold_limit: hold_limit.saturating_add(name_wait),
        heartbeat,
        tls,
        tape,
    };
    let supervisor = Actor::start_in_arbiter(&services, move |_| Supervisor::new(ground));
    for connection in connections {
        supervisor.do_send(AddConnection(connection));
    }
    let inner = Inner {
        supervisor,
        states,
        journal,
        callbacks,
        budget,
        arbiters: Mutex::new(threads),
        system: Mutex::new(system),
    };
    Ok(EngineHandle { inner: Arc::new(inner) })
}

/// Whether the connections can be started, told before anything runs; the TLS configurations that they need.
fn check(connections: &[ConnectionConfig]) -> Result<HashMap<TlsSettings, Arc<ClientConfig>>, AddError> {
    let (mut names, mut tls) = (HashSet::new(), HashMap::new());
    for ConnectionConfig { name, common, .. } in connections {
        if !names.insert(name) {
            return Err(AddError::Exists(name.clone()));
        }
        if !tls.contains_key(&common.tls) {
            let config = common.tls.client_config().map_err(|source| AddError::Tls { name: name.clone(), source })?;
            tls.insert(common.tls.clone(), config);
        }
    }
    Ok(tls)
}

impl EngineHandle {
    /// Sends one of the [messages](crate::messages).
    ///
    /// # Errors
    /// [`MailboxError`] when the engine has ended.
    pub async fn send<M>(&self, message: M) -> Result<M::Result, MailboxError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Supervisor: Handler<M>,
    {
        self.inner.supervisor.send(message).await
    }

    /// The address behind [`send`](Self::send).
    #[must_use]
    pub fn front(&self) -> &Addr<Supervisor> {
        &self.inner.supervisor
    }

    /// The present states, to be read without a message.
    #[must_use]
    pub fn states(&self) -> &StateMap {
        &self.inner.states
    }

    /// The way to what is stored.
    #[must_use]
    pub fn journal(&self) -> &JournalHandle {
        &self.inner.journal
    }

    /// Sets the gauges of what merely is so, and does not happen: connections by state, states known, how full queues are. To be called before
    /// the metrics are read. Looks at every connection, and waits for none.
    pub fn measure(&self) {
        let Inner { states, journal, budget, .. } = &*self.inner;
        Tally::all(states).for_each(|tally| tally.counted().emit());
        let Waiting { commands, questions, appends } = journal.waiting();
        let large_limit = budget.total();
        let large = large_limit.saturating_sub(budget.available());
        QueuesMeasured { commands, questions, appends, large, large_limit }.emit();
    }

    pub(crate) fn callbacks(&self) -> &ArbiterHandle {
        &self.inner.callbacks
    }

    /// Stops reading and stores what was read. The journal can still be read from, so that what was stored last can be delivered; what
    /// is left to do is [`shutdown`](Self::shutdown). No connection can be added any more.
    ///
    /// Answers whether everything was stored before `deadline`. What was not comes again from the vendor, or is told as a gap.
    pub async fn stop_connections(&self, deadline: Duration) -> bool {
        matches!(timeout(deadline, self.inner.supervisor.send(StopAll)).await, Ok(Ok(())))
    }

    /// Stops the connections, where [`stop_connections`](Self::stop_connections) has not, writes the journal out, and ends the engine's
    /// threads. Past `deadline` it ends without waiting any more; what was not stored then comes again from the vendor, or is told as
    /// a gap.
    ///
    /// Answers whether everything was stored in time.
    pub async fn shutdown(self, deadline: Duration) -> bool {
        let orderly = async {
            let stopped = self.inner.supervisor.send(StopAll).await.is_ok();
            stopped && self.inner.journal.close().await.is_ok()
        };
        let in_time = timeout(deadline, orderly).await.unwrap_or(false);
        self.inner.end();
        in_time
    }
}

/// The connections of a vendor.
struct Tally {
    vendor: &'static str,
    connections: [usize; ConnectionState::ALL.len()],
    states: usize,
}

impl Tally {
    fn of(vendor: &'static str) -> Self {
        Self { vendor, connections: Default::default(), states: 0 }
    }

    /// Of every vendor, also of those that have none: what is gone must not stay as it was.
    fn all(states: &StateMap) -> impl Iterator<Item = Self> {
        let mut vendors: Vec<_> = VENDORS.iter().map(|vendor| Self::of(vendor.name)).collect();
        states.each(|name, state, states| {
            if let Some(tally) = vendors.iter_mut().find(|tally| tally.vendor == name) {
                tally.add(state, states);
            }
        });
        vendors.into_iter()
    }

    fn add(&mut self, state: ConnectionState, states: usize) {
        let all = ConnectionState::ALL.iter().zip(&mut self.connections);
        all.filter(|(each, _)| **each == state).for_each(|(_, count)| *count += 1);
        self.states += states;
    }

    fn counted(self) -> ConnectionsCounted {
        let mut connections = ConnectionState::ALL.map(|state| (state, 0));
        connections.iter_mut().zip(self.connections).for_each(|((_, count), counted)| *count = counted);
        ConnectionsCounted { vendor: self.vendor, connections, states: self.states }
    }
}

impl Inner {
    fn end(&self) {
        drop(std::mem::take(&mut *self.arbiters.lock().unwrap_or_else(PoisonError::into_inner)));
        if let Some(stop) = self.system.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The thread may have ended already.
            let _ = stop.send(());
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EngineHandle")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn connections_are_counted_by_vendor_and_state_and_those_that_are_gone_not_any_more() {
        let states = StateMap::default();
        let online = |states: &StateMap, vendor: &str| {
            let tally = Tally::all(states).find(|tally| tally.vendor == vendor).unwrap().counted();
            tally.connections.into_iter().find(|(state, _)| *state == ConnectionState::Online).unwrap().1
        };
        let stores = ConnectionName::new("stores").unwrap();
        let names: Vec<_> = (0..3).map(|number| stores.child(&number.to_string()).unwrap()).collect();
        for name in &names {
            states.open(name, "een").update_status(|status| status.state = ConnectionState::Online);
        }
        states.open(&stores, "een");
        assert_eq!((online(&states, "een"), online(&states, "vxg")), (3, 0));
        names.iter().for_each(|name| states.remove(name));
        assert_eq!(online(&states, "een"), 0);
        assert_eq!(Tally::all(&states).count(), VENDORS.len());
    }
}
