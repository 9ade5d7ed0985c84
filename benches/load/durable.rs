//! One pair of runs of `durable`: the engine with its journal on disk, then the floor on what the engine has stored.
//!
//! They cannot change places, since the floor needs the engine's rows. So that it does not pay for what the engine has left to be written, the
//! engine's files are brought to the disk before it begins.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::rounds::{Bench, Dose, Run};
use crate::storage::{JOURNAL, LINES};
use crate::words::{Other, Word, patience};
use crate::{Consumer, CopyTask, Mode, Outcome, lines};

/// How many events are in a frame, and what a commit waits for, workload by workload.
const WORKLOADS: [(usize, Mode); 4] = [(1, Mode::Full), (10, Mode::Full), (100, Mode::Full), (10, Mode::Normal)];

/// All runs with frames of one size, and one kind of commit.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) per_frame: usize,
    pub(crate) synchronous: Mode,
    pub(crate) pairs: Vec<Pair>,
}

/// Engine and floor, one right after the other.
#[derive(Debug, Serialize)]
pub(crate) struct Pair {
    pub(crate) engine: Run,
    pub(crate) floor: Run,
    /// How many events the engine has stored in a transaction: the middle one.
    pub(crate) rows_per_commit: usize,
}

/// The workloads, not run yet.
pub(crate) fn workloads() -> Vec<Workload> {
    let workload = |(per_frame, synchronous)| Workload { per_frame, synchronous, pairs: Vec::new() };
    WORKLOADS.into_iter().map(workload).collect()
}

impl Workload {
    pub(crate) fn name(&self) -> String {
        let mode = if self.synchronous == Mode::Full { "" } else { "-normal" };
        format!("durable{mode}/{}", self.per_frame)
    }

    /// Runs one pair more. Its files are removed afterwards, however it goes.
    pub(crate) fn run(&mut self, bench: &mut Bench, dose: Dose) -> Outcome<&Pair> {
        // Beside what is built, since a temporary folder may be in memory.
        let folder = tempfile::Builder::new().prefix("load-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let data = folder.path().join("engine");
        let events = dose.durable_events;
        let mut task = bench.task(Consumer::Engine, dose.warm_up, events);
        (task.folder, task.synchronous) = (Some(data.clone()), self.synchronous);
        let (engine, taken) = bench.consume(&task, self.per_frame)?;
        lines::check(&data.join(LINES), &[dose.warm_up, events])?;
        settle(&data)?;

        let first = taken.first.ok_or("the engine does not say where the flood begins in its journal")?;
        let task = CopyTask {
            from: data.join(JOURNAL),
            to: folder.path().join("floor.db"),
            synchronous: self.synchronous,
            first: first.try_into()?,
            events,
        };
        let floor = Other::start("floor", &task.to_args()?)?;
        let (taken, wall_seconds, rows_per_commit) = floor.hear(patience(events), |word| match word {
            Word::Copied { taken, wall_seconds, rows_per_commit } => Ok((taken, wall_seconds, rows_per_commit)),
            other => Err(other),
        })?;
        floor.finish()?;
        let floor = Run::new(&taken, wall_seconds);
        Ok(self.pairs.push_mut(Pair { engine, floor, rows_per_commit }))
    }
}

/// Waits until the disk has every file of the folder.
fn settle(folder: &Path) -> io::Result<()> {
    fs::read_dir(folder)?.try_for_each(|entry| File::open(entry?.path())?.sync_all())
}
