//! What is dropped, and when: too old or too much, but not what a sink still waits for, up to a cap.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use foldhash::fast::RandomState;
use rusqlite::{Connection, TransactionBehavior};
use watchpost_actors::model::Sequence;

use super::{
    rows::{int, sequence},
    telemetry::{EventsDropped, JournalMeasured},
};

/// Events dropped in one step at most.
const ROWS: u64 = 1_000;
/// Bytes dropped in one step, about: large events are unlinked page by page.
const BYTES: u64 = 8 << 20;
/// What an event takes beside its data, about.
const BESIDE: u64 = 300;

/// The lowest sequence that some sink still waits for. Clones share it.
///
/// Events from here on are kept past retention, up to `max_undelivered`. Unless set, nobody waits for anything.
#[derive(Clone, Debug)]
pub struct Floor(Arc<AtomicU64>);

impl Default for Floor {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }
}

impl Floor {
    /// Who waits for what is not known yet: nothing is dropped.
    pub const UNKNOWN: Sequence = Sequence(0);

    /// Every sink has what is below; `Sequence(u64::MAX)`: nobody waits.
    pub fn set(&self, sequence: Sequence) {
        self.0.store(sequence.0, Ordering::Relaxed);
    }

    fn get(&self) -> Sequence {
        Sequence(self.0.load(Ordering::Relaxed))
    }
}

/// What is kept.
#[derive(Debug)]
pub(super) struct Retention {
    pub(super) retain: Duration,
    pub(super) max_journal: u64,
    pub(super) max_undelivered: u64,
    pub(super) floor: Floor,
    /// Undelivered events are being dropped, and that was said.
    pub(super) dropping: bool,
}

/// What a step has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trimmed {
    /// Nothing was to drop.
    Nothing,
    /// Something was dropped; there may be more.
    Some,
    /// There is something to drop, once the states that it set are in the image.
    WaitsForImage,
}

/// What was measured before a step.
struct Measure {
    used: u64,
    oldest: Sequence,
    next: Sequence,
}

impl Measure {
    fn take(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let pages = number("page_count")?.saturating_sub(number("freelist_count")?);
        let used = u64::try_from(pages.saturating_mul(number("page_size")?)).unwrap_or(0);
        let mut select = connection.prepare_cached("SELECT (SELECT min(sequence) FROM events), next FROM journal")?;
        let (oldest, next) = select.query_row([], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get(1)?)))?;
        Ok(Self { used, oldest: sequence(oldest.unwrap_or(next)), next: sequence(next) })
    }

    fn events(&self) -> u64 {
        self.next.0.saturating_sub(self.oldest.0)
    }

    /// What an event takes on the average, the unused ends of pages with it.
    fn average(&self) -> u64 {
        self.used / self.events().max(1)
    }

    /// The part of the file that the events from `floor` on take, taking all events for equal.
    fn undelivered(&self, floor: Sequence) -> u64 {
        let waiting = self.next.0.saturating_sub(floor.0.max(self.oldest.0));
        let share = u128::from(self.used) * u128::from(waiting) / u128::from(self.events().max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// What a step drops.
struct Cut {
    /// Everything below goes.
    end: Sequence,
    events: u64,
    undelivered: u64,
    /// For each lane, the number after its last event that goes.
    lanes: HashMap<i64, Sequence, RandomState>,
    waits: bool,
}

impl Retention {
    /// Drops the oldest events that may go, a thousand at most, and only such as are below `image`.
    pub(super) fn step(&mut self, connection: &mut Connection, image: Sequence, now: i64) -> rusqlite::Result<Trimmed> {
        let measure = Measure::take(connection)?;
        JournalMeasured { bytes: measure.used, events: measure.events() }.emit();
        if self.floor.get() == Floor::UNKNOWN {
            return Ok(Trimmed::Nothing);
        }
        // Not when there is nothing left to drop, for a moment later there is again.
        self.dropping = self.dropping && measure.undelivered(self.floor.get()) > self.max_undelivered / 2;
        let cut = self.choose(connection, &measure, image, now)?;
        if cut.events == 0 {
            return Ok(if cut.waits { Trimmed::WaitsForImage } else { Trimmed::Nothing });
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let sql = "UPDATE lanes SET lost = lost AND dropped >= ?2, dropped = max(dropped, ?2) WHERE lane = ?1";
            let mut tell = transaction.prepare_cached(sql)?;
            for (lane, dropped) in &cut.lanes {
                tell.execute([*lane, int(*dropped)])?;
            }
            transaction.prepare_cached("DELETE FROM events WHERE sequence < ?1")?.execute([int(cut.end)])?;
        }
        transaction.commit()?;
        let first = cut.undelivered > 0 && !self.dropping;
        self.dropping |= first;
        EventsDropped { events: cut.events, undelivered: cut.undelivered, first }.emit();
        Ok(Trimmed::Some)
    }

    /// From the oldest on, as far as they are too old or too much, and not waited for.
    fn choose(&self, connection: &Connection, measure: &Measure, image: Sequence, now: i64) -> rusqlite::Result<Cut> {
        let floor = self.floor.get();
        let too_old = now.saturating_sub(i64::try_from(self.retain.as_micros()).unwrap_or(i64::MAX));
        let too_much = measure.used.saturating_sub(self.max_journal);
        let mut over_cap = measure.undelivered(floor).saturating_sub(self.max_undelivered);
        let mut cut = Cut { end: Sequence(0), events: 0, undelivered: 0, lanes: HashMap::default(), waits: false };
        let sql = "SELECT sequence, lane, recorded, octet_length(data) FROM events ORDER BY sequence";
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query([])?;
        let mut bytes = 0;
        while let Some(row) = rows.next()?
            && cut.events < ROWS
            && bytes < BYTES
        {
            let (number, lane, recorded): (_, i64, i64) = (sequence(row.get(0)?), row.get(1)?, row.get(2)?);
            if recorded >= too_old && bytes >= too_much {
                break;
            }
            let waited_for = number >= floor;
            if waited_for && over_cap == 0 {
                break;
            }
            if number >= image {
                cut.waits = true;
                break;
            }
            // Rather too much: then another step follows, and nothing goes that could have stayed.
            let size = measure.average().max(BESIDE + u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0));
            bytes += size;
            if waited_for {
                over_cap = over_cap.saturating_sub(size);
                cut.undelivered += 1;
            }
            cut.events += 1;
            cut.end = number.plus(1);
            cut.lanes.insert(lane, cut.end);
        }
        Ok(cut)
    }
}
