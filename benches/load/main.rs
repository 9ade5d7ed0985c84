//! The load harness: `cargo bench --bench load -- [--events N] [--rounds N] [--json FILE] [--tiny]`.
//!
//! Its one workload, `ingest`, is a flood of Milestone events from a process of its own (`generator`), taken by a consumer in a process of its
//! own, so that the consumer's processor time can be told from that of the rest. There are two consumers: the engine (`engine`), and a bare
//! loop that takes the same bytes and does only what nobody can do without (`floor`). `rounds` runs them in turn, over the words of
//! `words`, and checks that both have counted every event and ended with the states that the generator foretold. `report` sets the figures
//! side by side; what they mean is said in `docs/performance.md`.
//!
//! Without `--bench`, as `cargo test --all-targets` starts it, it takes the tiny dose.
#![forbid(unsafe_code)]

mod engine;
mod floor;
mod generator;
mod meter;
mod report;
mod rounds;
mod words;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// What every part answers; a text for whoever runs it is all that an error is good for here.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures how many events the engine takes per second of processor time, against a bare loop on the same bytes.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Args {
    /// Events in one run; each figure is of one run
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,
    /// How often engine and floor take turns
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Writes every figure to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// A dose of a few seconds that shows that all is in working order, and no more
    #[arg(long, conflicts_with_all = ["events", "rounds"])]
    tiny: bool,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the harness starts itself as.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
#[command(hide = true)]
enum Role {
    /// Floods whoever has subscribed, as told on standard input
    Generate,
    /// Takes a flood
    Consume(Task),
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
}

/// Who takes the flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Consumer {
    /// `watchpost::actors`, as an embedder starts it
    Engine,
    /// The bare loop
    Floor,
}

impl Consumer {
    const fn name(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Floor => "floor",
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.role {
        Some(Role::Generate) => generator::run(),
        Some(Role::Consume(task)) => match task.consumer {
            Consumer::Engine => engine::run(task),
            Consumer::Floor => floor::run(task),
        },
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
        rounds::Dose { events: 50_000, rounds: 1 }
    } else {
        rounds::Dose { events: args.events, rounds: args.rounds }
    };
    let workloads = rounds::run(dose)?;
    let report = report::Report::new(dose, &workloads);
    writeln!(io::stdout(), "{report}")?;
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n").map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}
