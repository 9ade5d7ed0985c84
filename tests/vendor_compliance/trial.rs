//! One vendor with an engine and a journal that outlives it, and the judge of what was told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use watchpost::actors::messages::ConnectionInfo;
use watchpost::actors::model::{ConnectionState, Origin};
use watchpost::actors::settings::CommonSettings;
use watchpost::actors::transport::Tape;
use watchpost::actors::{ConnectionConfig, Engine, EngineConfig, EngineHandle};

use crate::common::{DEADLINE, MS, SECOND, Store, block_on, engine, info, pace};
use crate::kinds::{InOrder, Kind};
use crate::telemetry::telemetry;

/// When a silent socket is given up in a trial.
pub(crate) const DEAD_AFTER: Duration = Duration::from_millis(1_200);
/// How long a call may take in a trial.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_millis(1_000);
/// Clocks are read at two moments for one thing.
const TOLERANCE: Duration = Duration::from_millis(100);

/// A vendor, and an engine that is connected to it.
pub(crate) struct Trial<K> {
    pub(crate) kind: Arc<K>,
    pub(crate) store: Store,
    /// The connection's, and of no other trial of the process.
    pub(crate) name: String,
    made: Arc<Mutex<Vec<Made>>>,
    engine: Option<EngineHandle>,
    killed: bool,
    /// Records what goes over the wire of engines that are started.
    pub(crate) tape: Option<Arc<Tape>>,
}

/// Something that has happened.
#[derive(Clone, Debug)]
struct Made {
    id: String,
    at: Timestamp,
}

/// Who lets events happen.
pub(crate) struct Maker<K> {
    kind: Arc<K>,
    made: Arc<Mutex<Vec<Made>>>,
}

impl<K: Kind> Maker<K> {
    /// Lets so many happen, and each so long after the one before it.
    pub(crate) fn flow(&self, (count, pause): (usize, Duration)) {
        for _ in 0..count {
            pace(pause);
            self.make(1);
        }
    }

    fn make(&self, count: usize) {
        for _ in 0..count {
            let at = Timestamp::now();
            let id = self.kind.happen();
            self.made.lock().unwrap_or_else(PoisonError::into_inner).push(Made { id, at });
        }
    }
}

/// An event of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) origin: Origin,
    /// The engine's own words; of the vendor's, which can be many, nothing.
    pub(crate) data: Value,
}

impl Told {
    /// The vendor said that it happened.
    pub(crate) fn is_occurrence(&self) -> bool {
        matches!(self.origin, Origin::Live | Origin::Resumed | Origin::Backfill)
    }
}

impl<K: Kind> Trial<K> {
    /// A vendor, and a journal in which nothing is.
    pub(crate) fn new() -> Self {
        static TRIALS: AtomicUsize = AtomicUsize::new(0);
        // Takes what is logged from here on.
        telemetry();
        // So that none is the beginning of another.
        let name = format!("{}-{:03}", K::VENDOR, TRIALS.fetch_add(1, Ordering::AcqRel));
        Self {
            kind: Arc::new(K::start()),
            store: Store::default(),
            name,
            made: Arc::default(),
            engine: None,
            killed: false,
            tape: None,
        }
    }

    /// The same, and a connection that is online.
    pub(crate) fn online() -> Self {
        let mut trial = Self::new();
        trial.start_engine();
        trial.wait_for(ConnectionState::Online);
        trial
    }

    /// The settings of the connection.
    pub(crate) fn connection(&self) -> ConnectionConfig {
        let mut common = CommonSettings::new(K::HEARTBEAT);
        common.ping_after = 200 * MS;
        common.dead_after = DEAD_AFTER;
        common.request_timeout = REQUEST_TIMEOUT;
        ConnectionConfig { name: self.name.parse().unwrap(), common, vendor: self.kind.settings() }
    }

    /// Starts an engine on the journal that is there.
    pub(crate) fn start_engine(&mut self) {
        // A machine that is busy is no journal that hangs.
        let tape = self.tape.clone();
        let config = EngineConfig { hold_limit: 30 * SECOND, tape, ..engine(&self.store, vec![self.connection()]) };
        self.engine = Some(Engine::start(config).unwrap());
    }

    pub(crate) fn engine(&self) -> &EngineHandle {
        self.engine.as_ref().unwrap()
    }

    /// Stops the engine in an orderly way.
    pub(crate) fn shut_down(&mut self) {
        assert!(block_on(self.engine.take().unwrap().shutdown(DEADLINE)), "everything is stored in time");
    }

    /// Ends the engine without a word.
    pub(crate) fn kill(&mut self) {
        drop(self.engine.take());
        self.killed = true;
    }

    pub(crate) fn info(&self) -> ConnectionInfo {
        info(self.engine(), &self.name)
    }

    pub(crate) fn state(&self) -> ConnectionState {
        self.engine().states().status(&self.name).unwrap_or_default().state
    }

    pub(crate) fn wait_for(&self, state: ConnectionState) {
        self.wait(&format!("it is {state}"), || self.state() == state);
    }

    /// Waits for something, or tells all that is known.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, mut so: impl FnMut() -> bool) {
        let until = Instant::now() + DEADLINE;
        while !so() {
            assert!(Instant::now() < until, "in vain: {what}\n{}", self.story());
            pace(10 * MS);
        }
    }

    /// Lets so many events happen.
    pub(crate) fn make(&self, count: usize) {
        self.maker().make(count);
    }

    /// Lets events happen, whatever becomes of the engine.
    pub(crate) fn maker(&self) -> Maker<K> {
        Maker { kind: Arc::clone(&self.kind), made: Arc::clone(&self.made) }
    }

    /// Counts as happened what is told under this id.
    pub(crate) fn expect(&self, id: &str) {
        let made = Made { id: id.to_owned(), at: Timestamp::now() };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
    }

    fn made(&self) -> Vec<Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The journal.
    pub(crate) fn told(&self) -> Vec<Told> {
        told_of(&self.store, &self.name)
    }

    pub(crate) fn gaps(&self) -> Vec<Told> {
        self.told().into_iter().filter(|told| told.kind == "gap").collect()
    }

    /// The connection's states so far.
    pub(crate) fn changes(&self) -> Vec<String> {
        let changes = self.told().into_iter().filter(|told| told.kind == "engine.connection");
        changes.map(|told| told.data["new"].as_str().unwrap().to_owned()).collect()
    }

    /// What has happened and is not told.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.untold(&self.told()).into_iter().map(|made| made.id).collect()
    }

    fn untold(&self, told: &[Told]) -> Vec<Made> {
        let ids: std::collections::HashSet<&str> = told.iter().map(|told| &*told.id).collect();
        self.made().into_iter().filter(|made| !ids.contains(&*made.id)).collect()
    }

    /// Waits until everything that has happened is told, once and under its own id.
    pub(crate) fn wait_told(&self) {
        self.wait("all of it is told", || self.missing().is_empty());
        self.assert_honest();
    }

    /// Waits until all of a flood is told; where even a short break may cost some of it, it may lie in a gap, as on a machine that stands still for a second.
    pub(crate) fn wait_flood(&self) {
        if K::FLOODS_ARE_GAPS { self.wait_accounted() } else { self.wait_told() }
    }

    /// Waits until everything that has happened is told, or lies in a gap.
    pub(crate) fn wait_accounted(&self) {
        let tolerance = TOLERANCE + K::EXACT_TO;
        self.wait("all of it is told, or lies in a gap", || {
            let told = self.told();
            let gaps: Vec<_> = told.iter().filter(|told| told.kind == "gap").map(span).collect();
            self.untold(&told).iter().all(|made| {
                gaps.iter()
                    .any(|(from, to)| *from - K::GAPS_BEGIN_LATE - tolerance <= made.at && made.at <= *to + tolerance)
            })
        });
        self.assert_honest();
    }

    /// Nothing is told twice, and nothing that has not happened.
    #[track_caller]
    pub(crate) fn assert_honest(&self) {
        let made = self.made();
        let mut times: HashMap<&str, usize> = made.iter().map(|made| (&*made.id, 0)).collect();
        let told = self.told();
        // What has an id is told, however maimed it is besides.
        let maimed = format!("{}.unknown", K::VENDOR);
        for told in told.iter().filter(|told| told.is_occurrence() && told.kind != maimed) {
            match times.get_mut(&*told.id) {
                Some(times) => *times += 1,
                None => panic!("{told:?} has not happened\n{}", self.story()),
            }
        }
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "told more than once: {twice:?}\n{}", self.story());
    }

    /// What is told is told in the order in which it has happened, where the vendor promises this much.
    #[track_caller]
    pub(crate) fn assert_in_order(&self, which: InOrder) {
        if K::IN_ORDER != which && K::IN_ORDER != InOrder::All {
            return;
        }
        let made = self.made();
        let places: HashMap<&str, usize> = made.iter().enumerate().map(|(nth, made)| (&*made.id, nth)).collect();
        let told = self.told();
        let order: Vec<usize> = told.iter().filter_map(|told| places.get(&*told.id).copied()).collect();
        let back = order.windows(2).find(|pair| pair[0] > pair[1]);
        assert!(back.is_none(), "{back:?} are told the other way round\n{}", self.story());
    }

    /// A counter of this connection.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        telemetry().count(name, &[&[("connection", &*self.name)], labels].concat())
    }

    /// Lines of the log about this connection.
    pub(crate) fn logged(&self, level: &str, words: &str) -> Vec<String> {
        telemetry().lines(level, &[&format!("connection={}", self.name), words])
    }

    #[track_caller]
    pub(crate) fn assert_logged(&self, level: &str, words: &str) {
        // What is stored can be seen a moment before it is logged.
        self.wait(&format!("a line of level {level} says {words:?}"), || !self.logged(level, words).is_empty());
    }

    /// Stops it, and holds against it what must be so at every end.
    pub(crate) fn end(mut self) {
        if self.engine.is_some() {
            self.shut_down();
            assert_eq!(self.changes().last().map(String::as_str), Some("stopped"));
        }
        self.assert_honest();
        // An engine that is killed may store what it does not come to count, and takes a connection for panicked whose thread ends under it.
        if !self.killed {
            assert_eq!(self.count("watchpost_connection_panics_total", &[]), 0, "{}", self.story());
            self.assert_counted();
        }
        self.assert_discreet();
    }

    /// The counters say what the journal says.
    #[track_caller]
    fn assert_counted(&self) {
        let told = self.told();
        assert_eq!(self.count("watchpost_events_total", &[("vendor", K::VENDOR)]), told.len() as u64);
        let gaps = told.iter().filter(|told| told.kind == "gap").count();
        assert_eq!(self.count("watchpost_gaps_total", &[]), gaps as u64);
        for state in ["online", "delayed", "halted"] {
            let changes = self.changes().iter().filter(|change| *change == state).count();
            assert_eq!(
                self.count("watchpost_connection_changes_total", &[("state", state)]),
                changes as u64,
                "{state}"
            );
        }
    }

    /// No secret was logged, at any level, nor stored, nor is it in what is shown of the settings.
    #[track_caller]
    fn assert_discreet(&self) {
        assert!(telemetry().find(" TRACE ").is_some() && telemetry().find(&self.name).is_some(), "it is listened to");
        let settings = format!("{:?}", self.connection());
        let lines: Vec<_> = crate::common::raw_lines(&self.store).iter().map(Value::to_string).collect();
        for secret in self.kind.secrets() {
            assert!(secret.len() > 5, "{secret:?} may occur by chance");
            assert_eq!(telemetry().find(&secret), None, "{secret:?} is logged");
            assert!(!settings.contains(&secret), "{secret:?} is shown");
            assert!(!lines.iter().any(|line| line.contains(&secret)), "{secret:?} is stored");
        }
    }

    /// What is known, for the message of a failure.
    pub(crate) fn story(&self) -> String {
        let told = self.told();
        let own: Vec<_> = told
            .iter()
            .filter(|told| told.origin == Origin::Engine)
            .map(|told| format!("{} {}", told.kind, told.data))
            .collect();
        let untold = self.untold(&told);
        let first: Vec<_> = untold.iter().take(5).collect();
        let last: Vec<_> = told.iter().rev().take(5).map(|told| format!("{} {}", told.origin, told.id)).collect();
        let info = self.engine.as_ref().map(|_| self.info());
        format!(
            "{} has happened, {} is told, {} is missing: {first:#?}\nnewest: {last:#?}\n{}\n{info:#?}",
            self.made().len(),
            told.len(),
            untold.len(),
            own.join("\n"),
        )
    }

    /// How many events were stored at once at most.
    pub(crate) fn largest_commit(&self) -> usize {
        self.store.commits().iter().map(|commit| commit.events.len()).max().unwrap_or(0)
    }

    pub(crate) fn restart_connection(&self) {
        let restart = watchpost::actors::messages::RestartConnection(self.name.parse().unwrap());
        block_on(self.engine().send(restart)).unwrap().unwrap();
    }
}

/// What is stored of a connection.
pub(crate) fn told_of(store: &Store, connection: &str) -> Vec<Told> {
    let mut told = Vec::new();
    for commit in store.commits().iter().filter(|commit| commit.connection.as_str() == connection) {
        told.extend(commit.iter().map(|stored| {
            let event = stored.event;
            let own = event.origin == Origin::Engine;
            Told {
                id: event.id.to_owned(),
                kind: event.meaning.kind.to_string(),
                origin: event.origin,
                data: if own { serde_json::from_str(event.data).unwrap() } else { Value::Null },
            }
        }));
    }
    told
}

/// From when to when a gap is.
fn span(gap: &Told) -> (Timestamp, Timestamp) {
    let at = |member: &str| gap.data[member].as_str().unwrap().parse().unwrap();
    (at("from"), at("to"))
}
