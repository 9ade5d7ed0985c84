//! Logins of the engine at a simulated SimpliSafe: what they cost, however many connections there are, and when nothing is asked at all.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{DEADLINE, MS, SECOND, Store, block_on, engine, eventually, pace};
use watchpost::actors::model::ConnectionState::{Halted, Online};
use watchpost::actors::settings::CommonSettings;
use watchpost::actors::vendors::simplisafe::{SimpliSafe, SimpliSafeConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineHandle};
use watchpost::simulator::simplisafe::{Fault, Options, Refusal, Simulator};

fn settings(sim: &Simulator) -> SimpliSafeConfig {
    let mut config = SimpliSafeConfig::new(sim.refresh_token().into());
    config.auth_url = sim.url().parse().unwrap();
    config.api_url = sim.url().parse().unwrap();
    config.socket_url = sim.socket_url().parse().unwrap();
    config.poll_every = 200 * MS;
    config
}

fn connection(name: &str, config: SimpliSafeConfig) -> ConnectionConfig {
    let mut common = CommonSettings::new(SimpliSafe::HEARTBEAT);
    common.ping_after = 200 * MS;
    common.dead_after = 2 * SECOND;
    common.request_timeout = 5 * SECOND;
    ConnectionConfig { name: name.parse().unwrap(), common, vendor: VendorSettings::SimpliSafe(Box::new(config)) }
}

/// So many connections with one token.
fn start(sim: &Simulator, store: &Store, count: usize) -> EngineHandle {
    let connections = (0..count).map(|n| connection(&format!("home-{n}"), settings(sim))).collect();
    Engine::start(engine(store, connections)).unwrap()
}

fn all(engine: &EngineHandle, count: usize, state: watchpost::actors::model::ConnectionState) -> bool {
    (0..count).all(|n| engine.states().status(&format!("home-{n}")).is_some_and(|status| status.state == state))
}

fn stop(engine: EngineHandle) {
    assert!(block_on(engine.shutdown(DEADLINE)));
}

#[test]
fn connections_with_one_token_share_one_login_and_many_refusals_make_one_refresh() {
    let sim =
        Simulator::start(Options { faults: vec![Fault::OneUse, Fault::ReuseKills], ..Options::default() }).unwrap();
    let store = Store::default();
    let engine = start(&sim, &store, 6);
    eventually(DEADLINE, "all are online", || all(&engine, 6, Online));
    assert_eq!(sim.counters().refreshes, 1);
    for round in 2..=4 {
        let refused = sim.counters().requests["subscriptions"].tried;
        assert_eq!(sim.expire_tokens(), 1);
        eventually(DEADLINE, "a token was given in its place, and all go on with it", || {
            sim.counters().refreshes == round && sim.counters().requests["subscriptions"].tried > refused + 12
        });
        assert_eq!(sim.counters().refreshes, round);
    }
    assert_eq!(sim.counters().reused, 0);
    assert!(all(&engine, 6, Online) && sim.counters().sockets_opened == 6, "no live socket was touched");
    stop(engine);
}

#[test]
fn tokens_are_renewed_before_they_end_so_that_none_is_ever_refused() {
    let life = 2 * SECOND;
    let sim =
        Simulator::start(Options { token_life: life, faults: vec![Fault::OneUse], ..Options::default() }).unwrap();
    let store = Store::default();
    let engine = start(&sim, &store, 2);
    eventually(DEADLINE, "five tokens came one after the other", || sim.counters().refreshes >= 5);
    assert!(sim.calls().iter().all(|call| call.status != 401), "a token was used for too long");
    assert_eq!((sim.counters().sockets_opened, sim.counters().reused), (2, 0));
    stop(engine);
}

#[test]
fn connections_whose_grants_lead_elsewhere_use_no_token_twice_and_a_passing_refusal_ends_none() {
    let faults = vec![Fault::OneUse, Fault::ReuseKills];
    let sim = Simulator::start(Options { token_life: 2 * SECOND, faults, ..Options::default() }).unwrap();
    let store = Store::default();
    let mut elsewhere = settings(&sim);
    elsewhere.api_url = sim.url().replacen("127.0.0.1", "localhost", 1).parse().unwrap();
    let connections = vec![connection("home-0", settings(&sim)), connection("home-1", elsewhere)];
    let engine = Engine::start(engine(&store, connections)).unwrap();
    eventually(DEADLINE, "both are online", || all(&engine, 2, Online));
    eventually(DEADLINE, "each has renewed its token, one after the other", || sim.counters().refreshes >= 8);
    sim.inject(Fault::TokenString(Refusal { status: 401, count: Some(2) }));
    let refreshes = sim.counters().refreshes;
    eventually(DEADLINE, "it goes on behind the refusal", || sim.counters().refreshes >= refreshes + 6);
    assert_eq!((sim.counters().reused, sim.counters().sockets_opened), (0, 2));
    assert!(all(&engine, 2, Online));
    stop(engine);
}

#[test]
fn connections_with_other_tls_settings_use_no_token_twice() {
    let faults = vec![Fault::OneUse, Fault::ReuseKills, Fault::Slow(50 * MS)];
    let sim = Simulator::start(Options { token_life: 2 * SECOND, faults, ..Options::default() }).unwrap();
    let store = Store::default();
    let mut insecure = connection("home-1", settings(&sim));
    insecure.common.tls.insecure = true;
    let engine = Engine::start(engine(&store, vec![connection("home-0", settings(&sim)), insecure])).unwrap();
    eventually(DEADLINE, "each has renewed its token", || sim.counters().refreshes >= 8);
    assert_eq!(sim.counters().reused, 0);
    eventually(DEADLINE, "both are online", || all(&engine, 2, Online));
    stop(engine);
}

#[test]
fn a_restart_goes_on_from_the_token_that_was_kept() {
    let sim =
        Simulator::start(Options { faults: vec![Fault::OneUse, Fault::ReuseKills], ..Options::default() }).unwrap();
    let store = Store::default();
    for round in 1..=3 {
        let engine = start(&sim, &store, 1);
        eventually(DEADLINE, "online", || all(&engine, 1, Online));
        assert_eq!(sim.counters().refreshes, round);
        stop(engine);
    }
    assert_eq!(sim.counters().reused, 0);
}

#[test]
fn a_dead_token_halts_all_connections_at_the_cost_of_one_request_and_says_what_to_do() {
    let sim = Simulator::start(Options::default()).unwrap();
    assert!(sim.revoke(sim.users()[0]));
    let store = Store::default();
    let engine = start(&sim, &store, 5);
    eventually(DEADLINE, "all are halted", || all(&engine, 5, Halted));
    let reason = engine.states().status("home-3").unwrap().reason;
    assert!(reason.contains("run `watchpost login simplisafe`"), "{reason}");
    pace(500 * MS);
    assert_eq!(sim.counters().requests["token"].tried, 1);
    stop(engine);
}

#[test]
fn a_blocked_address_asks_nothing_more_and_every_connection_says_why_and_until_when() {
    let sim = Simulator::start(Options::default()).unwrap();
    sim.block(3_600 * SECOND);
    let store = Store::default();
    let engine = start(&sim, &store, 8);
    eventually(DEADLINE, "all are halted", || all(&engine, 8, Halted));
    let reason = engine.states().status("home-5").unwrap().reason;
    assert!(reason.contains("blocks this machine's address (403)") && reason.contains("until 20"), "{reason}");
    pace(SECOND);
    assert_eq!(sim.counters().blocked, 1, "eight connections together asked once");
    stop(engine);
}

#[test]
fn a_block_while_all_is_well_stops_the_calls_and_leaves_the_live_sockets() {
    let sim = Simulator::start(Options::default()).unwrap();
    let store = Store::default();
    let engine = start(&sim, &store, 4);
    eventually(DEADLINE, "all are online", || all(&engine, 4, Online));
    sim.block(3_600 * SECOND);
    eventually(DEADLINE, "one was told", || sim.counters().blocked > 0);
    pace(SECOND);
    let blocked = sim.counters().blocked;
    pace(SECOND);
    assert_eq!(sim.counters().blocked, blocked, "nothing is asked");
    assert!(blocked <= 40, "those that were under way when it began, at most: {blocked}");
    assert!(all(&engine, 4, Online) && sim.counters().sockets_open == 4);
    stop(engine);
}
