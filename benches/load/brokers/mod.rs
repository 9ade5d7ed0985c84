//! The workloads `mqtt` and `nats`: how fast a sink delivers what the journal holds to a real broker, beside bare clients that publish the same messages.
//!
//! ```text
//! journal, filled before (`store`) ─► sink ─► mosquitto or nats-server (`server`) ─► what it has got
//!                                       what it has got, to a fresh one of these ◄─ bare client   (the floors)
//! ```
//!
//! A broker lives for one run, in a folder on the disk of the target directory. What it has got from the sink is checked, each event of a connection once and in order, and
//! is what the bare clients of `mqtt` and `nats` publish then. A program that is not on this machine is told, and its workload left out, unless that was
//! asked for by name.

mod mqtt;
mod nats;
mod server;
mod store;

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use self::server::Program;
use self::store::Kept;
use crate::report::{Section, Spread};
use crate::{Args, Kind, Outcome};

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Dose {
    /// Events in one run, over all connections.
    events: usize,
    rounds: u32,
}

impl Dose {
    pub(crate) const TINY: Self = Self { events: 1_600, rounds: 1 };

    pub(crate) fn new(args: &Args) -> Self {
        Self { events: args.broker_events as usize, rounds: args.rounds }
    }
}

/// What one run begins with.
#[derive(Debug, Clone, Copy)]
struct Case {
    connections: usize,
    kept: Kept,
}

const CASES: [Case; 4] = [
    Case { connections: 1, kept: Kept::Memory },
    Case { connections: 4, kept: Kept::Memory },
    Case { connections: 16, kept: Kept::Memory },
    Case { connections: 4, kept: Kept::Disk },
];

impl Case {
    fn name(self, of: &str) -> String {
        let kept = if self.kept == Kept::Disk { "-disk" } else { "" };
        format!("{of}{kept}/{}", self.connections)
    }
}

/// How long it took until all events were acknowledged, each from the moment at which whoever sends them was started.
struct Run {
    sink: Duration,
    /// By the floors of the workload.
    floors: Vec<Duration>,
}

/// What there is to measure at one kind of broker.
struct Workload {
    kind: Kind,
    name: &'static str,
    program: &'static str,
    /// The variable that names the program, as for the tests.
    variable: &'static str,
    floors: &'static [&'static str],
    run: fn(&Program, Case, usize) -> Outcome<Run>,
}

const WORKLOADS: [Workload; 2] = [
    Workload {
        kind: Kind::Mqtt,
        name: "mqtt",
        program: "mosquitto",
        variable: "WATCHPOST_TEST_MOSQUITTO",
        floors: &["floor"],
        run: mqtt::run,
    },
    Workload {
        kind: Kind::Nats,
        name: "nats",
        program: "nats-server",
        variable: "WATCHPOST_TEST_NATS_SERVER",
        floors: &["awaited", "pipelined"],
        run: nats::run,
    },
];

/// Runs what is wanted of the two.
pub(crate) fn measure(dose: Dose, only: Option<Kind>) -> Outcome<Vec<Section>> {
    let wanted = WORKLOADS.iter().filter(|workload| only.is_none_or(|only| only == workload.kind));
    wanted.map(|workload| workload.measure(dose, only.is_some())).collect()
}

impl Workload {
    fn measure(&self, dose: Dose, is_asked_for: bool) -> Outcome<Section> {
        match Program::find(self.program, self.variable) {
            Ok(program) => self.rounds(&program, dose),
            Err(why) if is_asked_for => Err(why.into()),
            Err(why) => {
                let heading = format!("{}: LEFT OUT, not measured: {why}", self.name);
                writeln!(io::stderr(), "{heading}")?;
                let figures = json!({ "left_out": why });
                Ok(Section { name: self.name, heading, head: Vec::new(), rows: Vec::new(), figures })
            }
        }
    }

    fn rounds(&self, program: &Program, dose: Dose) -> Outcome<Section> {
        let mut all: Vec<Vec<Run>> = CASES.iter().map(|_| Vec::new()).collect();
        for round in 1..=dose.rounds {
            for (case, runs) in CASES.into_iter().zip(&mut all) {
                let run = (self.run)(program, case, dose.events)?;
                let floors = self.floors.iter().zip(&run.floors).map(|(name, took)| format!(", {name} {took:.3?}"));
                let (of, name, floors) = (dose.rounds, case.name(self.name), floors.collect::<String>());
                writeln!(io::stderr(), "round {round} of {of}, {name}: sink {:.3?}{floors}", run.sink)?;
                runs.push(run);
            }
        }
        Ok(self.section(dose, &all))
    }

    fn section(&self, dose: Dose, all: &[Vec<Run>]) -> Section {
        let Dose { events, rounds } = dose;
        let mut head = vec!["workload", "sink/s"];
        for _ in self.floors {
            head.extend(["floor/s", "ratio"]);
        }
        let (mut rows, mut figures) = (Vec::new(), serde_json::Map::new());
        for (case, runs) in CASES.iter().zip(all) {
            let rate = |took: Duration| events as f64 / took.as_secs_f64();
            let sink = Spread::new(runs.iter().map(|run| rate(run.sink)));
            let (mut row, mut floors) = (vec![case.name(self.name), sink.thousands_tenths()], serde_json::Map::new());
            for (index, name) in self.floors.iter().enumerate() {
                let pairs = || runs.iter().filter_map(|run| Some((run.sink, *run.floors.get(index)?)));
                let floor = Spread::new(pairs().map(|(_, floor)| rate(floor)));
                let ratio = Spread::new(pairs().map(|(sink, floor)| floor.as_secs_f64() / sink.as_secs_f64()));
                row.extend([floor.thousands_tenths(), ratio.ratio()]);
                floors.insert((*name).to_owned(), json!({ "per_second": floor, "ratio": ratio }));
            }
            rows.push(row);
            figures.insert(case.name(self.name), json!({ "sink_per_second": sink, "floors": floors }));
        }
        let floors = self.floors.join(", ");
        Section {
            name: self.name,
            heading: format!(
                "{}: {events} events a run, {rounds} rounds; floors: {floors}; the ratio is that of events per second",
                self.name
            ),
            head,
            rows,
            figures: json!({ "dose": dose, "cases": Value::Object(figures) }),
        }
    }
}

/// A runtime as a sink has one: of one thread.
fn runtime() -> Outcome<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
