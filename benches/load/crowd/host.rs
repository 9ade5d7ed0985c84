//! A simulated site, which lets one thing happen at a time.

use std::io::{self, BufRead};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use watchpost::simulator::milestone::{Fault, Options, Simulator};

use super::words::{Census, Event, HostOrder, HostWord, Site};
use super::{milliseconds, raise_descriptors, tls};
use crate::words::say;
use crate::{HostTask, Outcome};

/// Obeys orders until standard input ends.
pub(crate) fn run(task: &HostTask) -> Outcome<()> {
    raise_descriptors()?;
    // What discovery tells would lead around the TLS in front.
    let faults = if task.tls { vec![Fault::NoDiscovery] } else { Vec::new() };
    let simulator = Simulator::start(Options { items: task.cameras, faults, ..Options::default() })?;
    let url = if task.tls { format!("https://{}", tls::front(simulator.address())?) } else { simulator.url() };
    let sources: Vec<_> = simulator.sources("cameras");
    let states = simulator.states();
    let states = states.keys().filter(|(source, _)| source.starts_with("cameras/")).count();
    let cameras = sources.iter().map(|source| guid(source).to_owned()).collect();
    say(&HostWord::Listening(Site { url, cameras, states }))?;
    let mut site = Host { simulator, sources, rounds: 0 };
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            HostOrder::Events { over } => {
                site.events(over)?;
                say(&HostWord::Done)?;
            }
            HostOrder::Leave { length, events } => say(&site.leave(length, events)?)?,
            HostOrder::Census => say(&HostWord::Census(site.census()))?,
        }
    }
    Ok(())
}

fn guid(source: &str) -> &str {
    source.rsplit_once('/').map_or(source, |(_, guid)| guid)
}

struct Host {
    simulator: Simulator,
    sources: Vec<String>,
    /// How often every camera has had an event.
    rounds: u64,
}

impl Host {
    /// One event of each camera, evenly over so long.
    fn events(&mut self, over: Duration) -> Outcome<()> {
        let kind = if self.rounds.is_multiple_of(2) { "MotionStarted" } else { "MotionStopped" };
        self.rounds += 1;
        let (began, count) = (Instant::now(), u32::try_from(self.sources.len())?);
        for (number, source) in (1..).zip(&self.sources) {
            self.simulator.emit_one(source, kind).ok_or("a camera is gone")?;
            thread::sleep((over * number / count).saturating_sub(began.elapsed()));
        }
        Ok(())
    }

    fn leave(&mut self, length: Duration, events: u32) -> Outcome<HostWord> {
        let (began, left) = (Instant::now(), milliseconds(SystemTime::now()));
        self.simulator.pause_listening();
        for _ in 0..events {
            self.events(length / (events + 1))?;
        }
        thread::sleep(length.saturating_sub(began.elapsed()));
        self.simulator.resume_listening()?;
        Ok(HostWord::Back { left, back: milliseconds(SystemTime::now()) })
    }

    fn census(&self) -> Census {
        let (ledger, counters) = (self.simulator.ledger(), self.simulator.counters());
        let event = |source: &str, id: &str| Event { camera: guid(source).to_owned(), id: id.to_owned() };
        let sessions = &ledger.sessions;
        Census {
            events: ledger.events.iter().map(|happened| event(&happened.source, &happened.id)).collect(),
            begun: sessions.len(),
            ended: sessions.iter().filter(|session| session.ended.is_some()).count(),
            resumed: sessions.iter().flat_map(|session| &session.resumed).copied().map(milliseconds).collect(),
            upgrades: counters.upgrades.iter().map(|upgrade| milliseconds(upgrade.time)).collect(),
            logins: counters.logins.len(),
            pings: counters.pings,
        }
    }
}
