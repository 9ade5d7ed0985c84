//! Opening a socket, saying who one is, and losing it.

use std::time::Duration;

use serde_json::{Value, json};
use watchpost::simulator::simplisafe::{DropHow, FaultKind, Options};

use crate::client::{Heard, eventually, identify, log_in, open, parse, quick, refusal, start, subscribed, with_faults};

#[actix_rt::test]
async fn a_socket_says_hello_and_once_it_knows_who_it_is_that_events_come() {
    let simulator = start(quick());
    let caller = log_in(&simulator);
    let mut client = open(&simulator).await.unwrap();
    let hello = client.frame().await;
    assert_eq!((&hello["type"], &hello["source"]), (&json!("com.simplisafe.service.hello"), &json!("service")));
    assert_eq!(hello["data"]["timeouts"], json!({ "heartbeat": 45_000, "inactivity": 30_000 }));
    assert!(hello["id"].as_str().unwrap().starts_with("ts:") && hello["time"].as_str().unwrap().ends_with(".000Z"));
    assert!(client.is_silent().await);
    client.send(&caller.identify()).await;
    let registered = client.frame().await;
    assert_eq!((&registered["type"], registered.get("data")), (&json!("com.simplisafe.service.registered"), None));
    let subscribed = client.frame().await;
    assert_eq!(subscribed["type"], "com.simplisafe.namespace.subscribed");
    assert_eq!(subscribed["data"], json!({ "namespace": format!("uid:{}", caller.uid) }));
    assert!(client.is_silent().await);
    let socket = simulator.sockets().remove(0);
    assert_eq!(
        (socket.user, socket.identified, socket.token.as_deref()),
        (Some(caller.uid), 1, Some(caller.token.as_str()))
    );
}

#[actix_rt::test]
async fn who_does_not_wait_for_hello_or_says_who_it_is_twice_is_let_in_all_the_same() {
    let simulator = start(quick());
    let caller = log_in(&simulator);
    let mut client = open(&simulator).await.unwrap();
    client.send(&caller.identify()).await;
    client.send(&caller.identify()).await;
    let expected =
        ["service.hello", "service.registered", "namespace.subscribed", "service.registered", "namespace.subscribed"];
    for kind in expected {
        assert_eq!(client.kind().await, kind);
    }
    let id = simulator.happen(simulator.systems()[0], 1602, None).unwrap();
    let event = client.frame().await;
    assert_eq!((&event["id"], &event["source"]), (&json!(format!("id:{id}")), &json!("messagequeue")));
    assert!(client.is_silent().await);
    assert_eq!(simulator.counters().sockets_of_one_user, 1);
}

#[actix_rt::test]
async fn nothing_that_happened_before_is_told() {
    let simulator = start(quick());
    let sid = simulator.systems()[0];
    simulator.happen(sid, 1602, None);
    let mut early = open(&simulator).await.unwrap();
    assert_eq!(early.kind().await, "service.hello");
    simulator.happen(sid, 1602, None);
    let (mut client, _) = subscribed(&simulator).await;
    assert!(client.is_silent().await && early.is_silent().await);
    let id = simulator.happen(sid, 1602, None).unwrap();
    assert_eq!(client.event().await["eventId"], id);
    assert!(early.is_silent().await);
}

#[actix_rt::test]
async fn each_socket_gets_the_events_of_all_systems_of_its_user_and_of_no_other() {
    let simulator = start(Options { users: 2, ..quick() });
    let (mut first, _) = subscribed(&simulator).await;
    let (mut second, _) = subscribed(&simulator).await;
    let systems = simulator.systems();
    for sid in &systems {
        simulator.happen(*sid, 1602, None);
    }
    for client in [&mut first, &mut second] {
        assert_eq!(client.event().await["sid"], systems[0]);
        assert_eq!(client.event().await["sid"], systems[1]);
        assert!(client.is_silent().await);
    }
    assert_eq!(simulator.counters().sockets_of_one_user, 2);
    assert_eq!(simulator.drop_user(simulator.users()[1], DropHow::Fin), 0);
    assert_eq!(simulator.drop_user(simulator.users()[0], DropHow::Fin), 2);
}

#[actix_rt::test]
async fn a_bad_token_ends_the_socket_at_once_or_as_faults_say() {
    let simulator = start(quick());
    let caller = log_in(&simulator);
    let own = format!("uid:{}", caller.uid);
    let expired = caller.identify();
    simulator.expire_tokens();
    let valid = log_in(&simulator).token;
    let wrong = [
        expired.clone(),
        identify("made-up", &own),
        identify(&valid, "uid:1"),
        json!({ "type": "com.simplisafe.connection.identify" }),
    ];
    for message in &wrong {
        let mut client = open(&simulator).await.unwrap();
        client.send(message).await;
        assert_eq!(client.kind().await, "service.hello");
        assert!(
            matches!(client.hear(crate::client::DEADLINE).await, Heard::Closed(None) | Heard::Failed(_)),
            "{message}"
        );
    }
    assert_eq!(simulator.counters().refused, 4);
    simulator.inject(parse("lax-join"));
    let mut client = open(&simulator).await.unwrap();
    client.send(&wrong[2]).await;
    for kind in ["service.hello", "service.registered", "namespace.subscribed"] {
        assert_eq!(client.kind().await, kind);
    }
    simulator.inject(parse("identify-error"));
    simulator.set_identify_error(r#"{"type":"com.simplisafe.service.denied","data":{"why":"expired"}}"#);
    simulator.inject(parse("identify-close=4401"));
    let mut client = open(&simulator).await.unwrap();
    client.send(&expired).await;
    assert_eq!(client.kind().await, "service.hello");
    assert_eq!(client.frame().await["data"]["why"], "expired");
    let Heard::Closed(Some(frame)) = client.hear(crate::client::DEADLINE).await else { panic!("no close") };
    assert_eq!(u16::from(frame.code), 4401);
    simulator.clear(FaultKind::IdentifyError);
    simulator.inject(parse("identify-silent"));
    let mut client = open(&simulator).await.unwrap();
    client.send(&expired).await;
    assert_eq!(client.kind().await, "service.hello");
    assert!(client.is_silent().await);
}

#[actix_rt::test]
async fn what_is_unknown_of_the_greeting_can_be_switched() {
    for (faults, expected) in [
        (&["subscribed-service"][..], &["service.hello", "service.registered", "service.subscribed"][..]),
        (&["hello-late"], &["service.hello", "service.registered", "namespace.subscribed"]),
        (&["no-hello"], &["service.registered", "namespace.subscribed"]),
        (&["never-subscribed"], &["service.hello", "service.registered"]),
    ] {
        let simulator = with_faults(faults);
        let caller = log_in(&simulator);
        let mut client = open(&simulator).await.unwrap();
        if faults[0] == "hello-late" {
            assert!(client.is_silent().await);
        }
        client.send(&caller.identify()).await;
        for kind in expected {
            assert_eq!(client.kind().await, *kind, "{faults:?}");
        }
        simulator.happen(simulator.systems()[0], 1602, None);
        assert_eq!(client.is_silent().await, faults[0] == "never-subscribed", "{faults:?}");
    }
}

#[actix_rt::test]
async fn the_answer_to_identify_can_be_slow() {
    let simulator = with_faults(&["slow-subscribe=300ms"]);
    let caller = log_in(&simulator);
    let mut client = open(&simulator).await.unwrap();
    client.send(&caller.identify()).await;
    assert_eq!(client.kind().await, "service.hello");
    assert!(client.is_silent().await);
    simulator.happen(simulator.systems()[0], 1602, None);
    assert_eq!(
        (client.kind().await, client.kind().await),
        ("service.registered".to_owned(), "namespace.subscribed".to_owned())
    );
    assert!(client.is_silent().await);
}

#[actix_rt::test]
async fn a_live_socket_outlives_its_token_unless_a_fault_says_otherwise() {
    let simulator = start(Options { token_life: Duration::from_millis(200), ..quick() });
    let (mut client, caller) = subscribed(&simulator).await;
    eventually("the token ends", || caller.get("/v1/api/authCheck").status == 401).await;
    simulator.happen(simulator.systems()[0], 1602, None);
    assert_eq!(client.cid().await, 1602);
    simulator.inject(parse("expiry-cuts"));
    client.end().await;
    let (mut client, _) = subscribed(&simulator).await;
    client.end().await;
    simulator.set_token_life(Duration::from_secs(3600));
    let (mut client, _) = subscribed(&simulator).await;
    assert!(client.is_silent().await);
    simulator.expire_tokens();
    client.end().await;
}

#[actix_rt::test]
async fn sockets_break_in_every_way() {
    let simulator = start(quick());
    for how in [DropHow::Fin, DropHow::Reset, DropHow::MidFrame, DropHow::Close(1001), DropHow::Close(4000)] {
        let (mut client, _) = subscribed(&simulator).await;
        assert_eq!(simulator.drop_sockets(how), 1);
        match (how, client.end().await) {
            (DropHow::Close(code), Heard::Closed(Some(frame))) => assert_eq!(u16::from(frame.code), code),
            (DropHow::Fin | DropHow::Reset | DropHow::MidFrame, Heard::Closed(None) | Heard::Failed(_)) => {}
            (how, end) => panic!("{how:?}: {end:?}"),
        }
        eventually("it is gone", || simulator.counters().sockets_open == 0).await;
    }
    assert!(simulator.sockets().iter().all(|socket| socket.closed.is_some()));
}

#[actix_rt::test]
async fn a_socket_can_fall_silent_with_and_without_pongs() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    let simulator = start(quick());
    for (how, answers) in [(DropHow::Silent, true), (DropHow::HalfOpen, false)] {
        let (mut client, _) = subscribed(&simulator).await;
        simulator.drop_random(1.0, how);
        simulator.happen(simulator.systems()[0], 1602, None);
        client.ws.send(Message::Ping(b"x".to_vec().into())).await.unwrap();
        let next = actix_rt::time::timeout(crate::client::SILENCE, client.ws.next()).await;
        assert_eq!(matches!(next, Ok(Some(Ok(Message::Pong(_))))), answers, "{how:?}");
        assert_eq!(simulator.counters().sockets_subscribed, 0);
        drop(client);
        eventually("it is gone", || simulator.counters().sockets_open == 0).await;
    }
    let simulator = with_faults(&["no-pong"]);
    let (mut client, _) = subscribed(&simulator).await;
    client.ws.send(Message::Ping(b"x".to_vec().into())).await.unwrap();
    assert!(client.is_silent().await);
    assert_eq!(simulator.counters().pings, 1);
}

#[actix_rt::test]
async fn an_upgrade_is_refused_at_other_paths_and_when_a_fault_says_so() {
    let simulator = start(quick());
    for status in [403, 401, 502, 503] {
        simulator.inject(parse(&format!("refuse-upgrade={status}:1")));
        assert_eq!(refusal(open(&simulator).await), status);
    }
    assert!(open(&simulator).await.is_ok());
    let tcp = tokio::net::TcpStream::connect(simulator.address()).await.unwrap();
    let path = format!("{}/socket.io", simulator.socket_url());
    let elsewhere = tokio_tungstenite::client_async(path, tcp).await;
    assert!(elsewhere.unwrap_err().to_string().contains("404"));
    let counters = simulator.counters();
    assert_eq!((counters.of("ws").tried, counters.of("ws").ok, counters.sockets_opened), (6, 1, 1));
}

#[actix_rt::test]
async fn sockets_without_a_name_or_without_traffic_can_be_ended() {
    let simulator = with_faults(&["identify-within=200ms"]);
    let mut nameless = open(&simulator).await.unwrap();
    let (mut client, _) = subscribed(&simulator).await;
    nameless.end().await;
    assert!(client.is_silent().await);
    simulator.inject(parse("idle-close=100ms"));
    client.end().await;
}

#[actix_rt::test]
async fn other_messages_of_clients_are_passed_over() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    client.send(&json!({ "type": "com.simplisafe.nothing" })).await;
    client.send(&Value::String("hello".to_owned())).await;
    eventually("both came", || simulator.counters().other_messages == 2).await;
    assert!(client.is_silent().await);
}

#[actix_rt::test]
async fn it_goes_away_and_comes_back_with_its_tokens() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    simulator.pause_listening();
    client.end().await;
    assert!(std::net::TcpStream::connect(simulator.address()).is_err());
    simulator.resume_listening().unwrap();
    assert_eq!(caller.get("/v1/api/authCheck").status, 200);
    let mut client = open(&simulator).await.unwrap();
    client.send(&caller.identify()).await;
    assert_eq!(client.kind().await, "service.hello");
    simulator.stop();
    simulator.stop();
}
