//! The state tracker: one actor per arbiter, through which every batch of the connections there passes into the journal.
//!
//! A lane is locked from a batch's first look to its commit, so a connection's batches are stored in order, and a connection that starts
//! anew waits until the old one's last batch is stored or refused. Lanes do not wait for each other. The tracker alone writes the state map.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::fatal::Fatal;
use crate::journal::{Checkpoint, JournalError, JournalHandle, StateWrite};
use crate::lane::{Lane, Recognized};
use crate::lookup::{NamesLearned, ResolveNames};
use crate::model::event::{Committed, Item, Origin};
use crate::model::ids::ConnectionName;
use crate::model::state::State;
use crate::model::status::ConnectionState;
use crate::model::{Events, vocabulary};
use crate::names::Names;
use crate::state_map::StateMap;
use crate::telemetry::{BatchRefused, BatchStored, NamesMissed};
use crate::vendors::{Entries, Learned, Now, Order};
use crate::watch::{BeginWatch, EndWatch, Watchers};

/// The mailbox of a tracker. Each connection has one batch in flight at most, and who finds it full waits.
const MAILBOX: usize = 256;
/// Events of a batch of which the time is read at most, to find one that can be.
const TIMES_READ: usize = 8;

/// Opens a connection's lane, once what was handed in before is stored or refused.
#[derive(Message)]
#[rtype(result = "Result<LaneOpened, JournalError>")]
pub(crate) struct OpenLane {
    pub(crate) connection: ConnectionName,
    pub(crate) vendor: &'static str,
    pub(crate) order: Order,
    pub(crate) account: Arc<str>,
    pub(crate) lookup: Recipient<ResolveNames>,
}

/// From where a connection goes on.
#[derive(Debug)]
pub(crate) struct LaneOpened {
    pub(crate) checkpoint: Option<Checkpoint>,
    /// When everything of it was last handed over, as far as that is stored.
    pub(crate) heard: Option<Timestamp>,
}

/// What one wake of the socket yielded.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), JournalError>")]
pub(crate) struct Batch {
    pub(crate) connection: ConnectionName,
    pub(crate) entries: Entries,
    pub(crate) checkpoint: Option<Checkpoint>,
    /// The last moment at which everything that the vendor had sent was handed over, in this batch or before.
    pub(crate) heard: Option<Timestamp>,
}

/// Shows how a connection is doing, also when nothing can be stored.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct ShowStatus {
    pub(crate) connection: ConnectionName,
    pub(crate) vendor: &'static str,
    pub(crate) state: ConnectionState,
    pub(crate) reason: Arc<str>,
}

/// The connection is no more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CloseLane(pub(crate) ConnectionName);

/// The actor.
pub(crate) struct StateTracker {
    shard: Rc<Shard>,
    fatal: Option<Fatal>,
}

struct Shard {
    journal: JournalHandle,
    map: StateMap,
    name_wait: Duration,
    lanes: RefCell<HashMap<ConnectionName, Place>>,
    names: RefCell<HashMap<Arc<str>, Rc<RefCell<Names>>>>,
    watchers: RefCell<Watchers>,
}

/// Where a connection's lane is, and whose names it uses, which must be known while the lane is locked.
#[derive(Default)]
struct Place {
    account: Option<Arc<str>>,
    slot: Rc<Mutex<Slot>>,
}

/// A lane with what it asks for names; empty until it is opened.
#[derive(Default)]
struct Slot {
    lane: Option<Lane>,
    lookup: Option<Recipient<ResolveNames>>,
    names: Rc<RefCell<Names>>,
    /// The last batch was refused.
    refusing: bool,
}

impl StateTracker {
    /// Starts a tracker on an arbiter; it lives there and nowhere else.
    pub(crate) fn start_on(
        arbiter: &ArbiterHandle,
        shard: usize,
        journal: JournalHandle,
        map: StateMap,
        name_wait: Duration,
    ) -> Addr<Self> {
        Actor::start_in_arbiter(arbiter, move |_| Self::new(shard, journal, map, name_wait))
    }

    fn new(shard: usize, journal: JournalHandle, map: StateMap, name_wait: Duration) -> Self {
        let shard = Shard {
            journal,
            map,
            name_wait,
            lanes: RefCell::default(),
            names: RefCell::default(),
            watchers: RefCell::new(Watchers::new(shard)),
        };
        Self { shard: Rc::new(shard), fatal: Some(Fatal::guard("state tracker")) }
    }
}

impl Shard {
    fn slot(&self, connection: &ConnectionName) -> Rc<Mutex<Slot>> {
        Rc::clone(&self.lanes.borrow_mut().entry(connection.clone()).or_default().slot)
    }

    async fn open(&self, ask: OpenLane) -> Result<LaneOpened, JournalError> {
        let OpenLane { connection, vendor, order, account, lookup } = ask;
        let slot = self.slot(&connection);
        let mut slot = slot.lock().await;
        slot.names = Rc::clone(self.names.borrow_mut().entry(Arc::clone(&account)).or_default());
        slot.lookup = Some(lookup);
        if let Some(place) = self.lanes.borrow_mut().get_mut(&connection) {
            place.account = Some(account);
        }
        if slot.lane.is_none() {
            let loaded = self.journal.load(connection.clone()).await?;
            let states = self.map.open(&connection, vendor);
            slot.lane = Some(Lane::new(connection, vendor, order, Arc::clone(&states), loaded));
            // Whoever began to watch before was told of none of them.
            self.watchers.borrow_mut().loaded(&states);
        }
        let lane = slot.lane.as_ref();
        Ok(LaneOpened {
            checkpoint: lane.and_then(|lane| lane.checkpoint.clone()),
            heard: lane.and_then(|lane| lane.heard),
        })
    }

    /// Forgets a lane, once what was handed in before is stored or refused.
    async fn close(&self, connection: &ConnectionName) {
        let slot = self.slot(connection);
        slot.lock().await.lane = None;
        self.map.remove(connection);
        // One that is added again may be waiting for this very slot.
        if Rc::strong_count(&slot) <= 2 {
            self.lanes.borrow_mut().remove(connection);
        }
    }

    async fn ingest(&self, batch: Batch) -> Result<(), JournalError> {
        let slot = self.slot(&batch.connection);
        let mut slot = slot.lock().await;
        let slot = &mut *slot;
        let (Some(lane), Some(lookup)) = (&mut slot.lane, &slot.lookup) else { return Err(JournalError::Closed) };
        let mut entries = batch.entries;
        let repeats = lane.admit(&mut entries);
        let known = self.find_names(lane, lookup, &slot.names, &entries).await;
        let mut append = lane.build(&mut slot.names.borrow_mut(), entries, known, batch.checkpoint);
        append.heard = batch.heard;
        let (states, checkpoint) = (Arc::clone(&append.states), append.checkpoint.clone());
        match self.journal.append(append).await {
            Ok(commit) => {
                lane.committed(&commit, &states, checkpoint);
                lane.heard = batch.heard.or(lane.heard);
                slot.refusing = false;
                self.show(lane, &commit, &states, repeats);
                Ok(())
            }
            Err(error) => {
                let news = !std::mem::replace(&mut slot.refusing, true);
                BatchRefused { connection: &lane.connection, error: &error, news }.emit();
                lane.refused();
                Err(error)
            }
        }
    }

    /// Asks for the names that are missing, all at once, and waits for as long as a batch may wait. What it hands back may be used as long
    /// as nothing else is learned.
    async fn find_names(
        &self,
        lane: &Lane,
        lookup: &Recipient<ResolveNames>,
        names: &RefCell<Names>,
        entries: &Entries,
    ) -> Vec<Option<Arc<Item>>> {
        let Recognized { items, missing } = Lane::recognize(&names.borrow(), Now::read().instant, entries);
        if missing.is_empty() {
            return items;
        }
        let learned = match timeout(self.name_wait, lookup.send(ResolveNames(missing.clone()))).await {
            Ok(Ok(learned)) => learned,
            Ok(Err(_)) | Err(_) => {
                NamesMissed { connection: &lane.connection, names: missing.len() }.emit();
                Learned::default()
            }
        };
        names.borrow_mut().learn(Now::read().instant, &learned, &missing);
        Vec::new()
    }

    fn show(&self, lane: &Lane, commit: &Arc<Committed>, states: &[StateWrite], repeats: usize) {
        let gaps = commit.events.count_of(vocabulary::GAP);
        let lag = lag(&commit.events, Timestamp::now());
        lane.states.update_status(|status| {
            status.events += commit.events.len() as u64;
            status.repeats += repeats as u64;
            status.gaps += gaps as u64;
            if !commit.events.is_empty() {
                status.last_event = Some(commit.recorded);
            }
            status.lag = lag.or(status.lag);
        });
        let (connection, vendor) = (&lane.connection, lane.vendor);
        BatchStored { connection, vendor, events: &commit.events, repeats, gaps, lag }.emit();
        let mut watchers = self.watchers.borrow_mut();
        let changed: Vec<State> = if watchers.want_states() { self.changed(lane, commit, states) } else { Vec::new() };
        watchers.publish(commit, &changed);
    }

    fn changed(&self, lane: &Lane, commit: &Committed, states: &[StateWrite]) -> Vec<State> {
        let states = states.iter().filter_map(|write| write.state(commit.first, &commit.events));
        states.map(|state| lane.states.state(&state.to_entry())).collect()
    }

    fn learned(&self, news: &NamesLearned) {
        let Some(names) = self.names.borrow().get(&news.account).map(Rc::clone) else { return };
        names.borrow_mut().learn(Now::read().instant, &news.learned, &[]);
        let meanings: Vec<_> = news.learned.meanings.iter().map(|learned| Arc::clone(&learned.meaning)).collect();
        let lanes = self.lanes.borrow();
        for (connection, _) in lanes.iter().filter(|(_, place)| place.account.as_ref() == Some(&news.account)) {
            let Some(states) = self.map.states_of(connection.as_str()) else { continue };
            for item in &news.learned.items {
                states.rename(item);
            }
            states.explain(&meanings);
        }
    }
}

/// How long the last live event has taken from its own time until `now`, if it tells that.
fn lag(events: &Events, now: Timestamp) -> Option<Duration> {
    let live = events.iter().rev().filter(|event| event.origin == Origin::Live);
    let time = live.take(TIMES_READ).find_map(|event| event.time.parse::<Timestamp>().ok())?;
    // The system's clock may be ahead.
    Some(Duration::try_from(now.duration_since(time)).unwrap_or_default())
}

impl Actor for StateTracker {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        // Runs after a panic too; then the guard must stay armed.
        if !std::thread::panicking()
            && let Some(fatal) = self.fatal.take()
        {
            fatal.disarm();
        }
    }
}

impl Handler<OpenLane> for StateTracker {
    type Result = ResponseFuture<Result<LaneOpened, JournalError>>;

    fn handle(&mut self, ask: OpenLane, _: &mut Self::Context) -> Self::Result {
        let shard = Rc::clone(&self.shard);
        Box::pin(async move { shard.open(ask).await })
    }
}

impl Handler<Batch> for StateTracker {
    type Result = ResponseFuture<Result<(), JournalError>>;

    fn handle(&mut self, batch: Batch, _: &mut Self::Context) -> Self::Result {
        let shard = Rc::clone(&self.shard);
        // A panic in here would take only this task with it; the guard makes it the end of the process.
        Box::pin(async move {
            let fatal = Fatal::guard("state tracker");
            let stored = shard.ingest(batch).await;
            fatal.disarm();
            stored
        })
    }
}

impl Handler<ShowStatus> for StateTracker {
    type Result = ();

    fn handle(&mut self, show: ShowStatus, _: &mut Self::Context) {
        let ShowStatus { connection, vendor, state, reason } = show;
        self.shard.map.open(&connection, vendor).update_status(|status| {
            if status.state != state {
                status.state = state;
                status.since = Timestamp::now();
            }
            status.reason = reason;
        });
    }
}

impl Handler<CloseLane> for StateTracker {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, CloseLane(connection): CloseLane, _: &mut Self::Context) -> Self::Result {
        let shard = Rc::clone(&self.shard);
        Box::pin(async move { shard.close(&connection).await })
    }
}

impl Handler<NamesLearned> for StateTracker {
    type Result = ();

    fn handle(&mut self, news: NamesLearned, _: &mut Self::Context) {
        self.shard.learned(&news);
    }
}

impl Handler<BeginWatch> for StateTracker {
    type Result = ();

    fn handle(&mut self, watch: BeginWatch, _: &mut Self::Context) {
        let connections: Vec<_> = self.shard.lanes.borrow().keys().cloned().collect();
        let lanes: Vec<_> = connections.iter().filter_map(|name| self.shard.map.states_of(name.as_str())).collect();
        self.shard.watchers.borrow_mut().begin(watch, lanes.iter(), self.shard.journal.next());
    }
}

impl Handler<EndWatch> for StateTracker {
    type Result = ();

    fn handle(&mut self, EndWatch(id): EndWatch, _: &mut Self::Context) {
        self.shard.watchers.borrow_mut().end(id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{Event, EventId, Meaning};

    fn event(time: &str, origin: Origin) -> Event {
        let meaning = Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None });
        Event { id: EventId::mint(), origin, meaning, item: None, time: time.into(), data: "{}".into() }
    }

    #[test]
    fn the_lag_is_that_of_the_last_live_event_that_tells_its_time_and_never_below_zero() {
        let now: Timestamp = "2026-06-11T09:18:00Z".parse().unwrap();
        let seconds = |events: Vec<Event>| lag(&events.into(), now).map(|lag| lag.as_secs_f64());
        let live = |time| event(time, Origin::Live);
        let (early, late, ahead) = ("2026-06-11T09:17:00Z", "2026-06-11T11:17:58.5+02:00", "2026-06-11T09:18:07Z");
        assert_eq!(seconds(vec![live(early), live(late)]), Some(1.5));
        assert_eq!(seconds(vec![live(early), live("yesterday"), event(late, Origin::Backfill)]), Some(60.0));
        assert_eq!(seconds(vec![live(ahead)]), Some(0.0));
        assert_eq!(seconds(vec![event(early, Origin::Engine)]), None);
        let unreadable = (0..=TIMES_READ).map(|at| live(if at == 0 { early } else { "" })).collect();
        assert_eq!(seconds(unreadable), None, "it looks at no more than a few");
    }
}
