//! Logins: what they cost, what is said when they are refused, and whose secrets go where.

use std::collections::{BTreeMap, BTreeSet};

use watchpost::actors::Engine;
use watchpost::actors::model::ConnectionState::Halted;
use watchpost::actors::settings::Secret;
use watchpost::simulator::een::{Change, DropHow, Fault, Options, Refusal};

use crate::cloud::{Cloud, STORES, connection, options, settings};
use crate::common::{DEADLINE, MS, SECOND, Store, block_on, engine, eventually, pace};

fn refusal(status: u16) -> Refusal {
    Refusal { status, count: None }
}

#[test]
fn a_password_that_was_changed_halts_all_accounts_at_the_cost_of_one_request() {
    let cloud = Cloud::online(Options { accounts: 40, ..options() });
    cloud.sim.change_password("another");
    let before = cloud.sim.counters().requests["authenticate"].tried;
    assert!(cloud.sim.expire_sessions() >= 40);
    eventually(DEADLINE, "all accounts are halted", || {
        cloud.connections().iter().filter(|(name, _)| *name != STORES).all(|(_, info)| info.status.state == Halted)
    });
    let info = cloud.info(&cloud.name(7)).unwrap();
    assert!(info.status.reason.contains("password"), "{}", info.status.reason);
    pace(500 * MS);
    let tried = cloud.sim.counters().requests["authenticate"].tried - before;
    assert_eq!(tried, 1, "one further try is due in ten minutes");
}

#[test]
fn every_refusal_says_what_a_person_can_do_and_is_not_repeated() {
    let cases: [(u16, &[&str]); 7] = [
        (401, &["password"]),
        (402, &["suspended"]),
        (412, &["disabled", "locked"]),
        (460, &["inactive"]),
        (461, &["pending"]),
        (462, &["pending"]),
        (465, &["address"]),
    ];
    for (status, words) in cases {
        let fault = Fault::Authenticate(refusal(status));
        let text = fault.to_string();
        let cloud = Cloud::start(Options { faults: vec![fault], ..options() });
        cloud.wait_for(STORES, Halted);
        let reason = cloud.info(STORES).unwrap().status.reason.to_lowercase();
        assert!(words.iter().all(|word| reason.contains(word)), "{text}: {reason}");
        pace(300 * MS);
        assert_eq!(cloud.sim.counters().requests["authenticate"].tried, 1, "{text}");
    }
}

#[test]
fn two_factor_authentication_without_a_known_device_says_which_command_helps() {
    let cloud = Cloud::start(Options { two_factor: Some("1234".to_owned()), ..options() });
    cloud.wait_for(STORES, Halted);
    let reason = cloud.info(STORES).unwrap().status.reason;
    assert!(reason.contains("watchpost login een"), "{reason}");
}

#[test]
fn too_many_requests_are_told_to_wait_and_nothing_is_lost() {
    let options = Options { accounts: 12, faults: vec![Fault::RateLimit(15)], ..options() };
    let cloud = Cloud::with(options, |config| config.relist_every = 20 * SECOND);
    cloud.wait_online();
    assert!(cloud.sim.counters().rate_limited > 0, "nothing was too much");
    assert!(!cloud.connections().values().any(|info| info.status.state == Halted));
}

#[test]
fn a_subdomain_that_has_moved_is_found_by_another_login() {
    let cloud = Cloud::online(Options { branded: true, ..options() });
    // What the old host still answers is where the new one is.
    cloud.sim.move_subdomain().unwrap();
    let logins = cloud.sim.counters().logins();
    cloud.sim.drop_sockets(DropHow::Fin);
    let camera = cloud.sim.cameras(&cloud.accounts()[0])[0].clone();
    assert!(cloud.sim.change(&camera, Change::InternetLost));
    cloud.wait_truth();
    cloud.wait_online();
    assert!(cloud.sim.counters().logins() > logins, "each account has logged in anew");
}

#[test]
fn two_users_secrets_never_cross() {
    let sim = watchpost::simulator::een::Simulator::start(options()).unwrap();
    sim.add_user("other", "other's password");
    let mut other = settings(&sim);
    (other.username, other.password) = ("other".to_owned(), Secret::from("other's password"));
    let both = vec![connection("one", settings(&sim)), connection("two", other)];
    let engine = Engine::start(engine(&Store::default(), both)).unwrap();
    let accounts = sim.accounts().len() - 1;
    eventually(DEADLINE, "both are online with all accounts", || sim.counters().sockets_open == 2 * accounts);
    pace(700 * MS);
    let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut sessions = BTreeSet::new();
    for call in sim.calls() {
        if let (Some(user), Some(cookie)) = (call.user, call.cookie) {
            users.entry(cookie.to_string()).or_default().insert(user.to_string());
            sessions.insert(cookie.to_string());
        }
    }
    assert!(users.values().all(|users| users.len() == 1), "{users:?}");
    // A session of its own for each account of each user, and for each reseller.
    assert_eq!(sessions.len(), 2 * (accounts + 1));
    assert!(block_on(engine.shutdown(DEADLINE)));
}
