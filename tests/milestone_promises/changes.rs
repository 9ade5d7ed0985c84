//! Subscriptions that come and go while a session lives.

use std::collections::BTreeSet;
use std::thread;

use watchpost::actors::ConnectionConfig;
use watchpost::actors::messages::{
    AddConnection, AddSubscription, AddedSubscription, PanicConnection, RemoveSubscription, Standing, SubscriptionError,
};
use watchpost::actors::model::{ConnectionState, SubscriptionId};
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::milestone::config::{EventType, FilterRow, Modifier, Selection};
use watchpost::actors::vendors::vxg::{Vxg, VxgConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
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
    block_on(rig.engine().send(AddSubscription { connection: named(HQ), filters: filters.into() })).unwrap()
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

/// How many events of one kind of item have come live.
fn live_of(rig: &Rig, kind: &str) -> usize {
    let of_kind = |line: &&serde_json::Value| {
        let item = line["subject"].as_str().unwrap_or_default();
        line["origin"] == "live" && item.split('/').next() == Some(kind)
    };
    crate::common::raw_lines(&rig.store).iter().filter(of_kind).count()
}

fn wait_for_events_of(rig: &Rig, kind: &str) {
    let before = live_of(rig, kind);
    eventually(DEADLINE, &format!("events of {kind}"), || live_of(rig, kind) > before);
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

#[test]
fn what_was_added_is_made_again_in_a_new_session() {
    let mut rig = walking(cameras(options()));
    add(&rig, vec![kinds(&["hardware"])]);
    add(&rig, vec![kinds(&["outputs"])]);
    wait_known(&rig, "hardware");
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Reset);
    rig.wait_sessions(2);
    eventually(DEADLINE, "all subscriptions", || at_the_gateway(&rig) == 3);
    wait_for_events_of(&rig, "hardware");
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps), (2, 1), "{report}{}", rig.story());
    assert_eq!(known(&rig, "hardware"), there(&rig, "hardware"));
}

#[test]
fn what_was_added_is_still_there_in_a_resumed_session_and_not_made_twice() {
    let mut rig = walking(cameras(options()));
    let id = add(&rig, vec![kinds(&["hardware"])]);
    for resumes in 1..=3 {
        rig.sim.drop_sockets(DropHow::Reset);
        eventually(DEADLINE, "the session is resumed", || rig.resumes() == resumes);
        rig.wait_for(ConnectionState::Online);
    }
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps, at_the_gateway(&rig)), (1, 0, 2), "{report}{}", rig.story());
    assert_eq!(rig.sim.counters().commands["addSubscription"], 2);
    assert_eq!(try_remove(&rig, id), Ok(Standing::Confirmed), "by the same id");
    wait_unknown(&rig, "hardware");
    rig.settle();
}

#[test]
fn an_event_that_two_subscriptions_want_is_told_once() {
    let options = Options { faults: vec!["told-twice".parse().unwrap()], ..options() };
    let mut rig = walking(cameras(options));
    let id = add(&rig, vec![everything()]);
    wait_known(&rig, "hardware");
    eventually(DEADLINE, "events that come twice", || rig.sim.counters().resent > 50);
    rig.sim.drop_sockets(DropHow::Reset);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 1);
    let report = rig.settle();
    assert_eq!((report.repeated_ids.len(), report.received, report.gaps), (0, report.sent, 0), "{report}");
    // What the settings cover too stays known, what only this one covered does not.
    assert_eq!(try_remove(&rig, id), Ok(Standing::Confirmed));
    wait_unknown(&rig, "hardware");
    assert_eq!(known(&rig, "cameras"), there(&rig, "cameras"));
    rig.sim.emit(100);
    rig.settle();
}

#[test]
fn a_refusal_is_told_to_who_asked_and_changes_nothing() {
    let mut rig = walking(cameras(options()));
    let id = add(&rig, vec![kinds(&["hardware"])]);
    wait_known(&rig, "hardware");
    for (fault, retryable) in [("subscription-refused=400", false), ("subscription-refused=503", true)] {
        rig.sim.inject(fault.parse().unwrap());
        let error = try_add(&rig, vec![kinds(&["outputs"])]).unwrap_err();
        assert_eq!(error.is_retryable(), retryable, "{error}");
        assert!(error.to_string().contains("could not be added"), "with the gateway's words: {error}");
        rig.sim.clear(FaultKind::SubscriptionRefused);
    }
    assert_eq!((known(&rig, "hardware"), known(&rig, "outputs")), (there(&rig, "hardware"), 0));
    let before = rig.info().status.events;
    eventually(DEADLINE, "events go on", || rig.info().status.events > before + 20);
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps, at_the_gateway(&rig)), (1, 0, 0, 2), "{report}");
    // It is not wanted any more: a new session does not ask for it.
    rig.sim.forget_sessions();
    rig.sim.drop_sockets(DropHow::Reset);
    rig.wait_sessions(2);
    rig.settle();
    assert_eq!(at_the_gateway(&rig), 2);
    assert_eq!(try_remove(&rig, id), Ok(Standing::Confirmed));
}

#[test]
fn what_would_deliver_nothing_is_not_sent() {
    let rig = cameras(options()).start();
    rig.wait_online();
    let exclude = FilterRow { modifier: Modifier::Exclude, ..everything() };
    let no_source = FilterRow { sources: Selection::Only(Vec::new()), ..everything() };
    for filters in [vec![], vec![exclude], vec![everything(), no_source], vec![kinds(&[])], vec![kinds(&[" "])]] {
        let error = try_add(&rig, filters.clone()).unwrap_err();
        assert!(matches!(error, SubscriptionError::Invalid(_)) && !error.is_retryable(), "{filters:?}: {error}");
    }
    assert_eq!(rig.sim.counters().commands["addSubscription"], 1);
}

#[test]
fn who_asks_for_what_is_not_there_is_told_so() {
    let rig = cameras(options()).start();
    rig.wait_online();
    let mut config = VxgConfig::new(Secret::from("token"));
    config.url = Some("http://127.0.0.1:9/".parse().unwrap());
    let (name, vendor) = (named("cloud"), VendorSettings::Vxg(Box::new(config)));
    let other = ConnectionConfig { name, common: CommonSettings::new(Vxg::HEARTBEAT), vendor };
    block_on(rig.engine().send(AddConnection(other))).unwrap().unwrap();
    let add = |connection: &str| {
        let ask = AddSubscription { connection: named(connection), filters: vec![everything()].into() };
        block_on(rig.engine().send(ask)).unwrap().unwrap_err()
    };
    assert!(matches!(add("nowhere"), SubscriptionError::Unknown(_)));
    assert!(matches!(add("cloud"), SubscriptionError::NotThisVendor { vendor: "vxg", .. }));
    let id = self::add(&rig, vec![kinds(&["outputs"])]);
    let remove = |connection: &str| {
        block_on(rig.engine().send(RemoveSubscription { connection: named(connection), id })).unwrap().unwrap_err()
    };
    assert!(matches!(remove("nowhere"), SubscriptionError::Unknown(_)));
    assert!(matches!(remove("cloud"), SubscriptionError::NotThisVendor { vendor: "vxg", .. }));
    assert_eq!(try_remove(&rig, id), Ok(Standing::Confirmed));
    assert!(matches!(try_remove(&rig, id), Err(SubscriptionError::UnknownSubscription { .. })));
}

#[test]
fn event_types_can_be_named_in_what_is_added_and_a_wrong_name_is_told() {
    let mut rig = walking(cameras(options()));
    let of = |name: &str| {
        let events = Selection::Only(vec![EventType::Name(name.to_owned())]);
        vec![FilterRow { events, ..kinds(&["outputs"]) }]
    };
    let error = try_add(&rig, of("Output Activatde")).unwrap_err();
    assert!(matches!(error, SubscriptionError::UnknownType { .. }), "{error}");
    assert!(error.to_string().contains("did you mean"), "{error}");
    add(&rig, of("Output Activated"));
    wait_for_events_of(&rig, "outputs");
    rig.settle();
    let outputs: BTreeSet<_> =
        rig.lines().into_iter().filter(|line| line.kind.starts_with("output.")).map(|line| line.kind).collect();
    assert_eq!(outputs.into_iter().collect::<Vec<_>>(), ["output.activated"]);
}

#[test]
fn a_change_while_the_connection_is_away_is_taken_in_and_made_when_it_is_back() {
    let mut rig = walking(cameras(options()));
    let gone = add(&rig, vec![kinds(&["hardware"])]);
    wait_known(&rig, "hardware");
    rig.sim.pause_listening();
    rig.wait_for(ConnectionState::Delayed);
    let added = try_add(&rig, vec![kinds(&["outputs"])]).unwrap();
    assert_eq!(added.standing, Standing::Pending);
    assert_eq!(try_remove(&rig, gone), Ok(Standing::Pending));
    rig.sim.resume_listening().unwrap();
    wait_known(&rig, "outputs");
    wait_unknown(&rig, "hardware");
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{report}{}", rig.story());
    assert_eq!(try_remove(&rig, added.id), Ok(Standing::Confirmed));
}

#[test]
fn who_adds_is_answered_when_the_socket_is_lost_meanwhile_and_gets_what_was_asked_for() {
    let mut rig = walking(cameras(options()));
    rig.sim.inject("subscribe-lost=1".parse().unwrap());
    let added = try_add(&rig, vec![kinds(&["hardware"])]).unwrap();
    assert_eq!(added.standing, Standing::Pending);
    wait_known(&rig, "hardware");
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{report}{}", rig.story());
    // The gateway has two now, of which one has a name that nobody was told. Neither lingers.
    assert_eq!(try_remove(&rig, added.id), Ok(Standing::Pending));
    wait_unknown(&rig, "hardware");
    rig.sim.emit(100);
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps, at_the_gateway(&rig)), (2, 1, 1), "{report}{}", rig.story());
}

#[test]
fn a_removal_whose_answer_is_lost_costs_nothing() {
    let mut rig = walking(cameras(options()));
    let id = add(&rig, vec![kinds(&["hardware"])]);
    wait_known(&rig, "hardware");
    rig.sim.inject("remove-lost=1".parse().unwrap());
    assert_eq!(try_remove(&rig, id), Ok(Standing::Pending));
    wait_unknown(&rig, "hardware");
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{report}{}", rig.story());
    assert_eq!(rig.sim.counters().commands["removeSubscription"], 2);
}

#[test]
fn a_gateway_that_does_not_remove_costs_one_session_and_one_gap() {
    for (fault, resumes) in [("remove-refused=404", 0), ("remove-refused=400", 0), ("remove-unknown", 2)] {
        let mut rig = walking(cameras(options()));
        let id = add(&rig, vec![kinds(&["hardware"])]);
        let stays = add(&rig, vec![kinds(&["outputs"])]);
        wait_known(&rig, "outputs");
        rig.sim.inject(fault.parse().unwrap());
        assert_eq!(try_remove(&rig, id), Ok(Standing::Pending), "{fault}");
        rig.wait_sessions(2);
        wait_unknown(&rig, "hardware");
        let report = rig.settle();
        let story = rig.story();
        assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (2, resumes, 1), "{fault}: {report}{story}");
        assert_eq!(rig.lines_of("gap")[0].data["reason"], "subscription_changed", "{fault}");
        assert_eq!((at_the_gateway(&rig), known(&rig, "outputs")), (2, there(&rig, "outputs")), "{fault}");
        rig.sim.emit(50);
        rig.settle();
        assert_eq!(rig.sessions(), 2, "{fault}: and that is all");
        assert!(try_remove(&rig, stays).is_ok());
    }
}

#[test]
fn a_restart_of_the_program_leaves_nothing_of_it_in_a_session_that_lives_on() {
    let mut rig = walking(cameras(options()));
    let id = add(&rig, vec![kinds(&["hardware"])]);
    wait_known(&rig, "hardware");
    rig.shut_down();
    rig.start_engine();
    wait_unknown(&rig, "hardware");
    eventually(DEADLINE, "it is removed", || at_the_gateway(&rig) == 1);
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{report}{}", rig.story());
    assert!(matches!(try_remove(&rig, id), Err(SubscriptionError::UnknownSubscription { .. })));
}

#[test]
fn a_panic_of_the_connection_keeps_what_was_added() {
    let mut rig = walking(cameras(options()));
    let id = add(&rig, vec![kinds(&["hardware"])]);
    wait_known(&rig, "hardware");
    block_on(rig.engine().send(PanicConnection(named(HQ)))).unwrap().unwrap();
    eventually(DEADLINE, "it is started again", || rig.info().restarts == 1 && rig.resumes() == 1);
    rig.wait_for(ConnectionState::Online);
    rig.settle();
    assert_eq!((at_the_gateway(&rig), rig.sessions()), (2, 1));
    assert_eq!(try_remove(&rig, id), Ok(Standing::Confirmed));
    wait_unknown(&rig, "hardware");
}

#[test]
fn many_at_once_are_all_answered_and_all_in_force() {
    let mut rig = walking(cameras(options()));
    let all: Vec<_> = ["hardware", "outputs", "inputEvents", "microphones", "recordingServers"].into();
    let asks = all.iter().map(|kind| {
        let (engine, filters) = (rig.engine().clone(), vec![kinds(&[kind])].into());
        let ask = AddSubscription { connection: named(HQ), filters };
        thread::spawn(move || block_on(engine.send(ask)).unwrap().unwrap())
    });
    let added: Vec<_> = asks.collect::<Vec<_>>().into_iter().map(|ask| ask.join().unwrap()).collect();
    assert!(added.iter().all(|added| added.standing == Standing::Confirmed), "{added:?}");
    let added: Vec<_> = added.into_iter().map(|added| added.id).collect();
    assert_eq!(added.iter().collect::<BTreeSet<_>>().len(), all.len());
    wait_known(&rig, "hardware");
    wait_known(&rig, "outputs");
    rig.settle();
    let asks = added.iter().map(|id| {
        let (engine, ask) = (rig.engine().clone(), RemoveSubscription { connection: named(HQ), id: *id });
        thread::spawn(move || assert_eq!(block_on(engine.send(ask)).unwrap(), Ok(Standing::Confirmed)))
    });
    asks.collect::<Vec<_>>().into_iter().for_each(|ask| ask.join().unwrap());
    wait_unknown(&rig, "hardware");
    wait_unknown(&rig, "outputs");
    rig.sim.emit(100);
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps, at_the_gateway(&rig)), (1, 0, 1), "{report}");
}

#[test]
fn one_that_is_refused_in_a_new_session_keeps_the_connection_online() {
    let mut rig = walking(cameras(expiring()));
    rig.sim.pause_listening();
    rig.wait_for(ConnectionState::Delayed);
    let wrong = Selection::Only(vec![EventType::Name("no such type".to_owned())]);
    let added = try_add(&rig, vec![FilterRow { events: wrong, ..everything() }]).unwrap();
    assert_eq!(added.standing, Standing::Pending);
    rig.sim.forget_sessions();
    rig.sim.resume_listening().unwrap();
    rig.wait_sessions(2);
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps, at_the_gateway(&rig)), (2, 1, 1), "{report}{}", rig.story());
    assert_eq!(try_remove(&rig, added.id), Ok(Standing::Confirmed));
}
