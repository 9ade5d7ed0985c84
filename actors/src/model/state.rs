//! The present value of one state group of one item.

use std::sync::Arc;

use serde::Serialize;

use super::event::{Item, Meaning, Origin};
use super::ids::{ConnectionName, Sequence};
use super::state_key::{StateKey, same};
use super::vendor_time::VendorTime;

/// What an item's state group reads now, as handed to a reader.
///
/// The key is (connection, item, the vendor's own id of the group); shared names are how it is shown.
#[derive(Clone, Debug)]
pub struct State {
    /// Whose state.
    pub connection: ConnectionName,
    /// What it is the state of.
    pub item: Arc<Item>,
    /// Group and value, shared and in the vendor's words.
    pub meaning: Arc<Meaning>,
    /// When the value was taken on, in the vendor's words.
    pub time: VendorTime,
    /// The event that set it; of a value from a first snapshot, which is no event, the number that was next.
    pub sequence: Sequence,
    /// How the value came to be known.
    pub origin: Origin,
    /// The connection is not online: the value may be out of date.
    pub stale: bool,
}

impl State {
    /// The shared group, `motion`.
    #[must_use]
    pub fn group(&self) -> &str {
        self.meaning.state.as_ref().map_or("", |state| &state.group)
    }

    /// The shared value, `detected`.
    #[must_use]
    pub fn value(&self) -> &str {
        self.meaning.state.as_ref().map_or("", |state| &state.value)
    }
}

impl Serialize for State {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let state = self.meaning.state.as_ref();
        let mut row = serializer.serialize_struct("State", 12)?;
        row.serialize_field("connection", self.connection.as_str())?;
        row.serialize_field("item", &*self.item.id)?;
        row.serialize_field("itemname", &self.item.name)?;
        row.serialize_field("group", self.group())?;
        row.serialize_field("value", self.value())?;
        row.serialize_field("vendorgroup", &state.map(|state| &state.vendor_group))?;
        row.serialize_field("vendorvalue", &state.map(|state| &state.vendor_value))?;
        row.serialize_field("text", &state.and_then(|state| state.text.as_ref()))?;
        row.serialize_field("time", &*self.time)?;
        row.serialize_field("sequence", &self.sequence.to_string())?;
        row.serialize_field("origin", self.origin.as_str())?;
        row.serialize_field("stale", &self.stale)?;
        row.end()
    }
}

/// A state as it is kept, under its item in the state map and in the journal.
#[derive(Clone, Debug)]
pub struct StateEntry {
    /// What it is the state of.
    pub item: Arc<Item>,
    /// Group and value; `meaning.state` is always there.
    pub meaning: Arc<Meaning>,
    /// When the value was taken on, in the vendor's words.
    pub time: VendorTime,
    /// The event that set it.
    pub sequence: Sequence,
    /// How the value came to be known.
    pub origin: Origin,
}

/// A state as it is told where it is set: whoever has the same item and meaning already need not count them again.
#[derive(Clone, Copy, Debug)]
pub struct StateRef<'a> {
    /// What it is the state of.
    pub item: &'a Arc<Item>,
    /// Group and value; `meaning.state` is always there.
    pub meaning: &'a Arc<Meaning>,
    /// When the value was taken on, in the vendor's words.
    pub time: &'a str,
    /// The event that set it.
    pub sequence: Sequence,
    /// How the value came to be known.
    pub origin: Origin,
}

impl StateRef<'_> {
    /// One that stands alone.
    #[must_use]
    pub fn to_entry(self) -> StateEntry {
        let Self { item, meaning, time, sequence, origin } = self;
        StateEntry { item: Arc::clone(item), meaning: Arc::clone(meaning), time: time.into(), sequence, origin }
    }
}

impl StateEntry {
    /// As it is told where it is set.
    pub(crate) fn view(&self) -> StateRef<'_> {
        let Self { item, meaning, time, sequence, origin } = self;
        StateRef { item, meaning, time, sequence: *sequence, origin: *origin }
    }

    /// Takes on another value of the same item and group.
    pub(crate) fn take_on(&mut self, new: StateRef<'_>) {
        fn take<T>(place: &mut Arc<T>, new: &Arc<T>) {
            // To count a reference costs more than to look whether that is needed.
            if !Arc::ptr_eq(place, new) {
                *place = Arc::clone(new);
            }
        }
        take(&mut self.item, new.item);
        take(&mut self.meaning, new.meaning);
        (self.time, self.sequence, self.origin) = (new.time.into(), new.sequence, new.origin);
    }

    /// What it is known by.
    #[must_use]
    pub fn key(&self) -> Option<StateKey> {
        StateKey::new(&self.item, &self.meaning)
    }

    /// Whether the other is of the same group.
    pub(crate) fn is_of_group(&self, other: &Meaning) -> bool {
        match (&self.meaning.state, &other.state) {
            (Some(state), Some(other)) => same(&state.vendor_group, &other.vendor_group),
            (state, other) => state.is_none() && other.is_none(),
        }
    }

    /// The shared group, `motion`.
    #[must_use]
    pub fn group(&self) -> &str {
        self.meaning.state.as_ref().map_or("", |state| &state.group)
    }

    /// The shared value, `detected`.
    #[must_use]
    pub fn value(&self) -> &str {
        self.meaning.state.as_ref().map_or("", |state| &state.value)
    }

    /// The vendor's id of the group, which with the item is the key.
    #[must_use]
    pub fn vendor_group(&self) -> &str {
        self.meaning.state.as_ref().map_or("", |state| &state.vendor_group)
    }

    /// The vendor's id of the value.
    #[must_use]
    pub fn vendor_value(&self) -> &str {
        self.meaning.state.as_ref().map_or("", |state| &state.vendor_value)
    }
}
