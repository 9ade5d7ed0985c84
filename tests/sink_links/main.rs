//! What a user sees of a broker, whether an event waits or not: the real program, mosquitto and nats-server.
#![cfg(all(unix, feature = "mqtt", feature = "nats", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../durable_support/mod.rs"]
mod durable_support;
#[path = "../common/mosquitto.rs"]
mod mosquitto;
#[path = "../common/nats.rs"]
mod nats;

mod certificates;
mod mqtt;
mod streams;

use durable_support::{Place, program};
use serde_json::Value;

/// A sink that wants no event at all: its lanes never try anything.
const QUIET: &str = "filter = { types = [\"nothing.ever\"] }";

fn sink(kind: &str, url: &str, more: &str) -> String {
    format!("[[sink]]\nname = \"broker\"\nkind = \"{kind}\"\nurl = \"{url}\"\ntimeout = \"2s\"\n{more}\n")
}

/// Asks the program something beside the one that runs: exit status and what it said.
fn answer(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = program(arguments);
    let output = command.current_dir(place.folder.path()).env("SITE_PASSWORD", "watchpost").output().unwrap();
    let text = [output.stdout, output.stderr].map(|part| String::from_utf8(part).unwrap()).concat();
    (output.status.code(), text)
}

/// What is reported of the sink.
fn report(place: &Place) -> Value {
    let (code, text) = answer(place, &["sinks", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let all: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    all.into_iter().find(|sink| sink["name"] == "broker").unwrap()
}

/// How the way to its broker is.
fn link(place: &Place) -> String {
    report(place)["link"]["state"].as_str().unwrap_or("none").to_owned()
}

/// How often the program has said something in its log.
fn said(place: &Place, words: &str) -> usize {
    place.read("stderr").matches(words).count()
}
