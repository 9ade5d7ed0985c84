//! How sockets are lost, and what comes over them in odd shapes.

use std::{io, time::Duration};

use futures_util::SinkExt;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::frame::coding::CloseCode};
use watchpost::simulator::een::{Change, DropHow, FaultKind};

use crate::{
    client::{Heard, SILENCE, eventually, inside, numbers, parse, quiet, start, statuses_of, with_faults},
    poll::{connected, subscribed},
};

fn was_reset(heard: &Heard) -> bool {
    matches!(heard, Heard::Failed(Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionReset)
}

#[actix_rt::test]
async fn each_way_to_lose_a_socket_looks_as_it_should_and_leaves_the_session() {
    let simulator = start(quiet());
    for how in [DropHow::Close(1001), DropHow::Fin, DropHow::Reset, DropHow::MidFrame] {
        let (mut client, session, _) = subscribed(&simulator).await;
        assert_eq!(simulator.drop_sockets(how), 1);
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
        assert_eq!(session.get("/g/aaa/isauth").status, 200);
    }
}

#[actix_rt::test]
async fn a_part_of_the_sockets_can_be_broken() {
    let simulator = start(quiet());
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(subscribed(&simulator).await);
    }
    assert_eq!(simulator.drop_random(0.3, DropHow::Fin), 3);
    eventually("three are gone", || simulator.counters().sockets_open == 7).await;
    let broken = simulator.ledger().sockets.iter().filter(|socket| socket.closed.is_some()).count();
    assert_eq!(broken, 3);
    let alive = simulator.sessions().into_iter().find(|session| session.sockets == 1).unwrap();
    assert_eq!(simulator.drop_session(&alive.id, DropHow::Fin), 1);
    eventually("one more is gone", || simulator.counters().sockets_open == 6).await;
    assert_eq!(simulator.drop_account(&simulator.holders()[1], DropHow::Fin), 0);
    assert_eq!(simulator.drop_account(&simulator.holders()[0], DropHow::Fin), 6);
}

#[actix_rt::test]
async fn a_half_open_socket_is_silent_for_good() {
    let simulator = start(quiet());
    let (mut client, session, cameras) = subscribed(&simulator).await;
    simulator.drop_sockets(DropHow::HalfOpen);
    simulator.change(&cameras[0], Change::Off);
    client.send(&statuses_of(&cameras)).await;
    client.ws.send(Message::Ping("are you there".into())).await.unwrap();
    assert!(matches!(client.hear(SILENCE).await, Heard::Silence));
    assert_eq!(simulator.counters().pings, 0);
    let mut second = session.open("any").await.unwrap();
    second.subscribe(&statuses_of(&cameras)).await;
    drop(client);
    eventually("the first socket ends", || simulator.counters().sockets_open == 1).await;
}

#[actix_rt::test]
async fn a_silent_socket_still_answers_pings() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = subscribed(&simulator).await;
    simulator.drop_sockets(DropHow::Silent);
    simulator.change(&cameras[0], Change::Off);
    client.ws.send(Message::Ping("there".into())).await.unwrap();
    assert!(client.is_silent().await);
    assert_eq!(simulator.counters().pings, 1);
    let shown = &simulator.ledger().devices[&cameras[0]].statuses[1].shown;
    assert!(shown.is_empty(), "nothing was shown on it");
}

#[actix_rt::test]
async fn pings_go_both_ways_unless_they_are_not_answered() {
    let simulator = with_faults(&["ping=100ms"]);
    let (mut client, _, _) = subscribed(&simulator).await;
    assert!(matches!(client.hear(Duration::from_secs(5)).await, Heard::Ping));
    simulator.clear(FaultKind::Ping);
    let pong = |message: Option<Result<Message, Error>>| matches!(message, Some(Ok(Message::Pong(_))));
    let mut answered = false;
    client.ws.send(Message::Ping("there".into())).await.unwrap();
    while !answered {
        answered = pong(futures_util::StreamExt::next(&mut client.ws).await);
    }
    simulator.inject(parse("no-pong"));
    client.ws.send(Message::Ping("there".into())).await.unwrap();
    let silent = actix_rt::time::timeout(SILENCE, futures_util::StreamExt::next(&mut client.ws)).await;
    assert!(silent.is_err(), "{silent:?}");
}

#[actix_rt::test]
async fn a_quiet_socket_may_be_closed_and_a_busy_one_is_not() {
    let simulator = with_faults(&["idle-close=1s"]);
    let (mut busy, _, cameras) = subscribed(&simulator).await;
    let (session, _) = inside(&simulator, 1);
    let mut idle = session.open("any").await.unwrap();
    let end = actix_rt::spawn(async move { idle.end().await });
    while !end.is_finished() {
        simulator.change(&cameras[0], Change::RecordingStarted);
        simulator.change(&cameras[0], Change::RecordingStopped);
        busy.next().await;
        actix_rt::time::sleep(Duration::from_millis(20)).await;
    }
    let end = end.await.unwrap();
    assert!(matches!(&end, Heard::Closed(Some(frame)) if frame.code == CloseCode::Away), "{end:?}");
    assert!(busy.all().await.len() > 4);
}

#[actix_rt::test]
async fn messages_may_come_in_pieces_between_pings_and_bytes() {
    for fault in ["fragments", "bytewise"] {
        let simulator = with_faults(&[fault]);
        let (mut client, _, cameras) = subscribed(&simulator).await;
        simulator.flap(&cameras[0], 5);
        let (mut words, mut pings) = (0, 0);
        while words < 10 {
            match client.hear(Duration::from_secs(5)).await {
                Heard::Frame(_) => words += 1,
                Heard::Ping => pings += 1,
                other => panic!("{fault}: {other:?}"),
            }
        }
        assert_eq!(pings > 0, fault == "fragments");
    }
}

#[actix_rt::test]
async fn frames_may_be_garbage_or_of_no_known_kind() {
    let simulator = with_faults(&["garbage=20ms", "unknown-frames=20ms", "unknown-members"]);
    let (mut client, session, cameras) = connected(&simulator).await;
    client.send(&statuses_of(&cameras)).await;
    let (mut garbage, mut unknown, mut known) = (0, 0, 0);
    while garbage == 0 || unknown == 0 || known < cameras.len() {
        match client.hear(Duration::from_secs(5)).await {
            Heard::Frame(frame) if frame.get("notice").is_some() => unknown += 1,
            Heard::Frame(frame) => {
                assert!(frame["server"].is_object());
                known += 1;
            }
            Heard::Garbage => garbage += 1,
            // What is not UTF-8 ends the connection for this client.
            Heard::Failed(Error::Utf8(_)) => {
                garbage += 1;
                client = session.open("any").await.unwrap();
                client.send(&statuses_of(&cameras)).await;
                known = 0;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[actix_rt::test]
async fn a_subscription_may_end_the_connection() {
    let simulator = with_faults(&["drop-after-subscribe"]);
    let (mut client, _, cameras) = connected(&simulator).await;
    client.send(&statuses_of(&cameras)).await;
    let end = client.end().await;
    assert!(matches!(end, Heard::Failed(Error::Protocol(_))), "{end:?}");
}

#[actix_rt::test]
async fn sockets_can_break_by_themselves() {
    for fault in ["close=150ms", "reset=150ms", "drop=150ms", "drop-tenth=150ms"] {
        let simulator = with_faults(&[fault]);
        let (mut client, _, _) = connected(&simulator).await;
        let end = client.end().await;
        assert!(matches!(end, Heard::Failed(_) | Heard::Closed(_)), "{fault}: {end:?}");
    }
    for fault in ["half-open=150ms", "stall=150ms"] {
        let simulator = start(quiet());
        let (mut client, _, cameras) = subscribed(&simulator).await;
        simulator.inject(parse(fault));
        eventually("it is silent", || {
            simulator.flap(&cameras[0], 1);
            let ledger = simulator.ledger();
            ledger.sockets[0].closed.is_some()
        })
        .await;
        while let Heard::Frame(_) = client.hear(SILENCE).await {}
        simulator.flap(&cameras[0], 1);
        assert!(client.is_silent().await, "{fault}");
    }
}

#[actix_rt::test]
async fn what_is_no_text_ends_the_socket() {
    let simulator = start(quiet());
    let (mut client, _, _) = connected(&simulator).await;
    client.ws.send(Message::binary(b"{}".to_vec())).await.unwrap();
    let end = client.end().await;
    assert!(matches!(&end, Heard::Closed(Some(frame)) if frame.code == CloseCode::Unsupported), "{end:?}");
}

#[actix_rt::test]
async fn two_sockets_of_one_session_are_told_the_same() {
    let simulator = start(quiet());
    let (mut first, session, cameras) = subscribed(&simulator).await;
    let mut second = session.open("any").await.unwrap();
    second.subscribe(&statuses_of(&cameras)).await;
    simulator.flap(&cameras[0], 3);
    let [one, other] = [first.all().await, second.all().await];
    assert_eq!(numbers(&one, &cameras[0], "status").len(), 6);
    assert_eq!(one, other);
}
