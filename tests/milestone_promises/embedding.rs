//! Engines inside other programs.

use std::collections::BTreeMap;

use watchpost::actors::messages::{AddConnection, ListConnections, PanicConnection, RemoveConnection};
use watchpost::actors::model::ConnectionState;
use watchpost::actors::{Engine, EngineConfig};
use watchpost::simulator::milestone::{Options, Simulator};

use crate::breaks::walking;
use crate::common::{
    self, DEADLINE, HQ, Plan, Rig, SECOND, Store, Walk, block_on, connection, engine, eventually, named, options,
    vendor,
};

#[test]
fn a_panic_in_one_of_a_hundred_connections_costs_none_of_them_an_event() {
    // A hundred of them in one process: what is short elsewhere would be too short here.
    let window = 40 * SECOND;
    let sim = Simulator::start(Options { items: 8, window, ..options() }).unwrap();
    let connect = |name: &String| {
        let mut connection = connection(name, vendor(&sim));
        connection.common.dead_after = 5 * SECOND;
        connection
    };
    let names: Vec<String> = (0..100).map(|nth| format!("c{nth:02}")).collect();
    let store = Store::default();
    let connections = names.iter().map(connect).collect();
    // All of them on the threads that an engine has by default.
    let config = EngineConfig { arbiters: EngineConfig::default().arbiters, ..engine(&store, connections) };
    let engine = Engine::start(config).unwrap();
    eventually(DEADLINE, "a hundred sessions with their states", || {
        names.iter().all(|name| engine.states().count(name) > 0)
    });
    assert_eq!(sim.counters().logins.len(), 1);
    let before = sim.ledger().events.len();
    let walk = Walk::start(&sim, 30.0);
    eventually(DEADLINE, "events", || sim.ledger().events.len() > before + 30);
    block_on(engine.send(PanicConnection(named("c37")))).unwrap().unwrap();
    eventually(DEADLINE, "it is started again", || common::info(&engine, "c37").restarts == 1);
    let resumed = || sim.ledger().sessions.iter().map(|session| session.resumed.len()).sum::<usize>();
    eventually(DEADLINE, "its session is resumed", || resumed() == 1);
    let then = sim.ledger().events.len();
    eventually(DEADLINE, "further events", || sim.ledger().events.len() > then + 30);
    drop(walk);
    let sent: Vec<String> = sim.ledger().events.iter().map(|event| event.id.clone()).collect();
    let came = || {
        let mut came: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in common::lines(&store).into_iter().filter(|line| line.origin != "engine") {
            let id = line.id.strip_prefix(&line.connection).unwrap()[1..].to_owned();
            came.entry(line.connection).or_default().push(id);
        }
        came
    };
    let all = |came: &BTreeMap<String, Vec<String>>| came.values().map(Vec::len).sum::<usize>();
    eventually(DEADLINE, "all events of all connections", || all(&came()) >= 100 * sent.len());
    let came = came();
    for name in &names {
        assert_eq!(came[name], sent, "{name}");
    }
    assert_eq!(sim.ledger().sessions.len(), 100, "no session was begun anew");
    let told = common::lines(&store).into_iter().filter(|line| line.kind == "gap").count();
    assert_eq!(told, 0);
    assert!(block_on(engine.shutdown(DEADLINE)));
}

#[test]
fn two_engines_in_one_process_do_not_meet() {
    let plan = |seed| Plan::new(Options { seed, ..options() });
    let mut first = walking(plan(1), 200.0);
    let mut second = walking(plan(2), 200.0);
    first.sim.drop_sockets(watchpost::simulator::milestone::DropHow::Reset);
    let (a, b) = (first.settle(), second.settle());
    assert_eq!((first.resumes(), second.resumes()), (1, 0), "{a}{b}");
    first.shut_down();
    second.walk(100.0);
    let before = second.info().status.events;
    eventually(DEADLINE, "the other goes on", || second.info().status.events > before + 20);
    second.settle();
}

#[test]
fn an_engine_starts_inside_a_running_actix_system() {
    let sim = Simulator::start(options()).unwrap();
    let store = Store::default();
    actix_rt::System::new().block_on(async {
        let engine = Engine::start(engine(&store, vec![connection(HQ, vendor(&sim))])).unwrap();
        let begun = std::time::Instant::now();
        while engine.send(ListConnections).await.unwrap()[0].status.state != ConnectionState::Online {
            assert!(begun.elapsed() < DEADLINE, "in vain: online");
            actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(engine.shutdown(DEADLINE).await);
        assert!(actix_rt::System::try_current().is_some(), "the application's own system goes on");
    });
    assert_eq!(sim.ledger().sessions.len(), 1);
}

#[test]
fn connections_can_be_added_and_removed_while_it_runs() {
    let mut rig = walking(Plan::new(options()), 100.0);
    let other = connection("other", vendor(&rig.sim));
    block_on(rig.engine().send(AddConnection(other.clone()))).unwrap().unwrap();
    eventually(DEADLINE, "it has states", || rig.engine().states().count("other") > 0);
    assert!(block_on(rig.engine().send(AddConnection(other))).unwrap().is_err(), "the name is taken");
    block_on(rig.engine().send(RemoveConnection(named("other")))).unwrap().unwrap();
    eventually(DEADLINE, "its states are forgotten", || rig.engine().states().count("other") == 0);
    eventually(DEADLINE, "its socket is closed", || rig.sim.counters().sockets_open == 1);
    let before = rig.info().status.events;
    eventually(DEADLINE, "the other one goes on", || rig.info().status.events > before + 20);
    assert!(block_on(rig.engine().send(RemoveConnection(named("other")))).unwrap().is_err());
    rig.shut_down();
}

#[test]
fn when_the_last_handle_is_dropped_the_engine_ends() {
    let rig = Rig::online(options());
    let sim = rig.sim.clone();
    assert_eq!(sim.counters().sockets_open, 1);
    drop(rig);
    eventually(DEADLINE, "its socket is closed", || sim.counters().sockets_open == 0);
}
