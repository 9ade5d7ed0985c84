//! Servers that do not want what they get.

use std::{fs, time::Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy};

use crate::{
    STREAM, answer, assert_each_once, configure, distinct,
    durable_support::{Place, SECOND, eventually, pace},
    nats::NatsServer,
    proxy::Proxy,
};

#[test]
fn a_login_that_is_refused_is_tried_once_told_and_holds_up_no_other_sink() {
    let users = "authorization { users: [ { user: watchpost, password: right } ] }";
    let server = NatsServer::with_login(users, |options| options.user_and_password("watchpost".into(), "right".into()));
    let (place, proxy) = (Place::start(2), Proxy::start(server.port));
    let login = "username = \"watchpost\"\npassword = { file = \"password\" }";
    fs::write(place.path("password"), "wrong").unwrap();
    let mut file = configure(&place, &proxy.url(), login);
    let program = place.run_until_online(&mut file);
    let begun = Instant::now();
    place.emit(10);
    eventually("it is told", || {
        let said = answer(&place, &["sinks"]).1;
        said.contains("refuses the login") && said.contains("mend `username` and `password`")
    });
    while begun.elapsed() < 4 * SECOND {
        pace(SECOND / 10);
        assert_eq!(proxy.connections(), 1, "one login, and no loop of them");
    }
    eventually("the file has all", || file.distinct() == 20);
    place.end(program);
    assert!(!place.read("stderr").contains("wrong"), "the password is not told");
    fs::write(place.path("password"), "right").unwrap();
    let program = place.run();
    eventually("it has caught up", || distinct(&server) == 20);
    place.end(program);
    assert_each_once(&server, &place);
}

#[test]
fn a_stream_that_is_deleted_is_made_anew_and_the_next_event_is_in_it() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let mut file = configure(&place, &server.url(), "");
    let program = place.run_until_online(&mut file);
    place.emit(10);
    eventually("the events are there", || distinct(&server) == 10);
    server.delete_stream(STREAM);
    place.emit(10);
    eventually("the next events are there", || distinct(&server) == 10);
    place.end(program);
    let owed = crate::durable_support::owed(&place.systems[0]);
    let ids = crate::durable_support::ids(&crate::lines(&server));
    assert_eq!(ids, owed[10..]);
}

#[test]
fn a_stream_that_is_full_is_told_and_loses_nothing_when_it_has_room_again() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let config = |max_messages| Config {
        name: STREAM.into(),
        subjects: vec!["watchpost.>".into()],
        max_messages,
        discard: DiscardPolicy::New,
        duplicate_window: 60 * SECOND,
        ..Config::default()
    };
    server.make_stream(config(10));
    let mut file = configure(&place, &server.url(), "");
    let program = place.run_until_online(&mut file);
    place.emit(50);
    eventually("the file has all", || file.distinct() == 50);
    eventually("it is told", || answer(&place, &["sinks"]).1.contains("has no room"));
    assert_eq!(server.count(STREAM), 10);
    let warned = place.read("stderr");
    assert!(warned.contains("keeps its own limits"), "{warned}");
    server.edit_stream(config(-1));
    eventually("it has caught up", || distinct(&server) == 50);
    place.end(program);
    assert_each_once(&server, &place);
    assert_eq!(server.stream(STREAM).unwrap().config.duplicate_window, 60 * SECOND, "its limits are its own");
}

#[test]
fn events_that_are_too_large_become_dead_letters_at_once_and_the_lane_goes_on() {
    let (place, server) = (Place::start(1), NatsServer::start());
    let config = |max_message_size| Config {
        name: STREAM.into(),
        subjects: vec!["watchpost.>".into()],
        max_message_size,
        ..Config::default()
    };
    server.make_stream(config(300));
    let mut file = configure(&place, &server.url(), "");
    let program = place.run_until_online(&mut file);
    place.emit(5);
    eventually("they are dead letters", || {
        let said = answer(&place, &["dead-letters", "list"]).1;
        said.matches("more than the 300 that the stream takes").count() >= 5
    });
    place.end(program);
    assert_eq!(server.count(STREAM), 0);
    server.edit_stream(config(-1));
    let program = place.run_until_online(&mut file);
    place.emit(5);
    eventually("what fits is delivered", || distinct(&server) == 5);
    place.end(program);
}
