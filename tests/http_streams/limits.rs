//! What a client may not do: stall, or be one too many. And what the server may not do: wait for one.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::Instant,
};

use watchpost::http::{metrics::Metrics, streams::Settings};

use crate::{
    api::{Api, settings},
    common::{DEADLINE, Rig, SECOND, eventually, options, pace},
    sse::{Sse, ask},
};

const PATHS: [&str; 2] = ["/api/v1/events/stream", "/api/v1/states/stream"];

#[test]
fn a_client_that_takes_nothing_is_cut_off_and_one_that_has_nothing_to_take_is_not() {
    Metrics::install().unwrap();
    let mut rig = Rig::online(options());
    let api = Api::start(rig.engine(), Settings { patience: SECOND, ..settings() });
    let mut quiet = Sse::open(api.address, "/api/v1/events/stream?connection=other");
    let stalled = PATHS.map(|path| {
        let mut stream = TcpStream::connect(api.address).unwrap();
        ask(&mut stream, path, "");
        stream
    });
    rig.walk(4_000.0);
    eventually(DEADLINE, "more has happened than any socket holds", || rig.info().status.events > 12_000);
    rig.rest();
    pace(2 * SECOND);
    for mut stream in stalled {
        stream.set_read_timeout(Some(5 * SECOND)).unwrap();
        // What the system had taken is still there, and behind it the end.
        let (mut taken, mut buffer) = (0, vec![0; 1 << 16]);
        let end = loop {
            match stream.read(&mut buffer) {
                Ok(0) => break None,
                Ok(read) => taken += read,
                Err(error) => break Some(error.kind()),
            }
        };
        assert!(end.is_none_or(|kind| kind == ErrorKind::ConnectionReset), "{end:?} after {taken} bytes");
    }
    let told = Sse::open(api.address, "/metrics").body();
    for kind in ["events", "states"] {
        let counted = format!("watchpost_http_streams_cut_off_total{{kind=\"{kind}\",why=\"stalled\"}} ");
        assert!(told.contains(&counted), "{told}");
    }
    assert!(told.contains("watchpost_http_cut_off_total{why=\"stalled\"} "), "{told}");
    let before = quiet.last;
    while quiet.last <= before {
        quiet.next().expect("it goes on");
    }
}

#[test]
fn one_client_too_many_is_asked_to_come_again_and_may_when_another_has_gone() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), Settings { most: 2, ..settings() });
    let first = Sse::open(api.address, PATHS[0]);
    let second = Sse::open(api.address, PATHS[1]);
    assert_eq!((first.status, second.status), (200, 200));
    let refused = Sse::open(api.address, PATHS[0]);
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains("retry-after: ") && refused.headers.contains("application/problem+json"));
    assert!(refused.body().contains("2 streams"));
    drop(first);
    eventually(DEADLINE, "room for another", || Sse::open(api.address, PATHS[1]).status == 200);
}

#[test]
fn a_client_that_is_gone_or_sends_no_more_makes_room_at_once() {
    let rig = Rig::online(options());
    // So no heartbeat finds it out.
    let api = Api::start(rig.engine(), Settings { most: 1, heartbeat: 600 * SECOND, ..settings() });
    for path in PATHS {
        let gone = Sse::open(api.address, path);
        assert_eq!(gone.status, 200);
        drop(gone);
        let mut half = None;
        eventually(5 * SECOND, "room for another", || {
            half = Some(Sse::open(api.address, path)).filter(|stream| stream.status == 200);
            half.is_some()
        });
        let mut half = half.unwrap();
        half.send_no_more();
        half.end();
    }
    eventually(5 * SECOND, "room for another", || Sse::open(api.address, PATHS[0]).status == 200);
}

#[test]
fn the_end_of_the_server_ends_all_streams_and_waits_for_none() {
    let rig = Rig::online(options());
    let mut api = Api::start(rig.engine(), settings());
    let mut clients = PATHS.map(|path| Sse::open(api.address, path));
    let mut stalled = TcpStream::connect(api.address).unwrap();
    ask(&mut stalled, PATHS[0], "");
    let begun = Instant::now();
    api.stop();
    assert!(begun.elapsed() < 2 * SECOND, "{:?}", begun.elapsed());
    for client in &mut clients {
        client.end();
    }
}

#[test]
fn the_end_of_the_journal_ends_all_streams() {
    let mut rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    let mut clients = PATHS.map(|path| Sse::open(api.address, path));
    rig.shut_down();
    for client in &mut clients {
        client.end();
    }
}

#[test]
fn more_values_than_globs_may_be_are_refused() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    for path in ["/api/v1/states/stream", "/api/v1/states"] {
        let mut stream = TcpStream::connect(api.address).unwrap();
        ask(&mut stream, &format!("{path}?{}", vec!["value=x"; 101].join("&")), "Connection: close\r\n");
        stream.set_read_timeout(Some(5 * SECOND)).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400", "{path}");
    }
}
