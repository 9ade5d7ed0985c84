//! The supervisor: a table of connections, desired and actual, and the engine's front for messages from outside.
//!
//! actix's own `Supervisor` does not see panics and starts again without a pause. Here connections report their own end, and a fresh actor is
//! started from what is stored; the pause is the retry clock's. Late reports of an old generation are dropped by their number. Each
//! connection keeps its arbiter, so that what it hands in is stored in order.

mod accounts;
mod children;
mod front;
mod homes;
mod row;

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use rustls::ClientConfig;
use tokio::sync::oneshot;

use self::accounts::{AccountKey, UserGate};
use self::homes::Homes;
use self::row::{Phase, Row};
use crate::account::Reconsider;
use crate::caller::Caller;
use crate::connection::{Control, Launch, Launcher, PANICKED, Setup};
use crate::engine::ConnectionConfig;
use crate::journal::JournalHandle;
use crate::lookup::{OwnedDirectories, ResolveNames};
use crate::messages::{AddError, UnknownConnection};
use crate::model::ids::ConnectionName;
use crate::model::status::ConnectionState;
use crate::retry::{RetryClock, RetryPolicy, jitter};
use crate::settings::TlsSettings;
use crate::state_map::StateMap;
use crate::state_tracker::{CloseLane, ShowStatus, StateTracker};
use crate::telemetry::ConnectionPanicked;
use crate::transport::{Brakes, Budget, Paces, Tape};
use crate::vendors::{Vendor, WithVendor};

pub(crate) use self::accounts::{account_name, gate_name};
pub(crate) use self::children::WantChildren;

/// A connection has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ConnectionEnded {
    pub(crate) name: ConnectionName,
    pub(crate) generation: u64,
    pub(crate) how: How,
}

/// How a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Stopped,
    Panicked,
}

/// How a connection is doing.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ConnectionReport {
    pub(crate) name: ConnectionName,
    pub(crate) generation: u64,
    pub(crate) state: ConnectionState,
    pub(crate) tries: u64,
    pub(crate) last_error: Option<Arc<str>>,
}

/// One arbiter's actors.
#[derive(Clone)]
pub(crate) struct ShardActors {
    pub(crate) tracker: Addr<StateTracker>,
    pub(crate) launcher: Addr<Launcher>,
}

/// What the supervisor stands on.
pub(crate) struct Ground {
    pub(crate) shards: Vec<ShardActors>,
    /// Where logins and look-ups live.
    pub(crate) services: ArbiterHandle,
    pub(crate) states: StateMap,
    pub(crate) journal: JournalHandle,
    pub(crate) insist: bool,
    pub(crate) budget: Arc<Budget>,
    pub(crate) paces: Arc<Paces>,
    pub(crate) brakes: Brakes,
    pub(crate) hold_limit: Duration,
    pub(crate) heartbeat: Duration,
    /// Made once for all connections with the same settings.
    pub(crate) tls: HashMap<TlsSettings, Arc<ClientConfig>>,
    /// Where calls are recorded.
    pub(crate) tape: Option<Arc<Tape>>,
}

/// The engine's front: answers [messages](crate::messages) and keeps every connection running.
pub struct Supervisor {
    ground: Ground,
    /// Boxed, since nodes of the map are not always full, and a row is large.
    table: BTreeMap<ConnectionName, Box<Row>>,
    /// Those that have ended since the engine was told to. Whoever asks must not take them for removed.
    left: BTreeMap<ConnectionName, Box<Row>>,
    /// The [`OwnedDirectories`] of each vendor's accounts.
    accounts: HashMap<AccountKey, Box<dyn Any + Send>>,
    /// Where logins of one user wait for each other.
    gates: HashMap<AccountKey, UserGate>,
    callers: HashMap<TlsSettings, Addr<Caller>>,
    /// Keyed anew by each process, so that what comes of a secret means nothing elsewhere.
    secrets: RandomState,
    homes: Homes,
    generations: u64,
    watches: u64,
    stopping: Option<Vec<oneshot::Sender<()>>>,
}

/// A new row, made by whichever vendor it is of.
struct NewRow<'a> {
    supervisor: &'a mut Supervisor,
    config: &'a ConnectionConfig,
    tls: Arc<ClientConfig>,
}

/// What a vendor contributes to a row.
struct VendorPart {
    account: AccountKey,
    gate: AccountKey,
    rate: Option<NonZeroU32>,
    lookup: Recipient<ResolveNames>,
    window: Duration,
}

impl WithVendor for NewRow<'_> {
    type Output = VendorPart;

    fn with<V: Vendor>(self, config: &V::Config) -> VendorPart {
        let Self { supervisor, config: connection, tls } = self;
        let secret = supervisor.secrets.hash_one(V::secret(config).expose());
        let tls_settings = &connection.common.tls;
        let gate = AccountKey { name: gate_name::<V>(config, tls_settings), secret };
        let key = AccountKey { name: account_name(V::account(config), tls_settings), secret };
        let directories = supervisor.directories::<V>(&key, &gate, config, &connection.common, &tls);
        let (lookup, window) = (directories.lookup.recipient(), V::resume_window(config));
        VendorPart { account: key, gate, rate: V::logins_per_second(config), lookup, window }
    }
}

/// Starts a row's connection.
struct Start<'a> {
    supervisor: &'a mut Supervisor,
    name: ConnectionName,
    ctx: &'a mut Context<Supervisor>,
}

impl WithVendor for Start<'_> {
    type Output = ();

    fn with<V: Vendor>(self, config: &V::Config) {
        let Self { supervisor, name, ctx } = self;
        supervisor.launch::<V>(&name, config, ctx);
    }
}

impl Supervisor {
    pub(crate) fn new(ground: Ground) -> Self {
        Self {
            homes: Homes::new(ground.shards.len()),
            ground,
            table: BTreeMap::new(),
            accounts: HashMap::new(),
            gates: HashMap::new(),
            callers: HashMap::new(),
            secrets: RandomState::new(),
            generations: 0,
            watches: 0,
            left: BTreeMap::new(),
            stopping: None,
        }
    }

    fn add(
        &mut self,
        config: ConnectionConfig,
        parent: Option<ConnectionName>,
        ctx: &mut Context<Self>,
    ) -> Result<(), AddError> {
        if self.stopping.is_some() {
            return Err(AddError::Stopping);
        }
        let name = config.name.clone();
        if self.table.contains_key(&name) {
            return Err(AddError::Exists(name));
        }
        let tls = self.client_config(&name, &config.common.tls)?;
        let part = config.vendor.with(NewRow { supervisor: self, config: &config, tls: Arc::clone(&tls) });
        let shard = self.homes.of(&name);
        let row = Row {
            config,
            parent,
            account: part.account,
            gate: part.gate,
            rate: part.rate,
            tls,
            lookup: part.lookup,
            shard,
            generation: 0,
            started: Instant::now(),
            phase: Phase::Launching,
            insisted: false,
            anew: false,
            mark: None,
            leaving: None,
            state: ConnectionState::Connecting,
            tries: 0,
            earlier_tries: 0,
            restarts: 0,
            last_error: None,
            clock: RetryClock::new(RetryPolicy::for_window(part.window)),
            wanted: Arc::default(),
        };
        self.table.insert(name.clone(), Box::new(row));
        self.start(name, ctx);
        Ok(())
    }

    fn start(&mut self, name: ConnectionName, ctx: &mut Context<Self>) {
        let Some(vendor) = self.table.get(&name).map(|row| row.config.vendor.clone()) else { return };
        vendor.with(Start { supervisor: self, name, ctx });
    }

    fn launch<V: Vendor>(&mut self, name: &ConnectionName, config: &V::Config, ctx: &mut Context<Self>) {
        self.generations += 1;
        let generation = self.generations;
        let brake = self.brake::<V>(config);
        let Some(row) = self.table.get_mut(name) else { return };
        let Some(directories) =
            self.accounts.get(&row.account).and_then(|known| known.downcast_ref::<OwnedDirectories<V>>())
        else {
            return;
        };
        let Some(shard) = self.ground.shards.get(row.shard) else { return };
        row.generation = generation;
        row.started = Instant::now();
        row.phase = Phase::Launching;
        let this = ctx.address();
        let directories = directories.share();
        directories.account.do_send(Reconsider);
        let setup = Setup::<V> {
            name: name.clone(),
            generation,
            config: config.clone(),
            common: row.config.common.clone(),
            account: Arc::clone(&row.account.name),
            directories,
            tracker: shard.tracker.clone(),
            tls: Arc::clone(&row.tls),
            budget: Arc::clone(&self.ground.budget),
            paces: Arc::clone(&self.ground.paces),
            brake,
            hold_limit: self.ground.hold_limit,
            heartbeat: self.ground.heartbeat,
            reports: this.clone().recipient(),
            ended: this.clone().recipient(),
            children: this.recipient(),
            wanted: Arc::clone(&row.wanted),
            was: row.state,
        };
        let name = name.clone();
        let launched = shard.launcher.send(Launch(setup)).into_actor(self);
        ctx.spawn(launched.map(move |address, supervisor, ctx| {
            let Ok(address) = address else {
                // As if it had panicked at once: it is told, and tried again.
                return ctx.notify(ConnectionEnded { name, generation, how: How::Panicked });
            };
            let row = supervisor.table.get_mut(&name).filter(|row| row.generation == generation);
            // It may have ended before this answer came.
            if let Some(row) = row.filter(|row| matches!(row.phase, Phase::Launching)) {
                // It may have been told to go while it was being started.
                if row.leaving.is_some() || row.anew {
                    address.do_send(Control::Stop);
                } else if std::mem::take(&mut row.insisted) {
                    address.do_send(Control::Restart);
                }
                row.phase = Phase::Running(address);
            }
        }));
    }

    /// Tells a connection to end; the answer comes when it has.
    fn leave(&mut self, name: &ConnectionName) -> Option<oneshot::Receiver<()>> {
        let row = self.table.get_mut(name)?;
        let (done, wait) = oneshot::channel();
        let first = row.leaving.is_none();
        row.leaving.get_or_insert_with(Vec::new).push(done);
        if first {
            match &row.phase {
                // Told as soon as it can be.
                Phase::Launching => {}
                Phase::Running(address) => address.do_send(Control::Stop),
                // The restart that was planned finds no row.
                Phase::Waiting | Phase::Ended => self.gone(name),
            }
        }
        Some(wait)
    }

    /// A connection that was told to end has ended.
    fn gone(&mut self, name: &ConnectionName) {
        let Some(mut row) = self.table.remove(name) else { return };
        let lane = self.ground.shards.get(row.shard).filter(|_| self.stopping.is_none());
        let closing = lane.map(|shard| shard.tracker.send(CloseLane(name.clone())));
        if !self.table.values().any(|other| other.account == row.account) {
            self.accounts.remove(&row.account);
        }
        self.forget_pace(&row.gate, row.rate);
        let waiting = row.leaving.take();
        if self.stopping.is_some() {
            self.left.insert(name.clone(), row);
        }
        actix_rt::spawn(async move {
            // One that has panicked may have left a batch behind that is still being stored.
            if let Some(closing) = closing {
                let _ = closing.await;
            }
            for waiting in waiting.into_iter().flatten() {
                let _ = waiting.send(());
            }
        });
        if self.table.is_empty() {
            for waiting in self.stopping.iter_mut().flat_map(|waiting| waiting.drain(..)) {
                let _ = waiting.send(());
            }
        }
    }

    fn order(
        &mut self,
        name: &ConnectionName,
        order: Control,
        ctx: &mut Context<Self>,
    ) -> Result<(), UnknownConnection> {
        let row = self.table.get_mut(name).ok_or_else(|| UnknownConnection(name.clone()))?;
        match &row.phase {
            Phase::Running(address) => address.do_send(order),
            Phase::Launching if order == Control::Restart => row.insisted = true,
            // The restart that was planned finds a newer generation.
            Phase::Waiting | Phase::Ended if order == Control::Restart => {
                row.insisted = true;
                self.start(name.clone(), ctx);
            }
            _ => {}
        }
        Ok(())
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;
}

impl Handler<ConnectionEnded> for Supervisor {
    type Result = ();

    fn handle(&mut self, ended: ConnectionEnded, ctx: &mut Self::Context) {
        let ConnectionEnded { name, generation, how } = ended;
        let Some(row) = self.table.get_mut(&name).filter(|row| row.generation == generation) else { return };
        if row.leaving.is_some() {
            return self.gone(&name);
        }
        if std::mem::take(&mut row.anew) {
            return self.start(name, ctx);
        }
        if how == How::Stopped {
            row.phase = Phase::Ended;
            return;
        }
        row.restarts += 1;
        row.earlier_tries += std::mem::take(&mut row.tries);
        row.last_error = Some(PANICKED.into());
        if let Some(shard) = self.ground.shards.get(row.shard) {
            let state = if row.state == ConnectionState::Online { ConnectionState::Delayed } else { row.state };
            let (connection, vendor) = (name.clone(), row.config.vendor.name());
            shard.tracker.do_send(ShowStatus { connection, vendor, state, reason: PANICKED.into() });
        }
        let again_in = row.clock.delay(Instant::now(), Some(row.started.elapsed()), jitter());
        ConnectionPanicked { connection: &name, again_in }.emit();
        row.phase = Phase::Waiting;
        ctx.run_later(again_in, move |supervisor, ctx| {
            if supervisor.table.get(&name).is_some_and(|row| row.generation == generation) {
                supervisor.start(name, ctx);
            }
        });
    }
}

impl Handler<ConnectionReport> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: ConnectionReport, _: &mut Self::Context) {
        let row = self.table.get_mut(&report.name).filter(|row| row.generation == report.generation);
        if let Some(row) = row {
            (row.state, row.tries) = (report.state, report.tries);
            row.last_error = report.last_error.or(row.last_error.take());
        }
    }
}

#[cfg(test)]
mod tests;
