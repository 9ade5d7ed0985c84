//! Breaks and restarts.

use serde_json::Value;
use watchpost::actors::model::ConnectionState::{Halted, Online};
use watchpost::simulator::simplisafe::{DropHow, Fault, FaultKind, Options, Refusal, audit};

use crate::cloud::{Cloud, options};
use crate::common::{DEADLINE, MS, SECOND, eventually, pace};

#[test]
fn a_restart_recovers_what_happened_meanwhile_whatever_becomes_of_refresh_tokens() {
    for rotation in [None, Some(Fault::Rotate), Some(Fault::OneUse), Some(Fault::SameToken)] {
        let mut cloud = Cloud::online(Options { faults: rotation.into_iter().collect(), ..options() });
        let sid = cloud.first();
        cloud.shut_down();
        let missed = cloud.sim.set_wifi(sid, false).unwrap();
        let door = cloud.sim.door(sid, 0).unwrap();
        cloud.sim.set_open(sid, &door, true);
        cloud.start_engine();
        eventually(DEADLINE, "it is told", || cloud.told(missed).len() == 1);
        assert_eq!(cloud.told(missed)[0]["origin"], "backfill");
        cloud.wait_truth();
        cloud.wait_told();
        assert_eq!((cloud.gaps(), cloud.sim.counters().reused), (Vec::<Value>::new(), 0));
    }
}

#[test]
fn more_than_the_history_gives_is_one_gap_of_that_system() {
    // Pages begin with the newest and lead nowhere: what is older than fifty events cannot be had.
    let cloud = Cloud::online(Options { faults: vec![Fault::FromIgnored], ..options() });
    let sid = cloud.first();
    cloud.sim.pause_listening();
    cloud.sim.drop_sockets(DropHow::Fin);
    for nth in 0..80 {
        cloud.sim.happen(sid, 1602, None).unwrap();
        if nth % 30 == 0 {
            pace(1_100 * MS);
        }
    }
    cloud.sim.resume_listening().unwrap();
    eventually(DEADLINE, "a gap", || !cloud.gaps().is_empty());
    cloud.wait_online();
    pace(SECOND);
    let gaps = cloud.gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0]["data"]["item"], audit::system(sid));
    assert_eq!(cloud.lines().iter().filter(|line| line["origin"] == "backfill").count(), 50);
}

#[test]
fn a_break_that_is_longer_than_the_timeline_is_a_gap() {
    let mut cloud = Cloud::online(Options { timeline: 3 * SECOND, ..options() });
    let sid = cloud.first();
    let early = cloud.sim.happen(sid, 1602, None).unwrap();
    eventually(DEADLINE, "it is told", || cloud.told(early).len() == 1);
    pace(SECOND);
    cloud.shut_down();
    let lost = cloud.sim.happen(sid, 1602, None).unwrap();
    pace(6 * SECOND);
    cloud.start_engine();
    eventually(DEADLINE, "a gap", || !cloud.gaps().is_empty());
    assert!(cloud.told(lost).is_empty());
}

#[test]
fn a_history_that_fails_for_a_while_is_no_gap() {
    let cloud = Cloud::online(options());
    let sid = cloud.first();
    cloud.sim.inject(Fault::Events(Refusal { status: 504, count: None }));
    cloud.sim.hold();
    let missed = cloud.sim.set_jammed(sid, true).unwrap();
    cloud.sim.discard();
    cloud.sim.drop_sockets(DropHow::Fin);
    pace(3 * SECOND);
    cloud.sim.clear(FaultKind::Events);
    eventually(DEADLINE, "it is told", || cloud.told(missed).len() == 1);
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
    cloud.wait_truth();
}

#[test]
fn a_second_system_is_followed_from_the_moment_it_is_there() {
    let cloud = Cloud::online(Options { systems: 1, ..options() });
    let sid = cloud.sim.add_system(4, 1);
    cloud.wait_truth();
    let event = cloud.sim.set_mains(sid, false).unwrap();
    eventually(DEADLINE, "its events are told", || cloud.told(event).len() == 1);
    let item = audit::device(sid, &cloud.sim.door(sid, 0).unwrap());
    let line = |line: &Value| line["subject"] == *item && line["itemname"].is_string();
    let door = cloud.sim.door(sid, 0).unwrap();
    cloud.sim.happen(sid, 1604, Some(&door)).unwrap();
    eventually(DEADLINE, "with its names", || cloud.lines().iter().any(line));
}

#[test]
fn an_address_that_is_blocked_keeps_its_socket_and_asks_nothing() {
    let cloud = Cloud::online(options());
    cloud.sim.block(4 * SECOND);
    pace(2 * SECOND);
    let blocked = cloud.sim.counters().blocked;
    pace(2 * SECOND);
    assert!(cloud.sim.counters().blocked <= blocked + 1, "the brake is on");
    assert_eq!((cloud.state(), cloud.sim.counters().sockets_opened), (Online, 1));
    let event = cloud.sim.happen(cloud.first(), 1602, None).unwrap();
    eventually(DEADLINE, "events come", || cloud.told(event).len() == 1);
}

/// What stands before a login server says for a while, and does not mean.
fn unauthorized(count: u32) -> Fault {
    Fault::TokenString(Refusal { status: 401, count: Some(count) })
}

#[test]
fn a_login_server_that_says_unauthorized_for_a_while_halts_nothing() {
    // At a start, and later.
    let cloud = Cloud::start(Options { faults: vec![unauthorized(4)], ..options() });
    let tried = || cloud.sim.counters().of("token").tried;
    eventually(DEADLINE, "the fourth refusal", || tried() >= 4);
    assert_ne!(cloud.state(), Halted);
    eventually(DEADLINE, "it is online", || cloud.is_online());
    let before = tried();
    cloud.sim.inject(unauthorized(6));
    cloud.sim.expire_tokens();
    eventually(DEADLINE, "it is asked again and again", || tried() >= before + 4);
    assert_eq!((cloud.state(), cloud.sim.counters().sockets_opened), (Online, 1), "a live socket needs no token");
    let event = cloud.sim.happen(cloud.first(), 1602, None).unwrap();
    eventually(DEADLINE, "events come", || cloud.told(event).len() == 1);
    eventually(DEADLINE, "a token is had", || tried() >= before + 7);
    cloud.wait_truth();
    assert_eq!(cloud.sim.counters().sockets_opened, 1);
}

#[test]
fn a_socket_outlives_its_user_s_tokens_and_halts_when_it_ends() {
    let cloud = Cloud::online(options());
    let tried = cloud.sim.counters().of("token").tried;
    cloud.sim.revoke(cloud.sim.users()[0]);
    eventually(DEADLINE, "a refresh is refused", || cloud.sim.counters().of("token").tried > tried);
    pace(SECOND);
    let event = cloud.sim.happen(cloud.first(), 1602, None).unwrap();
    eventually(DEADLINE, "events come", || cloud.told(event).len() == 1);
    assert_eq!((cloud.state(), cloud.sim.counters().sockets_opened), (Online, 1));
    cloud.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "a person is needed", || cloud.state() == Halted);
}
