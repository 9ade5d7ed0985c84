//! Storage that refuses, hangs, or outlives the engine.

use std::thread;

use watchpost::actors::model::ConnectionState;
use watchpost::actors::model::filter::Filter;

use crate::breaks::walking;
use crate::common::{DEADLINE, HQ, MS, Plan, Rig, WINDOW, block_on, eventually, expiring, options, pace};

#[test]
fn what_could_not_be_stored_is_asked_for_again_and_stored_once_in_order() {
    let mut rig = walking(Plan::new(options()), 200.0);
    for refusals in 1..=3 {
        rig.store.refuse(1);
        eventually(DEADLINE, "an append is refused", || rig.store.refused() == refusals);
        eventually(DEADLINE, "the session is resumed", || rig.resumes() == refusals);
    }
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps, report.received), (1, 0, report.sent), "{report}");
    let told = rig.lines_of("engine.connection");
    assert!(told.iter().any(|line| line.data["reason"].as_str().unwrap().starts_with("journal")), "{told:?}");
}

#[test]
fn a_journal_that_refuses_for_longer_than_the_window_is_one_gap() {
    let mut rig = walking(Plan::new(options()), 200.0);
    rig.store.refuse(usize::MAX);
    eventually(DEADLINE, "appends are refused", || rig.store.refused() > 1);
    // The gateway's window begins anew with each socket, so it must be told to forget.
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(watchpost::simulator::milestone::DropHow::Reset);
    rig.wait_sessions(2);
    pace(300 * MS);
    rig.store.refuse(0);
    let report = rig.settle();
    assert!(report.in_gaps > 0 && report.gaps == 1, "{report}{}", rig.story());
}

#[test]
fn a_journal_that_hangs_closes_the_connection_on_purpose_and_nothing_is_lost() {
    let plan = Plan::new(options()).engine(|engine| engine.hold_limit = 400 * MS);
    let mut rig = walking(plan, 200.0);
    rig.store.hang(true);
    eventually(DEADLINE, "the connection is held back", || rig.state() == ConnectionState::Delayed);
    assert!(rig.reason().starts_with("journal"), "{}", rig.reason());
    eventually(DEADLINE, "the socket is closed", || rig.sim.counters().sockets_open == 0);
    assert!(rig.states().len() > 100, "states can be read meanwhile");
    rig.store.hang(false);
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps, report.received), (1, 0, report.sent), "{report}{}", rig.story());
}

#[test]
fn a_journal_that_hangs_for_a_moment_is_not_noticed_by_the_server() {
    let mut rig = walking(Plan::new(options()).brisk(), 200.0);
    rig.store.hang(true);
    // Longer than a quiet socket is trusted.
    pace(900 * MS);
    rig.store.hang(false);
    let report = rig.settle();
    assert_eq!((rig.sim.counters().upgrades.len(), report.received), (1, report.sent), "{report}{}", rig.story());
}

#[test]
fn a_restart_inside_the_window_resumes_from_what_was_stored() {
    let mut rig = walking(Plan::new(options()), 200.0);
    rig.shut_down();
    pace(300 * MS);
    rig.start_engine();
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{report}{}", rig.story());
    assert_eq!(report.received, report.sent);
}

#[test]
fn a_restart_after_the_window_is_one_gap_that_begins_where_the_stored_events_end() {
    let mut rig = walking(Plan::new(expiring()), 200.0);
    // Away for a while before the engine stops: the gap begins before that.
    rig.sim.pause_listening();
    rig.wait_for(ConnectionState::Delayed);
    rig.shut_down();
    pace(WINDOW + 300 * MS);
    rig.sim.resume_listening().unwrap();
    rig.start_engine();
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (2, 0, 1), "{report}{}", rig.story());
    assert!(report.in_gaps > 100, "{report}");
}

#[test]
fn after_a_restart_states_are_there_at_once_and_stale() {
    let mut rig = walking(Plan::new(options()), 200.0);
    rig.rest();
    rig.settle();
    let before = rig.engine().states().count(HQ);
    rig.shut_down();
    rig.sim.pause_listening();
    rig.start_engine();
    eventually(DEADLINE, "the stored states", || rig.engine().states().count(HQ) == before);
    let states = rig.engine().states().query(&Filter::everything());
    assert!(states.iter().all(|state| state.stale));
    rig.sim.resume_listening().unwrap();
    rig.settle();
    assert!(rig.engine().states().query(&Filter::everything()).iter().all(|state| !state.stale));
}

#[test]
fn shutdown_stores_everything_that_was_read() {
    let mut rig = Rig::online(options());
    rig.sim.emit(5);
    eventually(DEADLINE, "the first events", || rig.report().received == 5);
    rig.store.hang(true);
    rig.sim.emit(50);
    // A ping goes out when nothing has come for a while: everything before it was read.
    eventually(DEADLINE, "the events are sent", || rig.sim.counters().sent == 55);
    let pings = rig.sim.counters().pings;
    eventually(DEADLINE, "and read", || rig.sim.counters().pings > pings);
    assert_eq!(rig.report().received, 5);
    let store = rig.store.clone();
    let later = thread::spawn(move || {
        pace(300 * MS);
        store.hang(false);
    });
    rig.shut_down();
    later.join().unwrap();
    let live = rig.lines().iter().filter(|line| line.origin == "live").count();
    assert_eq!(live, 55);
}

#[test]
fn shutdown_keeps_its_deadline_though_the_journal_hangs() {
    let rig = walking(Plan::new(options()), 200.0);
    rig.store.hang(true);
    pace(100 * MS);
    let begun = std::time::Instant::now();
    assert!(!block_on(rig.engine().clone().shutdown(300 * MS)));
    assert!(begun.elapsed() < 2 * WINDOW);
    rig.store.hang(false);
}
