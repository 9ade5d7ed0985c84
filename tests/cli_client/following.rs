//! What is followed as it happens, over restarts too.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpListener,
};

use serde_json::Value;
use watchpost::simulator::milestone::DropHow;

use crate::place::Place;

fn id(line: &str) -> String {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    event["id"].as_str().unwrap().to_owned()
}

#[test]
fn events_are_followed_over_a_restart_without_a_hole_and_without_a_repeat() {
    let mut place = Place::start("", "");
    let mut follower = place.follow(&["events", "--follow", "--json", "--since", "1h"]);
    place.milestone.emit(50);
    let last = place.emitted().last().unwrap().clone();
    follower.until("what comes", |line| id(line) == last);
    for _ in 0..2 {
        place.stop();
        // This is stored by the next one, before it can be asked.
        place.run();
        place.milestone.emit(50);
        let last = place.emitted().last().unwrap().clone();
        follower.until("what comes after the restart", |line| id(line) == last);
    }
    place.milestone.drop_sockets(DropHow::Reset);
    place.milestone.emit(20);
    let last = place.emitted().last().unwrap().clone();
    follower.until("what comes after a break", |line| id(line) == last);
    let told: Vec<_> = follower.seen.clone();
    let stderr = follower.end();
    assert!(stderr.contains("trying again"), "{stderr}");

    let stored = place.text(&["events", "--json", "--since", "1h"]);
    let stored: Vec<_> = stored.lines().map(str::to_owned).collect();
    assert_eq!(told, stored[..told.len()], "line by line as it is stored");
    let ids: BTreeSet<_> = told.iter().map(|line| id(line)).collect();
    assert_eq!(ids.len(), told.len(), "none twice");
}

/// Answers in the place of a server that is away, until each of these paths was asked for three times.
fn stand_in(port: u16, paths: [&str; 2]) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut asked = [0; 2];
    while asked.iter().any(|times| *times < 3) {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 8 << 10];
        let read = stream.read(&mut request).unwrap();
        let request = String::from_utf8_lossy(&request[..read]);
        for (path, times) in paths.iter().zip(&mut asked) {
            *times += usize::from(request.contains(path));
        }
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

#[test]
fn while_the_server_is_away_it_is_said_once_and_again_only_for_another_reason() {
    let mut place = Place::start("", "");
    let followers = [&["events", "--follow", "--json", "--since", "1h"][..], &["state", "--watch", "--json"]];
    let mut followers = followers.map(|arguments| place.follow(arguments));
    for follower in &mut followers {
        follower.until("the beginning", |_| true);
    }
    place.stop();
    stand_in(place.port, ["/events/stream", "/states/stream"]);
    place.run();
    let camera = place.milestone.sources("cameras")[0].clone();
    let state = format!("item={camera}");
    let before: Value = serde_json::from_str(&place.text(&["state", "--json", &state, "group=motion"])).unwrap();
    let (kind, value) = match before[0]["value"] == "detected" {
        true => ("MotionStopped", "\"clear\""),
        false => ("MotionStarted", "\"detected\""),
    };
    place.milestone.emit_one(&camera, kind).unwrap();
    for follower in &mut followers {
        follower.until("what comes after", |line| line.contains(value) && line.contains(&camera));
    }
    for follower in followers {
        let stderr = follower.end();
        let said: Vec<_> = stderr.split_inclusive("; trying again\n").collect();
        assert!(said.windows(2).all(|pair| pair[0] != pair[1]), "{stderr}");
        assert_eq!(stderr.matches("503").count(), 1, "{stderr}");
        assert_eq!(stderr.matches("answers again").count(), 1, "{stderr}");
        assert!(stderr.ends_with(&format!("{} answers again\n", place.url())), "{stderr}");
    }
}

#[test]
fn a_follower_without_since_hears_what_comes_and_ends_with_its_limit() {
    let place = Place::start("", "");
    place.milestone.emit(20);
    let mut follower = place.follow(&["events", "--follow", "--limit", "3", "origin=live", "--json"]);
    let before = place.emitted().len();
    crate::cli_support::eventually("three events came", || {
        place.milestone.emit(1);
        follower.process.0.try_wait().unwrap().is_some()
    });
    follower.until("the third", |_| true);
    follower.until("the third", |_| true);
    follower.until("the third", |_| true);
    let of_vendor: Vec<_> =
        follower.seen.iter().map(|line| id(line)).filter(|id| place.emitted().contains(id)).collect();
    assert!(of_vendor.iter().all(|id| place.emitted()[..before - 20].iter().all(|old| old != id)), "{of_vendor:?}");
    assert_eq!(follower.process.wait().code(), Some(0));
}

#[test]
fn a_gap_stands_out_among_the_lines() {
    let place = Place::start("", "");
    let mut follower = place.follow(&["events", "--follow", "--since", "1h", "nothing is called so"]);
    follower.until("the beginning", |line| line.contains("connecting -> online"));
    place.milestone.forget_sessions();
    place.milestone.drop_sockets(DropHow::Reset);
    let gap = follower.until("the gap", |line| line.contains("** gap: events between"));
    assert!(gap.contains("may be missing"), "{gap}");
    follower.end();
}

#[test]
fn states_are_followed_and_a_restart_is_survived() {
    let mut place = Place::start("", "");
    let camera = place.milestone.sources("cameras")[0].clone();
    let name = place.milestone.name_of(&camera).unwrap();
    let filter = format!("name={name}");
    let mut follower = place.follow(&["state", "--watch", "--json", &filter, "group=motion"]);
    let mut lines = place.follow(&["state", "--watch", &filter, "motion"]);
    let value = |line: &str| -> Value { serde_json::from_str::<Value>(line).unwrap()["value"].clone() };
    let first = value(&follower.until("the present", |_| true));
    lines.until("the present", |line| line.contains(&name));
    let change = |place: &Place, to: &str| {
        let kind = if to == "detected" { "MotionStarted" } else { "MotionStopped" };
        place.milestone.emit_one(&camera, kind)
    };
    let mut now = first;
    for round in 0..2 {
        let next = if now == "detected" { "clear" } else { "detected" };
        assert!(change(&place, next).is_some(), "the simulator has such an event");
        follower.until("the change", |line| value(line) == next);
        lines.until("the change", |line| line.contains(&name) && line.contains(next));
        now = next.into();
        if round == 0 {
            place.stop();
            place.run();
        }
    }
    let told = follower.seen.iter().map(|line| value(line)).collect::<Vec<_>>();
    assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "what is the same after the restart is not told: {told:?}");
    assert!(follower.end().contains("trying again"));
    lines.end();
}
