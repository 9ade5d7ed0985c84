//! Between rows and the engine's nouns.

use std::{
    hash::BuildHasher,
    sync::{Arc, Mutex, PoisonError},
};

use foldhash::fast::RandomState;
use jiff::Timestamp;
use rusqlite::{Row, Statement, params, types::FromSqlError};
use watchpost_actors::{
    model::{EventRef, Events, Item, Meaning, Origin, Sequence, StateMeaning, state::StateEntry},
    vendors::VENDORS,
};

/// Distinct meanings, and distinct items, that a reader keeps to share them.
const SHARED: usize = 4_096;

/// A sequence as SQLite has it. Sequences begin at the microseconds since 1970, so the end of its numbers is far.
pub(super) fn int(sequence: Sequence) -> i64 {
    i64::try_from(sequence.0).unwrap_or(i64::MAX)
}

/// A sequence from SQLite.
pub(super) fn sequence(number: i64) -> Sequence {
    Sequence(u64::try_from(number).unwrap_or(0))
}

/// A moment in microseconds, as a moment.
pub(super) fn moment(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Stores an event. The parameters are the columns in the order of the table.
pub(super) const INSERT_EVENT: &str = "INSERT INTO events (sequence, lane, recorded, vendor, id, origin, type, typename, \
     item, itemname, stategroup, state, vendor_group, vendor_value, state_text, sets_state, time, data) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";

/// Where an event goes.
pub(super) struct Place {
    pub(super) sequence: Sequence,
    pub(super) lane: i64,
    pub(super) recorded: i64,
    pub(super) vendor: Option<&'static str>,
    pub(super) sets_state: bool,
}

/// Runs [`INSERT_EVENT`].
pub(super) fn insert_event(insert: &mut Statement<'_>, place: &Place, event: EventRef<'_>) -> rusqlite::Result<()> {
    let EventRef { id, origin, meaning, item, time, data } = event;
    let Place { sequence, lane, recorded, vendor, sets_state } = *place;
    let state = meaning.state.as_ref();
    insert.execute(params![
        int(sequence),
        lane,
        recorded,
        vendor,
        id,
        origin.as_str(),
        &*meaning.kind,
        meaning.name.as_deref(),
        item.map(|item| &*item.id),
        item.and_then(|item| item.name.as_deref()),
        state.map(|state| &*state.group),
        state.map(|state| &*state.value),
        state.map(|state| &*state.vendor_group),
        state.map(|state| &*state.vendor_value),
        state.and_then(|state| state.text.as_deref()),
        sets_state,
        time,
        data,
    ])?;
    Ok(())
}

/// Stores a state in the place of the one before.
pub(super) const REPLACE_STATE: &str = "REPLACE INTO states (lane, item, vendor_group, itemname, type, typename, stategroup, \
     state, vendor_value, state_text, time, origin, sequence, as_of) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

/// Runs [`REPLACE_STATE`]. Events below `as_of` have no say in it any more.
pub(super) fn replace_state(
    replace: &mut Statement<'_>,
    lane: i64,
    entry: &StateEntry,
    as_of: Sequence,
) -> rusqlite::Result<()> {
    let StateEntry { item, meaning, time, sequence, origin } = entry;
    let Some(state) = &meaning.state else { return Ok(()) };
    replace.execute(params![
        lane,
        &*item.id,
        &*state.vendor_group,
        item.name.as_deref(),
        &*meaning.kind,
        meaning.name.as_deref(),
        &*state.group,
        &*state.value,
        &*state.vendor_value,
        state.text.as_deref(),
        &**time,
        origin.as_str(),
        int(*sequence),
        int(as_of),
    ])?;
    Ok(())
}

/// The columns that [`Shared::event`] reads, from the fifth on; the first four are the caller's.
pub(super) const EVENT_COLUMNS: &str =
    "id, origin, type, typename, item, itemname, stategroup, state, vendor_group, vendor_value, state_text, time, data";

/// All that [`Shared::state`] reads.
pub(super) const SELECT_STATES: &str = "SELECT type, typename, item, itemname, stategroup, state, vendor_group, \
     vendor_value, state_text, time, origin, sequence FROM states WHERE lane = ?1";

fn text<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(column)?.as_str()?)
}

fn maybe<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<Option<&'a str>> {
    Ok(row.get_ref(column)?.as_str_or_null()?)
}

fn origin(word: &str) -> rusqlite::Result<Origin> {
    [Origin::Live, Origin::Resumed, Origin::Backfill, Origin::Snapshot, Origin::Engine]
        .into_iter()
        .find(|origin| origin.as_str() == word)
        .ok_or_else(|| FromSqlError::Other(format!("{word:?} is no origin").into()).into())
}

/// Meanings and items lately read, so that equal ones share their memory.
#[derive(Debug, Default)]
pub(super) struct Shared {
    hasher: RandomState,
    meanings: Bounded<Meaning>,
    items: Bounded<Item>,
}

/// Values by the hash of what they were made from. Forgets everything when it is full: what is in use is soon back.
type Bounded<T> = std::collections::HashMap<u64, Arc<T>, RandomState>;

/// The value that `is` what is wanted, or a new one.
fn share<T>(known: &mut Bounded<T>, hash: u64, is: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> Arc<T> {
    if let Some(value) = known.get(&hash)
        && is(value)
    {
        return Arc::clone(value);
    }
    if known.len() >= SHARED {
        known.clear();
    }
    let value = Arc::new(new());
    known.insert(hash, Arc::clone(&value));
    value
}

fn same(known: Option<&Arc<str>>, text: Option<&str>) -> bool {
    known.map(|known| &**known) == text
}

impl Shared {
    /// Reads [`EVENT_COLUMNS`] behind the caller's four, and puts the event behind others.
    pub(super) fn event(&mut self, row: &Row<'_>, events: &mut Events) -> rusqlite::Result<()> {
        let meaning = [
            maybe(row, 6)?,
            maybe(row, 7)?,
            maybe(row, 10)?,
            maybe(row, 11)?,
            maybe(row, 12)?,
            maybe(row, 13)?,
            maybe(row, 14)?,
        ];
        let item = maybe(row, 8)?.map(|id| Ok::<_, rusqlite::Error>(self.item(id, maybe(row, 9)?))).transpose()?;
        events.push(EventRef {
            id: text(row, 4)?,
            origin: origin(text(row, 5)?)?,
            meaning: &self.meaning(meaning),
            item: item.as_ref(),
            time: text(row, 15)?,
            data: text(row, 16)?,
        });
        Ok(())
    }

    /// Reads a row of [`SELECT_STATES`].
    pub(super) fn state(&mut self, row: &Row<'_>) -> rusqlite::Result<StateEntry> {
        let meaning = [
            maybe(row, 0)?,
            maybe(row, 1)?,
            maybe(row, 4)?,
            maybe(row, 5)?,
            maybe(row, 6)?,
            maybe(row, 7)?,
            maybe(row, 8)?,
        ];
        Ok(StateEntry {
            item: self.item(text(row, 2)?, maybe(row, 3)?),
            meaning: self.meaning(meaning),
            time: text(row, 9)?.into(),
            origin: origin(text(row, 10)?)?,
            sequence: sequence(row.get(11)?),
        })
    }

    fn item(&mut self, id: &str, name: Option<&str>) -> Arc<Item> {
        let hash = self.hasher.hash_one((id, name));
        let is = |known: &Item| *known.id == *id && same(known.name.as_ref(), name);
        share(&mut self.items, hash, is, || Item { id: id.into(), name: name.map(Into::into) })
    }

    /// From type, its name, group, value, the vendor's group and value, text. No group: no state.
    fn meaning(&mut self, texts: [Option<&str>; 7]) -> Arc<Meaning> {
        let [kind, name, group, value, vendor_group, vendor_value, words] = texts;
        let or_empty = |text: Option<&str>| text.unwrap_or_default().into();
        let new = || Meaning {
            kind: or_empty(kind),
            name: name.map(Into::into),
            state: group.map(|group| StateMeaning {
                group: group.into(),
                value: or_empty(value),
                vendor_group: or_empty(vendor_group),
                vendor_value: or_empty(vendor_value),
                text: words.map(Into::into),
            }),
        };
        let is = |known: &Meaning| {
            let state = known.state.as_ref();
            Some(&*known.kind) == kind
                && same(known.name.as_ref(), name)
                && same(state.map(|state| &state.group), group)
                && same(state.map(|state| &state.value), value)
                && same(state.map(|state| &state.vendor_group), vendor_group)
                && same(state.map(|state| &state.vendor_value), vendor_value)
                && same(state.and_then(|state| state.text.as_ref()), words)
        };
        share(&mut self.meanings, self.hasher.hash_one(texts), is, new)
    }
}

/// The vendor of that name, as the engine names it.
///
/// A journal may have been written by a build with other vendors. Their names are leaked, once each: there are a handful of vendors in the
/// world, and events outlive any owner that such a name could have.
pub(super) fn vendor(name: &str) -> &'static str {
    static OTHERS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    if let Some(listed) = VENDORS.iter().find(|listed| listed.name == name) {
        return listed.name;
    }
    let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
    match others.iter().find(|other| **other == name) {
        Some(other) => other,
        None => {
            let other: &'static str = name.to_owned().leak();
            others.push(other);
            other
        }
    }
}
