//! The device list.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use watchpost::simulator::een::Options;

use crate::client::{inside, log_in, parse, quiet, start};

#[test]
fn a_reseller_has_no_devices_until_it_switches() {
    let simulator = start(quiet());
    let session = log_in(&simulator);
    assert!(session.devices().is_empty());
    let account = &simulator.holders()[2];
    session.switch(account);
    let rows = session.devices();
    let ids: BTreeSet<&str> = rows.iter().map(|row| row[1].as_str().unwrap()).collect();
    let known: Vec<String> = [simulator.cameras(account), simulator.bridges(account)].concat();
    assert_eq!(ids, known.iter().map(String::as_str).collect());
    assert_eq!((simulator.cameras(account).len(), simulator.bridges(account).len()), (4, 1));
}

#[test]
fn rows_have_as_many_elements_as_were_ever_observed() {
    let simulator = start(Options { cameras: 30, ..quiet() });
    let (session, account) = inside(&simulator, 0);
    let rows = session.devices();
    let lengths = |kind: &str| -> BTreeSet<usize> {
        rows.iter().filter(|row| row[3] == kind).map(|row| row.as_array().unwrap().len()).collect()
    };
    assert_eq!(lengths("camera"), BTreeSet::from([27, 28, 29]));
    assert!(lengths("bridge").is_subset(&BTreeSet::from([26, 27])));
    let truth = simulator.truth();
    for row in &rows {
        let known = &truth[row[1].as_str().unwrap()];
        assert_eq!((&row[0], &row[10]), (&json!(account), &json!(known.word)));
        assert_eq!((&row[2], &row[5]), (&json!(known.name), &json!("ATTD")));
        assert!(row[17].is_boolean() && row[13].is_u64());
    }
    let bridge = rows.iter().find(|row| row[3] == "bridge").unwrap();
    assert_eq!(bridge[4].as_array().unwrap().len(), 12, "its cameras");
    let camera = rows.iter().find(|row| row[1] == bridge[4][0][0]).unwrap();
    assert_eq!(camera[4], json!([[bridge[1], "ATTD"]]));
}

#[test]
fn odd_devices_are_in_the_list_of_every_tenth_account() {
    let simulator = start(Options { accounts: 11, ..Options::default() });
    let (session, account) = inside(&simulator, 0);
    let rows = session.devices();
    let with = |service: &str| rows.iter().find(|row| row[5] == service).expect(service);
    assert_eq!(with("IGND")[0], Value::Null, "an unattached camera has no account");
    assert_eq!((&with("IDLE")[0], &with("")[0]), (&json!(account), &json!(account)));
    let shared: Vec<_> = rows.iter().filter(|row| row[15] == 1).collect();
    assert_eq!(shared.len(), 1);
    assert_eq!(shared[0][0], json!(simulator.holders()[1]));
    assert_ne!(shared[0][16], rows[0][16], "it has another owner");
    assert_eq!(simulator.cameras(&account).len(), 4, "no odd one is among the cameras");
    assert_eq!(inside(&simulator, 1).0.devices().len(), 5);
    assert!(inside(&simulator, 10).0.devices().len() > 5);
}

#[test]
fn the_list_can_be_filtered() {
    let simulator = start(Options::default());
    let (session, account) = inside(&simulator, 0);
    let count = |query: &str| session.get(&format!("/g/device/list?{query}")).json().as_array().unwrap().len();
    assert_eq!(count("t=bridge"), 1);
    assert_eq!(count("t=camera&s=IGND"), 1);
    assert_eq!(count(&format!("e={}", simulator.cameras(&account)[0])), 1);
    assert_eq!(count("n=Kitchen+Bridge"), 1);
    assert_eq!(count("t=switches"), 0);
    assert_eq!(session.get("/g/list/devices").status, 200, "the old name");
}

#[test]
fn one_device_tells_its_status_as_text() {
    let simulator = start(quiet());
    let (session, account) = inside(&simulator, 0);
    let camera = &simulator.cameras(&account)[0];
    let device = session.get(&format!("/g/device?id={camera}")).json();
    let info = &device["camera_info"];
    assert_eq!((&info["status"], &info["status_hex"]), (&json!("1441847"), &json!("00160037")));
    assert_eq!(info["status_hex64"], json!("0000001700160037"));
    assert_eq!(device["account_id"], json!(account));
    let foreign = &simulator.cameras(&simulator.holders()[1])[0];
    let status = |query: &str| session.get(&format!("/g/device{query}")).status;
    assert_eq!((status(""), status("?id=deadbeef"), status(&format!("?id={foreign}"))), (400, 404, 403));
}

#[test]
fn devices_come_go_and_change_their_names() {
    let simulator = start(quiet());
    let (session, account) = inside(&simulator, 0);
    let added = simulator.add_camera(&account).unwrap();
    assert!(simulator.rename_camera(&added, "Vault"));
    let names = || session.devices().iter().map(|row| row[2].clone()).collect::<Vec<_>>();
    assert!(names().contains(&json!("Vault")));
    assert!(simulator.remove_camera(&added));
    assert!(!names().contains(&json!("Vault")));
    assert!(!simulator.remove_camera(&added) && !simulator.truth().contains_key(&added));
    assert_eq!(simulator.add_camera("deadbeef"), None);
}

#[test]
fn rows_can_be_odd_and_objects_have_unknown_members() {
    let simulator = start(quiet());
    let (session, _) = inside(&simulator, 0);
    simulator.inject(parse("odd-rows"));
    simulator.inject(parse("unknown-members"));
    let rows = session.devices();
    assert!(rows.iter().any(Value::is_null) && rows.iter().any(Value::is_object));
    assert!(rows.iter().any(|row| row.as_array().is_some_and(|row| row.len() == 4)));
    assert!(rows.iter().any(|row| row.as_array().is_some_and(|row| row.len() == 30)));
    assert!(session.get("/g/user").json().get("future_settings").is_some());
}

#[test]
fn a_row_can_be_spoilt_that_was_there() {
    let simulator = start(quiet());
    let (session, _) = inside(&simulator, 0);
    let before = session.devices();
    simulator.inject(parse("spoilt-row"));
    let after = session.devices();
    assert_eq!(after.len(), before.len());
    let changed: Vec<_> = (0..after.len()).filter(|nth| before[*nth][1] != after[*nth][1]).collect();
    assert_eq!(changed, [after.len() - 1]);
    assert!(after[after.len() - 1][1].is_null());
}
