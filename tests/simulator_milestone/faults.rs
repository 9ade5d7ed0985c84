//! Faults of what is said, each seen by a client.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost::simulator::milestone::{FaultKind, Options};

use crate::client::{Heard, connect, eventually, everything, id_of, parse, start, subscribed, with_faults};

#[actix_rt::test]
async fn interleaved_events_come_before_each_reply() {
    let simulator = with_faults(&["interleave"]);
    let mut client = connect(&simulator).await;
    client.start_session("", "").await;
    client.subscribe(everything()).await;
    assert_eq!(client.events.len(), 3);
    let state = client.state().await;
    assert_eq!(client.events.len(), 6);
    // The snapshot is older than the events that came before it.
    let newest = state.iter().map(|state| state["time"].as_str().unwrap()).max().unwrap();
    assert!(client.events[3]["time"].as_str().unwrap() > newest);
}

#[actix_rt::test]
async fn a_slow_state_lets_events_pass_meanwhile() {
    let simulator = with_faults(&["slow-state=500ms"]);
    let (mut client, _) = subscribed(&simulator).await;
    let asked = Instant::now();
    client.send("getState", json!({})).await;
    eventually("the server hears it", || simulator.counters().commands.contains_key("getState")).await;
    simulator.emit(5);
    // Waiting for these would swallow a reply that came too soon.
    client.events(5).await;
    assert_eq!(client.reply().await["status"], 200);
    assert!(asked.elapsed() >= Duration::from_millis(500));
}

#[actix_rt::test]
async fn a_huge_state_is_one_message_of_at_least_that_size() {
    for (items, fault) in [(16, "huge-state=5MB"), (0, "huge-state=100KB")] {
        let simulator = start(Options { items, faults: vec![parse(fault)], ..Options::default() });
        let (mut client, _) = subscribed(&simulator).await;
        let reply = client.call("getState", json!({})).await;
        let size = reply.to_string().len();
        assert!(size >= if items > 0 { 5_000_000 } else { 100_000 }, "{size}");
        assert_eq!(reply["states"].as_array().unwrap().len(), simulator.states().len());
    }
}

#[actix_rt::test]
async fn the_state_of_a_large_site_is_one_message_of_some_megabytes() {
    let simulator = start(Options { items: 2659, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    let reply = client.call("getState", json!({})).await;
    assert!(reply["states"].as_array().unwrap().len() > 16_000);
    assert!(reply.to_string().len() > 4_000_000);
}

#[actix_rt::test]
async fn commands_are_refused_with_the_status_that_was_asked_for() {
    let simulator = with_faults(&["session-refused=503"]);
    let mut client = connect(&simulator).await;
    assert_eq!(client.start_session("", "").await["status"], 503);
    simulator.clear(FaultKind::SessionRefused);
    assert_eq!(client.start_session("", "").await["status"], 201);
    simulator.inject(parse("subscription-refused=403"));
    let refused = client.subscribe(everything()).await;
    assert_eq!(refused["status"], 403);
    assert!(refused["error"]["errorText"].is_string());
    simulator.clear(FaultKind::SubscriptionRefused);
    assert_eq!(client.subscribe(everything()).await["status"], 200);
    simulator.inject(parse("state-refused"));
    assert_eq!(client.call("getState", json!({})).await["status"], 500);
}

#[actix_rt::test]
async fn a_subscription_can_be_confirmed_and_the_connection_dropped_at_once() {
    let simulator = with_faults(&["drop-after-subscribe"]);
    let mut client = connect(&simulator).await;
    client.start_session("", "").await;
    assert_eq!(client.subscribe(everything()).await["status"], 200);
    assert!(matches!(client.end().await, Heard::Failed(_)));
    eventually("the session is lost", || simulator.ledger().sessions[0].lost.len() == 1).await;
}

#[actix_rt::test]
async fn replies_can_overtake_each_other_but_none_is_lost() {
    let simulator = with_faults(&["reply-out-of-order"]);
    let (mut client, _) = subscribed(&simulator).await;
    let first = client.send("getState", json!({})).await;
    let second = client.send("removeSubscription", json!({"subscriptionId": "none"})).await;
    let replies = [client.reply().await, client.reply().await];
    assert_eq!([&replies[0]["commandId"], &replies[1]["commandId"]], [&json!(second), &json!(first)]);
}

#[actix_rt::test]
async fn duplicates_repeat_events_live_and_on_resume() {
    let simulator = with_faults(&["duplicates"]);
    let (mut client, session) = subscribed(&simulator).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        simulator.emit(1);
        seen.extend(client.all_events().await.iter().map(id_of));
    }
    seen.extend(client.all_events().await.iter().map(id_of));
    let unique: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(unique.len(), 20);
    assert!(seen.len() > 20, "{}", seen.len());
    drop(client);
    eventually("the socket is lost", || simulator.counters().sockets_open == 0).await;
    let last = simulator.ledger().events[19].id.clone();
    let mut client = connect(&simulator).await;
    assert_eq!(client.start_session(&session, &last).await["status"], 200);
    let repeated = client.events(5).await;
    assert_eq!(id_of(&repeated[4]), last);
    assert!(simulator.counters().resent >= 5);
}

#[actix_rt::test]
async fn odd_frames_come_between_events_and_cost_none() {
    let simulator = with_faults(&["empty-events", "unknown-frames"]);
    let (mut client, _) = subscribed(&simulator).await;
    for _ in 0..10 {
        simulator.emit(1);
        client.events(1).await;
    }
    assert!(client.frames.contains(&0), "{:?}", client.frames);
    assert!(!client.unknown.is_empty());
}

#[actix_rt::test]
async fn garbage_is_not_json_and_now_and_then_not_even_text() {
    let simulator = start(Options::default());
    simulator.inject(parse("garbage=10ms"));
    let (mut garbage, mut broken) = (false, false);
    while !(garbage && broken) {
        let mut client = connect(&simulator).await;
        loop {
            match client.hear(crate::client::DEADLINE).await {
                Heard::Garbage => garbage = true,
                Heard::Failed(error) => {
                    broken |= error.to_string().to_lowercase().contains("utf");
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[actix_rt::test]
async fn spelling_faults_change_how_events_are_written_but_not_which() {
    let simulator = with_faults(&["mixed-case", "unknown-members", "spec-version-case"]);
    let (mut client, _) = subscribed(&simulator).await;
    simulator.emit(30);
    let events = client.events(30).await;
    let sources: Vec<&str> = events.iter().map(|event| event["source"].as_str().unwrap()).collect();
    assert!(sources.iter().any(|source| { source.chars().any(|c| c.is_ascii_uppercase() && c.is_ascii_hexdigit()) }));
    for (event, emitted) in events.iter().zip(&simulator.ledger().events) {
        assert_eq!(event["id"], emitted.id);
        assert!(event["source"].as_str().unwrap().eq_ignore_ascii_case(&emitted.source));
        assert!(event["type"].as_str().unwrap().eq_ignore_ascii_case(&emitted.event_type));
        assert_eq!(event["specVersion"], "1.0");
        assert!(event.get("specversion").is_none() && event["hop"].is_object());
    }
    let reply = client.call("getState", json!({})).await;
    assert!(reply["states"][0]["specVersion"].is_string());
    assert!(client.call("removeSubscription", json!({})).await.get("serverTime").is_some());
}

#[actix_rt::test]
async fn members_are_missing_from_stateless_events_only_and_each_in_its_turn() {
    let simulator = with_faults(&["missing-members"]);
    let (mut client, _) = subscribed(&simulator).await;
    simulator.emit(400);
    let events = client.all_events().await;
    let ledger = simulator.ledger().events;
    assert_eq!(events.len(), ledger.len());
    let mut missing = BTreeMap::new();
    for (event, emitted) in events.iter().zip(&ledger) {
        let lacks: Vec<&str> =
            ["id", "time", "type", "source"].into_iter().filter(|name| event.get(*name).is_none()).collect();
        assert_eq!(lacks, emitted.missing.as_slice());
        if let Some(name) = emitted.missing {
            assert!(emitted.group.is_none());
            *missing.entry(name).or_insert(0) += 1;
        }
    }
    assert_eq!(missing.len(), 4, "{missing:?}");
}

#[actix_rt::test]
async fn big_events_carry_hundreds_of_kilobytes() {
    let simulator = with_faults(&["big-events"]);
    let (mut client, _) = subscribed(&simulator).await;
    simulator.emit(40);
    let events = client.all_events().await;
    let big: Vec<usize> = events.iter().map(|event| event.to_string().len()).filter(|size| *size > 200_000).collect();
    assert!(big.len() >= 2, "{big:?}");
}

#[actix_rt::test]
async fn a_burst_flips_the_devices_of_one_recorder_in_one_second() {
    let simulator = start(Options { items: 120, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    simulator.burst(300);
    let events = client.events(300).await;
    let seconds: BTreeSet<&str> = events.iter().map(|event| &event["time"].as_str().unwrap()[..19]).collect();
    assert_eq!(seconds.len(), 1);
    simulator.inject(parse("burst=10ms"));
    let burst: Vec<Value> = client.events(234).await;
    assert_eq!(burst.len(), 234);
}
