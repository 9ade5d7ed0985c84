//! What a client of VXG's cloud says. How it says so is in `plain`.

#[path = "../common/client.rs"]
mod plain;

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant, SystemTime},
};

pub(crate) use plain::{Answer, DEADLINE, SILENCE, try_http as http};
use serde_json::{Value, json};
use watchpost::simulator::vxg::{Fault, Options, Simulator};

pub(crate) const EVENTS: &str = "/api/v2/storage/events/";

pub(crate) const CAMERA: i64 = 237_863;

/// No ids.
pub(crate) const NONE: [i64; 0] = [];

/// Without a past.
pub(crate) fn quick() -> Options {
    Options { past: 0, trigger_delay: Duration::from_millis(50), ..Options::default() }
}

pub(crate) fn start(options: Options) -> Simulator {
    Simulator::start(options).expect("the simulator starts")
}

pub(crate) fn with_faults(faults: &[&str]) -> Simulator {
    start(Options { faults: faults.iter().map(|fault| parse(fault)).collect(), ..quick() })
}

pub(crate) fn parse(fault: &str) -> Fault {
    fault.parse().expect("a fault")
}

/// Polls until something is so.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// So many seconds after a fixed moment of 2026.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000 + seconds)
}

/// What an error says of itself, in the shape that VXG's clients read.
pub(crate) fn detail(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(body["status"], answer.status);
    body["errorDetail"].as_str().expect("errorDetail").to_owned()
}

/// Somebody with a token.
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    pub(crate) authorization: String,
}

/// With the access token of the first camera.
pub(crate) fn acc(simulator: &Simulator) -> Caller {
    caller(simulator, "Acc", &simulator.token(CAMERA).unwrap())
}

/// With the group token.
pub(crate) fn group(simulator: &Simulator) -> Caller {
    caller(simulator, "SI", &simulator.group_token())
}

/// With the licence key.
pub(crate) fn licence(simulator: &Simulator) -> Caller {
    caller(simulator, "LKey", &simulator.licence_key())
}

pub(crate) fn caller(simulator: &Simulator, scheme: &str, token: &str) -> Caller {
    Caller { address: simulator.address(), authorization: format!("{scheme} {token}") }
}

impl Caller {
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("Authorization", self.authorization.as_str()), ("Content-Type", "application/json")];
        http(self.address, method, path, &headers, &body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &Value::Null)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, &body)
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.ask("PUT", path, &body)
    }

    /// What is told with 200.
    pub(crate) fn fetch(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn events(&self, query: &str) -> Value {
        self.fetch(&format!("{EVENTS}?{query}"))
    }

    pub(crate) fn ids(&self, query: &str) -> Vec<i64> {
        ids(&self.events(query))
    }

    pub(crate) fn create(&self, name: &str, time: &str) -> Answer {
        self.post(EVENTS, json!({ "camid": CAMERA, "name": name, "time": time }))
    }
}

pub(crate) fn ids(page: &Value) -> Vec<i64> {
    page["objects"].as_array().expect("objects").iter().map(|row| row["id"].as_i64().expect("an id")).collect()
}
