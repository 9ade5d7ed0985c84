//! Who is told of events and states.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};

use actix::prelude::*;
use watchpost::actors::journal::Ask;
use watchpost::actors::messages::{QueryStates, Unwatch, Watch};
use watchpost::actors::model::Sequence;
use watchpost::actors::model::filter::Filter;
use watchpost::actors::watch::{Subject, WatchUpdate};
use watchpost::simulator::milestone::DropHow;

use crate::breaks::walking;
use crate::common::{DEADLINE, MS, Plan, Rig, block_on, eventually, options, pace};

/// Passes on what it is told; while the gate is shut, it does nothing.
struct Watcher {
    told: Sender<WatchUpdate>,
    gate: Arc<Mutex<()>>,
    capacity: usize,
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.capacity);
    }
}

impl Handler<WatchUpdate> for Watcher {
    type Result = ();

    fn handle(&mut self, update: WatchUpdate, _: &mut Self::Context) {
        drop(self.gate.lock().unwrap());
        // The test may have heard enough.
        let _ = self.told.send(update);
    }
}

/// The application's side: a thread with a watcher on it.
struct Application {
    gate: Arc<Mutex<()>>,
    told: Receiver<WatchUpdate>,
    address: Addr<Watcher>,
    arbiter: ArbiterHandle,
}

impl Application {
    fn new(capacity: usize) -> Self {
        let (told, heard) = mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let watcher = Watcher { told, gate: Arc::clone(&gate), capacity };
        let (started, start) = mpsc::channel();
        std::thread::spawn(move || {
            System::new().block_on(async move {
                let arbiter = Arbiter::new();
                let address = Actor::start_in_arbiter(&arbiter.handle(), move |_| watcher);
                started.send((address, arbiter.handle())).unwrap();
                arbiter.join().unwrap();
            });
        });
        let (address, arbiter) = start.recv().unwrap();
        Self { gate, told: heard, address, arbiter }
    }

    fn watch(&self, rig: &Rig, subject: Subject) -> watchpost::actors::watch::WatchId {
        let recipient = self.address.clone().recipient();
        block_on(rig.engine().send(Watch { subject, filter: Filter::everything(), recipient })).unwrap()
    }

    fn next(&self) -> WatchUpdate {
        self.told.recv_timeout(DEADLINE).expect("an update")
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.arbiter.stop();
    }
}

#[test]
fn a_watcher_that_is_full_is_cut_off_with_its_last_sequence_and_delays_nobody() {
    let mut rig = walking(Plan::new(options()), 200.0);
    let application = Application::new(2);
    application.watch(&rig, Subject::Events);
    assert!(matches!(application.next(), WatchUpdate::Present { last: true, .. }));
    let Ok(shut) = application.gate.lock() else { return };
    let before = rig.info().status.events;
    eventually(DEADLINE, "the engine goes on", || rig.info().status.events > before + 100);
    drop(shut);
    let mut last = Sequence::default();
    let cut_off = loop {
        match application.next() {
            WatchUpdate::Events(batch) => last = batch.iter().last().unwrap().sequence,
            WatchUpdate::CutOff { last } => break last,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(cut_off, last);
    // What it missed is in the journal.
    let page = block_on(rig.engine().journal().read(Ask { from: last.plus(1), limit: 10, of: None })).unwrap();
    assert!(page.commits[0].next() > last);
    pace(200 * MS);
    assert!(application.told.try_recv().is_err(), "nothing more comes");
    rig.settle();
}

#[test]
fn a_watcher_of_states_is_told_the_present_and_then_each_change() {
    let mut rig = walking(Plan::new(options()), 200.0);
    let application = Application::new(4_096);
    let id = application.watch(&rig, Subject::States);
    let mut known = std::collections::BTreeMap::new();
    let key = |state: &watchpost::actors::model::State| {
        (state.item.id.to_string(), state.meaning.state.as_ref().unwrap().vendor_group.to_string())
    };
    rig.sim.drop_sockets(DropHow::Reset);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 1);
    rig.settle();
    let WatchUpdate::Present { states, last: true } = application.next() else { panic!("first comes the present") };
    known.extend(states.iter().map(|state| (key(state), state.value().to_owned())));
    while let Ok(update) = application.told.recv_timeout(300 * MS) {
        let WatchUpdate::Changed(states) = update else { panic!("{update:?}") };
        known.extend(states.iter().map(|state| (key(state), state.value().to_owned())));
    }
    let query = QueryStates { filter: Filter::everything(), limit: usize::MAX };
    let now = block_on(rig.engine().send(query)).unwrap();
    let now: std::collections::BTreeMap<_, _> =
        now.iter().map(|state| (key(state), state.value().to_owned())).collect();
    assert_eq!(known, now);
    block_on(rig.engine().send(Unwatch(id))).unwrap();
    rig.sim.emit(50);
    eventually(DEADLINE, "events", || rig.report().is_clean());
    assert!(application.told.try_recv().is_err(), "nothing after the end of the watch");
}

#[test]
fn callbacks_plain_and_async_run_in_order_and_can_be_removed() {
    let mut rig = Rig::online(options());
    let collected = |list: &Arc<Mutex<Vec<Sequence>>>| list.lock().unwrap().clone();
    let (plain, asynchronous) = (Arc::<Mutex<Vec<Sequence>>>::default(), Arc::<Mutex<Vec<Sequence>>>::default());
    let list = Arc::clone(&plain);
    let first = rig.engine().on_event(Filter::everything(), move |event| {
        list.lock().unwrap().push(event.get().sequence);
    });
    let list = Arc::clone(&asynchronous);
    let second = rig.engine().on_event_async(Filter::everything(), move |event| {
        let list = Arc::clone(&list);
        async move {
            actix_rt::task::yield_now().await;
            list.lock().unwrap().push(event.get().sequence);
        }
    });
    let changes = Arc::<Mutex<Vec<String>>>::default();
    let list = Arc::clone(&changes);
    let third = rig.engine().on_connect(move |name| list.lock().unwrap().push(format!("{name} is there")));
    let list = Arc::clone(&changes);
    let fourth = rig.engine().on_disconnect_async(move |name, reason| {
        let list = Arc::clone(&list);
        async move { list.lock().unwrap().push(format!("{name} is gone: {reason}")) }
    });
    let from = rig.engine().journal().next();
    rig.walk(300.0);
    eventually(DEADLINE, "events", || collected(&plain).len() > 100);
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "both changes", || changes.lock().unwrap().len() == 2);
    rig.settle();
    let stored = block_on(rig.engine().journal().read(Ask { from, limit: usize::MAX, of: None })).unwrap().commits;
    let stored: Vec<_> = stored.iter().flat_map(|commit| commit.iter()).map(|stored| stored.sequence).collect();
    eventually(DEADLINE, "each event once and in order", || collected(&plain) == stored);
    eventually(DEADLINE, "each event once and in order", || collected(&asynchronous) == stored);
    let changes = changes.lock().unwrap().clone();
    assert_eq!(changes, ["hq is gone: the server hung up without a close frame", "hq is there"]);
    block_on(async {
        for callback in [first, second, third, fourth] {
            callback.remove().await;
        }
    });
    rig.sim.emit(30);
    eventually(DEADLINE, "further events", || rig.report().is_clean());
    assert_eq!((collected(&plain), collected(&asynchronous)), (stored.clone(), stored));
}
