//! The rounds: engine and floor in turn, each in a fresh process, all against one generator.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::arbiters;
use crate::durable;
use crate::latency;
use crate::peers;
use crate::report::Section;
use crate::states;
use crate::words::{Order, Other, PATIENCE, States, Taken, Word, patience};
use crate::{Consumer, Kind, Mode, Outcome, Site, Task};

/// How many events are in a frame, workload by workload.
const FRAMES: [usize; 3] = [1, 10, 100];

/// Before the measurement every camera must have had an event, and caches of the last ids must be full.
pub(crate) const WARM_UP: u64 = 100_000;

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Dose {
    /// Events before each run.
    pub(crate) warm_up: u64,
    /// Events in one run of `ingest`.
    pub(crate) events: u64,
    /// Events in one run of `durable`.
    pub(crate) durable_events: u64,
    /// Events in one run of `peers`.
    pub(crate) peer_events: u64,
    /// Events in one run of `arbiters`, over all connections.
    pub(crate) arbiter_events: u64,
    pub(crate) states: states::Load,
    pub(crate) latency: latency::Load,
    /// Runs of each consumer and workload.
    pub(crate) rounds: u32,
}

/// All that was run.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) ingest: Vec<Workload>,
    pub(crate) durable: Vec<durable::Workload>,
    /// The workloads that are no rounds of engine and floor in turn.
    pub(crate) sections: Vec<Section>,
}

/// All runs of `ingest` with frames of one size.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) per_frame: usize,
    pub(crate) pairs: Vec<Pair>,
}

/// Engine and floor, one right after the other.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) engine: Run,
    pub(crate) floor: Run,
}

/// One run of one consumer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Run {
    pub(crate) cpu_seconds: f64,
    /// From the order to flood to the last event counted.
    pub(crate) wall_seconds: f64,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) peak_bytes: Option<u64>,
    pub(crate) written_bytes: Option<u64>,
    /// Of the generator, meanwhile; `None` where there is none.
    pub(crate) generator_cpu_seconds: Option<f64>,
}

impl Run {
    pub(crate) fn new(taken: &Taken, wall_seconds: f64) -> Self {
        Self {
            cpu_seconds: taken.cpu_seconds,
            wall_seconds,
            resident_bytes: taken.resident,
            peak_bytes: taken.peak,
            written_bytes: taken.written,
            generator_cpu_seconds: None,
        }
    }
}

/// Runs everything, or one workload.
pub(crate) fn run(dose: Dose, only: Option<Kind>) -> Outcome<Results> {
    let wanted = |kind| only.is_none_or(|only| only == kind);
    // What is missing for it is told now and not at the end of everything else.
    let python = if wanted(Kind::Peers) { Some(peers::python()?) } else { None };
    let mut bench = Bench::start(Site::default())?;
    let ingest = |per_frame| Workload { per_frame, pairs: Vec::new() };
    let mut results = Results {
        ingest: if wanted(Kind::Ingest) { FRAMES.into_iter().map(ingest).collect() } else { Vec::new() },
        durable: if wanted(Kind::Durable) { durable::workloads() } else { Vec::new() },
        sections: Vec::new(),
    };
    for round in 0..dose.rounds {
        let (number, of) = (round + 1, dose.rounds);
        for workload in &mut results.ingest {
            let name = workload.name();
            let Pair { engine, floor } = workload.run(&mut bench, dose, round)?;
            let (engine, floor) = (engine.cpu_seconds, floor.cpu_seconds);
            writeln!(io::stderr(), "round {number} of {of}, {name}: engine {engine:.3} CPU s, floor {floor:.3}")?;
        }
        for workload in &mut results.durable {
            let name = workload.name();
            let durable::Pair { engine, floor, .. } = workload.run(&mut bench, dose)?;
            let (engine, floor) = (engine.wall_seconds, floor.wall_seconds);
            writeln!(io::stderr(), "round {number} of {of}, {name}: engine {engine:.3} s, floor {floor:.3}")?;
        }
    }
    if wanted(Kind::Arbiters) {
        results.sections.push(arbiters::run(&mut bench, dose)?);
    }
    if let Some(python) = python {
        results.sections.push(peers::run(&mut bench, &python, dose)?);
    }
    bench.finish()?;
    if wanted(Kind::States) {
        results.sections.push(states::run(dose)?);
    }
    if wanted(Kind::Latency) {
        results.sections.push(latency::run(dose)?);
    }
    Ok(results)
}

impl Workload {
    pub(crate) fn name(&self) -> String {
        format!("ingest/{}", self.per_frame)
    }

    fn run(&mut self, bench: &mut Bench, dose: Dose, round: u32) -> Outcome<&Pair> {
        let mut consume = |consumer| {
            let task = bench.task(consumer, dose.warm_up, dose.events);
            bench.consume(&task, self.per_frame).map(|(run, _)| run)
        };
        // Who comes first changes, lest one always finds the machine as the other has left it.
        let pair = if round.is_multiple_of(2) {
            let engine = consume(Consumer::Engine)?;
            Pair { engine, floor: consume(Consumer::Floor)? }
        } else {
            let floor = consume(Consumer::Floor)?;
            Pair { engine: consume(Consumer::Engine)?, floor }
        };
        Ok(self.pairs.push_mut(pair))
    }
}

/// What one run takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flood {
    /// Events before the measurement.
    pub(crate) warm_up: u64,
    /// Events that are measured.
    pub(crate) events: u64,
    pub(crate) per_frame: usize,
    /// Sessions that each get all of them.
    pub(crate) sessions: usize,
    /// Events per second of those that are measured; as many as the consumer takes unless given.
    pub(crate) rate: Option<NonZeroU32>,
}

/// The generator, for consumers to come.
pub(crate) struct Bench {
    generator: Other,
    url: String,
}

impl Bench {
    pub(crate) fn start(site: Site) -> Outcome<Self> {
        let generator = Other::start("generator", &site.to_args())?;
        let url = generator.hear(PATIENCE, |word| match word {
            Word::Listening { url } => Ok(url),
            other => Err(other),
        })?;
        Ok(Self { generator, url })
    }

    /// A task for a consumer that keeps everything in memory.
    pub(crate) fn task(&self, consumer: Consumer, warm_up: u64, events: u64) -> Task {
        let url = self.url.clone();
        Task {
            consumer,
            url,
            states: 0,
            warm_up,
            events,
            folder: None,
            synchronous: Mode::default(),
            connections: 1,
            arbiters: None,
        }
    }

    /// One run of a consumer of the harness itself.
    pub(crate) fn consume(&mut self, task: &Task, per_frame: usize) -> Outcome<(Run, Taken)> {
        let name = task.consumer.name();
        let flood =
            Flood { warm_up: task.warm_up, events: task.events, per_frame, sessions: task.connections, rate: None };
        self.follow(name, flood, |states| Other::start(name, &Task { states, ..task.clone() }.to_args()?))
    }

    /// Where the generator listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// One run: a warm-up, then the flood that counts. Who takes them is started with the number of states that there are before.
    pub(crate) fn follow(
        &mut self,
        name: &'static str,
        flood: Flood,
        start: impl FnOnce(usize) -> Outcome<Other>,
    ) -> Outcome<(Run, Taken)> {
        let other = start(self.states()?.all)?;
        let (run, taken) = self.lead(name, flood, &other)?;
        other.finish()?;
        Ok((run, taken))
    }

    /// The same with one that may be asked for more afterwards.
    pub(crate) fn lead(&mut self, name: &str, flood: Flood, other: &Other) -> Outcome<(Run, Taken)> {
        other.hear(PATIENCE, |word| if matches!(word, Word::Ready) { Ok(()) } else { Err(word) })?;
        self.flood(other, Flood { events: flood.warm_up, rate: None, ..flood })?;
        let (wall, generated) = self.flood(other, flood)?;
        let taken = other.hear(PATIENCE, |word| match word {
            Word::Taken(taken) => Ok(taken),
            other => Err(other),
        })?;
        let after = self.states()?;
        check(name, &taken, flood.events, &after.motion)?;
        let generator_cpu_seconds = Some(after.cpu_seconds - generated);
        Ok((Run { generator_cpu_seconds, ..Run::new(&taken, wall.as_secs_f64()) }, taken))
    }

    /// Floods the consumer; says how long that took, and how much processor time the generator had used before.
    pub(crate) fn flood(&mut self, consumer: &Other, flood: Flood) -> Outcome<(Duration, f64)> {
        let Flood { events, per_frame, sessions, rate, .. } = flood;
        let scheduled = rate.map_or(0, |rate| events / u64::from(rate.get()));
        let limit = patience(events * sessions as u64) + PATIENCE + Duration::from_secs(scheduled);
        let began = Instant::now();
        self.generator.order(&Order::Flood { events, per_frame, sessions, rate })?;
        let counted = consumer.hear(limit, |word| if matches!(word, Word::Counted) { Ok(()) } else { Err(word) });
        let took = began.elapsed();
        let generated = self.generator.hear(PATIENCE, |word| match word {
            Word::Flooding { cpu_seconds } => Ok(cpu_seconds),
            other => Err(other),
        })?;
        counted.map(|()| (took, generated))
    }

    pub(crate) fn states(&mut self) -> Outcome<Generated> {
        self.generator.order(&Order::States)?;
        self.generator.hear(PATIENCE, |word| match word {
            Word::States { all, motion, cpu_seconds } => Ok(Generated { all, motion, cpu_seconds }),
            other => Err(other),
        })
    }

    pub(crate) fn finish(self) -> Outcome<()> {
        self.generator.finish()
    }
}

/// What the generator has to tell when asked for its states.
pub(crate) struct Generated {
    pub(crate) all: usize,
    motion: States,
    cpu_seconds: f64,
}

/// A figure counts only if the work was done: every event taken, every state as the generator has foretold it.
fn check(name: &str, taken: &Taken, events: u64, motion: &States) -> Outcome<()> {
    if taken.events != events {
        return Err(format!("the {name} has taken {} events of {events}", taken.events).into());
    }
    let wrong = motion.iter().find(|(source, kind)| taken.motion.get(*source) != Some(*kind));
    if let Some((source, kind)) = wrong {
        let has = taken.motion.get(source);
        return Err(
            format!("the {name} ended with {has:?} as the motion state of {source}; it should be {kind}").into()
        );
    }
    if taken.motion.len() != motion.len() {
        return Err(format!("the {name} knows {} motion states; there are {}", taken.motion.len(), motion.len()).into());
    }
    Ok(())
}
