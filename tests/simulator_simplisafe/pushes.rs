//! Pushes that come late, twice, in another order, maimed, or never.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_tungstenite::tungstenite::Error;
use watchpost::simulator::simplisafe::FaultKind;

use crate::client::{Client, DEADLINE, Heard, ids, parse, quick, start, subscribed, with_faults};

async fn event_ids(client: &mut Client, count: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(client.event().await["eventId"].as_u64().unwrap());
    }
    ids
}

#[actix_rt::test]
async fn pushes_can_be_late_all_of_them_or_some() {
    let simulator = with_faults(&["late=300ms"]);
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let began = Instant::now();
    let id = simulator.happen(sid, 1602, None).unwrap();
    assert_eq!(event_ids(&mut client, 1).await, [id]);
    assert!(began.elapsed() >= Duration::from_millis(300));
    simulator.inject(parse("straggler=3"));
    let [b, c, d]: [u64; 3] = std::array::from_fn(|_| simulator.happen(sid, 1602, None).unwrap());
    // The third of all, which is the second of these, is the late one.
    assert_eq!(event_ids(&mut client, 3).await, [b, d, c]);
}

#[actix_rt::test]
async fn pushes_can_be_lost_and_are_in_the_history_alone() {
    let simulator = with_faults(&["lost-pushes"]);
    let (mut client, caller) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let id = simulator.happen(sid, 1602, None).unwrap();
    assert!(client.is_silent().await);
    assert_eq!(ids(&caller.events(sid, "")), [id]);
    simulator.inject(parse("lost-pushes=30"));
    simulator.emit(300);
    simulator.clear(FaultKind::LostPushes);
    simulator.happen(sid, 9903, None);
    let mut pushed = 0;
    while client.cid().await != 9903 {
        pushed += 1;
    }
    assert!((150..270).contains(&pushed), "{pushed}");
}

#[actix_rt::test]
async fn pushes_can_overtake_each_other() {
    let simulator = with_faults(&["out-of-order"]);
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let [a, b, c]: [u64; 3] = std::array::from_fn(|_| simulator.happen(sid, 1602, None).unwrap());
    assert_eq!(event_ids(&mut client, 3).await, [b, a, c]);
}

#[actix_rt::test]
async fn pushes_can_come_twice() {
    let simulator = with_faults(&["duplicates"]);
    let (mut client, _) = subscribed(&simulator).await;
    let id = simulator.happen(simulator.systems()[0], 1602, None).unwrap();
    assert_eq!(event_ids(&mut client, 2).await, [id, id]);
    assert!(client.is_silent().await);
    simulator.clear(FaultKind::Duplicates);
    assert!(simulator.push_again(simulator.systems()[0], id) && !simulator.push_again(simulator.systems()[0], 1));
    assert_eq!(event_ids(&mut client, 1).await, [id]);
}

#[actix_rt::test]
async fn pushes_can_be_held_and_released_in_either_order_or_thrown_away() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let three = || -> Vec<u64> { (0..3).map(|_| simulator.happen(sid, 1602, None).unwrap()).collect() };
    simulator.hold();
    let first = three();
    assert!(client.is_silent().await);
    assert_eq!(ids(&caller.events(sid, "")).len(), 3);
    assert_eq!(simulator.release(false), 3);
    assert_eq!(event_ids(&mut client, 3).await, first);
    simulator.hold();
    let mut second = three();
    simulator.release(true);
    second.reverse();
    assert_eq!(event_ids(&mut client, 3).await, second);
    simulator.hold();
    three();
    assert_eq!(simulator.discard(), 3);
    assert!(client.is_silent().await);
    assert_eq!(ids(&caller.events(sid, "")).len(), 9);
}

#[actix_rt::test]
async fn a_burst_comes_whole_and_in_order() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    simulator.emit(3000);
    let pushed = event_ids(&mut client, 3000).await;
    assert!(pushed.is_sorted());
    let mut known: Vec<u64> =
        simulator.systems().iter().flat_map(|sid| simulator.events(*sid)).map(|event| event.id).collect();
    known.sort_unstable();
    assert_eq!(pushed, known);
}

#[actix_rt::test]
async fn maimed_events_are_whole_in_the_history() {
    let simulator = with_faults(&["maimed=10ms"]);
    let (mut client, caller) = subscribed(&simulator).await;
    let mut lacking = Vec::new();
    for _ in 0..12 {
        let event = client.event().await;
        let members =
            ["pinName", "sensorName", "sensorSerial", "sensorType", "info", "sid", "eventTimestamp", "eventCid"];
        lacking
            .extend(members.iter().filter(|member| event.get(**member).is_none_or(|value| value.is_null())).copied());
        if event["eventTimestamp"].is_string() || event["sid"].is_string() || event["videoStartedBy"] == "nobody" {
            lacking.push("wrong");
        }
    }
    lacking.sort_unstable();
    lacking.dedup();
    assert!(lacking.len() >= 8, "{lacking:?}");
    simulator.clear(FaultKind::Maimed);
    let mut codes = Vec::new();
    for sid in simulator.systems() {
        let page = caller.events(sid, "");
        for row in page["events"].as_array().unwrap() {
            assert!(row["pinName"].is_string() && row["sid"] == sid && row["eventTimestamp"].is_number(), "{row}");
            codes.extend(row["eventCid"].as_u64());
        }
    }
    assert!(codes.contains(&1604) && codes.contains(&1301), "{codes:?}");
}

#[actix_rt::test]
async fn odd_things_happen_and_are_gone_again() {
    let simulator = with_faults(&["odd-events=10ms"]);
    let (mut client, _) = subscribed(&simulator).await;
    let mut seen = Vec::new();
    for _ in 0..10 {
        let event = client.event().await;
        seen.push((event["eventCid"].as_i64().unwrap(), event["sensorType"].as_i64().unwrap()));
    }
    for odd in [(0, 1), (1461, 1), (9999, 1), (1604, 21), (1604, 999)] {
        assert!(seen.contains(&odd), "{odd:?} in {seen:?}");
    }
    simulator.clear(FaultKind::OddEvents);
    assert!(
        simulator
            .truth()
            .values()
            .all(|truth| truth.devices.values().all(|device| device.kind < 30 || device.kind == 253))
    );
}

#[actix_rt::test]
async fn frames_that_are_no_events_come_between() {
    for (fault, meant) in [("garbage=10ms", 0), ("binary=10ms", 1), ("untyped=10ms", 2), ("ping=10ms", 3)] {
        let simulator = with_faults(&[fault]);
        let mut client = subscribed_among(&simulator).await;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = match client.hear(DEADLINE).await {
                Heard::Garbage => meant == 0,
                // What is not UTF-8 this client takes for the end.
                Heard::Failed(Error::Utf8(_)) if meant == 0 => break,
                Heard::Binary => meant == 1,
                Heard::Frame(frame) => meant == 2 && frame.get("type").is_none(),
                Heard::Ping => meant == 3,
                other => panic!("{fault}: {other:?}"),
            };
            if found {
                break;
            }
            assert!(Instant::now() < deadline, "{fault}");
        }
    }
}

#[actix_rt::test]
async fn a_test_can_say_anything() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    assert_eq!(simulator.say(&json!({ "type": "com.simplisafe.test" }).to_string()), 1);
    assert_eq!(client.kind().await, "test");
    assert_eq!(simulator.push(json!({ "eventCid": 1400, "eventId": 7 })), 1);
    assert_eq!(client.event().await, json!({ "eventCid": 1400, "eventId": 7 }));
}

/// A subscribed socket on which anything else may come too.
async fn subscribed_among(simulator: &watchpost::simulator::simplisafe::Simulator) -> Client {
    let caller = crate::client::log_in(simulator);
    let mut client = crate::client::open(simulator).await.unwrap();
    client.send(&caller.identify()).await;
    crate::client::eventually("it is subscribed", || simulator.counters().sockets_subscribed == 1).await;
    client
}

#[actix_rt::test]
async fn frames_can_be_cut_in_pieces() {
    for fault in ["fragments", "bytewise"] {
        let simulator = with_faults(&[fault]);
        let caller = crate::client::log_in(&simulator);
        let mut client = crate::client::open(&simulator).await.unwrap();
        client.send(&caller.identify()).await;
        let id = {
            crate::client::eventually("it is subscribed", || simulator.counters().sockets_subscribed == 1).await;
            simulator.happen(simulator.systems()[0], 1602, None).unwrap()
        };
        loop {
            match client.hear(DEADLINE).await {
                Heard::Frame(frame) if frame["data"]["eventId"] == id => break,
                Heard::Frame(_) | Heard::Ping => {}
                other => panic!("{fault}: {other:?}"),
            }
        }
    }
}

#[actix_rt::test]
async fn empty_video_can_be_pushed_as_the_history_has_it() {
    let simulator = with_faults(&["empty-video"]);
    let (mut client, _) = subscribed(&simulator).await;
    simulator.happen(simulator.systems()[0], 1602, None);
    let event = client.event().await;
    assert_eq!((&event["videoStartedBy"], &event["video"]), (&json!(""), &json!({})));
}
