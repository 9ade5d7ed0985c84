//! NATS.

use std::fs;

use async_nats::jetstream::stream::{Config, RetentionPolicy};

use crate::{
    QUIET, answer,
    durable_support::{Place, SECOND, eventually},
    link,
    nats::NatsServer,
    report, said, sink,
};

const STREAM: &str = "WATCHPOST";

fn stream(retention: RetentionPolicy) -> Config {
    Config {
        name: STREAM.into(),
        subjects: vec!["watchpost.>".into()],
        max_age: 7 * 86_400 * SECOND,
        duplicate_window: 600 * SECOND,
        retention,
        ..Config::default()
    }
}

#[test]
fn a_server_that_is_away_is_told_without_an_event_once_and_when_it_is_back() {
    let place = Place::start(1);
    let mut server = NatsServer::stopped("", |options| options);
    place.configure("", &(Place::file_sink("file", "") + &sink("nats", &server.url(), QUIET)));
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    eventually("it is tried a few times", || report(&place)["link"]["tries"].as_u64().is_some_and(|tries| tries >= 3));
    let told = report(&place);
    assert_eq!((&told["link"]["state"], &told["failing_since"]), (&"down".into(), &serde_json::Value::Null));
    assert!(told["link"]["why"].as_str().unwrap().contains("no connection"), "{told}");
    assert_eq!(said(&place, "The broker is away"), 1, "{}", place.read("stderr"));
    server.restart();
    eventually("it is up", || link(&place) == "up");
    assert!(server.stream(STREAM).is_some(), "the stream is made without an event");
    server.kill();
    eventually("it is down", || link(&place) == "down");
    server.restart();
    eventually("it is up again", || link(&place) == "up");
    assert_eq!((said(&place, "The broker is back"), said(&place, "The broker is away")), (2, 2));
    place.end(program);
    assert_eq!(link(&place), "none");
}

#[test]
fn a_server_that_refuses_the_login_is_told_as_halted_without_an_event() {
    let users = "authorization { users: [ { user: watchpost, password: right } ] }";
    let server = NatsServer::with_login(users, |options| options.user_and_password("watchpost".into(), "right".into()));
    let place = Place::start(1);
    fs::write(place.path("password"), "wrong").unwrap();
    let login = format!("username = \"watchpost\"\npassword = {{ file = \"password\" }}\n{QUIET}");
    place.configure("", &sink("nats", &server.url(), &login));
    let program = place.run();
    eventually("it is halted", || link(&place) == "halted");
    let told = report(&place);
    assert!(told["link"]["why"].as_str().unwrap().contains("refuses the login"), "{told}");
    assert!(told["link"]["next_try"].is_string(), "{told}");
    assert_eq!((said(&place, "The broker refuses this sink"), said(&place, "The broker is away")), (1, 0));
    place.end(program);
}

#[test]
fn a_stream_that_keeps_by_interest_or_as_a_work_queue_is_refused_in_the_report_and_in_a_look() {
    for retention in [RetentionPolicy::Interest, RetentionPolicy::WorkQueue] {
        let (place, server) = (Place::start(1), NatsServer::start());
        server.make_stream(stream(retention));
        place.configure("", &(Place::file_sink("file", "") + &sink("nats", &server.url(), "")));
        let (code, text) = answer(&place, &["check", "--connect"]);
        assert_eq!(code, Some(1), "{text}");
        let why = "the stream WATCHPOST does not keep what is published by its limits alone";
        assert!(text.contains(why) && text.contains("name another `stream`"), "{text}");
        let program = place.run_until_online(&mut place.tail("file.jsonl"));
        eventually("it is told", || {
            let told = report(&place);
            told["link"]["state"] == "down"
                && told["link"]["why"].as_str().is_some_and(|told| told.contains(why))
                && told["last_error"].as_str().is_some_and(|told| told.contains(why))
        });
        assert_eq!(server.count(STREAM), 0, "nothing is published where it would not be kept");
        // As soon as there is another in its place, everything is there.
        server.delete_stream(STREAM);
        eventually("the events are there", || server.count(STREAM) > 0 && link(&place) == "up");
        place.end(program);
    }
}

#[test]
fn limits_that_are_not_those_of_the_configuration_are_in_the_report_without_an_event() {
    let (place, server) = (Place::start(1), NatsServer::start());
    server.make_stream(Config { max_age: 3_600 * SECOND, ..stream(RetentionPolicy::Limits) });
    place.configure("", &sink("nats", &server.url(), QUIET));
    let program = place.run();
    eventually("it is remarked", || report(&place)["remarks"] != serde_json::json!([]));
    assert_eq!(
        report(&place)["remarks"],
        serde_json::json!(["stream WATCHPOST: max_age is 1h, not 7days; a stream that is there keeps its own limits"])
    );
    assert_eq!(link(&place), "up");
    let table = answer(&place, &["sinks"]).1;
    assert!(table.contains("sink broker: stream WATCHPOST: max_age is 1h, not 7days"), "{table}");
    place.end(program);
}
