//! The floor of `durable`: the rows that the engine has stored, put into a fresh file in the transactions in which it stored them.
//!
//! One thread, one prepared statement. The rows are in memory before the clock starts; table, index and settings are the journal's. No
//! socket, no event taken apart, no states, no checkpoint, no sink, nobody who reads.

use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior};

use crate::meter::Meter;
use crate::words::{Word, say};
use crate::{CopyTask, Mode, Outcome};

/// Copies what went before the flood, then the flood by the clock, and tells what that took.
pub(crate) fn run(task: &CopyTask) -> Outcome<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(&task.from, flags)?;
    let mut target = create(&task.to, &source, task.synchronous)?;
    let end = task.first + i64::try_from(task.events)?;
    insert(&mut target, &read(&source, 0..task.first)?)?;
    let commits = read(&source, task.first..end)?;

    let meter = Meter::start()?;
    let began = Instant::now();
    insert(&mut target, &commits)?;
    let wall_seconds = began.elapsed().as_secs_f64();
    let taken = meter.stop(task.events)?;

    let (stored, copied) = (census(&source, end)?, census(&target, end)?);
    if stored != copied || commits.iter().map(|commit| commit.rows).sum::<usize>() as u64 != task.events {
        return Err(format!("the copy differs from the journal: {copied:?} and not {stored:?}").into());
    }
    let mut sizes: Vec<_> = commits.iter().map(|commit| commit.rows).collect();
    sizes.sort_unstable();
    let rows_per_commit = sizes.get(sizes.len() / 2).copied().unwrap_or(0);
    say(&Word::Copied { taken, wall_seconds, rows_per_commit })
}

/// A file with the tables of the journal, and its settings.
fn create(path: &Path, source: &Connection, synchronous: Mode) -> Outcome<Connection> {
    let target = Connection::open(path)?;
    set(&target, synchronous)?;
    // By their numbers: in the order in which they were made.
    let mut schema = source.prepare("SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY rowid")?;
    for sql in schema.query_map([], |row| row.get::<_, String>(0))? {
        target.execute_batch(&sql?)?;
    }
    let mut lanes = source.prepare("SELECT lane, connection, vendor, dropped FROM lanes")?;
    let lane = |row: &Row<'_>| <(i64, String, String, i64)>::try_from(row);
    for lane in lanes.query_map([], lane)? {
        target.execute("INSERT INTO lanes (lane, connection, vendor, dropped) VALUES (?1, ?2, ?3, ?4)", lane?)?;
    }
    Ok(target)
}

/// The settings of the journal (`src/journal/opening.rs`), on a new file.
pub(crate) fn set(target: &Connection, synchronous: Mode) -> Outcome<()> {
    target.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    target.pragma_update(None, "synchronous", synchronous.name())?;
    target.pragma_update(None, "wal_autocheckpoint", 1_000)?;
    target.pragma_update(None, "journal_size_limit", 16 << 20)?;
    target.pragma_update(None, "cache_size", -(16 << 10))?;
    target.pragma_update(None, "temp_store", "MEMORY")?;
    target.pragma_update(None, "trusted_schema", false)?;
    target.pragma_update(None, "cell_size_check", true)?;
    Ok(())
}

/// The rows of one transaction, packed, since all of them are in memory at once.
struct Commit {
    recorded: i64,
    rows: usize,
    cells: Vec<Cell>,
    texts: String,
}

enum Cell {
    Null,
    Integer(i64),
    /// A part of the commit's texts.
    Text(Range<usize>),
}

/// A cell with its text, to be bound.
struct Bound<'a>(&'a Cell, &'a str);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Cell::Null => ValueRef::Null,
            Cell::Integer(number) => ValueRef::Integer(*number),
            Cell::Text(part) => ValueRef::Text(&self.1.as_bytes()[part.clone()]),
        }))
    }
}

/// The rows with these sequences. What was stored together has one moment at which it was.
fn read(source: &Connection, sequences: Range<i64>) -> Outcome<Vec<Commit>> {
    let mut select = source.prepare("SELECT * FROM events WHERE sequence >= ?1 AND sequence < ?2 ORDER BY sequence")?;
    let (columns, moment) = (select.column_count(), select.column_index("recorded")?);
    let mut rows = select.query([sequences.start, sequences.end])?;
    let mut commits: Vec<Commit> = Vec::new();
    while let Some(row) = rows.next()? {
        let recorded = row.get(moment)?;
        if commits.last().is_none_or(|last| last.recorded != recorded) {
            commits.push(Commit { recorded, rows: 0, cells: Vec::new(), texts: String::new() });
        }
        let Some(Commit { rows, cells, texts, .. }) = commits.last_mut() else { continue };
        *rows += 1;
        for column in 0..columns {
            cells.push(match row.get_ref(column)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                value => {
                    let start = texts.len();
                    texts.push_str(value.as_str()?);
                    Cell::Text(start..texts.len())
                }
            });
        }
    }
    Ok(commits)
}

fn insert(target: &mut Connection, commits: &[Commit]) -> Outcome<()> {
    for commit in commits {
        let transaction = target.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let columns = commit.cells.len() / commit.rows;
        {
            let places = vec!["?"; columns].join(", ");
            let mut insert = transaction.prepare_cached(&format!("INSERT INTO events VALUES ({places})"))?;
            for row in commit.cells.chunks_exact(columns) {
                for (cell, place) in row.iter().zip(1..) {
                    insert.raw_bind_parameter(place, Bound(cell, &commit.texts))?;
                }
                insert.raw_execute()?;
            }
        }
        transaction.commit()?;
    }
    Ok(())
}

/// How many rows there are below `end`, and what they weigh.
fn census(file: &Connection, end: i64) -> Outcome<(i64, i64)> {
    let sql =
        "SELECT count(*), coalesce(sum(octet_length(id) + octet_length(data)), 0) FROM events WHERE sequence < ?1";
    Ok(file.query_row(sql, [end], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
