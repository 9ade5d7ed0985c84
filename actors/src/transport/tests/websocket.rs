//! What an open WebSocket promises.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{
    super::{
        Budget, CloseReason, Incoming, SendError, WebSocket,
        frame::FrameError,
        request::DEFAULT_MAX_MESSAGE,
        websocket::{MAX_BATCH, MAX_BATCH_BYTES},
    },
    server::{
        BINARY, CLOSE, CONTINUES, DEADLINE, ENDS, PING, PONG, Server, TEXT, TEXT_BEGINS, frame, head, pipe, receive,
        receive_all, spelled, within, ws_client,
    },
};

const MIB: usize = 1 << 20;

fn budget() -> Arc<Budget> {
    Arc::new(Budget::default())
}

#[actix_rt::test]
async fn a_frame_above_64_kib_arrives_whole() {
    let server = Server::start().await;
    let request = server.ws();
    let texts = ["a".repeat(65_537), "b".repeat(MIB), "c".repeat(20 * MIB), "d".to_owned()];
    let serve = async {
        let mut peer = server.accept().await;
        peer.upgrade(&[]).await;
        for text in &texts {
            peer.write(frame(TEXT, text)).await;
        }
        peer
    };
    let read = async {
        let mut socket = ws_client().open(&request).await.unwrap();
        assert_eq!(receive(&mut socket, texts.len()).await, texts);
    };
    within(async { tokio::join!(serve, read) }).await;
}

#[actix_rt::test]
async fn two_gib_announced_are_refused_before_they_are_read() {
    let (mut socket, mut peer, read) = pipe(64 * 1024, DEFAULT_MAX_MESSAGE, &budget());
    let flood = actix_rt::spawn(async move {
        peer.write(frame(TEXT, "before")).await;
        peer.write(head(TEXT, 2 << 30)).await;
        let (mut reader, mut writer) = tokio::io::split(peer.stream);
        let body = actix_rt::spawn(async move {
            let chunk = vec![b'x'; 64 * 1024];
            let mut written = 0_usize;
            while tokio::io::AsyncWriteExt::write_all(&mut writer, &chunk).await.is_ok() {
                written += chunk.len();
            }
            written
        });
        let mut answer = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answer).await.unwrap();
        (answer, body.await.unwrap())
    });
    let (came, reason) = receive_all(&mut socket).await;
    assert_eq!(came, ["before"]);
    assert_eq!(reason, CloseReason::TooLarge { declared: 2 << 30, limit: DEFAULT_MAX_MESSAGE });
    assert!(!reason.is_retryable());
    assert!(read.get() <= 512 * 1024, "{} bytes were read", read.get());
    within(socket.flush()).await.unwrap();
    drop(socket);
    let (answer, written) = within(flood).await.unwrap();
    assert_eq!(answer[0], CLOSE);
    let code = [answer[6] ^ answer[2], answer[7] ^ answer[3]];
    assert_eq!(u16::from_be_bytes(code), 1009);
    assert!(written <= 512 * 1024, "{written} bytes were taken");
}

#[actix_rt::test]
async fn pings_are_answered_while_data_flows() {
    let server = Server::start().await;
    let request = server.ws();
    let serve = async {
        let mut peer = server.accept().await;
        peer.upgrade(&[]).await;
        for round in 0..50_u8 {
            peer.write(frame(TEXT, "x".repeat(392)).repeat(200)).await;
            peer.write(frame(PING, [round])).await;
            assert_eq!(within(peer.frame()).await.unwrap(), (PONG, vec![round]));
        }
        peer.write(frame(CLOSE, [])).await;
        peer
    };
    let read = async {
        let mut socket = ws_client().open(&request).await.unwrap();
        let (came, reason) = receive_all(&mut socket).await;
        assert_eq!(came.iter().filter(|text| *text == "ping").count(), 50, "pings are given out too");
        assert_eq!(came.len(), 50 * 201);
        assert_eq!(reason, CloseReason::ByServer { code: None, reason: String::new() });
    };
    within(async { tokio::join!(serve, read) }).await;
}

#[actix_rt::test]
async fn of_many_pings_at_once_the_latest_is_answered() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    let pings: Vec<u8> = (0..=255_u8).flat_map(|round| frame(PING, [round])).collect();
    peer.write(pings).await;
    assert_eq!(receive(&mut socket, 256).await, ["ping"; 256]);
    within(socket.flush()).await.unwrap();
    drop(socket);
    let mut answers = Vec::new();
    while let Ok(answer) = within(peer.frame()).await {
        answers.push(answer);
    }
    assert_eq!(answers.last(), Some(&(PONG, vec![255])));
    assert!(answers.len() < 10, "{} answers", answers.len());
}

#[actix_rt::test]
async fn fragments_become_one_message_with_pings_between_them() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    // The two bytes of the letter come in different fragments: UTF-8 is judged over the whole.
    peer.write(frame(TEXT_BEGINS, b"caf\xC3")).await;
    peer.write(frame(PING, [])).await;
    peer.write(frame(CONTINUES, [])).await;
    peer.write(frame(ENDS, b"\xA9 open")).await;
    peer.write(frame(BINARY, [1, 2])).await;
    assert_eq!(receive(&mut socket, 3).await, ["ping", "café open", r#"b"\x01\x02""#]);
}

#[actix_rt::test]
async fn fragments_over_the_limit_are_refused() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    peer.write(frame(TEXT_BEGINS, "x".repeat(600))).await;
    peer.write(frame(ENDS, "x".repeat(401))).await;
    assert_eq!(receive_all(&mut socket).await.1, CloseReason::TooLarge { declared: 1001, limit: 1000 });
    within(socket.flush()).await.unwrap();
    assert_eq!(peer.close_code().await, 1009);
}

#[actix_rt::test]
async fn text_that_is_not_utf8_ends_the_connection() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    peer.write(frame(TEXT, "good")).await;
    peer.write(frame(TEXT, b"bad \xC3\x28")).await;
    peer.write(frame(TEXT, "never seen")).await;
    let (came, reason) = receive_all(&mut socket).await;
    assert_eq!((came, reason), (vec!["good".to_owned()], CloseReason::NotUtf8));
    assert_eq!(receive_all(&mut socket).await, (vec![], CloseReason::NotUtf8), "and so it stays");
    assert_eq!(peer.close_code().await, 1007);
}

#[actix_rt::test]
async fn a_masked_frame_ends_the_connection() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    peer.write([TEXT, 0x81, 1, 2, 3, 4, b'x' ^ 1]).await;
    assert_eq!(receive_all(&mut socket).await, (vec![], CloseReason::Protocol(FrameError::Masked)));
    assert_eq!(peer.close_code().await, 1002);
}

#[actix_rt::test]
async fn a_close_of_the_server_comes_after_its_messages_and_is_answered() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    peer.write(frame(TEXT, "last words")).await;
    peer.write(frame(CLOSE, b"\x03\xE9recycled")).await;
    let (came, reason) = receive_all(&mut socket).await;
    assert_eq!(came, ["last words"]);
    assert_eq!(reason, CloseReason::ByServer { code: Some(1001), reason: "recycled".to_owned() });
    assert_eq!(reason.to_string(), "closed by the server (code 1001, recycled)");
    assert_eq!(peer.close_code().await, 1001);
    assert_eq!(socket.send("more"), Err(SendError::Closing));
}

#[actix_rt::test]
async fn hanging_up_without_a_close_frame_is_told_apart() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    peer.write(frame(TEXT, "last words")).await;
    peer.write(&frame(TEXT, "half a message")[..5]).await;
    drop(peer);
    assert_eq!(receive_all(&mut socket).await, (vec!["last words".to_owned()], CloseReason::Eof));
}

#[actix_rt::test]
async fn a_reset_connection_is_told_apart() {
    let server = Server::start().await;
    let request = server.ws();
    let serve = async {
        let mut peer = server.accept().await;
        peer.upgrade(&[]).await;
        socket2::SockRef::from(&peer.stream).set_linger(Some(Duration::ZERO)).unwrap();
    };
    let client = ws_client();
    let (opened, ()) = within(async { tokio::join!(client.open(&request), serve) }).await;
    let mut socket = opened.unwrap();
    let (_, reason) = receive_all(&mut socket).await;
    assert!(matches!(reason, CloseReason::Io { kind: std::io::ErrorKind::ConnectionReset, .. }), "{reason:?}");
}

#[actix_rt::test]
async fn our_own_close_lets_the_server_finish() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    socket.close(1000, &"€".repeat(100));
    assert_eq!(socket.send("more"), Err(SendError::Closing));
    within(socket.flush()).await.unwrap();
    let (first, payload) = within(peer.frame()).await.unwrap();
    assert_eq!((first, &payload[..2], payload.len()), (CLOSE, &[0x03, 0xE8][..], 2 + 41 * 3));
    peer.write(frame(TEXT, "on its way")).await;
    peer.write(frame(CLOSE, b"\x03\xE8")).await;
    assert_eq!(receive_all(&mut socket).await, (vec!["on its way".to_owned()], CloseReason::ByUs));
}

#[actix_rt::test]
async fn shutdown_says_goodbye_and_does_not_wait_for_a_deaf_server() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    socket.send("bye").unwrap();
    let started = Instant::now();
    within(socket.shutdown(1001)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(within(peer.frame()).await.unwrap(), (TEXT, b"bye".to_vec()));
    assert_eq!(peer.close_code().await, 1001);
    assert!(within(peer.frame()).await.is_err(), "the connection is over");
}

#[actix_rt::test]
async fn writing_never_blocks_reading() {
    let (mut socket, mut peer, _) = pipe(1000, 1000, &budget());
    socket.send(&"x".repeat(500_000)).unwrap();
    assert_eq!(socket.send(&"x".repeat(600_000)), Err(SendError::Full { waiting: 500_008 + 6, limit: MIB }));
    for round in 0..100 {
        peer.write(frame(TEXT, round.to_string())).await;
        assert_eq!(receive(&mut socket, 1).await, [round.to_string()], "although the server reads nothing");
    }
    let (wrote, read) = within(async { tokio::join!(socket.flush(), peer.frame()) }).await;
    assert_eq!((wrote, read.unwrap()), (Ok(()), (TEXT, vec![b'x'; 500_000])));
}

#[actix_rt::test]
async fn what_is_queued_is_written_while_waiting_for_messages() {
    let (mut socket, mut peer, _) = pipe(100, 1000, &budget());
    socket.send(&"x".repeat(1000)).unwrap();
    socket.ping(b"are you there").unwrap();
    assert_eq!(socket.ping(&[0; 126]), Err(SendError::PingTooLong(126)));
    let serve = async {
        assert_eq!(peer.frame().await.unwrap(), (TEXT, vec![b'x'; 1000]));
        let (first, payload) = peer.frame().await.unwrap();
        assert_eq!(first, PING);
        peer.write(frame(PONG, payload)).await;
    };
    let (came, ()) = within(async { tokio::join!(receive(&mut socket, 1), serve) }).await;
    assert_eq!(came, ["pong are you there"]);
}

#[actix_rt::test]
async fn a_wake_yields_all_there_is_within_its_bounds() {
    // Small messages are bounded by number, larger ones by bytes, and the order is kept.
    for (count, size) in [(20_000, 6), (3_000, 1_000), (100, 60_000)] {
        let (mut socket, mut peer, _) = pipe(1 << 20, MIB, &budget());
        let text = |number: usize| format!("{number:0size$}");
        let write = async {
            for number in 0..count {
                peer.write(frame(TEXT, text(number))).await;
            }
            peer
        };
        let read = async {
            let (mut next, mut wakes) = (0, 0);
            while next < count {
                let mut batch = Vec::new();
                socket.wake(&mut batch).await.unwrap();
                assert!(!batch.is_empty() && batch.len() <= MAX_BATCH, "{} messages", batch.len());
                let bytes: usize = batch.iter().map(Incoming::len).sum();
                assert!(bytes <= MAX_BATCH_BYTES, "{bytes} bytes");
                for message in &batch {
                    assert_eq!(spelled(message), text(next));
                    next += 1;
                }
                wakes += 1;
            }
            wakes
        };
        let (wakes, _peer) = within(async { tokio::join!(read, write) }).await;
        assert!(size > 1000 || wakes < count / 10, "{wakes} wakes for {count} messages");
    }
}

#[actix_rt::test]
async fn a_wake_that_is_dropped_loses_nothing() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    let mut came = Vec::new();
    let mut bytes = Vec::new();
    for number in 0..200 {
        bytes.extend(frame(TEXT, format!("message {number}")));
        bytes.extend(frame(PING, []));
    }
    for piece in bytes.chunks(3) {
        peer.write(piece).await;
        while let Some(woken) = socket.wake(&mut came).now_or_never() {
            woken.unwrap();
        }
    }
    let texts: Vec<_> = came.iter().map(spelled).filter(|text| text != "ping").collect();
    assert_eq!(texts, (0..200).map(|number| format!("message {number}")).collect::<Vec<_>>());
}

#[actix_rt::test]
async fn a_single_byte_counts_as_a_sign_of_life() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    let opened = socket.last_byte();
    assert!(socket.wake(&mut Vec::new()).now_or_never().is_none());
    assert_eq!(socket.last_byte(), opened);
    let before = Instant::now();
    peer.write(&frame(TEXT, "slow")[..1]).await;
    assert!(socket.wake(&mut Vec::new()).now_or_never().is_none(), "no message yet");
    assert!(socket.last_byte() >= before);
}

#[actix_rt::test]
async fn a_large_message_waits_for_its_share_and_small_ones_do_not() {
    let budget = Arc::new(Budget::new(5 * MIB));
    let (mut first, mut first_peer, _) = pipe(64 * 1024, 8 * MIB, &budget);
    let (mut second, mut second_peer, second_read) = pipe(64 * 1024, 8 * MIB, &budget);
    let large = "x".repeat(3 * MIB);

    let mut came = Vec::new();
    let (woken, ()) =
        within(async { tokio::join!(first.wake(&mut came), first_peer.write(frame(TEXT, &large))) }).await;
    woken.unwrap();
    let Some(Incoming::LargeText(text, permit)) = came.pop() else { panic!("{came:?}") };
    assert_eq!((text.len(), permit.bytes(), budget.available()), (3 * MIB, 3 * MIB, 2 * MIB));

    let mut came = Vec::new();
    second_peer.write(frame(TEXT, "small")).await;
    within(second.wake(&mut came)).await.unwrap();
    let _writer = actix_rt::spawn(async move {
        second_peer.write(frame(TEXT, "x".repeat(3 * MIB))).await;
        second_peer.write(frame(TEXT, "small again")).await;
        second_peer
    });
    let deadline = Instant::now() + DEADLINE;
    while second_read.get() < 1000 {
        assert!(Instant::now() < deadline, "the large message never began");
        assert!(second.wake(&mut came).now_or_never().is_none(), "there is no room for it");
        tokio::task::yield_now().await;
    }
    first_peer.write(frame(TEXT, "others are not disturbed")).await;
    assert_eq!(receive(&mut first, 1).await, ["others are not disturbed"]);
    assert!(second_read.get() < 512 * 1024, "its body is not read: {}", second_read.get());

    assert!(second.waits_for_budget());
    drop((text, permit));
    within(second.wake(&mut came)).await.unwrap();
    assert!(matches!(&came[1], Incoming::LargeText(text, _) if text.len() == 3 * MIB));
    assert_eq!(came.len(), 2, "a large message comes alone");
    assert_eq!(receive(&mut second, 1).await, ["small again"]);
    drop(came);
    assert_eq!(budget.available(), 5 * MIB);
}

#[actix_rt::test]
async fn large_fragments_keep_only_the_share_they_need() {
    let budget = Arc::new(Budget::new(64 * MIB));
    let (mut socket, mut peer, _) = pipe(64 * 1024, 8 * MIB, &budget);
    let part = "x".repeat(700 * 1024);
    let write = async {
        peer.write(frame(TEXT_BEGINS, &part)).await;
        peer.write(frame(CONTINUES, &part)).await;
        peer.write(frame(ENDS, &part)).await;
    };
    let mut came = Vec::new();
    let (woken, ()) = within(async { tokio::join!(socket.wake(&mut came), write) }).await;
    woken.unwrap();
    assert!(matches!(&came[0], Incoming::LargeText(text, _) if text.len() == 2100 * 1024));
    assert_eq!(budget.available(), 64 * MIB - 2100 * 1024);
}

#[actix_rt::test]
async fn a_held_back_connection_answers_pings_and_reads_within_bounds() {
    let (mut socket, mut peer, read) = pipe(64 * 1024, MIB, &budget());
    let flood = actix_rt::spawn(async move {
        peer.write(frame(TEXT, "first")).await;
        peer.write(frame(PING, "before the flood")).await;
        let pong = peer.frame().await.unwrap();
        let (reader, mut writer) = tokio::io::split(peer.stream);
        let text = frame(TEXT, "x".repeat(1000)).repeat(100);
        let mut written = 0;
        while tokio::io::AsyncWriteExt::write_all(&mut writer, &text).await.is_ok() {
            written += 100;
        }
        drop(reader);
        (pong, written)
    });
    // The consumer is busy until nothing more is read.
    let deadline = Instant::now() + DEADLINE;
    let (mut before, mut quiet) = (0, 0);
    while read.get() < MIB || quiet < 100 {
        assert!(Instant::now() < deadline, "{} bytes were read", read.get());
        assert!(socket.hold().now_or_never().is_none());
        tokio::task::yield_now().await;
        quiet = if read.get() == before { quiet + 1 } else { 0 };
        before = read.get();
    }
    assert!(read.get() <= 2 * MIB, "{} bytes were read", read.get());

    let mut batch = Vec::new();
    within(socket.wake(&mut batch)).await.unwrap();
    assert_eq!([spelled(&batch[0]), spelled(&batch[1])], ["first", "ping"]);
    let bytes: usize = batch.iter().map(Incoming::len).sum();
    assert!(bytes <= MAX_BATCH_BYTES && bytes > MAX_BATCH_BYTES / 2, "{bytes} bytes");
    let more = receive(&mut socket, 2000).await;
    assert!(more.iter().all(|text| text.len() == 1000), "then it goes on");
    drop(socket);
    let (pong, written) = within(flood).await.unwrap();
    assert_eq!(pong, (PONG, b"before the flood".to_vec()));
    assert!(written >= 2000);
}

#[actix_rt::test]
async fn an_end_during_hold_is_told_and_what_was_held_is_kept() {
    let (mut socket, mut peer, _) = pipe(1 << 20, 1000, &budget());
    peer.write(frame(TEXT, "kept")).await;
    drop(peer);
    assert_eq!(within(socket.hold()).await, CloseReason::Eof);
    assert_eq!(receive_all(&mut socket).await, (vec!["kept".to_owned()], CloseReason::Eof));
}

#[actix_rt::test]
async fn an_idle_connection_holds_no_buffer_after_a_flood() {
    let (mut socket, mut peer, _) = pipe(1 << 20, MIB, &budget());
    let deadline = Instant::now() + DEADLINE;
    for _ in 0..10 {
        peer.write(frame(TEXT, "x".repeat(1000)).repeat(1000)).await;
        peer.write(&frame(TEXT, "y")[..2]).await;
        let mut came = Vec::new();
        while came.len() < 1000 {
            within(socket.wake(&mut came)).await.unwrap();
        }
        peer.write("y").await;
        receive(&mut socket, 1).await;
        assert!(Instant::now() < deadline);
    }
    assert!(socket.wake(&mut Vec::new()).now_or_never().is_none());
    assert_eq!(socket.buffer_held(), 0);
    assert!(size_of::<WebSocket>() < 1024, "{} bytes", size_of::<WebSocket>());
}
