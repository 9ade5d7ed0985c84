//! One watcher of the engine for all streams of states: what changes, written once and kept for those who are still on their way there.
//!
//! The engine hands changes to a watcher where they are stored. A watcher for each client would have every filter tested there, and hold up what is received;
//! so there is one, and clients look at what it keeps. It watches while there are clients, and a little longer.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use actix::prelude::*;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{oneshot, watch};
use watchpost_actors::{
    EngineHandle,
    messages::{ConnectionInfo, ListConnections, Unwatch, Watch},
    model::{ConnectionName, ConnectionState, Filter, State, filter::FilterSettings},
    watch::{Subject, WatchId, WatchUpdate},
};

use super::frame;

/// Updates that may wait for it.
const MAILBOX: usize = 1_024;
/// Bytes of frames that are kept.
const KEPT: usize = 8 << 20;
/// How often connections are looked at, for what no event tells. Those that an event tells of are looked at at once.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// For how long it goes on without clients.
const IDLE: Duration = Duration::from_secs(10);

/// Something that has changed, as a frame.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) what: What,
    pub(super) frame: Bytes,
}

#[derive(Debug)]
pub(super) enum What {
    State {
        vendor: &'static str,
        state: Box<State>,
    },
    /// How a connection is doing, or that it is not there any more.
    Connection {
        vendor: &'static str,
        name: ConnectionName,
    },
}

/// The way to what has changed.
#[derive(Debug)]
pub(super) struct Changes {
    kept: Arc<Kept>,
    engine: EngineHandle,
    clients: Arc<AtomicUsize>,
    /// Where watchers run.
    arbiter: ArbiterHandle,
    /// The one that watches now. Each watches once: what an earlier one asked for and gets late must not count for its successor.
    hub: Mutex<Option<Addr<Hub>>>,
}

/// A client of it; counts as long as it lives.
pub(super) struct Following {
    kept: Arc<Kept>,
    clients: Arc<AtomicUsize>,
    /// The next change that it gets.
    at: u64,
}

/// The client has not kept up: what it would get next is gone.
pub(super) struct Behind;

#[derive(Debug)]
struct Kept {
    ring: Mutex<Ring>,
    end: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    /// The number of the first one; numbers grow by one.
    begin: u64,
}

impl Ring {
    fn end(&self) -> u64 {
        self.begin + self.changes.len() as u64
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.changes.pop_front() else { return false };
        self.bytes -= oldest.frame.len();
        self.begin += 1;
        true
    }
}

impl Kept {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, changes: impl Iterator<Item = Change>) {
        let mut ring = self.ring();
        for change in changes {
            ring.bytes += change.frame.len();
            ring.changes.push_back(Arc::new(change));
        }
        while ring.bytes > KEPT && ring.drop_oldest() {}
        let end = ring.end();
        drop(ring);
        self.end.send_replace(end);
    }

    /// Changes were missed: nobody may go on as if nothing had been.
    fn tear(&self) {
        let mut ring = self.ring();
        while ring.drop_oldest() {}
        ring.begin += 1;
        let end = ring.end();
        drop(ring);
        self.end.send_replace(end);
    }
}

impl Changes {
    /// Nothing is watched until somebody asks.
    pub(super) fn start(engine: EngineHandle) -> Self {
        let kept = Arc::new(Kept { ring: Mutex::default(), end: watch::channel(0).0 });
        Self { kept, engine, clients: Arc::default(), arbiter: Arbiter::current(), hub: Mutex::default() }
    }

    /// The watcher, another one if the last has ended.
    fn hub(&self) -> Addr<Hub> {
        let mut hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hub) = hub.as_ref().filter(|hub| hub.connected()) {
            return hub.clone();
        }
        let (engine, kept, clients) = (self.engine.clone(), Arc::clone(&self.kept), Arc::clone(&self.clients));
        let begun = Hub::start_in_arbiter(&self.arbiter, move |_| Hub {
            engine,
            kept,
            clients,
            ids: Vec::new(),
            stand: 0,
            waiting: Vec::new(),
            known: HashMap::new(),
            looking: false,
            busy: Instant::now(),
        });
        hub.insert(begun).clone()
    }

    /// Follows what changes from now on. `None` if the watcher was cut off meanwhile, or the engine has ended.
    pub(super) async fn follow(&self) -> Option<Following> {
        self.clients.fetch_add(1, Ordering::AcqRel);
        let mut following = Following { kept: Arc::clone(&self.kept), clients: Arc::clone(&self.clients), at: 0 };
        let mut stands = self.hub().send(Begin).await.unwrap_or(false);
        if !stands {
            // One that was idle may just have ended.
            stands = self.hub().send(Begin).await.unwrap_or(false);
        }
        following.at = self.kept.ring().end();
        stands.then_some(following)
    }
}

impl Following {
    /// What has changed, about so many bytes of it.
    pub(super) fn take(&mut self, bytes: usize) -> Result<Vec<Arc<Change>>, Behind> {
        let ring = self.kept.ring();
        let skip = usize::try_from(self.at.checked_sub(ring.begin).ok_or(Behind)?).map_err(|_| Behind)?;
        let (mut taken, mut size) = (Vec::new(), 0);
        for change in ring.changes.iter().skip(skip) {
            if size >= bytes {
                break;
            }
            size += change.frame.len();
            taken.push(Arc::clone(change));
        }
        self.at += taken.len() as u64;
        Ok(taken)
    }

    /// Waits until there is something to take.
    pub(super) async fn changed(&self) {
        let mut end = self.kept.end.subscribe();
        // The sender lives as long as this.
        let _ = end.wait_for(|end| *end > self.at).await;
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.clients.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The watcher. It watches from its start to its end.
pub(super) struct Hub {
    engine: EngineHandle,
    kept: Arc<Kept>,
    clients: Arc<AtomicUsize>,
    /// Its watches of states, and of what connections tell.
    ids: Vec<WatchId>,
    /// So many of them stand. What changes before that is not told.
    stand: usize,
    /// Clients that wait for them to stand.
    waiting: Vec<oneshot::Sender<bool>>,
    known: HashMap<ConnectionName, Known>,
    looking: bool,
    /// When there was a client last.
    busy: Instant,
}

/// How many watches there are.
const WATCHES: usize = 2;

/// What was told of a connection last.
#[derive(PartialEq)]
struct Known {
    vendor: &'static str,
    state: ConnectionState,
    since: Timestamp,
    reason: Arc<str>,
}

/// Answers when changes are kept, and whether.
#[derive(Message)]
#[rtype(result = "bool")]
struct Begin;

impl Actor for Hub {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
        self.watch(context);
        context.run_interval(LOOK_EVERY, |hub, context| hub.look_after(context));
    }
}

impl Hub {
    fn watch(&mut self, context: &mut Context<Self>) {
        let told = FilterSettings { types: vec!["engine.connection".to_owned()], ..FilterSettings::default() };
        let of_connections = Filter::new(&told).unwrap_or_default();
        let wanted: [_; WATCHES] = [(Subject::Changes, Filter::everything()), (Subject::Events, of_connections)];
        for (subject, filter) in wanted {
            let (engine, recipient) = (self.engine.clone(), context.address().recipient());
            let begun = async move { engine.send(Watch { subject, filter, recipient }).await };
            context.spawn(begun.into_actor(self).map(|id, hub, context| match id {
                Ok(id) => hub.ids.push(id),
                Err(_) => hub.end(context),
            }));
        }
    }

    /// Watches no more. Those who are on their way here do not go on as if nothing had been. A watch of which the id is not known yet ends by
    /// itself, as nobody takes what it sends.
    fn end(&mut self, context: &mut Context<Self>) {
        self.ids.drain(..).for_each(|id| self.engine.front().do_send(Unwatch(id)));
        self.waiting.clear();
        self.kept.tear();
        context.stop();
    }

    fn look_after(&mut self, context: &mut Context<Self>) {
        if self.clients.load(Ordering::Acquire) > 0 {
            self.busy = Instant::now();
        }
        if self.busy.elapsed() > IDLE { self.end(context) } else { self.look(context) }
    }

    /// Looks at all connections and tells which are doing otherwise than before.
    fn look(&mut self, context: &mut Context<Self>) {
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        let engine = self.engine.clone();
        let looked = async move { engine.send(ListConnections).await };
        context.spawn(looked.into_actor(self).map(|all, hub, _| {
            hub.looking = false;
            if let Ok(all) = all {
                hub.compare(all);
            }
        }));
    }

    fn compare(&mut self, all: Vec<ConnectionInfo>) {
        let mut changes = Vec::new();
        let mut before = std::mem::take(&mut self.known);
        for info in all {
            let ConnectionInfo { name, vendor, status, .. } = &info;
            let now = Known { vendor, state: status.state, since: status.since, reason: Arc::clone(&status.reason) };
            if before.remove(name).is_none_or(|known| known != now) {
                let what = What::Connection { vendor, name: name.clone() };
                changes.push(Change { what, frame: connection(&info) });
            }
            self.known.insert(name.clone(), now);
        }
        for (name, Known { vendor, .. }) in before {
            let frame = frame::one("removed", &json!({"connection": name.as_str()}));
            changes.push(Change { what: What::Connection { vendor, name }, frame });
        }
        if !changes.is_empty() {
            self.kept.push(changes.into_iter());
        }
    }
}

/// How a connection is doing, as a frame.
pub(super) fn connection(info: &ConnectionInfo) -> Bytes {
    frame::one("connection", info)
}

impl Handler<Begin> for Hub {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: Begin, _: &mut Self::Context) -> Self::Result {
        self.busy = Instant::now();
        if self.stand == WATCHES {
            return Box::pin(std::future::ready(true));
        }
        let (stands, wait) = oneshot::channel();
        self.waiting.push(stands);
        Box::pin(async move { wait.await.unwrap_or(false) })
    }
}

impl Handler<WatchUpdate> for Hub {
    type Result = ();

    fn handle(&mut self, update: WatchUpdate, context: &mut Self::Context) {
        match update {
            WatchUpdate::Present { states, last } => {
                // Each client reads the present states by itself, piece by piece. To copy them all at once would hold up what is received.
                debug_assert!(states.is_empty(), "{} states were copied", states.len());
                self.stand += usize::from(last);
                if last && self.stand == WATCHES {
                    // Who waits no more has gone.
                    for stands in self.waiting.drain(..) {
                        let _ = stands.send(true);
                    }
                    self.look(context);
                }
            }
            WatchUpdate::Changed(states) => {
                let map = self.engine.states();
                let changes = states.into_iter().map(|state| Change {
                    frame: frame::one("state", &state),
                    what: What::State {
                        vendor: map.vendor(state.connection.as_str()).unwrap_or_default(),
                        state: Box::new(state),
                    },
                });
                self.kept.push(changes);
            }
            WatchUpdate::Events(_) => self.look(context),
            // What was missed nobody here knows. Clients are told, come again, and begin anew.
            WatchUpdate::CutOff { .. } => self.end(context),
        }
    }
}

#[cfg(all(test, feature = "simulator"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::time::{sleep, timeout};
    use watchpost_actors::{
        ConnectionConfig, Engine, EngineConfig,
        journal::Memory,
        model::Sequence,
        settings::{CommonSettings, Secret},
        vendors::{
            Vendor, VendorSettings,
            milestone::{
                Milestone, MilestoneConfig,
                config::{FilterRow, Modifier, Selection},
            },
        },
    };

    use super::*;
    use crate::simulator::milestone::{Options, Simulator};

    const DEADLINE: Duration = Duration::from_secs(20);

    /// A system with an engine that knows its states.
    async fn system() -> (Simulator, EngineHandle) {
        let simulator = Simulator::start(Options { items: 30, ..Options::default() }).unwrap();
        let Options { username, password, .. } = Options::default();
        let all = FilterRow {
            modifier: Modifier::Include,
            resource_types: Selection::All,
            sources: Selection::All,
            events: Selection::All,
        };
        let vendor =
            MilestoneConfig::new(simulator.url().parse().unwrap(), username, Secret::from(password), vec![all]);
        let connection = ConnectionConfig {
            name: "hq".parse().unwrap(),
            common: CommonSettings::new(Milestone::HEARTBEAT),
            vendor: VendorSettings::Milestone(vendor),
        };
        let journal = Box::new(Memory::new(100_000, usize::MAX));
        let engine =
            Engine::start(EngineConfig { connections: vec![connection], journal, ..EngineConfig::default() }).unwrap();
        let known = async {
            while engine.states().count("hq") < 100 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, known).await.unwrap();
        (simulator, engine)
    }

    async fn follow(changes: &Changes) -> Following {
        timeout(DEADLINE, changes.follow()).await.unwrap().unwrap()
    }

    /// Lets something happen until it is told; whether it was, or the client was told that it is behind.
    async fn hears(simulator: &Simulator, following: &mut Following) -> bool {
        let heard = async {
            loop {
                simulator.emit(5);
                match following.take(usize::MAX) {
                    Err(Behind) => return false,
                    Ok(told) if told.iter().any(|told| matches!(told.what, What::State { .. })) => return true,
                    Ok(_) => sleep(Duration::from_millis(10)).await,
                }
            }
        };
        timeout(DEADLINE, heard).await.unwrap()
    }

    #[actix_rt::test]
    async fn to_follow_changes_copies_no_states_where_events_are_received() {
        let (simulator, engine) = system().await;
        let changes = Changes::start(engine);
        // The watcher does not outlive a state that it was sent without a change.
        let mut following = follow(&changes).await;
        assert!(hears(&simulator, &mut following).await);
    }

    #[actix_rt::test]
    async fn who_comes_again_after_a_cut_off_hears_of_changes_whenever_it_was() {
        let (simulator, engine) = system().await;
        let changes = Changes::start(engine);
        for _ in 0..5 {
            // Before the watches stand.
            changes.hub().do_send(WatchUpdate::CutOff { last: Sequence(0) });
            let mut following = follow(&changes).await;
            assert!(hears(&simulator, &mut following).await);
            // After that.
            changes.hub().do_send(WatchUpdate::CutOff { last: Sequence(0) });
            while hears(&simulator, &mut following).await {}
            let mut again = follow(&changes).await;
            assert!(hears(&simulator, &mut again).await);
        }
    }
}
