//! The real program and a real nats-server: what a sink of kind `nats` promises.
#![cfg(all(unix, feature = "nats", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../durable_support/mod.rs"]
mod durable_support;
#[path = "../common/nats.rs"]
mod nats;

mod events;
mod look;
mod proxy;
mod states;
mod troubles;

use std::collections::HashSet;

use durable_support::{Line, Place, Tail, program};
use nats::NatsServer;

/// The stream, unless a test says otherwise.
const STREAM: &str = "WATCHPOST";

/// A sink that delivers to this address, with these lines added.
fn sink(url: &str, more: &str) -> String {
    format!(
        "[[sink]]\nname = \"nats\"\nkind = \"nats\"\nurl = \"{url}\"\nmode = \"structured\"\ntimeout = \"2s\"\n{more}\n"
    )
}

/// The configuration of a place: this sink, and a file beside it. Answers the file.
fn configure(place: &Place, url: &str, more: &str) -> Tail {
    place.configure("", &(Place::file_sink("file", "") + &sink(url, more)));
    place.tail("file.jsonl")
}

/// The events of the stream, in order.
fn lines(server: &NatsServer) -> Vec<Line> {
    server.messages(STREAM).iter().map(|kept| Line::read(&kept.payload).unwrap()).collect()
}

/// The stream holds every event that is owed once, in order per connection.
#[track_caller]
fn assert_each_once(server: &NatsServer, place: &Place) {
    let lines = lines(server);
    durable_support::assert_all_in_order("nats", &lines, &place.systems);
    let ids: HashSet<_> = lines.iter().map(|line| &line.id).collect();
    assert_eq!(lines.len(), ids.len(), "the server has dropped no repeat");
}

/// How many different events of systems are in the stream.
fn distinct(server: &NatsServer) -> usize {
    durable_support::distinct(&lines(server))
}

/// What the program answers to these arguments: the exit status, and all that it says.
fn answer(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = program(arguments);
    command.current_dir(place.folder.path()).env("SITE_PASSWORD", "watchpost");
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].map(|part| String::from_utf8(part).unwrap()).concat();
    (output.status.code(), text)
}
