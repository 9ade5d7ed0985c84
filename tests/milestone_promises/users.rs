//! The kinds of users: Windows users, whose login is bound to a connection, and services.

use watchpost::actors::model::ConnectionState;
use watchpost::actors::settings::Secret;
use watchpost::actors::transport::WindowsUser;
use watchpost::actors::vendors::milestone::{MilestoneConfig, User};
use watchpost::simulator::milestone::{DropHow, Fault, Options};

use crate::common::{DEADLINE, MS, Plan, Rig, eventually, options, pace};

fn windows(vendor: &mut MilestoneConfig) {
    vendor.user = User::Windows(WindowsUser::parse("Simulated\\WatchPost").unwrap());
}

fn service(vendor: &mut MilestoneConfig) {
    vendor.user = User::Service("watchpost".to_owned());
}

fn with(faults: &[&str]) -> Options {
    Options { faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(), ..options() }
}

fn statuses(rig: &Rig) -> Vec<u16> {
    rig.sim.counters().logins.iter().map(|login| login.status).collect()
}

/// Breaks the socket when the token is no good any more, and waits until it is there again.
fn renewed(rig: &Rig) {
    rig.sim.inject("token-expires=1s".parse().unwrap());
    pace(1_100 * MS);
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "it is let in again", || rig.sim.counters().upgrades_accepted() == 2);
    rig.wait_online();
}

#[test]
fn a_windows_user_logs_in_with_one_answer_and_renews_the_token_likewise() {
    let rig = Plan::new(options()).vendor(windows).start();
    rig.wait_online();
    let counters = rig.sim.counters();
    assert_eq!((statuses(&rig), counters.challenges, counters.answers_unasked), (vec![200], 1, 0));
    assert_eq!(counters.requests["token"], 3, "what is offered, the challenge, the answer");
    renewed(&rig);
    let counters = rig.sim.counters();
    // A look-up may have needed another token meanwhile.
    assert!(counters.logins.len() >= 2 && statuses(&rig).iter().all(|status| *status == 200), "{:?}", counters.logins);
    assert_eq!((counters.challenges, counters.answers_unasked), (counters.logins.len() as u64, 0));
}

#[test]
fn a_wrong_windows_password_halts_after_one_try_and_says_why() {
    let rig = Plan::new(options())
        .vendor(|vendor| {
            windows(vendor);
            vendor.password = Secret::from("Watchpost");
        })
        .start();
    rig.wait_for(ConnectionState::Halted);
    let reason = rig.reason();
    assert!(
        reason.contains("wrong domain, user name or password for Windows user \"Simulated\\WatchPost\""),
        "{reason}"
    );
    pace(500 * MS);
    assert_eq!((statuses(&rig), rig.sim.counters().challenges), (vec![401], 1), "each try counts towards a lock-out");
}

#[test]
fn a_windows_login_bears_what_servers_do_to_a_connection() {
    for (faults, challenges) in [
        (&["ntlm-close=2"] as &[&str], 3),
        (&["ntlm-long-body=500KB"], 1),
        (&["ntlm-chunked", "ntlm-long-body=100KB"], 1),
        (&["ntlm-negotiate"], 1),
        (&["no-discovery"], 1),
        (&["internal-gateway"], 1),
    ] {
        let rig = Plan::new(with(faults)).vendor(windows).start();
        rig.wait_online();
        assert_eq!((statuses(&rig), rig.sim.counters().challenges), (vec![200], challenges), "{faults:?}");
    }
}

#[test]
fn a_connection_lost_behind_the_challenge_is_no_wrong_password() {
    let rig = Plan::new(with(&["ntlm-hang-up=2"])).vendor(windows).start();
    rig.wait_online();
    assert_eq!(statuses(&rig), [200]);
    assert_eq!(rig.sim.counters().challenges, 3);
}

#[test]
fn a_server_that_speaks_no_ntlm_is_told_as_that_and_is_no_wrong_password() {
    for (fault, told) in [
        ("ntlm-unoffered", "it offers no NTLM, only Bearer"),
        ("ntlm-garbage", "its challenge cannot be read"),
        ("ntlm-close=all", "ended the connection in the midst of the NTLM handshake"),
    ] {
        let rig = Plan::new(with(&[fault])).vendor(windows).start();
        eventually(DEADLINE, told, || rig.reason().contains(told));
        assert_ne!(rig.state(), ConnectionState::Halted, "{fault}");
        assert_eq!(statuses(&rig), Vec::<u16>::new(), "{fault}");
        rig.sim.clear(fault.parse::<Fault>().unwrap().kind());
        rig.wait_online();
        assert_eq!(statuses(&rig), [200], "{fault}");
    }
}

#[test]
fn a_service_logs_in_by_its_client_secret_and_renews_the_token_likewise() {
    let rig = Plan::new(options()).vendor(service).start();
    rig.wait_online();
    renewed(&rig);
    let statuses = statuses(&rig);
    assert!(statuses.len() >= 2 && statuses.iter().all(|status| *status == 200), "{statuses:?}");
}

#[test]
fn a_wrong_client_secret_halts_after_one_try_and_says_why() {
    let rig = Plan::new(options())
        .vendor(|vendor| {
            service(vendor);
            vendor.password = Secret::from("wrong");
        })
        .start();
    rig.wait_for(ConnectionState::Halted);
    assert!(rig.reason().contains("wrong client_id or client_secret for service \"watchpost\""), "{}", rig.reason());
    assert_eq!(statuses(&rig), [400]);
}
