//! A client in another language, by another WebSocket library, against the simulator.

use std::collections::BTreeSet;

use serde_json::Value;
use watchpost::simulator::milestone::{DropHow, Options};

use crate::{client::start, runner::Python};

impl Python {
    /// Waits for a line with this member and returns its text; ids of events on the way are collected.
    fn until(&self, member: &str, ids: &mut Vec<String>) -> Value {
        loop {
            let line = self.line();
            if let Some(id) = line.get("event").and_then(Value::as_str) {
                ids.push(id.to_owned());
            }
            if let Some(found) = line.get(member) {
                return found.clone();
            }
        }
    }

    fn events(&self, count: usize, ids: &mut Vec<String>) {
        while ids.len() < count {
            self.until("event", ids);
        }
    }
}

#[test]
fn a_python_client_loses_its_socket_again_and_again_and_misses_nothing() {
    let simulator = start(Options::default());
    let python = Python::run("events_client.py", &[&simulator.url(), "watchpost", "watchpost"]);
    let mut ids = Vec::new();
    assert_eq!(python.until("session", &mut ids), "new");
    simulator.emit(100);
    python.events(100, &mut ids);
    for how in [DropHow::Fin, DropHow::Close(1001), DropHow::MidFrame, DropHow::Reset] {
        let before = ids.len();
        assert_eq!(simulator.drop_sockets(how), 1);
        simulator.emit(50);
        assert_eq!(python.until("session", &mut ids), "resumed");
        python.events(before + 50, &mut ids);
    }
    simulator.pause_listening();
    simulator.emit(50);
    simulator.resume_listening().expect("listens again");
    assert_eq!(python.until("session", &mut ids), "resumed");
    python.events(350, &mut ids);
    let ledger = simulator.ledger();
    let emitted: Vec<&String> = ledger.events.iter().map(|event| &event.id).collect();
    assert_eq!(ids.iter().collect::<Vec<_>>(), emitted);
    assert_eq!(ledger.sessions.len(), 1);
    assert_eq!(ledger.sessions[0].resumed.len(), 5);
}

#[test]
fn a_python_client_takes_fragments_repeats_and_odd_frames_and_misses_nothing() {
    let faults = ["fragments", "duplicates", "empty-events", "unknown-members", "interleave", "bytewise"];
    let faults = faults.iter().map(|fault| fault.parse().expect("a fault")).collect();
    let simulator = start(Options { faults, ..Options::default() });
    let python = Python::run("events_client.py", &[&simulator.url(), "watchpost", "watchpost"]);
    let mut ids = Vec::new();
    assert_eq!(python.until("session", &mut ids), "new");
    for _ in 0..20 {
        simulator.emit(5);
    }
    simulator.drop_sockets(DropHow::Fin);
    assert_eq!(python.until("session", &mut ids), "resumed");
    simulator.emit(5);
    let last = simulator.ledger().events.last().expect("events").id.clone();
    while ids.last() != Some(&last) {
        python.until("event", &mut ids);
    }
    let got: BTreeSet<String> = ids.iter().cloned().collect();
    let emitted: BTreeSet<String> = simulator.ledger().events.iter().map(|event| event.id.clone()).collect();
    assert_eq!(got, emitted);
    assert!(ids.len() > got.len(), "nothing was repeated");
}
