//! What one commit costs: a single row into a file on the same disk, with the settings of the journal, now and then.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};

use super::tally::{Delays, histogram};
use super::{Part, scratch};
use crate::words::{PATIENCE, Word, say};
use crate::{Mode, Outcome, copy};

/// Commits that are measured.
const COMMITS: u32 = 1_000;
/// What is between two of them, as between events.
const PAUSE: Duration = Duration::from_millis(1);

/// What is to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommitTask {
    /// The file to make.
    file: PathBuf,
    /// What commits wait for.
    synchronous: Mode,
}

/// Measures it in a process of its own.
pub(crate) fn measure(synchronous: Mode) -> Outcome<Delays> {
    let folder = scratch()?;
    let other = Part::Commit(CommitTask { file: folder.path().join("commit.db"), synchronous }).start()?;
    let delays = other.hear(PATIENCE, |word| match word {
        Word::Delays(delays) => Ok(delays),
        other => Err(other),
    })?;
    other.finish()?;
    Ok(delays)
}

/// Commits, and tells how long that took.
pub(crate) fn run(task: &CommitTask) -> Outcome<()> {
    let mut file = Connection::open(&task.file)?;
    copy::set(&file, task.synchronous)?;
    file.execute_batch("CREATE TABLE events (sequence INTEGER PRIMARY KEY, data TEXT NOT NULL) STRICT")?;
    let mut delays = histogram()?;
    // As much as an event of the sites has.
    let data = "x".repeat(259);
    for sequence in 0..COMMITS {
        thread::sleep(PAUSE);
        let began = Instant::now();
        let transaction = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.prepare_cached("INSERT INTO events VALUES (?1, ?2)")?.execute((sequence, &data))?;
        transaction.commit()?;
        delays.saturating_record(began.elapsed().as_nanos().try_into()?);
    }
    say(&Word::Delays(Delays::from(&delays)))
}
