//! Names: they come when they can, and never hold the stream up.

use std::time::Duration;

use watchpost::actors::model::filter::Filter;
use watchpost::simulator::milestone::{FaultKind, Options};

use crate::breaks::walking;
use crate::common::{DEADLINE, NAME_WAIT, Plan, Rig, SECOND, eventually, options, raw_lines};

/// Whether every item with a state has its name.
pub(crate) fn all_named(rig: &Rig) -> bool {
    let states = rig.engine().states().query(&Filter::everything());
    states.iter().all(|state| state.item.name.is_some() && state.meaning.name.is_some())
}

#[test]
fn while_rest_is_down_events_go_on_without_names_and_names_come_when_it_is_back() {
    let plan = Plan::new(Options { faults: vec!["rest-hang".parse().unwrap()], ..options() });
    // No call may fail meanwhile, on a slow machine either: an id whose look-up failed is left alone for a minute.
    let mut rig = plan.connection(|connection| connection.common.request_timeout = 120 * SECOND).start();
    rig.wait_online();
    rig.walk(200.0);
    eventually(DEADLINE, "events without names", || rig.info().status.events > 400);
    let lines = raw_lines(&rig.store);
    assert!(lines.iter().all(|line| line.get("itemname").is_none()));
    assert!(lines.iter().any(|line| line["type"] == "motion.started"), "built-in types need no look-up");
    let stored = rig.store.stored();
    let longest = stored.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < NAME_WAIT + Duration::from_millis(200), "{longest:?}");
    rig.sim.clear(FaultKind::RestHang);
    eventually(DEADLINE, "all names", || all_named(&rig));
    let before = raw_lines(&rig.store).len();
    eventually(DEADLINE, "further events", || raw_lines(&rig.store).len() > before + 50);
    let later = raw_lines(&rig.store).split_off(before);
    assert!(later.iter().any(|line| line["itemname"].is_string()));
    let report = rig.settle();
    assert_eq!((report.gaps, report.received), (0, report.sent), "{report}");
}

#[test]
fn a_renamed_item_is_called_by_its_new_name() {
    let mut rig = walking(Plan::new(options()), 100.0);
    eventually(DEADLINE, "all names", || all_named(&rig));
    let camera = rig.sim.sources("cameras").remove(5);
    let named = |rig: &Rig| rig.engine().states().item("hq", &camera)[0].item.name.clone().unwrap_or_default();
    assert_eq!(*named(&rig), *rig.sim.name_of(&camera).unwrap());
    rig.sim.rename_item(&camera, "Vault \"7\" é");
    eventually(DEADLINE, "the new name", || *named(&rig) == *"Vault \"7\" é");
    rig.rest();
    rig.sim.emit_one(&camera, "MotionStarted").unwrap();
    eventually(DEADLINE, "an event with the new name", || {
        let lines = raw_lines(&rig.store);
        let last = lines.iter().rfind(|line| line["subject"] == *camera && line["type"] == "motion.started");
        last.is_some_and(|line| line["itemname"] == "Vault \"7\" é")
    });
    rig.settle();
}
