//! What a client may hold, and for how long: heads, bodies, answers that nobody takes, places.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};
use watchpost::http::{Limits, metrics::Metrics};

use super::{
    asking::{Caller, ask, raw},
    common::{MS, SECOND, eventually},
    place::{Place, Plan},
};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// An answer of some hundred KiB.
const EVENTS: &str = "GET /api/v1/events?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn place(limits: Limits) -> Place {
    Place::planned(Plan { bare: true, limits, ..Plan::default() })
}

/// A client for which the system keeps little.
fn modest(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(20 * SECOND)).unwrap();
    stream
}

#[test]
fn a_later_head_has_as_little_time_as_the_first() {
    let place = place(Limits { head: SECOND, idle: 60 * SECOND, ..Limits::default() });
    for drip in [false, true] {
        let mut caller = Caller::to(place.address);
        for _ in 0..2 {
            assert_eq!(caller.send(HEALTH).answer(true).unwrap().status, 200);
        }
        let begun = Instant::now();
        caller.send("G");
        if drip {
            // However steadily it comes.
            for byte in "ET /".bytes().chain([b'x'; 1_000]) {
                if caller.send([byte]).has_something_within(20 * MS) {
                    break;
                }
            }
        }
        assert_eq!(caller.rest(), b"", "it is closed without an answer");
        assert!((900 * MS..10 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    }
}

#[test]
fn a_connection_on_which_nothing_is_asked_is_closed_also_behind_half_a_head() {
    let place = place(Limits { idle: 300 * MS, head: 60 * SECOND, ..Limits::default() });
    let half = format!("{HEALTH}GET /healthz HT");
    Metrics::install().unwrap();
    for sent in [HEALTH, &half] {
        let mut caller = Caller::to(place.address);
        let begun = Instant::now();
        assert_eq!(caller.send(sent).answer(true).unwrap().status, 200);
        assert_eq!(caller.rest(), b"");
        assert!(begun.elapsed() < 10 * SECOND, "{:?}", begun.elapsed());
    }
    let told = String::from_utf8(place.get("/metrics").body).unwrap();
    assert!(told.contains("watchpost_http_cut_off_total{why=\"idle\"} "), "{told}");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let place = place(Limits { body: 300 * MS, ..Limits::default() });
    for path in ["dead-letters/retry", "sinks/siem/replays", "vxg/yard/cameras/1/trigger/doorbell"] {
        for framing in ["Content-Length: 60000", "Transfer-Encoding: chunked"] {
            let begun = Instant::now();
            let head = format!("POST /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n");
            let problem = raw(place.address, format!("{head}{framing}\r\n\r\n")).unwrap().problem(408);
            assert_eq!(problem["type"], "/problems/timeout", "{path}, {framing}");
            assert!(begun.elapsed() < 10 * SECOND, "{path}, {framing}: {:?}", begun.elapsed());
        }
    }
    // One that comes is read.
    let whole = "POST /api/v1/dead-letters/retry HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    let mut caller = Caller::to(place.address);
    caller.send(format!("{whole}Content-Length: 2\r\n\r\n")).send("{");
    assert_eq!(caller.send("}").answer(true).unwrap().status, 400);
}

#[test]
fn who_takes_nothing_of_an_answer_is_cut_off_and_who_takes_it_slowly_is_not() {
    let limits = Limits { patience: SECOND, ..Limits::default() };
    let place = Place::planned(Plan { limits, ..Plan::default() });
    place.wait_online();
    place.let_happen(1_500);
    let whole = place.get("/api/v1/events?limit=1000").body.len();
    assert!(whole > 300 << 10, "more than any socket holds here: {whole}");
    let mut idle = modest(place.address);
    idle.write_all(EVENTS.as_bytes()).unwrap();
    let mut slow = modest(place.address);
    slow.write_all(EVENTS.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    // Within the patience for each piece, and several times as long in all.
    let (begun, mut taken, mut piece) = (Instant::now(), 0, vec![0; whole / 16]);
    loop {
        match slow.read(&mut piece).unwrap() {
            0 => break,
            read => taken += read,
        }
        std::thread::sleep(100 * MS);
    }
    assert!(taken > whole && begun.elapsed() > SECOND, "{taken} of {whole} in {:?}", begun.elapsed());
    // What is written to a connection that is gone fails.
    eventually(10 * SECOND, "cut off", || idle.write_all(b"\r\n").is_err());
    let mut rest = Vec::new();
    let end = idle.read_to_end(&mut rest);
    assert!(rest.len() < whole, "{end:?} after {} of {whole}", rest.len());
}

#[test]
fn answers_that_nobody_takes_hold_so_much_memory_and_no_more() {
    let limits = Limits { ready: 2 << 20, ..Limits::default() };
    let place = Place::planned(Plan { limits, ..Plan::default() });
    place.wait_online();
    place.let_happen(1_500);
    let mut idle = Vec::new();
    let refused = loop {
        let answer = place.get("/api/v1/events?limit=1000");
        if answer.status != 200 {
            break answer;
        }
        assert!(idle.len() < 50, "{} answers of {} bytes", idle.len(), answer.body.len());
        let mut client = modest(place.address);
        client.write_all(EVENTS.as_bytes()).unwrap();
        // The answer has begun, so it is there.
        client.read_exact(&mut [0]).unwrap();
        idle.push(client);
    };
    refused.problem(503);
    assert!(!idle.is_empty() && refused.header("retry-after").is_some());
    assert_eq!(place.get("/healthz").status, 200, "a small one is given all the same");
    assert_eq!(place.get("/api/v1/connections").status, 200);
    drop(idle);
    eventually(10 * SECOND, "room again", || place.get("/api/v1/events?limit=1000").status == 200);
}

#[test]
fn one_connection_too_many_waits_until_another_has_gone() {
    let place = place(Limits { connections: 2, ..Limits::default() });
    let mut first: Vec<_> = [(); 2].map(|()| Caller::to(place.address)).into();
    for caller in &mut first {
        assert_eq!(caller.send(HEALTH).answer(true).unwrap().status, 200);
    }
    let mut third = Caller::to(place.address);
    assert!(!third.send(HEALTH).has_something_within(300 * MS));
    first.pop();
    assert_eq!(third.answer(true).unwrap().status, 200);
}

#[test]
fn who_closes_its_sending_side_after_the_request_gets_its_answer() {
    let place = Place::start();
    for request in [
        HEALTH.to_owned(),
        EVENTS.to_owned(),
        HEALTH.repeat(2) + EVENTS,
        "POST /api/v1/connections/hq/restart HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ] {
        let mut stream = TcpStream::connect(place.address).unwrap();
        stream.set_read_timeout(Some(20 * SECOND)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let (mut answers, begun) = (String::new(), Instant::now());
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 20").count(), request.matches("HTTP/1.1").count(), "{request}: {answers}");
        assert!(begun.elapsed() < 5 * SECOND, "closed at once behind the last answer: {:?}", begun.elapsed());
    }
    // Half a body, and no more to come.
    let mut stream = TcpStream::connect(place.address).unwrap();
    let head = "POST /api/v1/dead-letters/retry HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    stream.write_all(format!("{head}Content-Length: 10\r\n\r\n{{").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[test]
fn who_takes_no_answers_may_not_ask_for_ever_more_of_them() {
    let place = place(Limits::default());
    let mut client = modest(place.address);
    client.set_nonblocking(true).unwrap();
    // Answers without a body are the ones of which nothing else would stop the server from making more.
    let pad = "x".repeat(1_000);
    let requests =
        format!("HEAD /api/v1/events/stream HTTP/1.1\r\nHost: localhost\r\nX-Pad: {pad}\r\n\r\n").repeat(200);
    let (mut sent, most) = (0, 64 << 20);
    let until = Instant::now() + 20 * SECOND;
    let mut blocked: Option<Instant> = None;
    // Not taken for a while: the server has stopped to read.
    while blocked.is_none_or(|since| since.elapsed() < SECOND) {
        assert!(sent < most && Instant::now() < until, "{sent} bytes of requests were taken");
        match client.write(&requests.as_bytes()[sent % requests.len()..]) {
            Ok(taken) => (sent, blocked) = (sent + taken, None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                blocked.get_or_insert_with(Instant::now);
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error} after {sent} bytes"),
        }
    }
    assert_eq!(place.get("/healthz").status, 200);
    // And goes on when they are taken.
    client.set_nonblocking(false).unwrap();
    let mut reader = client.try_clone().unwrap();
    let reading = std::thread::spawn(move || {
        let mut taken = Vec::new();
        let _ = reader.read_to_end(&mut taken);
        String::from_utf8(taken).unwrap().matches("HTTP/1.1 200").count()
    });
    let rest = &requests.as_bytes()[sent % requests.len()..];
    client.write_all(rest).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let asked = (sent + rest.len()) / (requests.len() / 200);
    assert_eq!(reading.join().unwrap(), asked);
}

#[test]
fn a_trigger_with_a_body_says_that_it_is_json() {
    let place = Place::start();
    let path = "/api/v1/vxg/hq/cameras/1/trigger/doorbell";
    // None is needed; that this is no connection of VXG's is found later.
    ask(place.address, "POST", path, &[("Content-Length", "0")]).problem(409);
    for (kind, status) in [
        ("Content-Type: application/json", 409),
        ("Content-Type: application/json; charset=utf-8", 409),
        ("Content-Type: text/plain", 415),
        ("Content-Type: application/x-www-form-urlencoded", 415),
        ("Content-Type: garbage", 415),
        ("X-None: 1", 415),
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\nContent-Length: 13\r\n\r\n{{\"wait\":\"1s\"}}"
        );
        raw(place.address, request).unwrap().problem(status);
    }
}
