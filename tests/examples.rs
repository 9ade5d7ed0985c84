//! Every example does what it says, against the simulator that it starts itself.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(60);

/// A running example, and the lines that it prints.
struct Example {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `target/<profile>/examples/NAME`, beside the folder that this test is in.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let path = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "there is no {}: run `cargo build --examples` in the same profile", path.display());
    path
}

impl Example {
    fn run(name: &str, variables: &[(&str, &str)]) -> Self {
        Self::run_with(name, &[], variables)
    }

    fn run_with(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(binary(name));
        command.args(arguments);
        command.envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (told, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// The first line from here on that begins so.
    fn line(&mut self, start: &str) -> String {
        let until = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.starts_with(start) {
                        return line;
                    }
                }
                Err(why) => panic!("no line {start:?} ({why}) behind {:#?}", self.seen),
            }
        }
    }

    /// Waits for its end.
    fn end(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                // It has closed its output, so it is about to end.
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end; so far {:#?}", self.seen),
            }
        }
    }
}

#[test]
fn callbacks_are_called_for_connect_event_and_disconnect_until_they_are_removed() {
    let mut example = Example::run("callbacks", &[("WATCHPOST_EXAMPLE_FOR", "1s")]);
    example.line("connected: hq");
    let motion = example.line("motion: ");
    assert!(motion.contains("motion.started") || motion.contains("motion.stopped"), "{motion}");
    example.line("disconnected: hq: ");
    example.line("connected: hq");
    let removed = example.line("removed the plain event callback after ");
    assert!(!removed.contains("after 0 events"), "{removed}");
    // The async one goes on.
    example.line("motion: ");
    assert_eq!(example.line("called since then: "), "called since then: 0");
    assert!(example.end().success());
}

#[test]
fn callbacks_tell_of_a_house_what_simplipy_tells_and_what_was_missed() {
    let mut example = Example::run_with("callbacks", &["--vendor", "simplisafe"], &[("WATCHPOST_EXAMPLE_FOR", "3s")]);
    example.line("connected: home");
    example.line("disconnected: home: ");
    example.line("connected: home");
    example.line("called since then: 0");
    assert!(example.end().success());

    let ring = example.seen.iter().position(|line| line.starts_with("house: simplisafe.doorbell_detected (")).unwrap();
    let [ring, system, sensor, media @ ..] = &example.seen[ring..] else { panic!("{:#?}", example.seen) };
    assert!(ring.ends_with("): Front Door Doorbell Pressed"), "{ring}");
    assert!(system.starts_with("  system 10000") && system.contains("Z, changed by \"\""), "{system}");
    assert!(sensor.starts_with("  sensor \"Front Door\", serial \"") && sensor.ends_with("\", type 15"), "{sensor}");
    for (line, what) in media.iter().zip(["  image: http", "  clip: http"]) {
        assert!(line.starts_with(what), "{line}");
    }
    let missed = "house: lock.unlocked (backfill): Front Door Lock Unlocked";
    assert!(example.seen.iter().any(|line| line == missed), "{:#?}", example.seen);
}

#[test]
fn states_are_asked_for_read_and_watched() {
    let mut example = Example::run("query_states", &[("WATCHPOST_EXAMPLE_FOR", "2s")]);
    let asked = example.line("asked: ");
    assert!(asked.contains(": recording is o"), "{asked}");
    example.line("read: ");
    let watching = example.line("watching, ");
    assert_ne!(watching, "watching, 0 states to begin with");
    example.line("changed: ");
    assert!(example.end().success());
}

/// Status and body of a GET.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get_json(address: &str, path: &str) -> Value {
    let (status, body) = get(address, path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[cfg(unix)]
#[test]
fn an_actix_web_application_serves_what_the_engine_knows_and_ends_when_told() {
    let mut example = Example::run("embed_in_actix_web", &[("WATCHPOST_EXAMPLE_LISTEN", "127.0.0.1:0")]);
    let line = example.line("http://");
    let address = line.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/connections")).unwrap();

    let until = Instant::now() + DEADLINE;
    let recording = loop {
        let states = get_json(address, "/states?group=recording");
        match states.as_array().and_then(|states| states.first()) {
            Some(state) => break state.clone(),
            None => assert!(Instant::now() < until, "no states come"),
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&recording["connection"], &recording["group"]), (&"hq".into(), &"recording".into()));
    let item = recording["item"].as_str().unwrap();
    for item in [item.to_owned(), item.replace('/', "%2F")] {
        let state = get_json(address, &format!("/states/hq/{item}/recording"));
        assert_eq!((&state["item"], &state["group"]), (&recording["item"], &recording["group"]));
    }
    let connection = &get_json(address, "/connections")[0];
    assert_eq!((&connection["name"], &connection["state"]), (&"hq".into(), &"online".into()));
    assert_eq!(get(address, "/states/hq/cameras/none/recording").0, 404);
    assert_eq!(get(address, "/states?group=%5B").0, 400);

    let interrupted = Command::new("kill").args(["-INT", &example.child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert!(example.end().success());
    assert_eq!(example.seen.last().unwrap(), "ended; everything stored: true");
}
