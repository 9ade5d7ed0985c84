//! The load harness: `cargo bench --bench load -- [--events N] [--durable-events N] [--sessions N] [--recovery-sessions N] [--accounts N] [--broker-events N] [--rounds N] [--only WORKLOAD] [--json FILE] [--tiny]`.
//!
//! Most workloads are a flood of Milestone events from a process of its own (`generator`), taken by a consumer in a process of its own, so that
//! the consumer's processor time can be told from that of the rest. Beside the engine as a consumer (`engine`) stands a floor: a bare
//! loop that does only what nobody can do without.
//!
//! - `ingest`: the engine with its journal in memory; the floor (`floor`) takes the same bytes.
//! - `arbiters`: the engine with eight connections on one thread and on two; the floor likewise.
//! - `peers`: the engine beside programs in Python (`benches/peers/`) that take the same flood.
//! - `durable`: the engine with what `storage` adds, a journal on disk and a sink that writes a file; the floor (`copy`) stores the rows that
//!   the engine has stored. `lines` looks at what the sink has written.
//! - `states`: a connection that knows very many items while events keep coming: what an event costs, and how long reading a state takes.
//! - `latency` is no flood: events come by a schedule, and what is told is how long they take to a watcher and to a webhook.
//! - `connections` and `recovery`: many sessions in one process, see `crowd`.
//! - `accounts`: the sub-accounts of a reseller at Eagle Eye Networks, each with a session of its own.
//! - `mqtt` and `nats`: a sink at a real broker, see `brokers`.
//! - `vxg` counts what polling VXG's cloud costs the line; it has no floor.
//!
//! `rounds` and `durable` run the two in turn, over the words of `words`, and check that every event was taken, once, and that the states are
//! those that the generator foretold. `meter` reads what a process has used. `report` sets the figures side by side; what they mean is
//! said in `docs/performance.md`.
//!
//! Without `--bench`, as `cargo test --all-targets` starts it, it takes the tiny dose.
#![forbid(unsafe_code)]

mod accounts;
mod arbiters;
mod brokers;
mod copy;
mod crowd;
mod durable;
mod engine;
mod floor;
mod generator;
mod latency;
mod lines;
mod members;
mod meter;
mod peers;
mod report;
mod rounds;
mod states;
mod storage;
mod vxg;
mod words;

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};
use watchpost::config::Synchronous;

/// What every part answers; a text for whoever runs it is all that an error is good for here.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures what the engine makes of a flood of events, against a bare loop that does the least of the same work.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Args {
    /// Events in one run of `ingest`; each figure is of one run
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// Events in one run of `durable`, which needs up to 3 kB for each on the disk of the target directory
    #[arg(long, value_name = "N", default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(1..))]
    durable_events: u64,
    /// Events in one run of `peers`
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    peer_events: u64,
    /// Events in one run of `arbiters`, over all connections
    #[arg(long, value_name = "N", default_value_t = 4_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    arbiter_events: u64,
    /// Items of `states`, which needs 4 kB of memory for each
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    items: u32,
    /// Seconds of one run of `states`
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    state_seconds: u32,
    /// Seconds of one run of `latency`
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    latency_seconds: u32,
    /// Events a second in `latency`, at least one for each of its eight sites
    #[arg(long, value_name = "N", default_value = "2000")]
    latency_rate: NonZeroU32,
    /// How often engine and floor take turns
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Sessions in one run of `connections`
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    sessions: u32,
    /// How long these are watched; each has one event in this time, and so has each camera of `accounts`; `vxg` counts for so long
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    watch: Duration,
    /// Sessions in one run of `recovery`
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    recovery_sessions: u32,
    /// Sub-accounts in one run of `accounts`
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    accounts: u32,
    /// Events in one run of `mqtt` and of `nats`, over all connections; a multiple of 16
    #[arg(long, value_name = "N", default_value_t = 32_000, value_parser = broker_events)]
    broker_events: u32,
    /// Runs one workload and not all
    #[arg(long, value_name = "WORKLOAD")]
    only: Option<Kind>,
    /// Writes every figure to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A dose of a few seconds that shows that all is in working order, and no more
    #[arg(
        long,
        conflicts_with_all = [
            "events", "durable_events", "peer_events", "arbiter_events", "items", "state_seconds", "latency_seconds",
            "latency_rate", "rounds", "sessions", "watch", "recovery_sessions", "accounts", "broker_events",
        ]
    )]
    tiny: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Ingest,
    Durable,
    Peers,
    Arbiters,
    States,
    Latency,
    Connections,
    Recovery,
    Accounts,
    Vxg,
    Mqtt,
    Nats,
}

/// What the harness starts itself as.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(hide = true)]
enum Role {
    /// Floods whoever has subscribed, as told on standard input
    Generate(Site),
    /// Takes a flood
    Consume(Task),
    /// Stores again what a journal holds
    Copy(CopyTask),
    /// Plays a part in `latency`
    Latency {
        /// Which, as JSON
        part: String,
    },
    /// Is a site for many sessions, as told on standard input
    Host(HostTask),
    /// Holds many sessions
    Crowd(CrowdTask),
    /// Plays a part in `accounts`
    Accounts {
        /// Which, as JSON
        part: String,
    },
}

/// The site that a generator simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
struct Site {
    /// Cameras; about nine in ten have a motion state and take part in floods
    #[arg(long, default_value_t = 1_000)]
    cameras: usize,
    /// Further devices that take part, and have no state before
    #[arg(long, default_value_t = 0)]
    crowd: usize,
}

impl Default for Site {
    fn default() -> Self {
        Self { cameras: 1_000, crowd: 0 }
    }
}

impl Site {
    /// The command line that says it.
    fn to_args(self) -> Vec<String> {
        let Self { cameras, crowd } = self;
        vec!["generate".to_owned(), format!("--cameras={cameras}"), format!("--crowd={crowd}")]
    }
}

/// What one consumer has to do.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
struct Task {
    /// Which consumer
    consumer: Consumer,
    /// Where the generator listens, `http://127.0.0.1:port`
    #[arg(long)]
    url: String,
    /// How many states the generator has to tell before the flood
    #[arg(long)]
    states: usize,
    /// Events before the measurement
    #[arg(long)]
    warm_up: u64,
    /// Events that are measured
    #[arg(long)]
    events: u64,
    /// The engine keeps its journal in this folder, and its sink writes there; in memory, and no sink, unless given
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What the journal's commits wait for
    #[arg(long, value_enum, default_value_t)]
    synchronous: Mode,
    /// Connections to the generator, each of which takes all events
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Threads that they share; unless given as many as the engine's default says, and one for the floor
    #[arg(long)]
    arbiters: Option<usize>,
}

impl Task {
    /// The command line that says it.
    fn to_args(&self) -> Outcome<Vec<String>> {
        let Self { consumer, url, states, warm_up, events, folder, synchronous, connections, arbiters } = self;
        let mut args = vec!["consume".to_owned(), consumer.name().to_owned(), "--url".to_owned(), url.clone()];
        let numbers = [
            ("--states", *states as u64),
            ("--warm-up", *warm_up),
            ("--events", *events),
            ("--connections", *connections as u64),
        ];
        args.extend(numbers.into_iter().flat_map(|(name, number)| [name.to_owned(), number.to_string()]));
        args.extend(arbiters.iter().flat_map(|number| ["--arbiters".to_owned(), number.to_string()]));
        args.extend(["--synchronous", synchronous.name()].map(str::to_owned));
        if let Some(folder) = folder {
            args.extend(["--folder", text(folder)?].map(str::to_owned));
        }
        Ok(args)
    }
}

/// What a site for many sessions is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
struct HostTask {
    /// Its cameras; each has a session of its own
    #[arg(long)]
    cameras: usize,
    /// It is reached through TLS
    #[arg(long)]
    tls: bool,
}

impl HostTask {
    /// The command line that says it.
    fn to_args(self) -> Vec<String> {
        let args = ["host".to_owned(), "--cameras".to_owned(), self.cameras.to_string()];
        args.into_iter().chain(self.tls.then(|| "--tls".to_owned())).collect()
    }
}

/// Who holds many sessions; which ones is told on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
struct CrowdTask {
    /// Which consumer
    consumer: Consumer,
}

impl CrowdTask {
    /// The command line that says it.
    fn to_args(self) -> Vec<String> {
        ["crowd", self.consumer.name()].map(str::to_owned).to_vec()
    }
}

/// What the floor of `durable` has to do.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
struct CopyTask {
    /// The journal of an engine that has ended
    #[arg(long)]
    from: PathBuf,
    /// The file to make
    #[arg(long)]
    to: PathBuf,
    /// What its commits wait for
    #[arg(long, value_enum, default_value_t)]
    synchronous: Mode,
    /// The journal's number of the first event that is measured
    #[arg(long)]
    first: i64,
    /// Events that are measured
    #[arg(long)]
    events: u64,
}

impl CopyTask {
    /// The command line that says it.
    fn to_args(&self) -> Outcome<Vec<String>> {
        let Self { from, to, synchronous, first, events } = self;
        let (first, events) = (first.to_string(), events.to_string());
        let args = ["copy", "--from", text(from)?, "--to", text(to)?, "--synchronous", synchronous.name()];
        Ok(args.into_iter().chain(["--first", &first, "--events", &events]).map(str::to_owned).collect())
    }
}

fn broker_events(text: &str) -> Result<u32, String> {
    let events = text.parse::<u32>().map_err(|error| error.to_string())?;
    if events > 0 && events.is_multiple_of(16) { Ok(events) } else { Err("it must be a multiple of 16".to_owned()) }
}

fn text(path: &Path) -> Outcome<&str> {
    Ok(path.to_str().ok_or("the path of the target directory is not Unicode")?)
}

/// Who takes the flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Consumer {
    /// `watchpost::actors`, as an embedder starts it
    Engine,
    /// The bare loop
    Floor,
    /// The engine, of which states are read meanwhile
    Keeper,
}

impl Consumer {
    const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Floor => "floor",
            Self::Keeper => "keeper",
        }
    }
}

/// What a commit waits for, by SQLite's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// The disk
    #[default]
    Full,
    /// The operating system
    Normal,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }
}

impl From<Mode> for Synchronous {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Full => Self::Full,
            Mode::Normal => Self::Normal,
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.role {
        Some(Role::Generate(site)) => generator::run(*site),
        Some(Role::Consume(task)) => match task.consumer {
            Consumer::Engine => engine::run(task),
            Consumer::Floor => floor::run(task),
            Consumer::Keeper => states::keeper::run(task),
        },
        Some(Role::Copy(task)) => copy::run(task),
        Some(Role::Latency { part }) => latency::Part::play(part),
        Some(Role::Host(task)) => crowd::host(task),
        Some(Role::Crowd(task)) => crowd::run(task),
        Some(Role::Accounts { part }) => accounts::Part::play(part),
        None => measure(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(io::stderr(), "load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Outcome<()> {
    let dose = if args.tiny || !args.bench {
        let latency = latency::Load { rate: args.latency_rate, millis: 500, warm_up: 100 };
        rounds::Dose {
            warm_up: 10_000,
            events: 50_000,
            durable_events: 20_000,
            peer_events: 10_000,
            arbiter_events: 40_000,
            states: states::Load { items: 2_000, seconds: 1, rate: states::TINY_RATE },
            latency,
            rounds: 1,
        }
    } else {
        let Args { events, durable_events, peer_events, arbiter_events, items, state_seconds, rounds, .. } = *args;
        let states = states::Load { items: items as usize, seconds: state_seconds, rate: states::RATE };
        let millis = args.latency_seconds * 1_000;
        let latency = latency::Load { rate: args.latency_rate, millis, warm_up: 2_000 };
        let warm_up = rounds::WARM_UP;
        rounds::Dose { warm_up, events, durable_events, peer_events, arbiter_events, states, latency, rounds }
    };
    let crowd = if args.tiny || !args.bench { crowd::Dose::TINY } else { crowd::Dose::new(args) };
    let accounts = if args.tiny || !args.bench { accounts::Dose::TINY } else { accounts::Dose::new(args) };
    let vxg = if args.tiny || !args.bench { vxg::Dose::TINY } else { vxg::Dose::new(args) };
    let brokers = if args.tiny || !args.bench { brokers::Dose::TINY } else { brokers::Dose::new(args) };
    let mut results = rounds::run(dose, args.only)?;
    results.sections.extend(crowd::measure(crowd, args.only)?);
    results.sections.extend(accounts::measure(accounts, args.only)?);
    results.sections.extend(vxg::measure(vxg, args.only)?);
    results.sections.extend(brokers::measure(brokers, args.only)?);
    let report = report::Report::new(dose, &results);
    writeln!(io::stdout(), "{report}")?;
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n").map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}
