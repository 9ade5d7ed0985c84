//! Subscriptions that come and go while a session lives.

use std::collections::BTreeSet;
use std::thread;

use watchpost::actors::messages::{
    AddSubscription, AddedSubscription, PanicConnection, RemoveConnection, RemoveSubscription, Standing,
    SubscriptionError,
};
use watchpost::actors::model::{ConnectionState, SubscriptionId};
use watchpost::actors::vendors::milestone::config::{EventType, FilterRow, Modifier, Selection};
use watchpost::simulator::milestone::{DropHow, FaultKind, Options};

use crate::common::{DEADLINE, HQ, Plan, Rig, block_on, eventually, everything, expiring, named, options};

/// All of some kinds of items.
fn kinds(kinds: &[&str]) -> FilterRow {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    FilterRow { resource_types: Selection::Only(kinds), ..everything() }
}

/// Subscribed to cameras alone by its settings.
fn cameras(options: Options) -> Plan {
    Plan::new(options).vendor(|vendor| vendor.subscribe = vec![kinds(&["cameras"])])
}

fn try_add(rig: &Rig, filters: Vec<FilterRow>) -> Result<AddedSubscription, SubscriptionError> {
    block_on(rig.engine().send(AddSubscription { connection: named(HQ), filters })).unwrap()
}

fn add(rig: &Rig, filters: Vec<FilterRow>) -> SubscriptionId {
    let added = try_add(rig, filters).unwrap();
    assert_eq!(added.standing, Standing::Confirmed);
    added.id
}

fn try_remove(rig: &Rig, id: SubscriptionId) -> Result<Standing, SubscriptionError> {
    block_on(rig.engine().send(RemoveSubscription { connection: named(HQ), id })).unwrap()
}

/// The states that are known of one kind of item.
fn known(rig: &Rig, kind: &str) -> usize {
    let of_kind = |item: &str| item.split('/').next() == Some(kind);
    rig.states().iter().filter(|state| of_kind(&state.item) && state.value != "unknown").count()
}

/// The states that the system has of one kind of item.
fn there(rig: &Rig, kind: &str) -> usize {
    rig.sim.states().keys().filter(|(item, _)| item.split('/').next() == Some(kind)).count()
}

fn wait_known(rig: &Rig, kind: &str) {
    let all = there(rig, kind);
    assert!(all > 0, "{kind} have states");
    eventually(DEADLINE, &format!("the states of {kind}"), || known(rig, kind) == all);
}

fn wait_unknown(rig: &Rig, kind: &str) {
    eventually(DEADLINE, &format!("no state of {kind} is known any more"), || known(rig, kind) == 0);
}

/// The kinds of items of which live events have come.
fn heard_of(rig: &Rig) -> BTreeSet<String> {
    let lines = crate::common::raw_lines(&rig.store);
    let live = lines.iter().filter(|line| line["origin"] == "live");
    live.filter_map(|line| line["subject"].as_str()?.split('/').next().map(str::to_owned)).collect()
}

fn wait_for_events_of(rig: &Rig, kind: &str) {
    eventually(DEADLINE, &format!("events of {kind}"), || heard_of(rig).contains(kind));
}

/// Live subscriptions of the last session, as the gateway has them.
fn at_the_gateway(rig: &Rig) -> usize {
    let sessions = rig.sim.ledger().sessions;
    let last = sessions.iter().rev().find(|session| session.subscribed.is_some());
    last.map_or(0, |last| last.subscriptions.iter().filter(|subscription| subscription.until.is_none()).count())
}

/// Online with events, so that a break can be resumed.
fn walking(plan: Plan) -> Rig {
    let mut rig = plan.start();
    rig.wait_online();
    rig.walk(200.0);
    eventually(DEADLINE, "the first events", || rig.info().status.events > 10);
    rig
}

#[test]
fn what_is_added_brings_events_and_states_and_no_gap() {
    let mut rig = walking(cameras(options()));
    assert_eq!(known(&rig, "hardware"), 0);
    add(&rig, vec![kinds(&["hardware"])]);
    wait_known(&rig, "hardware");
    wait_for_events_of(&rig, "hardware");
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 0, 0), "{report}{}", rig.story());
    let first = rig.lines().into_iter().filter(|line| line.kind == "state.unknown").count();
    assert_eq!(first, 0, "a state that is taken for the first time is no event");
}

#[test]
fn what_is_removed_is_unknown_with_events_and_brings_no_more() {
    let mut rig = walking(cameras(options()));
    let id = add(&rig, vec![kinds(&["hardware"])]);
    wait_known(&rig, "hardware");
    rig.rest();
    let had = known(&rig, "hardware");
    let cameras = known(&rig, "cameras");
    assert_eq!(try_remove(&rig, id), Ok(Standing::Confirmed));
    wait_unknown(&rig, "hardware");
    assert_eq!(rig.lines_of("state.unknown").len(), had);
    assert_eq!(known(&rig, "cameras"), cameras, "what the settings cover stays");
    let of_hardware = |rig: &Rig| {
        let lines = crate::common::raw_lines(&rig.store);
        lines.iter().filter(|line| line["subject"].as_str().is_some_and(|item| item.starts_with("hardware/"))).count()
    };
    let before = of_hardware(&rig);
    rig.sim.emit(300);
    let report = rig.settle();
    assert_eq!((of_hardware(&rig), rig.sessions(), report.gaps), (before, 1, 0), "{report}");
    assert_eq!(try_remove(&rig, id), Err(SubscriptionError::UnknownSubscription { connection: named(HQ), id }));
}
