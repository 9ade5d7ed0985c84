//! One event: read, created, and its meta.

use serde_json::{Value, json};
use watchpost::simulator::vxg::Origin;

use crate::client::{CAMERA, EVENTS, acc, at, caller, detail, group, parse, quick, start, with_faults};

#[test]
fn an_event_is_created_for_a_type_that_the_camera_supports() {
    let simulator = start(quick());
    let caller = acc(&simulator);
    let body =
        json!({ "camid": CAMERA, "name": "audio_event", "time": "2021-09-23T16:30:00", "meta": { "tag1": "value1" } });
    let answer = caller.post(EVENTS, body.clone());
    assert_eq!(answer.status, 201);
    let mut wanted = body;
    // The very id of VXG's page.
    wanted["id"] = json!(33_794_128);
    assert_eq!(answer.json(), wanted);
    assert_eq!(caller.fetch(&format!("{EVENTS}33794128/?include_meta=true")), wanted);
    assert_eq!(caller.fetch(&format!("{EVENTS}33794128/")).get("meta"), None);
    assert_eq!((simulator.events()[0].origin, simulator.counters().created), (Origin::Backend, 1));
    let created = |members: &[(&str, Value)]| {
        let mut body = json!({ "camid": CAMERA, "name": "motion", "time": "2021-09-23T16:30:00.5Z" });
        for (name, value) in members {
            body[*name] = value.clone();
        }
        caller.post(EVENTS, body)
    };
    assert_eq!(created(&[]).json()["time"], "2021-09-23T16:30:00.500000");
    assert_eq!(created(&[("meta", json!({ "n": 1, "b": true }))]).status, 201);
    for (member, value) in [
        ("name", json!("nobody")),
        ("name", Value::Null),
        ("time", json!("today")),
        ("time", Value::Null),
        ("camid", json!("237863")),
        ("camid", Value::Null),
        ("meta", json!([])),
        ("meta", json!({ "a": {} })),
    ] {
        let answer = created(&[(member, value.clone())]);
        assert_eq!(answer.status, 400, "{member}: {value}");
        assert!(detail(&answer).contains(member), "{}", answer.text());
    }
    assert_eq!(created(&[("camid", json!(simulator.cameras()[1]))]).status, 403);
    assert_eq!(group(&simulator).post(EVENTS, json!({ "camid": 1, "name": "motion" })).status, 400);
    assert_eq!(simulator.accepted(None).len(), 3);
}

#[test]
fn tags_are_added_changed_and_deleted() {
    let simulator = start(quick());
    let caller = acc(&simulator);
    let event = simulator.happen(CAMERA, "motion", at(0), json!({ "a": "1" })).unwrap();
    let meta = |tag: &str| format!("{EVENTS}{event}/meta/{tag}");
    let now = || caller.fetch(&format!("{EVENTS}{event}/?include_meta=true"))["meta"].clone();
    assert_eq!(caller.post(&meta(""), json!({ "tag": "process", "data": "not_handled" })).status, 201);
    assert_eq!(now(), json!({ "a": "1", "process": "not_handled" }));
    assert_eq!(caller.put(&meta("process/"), json!({ "data": "processed" })).status, 200);
    assert_eq!(caller.put(&meta("nobody/"), json!({ "data": "x" })).status, 404);
    let deleted = caller.ask("DELETE", &meta("a/"), &Value::Null);
    assert_eq!((deleted.status, deleted.bytes.len()), (204, 0));
    assert_eq!(caller.ask("DELETE", &meta("a/"), &Value::Null).status, 404);
    assert_eq!(now(), json!({ "process": "processed" }));
    assert_eq!(caller.post(&meta(""), json!({ "tag": "x" })).status, 400);
    assert_eq!(caller.post(&meta(""), json!({ "data": "x" })).status, 400);
    let versions = simulator.event(event).unwrap().versions;
    assert_eq!(versions.iter().map(|version| version.meta.len()).collect::<Vec<_>>(), [1, 2, 2, 1]);
    assert_eq!(versions.iter().map(|version| version.shown).collect::<Vec<_>>(), [0, 1, 0, 1]);
    assert!(simulator.set_meta(event, Value::Null) && !simulator.set_meta(1, Value::Null));
    assert_eq!(caller.fetch(&format!("{EVENTS}{event}/?include_meta=true")).get("meta"), None);
}

#[test]
fn an_event_of_another_camera_is_not_there() {
    let simulator = start(quick());
    let other = simulator.cameras()[1];
    let event = simulator.happen_now(other, "motion").unwrap();
    let path = format!("{EVENTS}{event}/");
    assert_eq!((acc(&simulator).get(&path).status, group(&simulator).get(&path).status), (404, 200));
    let own = caller(&simulator, "Acc", &simulator.token(other).unwrap());
    assert_eq!(own.get(&path).status, 200);
    assert_eq!(simulator.happen_now(1, "motion"), None);
    let row = simulator.add_row(other, at(0), json!({ "id": "one" })).unwrap();
    assert_eq!(own.get(&format!("{EVENTS}{row}/")).status, 404);
    assert_eq!(simulator.accepted(None), [event]);
}

#[test]
fn an_event_is_created_even_when_the_answer_is_lost() {
    let simulator = with_faults(&["create-lost=1"]);
    let caller = acc(&simulator);
    assert_eq!(caller.create("motion", "2021-09-23T16:30:00").status, 0);
    assert_eq!(caller.ids(""), [33_794_128]);
    assert_eq!(caller.create("motion", "2021-09-23T16:30:00").status, 201);
    assert_eq!((simulator.accepted(None).len(), simulator.counters().struck("create-lost")), (2, 1));
    simulator.inject(parse("group-lists"));
    assert_eq!(group(&simulator).create("motion", "2021-09-23T16:30:00").status, 403);
    assert_eq!(group(&simulator).ids("").len(), 2);
}
