//! The rounds: engine and floor in turn, each in a fresh process, all against one generator.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::durable;
use crate::report::Section;
use crate::words::{Order, Other, PATIENCE, States, Taken, Word, patience};
use crate::{Consumer, Kind, Mode, Outcome, Task};

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
}

impl Run {
    pub(crate) fn new(taken: &Taken, wall_seconds: f64) -> Self {
        Self {
            cpu_seconds: taken.cpu_seconds,
            wall_seconds,
            resident_bytes: taken.resident,
            peak_bytes: taken.peak,
            written_bytes: taken.written,
        }
    }
}

/// Runs everything, or one of the two.
pub(crate) fn run(dose: Dose, only: Option<Kind>) -> Outcome<Results> {
    let mut bench = Bench::start()?;
    let wanted = |kind| only.is_none_or(|only| only == kind);
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
    bench.generator.finish()?;
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

/// The generator, for consumers to come.
pub(crate) struct Bench {
    generator: Other,
    url: String,
}

impl Bench {
    fn start() -> Outcome<Self> {
        let generator = Other::start("generator", &["generate".to_owned()])?;
        let url = generator.hear(PATIENCE, |word| match word {
            Word::Listening { url } => Ok(url),
            other => Err(other),
        })?;
        Ok(Self { generator, url })
    }

    /// A task for a consumer that keeps everything in memory.
    pub(crate) fn task(&self, consumer: Consumer, warm_up: u64, events: u64) -> Task {
        let url = self.url.clone();
        Task { consumer, url, states: 0, warm_up, events, folder: None, synchronous: Mode::default() }
    }

    /// One run: a warm-up, then the flood that counts.
    pub(crate) fn consume(&mut self, task: &Task, per_frame: usize) -> Outcome<(Run, Taken)> {
        let generator = &mut self.generator;
        let Task { consumer, warm_up, events, .. } = *task;
        let (states, _) = states(generator)?;
        let other = Other::start(consumer.name(), &Task { states, ..task.clone() }.to_args()?)?;
        other.hear(PATIENCE, |word| if matches!(word, Word::Ready) { Ok(()) } else { Err(word) })?;
        flood(generator, &other, warm_up, per_frame)?;
        let wall = flood(generator, &other, events, per_frame)?;
        let taken = other.hear(PATIENCE, |word| match word {
            Word::Taken(taken) => Ok(taken),
            other => Err(other),
        })?;
        other.finish()?;
        let (_, motion) = self::states(generator)?;
        check(consumer, &taken, events, &motion)?;
        Ok((Run::new(&taken, wall.as_secs_f64()), taken))
    }
}

fn flood(generator: &mut Other, consumer: &Other, events: u64, per_frame: usize) -> Outcome<Duration> {
    let began = Instant::now();
    generator.order(&Order::Flood { events, per_frame })?;
    let counted = consumer
        .hear(patience(events) + PATIENCE, |word| if matches!(word, Word::Counted) { Ok(()) } else { Err(word) });
    let took = began.elapsed();
    generator.hear(PATIENCE, |word| if matches!(word, Word::Flooding) { Ok(()) } else { Err(word) })?;
    counted.map(|()| took)
}

fn states(generator: &mut Other) -> Outcome<(usize, States)> {
    generator.order(&Order::States)?;
    generator.hear(PATIENCE, |word| match word {
        Word::States { all, motion } => Ok((all, motion)),
        other => Err(other),
    })
}

/// A figure counts only if the work was done: every event taken, every state as the generator has foretold it.
fn check(consumer: Consumer, taken: &Taken, events: u64, motion: &States) -> Outcome<()> {
    let name = consumer.name();
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
