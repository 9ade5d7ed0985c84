//! The store on disk, `delivery.db`: a SQLite database of its own beside the journal.
//!
//! WAL with `synchronous = NORMAL`: a transaction costs no wait for the disk. A power cut may take the last of them, but never an earlier
//! one without the later, so a position is never ahead of the dead letter that it passes.
//!
//! - `open`: finds, creates, refuses or lays aside the file. `rows`: what rows mean. Here: one statement or two for each question.

mod open;
mod rows;

use std::path::PathBuf;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use watchpost_actors::model::{ConnectionName, Sequence};

use self::rows::{key, lane_at, lane_name_at, letter_at, number, replay_at, sequence_at, time_at};
use super::{DeadLetter, DeliveryError, LetterFilter, Most, Place, Positions, Replay, SinkInfo, Store};
use crate::sinks::standing::Standing;

/// The file's name.
const FILE: &str = "delivery.db";

/// The open file.
#[derive(Debug)]
pub(super) struct Sqlite {
    db: Connection,
    path: PathBuf,
    /// How sinks stand with their brokers is so now: somebody runs them.
    tells_standings: bool,
}

impl Sqlite {
    fn write(&mut self) -> Result<Transaction<'_>, DeliveryError> {
        Ok(self.db.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

/// Moves a lane on, and clears what failed in it.
fn advance(tx: &Transaction<'_>, sink: &str, lane: Option<&ConnectionName>, place: Place) -> Result<(), DeliveryError> {
    let moved = tx
        .prepare_cached(
            "INSERT INTO lane (sink, connection, position, stored_at)
             SELECT name, ?2, max(started, ?3), coalesce(?4, started_at) FROM sink WHERE name = ?1
             ON CONFLICT (sink, connection) DO UPDATE SET
                 position = max(position, excluded.position), stored_at = coalesce(?4, stored_at),
                 failing_since = NULL, failed_at = NULL, why = NULL",
        )?
        .execute(params![sink, key(lane), number(place.position), place.stored.map(Timestamp::as_microsecond)])?;
    known(moved, sink)
}

/// A statement that changed nothing has found no such sink.
fn known(changed: usize, sink: &str) -> Result<(), DeliveryError> {
    if changed == 0 { Err(DeliveryError::UnknownSink { sink: sink.to_owned() }) } else { Ok(()) }
}

impl Store for Sqlite {
    fn named(&self, error: DeliveryError) -> DeliveryError {
        error.of(&self.path)
    }

    fn highest(&mut self) -> Result<Sequence, DeliveryError> {
        let sql =
            "SELECT max(coalesce((SELECT max(started) FROM sink), 0), coalesce((SELECT max(position) FROM lane), 0))";
        Ok(self.db.query_row(sql, [], |row| sequence_at(row, 0))?)
    }

    fn begin(&mut self, sink: &str, at: Sequence, now: Timestamp) -> Result<Positions, DeliveryError> {
        let tx = self.write()?;
        tx.execute(
            "INSERT INTO sink (name, started, started_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
            params![sink, number(at), now.as_microsecond()],
        )?;
        let (start, since) = tx.query_row("SELECT started, started_at FROM sink WHERE name = ?1", [sink], |row| {
            Ok((sequence_at(row, 0)?, time_at(row, 1)?))
        })?;
        let lanes = tx
            .prepare_cached("SELECT connection, position, stored_at FROM lane WHERE sink = ?1")?
            .query_map([sink], |row| Ok((lane_name_at(row, 0)?, (sequence_at(row, 1)?, time_at(row, 2)?))))?
            .collect::<Result<_, _>>()?;
        tx.commit()?;
        Ok(Positions { start, since, lanes })
    }

    fn delivered(
        &mut self,
        sink: &str,
        lane: Option<&ConnectionName>,
        place: Place,
        events: u64,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let tx = self.write()?;
        advance(&tx, sink, lane, place)?;
        if events > 0 {
            tx.prepare_cached("UPDATE sink SET delivered = delivered + ?2, delivered_at = ?3 WHERE name = ?1")?
                .execute(params![sink, number(Sequence(events)), now.as_microsecond()])?;
        }
        Ok(tx.commit()?)
    }

    fn dead(
        &mut self,
        letter: &DeadLetter,
        lane: Option<&ConnectionName>,
        place: Option<Place>,
        most: Most,
    ) -> Result<(), DeliveryError> {
        let tx = self.write()?;
        if let Some(place) = place {
            advance(&tx, &letter.sink, lane, place)?;
        }
        let repeated = tx
            .prepare_cached(
                "UPDATE dead_letter SET tries = tries + ?4, last_at = ?5, why = ?6
                 WHERE sink = ?1 AND event_id = ?2 AND sequence = ?3",
            )?
            .execute(params![
                letter.sink,
                letter.event_id,
                number(letter.sequence),
                letter.tries,
                letter.last.as_microsecond(),
                letter.why
            ])?;
        if repeated == 0 {
            let sql = "SELECT count(*), coalesce(sum(octet_length(line)), 0) FROM dead_letter WHERE sink = ?1";
            let (letters, bytes) = tx
                .prepare_cached(sql)?
                .query_row([&letter.sink], |row| Ok((sequence_at(row, 0)?.0, sequence_at(row, 1)?.0)))?;
            if most.is_reached(letters, bytes) {
                return Err(DeliveryError::Full { sink: letter.sink.clone(), letters, bytes });
            }
            tx.prepare_cached(
                "INSERT INTO dead_letter
                     (sink, connection, vendor, sequence, event_id, kind, why, tries, first_at, last_at, line)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                letter.sink,
                letter.connection.as_str(),
                letter.vendor,
                number(letter.sequence),
                letter.event_id,
                letter.kind,
                letter.why,
                letter.tries,
                letter.first.as_microsecond(),
                letter.last.as_microsecond(),
                letter.line
            ])?;
        }
        Ok(tx.commit()?)
    }

    fn failing(
        &mut self,
        sink: &str,
        lane: Option<&ConnectionName>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let changed = self
            .db
            .prepare_cached(
                "INSERT INTO lane (sink, connection, position, stored_at, failing_since, failed_at, why)
                 SELECT name, ?2, started, started_at, ?3, ?3, ?4 FROM sink WHERE name = ?1
                 ON CONFLICT (sink, connection) DO UPDATE SET
                     failing_since = coalesce(failing_since, excluded.failing_since),
                     failed_at = excluded.failed_at, why = excluded.why",
            )?
            .execute(params![sink, key(lane), now.as_microsecond(), why])?;
        known(changed, sink)
    }

    fn stands(&mut self, sink: &str, standing: Option<&Standing>) -> Result<(), DeliveryError> {
        let Some(standing) = standing else {
            self.db.prepare_cached("DELETE FROM standing WHERE sink = ?1")?.execute([sink])?;
            return Ok(());
        };
        let told = serde_json::to_string(standing).map_err(|error| DeliveryError::Unavailable(error.to_string()))?;
        let changed = self
            .db
            .prepare_cached(
                "INSERT INTO standing (sink, told) SELECT name, ?2 FROM sink WHERE name = ?1
                 ON CONFLICT (sink) DO UPDATE SET told = excluded.told",
            )?
            .execute(params![sink, told])?;
        known(changed, sink)
    }

    fn sinks(&mut self) -> Result<Vec<SinkInfo>, DeliveryError> {
        let tx = self.db.transaction()?;
        let mut sinks: Vec<SinkInfo> = tx
            .prepare_cached(
                "SELECT name, started, started_at, delivered, delivered_at,
                     (SELECT count(*) FROM dead_letter WHERE dead_letter.sink = name)
                 FROM sink ORDER BY name",
            )?
            .query_map([], |row| {
                Ok(SinkInfo {
                    name: row.get(0)?,
                    started: sequence_at(row, 1)?,
                    started_at: time_at(row, 2)?,
                    delivered: sequence_at(row, 3)?.0,
                    last_delivered: row.get::<_, Option<i64>>(4)?.map(|_| time_at(row, 4)).transpose()?,
                    lanes: Vec::new(),
                    dead_letters: sequence_at(row, 5)?.0,
                    standing: None,
                })
            })?
            .collect::<Result<_, _>>()?;
        for sink in &mut sinks {
            sink.lanes = lanes(&tx, &sink.name)?;
            if self.tells_standings {
                sink.standing = standing(&tx, &sink.name)?;
            }
        }
        Ok(sinks)
    }

    fn dead_letters(
        &mut self,
        filter: &LetterFilter,
        after: i64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, DeliveryError> {
        let ids = filter.ids.as_deref().map(list);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let letters = self
            .db
            .prepare_cached(
                "SELECT id, sink, connection, vendor, sequence, event_id, kind, why, tries, first_at, last_at, line
                 FROM dead_letter
                 WHERE id > ?1 AND (?2 IS NULL OR sink = ?2)
                     AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3)))
                 ORDER BY id LIMIT ?4",
            )?
            .query_map(params![after, filter.sink, ids, limit], letter_at)?
            .collect::<Result<_, _>>()?;
        Ok(letters)
    }

    fn remove_dead_letters(&mut self, ids: &[i64]) -> Result<usize, DeliveryError> {
        let sql = "DELETE FROM dead_letter WHERE id IN (SELECT value FROM json_each(?1))";
        Ok(self.db.prepare_cached(sql)?.execute([list(ids)])?)
    }

    fn retried(&mut self, id: i64, why: &str, now: Timestamp) -> Result<(), DeliveryError> {
        let sql = "UPDATE dead_letter SET tries = tries + 1, last_at = ?2, why = ?3 WHERE id = ?1";
        let changed = self.db.prepare_cached(sql)?.execute(params![id, now.as_microsecond(), why])?;
        if changed == 0 { Err(DeliveryError::NoDeadLetter { id }) } else { Ok(()) }
    }

    fn add_replay(
        &mut self,
        sink: &str,
        from: Sequence,
        until: Sequence,
        now: Timestamp,
    ) -> Result<Replay, DeliveryError> {
        let replay = self.db.query_row(
            "INSERT INTO replay (sink, first, until, position, events, created_at) VALUES (?1, ?2, ?3, ?2, 0, ?4)
             RETURNING id, sink, first, until, position, events, created_at",
            params![sink, number(from), number(until), now.as_microsecond()],
            replay_at,
        )?;
        Ok(replay)
    }

    fn replays(&mut self, sink: Option<&str>) -> Result<Vec<Replay>, DeliveryError> {
        let replays = self
            .db
            .prepare_cached(
                "SELECT id, sink, first, until, position, events, created_at FROM replay
                 WHERE ?1 IS NULL OR sink = ?1 ORDER BY id",
            )?
            .query_map([sink], replay_at)?
            .collect::<Result<_, _>>()?;
        Ok(replays)
    }

    fn replayed(&mut self, id: i64, position: Sequence, events: u64) -> Result<(), DeliveryError> {
        let sql = "UPDATE replay SET position = max(position, ?2), events = events + ?3 WHERE id = ?1 RETURNING id";
        let mut update = self.db.prepare_cached(sql)?;
        let found: Option<i64> =
            update.query_row(params![id, number(position), number(Sequence(events))], |row| row.get(0)).optional()?;
        found.map(drop).ok_or(DeliveryError::NoReplay { id })
    }

    fn end_replay(&mut self, id: i64) -> Result<(), DeliveryError> {
        self.db.prepare_cached("DELETE FROM replay WHERE id = ?1")?.execute([id])?;
        Ok(())
    }
}

fn lanes(db: &Connection, sink: &str) -> Result<Vec<super::LanePosition>, DeliveryError> {
    let lanes = db
        .prepare_cached(
            "SELECT connection, position, failing_since, failed_at, why FROM lane WHERE sink = ?1 ORDER BY connection",
        )?
        .query_map([sink], lane_at)?
        .collect::<Result<_, _>>()?;
    Ok(lanes)
}

fn standing(db: &Connection, sink: &str) -> Result<Option<Standing>, DeliveryError> {
    let mut told = db.prepare_cached("SELECT told FROM standing WHERE sink = ?1")?;
    let told: Option<String> = told.query_row([sink], |row| row.get(0)).optional()?;
    // Another version may have told it in its own way.
    Ok(told.and_then(|told| serde_json::from_str(&told).ok()))
}

/// Ids as a JSON list.
fn list(ids: &[i64]) -> String {
    let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(","))
}
