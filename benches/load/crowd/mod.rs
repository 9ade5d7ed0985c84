//! Many sessions in one process, each with a camera of its own.
//!
//! - `connections`: what a session costs that has little to do: memory, processor time, and how long it takes until all are online.
//! - `recovery`: the server goes away under all of them, and comes back before it has forgotten their sessions.
//!
//! ```text
//! connections, recovery ── words ──► host: a simulated site, in a process of its own; as many as are wanted
//!                        │              (behind tls, if wanted)
//!                        └─ words ──► engine: one connection for each camera; or floor: one bare loop for each
//! ```
//! Every camera has events of its own, so what a session has taken can be told from what the others have: in the end the host's list of
//! what happened must be what was taken, each event once, by the session that it was for.

mod connections;
mod engine;
mod floor;
mod host;
mod recovery;
mod tls;
mod words;

pub(crate) use host::run as host;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

pub(crate) use self::words::Online;
use self::words::{Census, Event, HostOrder, HostWord, Measured, MemberOrder, MemberWord, Site};
use crate::report::Section;
use crate::words::{Other, PATIENCE, patience};
use crate::{Args, Consumer, CrowdTask, HostTask, Kind, Outcome};

/// Rounds of these workloads: a run takes minutes, and its figures vary little.
const MOST_ROUNDS: u32 = 3;

/// How long the last events may be on their way.
const LATE: Duration = Duration::from_secs(10);

/// Outages of `recovery`: a third of the resume window of 30 s, two thirds, and all but the time for one try.
const OUTAGES: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(20), Duration::from_secs(28)];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dose {
    connections: connections::Dose,
    recovery: recovery::Dose,
}

impl Dose {
    pub(crate) const TINY: Self = Self {
        connections: connections::Dose { sessions: 40, sites: 2, length: Duration::from_secs(1), rounds: 1 },
        recovery: recovery::Dose { sessions: 20, outages: &[Duration::from_secs(1)], rounds: 1 },
    };

    pub(crate) fn new(args: &Args) -> Self {
        let rounds = args.rounds.min(MOST_ROUNDS);
        Self {
            connections: connections::Dose { sessions: args.sessions as usize, sites: 10, length: args.watch, rounds },
            recovery: recovery::Dose { sessions: args.recovery_sessions as usize, outages: &OUTAGES, rounds },
        }
    }
}

/// Runs the workloads that are wanted.
pub(crate) fn measure(dose: Dose, only: Option<Kind>) -> Outcome<Vec<Section>> {
    let wanted = |kind| only.is_none_or(|only| only == kind);
    let mut sections = Vec::new();
    if wanted(Kind::Connections) {
        sections.push(connections::run(dose.connections)?);
    }
    if wanted(Kind::Recovery) {
        sections.push(recovery::run(dose.recovery)?);
    }
    Ok(sections)
}

/// Holds the sessions, as the task says.
pub(crate) fn run(task: &CrowdTask) -> Outcome<()> {
    raise_descriptors()?;
    match task.consumer {
        Consumer::Engine => engine::run(),
        Consumer::Floor => floor::run(),
        Consumer::Keeper => Err("it is part of another workload".into()),
    }
}

/// Lets this process have as many descriptors as the system allows: a session takes one, and two on the simulator's side.
#[cfg(unix)]
pub(crate) fn raise_descriptors() -> Outcome<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

#[cfg(not(unix))]
pub(crate) fn raise_descriptors() -> Outcome<()> {
    Ok(())
}

/// Sites, and whoever holds a session for each of their cameras.
struct Crowd {
    hosts: Vec<Other>,
    sites: Vec<Site>,
    members: Other,
}

impl Crowd {
    /// Starts sites with so many cameras together, and the process that is to hold the sessions. It has no session yet.
    fn start(consumer: Consumer, sessions: usize, sites: usize, tls: bool) -> Outcome<Self> {
        let share = sessions.div_ceil(sites.max(1));
        let (mut hosts, mut places, mut left) = (Vec::new(), Vec::new(), sessions);
        while left > 0 {
            let task = HostTask { cameras: left.min(share), tls };
            let host = Other::start("host", &task.to_args())?;
            let site = host.hear(PATIENCE, |word| match word {
                HostWord::Listening(site) => Ok(site),
                other => Err(other),
            })?;
            left -= task.cameras;
            hosts.push(host);
            places.push(site);
        }
        let members = Other::start(consumer.name(), &CrowdTask { consumer }.to_args())?;
        Ok(Self { hosts, sites: places, members })
    }

    /// The same, with all sessions there. Tells the memory of their process before the first one, too.
    fn gather(consumer: Consumer, sessions: usize, sites: usize, tls: bool) -> Outcome<(Self, Option<u64>, Online)> {
        let mut crowd = Self::start(consumer, sessions, sites, tls)?;
        let base = crowd.hear(PATIENCE, |word| match word {
            MemberWord::Base { resident } => Ok(resident),
            other => Err(other),
        })?;
        crowd.order(&MemberOrder::Connect(crowd.sites.clone()))?;
        let online = crowd.hear(PATIENCE + patience(sessions as u64 * 100), |word| match word {
            MemberWord::Online(online) => Ok(online),
            other => Err(other),
        })?;
        Ok((crowd, base, online))
    }

    /// What it takes to take one event of each camera, which come evenly over so long.
    fn measure(&mut self, length: Duration) -> Outcome<Measured> {
        let events = self.sites.iter().map(|site| site.cameras.len() as u64).sum();
        self.order(&MemberOrder::Measure { events, length })?;
        self.hear(PATIENCE, |word| if matches!(word, MemberWord::Ready) { Ok(()) } else { Err(word) })?;
        self.order_hosts(&HostOrder::Events { over: length })?;
        let measured = self.hear(length + PATIENCE * 2, |word| match word {
            MemberWord::Measured(measured) => Ok(measured),
            other => Err(other),
        })?;
        let done = |word| if matches!(word, HostWord::Done) { Ok(()) } else { Err(word) };
        self.hosts.iter().try_for_each(|host| host.hear(PATIENCE, done))?;
        Ok(measured)
    }

    fn order(&mut self, order: &MemberOrder) -> Outcome<()> {
        self.members.order(order)
    }

    fn hear<T>(&self, patience: Duration, wanted: impl FnOnce(MemberWord) -> Result<T, MemberWord>) -> Outcome<T> {
        self.members.hear(patience, wanted)
    }

    fn order_hosts(&mut self, order: &HostOrder) -> Outcome<()> {
        self.hosts.iter_mut().try_for_each(|host| host.order(order))
    }

    /// What all hosts together have seen.
    fn census(&mut self) -> Outcome<Census> {
        self.order_hosts(&HostOrder::Census)?;
        let mut all = Census::default();
        for host in &self.hosts {
            let census = host.hear(PATIENCE, |word| match word {
                HostWord::Census(census) => Ok(census),
                other => Err(other),
            })?;
            all.add(census);
        }
        Ok(all)
    }

    /// Compares what happened with what was taken: every event once, by the session of its camera. The last ones may be on their way yet.
    fn check(&mut self, census: &Census) -> Outcome<()> {
        let limit = Instant::now() + LATE;
        loop {
            self.order(&MemberOrder::Tell)?;
            let taken = self.hear(PATIENCE, |word| match word {
                MemberWord::Taken(taken) => Ok(taken),
                other => Err(other),
            })?;
            let differences = differences(&census.events, &taken);
            let Some((event, count)) = differences.first() else { return Ok(()) };
            if *count < 0 || Instant::now() > limit {
                let what = if *count > 0 { "was not taken" } else { "was taken, and has not happened or only once" };
                let (happened, taken, wrong) = (census.events.len(), taken.len(), differences.len());
                let summary =
                    format!("{happened} events happened and {taken} were taken; {wrong} differ: {event:?} {what}");
                return Err(summary.into());
            }
        }
    }

    fn finish(self) -> Outcome<()> {
        self.members.finish()?;
        self.hosts.into_iter().try_for_each(Other::finish)
    }
}

/// Events that were not taken as often as they happened, and how many times more they happened; what is worse comes first.
fn differences<'a>(happened: &'a [Event], taken: &'a [Event]) -> Vec<(&'a Event, i32)> {
    let mut open = BTreeMap::new();
    for event in happened {
        *open.entry(event).or_insert(0) += 1;
    }
    for event in taken {
        *open.entry(event).or_insert(0) -= 1;
    }
    let mut differences: Vec<_> = open.into_iter().filter(|(_, count)| *count != 0).collect();
    differences.sort_by_key(|(_, count)| *count);
    differences
}

/// The most that happened within a second; the moments are in milliseconds.
fn peak(mut moments: Vec<u64>) -> usize {
    moments.sort_unstable();
    let within = |(begin, first): (usize, &u64)| moments[begin..].partition_point(|moment| *moment < first + 1_000);
    moments.iter().enumerate().map(within).max().unwrap_or(0)
}

pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
