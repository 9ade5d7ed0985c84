//! The image of the states: what each was as of some event, so that events may go and a start need not read them all.
//!
//! ```text
//! events  ░░░░░░░░░░░░░░░░░░│▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒│████████████
//!         in the image      │ moving        │ fresh        both can be made from the events again
//!                           └ position      └ target
//! ```
//!
//! What events change waits in memory (`fresh`) and is written from time to time, in small steps; each row says as of which event it
//! stands, so that a crash between two steps only means that some events are folded in that are in already, and those are passed over. A state
//! that was set without an event is written at once, in the transaction of its append, as nothing else could bring it back.

use std::{
    collections::HashMap,
    mem,
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;
use rusqlite::{Connection, TransactionBehavior, params};
use watchpost_actors::model::{Sequence, StateKey, state::StateEntry};

use super::rows::{REPLACE_STATE, int, replace_state};

/// The image moves when so many events are not in it,
const EVENTS: u64 = 8_192;
/// or when any is not for so long: a start reads no more than that.
const EVERY: Duration = Duration::from_secs(10);
/// States written in one step.
const ROWS: usize = 1_000;
/// Events folded in one step of a recovery.
const FOLD: i64 = 4_096;

/// The states of a lane.
pub(super) type Entries = HashMap<StateKey, StateEntry, RandomState>;
/// The states of all lanes, by the lane's number.
type Lanes = HashMap<i64, Entries, RandomState>;

/// What is not in the stored image yet.
#[derive(Debug)]
pub(super) struct Image {
    /// Events below are in the stored image.
    position: Sequence,
    fresh: Lanes,
    moving: Option<Moving>,
    moved: Instant,
    /// States written in one step.
    pub(super) rows: usize,
}

/// A move under way.
#[derive(Debug)]
struct Moving {
    /// What the entries stand for: every event below.
    target: Sequence,
    left: Lanes,
}

impl Image {
    pub(super) fn new(position: Sequence) -> Self {
        Self { position, fresh: Lanes::default(), moving: None, moved: Instant::now(), rows: ROWS }
    }

    /// Events below are in the stored image, so they may go.
    pub(super) fn position(&self) -> Sequence {
        self.position
    }

    /// An event that is stored has set a state.
    pub(super) fn set(&mut self, lane: i64, entry: StateEntry) {
        if let Some(key) = entry.key() {
            self.fresh.entry(lane).or_default().insert(key, entry);
        }
    }

    /// A state was written with its append: what waits here is older.
    pub(super) fn written(&mut self, lane: i64, key: &StateKey) {
        let moving = self.moving.as_mut().map(|moving| &mut moving.left);
        for lanes in [Some(&mut self.fresh), moving].into_iter().flatten() {
            if let Some(entries) = lanes.get_mut(&lane) {
                entries.remove(key);
            }
        }
    }

    /// Puts what waits here over what is stored.
    pub(super) fn overlay(&self, lane: i64, states: &mut Entries) {
        let moving = self.moving.as_ref().map(|moving| &moving.left);
        for entries in [moving, Some(&self.fresh)].into_iter().flatten().filter_map(|lanes| lanes.get(&lane)) {
            states.extend(entries.iter().map(|(key, entry)| (key.clone(), entry.clone())));
        }
    }

    /// One step of a move, or its beginning if one is due. Answers whether there is more to do.
    pub(super) fn step(&mut self, connection: &mut Connection, next: Sequence, now: bool) -> rusqlite::Result<bool> {
        if self.moving.is_none() {
            let behind = next.0.saturating_sub(self.position.0);
            if behind == 0 || !(now || behind > EVENTS || self.moved.elapsed() > EVERY) {
                return Ok(false);
            }
            self.moving = Some(Moving { target: next, left: mem::take(&mut self.fresh) });
        }
        self.write(connection)
    }

    /// Writes some of what is left to write; with the last of it, the image has moved.
    fn write(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let Some(Moving { target, left }) = &mut self.moving else { return Ok(false) };
        let step: Vec<_> = left
            .iter()
            .flat_map(|(lane, entries)| entries.iter().map(|(key, entry)| (*lane, key.clone(), entry)))
            .take(self.rows)
            .collect();
        let total: usize = left.values().map(HashMap::len).sum();
        let done = step.len() == total;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut replace = transaction.prepare_cached(REPLACE_STATE)?;
            for (lane, _, entry) in &step {
                replace_state(&mut replace, *lane, entry, *target)?;
            }
        }
        if done {
            transaction.prepare_cached("UPDATE journal SET image = ?1")?.execute([int(*target)])?;
        }
        transaction.commit()?;
        if done {
            (self.position, self.moved) = (*target, Instant::now());
            self.moving = None;
            return Ok(false);
        }
        let written: Vec<_> = step.into_iter().map(|(lane, key, _)| (lane, key)).collect();
        for (lane, key) in written {
            if let Some(entries) = left.get_mut(&lane) {
                entries.remove(&key);
            }
        }
        left.retain(|_, entries| !entries.is_empty());
        Ok(true)
    }

    /// Writes all that waits.
    pub(super) fn finish(&mut self, connection: &mut Connection, next: Sequence) -> rusqlite::Result<()> {
        while self.step(connection, next, true)? || self.position < next {}
        Ok(())
    }
}

/// After a crash: folds into the image what was not in it yet.
pub(super) fn recover(connection: &mut Connection) -> rusqlite::Result<()> {
    // They are written together; but a number that is given twice would be the end of the journal.
    let last = "(SELECT max(sequence) FROM events)";
    connection.execute(&format!("UPDATE journal SET next = {last} + 1 WHERE next <= {last}"), [])?;
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT min(sequence) FROM events WHERE sequence >= (SELECT image FROM journal)";
        let first: Option<i64> = transaction.query_row(sql, [], |row| row.get(0))?;
        let Some(first) = first else {
            return transaction
                .execute("UPDATE journal SET image = next WHERE image < next", [])
                .and_then(|_| transaction.commit());
        };
        let end = first.saturating_add(FOLD);
        transaction.execute(FOLD_EVENTS, params![first, end])?;
        transaction.execute("UPDATE journal SET image = min(?1, next)", [end])?;
        transaction.commit()?;
    }
}

/// An event has a say in a state unless the state stands as of a later one.
const FOLD_EVENTS: &str = "
    INSERT INTO states (lane, item, vendor_group, itemname, type, typename, stategroup, state, vendor_value, state_text,
                        time, origin, sequence, as_of)
    SELECT lane, item, vendor_group, itemname, type, typename, stategroup, state, vendor_value, state_text,
           time, origin, sequence, sequence + 1
    FROM events WHERE sequence >= ?1 AND sequence < ?2 AND sets_state
    ORDER BY sequence
    ON CONFLICT (lane, item, vendor_group) DO UPDATE SET
        itemname = excluded.itemname, type = excluded.type, typename = excluded.typename,
        stategroup = excluded.stategroup, state = excluded.state, vendor_value = excluded.vendor_value,
        state_text = excluded.state_text, time = excluded.time, origin = excluded.origin,
        sequence = excluded.sequence, as_of = excluded.as_of
    WHERE excluded.as_of > states.as_of";
