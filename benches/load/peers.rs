//! The workload `peers`: what one connection takes by the clock, one event a frame, beside programs in Python that do the like. `vendor_loop.py` has
//! the stack of the vendor's own sample, `best_loop.py` the fastest that there is for Python. What they are is said in them; like the
//! floor they keep the type of each (source, state group) and no more.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::report::{Section, Spread};
use crate::rounds::{Bench, Dose, Flood, Run};
use crate::words::Other;
use crate::{Consumer, Outcome};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const REQUIREMENTS: &str = include_str!("../peers/requirements.txt");

/// As Milestone sends on a quiet system, and what costs a loop in Python most.
const PER_FRAME: usize = 1;

/// Who takes the flood.
#[derive(Debug, Clone, Copy)]
enum Taker {
    Own(Consumer),
    Python { name: &'static str, program: &'static str },
}

const TAKERS: [Taker; 4] = [
    Taker::Own(Consumer::Engine),
    Taker::Python { name: "vendor's stack", program: "vendor_loop.py" },
    Taker::Python { name: "best of Python", program: "best_loop.py" },
    Taker::Own(Consumer::Floor),
];

impl Taker {
    const fn name(self) -> &'static str {
        match self {
            Self::Own(consumer) => consumer.name(),
            Self::Python { name, .. } => name,
        }
    }

    fn take(self, bench: &mut Bench, python: &Path, dose: Dose) -> Outcome<Run> {
        let Dose { warm_up, peer_events: events, .. } = dose;
        let (run, _) = match self {
            Self::Own(consumer) => bench.consume(&bench.task(consumer, warm_up, events), PER_FRAME)?,
            Self::Python { name, program } => {
                let mut command = Command::new(python);
                command.arg("-B").arg(Path::new(ROOT).join("benches/peers").join(program)).args(["--url", bench.url()]);
                command.args(["--warm-up", &warm_up.to_string(), "--events", &events.to_string()]);
                let flood = Flood { warm_up, events, per_frame: PER_FRAME, sessions: 1, rate: None };
                bench.follow(name, flood, |_| Other::spawn(name, &mut command))?
            }
        };
        Ok(run)
    }
}

/// Lets all of them take turns.
pub(crate) fn run(bench: &mut Bench, python: &Path, dose: Dose) -> Outcome<Section> {
    let mut runs = TAKERS.map(|_| Vec::new());
    for round in 0..dose.rounds {
        // Who comes first changes, lest one always finds the machine as another has left it.
        for nth in 0..TAKERS.len() {
            let place = (round as usize + nth) % TAKERS.len();
            runs[place].push(TAKERS[place].take(bench, python, dose)?);
        }
        write!(io::stderr(), "round {} of {}, peers:", round + 1, dose.rounds)?;
        for (taker, run) in TAKERS.iter().zip(runs.iter().filter_map(|runs| runs.last())) {
            write!(io::stderr(), " {} {:.3} s", taker.name(), run.wall_seconds)?;
        }
        writeln!(io::stderr())?;
    }
    Ok(section(dose, &runs))
}

/// The Python of the environment with what the programs need; else what to do.
pub(crate) fn python() -> Outcome<PathBuf> {
    let folder = Path::new(ROOT).join("target/peers-venv");
    let complete = std::fs::read_to_string(folder.join(".complete")).is_ok_and(|made| made == REQUIREMENTS);
    if complete {
        return Ok(folder.join("bin/python"));
    }
    Err(format!(
        "the workload peers needs Python with the packages of benches/peers/requirements.txt in {}, and they are not there, or not in these \
         versions; make them with: sh benches/peers/make_venv.sh",
        folder.display()
    )
    .into())
}

fn section(dose: Dose, runs: &[Vec<Run>; TAKERS.len()]) -> Section {
    let events = dose.peer_events as f64;
    let engine = &runs[0];
    let (mut rows, mut figures) = (Vec::new(), Map::new());
    for (taker, runs) in TAKERS.iter().zip(runs) {
        let per_second = Spread::new(runs.iter().map(|run| events / run.wall_seconds));
        let per_cpu_second = Spread::new(runs.iter().map(|run| events / run.cpu_seconds));
        // How often the engine does what this one does once, round by round.
        let pairs = || engine.iter().zip(runs);
        let by_clock = Spread::new(pairs().map(|(engine, other)| other.wall_seconds / engine.wall_seconds));
        let by_cpu = Spread::new(pairs().map(|(engine, other)| other.cpu_seconds / engine.cpu_seconds));
        let peak = runs.iter().filter_map(|run| run.peak_bytes).max();
        rows.push(vec![
            taker.name().to_owned(),
            per_second.thousands(),
            by_clock.ratio(),
            per_cpu_second.thousands(),
            by_cpu.ratio(),
            peak.map_or_else(|| "?".to_owned(), |bytes| format!("{} MiB", bytes >> 20)),
        ]);
        let all = json!({
            "per_wall_second": per_second,
            "per_cpu_second": per_cpu_second,
            "engine_ratio": by_clock,
            "engine_cpu_ratio": by_cpu,
            "peak_bytes": peak,
            "runs": runs,
        });
        figures.insert(taker.name().to_owned(), all);
    }
    Section {
        name: "peers",
        heading: format!(
            "peers: {} events a run, 1 a frame, {} rounds; how often the engine does what each of them does once, by the clock and by CPU time",
            dose.peer_events, dose.rounds
        ),
        head: vec!["consumer", "events/s", "engine is", "events/CPU s", "engine is", "peak"],
        rows,
        figures: Value::Object(figures),
    }
}
