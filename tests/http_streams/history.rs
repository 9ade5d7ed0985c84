//! Streams that read what is long past: they take turns with all others who read the journal, and their clients hear of it that they are alive.

use std::thread;

use watchpost::{
    actors::{journal::Ask, model::Sequence},
    http::streams::Settings,
};

use crate::{
    api::{Api, settings},
    common::{DEADLINE, Rig, SECOND, block_on, eventually, options, raw_lines},
    sse::{Sse, ask, head},
};

const EVENTS: &str = "/api/v1/events/stream";

/// A journal of which nothing is in memory, and the number of its first event.
fn restarted() -> (Rig, u64) {
    let mut rig = Rig::online(options());
    rig.sim.emit(600);
    eventually(DEADLINE, "they are stored", || rig.info().status.events >= 600);
    rig.shut_down();
    rig.start_engine();
    rig.wait_online();
    let first = raw_lines(&rig.store)[0]["sequence"].as_str().unwrap().parse().unwrap();
    (rig, first)
}

#[test]
fn who_waits_for_a_page_hears_heartbeats_and_the_end_and_then_gets_every_event() {
    let (rig, first) = restarted();
    let mut api = Api::start(rig.engine(), settings());
    rig.store.hang_reading(true);
    let mut client = Sse::resume(api.address, EVENTS, first);
    (0..3).for_each(|_| client.heartbeat());
    rig.store.hang_reading(false);
    let all: Vec<u64> =
        raw_lines(&rig.store).iter().map(|line| line["sequence"].as_str().unwrap().parse().unwrap()).collect();
    for number in all.iter().skip(1).take(500) {
        assert_eq!(client.event("event").id, Some(*number));
    }
    rig.store.hang_reading(true);
    let mut waiting = Sse::resume(api.address, EVENTS, first);
    waiting.heartbeat();
    let stopping = thread::spawn(move || api.stop());
    waiting.end();
    rig.store.hang_reading(false);
    stopping.join().unwrap();
}

#[test]
fn a_sink_that_reads_the_journal_waits_for_a_few_pages_however_many_streams_do() {
    const SINKS: usize = 77;
    let (rig, first) = restarted();
    let api = Api::start(rig.engine(), settings());
    rig.store.hang_reading(true);
    let mut clients: Vec<_> =
        (0..60).map(|_| Sse::resume(api.address, &format!("{EVENTS}?type=nothing"), first)).collect();
    // Each of them has been told to wait, so each waits for a page.
    clients.iter_mut().for_each(Sse::heartbeat);
    let journal = rig.engine().journal().clone();
    let ask = Ask { from: Sequence(first), limit: SINKS, of: None };
    let sink = thread::spawn(move || block_on(journal.read(ask)).unwrap().commits.len());
    // Its question waits behind those of streams now, or will: in either case there are few before it.
    crate::common::pace(SECOND / 2);
    rig.store.hang_reading(false);
    assert!(sink.join().unwrap() > 0);
    let asked = rig.store.asked();
    let before = asked.iter().position(|limit| *limit == SINKS).unwrap();
    assert!(before <= 4, "{before} pages were read before it");
    let next = rig.engine().journal().next().0;
    for client in &mut clients {
        while client.last < Some(next - 1) {
            assert!(client.next().unwrap().event.is_none());
        }
    }
}

#[test]
fn heads_and_those_who_are_too_many_have_nobody_asked_for_anything() {
    let (mut rig, first) = restarted();
    let api = Api::start(rig.engine(), Settings { most: 1, ..settings() });
    let one = Sse::open(api.address, EVENTS);
    rig.store.hang_reading(true);
    for path in [&format!("{EVENTS}?since=1h"), &format!("{EVENTS}?after={first}"), "/api/v1/states/stream"] {
        assert!(head(api.address, path).starts_with("HTTP/1.1 200"), "{path}");
        assert_eq!(Sse::open(api.address, path).status, 503, "{path}");
    }
    rig.store.hang_reading(false);
    drop(one);
    rig.shut_down();
    assert!(head(api.address, "/api/v1/states/stream").starts_with("HTTP/1.1 200"));
    eventually(DEADLINE, "there is nobody to ask", || {
        let mut stream = std::net::TcpStream::connect(api.address).unwrap();
        ask(&mut stream, "/api/v1/states/stream", "");
        Sse::of(stream).status == 503
    });
}

#[test]
fn old_events_are_filtered_as_new_ones_are() {
    let (rig, first) = restarted();
    let api = Api::start(rig.engine(), settings());
    let mut old = Sse::resume(api.address, &format!("{EVENTS}?type=motion.*"), first);
    let wanted = raw_lines(&rig.store)
        .into_iter()
        .skip(1)
        .filter(|line| line["type"].as_str().unwrap().starts_with("motion.") && line["origin"] != "engine");
    let wanted: Vec<_> = wanted.collect();
    assert!(wanted.len() > 20);
    for line in &wanted {
        assert_eq!(old.event("event").data, *line);
    }
}
