//! The workload `vxg`: what polling VXG's cloud costs the line, for few cameras and many under one group's token, while nothing happens and while much does.
//!
//! ```text
//! simulated cloud ─► counter of bytes ─► engine, one connection with all defaults
//! ```
//! Before it begins the cloud has as many events as had happened at that rate, as far back as a sweep looks: so what the engine reads before it is online is a sweep, and
//! what it reads then is what polls read for ever. All combinations run at the same time, for it is calls and bytes that are counted, which do not
//! hinder each other. In the end each event that happened meanwhile must have been told.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use watchpost::actors::model::ConnectionState;
use watchpost::actors::model::filter::Filter;
use watchpost::actors::settings::{CommonSettings, Secret};
use watchpost::actors::vendors::vxg::{Vxg, VxgConfig};
use watchpost::actors::vendors::{Vendor, VendorSettings};
use watchpost::actors::{ConnectionConfig, Engine, EngineConfig};
use watchpost::simulator::vxg::{Options, Simulator};

use crate::report::Section;
use crate::words::PATIENCE;
use crate::{Args, Kind, Outcome};

/// The workload's name, and that of the connection.
const NAME: &str = "vxg";
/// Events per second, over all cameras.
const RATES: [u32; 2] = [0, 10];
const MINUTE: f64 = 60.0;

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Dose {
    cameras: [usize; 3],
    length: Duration,
    /// How often is asked; `None`: as by default.
    poll_every: Option<Duration>,
}

impl Dose {
    pub(crate) const TINY: Self =
        Self { cameras: [1, 10, 100], length: Duration::from_secs(1), poll_every: Some(Duration::from_millis(200)) };

    pub(crate) fn new(args: &Args) -> Self {
        Self { cameras: [1, 100, 1_000], length: args.watch, poll_every: None }
    }
}

/// One combination.
#[derive(Debug, Serialize)]
struct Run {
    cameras: usize,
    rate: u32,
    /// Until it was online: the login, the names, and what a sweep reads.
    sweep: Traffic,
    seconds: f64,
    steady: Traffic,
    happened: u64,
    told: u64,
}

/// Calls, and bytes both ways, headers too.
#[derive(Debug, Clone, Copy, Serialize)]
struct Traffic {
    events: u64,
    cameras: u64,
    bytes: u64,
}

impl Traffic {
    fn now(simulator: &Simulator, line: &Line) -> Self {
        let counters = simulator.counters();
        Self {
            events: counters.of("events").tried,
            cameras: counters.of("channels-v5").tried,
            bytes: line.bytes.load(Ordering::Relaxed),
        }
    }

    fn since(self, before: Self) -> Self {
        let Self { events, cameras, bytes } = before;
        Self { events: self.events - events, cameras: self.cameras - cameras, bytes: self.bytes - bytes }
    }
}

impl Run {
    fn a_minute(&self, count: u64) -> f64 {
        count as f64 * MINUTE / self.seconds
    }

    fn cells(&self) -> Vec<String> {
        let Traffic { events, cameras, bytes } = self.steady;
        vec![
            self.cameras.to_string(),
            self.rate.to_string(),
            format!("{:.1}", self.a_minute(events)),
            format!("{:.1}", self.a_minute(cameras)),
            format!("{:.1}", self.a_minute(bytes) / 1024.0),
            self.sweep.events.to_string(),
            format!("{:.1}", self.sweep.bytes as f64 / 1024.0),
            self.told.to_string(),
        ]
    }
}

/// Runs it, if it is wanted.
pub(crate) fn measure(dose: Dose, only: Option<Kind>) -> Outcome<Option<Section>> {
    only.is_none_or(|only| only == Kind::Vxg).then(|| run(dose)).transpose()
}

fn run(dose: Dose) -> Outcome<Section> {
    let all = dose.cameras.into_iter().flat_map(|cameras| RATES.map(|rate| (cameras, rate)));
    let members: Vec<_> = all
        .map(|(cameras, rate)| thread::spawn(move || one(dose, cameras, rate).map_err(|error| error.to_string())))
        .collect();
    let mut runs = Vec::new();
    for member in members {
        runs.push(member.join().map_err(|_| "a run has panicked")??);
    }
    let Dose { length, .. } = dose;
    writeln!(io::stderr(), "{NAME}: {} runs of {length:?} at the same time", runs.len())?;
    Ok(Section {
        name: NAME,
        heading: format!("{NAME}: one connection by a group's token, all defaults, watched for {length:?}"),
        head: vec![
            "cameras",
            "events/s",
            "lists of events/min",
            "of cameras/min",
            "KiB/min",
            "a sweep: lists",
            "KiB",
            "events told",
        ],
        rows: runs.iter().map(Run::cells).collect(),
        figures: json!({ "dose": dose, "runs": runs }),
    })
}

fn one(dose: Dose, cameras: usize, rate: u32) -> Outcome<Run> {
    let simulator = Simulator::start(Options { cameras, past: 0, calls: 0, ..Options::default() })?;
    let line = Line::to(simulator.address())?;
    let mut config = VxgConfig::new(Secret::from(simulator.group_token()));
    config.url = Some(format!("http://{}", line.address).parse()?);
    config.poll_every = dose.poll_every.unwrap_or(config.poll_every);
    past(&simulator, rate, config.sweep);
    let before = simulator.counters().happened;
    let engine = Engine::start(EngineConfig::default())?;
    let told = Arc::new(AtomicU64::new(0));
    let counted = told.clone();
    let callback = engine.on_event(Filter::everything(), move |event| {
        counted.fetch_add(u64::from(event.get().event.meaning.kind.starts_with("vxg.")), Ordering::Relaxed);
    });
    let common = CommonSettings::new(Vxg::HEARTBEAT);
    let vendor = VendorSettings::Vxg(Box::new(config));
    let connection = ConnectionConfig { name: NAME.parse()?, common, vendor };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(engine.send(watchpost::actors::messages::AddConnection(connection)))??;
    until("it is not online", || {
        engine.states().status(NAME).is_some_and(|status| status.state == ConnectionState::Online)
            && engine.states().count(NAME) >= cameras
    })?;
    let sweep = Traffic::now(&simulator, &line);
    simulator.set_rate(f64::from(rate));
    let began = Instant::now();
    thread::sleep(dose.length);
    let steady = Traffic::now(&simulator, &line).since(sweep);
    let seconds = began.elapsed().as_secs_f64();
    simulator.set_rate(0.0);
    let happened = simulator.counters().happened - before;
    until("events are missing", || told.load(Ordering::Relaxed) >= happened)?;
    let told = told.load(Ordering::Relaxed);
    if told != happened {
        return Err(format!("{happened} events happened, and {told} were told").into());
    }
    runtime.block_on(callback.remove());
    runtime.block_on(engine.shutdown(PATIENCE));
    Ok(Run { cameras, rate, sweep, seconds, steady, happened, told })
}

/// What has happened before, at this rate, as far back as this.
fn past(simulator: &Simulator, rate: u32, reach: Duration) {
    let (cameras, now) = (simulator.cameras(), simulator.now());
    let count = u32::try_from(reach.as_secs()).unwrap_or(u32::MAX).saturating_mul(rate);
    for (nth, camera) in (0..count).rev().zip(cameras.iter().cycle()) {
        simulator.happen(*camera, "motion", now - Duration::from_secs(1) * (nth + rate) / rate.max(1), Value::Null);
    }
}

fn until(what: &str, so: impl Fn() -> bool) -> Outcome<()> {
    let limit = Instant::now() + PATIENCE;
    while !so() {
        if Instant::now() >= limit {
            return Err(format!("{what} after {PATIENCE:?}").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// A way to the cloud that counts what passes.
struct Line {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Line {
    /// Listens for as long as the process lives.
    fn to(server: SocketAddr) -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, bytes) = (listener.local_addr()?, Arc::<AtomicU64>::default());
        let counted = bytes.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { continue };
                let both = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
                for (from, to) in both {
                    let (Ok(from), Ok(to)) = (from, to) else { continue };
                    let counted = counted.clone();
                    thread::spawn(move || pass(from, to, &counted));
                }
            }
        });
        Ok(Self { address, bytes })
    }
}

/// Passes on what comes, until one of the two has gone.
fn pass(mut from: TcpStream, mut to: TcpStream, counted: &AtomicU64) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        counted.fetch_add(read as u64, Ordering::Relaxed);
        if to.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
    // The other may have gone first.
    let _ = to.shutdown(Shutdown::Write);
}
