//! The figures, as a table and as JSON.

use std::fmt;

use serde::Serialize;

use crate::rounds::{Dose, Pair, Run, Workload};

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
}

/// One workload.
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

/// One consumer's figures, in events.
#[derive(Debug, Serialize)]
struct Rates {
    per_cpu_second: Spread,
    per_wall_second: Spread,
    peak_bytes: Option<u64>,
}

/// The middle of several figures, with their ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    fn new(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<_> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let (lower, upper) = (figures.len().saturating_sub(1) / 2, figures.len() / 2);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        let max = figures.last().copied().unwrap_or(f64::NAN);
        Self { median: f64::midpoint(at(lower), at(upper)), min: at(0), max }
    }

    fn millions(self) -> String {
        let Self { median, min, max } = self;
        format!("{:.2} M ({:.2}–{:.2})", median / 1e6, min / 1e6, max / 1e6)
    }
}

impl Rates {
    fn new(events: u64, pairs: &[Pair], run: impl Fn(&Pair) -> &Run) -> Self {
        let events = events as f64;
        Self {
            per_cpu_second: Spread::new(pairs.iter().map(|pair| events / run(pair).cpu_seconds)),
            per_wall_second: Spread::new(pairs.iter().map(|pair| events / run(pair).wall_seconds)),
            peak_bytes: pairs.iter().filter_map(|pair| run(pair).peak_bytes).max(),
        }
    }

    fn peak(&self) -> String {
        self.peak_bytes.map_or_else(|| "?".to_owned(), |bytes| format!("{} MiB", bytes >> 20))
    }
}

impl<'a> Report<'a> {
    pub(crate) fn new(dose: Dose, workloads: &'a [Workload]) -> Self {
        let row = |Workload { per_frame, pairs }: &'a Workload| Row {
            workload: format!("ingest/{per_frame}"),
            events_per_frame: *per_frame,
            engine: Rates::new(dose.events, pairs, |pair| &pair.engine),
            floor: Rates::new(dose.events, pairs, |pair| &pair.floor),
            ratio: Spread::new(pairs.iter().map(|pair| pair.floor.cpu_seconds / pair.engine.cpu_seconds)),
            pairs,
        };
        Self {
            version: env!("CARGO_PKG_VERSION"),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            optimised: !cfg!(debug_assertions),
            dose,
            workloads: workloads.iter().map(row).collect(),
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dose { events, rounds } = self.dose;
        writeln!(
            f,
            "{events} events a run, {rounds} rounds, {} cores; median (min–max); M = million events",
            self.cores
        )?;
        if !self.optimised {
            writeln!(f, "not optimised: these figures say only that everything works")?;
        }
        let head =
            ["workload", "engine/CPU s", "floor/CPU s", "ratio", "engine/s", "floor/s", "engine peak", "floor peak"];
        let cells = |row: &Row<'_>| {
            let Spread { median, min, max } = row.ratio;
            [
                row.workload.clone(),
                row.engine.per_cpu_second.millions(),
                row.floor.per_cpu_second.millions(),
                format!("{median:.2} ({min:.2}–{max:.2})"),
                row.engine.per_wall_second.millions(),
                row.floor.per_wall_second.millions(),
                row.engine.peak(),
                row.floor.peak(),
            ]
        };
        let table: Vec<_> = std::iter::once(head.map(str::to_owned)).chain(self.workloads.iter().map(cells)).collect();
        let width = |column: usize| table.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 8] = std::array::from_fn(width);
        for line in &table {
            for (cell, width) in line.iter().zip(widths) {
                write!(f, "{cell:<width$}  ")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
