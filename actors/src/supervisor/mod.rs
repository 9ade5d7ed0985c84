//! The supervisor: a table of connections, desired and actual, and the engine's front for messages from outside.
//!
//! actix's own `Supervisor` does not see panics and starts again without a pause. Here connections report their own end, and a fresh actor is
//! started from what is stored; the pause is the retry clock's. Late reports of an old generation are dropped by their number. Each
//! connection keeps its arbiter, so that what it hands in is stored in order.

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

use self::homes::Homes;
use self::row::{Phase, Row};
use crate::account::{Account, Reconsider};
use crate::caller::{Caller, Calls};
use crate::connection::{Control, Launch, Launcher, PANICKED, Setup};
use crate::engine::ConnectionConfig;
use crate::gate::{Gate, KeepPace};
use crate::journal::JournalHandle;
use crate::lookup::{Directories, FollowNames, Lookup, OwnedDirectories, ResolveNames};
use crate::messages::{AddError, UnknownConnection};
use crate::model::ids::ConnectionName;
use crate::model::status::ConnectionState;
use crate::refusals::Refusals;
use crate::retry::{RetryClock, RetryPolicy, jitter};
use crate::settings::{CommonSettings, TlsSettings};
use crate::state_map::StateMap;
use crate::state_tracker::{CloseLane, ShowStatus, StateTracker};
use crate::telemetry::{ConnectionPanicked, PacesDiffer};
use crate::transport::{Brake, Brakes, Budget, Paces};
use crate::vendors::{Vendor, WithVendor};

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
}

/// The engine's front: answers [messages](crate::messages) and keeps every connection running.
pub struct Supervisor {
    ground: Ground,
    /// Boxed, since nodes of the map are not always full, and a row is large.
    table: BTreeMap<ConnectionName, Box<Row>>,
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

/// What connections share a login by: the same user with another secret is another account.
#[derive(Clone, PartialEq, Eq, Hash)]
struct AccountKey {
    name: Arc<str>,
    secret: u64,
}

/// By what an account is known. The same user behind other TLS settings is another matter: a token must not travel over a weaker connection.
pub(crate) fn account_name(name: String, tls: &TlsSettings) -> Arc<str> {
    match tls {
        TlsSettings { insecure: true, .. } => format!("{name}, insecure").into(),
        TlsSettings { ca_file: Some(file), .. } => format!("{name}, by {}", file.display()).into(),
        TlsSettings { ca_file: None, .. } => name.into(),
    }
}

/// The gate of a user's logins, and its pace.
struct UserGate {
    address: actix::WeakAddr<Gate>,
    rate: Option<NonZeroU32>,
    /// It was said that connections name different paces.
    warned: bool,
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
    lookup: Recipient<ResolveNames>,
    window: Duration,
}

impl WithVendor for NewRow<'_> {
    type Output = VendorPart;

    fn with<V: Vendor>(self, config: &V::Config) -> VendorPart {
        let Self { supervisor, config: connection, tls } = self;
        let secret = supervisor.secrets.hash_one(V::secret(config).expose());
        let key = |name| AccountKey { name: account_name(name, &connection.common.tls), secret };
        let (gate, key) = (key(V::gate(config)), key(V::account(config)));
        let directories = supervisor.directories::<V>(&key, &gate, config, &connection.common, &tls);
        VendorPart { account: key, lookup: directories.lookup.recipient(), window: V::resume_window(config) }
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
            stopping: None,
        }
    }

    /// Login and directory of an account, started with its first connection.
    fn directories<V: Vendor>(
        &mut self,
        key: &AccountKey,
        gate: &AccountKey,
        config: &V::Config,
        common: &CommonSettings,
        tls: &Arc<ClientConfig>,
    ) -> Directories<V> {
        if let Some(known) = self.accounts.get(key).and_then(|known| known.downcast_ref::<OwnedDirectories<V>>()) {
            let known = known.share();
            self.gate::<V>(gate, config);
            return known;
        }
        let (login, directory) = (V::login(config, common), V::directory(config, common));
        let calls = Calls::new(self.caller(&common.tls, tls), self.brake::<V>(config));
        let of = Arc::clone(&key.name);
        let gate = self.gate::<V>(gate, config);
        let services = &self.ground.services;
        let journal = self.ground.journal.clone();
        let (of_lookup, by_lookup) = (Arc::clone(&of), calls.clone());
        let account = Actor::start_in_arbiter(services, move |_| Account::new(of, login, gate, journal, calls));
        let of_account = account.clone();
        let lookup =
            Actor::start_in_arbiter(services, move |_| Lookup::<V>::new(of_lookup, directory, of_account, by_lookup));
        for shard in &self.ground.shards {
            lookup.do_send(FollowNames(shard.tracker.clone().recipient()));
        }
        let directories = Directories { account, lookup };
        self.accounts.insert(key.clone(), Box::new(OwnedDirectories::new(directories.clone())));
        directories
    }

    /// Who makes the calls of logins and look-ups with these settings.
    fn caller(&mut self, settings: &TlsSettings, tls: &Arc<ClientConfig>) -> Addr<Caller> {
        if let Some(known) = self.callers.get(settings) {
            return known.clone();
        }
        let tls = Arc::clone(tls);
        let caller = Actor::start_in_arbiter(&self.ground.services, move |_| Caller::new(&tls));
        self.callers.insert(settings.clone(), caller.clone());
        caller
    }

    /// The gate of a user's logins, which ends with the last account behind it. Of different paces that its connections name the slowest counts.
    fn gate<V: Vendor>(&mut self, key: &AccountKey, config: &V::Config) -> Addr<Gate> {
        let rate = V::logins_per_second(config);
        if let Some(known) = self.gates.get_mut(key)
            && let Some(gate) = known.address.upgrade()
        {
            if known.rate != rate {
                let slowest = known.rate.into_iter().chain(rate).min();
                if !std::mem::replace(&mut known.warned, true) {
                    PacesDiffer { user: &key.name, slowest }.emit();
                }
                if std::mem::replace(&mut known.rate, slowest) != slowest {
                    gate.do_send(KeepPace(slowest));
                }
            }
            return gate;
        }
        self.gates.retain(|_, gate| gate.address.upgrade().is_some());
        let refusals = Refusals::new(self.ground.journal.clone(), &key.name, !self.ground.insist);
        let gate = Gate::new(V::secret(config).clone(), V::resume_window(config), rate, refusals);
        let gate = Actor::start_in_arbiter(&self.ground.services, move |_| gate);
        self.gates.insert(key.clone(), UserGate { address: gate.downgrade(), rate, warned: false });
        gate
    }

    /// The brake of the service that a connection uses, if that is known to block addresses.
    fn brake<V: Vendor>(&self, config: &V::Config) -> Option<Arc<Brake>> {
        V::service(config).map(|service| self.ground.brakes.of(&service, V::is_blocked))
    }

    fn client_config(&mut self, name: &ConnectionName, settings: &TlsSettings) -> Result<Arc<ClientConfig>, AddError> {
        if let Some(known) = self.ground.tls.get(settings) {
            return Ok(Arc::clone(known));
        }
        let config = settings.client_config().map_err(|source| AddError::Tls { name: name.clone(), source })?;
        self.ground.tls.insert(settings.clone(), Arc::clone(&config));
        Ok(config)
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
        let Some(row) = self.table.remove(name) else { return };
        let lane = self.ground.shards.get(row.shard).filter(|_| self.stopping.is_none());
        let closing = lane.map(|shard| shard.tracker.send(CloseLane(name.clone())));
        if !self.table.values().any(|other| other.account == row.account) {
            self.accounts.remove(&row.account);
        }
        actix_rt::spawn(async move {
            // One that has panicked may have left a batch behind that is still being stored.
            if let Some(closing) = closing {
                let _ = closing.await;
            }
            for waiting in row.leaving.into_iter().flatten() {
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
