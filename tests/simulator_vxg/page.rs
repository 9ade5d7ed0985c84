//! VXG's page *Working with events*, step by step: its own lines for `curl`, but for the host and the token.

use std::process::Command;

use serde_json::{Value, json};
use watchpost::simulator::vxg::Simulator;

use crate::client::{CAMERA, eventually, quick, start};

/// As on the page.
const LIST: &str = r#"curl -X GET "https://web.vxgdemo.vxgdemo.cloud-vms.com:443/api/v2/cameras/237863/event_processing/events/" -H "accept: application/json" -H "Authorization: Acc ACCESS_TOKEN""#;
const ADD: &str = r#"curl -X POST "https://web.vxgdemo.vxgdemo.cloud-vms.com:443/api/v2/cameras/237863/event_processing/events/" -H "accept: application/json" -H "Content-Type: application/json" -H "Authorization: Acc ACCESS_TOKEN" -d "{ \"name\": \"custom_event\", \"notify\": true}""#;
/// The page shows these two as pictures; this is their request as *How to create or trigger an event* describes it.
const CREATE: &str = r#"curl -X POST "https://web.vxgdemo.vxgdemo.cloud-vms.com:443/api/v2/storage/events/" -H "accept: application/json" -H "Content-Type: application/json" -H "Authorization: Acc ACCESS_TOKEN" -d "{ \"camid\": 237863, \"name\": \"custom_event\", \"time\": \"2021-09-23T16:30:00\", \"meta\": { \"tag1\": \"value1\" }}""#;
const TRIGGER: &str = r#"curl -X POST "https://web.vxgdemo.vxgdemo.cloud-vms.com:443/api/v2/cameras/237863/event_processing/events/audio_event/trigger/" -H "accept: application/json" -H "Content-Type: application/json" -H "Authorization: Acc ACCESS_TOKEN" -d "{ \"time\": \"2021-09-23T19:15:00\", \"meta\": { \"tag1\": \"value1\" }}""#;

/// The answer to the first line, as on the page.
const LISTED: &str = r#"{ "meta": { "limit": 20, "next": null, "offset": 0, "previous": null, "total_count": 3 }, "objects": [ { "caps": { "can_be_triggered": false, "can_record": true, "can_snapshot": true, "is_periodic": false }, "generate_images": false, "name": "motion", "notify": true, "receive": true, "record": true, "snapshot": true }, { "caps": { "can_be_triggered": false, "can_record": false, "can_snapshot": false, "is_periodic": false }, "generate_images": false, "name": "net", "notify": true, "receive": true }, { "caps": { "can_be_triggered": false, "can_record": false, "can_snapshot": true, "is_periodic": true }, "generate_images": false, "name": "snapshot", "notify": true, "period": 0, "receive": false, "snapshot": true } ] }"#;

/// Runs a line in a shell, as a reader of the page would.
fn typed(simulator: &Simulator, line: &str) -> Value {
    let line = line
        .replace("https://web.vxgdemo.vxgdemo.cloud-vms.com:443", &simulator.url())
        .replace("ACCESS_TOKEN", &simulator.token(CAMERA).unwrap())
        .replacen("curl", "curl --silent --show-error --fail-with-body --noproxy '*' --max-time 10", 1);
    let output = Command::new("sh").args(["-c", &line]).output().expect("there is a shell");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "curl, which this test needs, failed: {text} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn each_step_of_the_page_is_answered_as_the_page_shows_it() {
    let simulator = start(quick());
    // The page's camera has no type that can be triggered.
    assert!(simulator.remove_type(CAMERA, "audio_event"));
    assert_eq!(typed(&simulator, LIST), serde_json::from_str::<Value>(LISTED).unwrap());
    let caps = json!({ "can_be_triggered": false, "can_record": false, "can_snapshot": false, "is_periodic": false });
    assert_eq!(
        typed(&simulator, ADD),
        json!({ "caps": caps, "custom": true, "name": "custom_event", "notify": true, "receive": false })
    );
    assert_eq!(
        typed(&simulator, CREATE),
        json!({
            "camid": 237863, "id": 33794128, "meta": { "tag1": "value1" }, "name": "custom_event", "time": "2021-09-23T16:30:00",
        })
    );
    assert_eq!(simulator.complaints(), []);
}

#[test]
fn a_trigger_as_on_the_page_makes_the_camera_make_the_event() {
    let simulator = start(quick());
    assert_eq!(typed(&simulator, TRIGGER), json!({}));
    eventually("the camera makes the event", || simulator.accepted(Some(CAMERA)).len() == 1);
    assert_eq!(Simulator::text(simulator.events()[0].time), "2021-09-23T19:15:00");
    assert_eq!(simulator.complaints(), []);
}
