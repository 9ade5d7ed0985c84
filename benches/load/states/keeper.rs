//! The engine as a consumer whose states are read while events come: from its map, by a thread of its own, and by `GetState`, as an actix
//! application would.
//!
//! Each read has its floor right beside it, at the same time and of the same item: a look-up in a map with the same hash that nobody writes,
//! and a message to an actor on a thread of its own that answers with nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use actix::{Actor, Addr, Arbiter, Context, Handler, Message};
use actix_rt::time::interval;
use hdrhistogram::Histogram;
use tokio::time::MissedTickBehavior;
use watchpost::actors::EngineHandle;
use watchpost::actors::messages::GetState;
use watchpost::actors::model::ConnectionName;

use super::{Delays, Reads};
use crate::engine::{Site, log, more, motion};
use crate::meter::Meter;
use crate::words::{PATIENCE, Word, patience, say};
use crate::{Outcome, Task};

const GROUP: &str = "motion";
/// How often is read.
const EVERY: Duration = Duration::from_millis(1);
/// Reads from the map each time.
const AT_ONCE: usize = 4;
/// How often is looked whether all names are there: each look is at every state.
const LOOK: Duration = Duration::from_millis(250);

/// Takes a flood to know all items, then events undisturbed, then events while states are read.
pub(crate) fn run(task: &Task) -> Outcome<()> {
    log();
    actix_rt::System::new().block_on(keep(task))
}

async fn keep(task: &Task) -> Outcome<()> {
    let (site, before) = Site::online(task).await?;
    say(&Word::Ready)?;

    let known = more(&before, task.warm_up);
    site.until_taken(&known, task.warm_up).await?;
    until_named(&site, patience(task.warm_up)).await?;
    let meter = Meter::start()?;
    // Made after memory was read, and before the processor time is, so that both phases have the same beside them.
    let items = items(&site)?;
    let bare: Bare = items.iter().map(|item| (Arc::clone(item), Arc::clone(item))).collect();
    let meter = meter.anew()?;
    say(&Word::Counted)?;

    let undisturbed = more(&known, task.events);
    site.until_taken(&undisturbed, task.events).await?;
    let mut taken = meter.stop(task.events)?;
    say(&Word::Counted)?;
    taken.motion = site.motion()?;
    say(&Word::Taken(taken))?;

    // Reads of a system at rest would flatter.
    site.until(patience(task.events), "nothing comes to read beside", || site.has_taken(&more(&undisturbed, 1)))
        .await?;
    let all = more(&undisturbed, task.events);
    let name = site.names.first().ok_or("there is no connection")?;
    let reads = read_until(&site, name, items, bare, &all, task.events).await?;
    say(&Word::Counted)?;
    site.check(&all)?;
    say(&Word::Read(Box::new(reads)))?;
    site.end().await
}

async fn until_named(site: &Site, limit: Duration) -> Outcome<()> {
    let began = Instant::now();
    loop {
        let states = site.engine.states().query(&motion()?);
        let nameless = states.iter().filter(|state| state.item.name.is_none()).count();
        if nameless == 0 {
            return Ok(());
        }
        if began.elapsed() > limit {
            return Err(format!("{nameless} of {} items have no name after {limit:?}", states.len()).into());
        }
        drop(states);
        actix_rt::time::sleep(LOOK).await;
    }
}

fn items(site: &Site) -> Outcome<Arc<[Arc<str>]>> {
    Ok(site.engine.states().query(&motion()?).iter().map(|state| Arc::clone(&state.item.id)).collect())
}

/// The floor of a look-up.
type Bare = HashMap<Arc<str>, Arc<str>, foldhash::fast::RandomState>;

async fn read_until(
    site: &Site,
    name: &ConnectionName,
    items: Arc<[Arc<str>]>,
    bare: Bare,
    all: &[u64],
    events: u64,
) -> Outcome<Reads> {
    let over = Arc::new(AtomicBool::new(false));
    let looking = {
        let (engine, items, name, over) = (site.engine.clone(), Arc::clone(&items), name.clone(), Arc::clone(&over));
        thread::spawn(move || look_up(&engine, &name, &items, &bare, &over).map_err(|error| error.to_string()))
    };
    let asking = actix_rt::spawn(ask(site.engine.clone(), name.clone(), items, Arc::clone(&over)));
    let taken = site.until_taken(all, events).await;
    over.store(true, Ordering::Relaxed);
    let (message, message_floor) = actix_rt::time::timeout(PATIENCE, asking).await???;
    let (map, map_floor) = looking.join().map_err(|_| "the reading thread has panicked")??;
    taken.map(|()| Reads { map, map_floor, message, message_floor })
}

/// Reads from the map, and from the bare one.
fn look_up(
    engine: &EngineHandle,
    name: &ConnectionName,
    items: &[Arc<str>],
    bare: &Bare,
    over: &AtomicBool,
) -> Outcome<(Delays, Delays)> {
    let (mut ours, mut floors) = (Times::new()?, Times::new()?);
    while !over.load(Ordering::Relaxed) {
        thread::sleep(EVERY);
        for _ in 0..AT_ONCE {
            // Two items, for the second look at the same would find it in the cache.
            let (item, other) = (any(items), any(items));
            let began = Instant::now();
            let state = engine.states().get(name.as_str(), item, GROUP);
            ours.add(began);
            let began = Instant::now();
            let found = bare.get(other).map(Arc::clone);
            floors.add(began);
            if state.is_none() || found.is_none() {
                return Err(format!("{item} has no state").into());
            }
        }
    }
    Ok((ours.delays(), floors.delays()))
}

fn any(items: &[Arc<str>]) -> &Arc<str> {
    &items[rand::random_range(0..items.len())]
}

/// Asks by message, whether or not those before are answered, so that a slow answer hides none.
async fn ask(
    engine: EngineHandle,
    name: ConnectionName,
    items: Arc<[Arc<str>]>,
    over: Arc<AtomicBool>,
) -> Outcome<(Delays, Delays)> {
    let arbiter = Arbiter::new();
    let idle = Idle::start_in_arbiter(&arbiter.handle(), |_| Idle);
    let times = Rc::new(RefCell::new((Times::new()?, Times::new()?)));
    let mut asked = Vec::new();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let question = GetState { connection: name.clone(), item: any(&items).to_string(), group: GROUP.to_owned() };
        let one = ask_one(engine.clone(), question, idle.clone(), Rc::clone(&times));
        asked.push(actix_rt::spawn(one));
    }
    for one in asked {
        one.await??;
    }
    arbiter.stop();
    let (ours, floors) = &*times.borrow();
    Ok((ours.delays(), floors.delays()))
}

async fn ask_one(
    engine: EngineHandle,
    question: GetState,
    idle: Addr<Idle>,
    times: Rc<RefCell<(Times, Times)>>,
) -> Outcome<()> {
    let began = Instant::now();
    let state = engine.send(question).await?;
    times.borrow_mut().0.add(began);
    state.ok_or("an item has no state")?;
    let began = Instant::now();
    idle.send(Nothing).await?;
    times.borrow_mut().1.add(began);
    Ok(())
}

/// The floor of a message.
struct Idle;

#[derive(Message)]
#[rtype(result = "()")]
struct Nothing;

impl Actor for Idle {
    type Context = Context<Self>;
}

impl Handler<Nothing> for Idle {
    type Result = ();

    fn handle(&mut self, _: Nothing, _: &mut Self::Context) {}
}

/// Nanoseconds.
struct Times(Histogram<u64>);

impl Times {
    fn new() -> Outcome<Self> {
        let most = u64::try_from(PATIENCE.as_nanos())?;
        Ok(Self(Histogram::new_with_max(most, 3)?))
    }

    fn add(&mut self, began: Instant) {
        self.0.saturating_record(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }

    fn delays(&self) -> Delays {
        let Self(times) = self;
        let at = |quantile| times.value_at_quantile(quantile);
        Delays { count: times.len(), p50: at(0.5), p99: at(0.99), p999: at(0.999), max: times.max() }
    }
}
