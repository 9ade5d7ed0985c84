//! The rounds: engine and floor in turn, each in a fresh process, all against one generator.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::words::{Order, Other, PATIENCE, States, Taken, Word, patience};
use crate::{Consumer, Outcome};

/// How many events are in a frame, workload by workload.
const FRAMES: [usize; 3] = [1, 10, 100];

/// Before the measurement every camera must have had an event, and caches of the last ids must be full.
const WARM_UP: u64 = 100_000;

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Dose {
    /// Events in one run.
    pub(crate) events: u64,
    /// Runs of each consumer and workload.
    pub(crate) rounds: u32,
}

/// All runs with frames of one size.
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
}

/// Runs everything.
pub(crate) fn run(dose: Dose) -> Outcome<Vec<Workload>> {
    let mut generator = Other::start("generator", &["generate".to_owned()])?;
    let url = generator.hear(PATIENCE, |word| match word {
        Word::Listening { url } => Ok(url),
        other => Err(other),
    })?;
    let mut workloads: Vec<_> = FRAMES.into_iter().map(|per_frame| Workload { per_frame, pairs: Vec::new() }).collect();
    for round in 0..dose.rounds {
        for workload in &mut workloads {
            let mut consume = |consumer| consume(&mut generator, &url, consumer, workload.per_frame, dose.events);
            // Who comes first changes, lest one always finds the machine as the other has left it.
            let pair = if round % 2 == 0 {
                let engine = consume(Consumer::Engine)?;
                Pair { engine, floor: consume(Consumer::Floor)? }
            } else {
                let floor = consume(Consumer::Floor)?;
                Pair { engine: consume(Consumer::Engine)?, floor }
            };
            let (engine, floor) = (pair.engine.cpu_seconds, pair.floor.cpu_seconds);
            let (number, of, per_frame) = (round + 1, dose.rounds, workload.per_frame);
            writeln!(
                io::stderr(),
                "round {number} of {of}, frames of {per_frame}: engine {engine:.3} CPU s, floor {floor:.3}"
            )?;
            workload.pairs.push(pair);
        }
    }
    generator.finish()?;
    Ok(workloads)
}

/// One run: a warm-up, then the flood that counts.
fn consume(generator: &mut Other, url: &str, consumer: Consumer, per_frame: usize, events: u64) -> Outcome<Run> {
    let (states, _) = states(generator)?;
    let args = ["consume", consumer.name(), "--url", url, "--states", &states.to_string()];
    let numbers = ["--warm-up", &WARM_UP.to_string(), "--events", &events.to_string()];
    let args: Vec<_> = args.into_iter().chain(numbers).map(str::to_owned).collect();
    let other = Other::start(consumer.name(), &args)?;
    other.hear(PATIENCE, |word| if matches!(word, Word::Ready) { Ok(()) } else { Err(word) })?;
    flood(generator, &other, WARM_UP, per_frame)?;
    let wall = flood(generator, &other, events, per_frame)?;
    let taken = other.hear(PATIENCE, |word| match word {
        Word::Taken(taken) => Ok(taken),
        other => Err(other),
    })?;
    other.finish()?;
    let (_, motion) = self::states(generator)?;
    check(consumer, &taken, events, &motion)?;
    Ok(Run {
        cpu_seconds: taken.cpu_seconds,
        wall_seconds: wall.as_secs_f64(),
        resident_bytes: taken.resident,
        peak_bytes: taken.peak,
    })
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
