//! Breaks: what was missed, what cannot be known, and what goes on.

use watchpost::actors::model::ConnectionState::{Halted, Online};
use watchpost::simulator::een::{Change, DropHow, Fault, FaultKind, Options, Refusal};

use crate::audit;
use crate::cloud::{Cloud, options};
use crate::common::{DEADLINE, MS, eventually, pace};

#[test]
fn what_changed_during_a_break_is_told_as_a_difference_and_the_break_is_one_gap() {
    let cloud = Cloud::online(options());
    let (name, camera) = (cloud.name(0), cloud.sim.cameras(&cloud.accounts()[0])[0].clone());
    cloud.sim.pause_listening();
    cloud.sim.drop_sockets(DropHow::Reset);
    assert!(cloud.sim.change(&camera, Change::Off));
    pace(500 * MS);
    cloud.sim.resume_listening().unwrap();
    cloud.wait_online();
    let item = format!("cameras/{camera}");
    let told: Vec<_> = cloud.lines().into_iter().filter(|line| line["subject"] == item).collect();
    let shown: Vec<_> =
        told.iter().map(|line| (line["stategroup"].as_str().unwrap(), line["state"].as_str().unwrap())).collect();
    assert_eq!(
        shown,
        [("status", "off"), ("enabled", "off"), ("streaming", "off")],
        "and `connection` keeps its value"
    );
    assert!(told.iter().all(|line| line["origin"] == "snapshot"), "{told:?}");
    for nth in 0..3 {
        let gaps = cloud.lines_of(&cloud.name(nth), "gap");
        assert_eq!(gaps.len(), 1, "{gaps:?}");
        assert!(gaps[0]["data"]["from"].as_str() < gaps[0]["data"]["to"].as_str());
    }
    assert!(cloud.lines_of(&name, "gap")[0]["sequence"].as_str() < told[0]["sequence"].as_str(), "the gap comes first");
}

#[test]
fn an_event_that_the_cloud_still_holds_is_recovered_and_one_from_before_is_not_told_again() {
    let cloud = Cloud::online(options());
    let (name, camera) = (cloud.name(0), cloud.sim.cameras(&cloud.accounts()[0])[0].clone());
    cloud.sim.emit_one(&camera, "EMES").unwrap();
    eventually(DEADLINE, "it is told", || cloud.lines_of(&name, "motion.started").len() == 1);
    cloud.sim.pause_listening();
    cloud.sim.drop_sockets(DropHow::Fin);
    let missed = cloud.sim.emit_one(&camera, "EMEE").unwrap();
    cloud.sim.resume_listening().unwrap();
    eventually(DEADLINE, "what was missed is told", || cloud.lines_of(&name, "motion.stopped").len() == 1);
    let line = &cloud.lines_of(&name, "motion.stopped")[0];
    assert_eq!(line["origin"], "backfill");
    assert!(line["id"].as_str().unwrap().contains(&missed.timestamp));
    cloud.wait_online();
    assert_eq!(cloud.lines_of(&name, "motion.started").len(), 1);
    assert_eq!(cloud.value(&name, &format!("cameras/{camera}"), "motion").as_deref(), Some("clear"));
}

#[test]
fn a_restart_goes_on_from_what_was_stored() {
    let mut cloud = Cloud::online(options());
    let (name, camera) = (cloud.name(0), cloud.sim.cameras(&cloud.accounts()[0])[0].clone());
    cloud.sim.emit_one(&camera, "EMES").unwrap();
    eventually(DEADLINE, "it is told", || cloud.lines_of(&name, "motion.started").len() == 1);
    cloud.shut_down();
    assert!(cloud.sim.change(&camera, Change::RecordingStarted));
    cloud.sim.emit_one(&camera, "EMEE").unwrap();
    cloud.start_engine();
    cloud.wait_online();
    eventually(DEADLINE, "the recording is told", || cloud.lines_of(&name, "recording.started").len() == 1);
    assert_eq!(cloud.lines_of(&name, "recording.started")[0]["origin"], "snapshot");
    eventually(DEADLINE, "the end of motion is told", || cloud.lines_of(&name, "motion.stopped").len() == 1);
    assert_eq!(cloud.lines_of(&name, "motion.stopped")[0]["origin"], "backfill");
    assert_eq!((cloud.lines_of(&name, "motion.started").len(), cloud.lines_of(&name, "gap").len()), (1, 1));
}

#[test]
fn a_session_that_ends_in_mid_stream_is_replaced_by_a_new_login() {
    for close in [false, true] {
        let faults = if close { vec![Fault::CloseOnLoss(1000)] } else { vec![] };
        let cloud = Cloud::online(Options { faults, ..options() });
        let (name, logins) = (cloud.name(0), cloud.sim.counters().logins());
        let camera = cloud.sim.cameras(&cloud.accounts()[0])[0].clone();
        assert!(cloud.sim.expire_account(&cloud.accounts()[0]) > 0);
        eventually(DEADLINE, "another login", || cloud.sim.counters().logins() > logins);
        eventually(DEADLINE, "a gap", || cloud.lines_of(&name, "gap").len() == 1);
        cloud.wait_for(&name, Online);
        assert!(cloud.sim.change(&camera, Change::InternetLost));
        cloud.wait_truth();
    }
}

/// What an account of [`options`] is asked for: four cameras, their bridge, and the account itself.
const ENTITIES: u32 = 6;

#[test]
fn a_device_that_the_cloud_cannot_tell_of_for_a_moment_is_asked_again_and_has_a_gap_of_its_own() {
    let cloud = Cloud::online(options());
    let (name, account) = (cloud.name(0), cloud.accounts()[0].clone());
    let camera = cloud.sim.cameras(&account)[0].clone();
    // All of them, so that the camera is among them.
    cloud.sim.inject(Fault::EntityError(Refusal { status: 503, count: Some(ENTITIES) }));
    assert!(cloud.sim.drop_account(&account, DropHow::Fin) > 0);
    assert!(cloud.sim.change(&camera, Change::RecordingStarted));
    eventually(DEADLINE, "both gaps", || cloud.lines_of(&name, "gap").len() == 2);
    let reasons: Vec<_> = cloud.lines_of(&name, "gap").iter().map(|gap| gap["data"]["reason"].clone()).collect();
    assert_eq!(reasons, ["connection_lost", "device_unanswered"]);
    eventually(DEADLINE, "the recording is told", || cloud.lines_of(&name, "recording.started").len() == 1);
    cloud.wait_truth();
    assert!(cloud.lines_of(&name, "state.unknown").is_empty(), "it was only a moment");
}

#[test]
fn access_that_is_denied_to_every_device_is_one_new_login_and_no_loop() {
    let cloud = Cloud::online(options());
    let (name, account) = (cloud.name(0), cloud.accounts()[0].clone());
    let logins = || cloud.sim.counters().logins();
    let before = logins();
    cloud.sim.inject(Fault::EntityError(Refusal { status: 401, count: Some(ENTITIES) }));
    assert!(cloud.sim.drop_account(&account, DropHow::Fin) > 0);
    eventually(DEADLINE, "a gap", || cloud.lines_of(&name, "gap").len() == 1);
    cloud.wait_online();
    assert_eq!(logins(), before + 1);
    assert!(cloud.lines_of(&name, "state.unknown").is_empty(), "the new login may see them");
    // With a new login too.
    cloud.sim.inject(Fault::EntityError(Refusal { status: 401, count: None }));
    assert!(cloud.sim.drop_account(&account, DropHow::Fin) > 0);
    eventually(DEADLINE, "the states are unknown", || cloud.lines_of(&name, "state.unknown").len() >= 4 * 5);
    cloud.wait_for(&name, Online);
    // Each list asks them all again.
    pace(1_500 * MS);
    assert_eq!(logins(), before + 2);
    cloud.sim.clear(FaultKind::EntityError);
    cloud.wait_online();
    assert_eq!(logins(), before + 2);
}

#[test]
fn a_first_answer_in_parts_is_one_answer() {
    let cloud = Cloud::online(Options { faults: vec![Fault::FirstInParts], ..options() });
    let (name, camera) = (cloud.name(0), cloud.sim.cameras(&cloud.accounts()[0])[0].clone());
    cloud.sim.emit_one(&camera, "EMES").unwrap();
    eventually(DEADLINE, "it is told", || cloud.lines_of(&name, "motion.started").len() == 1);
    cloud.sim.pause_listening();
    cloud.sim.drop_sockets(DropHow::Fin);
    cloud.sim.emit_one(&camera, "EMEE").unwrap();
    cloud.sim.resume_listening().unwrap();
    eventually(DEADLINE, "what was missed is told", || cloud.lines_of(&name, "motion.stopped").len() == 1);
    assert_eq!(cloud.lines_of(&name, "motion.stopped")[0]["origin"], "backfill");
    cloud.wait_online();
    cloud.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "another gap", || cloud.lines_of(&name, "gap").len() == 2);
    cloud.wait_online();
    let told: Vec<_> =
        cloud.lines().into_iter().filter(|line| line["subject"] == format!("cameras/{camera}")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_connection_is_told_online_behind_the_gap_of_its_break() {
    let cloud = Cloud::online(options());
    let name = cloud.name(0);
    assert!(cloud.sim.drop_account(&cloud.accounts()[0], DropHow::Fin) > 0);
    eventually(DEADLINE, "it is online again", || cloud.lines_of(&name, "engine.connection").len() == 3);
    let of_engine = |line: &serde_json::Value| line["connection"] == name.as_str() && line["origin"] == "engine";
    let told: Vec<_> = cloud.lines().into_iter().filter(of_engine).map(|line| line["type"].clone()).collect();
    assert_eq!(told[told.len() - 3..], ["engine.connection", "gap", "engine.connection"], "{told:?}");
}

#[test]
fn a_camera_that_is_switched_off_keeps_its_connection_over_a_break_and_a_restart() {
    let mut cloud = Cloud::online(options());
    let (name, camera) = (cloud.name(0), cloud.sim.cameras(&cloud.accounts()[0])[0].clone());
    let item = format!("cameras/{camera}");
    assert!(cloud.sim.change(&camera, Change::Off));
    eventually(DEADLINE, "it is off", || cloud.value(&name, &item, "enabled").as_deref() == Some("off"));
    cloud.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "a gap", || cloud.lines_of(&name, "gap").len() == 1);
    assert_eq!(cloud.value(&name, &item, "connection").as_deref(), Some("online"));
    cloud.shut_down();
    cloud.start_engine();
    eventually(DEADLINE, "another gap", || cloud.lines_of(&name, "gap").len() == 2);
    assert_eq!(cloud.value(&name, &item, "connection").as_deref(), Some("online"));
}

#[test]
fn a_silent_socket_is_found_and_a_broken_one_loses_no_transition() {
    let cloud = Cloud::online(options());
    for how in [DropHow::HalfOpen, DropHow::MidFrame, DropHow::Reset, DropHow::Fin, DropHow::Close(1001)] {
        cloud.sim.emit(300);
        cloud.sim.drop_sockets(how);
        cloud.sim.emit(300);
        cloud.wait_truth();
    }
    eventually(DEADLINE, "all of it is told", || audit::untold(&cloud).is_empty());
    for (nth, account) in cloud.accounts().iter().enumerate() {
        let sockets = cloud.sim.ledger().sockets.iter().filter(|socket| socket.account == *account).count();
        let gaps = cloud.lines_of(&cloud.name(nth), "gap").len();
        assert!((1..sockets).contains(&gaps), "a break is one gap, however many tries it takes: {gaps}, {sockets}");
    }
}

#[test]
fn the_faults_of_a_bad_day_leave_true_states_behind() {
    let faults = vec![
        Fault::Hiccups(20),
        Fault::Garbage(700 * MS),
        Fault::UnknownFrames(300 * MS),
        Fault::UnknownMembers,
        Fault::Bytewise,
        Fault::DropTenth(400 * MS),
        Fault::Flaps(500 * MS),
        Fault::Invalid(300 * MS),
        Fault::OddRows,
    ];
    let cloud = Cloud::start(Options { accounts: 8, faults, ..options() });
    for _ in 0..80 {
        cloud.sim.emit(20);
        pace(100 * MS);
    }
    for kind in [FaultKind::Hiccups, FaultKind::Garbage, FaultKind::DropTenth, FaultKind::Flaps, FaultKind::Invalid] {
        cloud.sim.clear(kind);
    }
    cloud.sim.clear(FaultKind::Bytewise);
    assert!(!cloud.connections().values().any(|info| info.status.state == Halted));
    cloud.wait_online();
}
