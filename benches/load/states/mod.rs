//! The workload `states`: one connection that knows very many items while events come at a fixed rate, beside one that knows a thousand. What
//! does an event cost, and how long does reading a state take?
//!
//! The generator has a crowd of devices with names and no states; a flood without a pace gives each its first event, and the engine asks for
//! the names meanwhile. Then events come on schedule, round all items, so that the next one is always of the item that was not touched for
//! the longest: first undisturbed, for the processor time, then beside the reads of `keeper`.
//!
//! The floor of the processor time is the bare loop with as many items; those of the reads are in `keeper`.

mod figures;
pub(crate) mod keeper;

use std::io::{self, Write};
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::report::Section;
use crate::rounds::{Bench, Dose, Flood, Run};
use crate::words::{Other, PATIENCE, Word};
use crate::{Consumer, Outcome, Site, Task};

/// Events per second.
pub(crate) const RATE: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
/// What a debug build can take too.
pub(crate) const TINY_RATE: NonZeroU32 = NonZeroU32::new(20_000).unwrap();

/// Items of the connection that knows few.
const FEW: usize = 1_000;
/// Cameras beside them, of which the first snapshot is.
const CAMERAS: usize = 16;
/// At the full rate a frame every millisecond.
const PER_FRAME: usize = 100;
/// Many items take their time to come.
const MOST_ROUNDS: u32 = 3;

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Load {
    /// Items of the connection that knows many.
    pub(crate) items: usize,
    /// For so long twice: undisturbed, and with reads.
    pub(crate) seconds: u32,
    /// Events per second.
    pub(crate) rate: NonZeroU32,
}

/// How long reads took, in nanoseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Delays {
    pub(crate) count: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
}

/// The reads of one run.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Reads {
    /// From the engine's map.
    pub(crate) map: Delays,
    /// From a bare map of as many items.
    pub(crate) map_floor: Delays,
    /// By message.
    pub(crate) message: Delays,
    /// By message to an actor that does nothing.
    pub(crate) message_floor: Delays,
}

/// One run with so many items.
#[derive(Debug, Serialize)]
struct Kept {
    engine: Run,
    floor: Run,
    reads: Reads,
}

/// Few and many in turn.
pub(crate) fn run(dose: Dose) -> Outcome<Section> {
    let rounds = dose.rounds.min(MOST_ROUNDS);
    let (mut few, mut many) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        for (items, kept) in [(FEW, &mut few), (dose.states.items, &mut many)] {
            let Kept { engine, floor, reads } = kept.push_mut(keep(dose, items)?);
            let events = events(dose.states) as f64;
            writeln!(
                io::stderr(),
                "round {} of {rounds}, states/{items}: engine {:.0} CPU ns an event, floor {:.0}; reads at p99 {:.1} µs, by message {:.0} µs",
                round + 1,
                engine.cpu_seconds * 1e9 / events,
                floor.cpu_seconds * 1e9 / events,
                reads.map.p99 as f64 / 1e3,
                reads.message.p99 as f64 / 1e3,
            )?;
        }
    }
    Ok(figures::section(dose.states, &[(FEW, few), (dose.states.items, many)]))
}

fn events(load: Load) -> u64 {
    u64::from(load.seconds) * u64::from(load.rate.get())
}

/// Each with a generator of its own, whose states are none before: a snapshot of very many would be larger than a message may be.
fn keep(dose: Dose, items: usize) -> Outcome<Kept> {
    let (engine, reads) = one(dose, items, Consumer::Keeper)?;
    let (floor, _) = one(dose, items, Consumer::Floor)?;
    Ok(Kept { engine, floor, reads: reads.ok_or("the keeper has read nothing")? })
}

fn one(Dose { states: load, warm_up, .. }: Dose, items: usize, consumer: Consumer) -> Outcome<(Run, Option<Reads>)> {
    let mut bench = Bench::start(Site { cameras: CAMERAS, crowd: items })?;
    // Once round, and then until the history has forgotten an event of each: nothing that grows with the items has still to grow.
    let warm_up = (items + CAMERAS) as u64 + warm_up;
    let flood = Flood { warm_up, events: events(load), per_frame: PER_FRAME, sessions: 1, rate: Some(load.rate) };
    let task = Task { states: bench.states()?.all, ..bench.task(consumer, warm_up, flood.events) };
    let other = Other::start(consumer.name(), &task.to_args()?)?;
    let (run, _) = bench.lead(consumer.name(), flood, &other)?;
    let reads = if consumer == Consumer::Keeper {
        bench.flood(&other, flood)?;
        Some(other.hear(PATIENCE, |word| match word {
            Word::Read(reads) => Ok(*reads),
            other => Err(other),
        })?)
    } else {
        None
    };
    other.finish()?;
    bench.finish()?;
    Ok((run, reads))
}
