//! What happens when one of several gateways is away.

use std::time::{Duration, Instant};

use watchpost::actors::model::ConnectionState;
use watchpost::actors::settings::Secret;
use watchpost::actors::{Engine, EngineHandle};
use watchpost::simulator::milestone::{DropHow, Fault, FaultKind, Options, Simulator};

use crate::breaks::walking;
use crate::common::{
    DEADLINE, MS, Plan, Rig, SECOND, Store, block_on, connection, engine, eventually, options, pace, vendor,
};
use crate::names::all_named;

/// The resume window of these tests: a second stands for five.
const WINDOW: Duration = Duration::from_secs(6);
/// Within this a session is at another gateway, whatever keeps the first one from its work: the silence that is borne, and two tries.
const FAST: Duration = Duration::from_secs(4);
const ALL: [usize; 3] = [1, 2, 3];

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

/// A system with three gateways, which keeps sessions for longer than the engine counts on.
fn three(more: &[&str]) -> Options {
    let faults = ["several-gateways=3"].iter().chain(more).map(|text| fault(text)).collect();
    Options { faults, window: 3 * WINDOW, ..options() }
}

fn plan(more: &[&str]) -> Plan {
    Plan::new(three(more)).connection(|connection| {
        connection.common.dead_after = 600 * MS;
        if let watchpost::actors::vendors::VendorSettings::Milestone(vendor) = &mut connection.vendor {
            vendor.resume_window = WINDOW;
        }
    })
}

/// The gateway at which the sockets are.
fn in_use(sim: &Simulator) -> usize {
    *ALL.iter().max_by_key(|number| sim.sockets_at(**number)).unwrap()
}

/// Has the gateway in use fail, and waits until there is a session at another one. Which it was, and how long that took.
fn moved(rig: &Rig, fail: impl FnOnce(usize)) -> (usize, Duration) {
    let (before, begun) = (in_use(&rig.sim), Instant::now());
    let (sessions, resumes) = (rig.sessions(), rig.resumes());
    fail(before);
    eventually(DEADLINE, "a session at another gateway", || {
        let others: usize =
            ALL.iter().filter(|number| **number != before).map(|number| rig.sim.sockets_at(*number)).sum();
        others == 1 && (rig.sessions() > sessions || rig.resumes() > resumes)
    });
    let took = begun.elapsed();
    rig.wait_for(ConnectionState::Online);
    (before, took)
}

#[test]
fn a_gateway_that_dies_costs_no_event_where_sessions_are_shared() {
    let mut rig = walking(plan(&[]), 100.0);
    let (dead, took) = moved(&rig, |number| rig.sim.pause_gateway(number));
    assert!(took < FAST, "{took:?}{}", rig.story());
    assert_ne!(in_use(&rig.sim), dead);
    assert!(rig.reason().contains("one of 3 gateways"), "{}", rig.reason());
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{report}{}", rig.story());
    assert_eq!((report.received, rig.sim.counters().logins.len()), (report.sent, 1));
}

#[test]
fn a_gateway_that_dies_costs_one_gap_and_no_wrong_state_where_sessions_are_not_shared() {
    let mut rig = walking(plan(&["gateways-apart"]), 100.0);
    let (_, took) = moved(&rig, |number| rig.sim.pause_gateway(number));
    assert!(took < FAST, "{took:?}{}", rig.story());
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (2, 0, 1), "{report}{}", rig.story());
    assert_eq!(rig.lines_of("gap")[0].data["reason"], "gateway_changed");
    assert_eq!(rig.sim.counters().logins.len(), 1);
}

#[test]
fn where_sessions_are_not_shared_a_broken_socket_alone_moves_nobody() {
    // How long a gateway may take follows from the window: long enough here that no slow machine is taken for a gateway that is away.
    let window = 5 * WINDOW;
    let patient =
        Plan::new(Options { window: 3 * window, ..three(&["gateways-apart"]) }).connection(move |connection| {
            if let watchpost::actors::vendors::VendorSettings::Milestone(vendor) = &mut connection.vendor {
                vendor.resume_window = window;
            }
        });
    let mut rig = walking(patient, 100.0);
    let before = in_use(&rig.sim);
    for _ in 0..3 {
        let resumes = rig.resumes();
        rig.sim.drop_sockets(DropHow::Reset);
        eventually(DEADLINE, "the session is resumed", || rig.resumes() > resumes);
    }
    let report = rig.settle();
    assert_eq!((in_use(&rig.sim), rig.sessions(), report.gaps), (before, 1, 0), "{report}{}", rig.story());
}

#[test]
fn a_gateway_that_hangs_or_refuses_is_left_within_the_window() {
    for (name, how) in
        [("gateway-hangs", None), ("gateway-busy", Some(DropHow::Reset)), ("gateway-refuses", Some(DropHow::Fin))]
    {
        let mut rig = walking(plan(&[]), 100.0);
        let (_, took) = moved(&rig, |number| {
            rig.sim.inject(fault(&format!("{name}={number}")));
            how.map(|how| rig.sim.drop_sockets(how));
        });
        assert!(took < FAST, "{name}: {took:?}{}", rig.story());
        let report = rig.settle();
        assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 1, 0), "{name}: {report}{}", rig.story());
        assert_eq!(rig.sim.counters().logins.len(), 1, "{name}");
    }
}

#[test]
fn the_gateway_that_is_back_is_not_returned_to_before_the_next_break() {
    let mut rig = walking(plan(&[]), 100.0);
    let (first, _) = moved(&rig, |number| rig.sim.pause_gateway(number));
    rig.sim.resume_listening().unwrap();
    let second = in_use(&rig.sim);
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 2);
    assert_eq!(in_use(&rig.sim), second, "a socket that breaks says nothing against its gateway");
    let (left, _) = moved(&rig, |number| {
        rig.sim.pause_gateway(number);
        for other in ALL.into_iter().filter(|other| *other != first) {
            rig.sim.pause_gateway(other);
        }
    });
    assert_eq!((left, in_use(&rig.sim)), (second, first), "it serves as well as any");
    let report = rig.settle();
    assert_eq!((rig.sessions(), rig.resumes(), report.gaps), (1, 3, 0), "{report}{}", rig.story());
}

#[test]
fn names_are_asked_for_at_the_gateway_that_is_in_use() {
    let mut rig = walking(plan(&[]), 100.0);
    eventually(DEADLINE, "all names", || all_named(&rig));
    moved(&rig, |number| rig.sim.pause_gateway(number));
    let camera = rig.sim.sources("cameras").remove(5);
    rig.sim.rename_item(&camera, "Vault");
    let named = || rig.engine().states().item("hq", &camera)[0].item.name.clone().unwrap_or_default();
    eventually(DEADLINE, "the new name", || *named() == *"Vault");
    rig.settle();
}

#[test]
fn gateways_that_go_away_one_after_the_other_and_come_back_cost_nothing() {
    let mut rig = walking(plan(&[]), 100.0);
    rig.sim.inject(fault("gateway-outage=2s"));
    eventually(DEADLINE, "three outages", || rig.resumes() >= 3);
    rig.sim.clear(FaultKind::GatewayOutage);
    let gateways: std::collections::BTreeSet<_> =
        rig.sim.counters().upgrades.iter().map(|upgrade| upgrade.gateway).collect();
    assert!(gateways.len() > 1, "{gateways:?}");
    let report = rig.settle();
    assert_eq!((rig.sessions(), report.gaps), (1, 0), "{report}{}", rig.story());
    assert_eq!(rig.sim.counters().logins.len(), 1);
}

/// Starts engines until one has met what was to be met. Where a program begins is a matter of chance.
fn until_met(sim: &Simulator, most: Duration, met: impl Fn() -> bool) {
    for _ in 0..60 {
        let begun = Instant::now();
        let engine = Engine::start(engine(&Store::default(), vec![connection("hq", vendor(sim))])).unwrap();
        eventually(DEADLINE, "it is online", || online(&engine, "hq"));
        assert!(begun.elapsed() < most, "{:?}", begun.elapsed());
        assert!(block_on(engine.shutdown(DEADLINE)));
        if met() {
            return;
        }
    }
    panic!("none began there");
}

fn online(engine: &EngineHandle, name: &str) -> bool {
    engine.states().status(name).unwrap_or_default().state == ConnectionState::Online
}

#[test]
fn a_gateway_that_hangs_from_the_start_delays_a_connection_by_one_probe() {
    // A probe may take as long as a request, which is a second here and five at most.
    let sim = Simulator::start(three(&["gateway-hangs=2"])).unwrap();
    until_met(&sim, 4 * SECOND, || sim.counters().unserved > 0);
}

#[test]
fn a_gateway_that_is_dead_or_not_ready_from_the_start_delays_nothing() {
    let sim = Simulator::start(three(&["dead-gateways=3", "gateway-busy=2"])).unwrap();
    let ready = || sim.counters().upgrades.iter().all(|upgrade| upgrade.status == 101);
    until_met(&sim, 3 * SECOND, || sim.counters().unserved > 0);
    assert!(ready(), "a gateway that is not ready is known before a socket is asked for");
}

#[test]
fn behind_a_gateway_without_identity_provider_the_next_is_asked() {
    let sim = Simulator::start(three(&["gateway-alone=2"])).unwrap();
    until_met(&sim, 3 * SECOND, || sim.counters().unserved > 0);
    assert_eq!(sim.counters().logins_accepted(), sim.counters().logins.len());
}

#[test]
fn a_crowd_of_one_user_moves_without_another_login() {
    const CROWD: usize = 40;
    let sim = Simulator::start(three(&[])).unwrap();
    let names: Vec<String> = (0..CROWD).map(|number| format!("c{number}")).collect();
    // A busy machine is no reason to leave a gateway: only one that is away.
    let patient = |name: &String| {
        let mut vendor = vendor(&sim);
        vendor.resume_window = 60 * SECOND;
        let mut connection = connection(name, vendor);
        (connection.common.request_timeout, connection.common.dead_after) = (20 * SECOND, 30 * SECOND);
        connection
    };
    let connections = names.iter().map(patient).collect();
    let engine = Engine::start(engine(&Store::default(), connections)).unwrap();
    eventually(DEADLINE, "all are online", || names.iter().all(|name| online(&engine, name)));
    let before = in_use(&sim);
    assert_eq!(sim.sockets_at(before), CROWD, "they share what is known");
    sim.pause_gateway(before);
    let others = || ALL.iter().filter(|other| **other != before).map(|other| sim.sockets_at(*other)).sum::<usize>();
    eventually(DEADLINE, "all are at another", || others() == CROWD && names.iter().all(|name| online(&engine, name)));
    assert_eq!(sim.sockets_at(in_use(&sim)), CROWD, "at the same one");
    assert_eq!(sim.counters().logins.len(), 1);
    assert!(block_on(engine.shutdown(DEADLINE)));
}

#[test]
fn when_all_are_away_the_reason_says_so_and_they_are_found_when_they_are_back() {
    let mut rig = walking(plan(&[]), 100.0);
    ALL.iter().for_each(|number| rig.sim.pause_gateway(*number));
    eventually(DEADLINE, "all were tried", || rig.reason().contains("none of 3 gateways answers"));
    assert_eq!(rig.state(), ConnectionState::Delayed);
    rig.sim.resume_listening().unwrap();
    rig.wait_for(ConnectionState::Online);
    let report = rig.settle();
    assert_eq!(report.gaps, report.expected_gaps, "{report}{}", rig.story());
    assert_eq!(rig.sim.counters().logins.len(), 1);
}

#[test]
fn while_no_gateway_takes_sockets_discovery_is_asked_anew_without_a_login() {
    let plan = plan(&[]).vendor(|vendor| vendor.resume_window = SECOND);
    let mut rig = walking(plan, 100.0);
    let asked = || rig.sim.counters().requests["discovery"];
    rig.sim.inject(fault("refuse-upgrade=503"));
    let before = asked();
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "discovery is asked anew", || asked() > before);
    let begun = Instant::now();
    eventually(DEADLINE, "and again", || asked() > before + 1);
    assert!(begun.elapsed() > SECOND, "now and then: {:?}", begun.elapsed());
    rig.sim.clear(FaultKind::RefuseUpgrade);
    rig.wait_for(ConnectionState::Online);
    assert_eq!(rig.sim.counters().logins.len(), 1);
    rig.settle();
}

#[test]
fn a_wrong_password_is_tried_at_one_gateway_only() {
    let sim = Simulator::start(three(&[])).unwrap();
    let mut wrong = vendor(&sim);
    wrong.password = Secret::from("wrong");
    let engine = Engine::start(engine(&Store::default(), vec![connection("hq", wrong)])).unwrap();
    let state = || engine.states().status("hq").unwrap_or_default().state;
    eventually(DEADLINE, "it is refused", || state() == ConnectionState::Halted);
    pace(300 * MS);
    assert_eq!(sim.counters().requests["token"], 1);
    assert!(block_on(engine.shutdown(DEADLINE)));
}
