//! Cameras as channels.

use serde_json::{Value, json};
use watchpost::simulator::vxg::audit;

use crate::client::{CAMERA, acc, group, licence, quick, start};

const V5: &str = "/api/v5/channels/?meta_not=isstorage&limit=1000";

#[test]
fn channels_tell_names_states_and_tokens() {
    let simulator = start(quick());
    let cameras = simulator.cameras();
    assert!(simulator.rename(cameras[0], "Gate") && !simulator.rename(1, "Gate"));
    assert!(simulator.set_status(cameras[1], Some("inactive")) && simulator.set_status(cameras[2], None));
    assert!(simulator.set_channel_tag(cameras[3], "isstorage", json!("true")));
    let page = group(&simulator).fetch(V5);
    assert_eq!((&page["meta"]["limit"], &page["meta"]["total_count"]), (&json!(1000), &json!(3)));
    let row = |n: usize| page["objects"][n].clone();
    let token = simulator.token(CAMERA).unwrap();
    assert_eq!(row(0), json!({ "id": CAMERA, "name": "Gate", "status": "active", "recording": true, "token": token }));
    assert_eq!((&row(1)["status"], &row(2)["status"]), (&json!("inactive"), &Value::Null));
    let truth = simulator.truth();
    let words: Vec<&str> = truth.values().map(audit::connection).collect();
    assert_eq!(words, ["online", "offline", "unknown", "online"]);
    let more = group(&simulator).fetch(&format!("{V5}&include_meta=true&include_events_info=true&preview=true"));
    assert_eq!(
        (&more["objects"][0]["meta"], more["objects"][0]["events"][0]["name"].as_str()),
        (&json!({}), Some("motion"))
    );
    let tagged = group(&simulator).fetch("/api/v5/channels/?meta=isstorage");
    assert_eq!(tagged["objects"][0]["id"], cameras[3]);
    assert_eq!(simulator.counters().complaints, 0);
}

#[test]
fn the_licence_key_is_told_every_channel_with_its_tokens() {
    let simulator = start(quick());
    simulator.set_grouped(CAMERA, false);
    assert_eq!(group(&simulator).fetch(V5)["meta"]["total_count"], 3);
    let owner = licence(&simulator);
    assert_eq!(owner.fetch(V5)["meta"]["total_count"], 4);
    let row = owner.fetch("/api/v3/channels/?limit=1")["objects"][0].clone();
    assert_eq!(row["access_tokens"]["all"], json!(simulator.token(CAMERA).unwrap()));
    let mut one = owner.fetch(&format!("/api/v3/channels/{CAMERA}/"));
    one.as_object_mut().unwrap().remove("meta");
    assert_eq!(one, row);
    assert_eq!(owner.get("/api/v3/channels/1/").status, 404);
}

#[test]
fn a_camera_says_how_it_records_and_can_be_told() {
    let simulator = start(quick());
    let (caller, path) = (acc(&simulator), format!("/api/v2/cameras/{CAMERA}/"));
    assert_eq!(caller.fetch(&path)["rec_mode"], "by_event");
    let answer = caller.put(&path, json!({ "rec_mode": "off" }));
    assert_eq!((answer.status, &answer.json()["recording"]), (200, &json!(false)));
    assert_eq!(caller.put(&path, json!({ "rec_mode": "sometimes" })).status, 400);
    assert_eq!(caller.fetch(&path)["rec_mode"], "off");
}
