//! The list of events.

use std::time::Duration;

use serde_json::{Value, json};
use watchpost::simulator::vxg::{Options, Simulator};

use crate::client::{CAMERA, EVENTS, NONE, acc, at, detail, group, ids, licence, quick, start};

/// The first camera's events of the seconds 0, 10, 20 … and so on.
fn with_events(count: u64) -> (Simulator, Vec<i64>) {
    let simulator = start(quick());
    let made = (0..count).map(|n| simulator.happen(CAMERA, "motion", at(10 * n), Value::Null).unwrap()).collect();
    (simulator, made)
}

fn text(seconds: u64) -> String {
    Simulator::text(at(seconds))
}

#[test]
fn a_list_has_twenty_rows_and_at_most_a_thousand_and_says_what_follows() {
    let (simulator, made) = with_events(1030);
    let caller = acc(&simulator);
    let first = caller.events("");
    assert_eq!(ids(&first), made[..20]);
    let next = format!("{EVENTS}?limit=20&offset=20");
    assert_eq!(first["meta"], json!({ "limit": 20, "next": next, "offset": 0, "previous": null, "total_count": 1030 }));
    assert_eq!(ids(&caller.fetch(&next)), made[20..40]);
    let most = caller.events("limit=5000");
    assert_eq!((&most["meta"]["limit"], ids(&most).len()), (&json!(1000), 1000));
    assert_eq!(ids(&caller.events("limit=0")).len(), 1000);
    let last = caller.events("include_meta=true&limit=1000&offset=1000&order_by=time");
    assert_eq!((&last["meta"]["next"], ids(&last)), (&Value::Null, made[1000..].to_vec()));
    let previous = format!("{EVENTS}?include_meta=true&order_by=time&limit=1000&offset=0");
    assert_eq!(last["meta"]["previous"], json!(previous));
    assert_eq!(caller.ids("offset=2000"), NONE);
    assert_eq!(simulator.calls()[0].rows, 20);
}

#[test]
fn events_are_in_the_order_of_their_time_whenever_they_arrived() {
    let (simulator, mut made) = with_events(3);
    let late = simulator.happen(CAMERA, "motion", at(5), Value::Null).unwrap();
    assert!(late > made[2], "ids are in the order of arrival");
    made.insert(1, late);
    let caller = acc(&simulator);
    assert_eq!(caller.ids(""), made);
    assert_eq!(caller.ids("order_by=time"), made);
    made.reverse();
    assert_eq!(caller.ids("order_by=-time"), made);
    let same = simulator.happen(CAMERA, "motion", at(5), Value::Null).unwrap();
    assert_eq!(caller.ids(&format!("start={0}&end={0}", text(5))), [late, same]);
}

#[test]
fn a_window_has_its_bounds_in_it_and_its_times_are_utc() {
    let (simulator, made) = with_events(4);
    let caller = acc(&simulator);
    let (start, end) = (text(10), text(20));
    for query in [
        format!("start={start}&end={end}"),
        format!("start={start}Z&end={end}Z"),
        format!("start={start}.000000&end={end}.000Z"),
    ] {
        assert_eq!(caller.ids(&query), made[1..3], "{query}");
    }
    assert_eq!(caller.ids(&format!("start={start}.000001")), made[2..]);
    assert_eq!(caller.ids(&format!("start={end}&end={start}")), NONE);
    assert_eq!(caller.ids(&format!("end={start}")), made[..2]);
    let exact = at(50) + Duration::from_micros(662_355);
    simulator.happen(CAMERA, "motion", exact, Value::Null);
    let row = caller.events(&format!("start={}", text(50)))["objects"][0].clone();
    assert_eq!(row["time"], format!("{}.662355", text(50)));
    assert_eq!(caller.ids(&format!("start={}", Simulator::text(exact))).len(), 1);
}

#[test]
fn a_list_is_of_the_names_aliases_cameras_and_tags_that_are_asked_for() {
    let simulator = start(quick());
    let other = simulator.cameras()[1];
    let happen = |camera, name, meta| simulator.happen(camera, name, at(0), meta).unwrap();
    let motion = happen(CAMERA, "motion", json!({ "a": "1", "b": "2" }));
    let sound = happen(CAMERA, "sound", json!({ "b": "2" }));
    let cross = simulator.happen_as(other, "linecross", "Line crossed", at(0), Value::Null).unwrap();
    let far = happen(other, "motion", json!({ "isstorage": true }));
    let caller = group(&simulator);
    for (query, wanted) in [
        ("events=motion", vec![motion, far]),
        ("type=sound", vec![sound]),
        ("events=motion,sound", vec![motion, sound, far]),
        ("events=Motion", vec![]),
        ("aliases=Line%20crossed", vec![cross]),
        ("aliases=sound&events=motion", vec![motion, sound, far]),
        ("aliases=linecross", vec![]),
        ("meta=a", vec![motion]),
        ("meta=a,b", vec![motion, sound]),
        ("meta_not=a,isstorage", vec![sound, cross]),
        ("meta=b&meta_not=a", vec![sound]),
    ] {
        assert_eq!(caller.ids(query), wanted, "{query}");
    }
    assert_eq!(caller.ids(&format!("camid={other}")), [cross, far]);
    assert_eq!(caller.ids(&format!("camid={CAMERA},{other},77")), [motion, sound, cross, far]);
    assert_eq!(licence(&simulator).ids("camid=77"), NONE);
    assert_eq!(acc(&simulator).ids(""), [motion, sound]);
    let row = &caller.events("aliases=Line+crossed")["objects"][0];
    assert_eq!((&row["alias"], &row["name"]), (&json!("Line crossed"), &json!("linecross")));
}

#[test]
fn meta_and_links_are_told_when_they_are_asked_for() {
    let simulator = start(quick());
    let made = simulator.happen(CAMERA, "motion", at(0), json!({ "Person": 2 })).unwrap();
    simulator.happen(CAMERA, "motion", at(1), Value::Null);
    let caller = acc(&simulator);
    let plain = caller.events("")["objects"][0].clone();
    assert_eq!((plain.get("meta"), plain.get("filemeta")), (None, None));
    assert!(plain["thumb"]["url"].as_str().unwrap().starts_with(&simulator.url()));
    let page = caller.events("include_meta=true&include_filemeta_download=true");
    assert_eq!(page["objects"][0]["meta"], json!({ "Person": 2 }));
    assert!(page["objects"][0]["filemeta"]["download"]["url"].is_string());
    assert_eq!(page["objects"][1].get("meta"), None);
    assert_eq!(caller.events("include_meta=false")["objects"][0].get("meta"), None);
    let event = simulator.event(made).unwrap();
    assert_eq!((event.shown, event.versions[0].shown), (3, 3));
    assert!(event.first_shown.is_some());
}

#[test]
fn a_question_that_makes_no_sense_is_refused_and_told_about() {
    let (simulator, _) = with_events(1);
    let caller = acc(&simulator);
    for (query, part) in [
        ("limit=-1", "limit"),
        ("limit=many", "limit"),
        ("offset=-1", "offset"),
        ("start=yesterday", "start"),
        ("end=1780000000", "end"),
        ("order_by=id", "order_by"),
        ("include_meta=yes", "include_meta"),
        ("camid=first", "camid"),
    ] {
        let answer = caller.get(&format!("{EVENTS}?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(detail(&answer).contains(part), "{query}: {}", answer.text());
    }
    assert_eq!(simulator.counters().complaints, 8);
    assert_eq!(caller.ids("id__gt=5").len(), 1);
    let complaint = simulator.complaints().pop().unwrap();
    assert_eq!((complaint.endpoint, complaint.method.as_str()), ("events", "GET"));
    assert!(complaint.words.contains("id__gt") && complaint.path.ends_with("?id__gt=5"));
}

#[test]
fn a_path_without_its_last_slash_is_redirected() {
    let (simulator, made) = with_events(1);
    let caller = acc(&simulator);
    let answer = caller.get("/api/v2/storage/events?limit=1");
    assert_eq!((answer.status, answer.header("location")), (301, Some("/api/v2/storage/events/?limit=1")));
    assert_eq!(simulator.counters().complaints, 1);
    for (method, path, status) in [
        ("GET", format!("{EVENTS}{}/", made[0]), 200),
        ("GET", format!("{EVENTS}first/"), 404),
        ("PATCH", EVENTS.to_owned(), 405),
        ("GET", "/api/v2/cameras/237863/events/".to_owned(), 404),
        ("GET", "/".to_owned(), 404),
    ] {
        assert_eq!(caller.ask(method, &path, &Value::Null).status, status, "{method} {path}");
    }
}

#[test]
fn old_events_go_with_the_retention_and_stay_in_the_ledger() {
    let simulator = start(Options { past: 3, cameras: 2, ..quick() });
    let caller = group(&simulator);
    let all = caller.ids("");
    assert_eq!(all.len(), 6);
    let now = simulator.now();
    assert_eq!(simulator.purge(Some(CAMERA), now - Duration::from_secs(9000)), 1);
    assert_eq!(caller.ids("").len(), 5);
    simulator.set_retention(Some(Duration::from_secs(5400)));
    crate::client::eventually("the retention works", || simulator.listed() == 2);
    assert_eq!(caller.ids(""), simulator.accepted(None));
    assert_eq!(simulator.accepted(Some(CAMERA)).len(), 1);
    assert_eq!(simulator.events().iter().filter(|event| event.gone.is_some()).count(), 4);
    assert!(simulator.delete(simulator.accepted(None)[0]));
    assert_eq!((simulator.listed(), caller.get(&format!("{EVENTS}{}/", all[0])).status), (1, 404));
}
