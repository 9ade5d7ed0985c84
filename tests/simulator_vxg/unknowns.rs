//! What nobody outside VXG knows, both ways.

use std::time::Duration;

use serde_json::{Value, json};
use watchpost::simulator::vxg::Simulator;

use crate::client::{CAMERA, EVENTS, NONE, acc, at, group, licence, parse, quick, start, with_faults};

fn window(from: u64, to: u64) -> String {
    format!("start={}&end={}", Simulator::text(at(from)), Simulator::text(at(to)))
}

#[test]
fn bounds_can_be_exclusive_and_the_newest_first() {
    let simulator = start(quick());
    let made: Vec<i64> = (0..3).map(|n| simulator.happen(CAMERA, "motion", at(n), Value::Null).unwrap()).collect();
    let caller = acc(&simulator);
    simulator.inject(parse("start-exclusive"));
    assert_eq!(caller.ids(&window(0, 2)), made[1..]);
    assert_eq!(caller.ids(&window(0, 0)), NONE);
    simulator.inject(parse("end-exclusive"));
    assert_eq!(caller.ids(&window(0, 2)), made[1..2]);
    simulator.inject(parse("newest-first"));
    assert_eq!(caller.ids("")[0], made[2]);
    assert_eq!(caller.ids("order_by=time")[0], made[0]);
}

#[test]
fn times_can_be_without_microseconds_and_with_a_zone() {
    let simulator = start(quick());
    let caller = acc(&simulator);
    let exact = at(0) + Duration::from_micros(7);
    simulator.happen(CAMERA, "motion", exact, Value::Null);
    let told = || caller.events("")["objects"][0]["time"].as_str().unwrap().to_owned();
    assert!(told().ends_with(".000007"));
    simulator.inject(parse("zoned-times"));
    assert!(told().ends_with(".000007Z"));
    simulator.clear(parse("zoned-times").kind());
    simulator.inject(parse("hidden-micros"));
    assert_eq!(told(), Simulator::text(at(0)));
    assert_eq!(caller.ids(&window(0, 0)), NONE);
    simulator.inject(parse("whole-seconds"));
    simulator.happen(CAMERA, "motion", exact, Value::Null);
    assert_eq!(caller.ids(&window(0, 0)).len(), 1);
}

#[test]
fn a_meta_can_be_told_unasked_and_empty_in_three_ways() {
    let simulator = start(quick());
    let caller = acc(&simulator);
    simulator.happen(CAMERA, "motion", at(0), json!({ "a": "1", "b": "2" }));
    simulator.happen(CAMERA, "motion", at(1), json!({ "b": "2" }));
    simulator.happen(CAMERA, "motion", at(2), Value::Null);
    simulator.inject(parse("meta-all"));
    assert_eq!(caller.ids("meta=a,b").len(), 1);
    simulator.inject(parse("meta-always"));
    assert_eq!(caller.events("")["objects"][1]["meta"], json!({ "b": "2" }));
    assert_eq!(caller.events("")["objects"][2].get("meta"), None);
    simulator.inject(parse("meta-empty"));
    assert_eq!(caller.events("")["objects"][2].get("meta"), Some(&json!({})));
    simulator.inject(parse("meta-null"));
    assert_eq!(caller.events("")["objects"][2].get("meta"), Some(&Value::Null));
}

#[test]
fn ids_can_be_texts_and_in_no_order() {
    let simulator = with_faults(&["text-ids", "random-ids"]);
    let made: Vec<i64> = (0..20).map(|n| simulator.happen(CAMERA, "motion", at(n), Value::Null).unwrap()).collect();
    assert!(!made.is_sorted());
    let page = acc(&simulator).events("");
    let told: Vec<String> =
        page["objects"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, made.iter().map(i64::to_string).collect::<Vec<_>>());
    assert_eq!(page["objects"][0]["camid"], CAMERA.to_string());
    assert_eq!(simulator.accepted(None), made);
}

#[test]
fn lists_can_demand_a_camera_and_only_one() {
    let simulator = with_faults(&["needs-camid", "one-camid"]);
    for caller in [group(&simulator), licence(&simulator)] {
        assert_eq!(caller.get(EVENTS).status, 400);
        assert_eq!(caller.get(&format!("{EVENTS}?camid={CAMERA}")).status, 200);
        assert_eq!(caller.get(&format!("{EVENTS}?camid={CAMERA},5")).status, 400);
    }
    assert_eq!(acc(&simulator).get(EVENTS).status, 200);
}

#[test]
fn parts_of_the_api_can_be_missing() {
    let simulator = start(quick());
    let owner = licence(&simulator);
    let statuses = || {
        ["/api/v3/channels/", "/api/v3/channels/237863/", "/api/v5/channels/", "/api/v2/cameras/237863/"]
            .map(|path| owner.get(path).status)
    };
    assert_eq!(statuses(), [200; 4]);
    for (fault, wanted) in [
        ("no-v3-list", [404, 200, 200, 200]),
        ("no-v3", [404, 404, 200, 200]),
        ("v5-group-only", [404, 404, 401, 200]),
        ("no-v2-camera", [404, 404, 401, 404]),
    ] {
        simulator.inject(parse(fault));
        assert_eq!(statuses(), wanted, "{fault}");
    }
    assert_eq!(group(&simulator).get("/api/v5/channels/").status, 200);
}

#[test]
fn tokens_of_a_channel_can_be_missing() {
    let simulator = with_faults(&["only-watch"]);
    let tokens = || licence(&simulator).fetch("/api/v3/channels/237863/").get("access_tokens").cloned();
    let told = tokens().unwrap();
    assert_eq!((told.get("all"), told["watch"].as_str()), (None, simulator.watch_token(CAMERA).as_deref()));
    simulator.inject(parse("no-access-tokens"));
    assert_eq!(tokens(), None);
}

#[test]
fn a_missing_slash_can_be_fatal_or_nothing_at_all() {
    let simulator = with_faults(&["slash-lax"]);
    let caller = acc(&simulator);
    assert_eq!(caller.get("/api/v2/storage/events").status, 200);
    simulator.inject(parse("no-slash-404"));
    assert_eq!(caller.get("/api/v2/storage/events").status, 404);
    assert_eq!(simulator.counters().complaints, 2);
}

#[test]
fn limits_can_be_smaller_or_refused() {
    let simulator = with_faults(&["limit-cap"]);
    let caller = acc(&simulator);
    for n in 0..150 {
        simulator.happen(CAMERA, "motion", at(n), Value::Null);
    }
    let page = caller.events("limit=1000");
    assert_eq!((&page["meta"]["limit"], page["objects"].as_array().unwrap().len()), (&json!(100), 100));
    simulator.inject(parse("limit-refused"));
    assert_eq!(caller.get(&format!("{EVENTS}?limit=101")).status, 400);
    assert_eq!(caller.ids("limit=100").len(), 100);
}
