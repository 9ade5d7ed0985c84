//! Lists, page by page.

use std::collections::BTreeSet;

use serde_json::Value;

use super::place::{Place, Plan};

fn place_of(state: &Value) -> (String, String, String) {
    let text = |name: &str| state[name].as_str().unwrap().to_owned();
    (text("connection"), text("item"), text("vendorgroup"))
}

#[test]
fn pages_of_states_put_together_are_all_states_once_in_order() {
    let place = Place::start();
    let whole = place.pages("/api/v1/states", 1_000);
    assert!(whole.len() > 100, "{}", whole.len());
    assert!(whole.is_sorted_by_key(place_of));
    assert_eq!(whole.iter().map(place_of).collect::<BTreeSet<_>>().len(), whole.len());
    for limit in [1_000, 37, whole.len(), whole.len() - 1] {
        let places: Vec<_> = place.pages("/api/v1/states", limit.min(1_000)).iter().map(place_of).collect();
        assert_eq!(places, whole.iter().map(place_of).collect::<Vec<_>>(), "{limit}");
    }
    let filtered = place.pages("/api/v1/states?group=recording&value=on&item=cameras/*", 5);
    let expected = whole.iter().filter(|state| state["group"] == "recording" && state["value"] == "on");
    assert_eq!(filtered.len(), expected.count());
    assert!(!filtered.is_empty());
    for none in ["connection=other", "vendor=vxg", "group=x,y", "value=nothing", "item=doors/*", "origin=backfill"] {
        assert!(place.pages(&format!("/api/v1/states?{none}"), 5).is_empty(), "{none}");
    }
}

#[test]
fn pages_of_connections_put_together_are_all_connections_by_name() {
    let place = Place::planned(Plan { halted: vec!["b", "a", "d", "c"], bare: true, ..Plan::default() });
    for limit in [1, 2, 3, 4, 100] {
        let names = place.pages("/api/v1/connections", limit);
        assert_eq!(names.iter().map(|info| info["name"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }
}

#[test]
fn pages_of_events_put_together_are_all_events_of_the_journal() {
    let place = Place::start();
    place.let_happen(300);
    let whole = place.pages("/api/v1/events", 1_000);
    assert!(whole.len() >= 300);
    assert!(whole.is_sorted_by_key(|event| event["sequence"].as_str().unwrap().to_owned()));
    let stored: usize = place.store.commits().iter().map(|commit| commit.events.len()).sum();
    assert_eq!(whole.len(), stored);
    for limit in [7, 100, 1_000] {
        for of in ["", "?connection=hq", "?connection=h*"] {
            assert_eq!(place.pages(&format!("/api/v1/events{of}"), limit), whole, "{of} by {limit}");
        }
    }
    // The line that sinks get.
    let commit = &place.store.commits()[0];
    assert_eq!(whole[0], serde_json::from_str::<Value>(&commit.get(0).unwrap().to_line()).unwrap());
    let item = whole.iter().find_map(|event| event["subject"].as_str()).unwrap();
    let history = place.pages(&format!("/api/v1/events?connection=hq&item={item}&type=motion.*,recording.*"), 3);
    let expected = whole.iter().filter(|event| {
        let kind = event["type"].as_str().unwrap();
        let is_of_item = event["subject"] == item && (kind.starts_with("motion.") || kind.starts_with("recording."));
        // A filter on items never hides what is the engine's own, but one on types does.
        is_of_item
    });
    assert_eq!(history, expected.cloned().collect::<Vec<_>>());
    assert!(place.pages("/api/v1/events?connection=other", 5).is_empty());
}

#[test]
fn events_are_told_between_moments_and_behind_a_sequence() {
    let place = Place::start();
    place.let_happen(50);
    let whole = place.pages("/api/v1/events", 1_000);
    let moment = whole[whole.len() / 2]["recordedtime"].as_str().unwrap();
    let at = |event: &Value| event["recordedtime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let middle = moment.parse::<jiff::Timestamp>().unwrap();
    let since = place.pages(&format!("/api/v1/events?since={moment}"), 1_000);
    let until = place.pages(&format!("/api/v1/events?until={moment}"), 1_000);
    assert!(since.iter().all(|event| at(event) >= middle) && until.iter().all(|event| at(event) < middle));
    assert_eq!(since.len() + until.len(), whole.len());
    assert_eq!(place.pages("/api/v1/events?since=1h", 1_000), whole);
    assert!(place.pages("/api/v1/events?until=1h", 1_000).is_empty());
    let after = whole[10]["sequence"].as_str().unwrap();
    assert_eq!(place.pages(&format!("/api/v1/events?after={after}"), 1_000), whole[11..]);
    assert!(place.pages("/api/v1/events?after=99999999999999999999", 5).is_empty());
    let problem = place.get("/api/v1/events?since=1h&until=2h").problem(400);
    assert_eq!(problem["errors"][0]["parameter"], "until");
}

#[test]
fn every_mistake_in_a_query_is_named_at_once() {
    let place = Place::bare(None);
    let problem = place.get("/api/v1/events?limit=0&since=never&typ=x&after=1&after=2&item=%ff&name=[").problem(400);
    let named: BTreeSet<_> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["parameter"].as_str().unwrap()).collect();
    assert_eq!(named, BTreeSet::from(["after", "item", "limit", "name", "since", "typ"]), "{problem}");
    for (target, parameter) in [
        ("/api/v1/states?after=x", "after"),
        ("/api/v1/states?limit=1001", "limit"),
        ("/api/v1/states?type=motion.*", "type"),
        ("/api/v1/connections?limit=-1", "limit"),
        ("/api/v1/connections/hq?x", "x"),
        ("/healthz?x=1", "x"),
        ("/readyz?x=1", "x"),
        ("/metrics?x=1", "x"),
        ("/api/v1/about?x=1", "x"),
        ("/api/v1/openapi.json?x=1", "x"),
    ] {
        assert_eq!(place.get(target).problem(400)["errors"][0]["parameter"], parameter, "{target}");
    }
}
