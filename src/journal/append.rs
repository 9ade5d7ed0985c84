//! Storing: one group, one transaction.

use std::{collections::HashMap, sync::Arc, time::Instant};

use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension, TransactionBehavior, params};
use watchpost_actors::{
    journal::{Append, Checkpoint, StateWrite, last_states},
    model::{
        ConnectionName, Sequence,
        event::Committed,
        state::{StateEntry, StateRef},
    },
};

use super::{
    SqliteJournal,
    image::{Entries, Image},
    rows::{self, INSERT_EVENT, Place, REPLACE_STATE, insert_event, int, moment, replace_state},
    telemetry::GroupStored,
};

/// A lane as the database knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lane {
    pub(super) id: i64,
    /// Whose events its rows are unless they say otherwise.
    vendor: &'static str,
}

/// Lanes already asked for. Only a cache: it is emptied when a transaction fails, for it may know lanes that were never stored.
pub(super) type Lanes = HashMap<ConnectionName, Lane, foldhash::fast::RandomState>;

/// What an append does to the states, once it is stored.
struct Change {
    lane: i64,
    entries: Vec<StateEntry>,
    /// The entries are in the stored image already.
    written: bool,
}

impl Change {
    fn apply(self, image: &mut Image) {
        for entry in self.entries {
            if !self.written {
                image.set(self.lane, entry);
            } else if let Some(key) = entry.key() {
                image.written(self.lane, &key);
            }
        }
    }
}

impl SqliteJournal {
    /// Stores a group, all of it or nothing of it.
    pub(super) fn store(&mut self, group: Vec<Append>) -> rusqlite::Result<Vec<Arc<Committed>>> {
        let started = Instant::now();
        // The clock may step back; what users page by must not.
        let recorded = self.recorded.max((self.clock)().as_microsecond());
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (commits, next, changes) = {
            let mut step = Step {
                transaction: &transaction,
                insert: transaction.prepare_cached(INSERT_EVENT)?,
                lanes: &mut self.lanes,
                next: self.next,
                recorded,
                changes: Vec::new(),
            };
            let commits = group.into_iter().map(|append| step.append(append)).collect::<Result<Vec<_>, _>>()?;
            (commits, step.next, step.changes)
        };
        if next != self.next {
            transaction
                .prepare_cached("UPDATE journal SET next = ?1, recorded = ?2")?
                .execute([int(next), recorded])?;
        }
        transaction.commit()?;
        // It is stored; from here on nothing fails.
        (self.next, self.recorded) = (next, recorded);
        for change in changes {
            change.apply(&mut self.image);
        }
        GroupStored { took: started.elapsed() }.emit();
        Ok(commits)
    }
}

/// A group on its way.
struct Step<'a> {
    transaction: &'a Connection,
    insert: CachedStatement<'a>,
    lanes: &'a mut Lanes,
    next: Sequence,
    recorded: i64,
    changes: Vec<Change>,
}

impl Step<'_> {
    fn append(&mut self, append: Append) -> rusqlite::Result<Arc<Committed>> {
        let Append { connection, vendor, events, states, checkpoint, heard } = append;
        let lane = lane(self.transaction, self.lanes, &connection, vendor)?;
        let commit = Committed { connection, vendor, first: self.next, recorded: moment(self.recorded), events };
        let sets = sets_state(&states, &commit);
        for ((event, sets_state), index) in commit.events.iter().zip(sets).zip(0..) {
            let place = Place {
                sequence: commit.first.plus(index),
                lane: lane.id,
                recorded: self.recorded,
                vendor: (lane.vendor != vendor).then_some(vendor),
                sets_state,
            };
            insert_event(&mut self.insert, &place, event)?;
        }
        self.states(lane.id, &states, &commit)?;
        if checkpoint.is_some() || heard.is_some() {
            self.go_on_from(lane.id, checkpoint.as_ref(), heard)?;
        }
        self.next = commit.next();
        Ok(Arc::new(commit))
    }

    /// States that follow from the events in their order can wait; any others are written now.
    fn states(&mut self, lane: i64, states: &[StateWrite], commit: &Committed) -> rusqlite::Result<()> {
        let entries = last_states(states, commit).map(StateRef::to_entry);
        if follow_from_events(states) {
            let entries: Vec<_> = entries.collect();
            if !entries.is_empty() {
                self.changes.push(Change { lane, entries, written: false });
            }
            return Ok(());
        }
        let mut last = Entries::default();
        last.extend(entries.filter_map(|entry| Some((entry.key()?, entry))));
        let mut replace = self.transaction.prepare_cached(REPLACE_STATE)?;
        for entry in last.values() {
            replace_state(&mut replace, lane, entry, commit.next())?;
        }
        self.changes.push(Change { lane, entries: last.into_values().collect(), written: true });
        Ok(())
    }

    fn go_on_from(&self, lane: i64, checkpoint: Option<&Checkpoint>, heard: Option<Timestamp>) -> rusqlite::Result<()> {
        let sql = "UPDATE lanes SET checkpoint = coalesce(?2, checkpoint), heard = coalesce(?3, heard) WHERE lane = ?1";
        let (checkpoint, heard) = (checkpoint.map(|text| &*text.0), heard.map(Timestamp::as_microsecond));
        self.transaction.prepare_cached(sql)?.execute(params![lane, checkpoint, heard])?;
        Ok(())
    }
}

/// The lane of a connection, which is made if there is none.
fn lane(
    transaction: &Connection,
    known: &mut Lanes,
    connection: &ConnectionName,
    vendor: &'static str,
) -> rusqlite::Result<Lane> {
    if let Some(lane) = known.get(connection) {
        return Ok(*lane);
    }
    let name = connection.as_str();
    let stored = transaction
        .prepare_cached("SELECT lane, vendor FROM lanes WHERE connection = ?1")?
        .query_row([name], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    let lane = match stored {
        Some((id, Some(stored))) => Lane { id, vendor: rows::vendor(&stored) },
        Some((id, None)) => {
            transaction.execute("UPDATE lanes SET vendor = ?2 WHERE lane = ?1", params![id, vendor])?;
            Lane { id, vendor }
        }
        None => {
            let sql =
                "INSERT INTO lanes (connection, vendor, dropped, lost) SELECT ?1, ?2, base, base > 0 FROM journal";
            transaction.execute(sql, [name, vendor])?;
            Lane { id: transaction.last_insert_rowid(), vendor }
        }
    };
    known.insert(connection.clone(), lane);
    Ok(lane)
}

/// For each event, whether it sets a state: a meaning with a state is not enough.
fn sets_state(states: &[StateWrite], commit: &Committed) -> Vec<bool> {
    let mut sets = vec![false; commit.events.len()];
    for write in states {
        if let StateWrite::ByEvent(index) = write
            && let Some((set, event)) = sets.get_mut(*index as usize).zip(commit.events.get(*index as usize))
        {
            *set = event.has_state();
        }
    }
    sets
}

/// Whether reading the events again, in their order, leaves the same states behind.
fn follow_from_events(states: &[StateWrite]) -> bool {
    let mut above = 0;
    states.iter().all(|write| match write {
        StateWrite::ByEvent(index) if *index >= above => {
            above = index.saturating_add(1);
            true
        }
        _ => false,
    })
}
