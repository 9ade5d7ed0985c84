//! Types of events, and triggers.

use serde_json::{Value, json};
use watchpost::simulator::vxg::{Origin, TypeSpec};

use crate::client::{CAMERA, acc, detail, eventually, parse, quick, start, with_faults};

fn types(rest: &str) -> String {
    format!("/api/v2/cameras/{CAMERA}/event_processing/events/{rest}")
}

#[test]
fn types_have_the_members_that_their_capabilities_give_them() {
    let simulator = start(quick());
    simulator.put_type(CAMERA, "sound", TypeSpec { can_record: true, ..TypeSpec::default() });
    let page = acc(&simulator).fetch(&types(""));
    assert_eq!(page["meta"], json!({ "limit": 20, "next": null, "offset": 0, "previous": null, "total_count": 5 }));
    for row in page["objects"].as_array().unwrap() {
        for (member, capability) in [("record", "can_record"), ("snapshot", "can_snapshot"), ("period", "is_periodic")]
        {
            assert_eq!(row.get(member).is_some(), row["caps"][capability] == true, "{row}");
        }
        let one = acc(&simulator).fetch(&types(&format!("{}/", row["name"].as_str().unwrap())));
        assert_eq!(&one, row);
    }
    assert_eq!(acc(&simulator).get(&types("nobody/")).status, 404);
    let second = acc(&simulator).fetch(&types("?limit=2&offset=2"));
    assert_eq!(second["objects"][0], page["objects"][2]);
}

#[test]
fn a_type_is_added_once() {
    let simulator = start(quick());
    let caller = acc(&simulator);
    let answer = caller.post(&types(""), json!({ "name": "custom_event", "notify": true }));
    assert_eq!(answer.status, 201);
    let caps = json!({ "can_be_triggered": false, "can_record": false, "can_snapshot": false, "is_periodic": false });
    let row = json!({ "caps": caps, "custom": true, "name": "custom_event", "notify": true, "receive": false });
    assert_eq!(answer.json(), row);
    assert_eq!(caller.fetch(&types("custom_event/")), row);
    let again = caller.post(&types(""), json!({ "name": "custom_event" }));
    assert_eq!(again.status, 400);
    assert!(detail(&again).contains("already"));
    for (body, part) in [
        (json!({}), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x", "notify": "yes" }), "notify"),
        (json!({ "name": "x", "record": true }), "record"),
        (json!([]), "object"),
        (Value::Null, "missing"),
    ] {
        let answer = caller.post(&types(""), body);
        assert_eq!(answer.status, 400);
        assert!(detail(&answer).contains(part), "{}", answer.text());
    }
    assert_eq!(simulator.counters().complaints, 7);
    simulator.inject(parse("duplicate"));
    assert_eq!(caller.post(&types(""), json!({ "name": "motion" })).status, 409);
    simulator.inject(parse("create-200"));
    assert_eq!(caller.post(&types(""), json!({ "name": "Gate öffnet" })).status, 200);
    assert_eq!(caller.fetch(&types("Gate%20%C3%B6ffnet/"))["name"], "Gate öffnet");
    assert!(simulator.remove_type(CAMERA, "Gate öffnet") && !simulator.remove_type(CAMERA, "Gate öffnet"));
}

#[test]
fn a_type_is_changed_in_part() {
    let simulator = start(quick());
    let caller = acc(&simulator);
    let changed = caller.put(&types("motion/"), json!({ "notify": false }));
    assert_eq!(changed.status, 200);
    let row = changed.json();
    assert_eq!((&row["notify"], &row["record"], &row["snapshot"]), (&json!(false), &json!(true), &json!(true)));
    assert_eq!(caller.put(&types("snapshot/"), json!({ "period": 60 })).json()["period"], 60);
    // One of VXG's own clients sends the value alone.
    for body in [json!(true), json!({ "period": 5 }), json!({ "record": 1, "notify": true })] {
        assert_eq!(caller.put(&types("motion/"), body).status, 400);
    }
    assert_eq!(caller.fetch(&types("motion/"))["notify"], false);
    assert_eq!(caller.put(&types("nobody/"), json!({ "notify": true })).status, 404);
    assert_eq!(caller.ask("DELETE", &types("motion/"), &Value::Null).status, 405);
}

#[test]
fn a_trigger_is_answered_before_there_is_an_event_and_an_offline_camera_makes_none() {
    let simulator = start(quick());
    let caller = acc(&simulator);
    let body = json!({ "time": "2021-09-23T19:15:00", "meta": { "tag1": "value1" } });
    let answer = caller.post(&types("audio_event/trigger/"), body.clone());
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(simulator.events().len(), 0);
    eventually("the camera makes the event", || !simulator.events().is_empty());
    let row = caller.events("include_meta=true")["objects"][0].clone();
    assert_eq!((&row["name"], &row["time"]), (&json!("audio_event"), &body["time"]));
    assert_eq!(row["meta"], body["meta"]);
    assert_eq!(simulator.events()[0].origin, Origin::Trigger);
    for (kind, status) in [("motion", 400), ("nobody", 404)] {
        assert_eq!(caller.post(&types(&format!("{kind}/trigger/")), body.clone()).status, status);
    }
    assert_eq!(caller.post(&types("audio_event/trigger/"), json!({ "time": "now" })).status, 400);
    assert!(simulator.set_status(CAMERA, Some("inactive")));
    assert_eq!(caller.post(&types("audio_event/trigger/"), body).status, 200);
    eventually("the camera has been asked twice", || simulator.counters().answered == 2);
    assert_eq!((simulator.events().len(), simulator.counters().triggered), (1, 2));
}

#[test]
fn what_a_trigger_becomes_can_be_switched() {
    let simulator = with_faults(&["trigger-empty", "trigger-own-time", "trigger-no-meta"]);
    let caller = acc(&simulator);
    let body = json!({ "time": "2021-09-23T19:15:00", "meta": { "tag1": "value1" } });
    let answer = caller.post(&types("audio_event/trigger/"), body.clone());
    assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    eventually("the camera makes the event", || !simulator.events().is_empty());
    let event = simulator.events().remove(0);
    assert!(event.time.elapsed().unwrap().as_secs() < 60);
    assert!(event.versions[0].meta.is_empty());
    simulator.inject(parse("trigger-lost"));
    assert_eq!(caller.post(&types("audio_event/trigger/"), body).status, 204);
    eventually("the camera has been asked twice", || simulator.counters().answered == 2);
    assert_eq!((simulator.events().len(), simulator.counters().struck("trigger-lost")), (1, 1));
}
