//! The figures, as tables and as JSON.

use std::fmt;

use serde::Serialize;

use crate::rounds::{Dose, Pair, Results, Run};
use crate::{Mode, durable};

/// What one workload has to show: a table for people, and every figure as JSON.
#[derive(Debug)]
pub(crate) struct Section {
    /// The workload's name, which is its key in the JSON.
    pub(crate) name: &'static str,
    /// One line above the table: the dose, and what the ratio is of.
    pub(crate) heading: String,
    /// The columns.
    pub(crate) head: Vec<&'static str>,
    /// A cell for each column.
    pub(crate) rows: Vec<Vec<String>>,
    /// Every figure.
    pub(crate) figures: serde_json::Value,
}

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    version: &'static str,
    os: &'static str,
    arch: &'static str,
    cores: usize,
    /// Whether the program was optimised; figures of one that was not mean nothing.
    optimised: bool,
    dose: Dose,
    workloads: Vec<Row<'a>>,
    durable: Vec<DurableRow<'a>>,
    #[serde(flatten)]
    sections: Sections<'a>,
}

/// The other workloads, each under its name.
#[derive(Debug)]
struct Sections<'a>(&'a [Section]);

impl Serialize for Sections<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|section| (section.name, &section.figures)))
    }
}

/// One workload of `ingest`.
#[derive(Debug, Serialize)]
struct Row<'a> {
    workload: String,
    events_per_frame: usize,
    engine: Rates,
    floor: Rates,
    /// Events per CPU second: what the engine makes of what the floor makes, pair by pair.
    ratio: Spread,
    pairs: &'a [Pair],
}

/// One workload of `durable`.
#[derive(Debug, Serialize)]
struct DurableRow<'a> {
    workload: String,
    events_per_frame: usize,
    synchronous: Mode,
    engine: Rates,
    floor: Rates,
    /// Events per second by the clock: what the engine makes of what the floor makes, pair by pair.
    ratio: Spread,
    /// Events stored in one transaction: the middle one of a run.
    rows_per_commit: Spread,
    engine_written_bytes: Option<Spread>,
    floor_written_bytes: Option<Spread>,
    pairs: &'a [durable::Pair],
}

/// One consumer's figures, in events.
#[derive(Debug, Serialize)]
struct Rates {
    per_cpu_second: Spread,
    per_wall_second: Spread,
    peak_bytes: Option<u64>,
}

/// The middle of several figures, with their ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    pub(crate) fn new(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let (lower, upper) = (figures.len().saturating_sub(1) / 2, figures.len() / 2);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let max = figures.last().copied().unwrap_or(f64::NAN);
        Self { median: f64::midpoint(at(lower), at(upper)), min: at(0), max }
    }

    pub(crate) fn millions(self) -> String {
        let Self { median, min, max } = self;
        format!("{:.2} M ({:.2}–{:.2})", median / 1e6, min / 1e6, max / 1e6)
    }

    pub(crate) fn thousands(self) -> String {
        let Self { median, min, max } = self;
        format!("{:.0} k ({:.0}–{:.0})", median / 1e3, min / 1e3, max / 1e3)
    }

    /// In thousands, with a tenth of one.
    pub(crate) fn thousands_tenths(self) -> String {
        let Self { median, min, max } = self;
        format!("{:.1} k ({:.1}–{:.1})", median / 1e3, min / 1e3, max / 1e3)
    }

    pub(crate) fn whole(self) -> String {
        let Self { median, min, max } = self;
        format!("{median:.0} ({min:.0}–{max:.0})")
    }

    pub(crate) fn tenths(self) -> String {
        let Self { median, min, max } = self;
        format!("{median:.1} ({min:.1}–{max:.1})")
    }

    pub(crate) fn ratio(self) -> String {
        let Self { median, min, max } = self;
        format!("{median:.2} ({min:.2}–{max:.2})")
    }
}

/// What the runs have had written to a disk, if all of them know.
fn written<'a>(runs: impl Iterator<Item = &'a Run>) -> Option<Spread> {
    let bytes: Option<Vec<_>> = runs.map(|run| Some(run.written_bytes? as f64)).collect();
    Some(Spread::new(bytes?.into_iter()))
}

impl Rates {
    fn new<'a>(events: u64, runs: impl Iterator<Item = &'a Run> + Clone) -> Self {
        let events = events as f64;
        Self {
            per_cpu_second: Spread::new(runs.clone().map(|run| events / run.cpu_seconds)),
            per_wall_second: Spread::new(runs.clone().map(|run| events / run.wall_seconds)),
            peak_bytes: runs.filter_map(|run| run.peak_bytes).max(),
        }
    }

    fn peak(&self) -> String {
        self.peak_bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
    }
}

impl<'a> Report<'a> {
    pub(crate) fn new(dose: Dose, results: &'a Results) -> Self {
        let row = |workload: &'a crate::rounds::Workload| {
            let pairs = &workload.pairs;
            Row {
                workload: workload.name(),
                events_per_frame: workload.per_frame,
                engine: Rates::new(dose.events, pairs.iter().map(|pair| &pair.engine)),
                floor: Rates::new(dose.events, pairs.iter().map(|pair| &pair.floor)),
                ratio: Spread::new(pairs.iter().map(|pair| pair.floor.cpu_seconds / pair.engine.cpu_seconds)),
                pairs,
            }
        };
        let durable_row = |workload: &'a durable::Workload| {
            let pairs = &workload.pairs;
            DurableRow {
                workload: workload.name(),
                events_per_frame: workload.per_frame,
                synchronous: workload.synchronous,
                engine: Rates::new(dose.durable_events, pairs.iter().map(|pair| &pair.engine)),
                floor: Rates::new(dose.durable_events, pairs.iter().map(|pair| &pair.floor)),
                ratio: Spread::new(pairs.iter().map(|pair| pair.floor.wall_seconds / pair.engine.wall_seconds)),
                rows_per_commit: Spread::new(pairs.iter().map(|pair| pair.rows_per_commit as f64)),
                engine_written_bytes: written(pairs.iter().map(|pair| &pair.engine)),
                floor_written_bytes: written(pairs.iter().map(|pair| &pair.floor)),
                pairs,
            }
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            optimised: !cfg!(debug_assertions),
            dose,
            workloads: results.ingest.iter().map(row).collect(),
            durable: results.durable.iter().map(durable_row).collect(),
            sections: Sections(&results.sections),
        }
    }

    fn ingest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head =
            ["workload", "engine/CPU s", "floor/CPU s", "ratio", "engine/s", "floor/s", "engine peak", "floor peak"];
        let cells = |row: &Row<'_>| {
            [
                row.workload.clone(),
                row.engine.per_cpu_second.millions(),
                row.floor.per_cpu_second.millions(),
                row.ratio.ratio(),
                row.engine.per_wall_second.millions(),
                row.floor.per_wall_second.millions(),
                row.engine.peak(),
                row.floor.peak(),
            ]
        };
        let Dose { events, rounds, .. } = self.dose;
        writeln!(f, "ingest: {events} events a run, {rounds} rounds; the ratio is that of events per CPU second")?;
        table(f, &head, &self.workloads.iter().map(|row| cells(row).to_vec()).collect::<Vec<_>>())
    }

    fn durable(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "workload",
            "engine/s",
            "floor/s",
            "ratio",
            "rows/commit",
            "engine wrote",
            "floor wrote",
            "engine/CPU s",
            "floor/CPU s",
        ];
        let mib = |bytes: Option<Spread>| {
            bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{:.0} MiB", bytes.median / f64::from(1 << 20)))
        };
        let cells = |row: &DurableRow<'_>| {
            [
                row.workload.clone(),
                row.engine.per_wall_second.thousands(),
                row.floor.per_wall_second.thousands(),
                row.ratio.ratio(),
                format!("{:.0}", row.rows_per_commit.median),
                mib(row.engine_written_bytes),
                mib(row.floor_written_bytes),
                row.engine.per_cpu_second.thousands(),
                row.floor.per_cpu_second.thousands(),
            ]
        };
        let Dose { durable_events, rounds, .. } = self.dose;
        writeln!(f, "durable: {durable_events} events a run, {rounds} rounds; the ratio is that of events per second")?;
        table(f, &head, &self.durable.iter().map(|row| cells(row).to_vec()).collect::<Vec<_>>())
    }
}

/// Writes rows with columns as wide as they need to be.
fn table(f: &mut fmt::Formatter<'_>, head: &[&str], rows: &[Vec<String>]) -> fmt::Result {
    let head: Vec<_> = head.iter().map(|&name| name.to_owned()).collect();
    let lines = || std::iter::once(&head).chain(rows);
    let width = |column: usize| lines().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..head.len()).map(|column| width(column).unwrap_or(0)).collect();
    for line in lines() {
        for (cell, width) in line.iter().zip(&widths) {
            write!(f, "{cell:<width$}  ")?;
        }
        writeln!(f)?;
    }
    Ok(())
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cores; median (min–max); k = thousand, M = million events", self.cores)?;
        if !self.optimised {
            writeln!(f, "not optimised: these figures say only that everything works")?;
        }
        if !self.workloads.is_empty() {
            self.ingest(f)?;
        }
        if !self.durable.is_empty() {
            self.durable(f)?;
        }
        for Section { heading, head, rows, .. } in self.sections.0 {
            writeln!(f, "{heading}")?;
            table(f, head, rows)?;
        }
        Ok(())
    }
}
