//! An engine beside a simulated XProtect system, and what tests need to watch both.
//!
//! - [`Rig`] is one of each, with its journal. All times are short: a resume window of 2 s stands for the usual 30.
//! - [`Walk`] lets events happen; [`Rig::settle`] waits for rest and hands both sides to the auditor.
//! - [`Store`] is a journal that outlives its engine, and that can be told to refuse or to hang.
//! - [`eventually`] is the only way to wait for something; [`parallel`] runs several trials at a time and names those that failed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]
// Each test binary uses a part of it.
#![allow(dead_code, unused_imports)]

mod rng;
mod store;
mod walk;

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use watchpost::actors::messages::{ConnectionInfo, ListConnections, RestartConnection};
use watchpost::actors::model::event::{Committed, Stored};
use watchpost::actors::model::filter::Filter;
use watchpost::actors::model::{ConnectionName, ConnectionState, Events, Origin};
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::milestone::Milestone;
use watchpost::actors::vendors::milestone::config::{FilterRow, MilestoneConfig, Modifier, Selection};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineConfig, EngineHandle};
use watchpost::simulator::milestone::audit::{EventLine, Report, ShownState, audit};
use watchpost::simulator::milestone::{Options, Simulator};

pub use rng::Rng;
pub use store::Store;
pub use walk::Walk;

/// The resume window that the engine counts on, by which it paces its tries.
pub const WINDOW: Duration = Duration::from_secs(2);
/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(40);
/// How long a batch waits for names.
pub const NAME_WAIT: Duration = Duration::from_millis(300);
/// The connection of a [`Rig`].
pub const HQ: &str = "hq";

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// A system of 30 cameras. It keeps lost sessions for longer than the engine counts on, so that a busy machine spoils no trial.
pub fn options() -> Options {
    Options { items: 30, window: 5 * WINDOW, ..Options::default() }
}

/// A system of 30 cameras that keeps lost sessions for as long as the engine counts on.
pub fn expiring() -> Options {
    Options { window: WINDOW, ..options() }
}

/// A filter row that includes everything.
pub fn everything() -> FilterRow {
    FilterRow {
        modifier: Modifier::Include,
        resource_types: Selection::All,
        sources: Selection::All,
        events: Selection::All,
    }
}

/// The vendor's settings for a simulator, with short times.
pub fn vendor(simulator: &Simulator) -> MilestoneConfig {
    let usual = Options::default();
    let url = simulator.url().parse().expect("an address");
    let mut vendor = MilestoneConfig::new(url, usual.username, Secret::from(usual.password), vec![everything()]);
    vendor.resume_window = WINDOW;
    vendor
}

/// A connection to a simulator, with short times.
pub fn connection(name: &str, vendor: MilestoneConfig) -> ConnectionConfig {
    let mut common = CommonSettings::new(Milestone::HEARTBEAT);
    common.ping_after = 200 * MS;
    common.dead_after = 1_200 * MS;
    common.request_timeout = SECOND;
    ConnectionConfig { name: name.parse().expect("a name"), common, vendor: VendorSettings::Milestone(vendor) }
}

/// Settings of an engine that keeps to one thread for connections.
pub fn engine(store: &Store, connections: Vec<ConnectionConfig>) -> EngineConfig {
    EngineConfig {
        connections,
        journal: Box::new(store.clone()),
        arbiters: 1,
        name_wait: NAME_WAIT,
        ..EngineConfig::default()
    }
}

/// Polls until something is so.
pub fn eventually(deadline: Duration, what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + deadline;
    while !so() {
        assert!(Instant::now() < until, "in vain for {deadline:?}: {what}");
        thread::sleep(10 * MS);
    }
}

/// Lets time pass for a script of faults. Never a way to wait for something.
pub fn pace(time: Duration) {
    thread::sleep(time);
}

/// Runs something asynchronous where no actix system is.
pub fn block_on<F: Future>(future: F) -> F::Output {
    actix_rt::Runtime::new().expect("a runtime").block_on(future)
}

/// Runs trials, so many at a time, and panics with the names and words of all that failed.
pub fn parallel<T: Send>(at_a_time: usize, trials: Vec<(String, T)>, run: impl Fn(&T) + Sync) {
    let queue = Mutex::new(trials.into_iter());
    let failed = Mutex::new(Vec::new());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                while let Some((name, trial)) = next() {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(&trial))) {
                        let failure = format!("{name}: {}", words(&*panic));
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// How an engine and its journal are changed for a test.
pub struct Plan {
    pub options: Options,
    pub connection: Box<dyn Fn(&mut ConnectionConfig)>,
    pub engine: Box<dyn Fn(&mut EngineConfig)>,
}

impl Plan {
    pub fn new(options: Options) -> Self {
        Self { options, connection: Box::new(|_| ()), engine: Box::new(|_| ()) }
    }

    pub fn connection(mut self, change: impl Fn(&mut ConnectionConfig) + 'static) -> Self {
        self.connection = Box::new(change);
        self
    }

    pub fn vendor(self, change: impl Fn(&mut MilestoneConfig) + 'static) -> Self {
        self.connection(move |connection| match &mut connection.vendor {
            VendorSettings::Milestone(vendor) => change(vendor),
            _ => panic!("not a Milestone connection"),
        })
    }

    /// Trusts a quiet socket for half as long as usual.
    pub fn brisk(self) -> Self {
        self.connection(|connection| connection.common.dead_after = 600 * MS)
    }

    pub fn engine(mut self, change: impl Fn(&mut EngineConfig) + 'static) -> Self {
        self.engine = Box::new(change);
        self
    }

    pub fn start(self) -> Rig {
        Rig::planned(self)
    }
}

/// A simulator and an engine that is connected to it as [`HQ`].
pub struct Rig {
    pub sim: Simulator,
    pub store: Store,
    plan: Plan,
    engine: Option<EngineHandle>,
    walk: Option<Walk>,
}

impl Rig {
    /// Starts both. The connection need not be there yet.
    pub fn start(options: Options) -> Self {
        Self::planned(Plan::new(options))
    }

    fn planned(plan: Plan) -> Self {
        let sim = Simulator::start(plan.options.clone()).expect("the simulator starts");
        let mut rig = Self { sim, store: Store::default(), plan, engine: None, walk: None };
        rig.start_engine();
        rig
    }

    /// Starts both and waits until the connection is online with its states.
    pub fn online(options: Options) -> Self {
        let rig = Self::start(options);
        rig.wait_online();
        rig
    }

    /// Starts an engine on the journal that is there.
    pub fn start_engine(&mut self) {
        let mut vendor = vendor(&self.sim);
        vendor.password = Secret::from(self.plan.options.password.clone());
        let mut connection = connection(HQ, vendor);
        (self.plan.connection)(&mut connection);
        let mut config = engine(&self.store, vec![connection]);
        (self.plan.engine)(&mut config);
        self.engine = Some(Engine::start(config).expect("the engine starts"));
    }

    pub fn engine(&self) -> &EngineHandle {
        self.engine.as_ref().expect("an engine")
    }

    /// Stops the engine in an orderly way.
    pub fn shut_down(&mut self) {
        let engine = self.engine.take().expect("an engine");
        assert!(block_on(engine.shutdown(DEADLINE)), "everything is stored in time");
    }

    /// Lets so many events happen per second, until [`rest`](Self::rest).
    pub fn walk(&mut self, rate: f64) {
        self.walk = Some(Walk::start(&self.sim, rate));
    }

    /// Lets no more events happen.
    pub fn rest(&mut self) {
        self.walk = None;
    }

    pub fn lines(&self) -> Vec<EventLine> {
        lines(&self.store)
    }

    /// The lines of one type.
    pub fn lines_of(&self, kind: &str) -> Vec<EventLine> {
        self.lines().into_iter().filter(|line| line.kind == kind).collect()
    }

    pub fn states(&self) -> Vec<ShownState> {
        shown(self.engine())
    }

    pub fn info(&self) -> ConnectionInfo {
        info(self.engine(), HQ)
    }

    pub fn state(&self) -> ConnectionState {
        self.engine().states().status(HQ).unwrap_or_default().state
    }

    pub fn reason(&self) -> String {
        self.engine().states().status(HQ).unwrap_or_default().reason.to_string()
    }

    /// Begins the connection anew.
    pub fn restart_connection(&self) {
        block_on(self.engine().send(RestartConnection(HQ.parse().unwrap()))).unwrap().unwrap();
    }

    /// Waits for a state of the connection.
    pub fn wait_for(&self, state: ConnectionState) {
        eventually(DEADLINE, &format!("{state}, and not {} ({})", self.state(), self.reason()), || {
            self.state() == state
        });
    }

    /// Waits until the connection is online and its states were taken.
    pub fn wait_online(&self) {
        self.wait_for(ConnectionState::Online);
        eventually(DEADLINE, "the states of a session", || self.engine().states().count(HQ) > 0);
    }

    /// Waits until `count` sessions have a confirmed subscription.
    pub fn wait_sessions(&self, count: usize) {
        eventually(DEADLINE, &format!("{count} sessions"), || self.sessions() >= count);
    }

    /// Sessions with a confirmed subscription.
    pub fn sessions(&self) -> usize {
        self.sim.ledger().sessions.iter().filter(|session| session.subscribed.is_some()).count()
    }

    /// How often a session was resumed.
    pub fn resumes(&self) -> usize {
        self.sim.ledger().sessions.iter().map(|session| session.resumed.len()).sum()
    }

    pub fn report(&self) -> Report {
        audit(HQ, &self.sim.ledger(), &self.sim.states(), &self.lines(), &self.states())
    }

    /// Brings both sides to rest and audits them; panics unless everything is in order.
    ///
    /// Whatever breaks the connection must have been taken away before.
    pub fn settle(&mut self) -> Report {
        self.settle_while(|_| ())
    }

    /// The same, and does something again and again meanwhile.
    pub fn settle_while(&mut self, meanwhile: impl Fn(&Self)) -> Report {
        self.rest();
        let until = Instant::now() + DEADLINE;
        let report = loop {
            meanwhile(self);
            let report = self.report();
            if self.state() == ConnectionState::Online && report.is_clean() {
                break report;
            }
            assert!(
                Instant::now() < until,
                "not clean: {} ({})\n{report}{}",
                self.state(),
                self.reason(),
                self.story()
            );
            thread::sleep(50 * MS);
        };
        assert!(report.sent > 0, "nothing has happened:\n{report}");
        report
    }

    /// What the engine tells of itself, and the life of each session, for the message of a failure.
    pub fn story(&self) -> String {
        let engine = self.lines().into_iter().filter(|line| line.origin == "engine");
        let engine: Vec<_> = engine.map(|line| format!("{} {} {}", line.time, line.kind, line.data)).collect();
        let sessions = self.sim.ledger().sessions;
        let at = |time: &std::time::SystemTime| jiff::Timestamp::try_from(*time).map(|at| at.to_string());
        let all = |times: &[std::time::SystemTime]| format!("{:?}", times.iter().flat_map(at).collect::<Vec<_>>());
        let sessions = sessions.iter().map(|session| {
            let (subscribed, ended) = (session.subscribed.as_ref().map(at), session.ended.map(|(_, why)| why));
            let (lost, resumed) = (all(&session.lost), all(&session.resumed));
            format!("subscribed {subscribed:?} lost {lost} resumed {resumed} ended {ended:?}")
        });
        format!("{}\n{}\n", engine.join("\n"), sessions.collect::<Vec<_>>().join("\n"))
    }
}

/// How one connection of an engine is doing.
pub fn info(engine: &EngineHandle, name: &str) -> ConnectionInfo {
    let all = block_on(engine.send(ListConnections)).expect("the engine runs");
    all.into_iter().find(|info| info.name.as_str() == name).expect("the connection is listed")
}

/// What a journal holds, as users see it.
pub fn raw_lines(store: &Store) -> Vec<Value> {
    store
        .commits()
        .iter()
        .flat_map(|commit| commit.iter().map(|stored| stored.to_line()).collect::<Vec<_>>())
        .map(|line| serde_json::from_str(&line).expect("a line is JSON"))
        .collect()
}

/// What a journal holds, as the auditor reads it. The vendor's own data, of which that is nothing, is left out: it can be megabytes.
pub fn lines(store: &Store) -> Vec<EventLine> {
    lines_of(&store.commits())
}

/// What these groups of events hold, as the auditor reads it.
pub fn lines_of(commits: &[std::sync::Arc<Committed>]) -> Vec<EventLine> {
    let read = |stored: Stored<'_>| {
        let mut event = stored.event;
        if event.origin != Origin::Engine {
            event.data = "";
        }
        let Committed { connection, vendor, recorded, .. } = stored.commit;
        let (connection, vendor, recorded) = (connection.clone(), *vendor, *recorded);
        let lone =
            Committed { connection, vendor, first: stored.sequence, recorded, events: Events::from_iter([event]) };
        let line = lone.get(0).expect("it holds one event").to_line();
        serde_json::from_str(&line).expect("a line is an event")
    };
    commits.iter().flat_map(|commit| commit.iter().map(read).collect::<Vec<_>>()).collect()
}

/// All states of an engine, as the auditor reads them.
pub fn shown(engine: &EngineHandle) -> Vec<ShownState> {
    let states = engine.states().query(&Filter::everything());
    let shown = |state| serde_json::to_value(state).and_then(serde_json::from_value).expect("a state is shown");
    states.into_iter().map(shown).collect()
}

/// A name.
pub fn named(text: &str) -> ConnectionName {
    text.parse().expect("a name")
}
