//! Floods.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
};

use serde_json::{Value, json};
use watchpost::simulator::milestone::{DropHow, Ended, FloodOptions, Options, Pace};

use crate::client::{connect, eventually, filter, id_of, start, subscribed};

const MOTION: &str = "720ef62a-78be-418a-8e4c-ee04ffca6429";

#[actix_rt::test]
async fn a_flood_is_of_unique_legal_events_and_ends_in_the_foretold_states() {
    let simulator = start(Options { items: 30, ..Options::default() });
    let (mut client, session) = subscribed(&simulator).await;
    let mut states: BTreeMap<String, String> = simulator
        .states()
        .into_iter()
        .filter(|((_, group), _)| group == MOTION)
        .map(|((source, _), state)| (source, state.event_type))
        .collect();
    // Not a multiple of anything.
    assert_eq!(simulator.flood(10_007, 100), 1);
    let events = client.events(10_007).await;
    let unique: BTreeSet<String> = events.iter().map(id_of).collect();
    assert_eq!(unique.len(), 10_007);
    let mut times: Vec<&str> = Vec::new();
    for event in &events {
        let text = |name: &str| event[name].as_str().unwrap();
        assert_eq!(text("stategroupid"), MOTION);
        let before = states.insert(text("source").to_owned(), text("type").to_owned());
        assert!(before.is_some_and(|before| before != text("type")), "{event}");
        times.push(text("time"));
    }
    assert!(times.is_sorted());
    for (source, event_type) in states {
        assert_eq!(simulator.states()[&(source, MOTION.to_owned())].event_type, event_type);
    }
    let flood = &simulator.ledger().floods[0];
    assert_eq!((flood.session.as_str(), flood.sent, flood.finished.is_some()), (session.as_str(), 10_007, true));
    assert_eq!(simulator.counters().flooded, 10_007);
    let told: BTreeMap<String, Value> = client
        .state()
        .await
        .iter()
        .map(|state| (json!([state["source"], state["stategroupid"]]).to_string(), state["type"].clone()))
        .collect();
    assert!(
        simulator
            .states()
            .iter()
            .all(|((source, group), state)| told[&json!([source, group]).to_string()] == state.event_type)
    );
    // A finished flood can be resumed from its end.
    let last = id_of(&events[10_006]);
    drop(client);
    eventually("the socket is lost", || simulator.counters().sockets_open == 0).await;
    simulator.emit(3);
    let mut client = connect(&simulator).await;
    assert_eq!(client.start_session(&session, &last).await["status"], 200);
    assert_eq!(client.events(3).await.len(), 3);
}

#[actix_rt::test]
async fn a_flood_that_is_cut_off_costs_the_session() {
    let simulator = start(Options::default());
    let (mut client, session) = subscribed(&simulator).await;
    assert_eq!(simulator.flood(50_000_000, 100), 1);
    let last = id_of(&client.events(200).await[199]);
    simulator.drop_sockets(DropHow::Fin);
    let ended = || simulator.ledger().sessions[0].ended.map(|(_, why)| why);
    eventually("the session ends", || ended() == Some(Ended::FloodCutOff)).await;
    assert_eq!(connect(&simulator).await.start_session(&session, &last).await["status"], 201);
    assert!(simulator.ledger().floods[0].finished.is_none());
}

#[actix_rt::test]
async fn a_paced_flood_keeps_to_its_schedule_and_tells_it() {
    let simulator = start(Options { items: 30, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    // In whole microseconds, so that the times that are told can be compared.
    let now = jiff::Timestamp::from_microsecond(jiff::Timestamp::now().as_microsecond()).unwrap();
    let begin = now + jiff::SignedDuration::from_millis(50);
    let rate = NonZeroU32::new(300).unwrap();
    assert_eq!(simulator.paced_flood(151, 3, Pace { rate, begin: begin.into() }), 1);
    let events = client.events(151).await;
    let took = jiff::Timestamp::now().duration_since(begin);
    assert!(took >= jiff::SignedDuration::from_millis(500), "the last event came after {took:?}");
    let unique: BTreeSet<String> = events.iter().map(id_of).collect();
    assert_eq!(unique.len(), 151);
    for (number, event) in events.iter().enumerate() {
        let told: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        let due = begin + jiff::SignedDuration::from_millis(i64::try_from(number / 3 * 10).unwrap());
        assert_eq!(told, due, "event {number}");
    }
    assert_eq!(client.frames.len(), 51, "three events to a frame, and the last alone");
}

#[actix_rt::test]
async fn a_session_that_does_not_want_all_motion_is_not_flooded() {
    let simulator = start(Options::default());
    let mut client = connect(&simulator).await;
    client.start_session("", "").await;
    client.subscribe(json!([filter("include", "outputs", "*", "*")])).await;
    assert_eq!(simulator.flood(100, 10), 0);
    assert!(simulator.ledger().floods.is_empty());
}

#[actix_rt::test]
async fn a_flood_can_begin_with_the_subscription() {
    let flood = FloodOptions { events: 1000, per_frame: 10, rate: None };
    let simulator = start(Options { flood: Some(flood), ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    assert_eq!(client.events(1000).await.len(), 1000);
    assert!(client.frames.iter().all(|size| *size == 10));
}

#[actix_rt::test]
async fn a_crowd_takes_part_in_a_flood_and_is_listed_by_name() {
    let simulator = start(Options { items: 5, crowd: 70, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    let motion = || simulator.states().keys().filter(|(_, group)| group == MOTION).count();
    let before = motion();
    // Twice round, and some more.
    assert_eq!(simulator.flood(200, 7), 1);
    let events = client.events(200).await;
    let sources: BTreeSet<&str> = events.iter().map(|event| event["source"].as_str().unwrap()).collect();
    assert_eq!((sources.len(), motion()), (before + 70, before + 70));
    assert!(sources.iter().all(|source| simulator.name_of(source).is_some()));
    let last: BTreeMap<&str, &Value> =
        events.iter().map(|event| (event["source"].as_str().unwrap(), &event["type"])).collect();
    for (source, event_type) in last {
        assert_eq!(simulator.states()[&(source.to_owned(), MOTION.to_owned())].event_type, *event_type, "{source}");
    }
}
