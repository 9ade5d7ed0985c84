//! The workload `arbiters`: eight connections that all take the flood, on one thread and on two. The floor is as many bare loops on as many
//! threads, which tells what a second thread can bring on this machine at all, with the generator beside it.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use crate::report::{Section, Spread};
use crate::rounds::{Bench, Dose, Run};
use crate::{Consumer, Outcome, Task};

const CONNECTIONS: usize = 8;
const PER_FRAME: usize = 10;

/// Who takes the flood, on how many threads. Those on two come right after those on one, of which they are told in parts.
const TAKERS: [(Consumer, usize); 4] =
    [(Consumer::Engine, 1), (Consumer::Engine, 2), (Consumer::Floor, 1), (Consumer::Floor, 2)];

/// Lets all of them take turns.
pub(crate) fn run(bench: &mut Bench, dose: Dose) -> Outcome<Section> {
    let mut runs = TAKERS.map(|_| Vec::new());
    // Each session gets all events of a flood.
    let (warm_up, events) = (per_connection(dose.warm_up), per_connection(dose.arbiter_events));
    for round in 0..dose.rounds {
        write!(io::stderr(), "round {} of {}, arbiters:", round + 1, dose.rounds)?;
        // Who comes first changes, lest one always finds the machine as another has left it.
        for nth in 0..TAKERS.len() {
            let place = (round as usize + nth) % TAKERS.len();
            let (consumer, arbiters) = TAKERS[place];
            let task =
                Task { connections: CONNECTIONS, arbiters: Some(arbiters), ..bench.task(consumer, warm_up, events) };
            let (run, _) = bench.consume(&task, PER_FRAME)?;
            write!(io::stderr(), " {} {:.3} s", name(TAKERS[place]), run.wall_seconds)?;
            runs[place].push(run);
        }
        writeln!(io::stderr())?;
    }
    Ok(section(dose, &runs))
}

const fn per_connection(events: u64) -> u64 {
    events.div_ceil(CONNECTIONS as u64)
}

fn name((consumer, arbiters): (Consumer, usize)) -> String {
    format!("{}/{arbiters}", consumer.name())
}

/// Events per second that the processors have room for, if both processes' work could be spread over them as one likes.
fn ceiling(events: f64, run: &Run) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    events * cores / (run.cpu_seconds + run.generator_cpu_seconds.unwrap_or_default())
}

fn section(dose: Dose, runs: &[Vec<Run>; TAKERS.len()]) -> Section {
    let events = (per_connection(dose.arbiter_events) * CONNECTIONS as u64) as f64;
    let (mut rows, mut figures) = (Vec::new(), Map::new());
    for (place, (taker, of)) in TAKERS.iter().zip(runs).enumerate() {
        let spread = |figure: &dyn Fn(&Run) -> f64| Spread::new(of.iter().map(figure));
        let per_second = spread(&|run| events / run.wall_seconds);
        let nanoseconds = spread(&|run| run.cpu_seconds * 1e9 / events);
        let generator = spread(&|run| run.generator_cpu_seconds.unwrap_or(f64::NAN) * 1e9 / events);
        let ceiling = spread(&|run| ceiling(events, run));
        // Of the same consumer on one thread, round by round.
        let one = &runs[place & !1];
        let of_one =
            |part: &dyn Fn(&Run, &Run) -> f64| Spread::new(one.iter().zip(of).map(|(one, this)| part(one, this)));
        let faster = of_one(&|one, this| one.wall_seconds / this.wall_seconds);
        let dearer = of_one(&|one, this| this.cpu_seconds / one.cpu_seconds);
        rows.push(vec![
            name(*taker),
            per_second.thousands(),
            faster.ratio(),
            nanoseconds.whole(),
            dearer.ratio(),
            generator.whole(),
            ceiling.thousands(),
        ]);
        let all = json!({
            "per_wall_second": per_second,
            "of_one_by_clock": faster,
            "cpu_nanoseconds": nanoseconds,
            "of_one_by_cpu": dearer,
            "generator_cpu_nanoseconds": generator,
            "ceiling_per_wall_second": ceiling,
            "runs": of,
        });
        figures.insert(name(*taker), all);
    }
    Section {
        name: "arbiters",
        heading: format!(
            "arbiters: {events} events a run over {CONNECTIONS} connections, {PER_FRAME} a frame, {} rounds; by threads for connections, in parts of \
             one thread; what both cores have room for beside the generator",
            dose.rounds
        ),
        head: vec![
            "consumer/threads",
            "events/s",
            "of one",
            "CPU ns",
            "of one",
            "generator CPU ns",
            "room for events/s",
        ],
        rows,
        figures: Value::Object(figures),
    }
}
