//! The engine with a connection for each camera, all defaults.
//!
//! A session is online when its connection says so and the states of its camera can be read. What it has taken is read from the journal.

use std::io::{self, BufRead};
use std::time::{Duration, Instant};

use tokio::runtime::{self, Runtime};
use watchpost::actors::journal::Ask;
use watchpost::actors::messages::{AddConnection, ListConnections};
use watchpost::actors::model::{ConnectionName, ConnectionState, Origin, Sequence};
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::milestone::Milestone;
use watchpost::actors::vendors::milestone::config::{FilterRow, MilestoneConfig, Modifier, Selection};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineConfig, EngineHandle};

use super::words::{Event, Measured, MemberOrder, MemberWord, Online, Site};
use crate::Outcome;
use crate::meter;
use crate::words::{PATIENCE, USER, patience, say};

/// How often is looked whether all are there.
const LOOK: Duration = Duration::from_millis(20);
/// How long the sessions are left alone before their memory is read.
const REST: Duration = Duration::from_secs(2);
/// How long the orderly end may take.
const FAREWELL: Duration = Duration::from_secs(30);
/// Events read from the journal at a time.
const PAGE: usize = 10_000;

/// Obeys orders until standard input ends.
pub(super) fn run() -> Outcome<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let engine = Engine::start(EngineConfig::default())?;
    let first = engine.journal().next();
    let waiter = runtime::Builder::new_current_thread().enable_time().build()?;
    let mut members = Members { engine, waiter, first, names: Vec::new(), cameras: Vec::new() };
    say(&MemberWord::Base { resident: meter::resident() })?;
    for line in io::stdin().lock().lines() {
        let word = match serde_json::from_str(&line?)? {
            MemberOrder::Connect(sites) => members.connect(&sites)?,
            MemberOrder::Measure { events, length } => members.measure(events, length)?,
            MemberOrder::Tell => members.tell()?,
        };
        say(&word)?;
    }
    members.end()
}

struct Members {
    engine: EngineHandle,
    /// What this thread waits for answers on; the engine has threads of its own.
    waiter: Runtime,
    /// The number of the first event that there may be.
    first: Sequence,
    names: Vec<ConnectionName>,
    /// The camera of each connection.
    cameras: Vec<String>,
}

impl Members {
    fn connect(&mut self, sites: &[Site]) -> Outcome<MemberWord> {
        let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
        for site in sites {
            for camera in &site.cameras {
                let name = ConnectionName::new(&format!("c{}", self.names.len()))?;
                let config = config(name.clone(), site, camera)?;
                self.waiter.block_on(self.engine.send(AddConnection(config)))??;
                self.names.push(name);
                self.cameras.push(camera.clone());
            }
        }
        let states: usize = sites.iter().map(|site| site.states).sum();
        let mut there = 0;
        self.until(began + patience(self.names.len() as u64 * 100), "they are not all online", |members| {
            while members.names.get(there).is_some_and(|name| members.is_online(name)) {
                there += 1;
            }
            let known = || members.names.iter().map(|name| members.engine.states().count(name.as_str())).sum::<usize>();
            there == members.names.len() && known() >= states
        })?;
        let (seconds, cpu_seconds) = (began.elapsed().as_secs_f64(), meter::cpu_seconds()? - cpu);
        Ok(MemberWord::Online(Online { seconds, cpu_seconds, descriptors: meter::descriptors() }))
    }

    fn is_online(&self, name: &ConnectionName) -> bool {
        self.engine.states().status(name.as_str()).is_some_and(|status| status.state == ConnectionState::Online)
    }

    fn until(&self, limit: Instant, trouble: &str, mut so: impl FnMut(&Self) -> bool) -> Outcome<()> {
        while !so(self) {
            if Instant::now() > limit {
                let away = self.names.iter().filter(|name| !self.is_online(name));
                let away: Vec<_> = away.map(|name| self.engine.states().status(name.as_str())).collect();
                return Err(format!("{trouble} in time; {} are not online: {:?}", away.len(), away.first()).into());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Vendors' events, which are not the engine's own.
    fn taken(&self) -> u64 {
        self.engine.journal().next().0 - self.first.0
    }

    fn measure(&self, events: u64, length: Duration) -> Outcome<MemberWord> {
        std::thread::sleep(REST);
        let (resident, before) = (meter::resident(), self.taken());
        let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
        say(&MemberWord::Ready)?;
        std::thread::sleep(length);
        let limit = began + length + PATIENCE;
        self.until(limit, "the events were not all taken", |members| members.taken() >= before + events)?;
        let cpu_seconds = meter::cpu_seconds()? - cpu;
        let seconds = began.elapsed().as_secs_f64();
        let (resident_after, peak) = (meter::resident(), meter::peak());
        let all = self.waiter.block_on(self.engine.send(ListConnections))?;
        let further_tries = all.iter().map(|info| info.tries.saturating_sub(1)).sum();
        let gaps = all.iter().map(|info| info.status.gaps).sum();
        Ok(MemberWord::Measured(Measured { seconds, cpu_seconds, resident, resident_after, peak, further_tries, gaps }))
    }

    /// The events of the cameras, as they are stored.
    fn tell(&self) -> Outcome<MemberWord> {
        let (mut taken, mut from) = (Vec::new(), self.first);
        while from < self.engine.journal().next() {
            let page = self.waiter.block_on(self.engine.journal().read(Ask { from, limit: PAGE, of: None }))?;
            if page.oldest > from {
                return Err("the journal in memory has forgotten events; take fewer".into());
            }
            for commit in &page.commits {
                let number: usize = commit.connection.as_str().trim_start_matches('c').parse()?;
                let camera = self.cameras.get(number).ok_or("an event of nobody")?;
                let events = commit.events.iter().filter(|event| event.origin != Origin::Engine);
                taken.extend(events.map(|event| Event { camera: camera.clone(), id: event.id.to_owned() }));
            }
            from = page.end;
        }
        Ok(MemberWord::Taken(taken))
    }

    fn end(self) -> Outcome<()> {
        let Self { engine, waiter, .. } = self;
        if waiter.block_on(engine.shutdown(FAREWELL)) {
            Ok(())
        } else {
            Err(format!("the engine did not end in good order within {FAREWELL:?}").into())
        }
    }
}

/// A connection that subscribes to one camera.
fn config(name: ConnectionName, site: &Site, camera: &str) -> Outcome<ConnectionConfig> {
    let row = FilterRow {
        modifier: Modifier::Include,
        resource_types: Selection::Only(vec!["cameras".to_owned()]),
        sources: Selection::Only(vec![camera.parse()?]),
        events: Selection::All,
    };
    let mut common = CommonSettings::new(Milestone::HEARTBEAT);
    // The certificate is made for this run.
    common.tls.insecure = site.url.starts_with("https:");
    let vendor = MilestoneConfig::new(site.url.parse()?, USER, Secret::from(USER), vec![row]);
    Ok(ConnectionConfig { name, common, vendor: VendorSettings::Milestone(vendor) })
}
