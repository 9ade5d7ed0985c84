//! Events on their way into the stream, undisturbed and disturbed.

use crate::{
    STREAM, answer, assert_each_once, configure, distinct,
    durable_support::{MS, Place, SECOND, Walk, eventually, kill, pace},
    lines,
    nats::NatsServer,
    proxy::Proxy,
};

#[test]
fn the_stream_is_made_and_has_each_event_under_its_connection_and_type() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let sink = crate::sink(&server.url(), "max_age = \"1h\"\nmax_bytes = \"64MiB\"").replace("structured", "binary");
    place.configure("", &(Place::file_sink("file", "") + &sink));
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    place.emit(20);
    eventually("the events are there", || server.count(STREAM) >= 20);
    let config = server.stream(STREAM).unwrap().config;
    assert_eq!(config.subjects, ["watchpost.>"]);
    assert_eq!((config.max_age, config.max_bytes, config.duplicate_window), (3600 * SECOND, 64 << 20, 600 * SECOND));
    for kept in server.messages(STREAM) {
        let header = |name: &str| kept.headers.get(name).unwrap_or_else(|| panic!("{name} in {kept:?}")).as_str();
        assert_eq!(kept.subject, format!("watchpost.a.{}", header("ce-type")));
        assert_eq!(header("Nats-Msg-Id"), header("ce-id"));
        assert_eq!((header("ce-specversion"), header("ce-connection")), ("1.0", "a"));
        serde_json::from_str::<serde_json::Value>(&kept.payload).unwrap();
    }
    place.end(program);
}

#[test]
fn a_server_that_is_killed_in_mid_flood_has_each_event_once_and_in_order() {
    let (place, mut server) = (Place::start(2), NatsServer::start());
    let mut file = configure(&place, &server.url(), "");
    let program = place.run_until_online(&mut file);
    let walks: Vec<Walk> = place.systems.iter().map(|system| Walk::start(&system.simulator, 150.0)).collect();
    for round in 1..=3 {
        eventually("events flow", || server.count(STREAM) > round * 100);
        server.kill();
        pace(700 * MS);
        server.restart();
    }
    drop(walks);
    let owed = place.owed();
    eventually("it has caught up", || server.count(STREAM) >= owed as u64 && distinct(&server) == owed);
    place.end(program);
    assert_each_once(&server, &place);
}

#[test]
fn a_program_that_is_killed_in_mid_flood_repeats_nothing_that_the_stream_keeps_twice() {
    let (place, server) = (Place::start(2), NatsServer::start());
    let mut file = configure(&place, &server.url(), "");
    let mut program = place.run_until_online(&mut file);
    let walks: Vec<Walk> = place.systems.iter().map(|system| Walk::start(&system.simulator, 150.0)).collect();
    for life in 1..=4 {
        let before = server.count(STREAM);
        eventually("events flow", || server.count(STREAM) > before + 50 * life);
        kill(&mut program);
        program = place.run();
    }
    drop(walks);
    let owed = place.owed();
    eventually("it has caught up", || server.count(STREAM) >= owed as u64 && distinct(&server) == owed);
    place.end(program);
    assert_each_once(&server, &place);
}

#[test]
fn a_slow_server_holds_up_no_other_sink_and_what_it_acknowledges_late_is_there_once() {
    let (place, server) = (Place::start(2), NatsServer::start());
    let proxy = Proxy::start(server.port);
    let mut file = configure(&place, &proxy.url(), "");
    let program = place.run_until_online(&mut file);
    place.emit(10);
    eventually("the first events are there", || distinct(&server) == 20);
    // For longer than the sink waits for an acknowledgement.
    proxy.stall(true);
    place.emit(40);
    eventually("the file has all", || file.distinct() == 100);
    eventually("it gives up waiting", || place.read("stderr").contains("did not acknowledge within 2s"));
    proxy.stall(false);
    proxy.delay(10 * MS);
    place.emit(40);
    eventually("it has caught up", || distinct(&server) == place.owed());
    place.end(program);
    assert_each_once(&server, &place);
}

#[test]
fn a_server_that_is_not_there_at_the_start_gets_everything_when_it_comes() {
    let (place, mut server) = (Place::start(1), NatsServer::stopped("", |options| options));
    let mut file = configure(&place, &server.url(), "");
    let program = place.run_until_online(&mut file);
    place.emit(30);
    eventually("the file has all", || file.distinct() == 30);
    eventually("it is told", || answer(&place, &["sinks"]).1.contains("no connection"));
    server.restart();
    eventually("it has caught up", || distinct(&server) == 30);
    place.end(program);
    assert_each_once(&server, &place);
}

#[test]
fn a_replay_arrives_beside_what_is_there() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let mut file = configure(&place, &server.url(), "");
    let program = place.run_until_online(&mut file);
    place.emit(10);
    eventually("the events are there", || distinct(&server) == 10);
    place.end(program);
    let before = server.count(STREAM);
    let (code, said) = answer(&place, &["replay", "--sink", "nats", "--since", "1h"]);
    assert_eq!(code, Some(0), "{said}");
    let all = server.messages(STREAM);
    let again: Vec<_> = all.iter().filter(|kept| kept.headers["Nats-Msg-Id"].contains(";redelivery=")).collect();
    assert!(again.len() >= 10, "{}", again.len());
    assert_eq!(all.len() as u64, before + again.len() as u64);
    assert!(again.iter().all(|kept| kept.payload.contains("\"redelivery\":true")));
    assert_eq!(lines(&server).len(), all.len());
}
