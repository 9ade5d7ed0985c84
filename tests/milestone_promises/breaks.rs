//! What happens to events when the connection breaks.

use std::time::Instant;

use watchpost::actors::model::ConnectionState;
use watchpost::actors::settings::ByteSize;
use watchpost::simulator::milestone::{DropHow, FaultKind, Options};

use crate::common::{DEADLINE, MS, Plan, Rig, SECOND, WINDOW, eventually, expiring, options, pace};

/// A connection over which events have come already: without one, there is nothing to resume from.
pub(crate) fn walking(plan: Plan, rate: f64) -> Rig {
    let mut rig = plan.start();
    rig.wait_online();
    rig.walk(rate);
    eventually(DEADLINE, "the first events", || rig.info().status.events > 10);
    rig
}

fn outage(rig: &Rig, begun: Instant, length: std::time::Duration) {
    rig.sim.pause_listening();
    pace(length.saturating_sub(begun.elapsed()));
    rig.sim.resume_listening().unwrap();
}

#[test]
fn an_outage_of_28_of_30_seconds_is_still_resumed() {
    // A second stands for five.
    let window = 6 * SECOND;
    let plan = Plan::new(Options { window, ..options() }).vendor(move |vendor| vendor.resume_window = window);
    let mut rig = walking(plan, 100.0);
    outage(&rig, Instant::now(), window * 28 / 30);
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{report}{}", rig.story());
    assert_eq!(report.received, report.sent);
    assert!(rig.lines().iter().any(|line| line.origin == "resumed"));
}

#[test]
fn an_outage_longer_than_the_window_is_one_gap_and_the_states_are_taken_anew() {
    let mut rig = walking(Plan::new(expiring()), 200.0);
    let gone = rig.sim.sources("cameras").remove(3);
    let had = rig.states().iter().filter(|state| state.item == gone).count();
    assert!(had > 3, "the camera has states");
    rig.sim.pause_listening();
    rig.sim.remove_item(&gone);
    pace(WINDOW + 300 * MS);
    rig.sim.resume_listening().unwrap();
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (2, 0, 1), "{report}{}", rig.story());
    assert!(report.in_gaps > 0, "{report}");
    let snapshot: Vec<_> = rig.lines().into_iter().filter(|line| line.origin == "snapshot").collect();
    assert!(snapshot.iter().any(|line| line.kind == "motion.started"), "differences have the type of a live event");
    let unknown = snapshot.iter().filter(|line| line.kind == "state.unknown").count();
    let states: Vec<_> = rig.states().into_iter().filter(|state| state.item == gone).collect();
    assert_eq!((unknown, states.len()), (had, had));
    assert!(states.iter().all(|state| state.value == "unknown"), "{states:?}");
    // The gap and the differences are one commit, the gap first.
    let commits = rig.store.commits();
    let commit = commits.iter().find(|commit| commit.events.iter().any(|event| &*event.meaning.kind == "gap"));
    let origins: Vec<_> = commit.unwrap().events.iter().map(|event| event.origin.as_str()).collect();
    let first_difference = origins.iter().position(|origin| *origin == "snapshot");
    assert_eq!(origins.iter().filter(|origin| **origin == "snapshot").count(), snapshot.len());
    assert!(first_difference > origins.iter().position(|origin| *origin == "engine"));
}

#[test]
fn a_half_open_socket_is_found_in_time_to_resume() {
    let mut rig = walking(Plan::new(options()).brisk(), 100.0);
    let begun = Instant::now();
    rig.sim.drop_sockets(DropHow::HalfOpen);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 1);
    assert!(begun.elapsed() < WINDOW);
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps), (1, 0), "{report}");
    let told = rig.lines_of("engine.connection");
    assert!(told.iter().any(|line| line.data["reason"].as_str().unwrap().contains("silent")), "{told:?}");
}

#[test]
fn without_an_event_yet_a_break_is_a_new_session_and_a_gap() {
    let mut rig = Rig::online(options());
    rig.sim.drop_sockets(DropHow::Reset);
    rig.wait_sessions(2);
    rig.walk(100.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 20);
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (2, 0, 1), "{report}");
    assert_eq!(rig.lines_of("gap")[0].data["reason"], "nothing_to_resume_from");
}

#[test]
fn a_first_session_that_told_an_event_and_is_lost_before_its_confirmation_is_a_gap() {
    // Its confirmation waits for 150 ms, while events come.
    let plan = Plan::new(Options { faults: vec!["reply-out-of-order".parse().unwrap()], ..options() });
    let mut rig = plan.engine(|engine| engine.name_wait = std::time::Duration::ZERO).start();
    rig.walk(500.0);
    eventually(DEADLINE, "an event", || rig.lines().iter().any(|line| line.origin == "live"));
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Reset);
    rig.wait_sessions(2);
    rig.sim.clear(FaultKind::ReplyOutOfOrder);
    let report = rig.settle();
    assert_eq!((rig.resumes(), report.gaps), (0, 1), "{report}{}", rig.story());
}

#[test]
fn a_break_while_states_are_awaited_resumes_the_new_session_and_tells_the_first_gap_once() {
    let mut rig = walking(Plan::new(options()), 200.0);
    rig.sim.inject("slow-state=10s".parse().unwrap());
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Reset);
    rig.wait_sessions(2);
    rig.wait_for(ConnectionState::Online);
    let before = rig.info().status.events;
    eventually(DEADLINE, "events of the new session", || rig.info().status.events > before + 20);
    assert!(rig.lines_of("gap").is_empty(), "a gap is told with the states");
    rig.sim.clear(FaultKind::SlowState);
    rig.sim.drop_sockets(DropHow::Reset);
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (2, 1, 1), "{report}{}", rig.story());
}

#[test]
fn a_second_lost_session_before_the_states_extends_the_same_gap() {
    let mut rig = walking(Plan::new(options()), 200.0);
    rig.sim.inject("slow-state=10s".parse().unwrap());
    for session in 2..=3 {
        rig.sim.forget_sessions();
        rig.sim.drop_sockets(DropHow::Reset);
        rig.wait_sessions(session);
        let asked = || rig.sim.counters().commands["getState"];
        eventually(DEADLINE, "the states are asked for", || asked() >= session as u64);
    }
    rig.sim.clear(FaultKind::SlowState);
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Reset);
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps, report.expected_gaps), (4, 1, 1), "{report}{}", rig.story());
}

#[test]
fn a_replay_in_a_message_that_is_too_large_is_a_gap_and_no_loop() {
    let plan = Plan::new(expiring()).connection(|connection| connection.common.max_message = ByteSize::mib(1));
    let mut rig = walking(plan, 100.0);
    rig.rest();
    rig.settle();
    rig.sim.pause_listening();
    rig.wait_for(ConnectionState::Delayed);
    // One in sixteen of these events has some hundred KiB, and a replay is one message.
    rig.sim.inject("big-events".parse().unwrap());
    rig.sim.emit(120);
    rig.sim.clear(FaultKind::BigEvents);
    rig.sim.resume_listening().unwrap();
    eventually(DEADLINE, "a session that is not resumed", || rig.sessions() == 2);
    rig.walk(100.0);
    let report = rig.settle();
    assert!(report.gaps == 1 && report.in_gaps > 0, "{report}{}", rig.story());
}

#[test]
fn a_server_that_refuses_or_drops_is_never_tried_faster_than_the_back_off() {
    let mut rig = walking(Plan::new(options()), 50.0);
    // Inside the window of 2 s the steps are 67, 133, 200, 200 … ms, less a quarter at most.
    for (fault, least) in [("refuse-upgrade=503", 50 * MS), ("drop-after-subscribe", 50 * MS)] {
        let before = rig.sim.counters().upgrades.len();
        rig.sim.inject(fault.parse().unwrap());
        rig.sim.forget_sessions();
        rig.sim.drop_sockets(DropHow::Reset);
        pace(WINDOW + 500 * MS);
        let upgrades: Vec<_> = rig.sim.counters().upgrades.iter().skip(before).map(|upgrade| upgrade.at).collect();
        assert!((3..=18).contains(&upgrades.len()), "{fault}: {} tries", upgrades.len());
        let pauses: Vec<_> = upgrades.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| *pause >= least), "{fault}: {pauses:?}");
        // From the third on the full step, but for one or two tries shortly before the window ends.
        let short = pauses.iter().skip(2).filter(|pause| **pause < 3 * least).count();
        assert!(short <= 2, "{fault}: {pauses:?}");
        rig.sim.clear(fault.parse::<watchpost::simulator::milestone::Fault>().unwrap().kind());
        rig.wait_for(ConnectionState::Online);
    }
    assert_eq!(rig.sim.counters().logins.len(), 1);
    rig.settle();
}
