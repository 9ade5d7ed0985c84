//! What a connection finds again.

use rusqlite::{OptionalExtension, TransactionBehavior};
use watchpost_actors::{
    journal::{Checkpoint, Loaded},
    model::{ConnectionName, EventId},
};

use super::{
    SqliteJournal,
    image::Entries,
    rows::{SELECT_STATES, moment},
};

/// Ids of the last events, handed back so that repeats are known: so many at least,
const SEEN_LEAST: usize = 1_024;
/// and those stored within so many microseconds before the last,
const SEEN_WITHIN: i64 = 3_600_000_000;
/// but never more than this.
const SEEN_MOST: usize = 65_536;
/// Bytes written to see whether the disk has room again: about what a batch takes.
const PROBE: i64 = 64 << 10;

impl SqliteJournal {
    /// The number of the connection's lane, which is made if there is none. Fails where nothing could be stored.
    pub(super) fn prepare_lane(&mut self, connection: &ConnectionName) -> rusqlite::Result<i64> {
        if self.failing {
            // Two transactions: pages that one of them takes and gives back are never written.
            self.connection.execute("UPDATE journal SET probe = zeroblob(?1)", [PROBE])?;
            self.connection.execute("UPDATE journal SET probe = NULL", [])?;
        }
        let name = connection.as_str();
        let find = "SELECT lane FROM lanes WHERE connection = ?1";
        let found = self.connection.prepare_cached(find)?.query_row([name], |row| row.get(0)).optional()?;
        match found {
            Some(lane) => Ok(lane),
            None => {
                let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                // Where an earlier journal is lost, the connection may have been in it: what was since then is a gap.
                let insert =
                    "INSERT INTO lanes (connection, heard, dropped, lost) SELECT ?1, lost, base, base > 0 FROM journal";
                transaction.execute(insert, [name])?;
                let lane = transaction.last_insert_rowid();
                transaction.commit()?;
                Ok(lane)
            }
        }
    }

    /// Checkpoint, states and ids of a lane.
    pub(super) fn load_lane(&mut self, lane: i64) -> rusqlite::Result<Loaded> {
        let (checkpoint, heard) =
            self.connection.query_row("SELECT checkpoint, heard FROM lanes WHERE lane = ?1", [lane], |row| {
                Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<i64>>(1)?))
            })?;
        Ok(Loaded {
            checkpoint: checkpoint.map(|text| Checkpoint(text.into())),
            heard: heard.map(moment),
            states: self.states(lane)?.into_values().collect(),
            seen: self.seen(lane)?,
        })
    }

    fn states(&mut self, lane: i64) -> rusqlite::Result<Entries> {
        let mut states = Entries::default();
        let mut select = self.connection.prepare_cached(SELECT_STATES)?;
        let mut rows = select.query([lane])?;
        while let Some(row) = rows.next()? {
            let entry = self.pages.shared.state(row)?;
            if let Some(key) = entry.key() {
                states.insert(key, entry);
            }
        }
        self.image.overlay(lane, &mut states);
        Ok(states)
    }

    /// Ids of the lane's last events, oldest first.
    fn seen(&self, lane: i64) -> rusqlite::Result<Vec<EventId>> {
        let sql = "SELECT recorded, id FROM events WHERE lane = ?1 ORDER BY sequence DESC";
        let mut select = self.connection.prepare_cached(sql)?;
        let mut rows = select.query([lane])?;
        let (mut seen, mut since) = (Vec::new(), None);
        while let Some(row) = rows.next()?
            && seen.len() < SEEN_MOST
        {
            let recorded: i64 = row.get(0)?;
            let since = *since.get_or_insert(recorded.saturating_sub(SEEN_WITHIN));
            if seen.len() >= SEEN_LEAST && recorded < since {
                break;
            }
            seen.push(EventId::new(row.get::<_, String>(1)?));
        }
        seen.reverse();
        Ok(seen)
    }
}
