//! Sessions, subscriptions, states and resuming.

use std::{collections::BTreeMap, time::Duration};

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use watchpost::simulator::milestone::{DropHow, Ended, FaultKind, Options, Simulator, StateNow};

use crate::client::{
    Client, Heard, connect, eventually, everything, filter, http, id_of, log_in, parse, start, subscribed,
};

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(id_of).collect()
}

/// Ids of the ledger's events from an index on.
fn emitted(simulator: &Simulator, from: usize) -> Vec<String> {
    simulator.ledger().events[from..].iter().map(|event| event.id.clone()).collect()
}

async fn lost(simulator: &Simulator) {
    eventually("the server notices", || simulator.counters().sockets_open == 0).await;
}

#[actix_rt::test]
async fn every_event_of_the_walk_reaches_a_subscriber_once_and_in_order() {
    let simulator = start(Options::default());
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(500);
    let events = client.events(500).await;
    assert_eq!(ids(&events), emitted(&simulator, 0));
    let ledger = simulator.ledger();
    for (event, emitted) in events.iter().zip(&ledger.events) {
        assert_eq!(event["source"], *emitted.source);
        assert_eq!(event["type"], *emitted.event_type);
        assert_eq!(event["time"], emitted.time);
        assert_eq!(event.get("stategroupid").and_then(Value::as_str), emitted.group.as_deref());
    }
    assert_eq!(ledger.sessions[0].id, session);
    assert_eq!(ledger.sessions[0].offered, (0..500).collect::<Vec<u64>>());
    assert_eq!(simulator.counters().sent, 500);
}

#[actix_rt::test]
async fn events_happen_by_themselves_at_the_rate_that_was_asked_for() {
    let simulator = start(Options { rate: 500.0, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    let began = std::time::Instant::now();
    client.events(200).await;
    assert!(began.elapsed() > Duration::from_millis(200), "{:?}", began.elapsed());
}

#[actix_rt::test]
async fn a_resumed_session_gets_exactly_what_it_missed_and_then_live_events() {
    let simulator = start(Options::default());
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(10);
    let last = id_of(&client.events(10).await[6]);
    drop(client);
    lost(&simulator).await;
    simulator.emit(20);
    let mut client = connect(&simulator).await;
    client.send("startSession", json!({"sessionId": session, "eventId": last})).await;
    simulator.emit(5);
    // The reply comes before the replay.
    let reply = client.frame().await;
    assert_eq!((&reply["status"], &reply["sessionId"]), (&json!(200), &json!(session)));
    let events = client.events(28).await;
    assert_eq!(ids(&events), emitted(&simulator, 7));
    let record = &simulator.ledger().sessions[0];
    assert_eq!((record.lost.len(), record.resumed.len(), record.ended), (1, 1, None));
    assert_eq!(simulator.counters().resent, 3);
}

#[actix_rt::test]
async fn a_quiet_session_resumes_from_an_event_older_than_the_window() {
    let window = Duration::from_secs(1);
    let simulator = start(Options { window, ..Options::default() });
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(3);
    let last = id_of(&client.events(3).await[2]);
    let since = std::time::Instant::now();
    eventually("the window passes", || since.elapsed() > window + window / 4).await;
    drop(client);
    lost(&simulator).await;
    let mut client = connect(&simulator).await;
    assert_eq!(client.start_session(&session, &last).await["status"], 200);
}

#[actix_rt::test]
async fn whatever_cannot_be_resumed_is_a_new_session_and_no_error() {
    let simulator = start(Options::default());
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(2);
    let last = id_of(&client.events(2).await[1]);
    let state = client.state().await;
    drop(client);
    lost(&simulator).await;
    let unknown = "00000000-0000-4000-8000-000000000000";
    let of_state = id_of(&state[0]);
    for (session, event) in [(unknown, last.as_str()), (&session, ""), (&session, unknown), (&session, &of_state)] {
        let reply = connect(&simulator).await.start_session(session, event).await;
        assert_eq!(reply["status"], 201, "{session} {event}");
        assert_ne!(reply["sessionId"], session);
    }
    simulator.inject(parse("resume-refused"));
    assert_eq!(connect(&simulator).await.start_session(&session, &last).await["status"], 201);
    simulator.clear(FaultKind::ResumeRefused);
    assert_eq!(connect(&simulator).await.start_session(&session, &last).await["status"], 200);
}

#[actix_rt::test]
async fn a_session_ends_when_its_window_has_passed() {
    let simulator = start(Options { window: Duration::from_millis(100), ..Options::default() });
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(1);
    let last = id_of(&client.events(1).await[0]);
    drop(client);
    let why = || simulator.ledger().sessions[0].ended.map(|(_, why)| why);
    eventually("the session ends", || why() == Some(Ended::Expired)).await;
    assert_eq!(connect(&simulator).await.start_session(&session, &last).await["status"], 201);
}

#[actix_rt::test]
async fn forgotten_sessions_cannot_be_resumed_whether_lost_before_or_after() {
    let simulator = start(Options::default());
    for forget_first in [true, false] {
        let (mut client, session) = subscribed(&simulator).await;
        simulator.emit(1);
        let last = id_of(&client.events(1).await[0]);
        if forget_first {
            simulator.forget_sessions();
            simulator.emit(1);
            client.events(1).await;
        }
        assert_eq!(simulator.drop_sockets(DropHow::Fin), 1);
        lost(&simulator).await;
        simulator.forget_sessions();
        assert_eq!(connect(&simulator).await.start_session(&session, &last).await["status"], 201);
        let ended = simulator.ledger().sessions.into_iter().find(|record| record.id == session).unwrap().ended;
        assert_eq!(ended.map(|(_, why)| why), Some(Ended::Forgotten));
    }
}

#[actix_rt::test]
async fn a_second_socket_takes_a_session_over() {
    let simulator = start(Options::default());
    let (mut first, session) = subscribed(&simulator).await;
    simulator.emit(1);
    let last = id_of(&first.events(1).await[0]);
    let mut second = connect(&simulator).await;
    assert_eq!(second.start_session(&session, &last).await["status"], 200);
    assert!(matches!(first.end().await, Heard::Closed(Some(_))));
    simulator.emit(3);
    assert_eq!(ids(&second.events(3).await), emitted(&simulator, 1));
}

#[actix_rt::test]
async fn a_gateway_that_was_away_refuses_connections_and_then_resumes_sessions() {
    let simulator = start(Options::default());
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(4);
    let last = id_of(&client.events(4).await[3]);
    simulator.pause_listening();
    let ended = client.end().await;
    assert!(matches!(ended, Heard::Closed(_) | Heard::Failed(_)), "{ended:?}");
    let refused = std::net::TcpStream::connect(simulator.address());
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    simulator.emit(6);
    simulator.resume_listening().unwrap();
    let mut client = connect(&simulator).await;
    assert_eq!(client.start_session(&session, &last).await["status"], 200);
    assert_eq!(ids(&client.events(6).await), emitted(&simulator, 4));
}

#[actix_rt::test]
async fn a_capped_buffer_loses_the_oldest_events_in_silence() {
    let simulator = start(Options { buffer: Some(5), ..Options::default() });
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(3);
    let last = id_of(&client.events(3).await[2]);
    drop(client);
    lost(&simulator).await;
    simulator.emit(20);
    let mut client = connect(&simulator).await;
    assert_eq!(client.start_session(&session, &last).await["status"], 200);
    assert_eq!(ids(&client.events(5).await), emitted(&simulator, 18));
    assert_eq!(simulator.ledger().sessions[0].dropped, (0..18).collect::<Vec<u64>>());
}

#[actix_rt::test]
async fn the_state_is_the_state_of_the_system_for_what_was_subscribed() {
    let simulator = start(Options { items: 20, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    simulator.emit(2000);
    let state = client.state().await;
    let text = |state: &Value, name: &str| state[name].as_str().unwrap().to_owned();
    let told: BTreeMap<_, _> = state
        .iter()
        .map(|state| {
            let now = StateNow { event_type: text(state, "type"), time: text(state, "time"), id: text(state, "id") };
            ((text(state, "source"), text(state, "stategroupid")), now)
        })
        .collect();
    assert_eq!(told, simulator.states());
    let mut hardware = connect(&simulator).await;
    hardware.start_session("", "").await;
    hardware.subscribe(json!([filter("include", "hardware", "*", "*")])).await;
    let state = hardware.state().await;
    assert!(!state.is_empty() && state.len() < told.len());
    assert!(state.iter().all(|state| text(state, "source").starts_with("hardware/")));
}

#[actix_rt::test]
async fn a_subscription_without_filters_is_confirmed_and_delivers_nothing() {
    let simulator = start(Options::default());
    let mut client = connect(&simulator).await;
    client.start_session("", "").await;
    for members in [json!({}), json!({"filters": null}), json!({"filters": []})] {
        assert_eq!(client.call("addSubscription", members).await["status"], 200);
    }
    simulator.emit(100);
    assert_eq!(client.all_events().await, Vec::<Value>::new());
    assert_eq!(client.state().await, Vec::<Value>::new());
}

async fn sources_delivered(simulator: &Simulator, filters: Value) -> Vec<String> {
    let mut client = connect(simulator).await;
    client.start_session("", "").await;
    let reply = client.subscribe(filters).await;
    assert_eq!(reply["status"], 200, "{reply}");
    for camera in simulator.sources("cameras") {
        simulator.emit_one(&camera, "MotionStarted").unwrap();
        simulator.emit_one(&camera, "RecordingStarted").unwrap();
    }
    let events = client.all_events().await;
    events.iter().map(|event| event["source"].as_str().unwrap().to_owned()).collect()
}

#[actix_rt::test]
async fn includes_are_united_and_excludes_taken_away() {
    let simulator = start(Options { items: 3, ..Options::default() });
    let cameras = simulator.sources("cameras");
    let id = |n: usize| cameras[n].split_once('/').unwrap().1.to_uppercase();
    let motion = "6EB95DD6-7ccc-4bce-99f8-af0d0b582d77";
    let filters = json!([filter("Include", "Cameras", "*", motion), filter("include", "*", &id(1), "*")]);
    let expected = [&cameras[0], &cameras[1], &cameras[1], &cameras[2]];
    assert_eq!(sources_delivered(&simulator, filters).await, expected.map(String::as_str));
    let filters = json!([filter("exclude", "*", &id(0), "*"), filter("include", "cameras", "*", motion)]);
    assert_eq!(sources_delivered(&simulator, filters.clone()).await, cameras[1..]);
    simulator.inject(parse("filters-in-order"));
    assert_eq!(sources_delivered(&simulator, filters).await, cameras);
}

#[actix_rt::test]
async fn subscriptions_add_up_and_can_be_removed_one_by_one() {
    let simulator = start(Options { items: 2, ..Options::default() });
    let cameras = simulator.sources("cameras");
    let mut client = connect(&simulator).await;
    client.start_session("", "").await;
    let first = client.subscribe(everything()).await["subscriptionId"].clone();
    let id = cameras[0].split_once('/').unwrap().1;
    client.subscribe(json!([filter("include", "*", id, "*")])).await;
    let flip = |name: &str| cameras.iter().for_each(|camera| assert!(simulator.emit_one(camera, name).is_some()));
    flip("MotionStarted");
    assert_eq!(client.all_events().await.len(), 2);
    assert_eq!(client.call("removeSubscription", json!({ "subscriptionId": first })).await["status"], 200);
    flip("MotionStopped");
    assert_eq!(client.all_events().await.len(), 1);
    let again = client.call("removeSubscription", json!({ "subscriptionId": first })).await;
    assert_eq!(again["status"], 404, "{again}");
    assert!(again["error"]["errorText"].is_string());
    let subscriptions = &simulator.ledger().sessions[0].subscriptions;
    assert_eq!((subscriptions[0].until, subscriptions[1].until), (Some(2), None));
}

#[actix_rt::test]
async fn commands_that_make_no_sense_are_refused_with_a_text() {
    let simulator = start(Options::default());
    let mut client = connect(&simulator).await;
    for (command, members) in
        [("addSubscription", json!({"filters": []})), ("getState", json!({})), ("removeSubscription", json!({}))]
    {
        assert_eq!(client.call(command, members).await["status"], 400, "{command} without a session");
    }
    client.start_session("", "").await;
    let reply = client.subscribe(json!([{"modifier": "include", "resourceTypes": "cameras"}])).await;
    assert_eq!(reply["status"], 400);
    assert!(reply["error"]["errorText"].as_str().unwrap().contains("resourceTypes"), "{reply}");
}

#[actix_rt::test]
async fn malformed_and_unknown_commands_close_the_socket() {
    let simulator = start(Options::default());
    let binary = Message::binary(br#"{"command":"getState","commandId":1}"#.to_vec());
    let bad = [
        Message::text("not json"),
        Message::text(r#"{"command":"resume","commandId":1}"#),
        Message::text(r#"{"commandId":1}"#),
        Message::text(r#"{"command":"getState","commandId":"one"}"#),
        binary,
    ];
    for message in bad {
        let mut client: Client = connect(&simulator).await;
        client.ws.send(message.clone()).await.unwrap();
        assert!(matches!(client.end().await, Heard::Closed(Some(_))), "{message:?}");
    }
    assert_eq!(simulator.counters().commands["invalid"], 4);
}

#[actix_rt::test]
async fn every_change_of_the_configuration_is_announced() {
    let simulator = start(Options { items: 2, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    let camera = simulator.sources("cameras")[0].clone();
    assert!(simulator.rename_item(&camera, "Vault"));
    assert_eq!(simulator.name_of(&camera).as_deref(), Some("Vault"));
    let event = client.events(1).await.remove(0);
    assert_eq!(event["type"], "06c5010d-11f2-4d70-bd79-4cec3a20d589");
    assert_eq!(event["data"]["RelatedItem"]["RelatedItemRestResource"], camera);
}

#[actix_rt::test]
async fn a_stopped_simulator_is_gone_and_stopping_it_twice_does_no_harm() {
    let simulator = start(Options::default());
    let (mut client, _) = subscribed(&simulator).await;
    let other = simulator.clone();
    simulator.stop();
    other.stop();
    assert!(matches!(client.end().await, Heard::Closed(_) | Heard::Failed(_)));
    assert!(std::net::TcpStream::connect(simulator.address()).is_err());
    let dropped = start(Options::default());
    let address = dropped.address();
    assert_eq!(log_in(&dropped, "/IDP/connect/token", "watchpost", "watchpost").status, 200);
    assert_eq!(http(address, "GET", "/nothing", &[], "").status, 404);
    drop(dropped);
    assert!(std::net::TcpStream::connect(address).is_err());
}
