//! How sockets are lost, and what comes over them in odd shapes.

use std::{
    io,
    time::{Duration, Instant},
};

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::frame::coding::CloseCode};
use watchpost::simulator::milestone::{DropHow, Options};

use crate::client::{
    Client, DEADLINE, Heard, SILENCE, connect, eventually, id_of, parse, start, subscribed, with_faults,
};

fn was_reset(heard: &Heard) -> bool {
    matches!(heard, Heard::Failed(Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset)
}

#[actix_rt::test]
async fn each_way_to_lose_a_socket_looks_as_it_should() {
    let simulator = start(Options::default());
    for how in [DropHow::Close(1001), DropHow::Fin, DropHow::Reset, DropHow::MidFrame] {
        let (mut client, session) = subscribed(&simulator).await;
        assert!(simulator.drop_session(&session, how));
        let end = client.end().await;
        match how {
            DropHow::Close(_) => {
                assert!(matches!(&end, Heard::Closed(Some(frame)) if frame.code == CloseCode::Away), "{end:?}");
            }
            // Without a closing handshake this is an error to a client.
            DropHow::Fin => assert!(matches!(end, Heard::Failed(Error::Protocol(_))), "{end:?}"),
            _ => assert!(was_reset(&end), "{how:?}: {end:?}"),
        }
        eventually("the server lets go", || simulator.counters().sockets_open == 0).await;
        assert!(!simulator.drop_session(&session, how));
    }
}

#[actix_rt::test]
async fn a_reset_reaches_a_client_that_does_not_read() {
    let simulator = start(Options { items: 50, ..Options::default() });
    let (mut client, _) = subscribed(&simulator).await;
    assert_eq!(simulator.flood(10_000_000, 100), 1);
    let (mut before, mut since) = (0, Instant::now());
    let stuck = || {
        let flooded = simulator.counters().flooded;
        if flooded != before {
            (before, since) = (flooded, Instant::now());
        }
        before > 0 && since.elapsed() > SILENCE
    };
    eventually("the server is stuck", stuck).await;
    assert_eq!(simulator.drop_sockets(DropHow::Reset), 1);
    eventually("the server lets go", || simulator.counters().sockets_open == 0).await;
    let end = client.end().await;
    assert!(matches!(end, Heard::Failed(_) | Heard::Closed(None)), "{end:?}");
}

#[actix_rt::test]
async fn a_half_open_socket_is_silent_and_its_session_counts_as_lost() {
    let simulator = start(Options::default());
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(1);
    let last = id_of(&client.events(1).await[0]);
    simulator.drop_sockets(DropHow::HalfOpen);
    simulator.emit(5);
    client.send("getState", json!({})).await;
    client.ws.send(Message::Ping("are you there".into())).await.unwrap();
    assert!(matches!(client.hear(SILENCE).await, Heard::Silence));
    assert_eq!(simulator.counters().sockets_open, 1);
    let mut second = connect(&simulator).await;
    assert_eq!(second.start_session(&session, &last).await["status"], 200);
    assert_eq!(second.events(5).await.len(), 5);
    drop(client);
    eventually("the first socket ends", || simulator.counters().sockets_open == 1).await;
}

#[actix_rt::test]
async fn a_late_window_begins_when_the_server_notices() {
    let simulator = start(Options { window: Duration::from_millis(50), ..Options::default() });
    simulator.inject(parse("late-window=1h"));
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(1);
    let last = id_of(&client.events(1).await[0]);
    simulator.drop_sockets(DropHow::HalfOpen);
    let since = Instant::now();
    eventually("the window passes", || since.elapsed() > Duration::from_millis(200)).await;
    assert_eq!(connect(&simulator).await.start_session(&session, &last).await["status"], 200);
}

async fn pong(client: &mut Client, patience: Duration) -> bool {
    use futures_util::StreamExt;
    client.ws.send(Message::Ping("x".into())).await.unwrap();
    loop {
        match actix_rt::time::timeout(patience, client.ws.next()).await {
            Ok(Some(Ok(Message::Pong(payload)))) => return &payload[..] == b"x",
            Ok(Some(Ok(_))) => {}
            _ => return false,
        }
    }
}

#[actix_rt::test]
async fn pings_are_answered_unless_they_are_not_to_be() {
    let simulator = start(Options::default());
    let (mut client, _) = subscribed(&simulator).await;
    assert!(pong(&mut client, DEADLINE).await);
    simulator.inject(parse("no-pong"));
    assert!(!pong(&mut client, SILENCE).await);
    assert_eq!(simulator.counters().pings, 2);
    simulator.emit(1);
    assert_eq!(client.events(1).await.len(), 1);
}

#[actix_rt::test]
async fn a_stalled_server_answers_pings_and_nothing_else() {
    let simulator = start(Options::default());
    let (mut client, session) = subscribed(&simulator).await;
    simulator.emit(1);
    let last = id_of(&client.events(1).await[0]);
    simulator.drop_sockets(DropHow::Silent);
    simulator.emit(3);
    client.send("getState", json!({})).await;
    assert!(pong(&mut client, DEADLINE).await);
    assert!(matches!(client.hear(SILENCE).await, Heard::Silence));
    drop(client);
    eventually("the server lets go", || simulator.counters().sockets_open == 0).await;
    let mut client = connect(&simulator).await;
    assert_eq!(client.start_session(&session, &last).await["status"], 200);
    assert_eq!(client.events(3).await.len(), 3);
}

#[actix_rt::test]
async fn periodic_faults_strike_by_themselves() {
    for (fault, looks_right) in [
        (
            "recycle=30ms",
            (|end| matches!(end, Heard::Closed(Some(frame)) if frame.code == CloseCode::Away)) as fn(&Heard) -> bool,
        ),
        ("drop=30ms", |end| matches!(end, Heard::Failed(Error::Protocol(_)))),
        ("reset=30ms", was_reset),
    ] {
        let simulator = start(Options::default());
        let (mut client, _) = subscribed(&simulator).await;
        simulator.inject(parse(fault));
        let end = client.end().await;
        assert!(looks_right(&end), "{fault}: {end:?}");
    }
    for fault in ["half-open=20ms", "stall=20ms"] {
        let simulator = start(Options::default());
        let (mut client, _) = subscribed(&simulator).await;
        simulator.inject(parse(fault));
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < deadline, "{fault} never struck");
            simulator.emit(1);
            if let Heard::Silence = client.hear(SILENCE).await {
                break;
            }
        }
    }
}

#[actix_rt::test]
async fn messages_in_fragments_or_in_single_bytes_are_the_same_messages() {
    for faults in [&["fragments"][..], &["bytewise"], &["fragments", "bytewise"]] {
        let simulator = with_faults(faults);
        let (mut client, _) = subscribed(&simulator).await;
        simulator.emit(40);
        let state = client.state().await;
        assert_eq!(state.len(), simulator.states().len());
        let events = client.events(40).await;
        let ids: Vec<String> = events.iter().map(id_of).collect();
        let emitted: Vec<String> = simulator.ledger().events.iter().map(|event| event.id.clone()).collect();
        assert_eq!(ids, emitted, "{faults:?}");
    }
}

#[actix_rt::test]
async fn fragments_really_are_several_frames_with_pings_between_them() {
    let simulator = with_faults(&["fragments"]);
    let (client, session) = subscribed(&simulator).await;
    drop(client);
    let token = crate::client::token(&simulator);
    let bytes = raw_after_upgrade(
        &simulator,
        &token,
        &format!(r#"{{"command":"startSession","commandId":1,"sessionId":"{session}"}}"#),
    )
    .await;
    // First frame: text without FIN; then a ping.
    assert_eq!(bytes[0], 0x01, "{bytes:?}");
    let length = usize::from(bytes[1]);
    assert_eq!(bytes[2 + length], 0x89, "{bytes:?}");
}

/// Speaks WebSocket by hand, to see the very bytes of a reply.
async fn raw_after_upgrade(
    simulator: &watchpost::simulator::milestone::Simulator,
    token: &str,
    command: &str,
) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut tcp = tokio::net::TcpStream::connect(simulator.address()).await.unwrap();
    let head = format!(
        "GET /api/ws/events/v1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(tcp.read_u8().await.unwrap());
    }
    // A masked text frame whose mask is zero.
    let mut frame = vec![0x81, 0x80 | u8::try_from(command.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(command.as_bytes());
    tcp.write_all(&frame).await.unwrap();
    let mut reply = vec![0; 60];
    actix_rt::time::timeout(DEADLINE, tcp.read_exact(&mut reply)).await.unwrap().unwrap();
    reply
}
