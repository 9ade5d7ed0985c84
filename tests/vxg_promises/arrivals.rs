//! What happens is told: soon, in order, once.

use std::time::Duration;

use serde_json::{Value, json};
use watchpost::simulator::vxg::Simulator;

use crate::cloud::{By, Cloud, OVERLAP, options};
use crate::common::{DEADLINE, MS, SECOND, eventually, pace};

#[test]
fn an_event_is_told_within_one_poll_as_it_is() {
    let cloud = Cloud::online(options(), By::Group);
    let camera = cloud.first();
    for nth in 0..5 {
        let polls = cloud.sim.counters().of("events").tried;
        let time = cloud.sim.now();
        let event = cloud.sim.happen(camera, "motion", time, json!({ "nth": nth.to_string() })).unwrap();
        let line = cloud.wait_told(event);
        // One may be under way, and a sweep may lie between; the second poll may be over before the journal is looked at.
        let polls = cloud.sim.counters().of("events").tried - polls;
        assert!(polls <= 4, "told after {polls} polls");
        assert_eq!(line["subject"], format!("cameras/{camera}"));
        assert_eq!((&line["type"], &line["typename"]), (&json!("vxg.motion"), &json!("motion")));
        assert_eq!((&line["itemname"], &line["origin"]), (&json!("Camera 1"), &json!("live")));
        assert_eq!((&line["vendor"], &line["source"]), (&json!("vxg"), &json!("/vxg/yard")));
        let told: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        let happened: jiff::Timestamp = time.try_into().unwrap();
        assert_eq!(told.as_microsecond(), happened.as_microsecond());
        let data = &line["data"];
        assert_eq!((&data["id"], &data["camid"], &data["name"]), (&json!(event), &json!(camera), &json!("motion")));
        assert_eq!((&data["time"], &data["meta"]["nth"]), (&json!(Simulator::text(time)), &json!(nth.to_string())));
        assert!(data["thumb"]["url"].is_string(), "{data}");
    }
    cloud.settle();
}

#[test]
fn events_of_all_cameras_are_told_in_the_order_of_their_times_and_once() {
    let cloud = Cloud::online(options(), By::Group);
    let cameras = cloud.sim.cameras();
    let mut happened = Vec::new();
    for round in 0..10 {
        // Within one round they arrive against the order of their times, and two have the same.
        let now = cloud.sim.now();
        let mut round: Vec<_> = [3, 0, 2, 1, 1]
            .iter()
            .enumerate()
            .map(|(nth, back)| {
                let time = now - 10 * MS * *back;
                (time, cloud.sim.happen(cameras[(nth + round) % cameras.len()], "motion", time, Value::Null).unwrap())
            })
            .collect();
        round.sort_unstable();
        happened.extend(round.into_iter().map(|(_, event)| event));
        eventually(DEADLINE, "they are told", || !cloud.told(*happened.last().unwrap()).is_empty());
    }
    cloud.settle();
    let of = |line: &Value| line["data"]["id"].as_i64().filter(|id| happened.contains(id));
    let told: Vec<i64> = cloud.lines().iter().filter_map(of).collect();
    // A poll between the first and the last arrival of a round may part them, and no client can put that right: then what arrived later has an earlier time.
    let parted = told.windows(2).filter(|pair| {
        let place = |id: i64| happened.iter().position(|known| *known == id);
        place(pair[0]) > place(pair[1])
    });
    assert_eq!(told.len(), happened.len());
    assert!(parted.count() <= 2, "{told:?}\n{happened:?}");
}

#[test]
fn what_arrives_late_is_found_by_a_sweep() {
    let cloud = Cloud::online(options(), By::Group);
    let camera = cloud.first();
    let newest = cloud.sim.happen_now(camera, "motion").unwrap();
    cloud.wait_told(newest);
    // Before the start of the connection nothing is its business; so it has to be there for some time.
    pace(OVERLAP + 3 * SECOND);
    let late = cloud.sim.happen(camera, "sound", cloud.ago(OVERLAP + 2 * SECOND), Value::Null).unwrap();
    assert_eq!(cloud.wait_told(late)["origin"], "backfill");
    let polled = cloud.sim.happen(camera, "sound", cloud.ago(OVERLAP / 2), Value::Null).unwrap();
    assert_eq!(cloud.wait_told(polled)["origin"], "live");
    cloud.settle();
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
}

#[test]
fn what_arrives_later_than_sweeps_reach_is_not_told_and_not_before_it_was_there() {
    let cloud = Cloud::with(options(), By::Group, |config| (config.overlap, config.sweep) = (SECOND, 3 * SECOND));
    cloud.wait_online();
    let camera = cloud.first();
    let too_late = cloud.sim.happen(camera, "sound", cloud.ago(Duration::from_secs(60)), Value::Null).unwrap();
    pace(3 * SECOND);
    let newest = cloud.sim.happen_now(camera, "motion").unwrap();
    cloud.wait_told(newest);
    assert_eq!(cloud.told(too_late), Vec::<Value>::new());
}

#[test]
fn events_of_a_camera_whose_clock_is_ahead_come_at_once() {
    let cloud = Cloud::online(options(), By::Group);
    let ahead = cloud.sim.now() + Duration::from_secs(3 * 3_600);
    let event = cloud.sim.happen(cloud.first(), "motion", ahead, Value::Null).unwrap();
    cloud.wait_told(event);
    let next = cloud.sim.happen_now(cloud.sim.cameras()[1], "motion").unwrap();
    cloud.wait_told(next);
    cloud.settle();
}

#[test]
fn another_meta_of_an_event_is_an_update_and_each_is_told_once() {
    let cloud = Cloud::online(options(), By::Group);
    let event = cloud.sim.happen_now(cloud.first(), "intrusion").unwrap();
    cloud.wait_told(event);
    let (open, done) = (json!({ "process": "in_progress" }), json!({ "process": "processed", "by": "Ann" }));
    for (nth, meta) in [&open, &done].into_iter().enumerate() {
        assert!(cloud.sim.set_meta(event, meta.clone()));
        eventually(DEADLINE, "the update is told", || cloud.told(event).len() == nth + 2);
        let line = cloud.told(event).remove(nth + 1);
        assert_eq!((&line["type"], &line["data"]["meta"]), (&json!("vxg.intrusion.updated"), meta));
        assert_eq!((&line["typename"], &line["data"]["id"]), (&json!("intrusion"), &json!(event)));
        assert!(line["id"].as_str().unwrap().starts_with(&format!("yard:{event}~")), "{line}");
    }
    // What it had before is told; so is that there is none.
    for meta in [open, done, json!({})] {
        assert!(cloud.sim.set_meta(event, meta));
        pace(500 * MS);
    }
    assert_eq!(cloud.told(event).len(), 3, "{:#?}", cloud.told(event));
    cloud.settle();
}
