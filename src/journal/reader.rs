//! Reading pages, by whichever connection. No read transaction outlives a call, so that SQLite's log can begin anew.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Rows, types::FromSqlError};
use watchpost_actors::{
    journal::{Ask, JournalError, LaneInfo, Page, Reader},
    model::{ConnectionName, Events, Sequence, event::Committed},
};

use super::{
    files::JournalFile,
    rows::{self, EVENT_COLUMNS, Shared, int, moment, sequence},
};

/// Bytes of vendor data after which a page is full.
const PAGE: usize = 4 << 20;

/// A reader for a thread of its own.
#[derive(Debug)]
pub(super) struct SqliteReader {
    connection: Connection,
    pages: Pages,
    file: JournalFile,
}

impl SqliteReader {
    pub(super) fn new(connection: Connection, file: JournalFile) -> Self {
        Self { connection, pages: Pages::default(), file }
    }
}

impl Reader for SqliteReader {
    fn read(&mut self, ask: &Ask) -> Result<Page, JournalError> {
        self.pages.read(&self.connection, ask).map_err(|error| self.file.refuse(&error))
    }

    fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
        lanes(&self.connection).map_err(|error| self.file.refuse(&error))
    }

    fn at(&mut self, time: Timestamp) -> Result<Sequence, JournalError> {
        at(&self.connection, time).map_err(|error| self.file.refuse(&error))
    }

    fn next(&mut self) -> Result<Sequence, JournalError> {
        next(&self.connection).map_err(|error| self.file.refuse(&error))
    }
}

/// What turns rows into pages, and remembers what many rows share.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub(super) shared: Shared,
    /// Name and vendor of each lane met; they never change.
    lanes: HashMap<i64, (ConnectionName, &'static str), RandomState>,
}

impl Pages {
    /// About as many events as were asked for: fewer where their data is large. Events of one connection that were stored at the same moment and
    /// follow each other become one group, whether they were one append or two.
    pub(super) fn read(&mut self, connection: &Connection, ask: &Ask) -> rusqlite::Result<Page> {
        let view = connection.unchecked_transaction()?;
        let oldest = oldest(&view, ask)?;
        let of = match &ask.of {
            None => None,
            Some(of) => match lane_of(&view, of)? {
                None => return Ok(Page { commits: Vec::new(), oldest, end: next(&view)? }),
                lane => lane,
            },
        };
        let only = if of.is_some() { "lane = ?2 AND" } else { "?2 IS NULL AND" };
        let sql = format!(
            "SELECT sequence, lane, recorded, vendor, {EVENT_COLUMNS} FROM events WHERE {only} sequence >= ?1 ORDER BY sequence"
        );
        let mut select = view.prepare_cached(&sql)?;
        let rows = select.query((int(ask.from), of))?;
        let (commits, end) = self.gather(&view, rows, ask.limit)?;
        Ok(Page { commits, oldest, end: end.map_or_else(|| next(&view), Ok)? })
    }

    /// Makes groups of rows. Answers them with the first sequence that found no room.
    fn gather(
        &mut self,
        connection: &Connection,
        mut rows: Rows<'_>,
        limit: usize,
    ) -> rusqlite::Result<(Vec<Arc<Committed>>, Option<Sequence>)> {
        let (mut commits, mut group) = (Vec::new(), None::<Group>);
        let (mut count, mut bytes) = (0, 0);
        while let Some(row) = rows.next()? {
            let sequence = sequence(row.get(0)?);
            if count >= limit || bytes >= PAGE {
                commits.extend(group.take().map(Group::close));
                return Ok((commits, Some(sequence)));
            }
            let place = self.place(connection, row)?;
            if group.as_ref().is_none_or(|group| !group.takes(sequence, &place)) {
                commits.extend(group.take().map(Group::close));
            }
            let group = group.get_or_insert_with(|| Group { first: sequence, place, events: Events::default() });
            let before = group.events.bytes();
            self.shared.event(row, &mut group.events)?;
            count += 1;
            bytes += group.events.bytes() - before;
        }
        commits.extend(group.map(Group::close));
        Ok((commits, None))
    }

    fn place(&mut self, connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Place> {
        let id = row.get(1)?;
        let (name, lane_vendor) = match self.lanes.get(&id) {
            Some(lane) => lane,
            None => {
                let lane = lane(connection, id)?;
                self.lanes.entry(id).or_insert(lane)
            }
        };
        let vendor = match row.get_ref(3)?.as_str_or_null()? {
            Some(vendor) => rows::vendor(vendor),
            None => lane_vendor,
        };
        Ok(Place { connection: name.clone(), vendor, recorded: row.get(2)? })
    }
}

/// What the events of a group have in common.
#[derive(PartialEq)]
struct Place {
    connection: ConnectionName,
    vendor: &'static str,
    recorded: i64,
}

/// A group while it is read.
struct Group {
    first: Sequence,
    place: Place,
    events: Events,
}

impl Group {
    fn takes(&self, sequence: Sequence, place: &Place) -> bool {
        self.first.plus(self.events.len() as u64) == sequence && self.place == *place
    }

    fn close(self) -> Arc<Committed> {
        let Self { first, place: Place { connection, vendor, recorded }, events } = self;
        Arc::new(Committed { connection, vendor, first, recorded: moment(recorded), events })
    }
}

/// Below this, events that were asked for are gone.
fn oldest(connection: &Connection, ask: &Ask) -> rusqlite::Result<Sequence> {
    let number = match &ask.of {
        None => connection
            .prepare_cached("SELECT coalesce((SELECT min(sequence) FROM events), (SELECT next FROM journal))")?
            .query_row([], |row| row.get(0))?,
        Some(of) => connection
            .prepare_cached(
                "SELECT coalesce((SELECT dropped FROM lanes WHERE connection = ?1), (SELECT base FROM journal))",
            )?
            .query_row([of.as_str()], |row| row.get(0))?,
    };
    Ok(sequence(number))
}

fn lane_of(connection: &Connection, name: &ConnectionName) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT lane FROM lanes WHERE connection = ?1")?;
    select.query_row([name.as_str()], |row| row.get(0)).optional()
}

fn lane(connection: &Connection, id: i64) -> rusqlite::Result<(ConnectionName, &'static str)> {
    let mut select = connection.prepare_cached("SELECT connection, coalesce(vendor, '') FROM lanes WHERE lane = ?1")?;
    select.query_row([id], |row| Ok((name(row)?, rows::vendor(row.get_ref(1)?.as_str()?))))
}

/// The name in a row's first column.
fn name(row: &Row<'_>) -> rusqlite::Result<ConnectionName> {
    let text = row.get_ref(0)?.as_str()?;
    text.parse().map_err(|error| FromSqlError::Other(Box::new(error)).into())
}

/// Every connection of which something is or was stored.
pub(super) fn lanes(connection: &Connection) -> rusqlite::Result<Vec<LaneInfo>> {
    let sql = "SELECT connection, vendor, dropped, lost FROM lanes WHERE vendor IS NOT NULL ORDER BY connection";
    let mut select = connection.prepare_cached(sql)?;
    let info = |row: &Row<'_>| {
        let vendor = rows::vendor(row.get_ref(1)?.as_str()?);
        Ok(LaneInfo { connection: name(row)?, vendor, dropped: sequence(row.get(2)?), lost: row.get(3)? })
    };
    select.query_map([], info)?.collect()
}

/// The sequence that the next event will get.
pub(super) fn next(connection: &Connection) -> rusqlite::Result<Sequence> {
    connection.prepare_cached("SELECT next FROM journal")?.query_row([], |row| row.get(0)).map(sequence)
}

/// The first event stored at or after `time`, found by halving: moments grow with sequences, so no index is needed.
pub(super) fn at(connection: &Connection, time: Timestamp) -> rusqlite::Result<Sequence> {
    let view = connection.unchecked_transaction()?;
    let mut after =
        view.prepare_cached("SELECT sequence, recorded FROM events WHERE sequence >= ?1 ORDER BY sequence LIMIT 1")?;
    let mut first = |from: Sequence| {
        let read = |row: &Row<'_>| Ok((sequence(row.get(0)?), moment(row.get(1)?)));
        after.query_row([int(from)], read).optional()
    };
    let end = next(&view)?;
    let (mut low, mut high) = (first(Sequence(0))?.map_or(end, |(first, _)| first), end);
    while low < high {
        let middle = Sequence(low.0 + (high.0 - low.0) / 2);
        match first(middle)? {
            Some((found, recorded)) if recorded < time => low = found.plus(1),
            _ => high = middle,
        }
    }
    Ok(first(low)?.map_or(end, |(found, _)| found))
}
