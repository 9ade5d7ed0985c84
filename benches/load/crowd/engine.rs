//! The engine with a connection for each camera, all defaults.
//!
//! A session is online when its connection says so and the states of its camera can be read. What it has taken is read from the journal.

use std::io::{self, BufRead};
use std::time::{Duration, Instant};

use watchpost::actors::ConnectionConfig;
use watchpost::actors::journal::Ask;
use watchpost::actors::messages::ListConnections;
use watchpost::actors::model::{ConnectionName, Origin};
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::milestone::Milestone;
use watchpost::actors::vendors::milestone::config::{FilterRow, MilestoneConfig, Modifier, Selection};
use watchpost::actors::vendors::{Vendor, VendorSettings};

use super::words::{Event, Measured, MemberOrder, MemberWord, Site};
use crate::members::{Members, REST};
use crate::words::{PATIENCE, USER, say};
use crate::{Outcome, meter};

/// Events read from the journal at a time.
const PAGE: usize = 10_000;

/// Obeys orders until standard input ends.
pub(super) fn run() -> Outcome<()> {
    let mut crowd = Crowd { members: Members::start()?, cameras: Vec::new() };
    say(&MemberWord::Base { resident: meter::resident() })?;
    for line in io::stdin().lock().lines() {
        let word = match serde_json::from_str(&line?)? {
            MemberOrder::Connect(sites) => crowd.connect(&sites)?,
            MemberOrder::Measure { events, length } => crowd.measure(events, length)?,
            MemberOrder::Tell => crowd.tell()?,
        };
        say(&word)?;
    }
    crowd.members.end()
}

struct Crowd {
    members: Members,
    /// The camera of each connection.
    cameras: Vec<String>,
}

impl Crowd {
    fn connect(&mut self, sites: &[Site]) -> Outcome<MemberWord> {
        let Self { members, cameras } = self;
        let online = members.connect(sites.iter().map(|site| site.states).sum(), |members| {
            for site in sites {
                for camera in &site.cameras {
                    let name = format!("c{}", members.names.len());
                    members.add(config(name.parse()?, site, camera)?)?;
                    members.names.push(name);
                    cameras.push(camera.clone());
                }
            }
            Ok(())
        })?;
        Ok(MemberWord::Online(online))
    }

    fn measure(&self, events: u64, length: Duration) -> Outcome<MemberWord> {
        std::thread::sleep(REST);
        let (resident, before) = (meter::resident(), self.members.taken());
        let (began, cpu) = (Instant::now(), meter::cpu_seconds()?);
        say(&MemberWord::Ready)?;
        std::thread::sleep(length);
        let limit = began + length + PATIENCE;
        self.members.until(limit, "the events were not all taken", |members| members.taken() >= before + events)?;
        let cpu_seconds = meter::cpu_seconds()? - cpu;
        let seconds = began.elapsed().as_secs_f64();
        let (resident_after, peak) = (meter::resident(), meter::peak());
        let all = self.members.waiter.block_on(self.members.engine.send(ListConnections))?;
        let further_tries = all.iter().map(|info| info.tries.saturating_sub(1)).sum();
        let gaps = all.iter().map(|info| info.status.gaps).sum();
        Ok(MemberWord::Measured(Measured { seconds, cpu_seconds, resident, resident_after, peak, further_tries, gaps }))
    }

    /// The events of the cameras, as they are stored.
    fn tell(&self) -> Outcome<MemberWord> {
        let (mut taken, mut from) = (Vec::new(), self.members.first);
        while from < self.members.engine.journal().next() {
            let page = self.members.waiter.block_on(self.members.engine.journal().read(Ask {
                from,
                limit: PAGE,
                of: None,
            }))?;
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
