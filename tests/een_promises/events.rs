//! Statuses and coded events while all is well.

use watchpost::actors::model::ConnectionState::Online;
use watchpost::actors::vendors::een::wire::Resource;
use watchpost::simulator::een::{Change, Fault, Options, Simulator};

use crate::audit;
use crate::cloud::{Cloud, STORES, options};
use crate::common::{DEADLINE, eventually};

#[test]
fn every_change_of_a_status_is_told_once_for_each_state_that_it_changes() {
    let cloud = Cloud::online(options());
    let (name, camera) = (cloud.name(0), cloud.sim.cameras(&cloud.accounts()[0])[0].clone());
    let item = format!("cameras/{camera}");
    assert!(cloud.sim.change(&camera, Change::InternetLost));
    eventually(DEADLINE, "the loss is told", || cloud.value(&name, &item, "connection").as_deref() == Some("offline"));
    let lines: Vec<_> = cloud.lines().into_iter().filter(|line| line["subject"] == item).collect();
    let told: Vec<_> =
        lines.iter().map(|line| (line["type"].as_str().unwrap(), line["state"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [("status.internet_offline", "internet_offline"), ("connection.lost", "offline"), ("streaming.stopped", "off")]
    );
    let ids: Vec<_> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids[1], format!("{}#connection", ids[0]));
    assert_eq!(ids[2], format!("{}#streaming", ids[0]));
    assert!(lines.iter().all(|line| line["origin"] == "live" && line["itemname"].is_string()));
}

#[test]
fn a_walk_is_told_without_a_hole_and_statuses_that_say_nothing_change_nothing() {
    let faults = vec![
        Fault::Invalid(std::time::Duration::from_millis(100)),
        Fault::Repeats,
        Fault::Fragments,
        Fault::Several(4),
    ];
    let cloud = Cloud::online(Options { faults, ..options() });
    cloud.sim.emit(2_000);
    cloud.wait_truth();
    eventually(DEADLINE, "all of it is told", || audit::untold(&cloud).is_empty());
    assert!(cloud.lines().len() > 500);
}

#[test]
fn motion_is_an_event_and_a_state_and_a_heartbeat_is_neither() {
    let cloud = Cloud::online(options());
    let (name, camera) = (cloud.name(0), cloud.sim.cameras(&cloud.accounts()[0])[0].clone());
    let item = format!("cameras/{camera}");
    let start = cloud.sim.emit_one(&camera, "EMES").unwrap();
    eventually(DEADLINE, "motion is detected", || cloud.value(&name, &item, "motion").as_deref() == Some("detected"));
    cloud.sim.emit_one(&camera, "EMEU").unwrap();
    cloud.sim.emit_one(&camera, "EMEE").unwrap();
    eventually(DEADLINE, "motion has ended", || cloud.value(&name, &item, "motion").as_deref() == Some("clear"));
    let lines: Vec<_> = cloud.lines().into_iter().filter(|line| line["subject"] == item).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["motion.started", "motion.stopped"]);
    let id = lines[0]["id"].as_str().unwrap();
    assert!(id.starts_with(&format!("{name}:{camera}:EMES:{}", start.timestamp)), "{id}");
    assert_eq!(lines[0]["data"]["cameraid"], camera.as_str());
    assert_eq!(lines[0]["source"], format!("/een/{name}"));
    assert!(name.starts_with(STORES));
}

#[test]
fn the_first_event_of_a_camera_that_had_nothing_to_tell_is_an_event() {
    let sim = Simulator::start(Options { accounts: 1, faults: vec![Fault::EmptyUnanswered], ..options() }).unwrap();
    let own = sim.own_account();
    let account = sim.accounts().into_iter().map(|account| account.id).find(|id| *id != own).unwrap();
    let [old, new] = [0, 1].map(|nth| sim.cameras(&account)[nth].clone());
    // Of this code there is nothing from before.
    sim.emit_one(&old, "ROMS").unwrap();
    let cloud = Cloud::at(sim, |config| {
        config.resources = vec![Resource::Event];
        config.events = vec!["ROMS".parse().unwrap()];
    });
    let name = cloud.name(0);
    cloud.wait_for(&name, Online);
    cloud.sim.emit_one(&new, "ROMS").unwrap();
    let told = || {
        let of_devices = |line: &serde_json::Value| line["connection"] == name.as_str() && line["subject"].is_string();
        cloud.lines().into_iter().filter(of_devices).collect::<Vec<_>>()
    };
    eventually(DEADLINE, "the new one is told", || !told().is_empty());
    let lines = told();
    assert_eq!((lines.len(), lines[0]["subject"].as_str()), (1, Some(&*format!("cameras/{new}"))));
    assert_eq!(lines[0]["origin"], "live");
}
