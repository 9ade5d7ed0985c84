//! Tokens: one for all connections of a user, renewed when refused, and no more often.

use watchpost::actors::model::ConnectionState;
use watchpost::actors::settings::Secret;
use watchpost::actors::{Engine, EngineConfig};
use watchpost::simulator::milestone::{DropHow, FaultKind, Simulator};

use crate::breaks::walking;
use crate::common::{DEADLINE, HQ, MS, Plan, Store, block_on, connection, engine, eventually, options, pace, vendor};
use crate::names::all_named;

#[test]
fn two_connections_to_one_server_and_user_share_one_login() {
    let sim = Simulator::start(options()).unwrap();
    let connections = ["front", "back"].map(|name| connection(name, vendor(&sim)));
    let engine = Engine::start(engine(&Store::default(), connections.to_vec())).unwrap();
    let online = |name: &&str| engine.states().status(name).unwrap_or_default().state == ConnectionState::Online;
    eventually(DEADLINE, "both are online", || ["front", "back"].iter().all(online));
    assert_eq!(sim.counters().logins.len(), 1);
    assert_eq!(sim.counters().requests["discovery"], 2, "discovery, and whether the gateway is there");
}

#[test]
fn an_expired_token_is_renewed_once_at_the_upgrade_and_live_sockets_are_left_alone() {
    let mut rig = walking(Plan::new(options()), 100.0);
    // So that no look-up asks for a token of its own.
    rig.settle();
    eventually(DEADLINE, "all names", || all_named(&rig));
    // Nor an event of an item that is new.
    rig.rest();
    // The new token has to last for the time of one upgrade.
    rig.sim.inject("token-expires=1s".parse().unwrap());
    pace(1_100 * MS);
    assert_eq!(rig.sim.counters().sockets_open, 1, "expiry does not concern a live socket");
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 1);
    let statuses: Vec<_> = rig.sim.counters().upgrades.iter().map(|upgrade| upgrade.status).collect();
    assert_eq!(statuses, [101, 401, 101]);
    assert_eq!(rig.sim.counters().logins.len(), 2);
    rig.sim.clear(FaultKind::TokenExpires);
    let report = rig.settle();
    assert_eq!(report.gaps, 0, "{report}");
}

#[test]
fn a_fresh_token_that_is_refused_too_waits_for_the_back_off() {
    let mut rig = walking(Plan::new(options()), 100.0);
    eventually(DEADLINE, "all names", || all_named(&rig));
    rig.sim.inject("refuse-upgrade=401".parse().unwrap());
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "some tries", || rig.sim.counters().upgrades.len() >= 7);
    assert_eq!(rig.state(), ConnectionState::Delayed);
    assert!(rig.reason().contains("401"), "{}", rig.reason());
    let upgrades: Vec<_> = rig.sim.counters().upgrades.iter().skip(1).map(|upgrade| upgrade.at).collect();
    // In pairs: the old token, and at once the new one; then a pause.
    let pauses: Vec<_> = upgrades.chunks(2).map(|pair| pair[0]).collect();
    let pauses: Vec<_> = pauses.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause >= 50 * MS), "{pauses:?}");
    assert!(rig.sim.counters().logins.len() <= 1 + upgrades.len().div_ceil(2), "one new token a try");
    rig.sim.clear(FaultKind::RefuseUpgrade);
    rig.settle();
}

#[test]
fn a_refused_login_stays_refused_across_restarts_until_the_secret_changes_or_somebody_insists() {
    let sim = Simulator::start(options()).unwrap();
    let store = Store::default();
    let start = |password: &str, insist: bool| {
        let mut vendor = vendor(&sim);
        vendor.password = Secret::from(password);
        let config = EngineConfig { insist, ..engine(&store, vec![connection(HQ, vendor)]) };
        Engine::start(config).unwrap()
    };
    let runs_into = |password, insist, state| {
        let engine = start(password, insist);
        let now = || engine.states().status(HQ).unwrap_or_default().state;
        eventually(DEADLINE, &format!("{state}"), || now() == state);
        assert!(block_on(engine.shutdown(DEADLINE)));
    };
    let logins = || sim.counters().logins.len();
    runs_into("wrong", false, ConnectionState::Halted);
    assert_eq!(logins(), 1);
    // As a service manager does it.
    for _ in 0..3 {
        runs_into("wrong", false, ConnectionState::Halted);
    }
    assert_eq!(logins(), 1, "no further request");
    runs_into("wrong", true, ConnectionState::Halted);
    assert_eq!(logins(), 2, "somebody insists");
    runs_into("watchpost", false, ConnectionState::Online);
    assert_eq!(logins(), 3, "another secret");
}
