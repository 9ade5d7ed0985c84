//! Taking the states.

use watchpost::actors::vendors::milestone::config::Selection;
use watchpost::simulator::milestone::{DropHow, FaultKind, Options};

use crate::breaks::walking;
use crate::common::{DEADLINE, MS, Plan, SECOND, eventually, everything, options, pace};

#[test]
fn a_slow_answer_is_not_taken_for_death() {
    let faults = ["slow-state=1500ms", "no-pong"].map(|fault| fault.parse().unwrap()).to_vec();
    let mut rig = Plan::new(Options { faults, ..options() }).brisk().start();
    eventually(DEADLINE, "the states are asked for", || rig.sim.counters().commands.contains_key("getState"));
    // Twice as long as a quiet socket is trusted.
    pace(1_200 * MS);
    rig.sim.clear(FaultKind::NoPong);
    rig.wait_online();
    rig.walk(100.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 10);
    rig.settle();
    assert_eq!(rig.sim.counters().upgrades.len(), 1, "it was never given up\n{}", rig.story());
}

#[test]
fn sixteen_thousand_states_in_one_message_are_taken_while_pings_go_on() {
    let faults = vec!["slow-state=700ms".parse().unwrap()];
    let plan = Plan::new(Options { items: 2_659, faults, ..options() });
    // A simulator of this size, not optimised, may itself be busy for longer than the usual time of these tests.
    let mut rig = plan.connection(|connection| connection.common.dead_after = 5 * SECOND).start();
    eventually(DEADLINE, "the states are asked for", || rig.sim.counters().commands.contains_key("getState"));
    eventually(DEADLINE, "pings while the answer is awaited", || rig.sim.counters().pings > 1);
    assert_eq!(rig.engine().states().count("hq"), 0);
    let all = rig.sim.states().len();
    assert!(all > 16_000);
    eventually(DEADLINE, "all states", || rig.engine().states().count("hq") == all);
    let pings = rig.sim.counters().pings;
    eventually(DEADLINE, "pings afterwards", || rig.sim.counters().pings > pings + 1);
    assert_eq!(rig.sim.counters().upgrades.len(), 1, "it was never given up\n{}", rig.story());
    let lines: Vec<_> = rig.lines().into_iter().map(|line| (line.kind, line.data)).collect();
    assert_eq!(lines.len(), 1, "no event, but `online`: {lines:?}");
    rig.sim.emit(200);
    rig.settle();
}

#[test]
fn an_answer_without_any_state_makes_nothing_known_and_nothing_unknown() {
    let mut row = everything();
    row.resource_types = Selection::Only(vec!["userDefinedEvents".to_owned()]);
    let plan = Plan::new(options()).vendor(move |vendor| vendor.subscribe = vec![row.clone()]);
    let mut rig = plan.start();
    eventually(DEADLINE, "the states are asked for", || rig.sim.counters().commands.contains_key("getState"));
    rig.walk(500.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 5);
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Fin);
    rig.wait_sessions(2);
    let report = rig.settle();
    assert_eq!((report.gaps, rig.states().len()), (1, 0), "{report}");
    assert!(rig.lines().iter().all(|line| line.origin != "snapshot"));
}

#[test]
fn a_refused_snapshot_never_makes_states_unknown() {
    let plan = Plan::new(options()).vendor(|vendor| vendor.snapshot_timeout = SECOND);
    let mut rig = walking(plan, 100.0);
    rig.sim.inject("state-refused=500".parse().unwrap());
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Reset);
    rig.wait_sessions(2);
    eventually(DEADLINE, "the gap is told without the states", || rig.lines_of("gap").len() == 1);
    assert_eq!(rig.lines_of("gap")[0].data["recovered"], "nothing");
    assert!(rig.states().iter().all(|state| state.value != "unknown"));
    rig.sim.clear(FaultKind::StateRefused);
    let report = rig.settle();
    assert_eq!(report.gaps, 1, "{report}");
}
