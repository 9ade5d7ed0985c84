//! What is subscribed to.

use watchpost::actors::model::ConnectionState;
use watchpost::actors::vendors::milestone::config::{EventType, FilterRow, Modifier, Selection};

use crate::common::{DEADLINE, Plan, Rig, eventually, everything, options};

fn subscribed(rows: Vec<FilterRow>) -> Rig {
    Plan::new(options()).vendor(move |vendor| vendor.subscribe = rows.clone()).start()
}

fn events(names: &[&str]) -> Selection<EventType> {
    Selection::Only(names.iter().map(|name| EventType::Name((*name).to_owned())).collect())
}

#[test]
fn event_types_can_be_named_as_people_name_them() {
    let mut row = everything();
    row.events = events(&["Motion Started", "motionstopped"]);
    let mut rig = subscribed(vec![row]);
    rig.wait_online();
    rig.walk(300.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 100);
    rig.settle();
    let lines = rig.lines();
    let kinds: std::collections::BTreeSet<_> =
        lines.iter().filter(|line| line.origin == "live").map(|line| line.kind.as_str()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["motion.started", "motion.stopped"]);
    assert!(rig.sim.counters().generated > 120, "there was more than that");
}

#[test]
fn an_unknown_event_type_halts_with_a_hint() {
    let mut row = everything();
    row.events = events(&["Motoin Started"]);
    let rig = subscribed(vec![row]);
    rig.wait_for(ConnectionState::Halted);
    let reason = rig.reason();
    assert!(reason.contains("Motoin Started") && reason.contains("do you mean"), "{reason}");
    assert_eq!(rig.sim.counters().upgrades.len(), 0);
}

#[test]
fn what_is_excluded_does_not_come() {
    let sim = watchpost::simulator::milestone::Simulator::start(options()).unwrap();
    // The same seed makes the same ids.
    let camera = sim.sources("cameras").remove(0);
    let id = camera.strip_prefix("cameras/").unwrap().parse().unwrap();
    let mut exclude = everything();
    (exclude.modifier, exclude.sources) = (Modifier::Exclude, Selection::Only(vec![id]));
    let mut include = everything();
    include.resource_types = Selection::Only(vec!["cameras".to_owned(), "outputs".to_owned()]);
    let mut rig = subscribed(vec![exclude, include]);
    rig.wait_online();
    rig.sim.emit_one(&camera, "MotionStarted").unwrap();
    rig.walk(300.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 200);
    let report = rig.settle();
    assert!((report.sent as u64) < rig.sim.counters().generated, "{report}");
    let of = |prefix: &str| {
        rig.states().iter().filter(|state| state.item.starts_with(prefix)).count()
            + crate::common::raw_lines(&rig.store)
                .iter()
                .filter(|line| line["subject"].as_str().is_some_and(|subject| subject.starts_with(prefix)))
                .count()
    };
    assert_eq!((of(&camera), of("hardware"), of("inputEvents")), (0, 0, 0));
    assert!(of("cameras/") > 0);
}
