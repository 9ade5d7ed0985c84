//! A batch while it collects: entries in order, their words in one piece of memory, each item and kind written once.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::entry::{Entry, Kind, Meanwhile, Noted, Occurrence};
use crate::model::event::{Meaning, one_line};
use crate::model::ids::Print;
use crate::model::text::{Span, Text};

/// Distinct items or kinds for which the tables that find them keep their room from one batch of a flood to the next.
const TABLE: usize = 4_096;

/// A batch with so many entries is followed by another like it, …
const FLOOD: usize = 256;
/// … and gets room for its words, of at most so many bytes.
const ROOM: usize = 2 << 20;

/// Entries for the journal, in order.
#[derive(Debug, Default)]
pub struct Entries {
    /// What they say.
    pub(crate) words: Words,
    pub(crate) list: Vec<Entry>,
    tables: Tables,
    /// What the words of the largest batch of late took, in bytes.
    room: usize,
}

/// The words of a batch.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) text: Text,
    pub(crate) items: Vec<Span>,
    pub(crate) kinds: Vec<NotedKind>,
}

/// A kind of occurrence in a batch.
#[derive(Debug, Clone)]
pub(crate) enum NotedKind {
    /// See [`Kind::Named`].
    Named { kind: Span, group: Span, meanwhile: Meanwhile },
    /// See [`Kind::Known`].
    Known(Arc<Meaning>),
}

/// By which items and kinds are found again.
#[derive(Debug, Default)]
struct Tables {
    hasher: RandomState,
    items: HashTable<u32>,
    kinds: HashTable<u32>,
    /// The number of the kind that was wanted last.
    last_kind: u32,
}

impl Entries {
    /// Something happened. The words are copied; those that are slices of `data` are there already.
    pub fn occur(&mut self, occurrence: Occurrence<'_>) {
        let noted = self.note(occurrence);
        self.list.push(Entry::Occurrence(noted));
    }

    /// Keeps the words of an occurrence that is part of something else: of a snapshot, which must be entered into the same batch.
    pub fn note(&mut self, occurrence: Occurrence<'_>) -> Noted {
        let Occurrence { id, origin, item, kind, time, data } = occurrence;
        let line = one_line(data);
        let text = &mut self.words.text;
        let data_at = text.put(&line);
        Noted {
            print: Print::of(id),
            id: text.put_part(data_at, data, id),
            time: text.put_part(data_at, data, time),
            data: data_at,
            item: (!item.is_empty()).then(|| self.item(item, data_at, data)),
            kind: self.kind(kind),
            origin,
        }
    }

    /// Anything else.
    pub fn enter(&mut self, entry: Entry) {
        self.list.push(entry);
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Makes room for the words of something large that is to come, in bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.words.text.reserve(bytes);
    }

    /// Forgets the entries behind the first `len`; their words stay until the batch is stored.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    /// Forgets all of it.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The batch, as far as it has collected; the next begins with nothing.
    pub(crate) fn take(&mut self) -> Self {
        let flood = self.list.len() >= FLOOD;
        // In a flood the next batch will be like this one: to let it grow from nothing would copy it twice. A quiet connection keeps nothing.
        let mut next = Self::default();
        if flood {
            next.room = self.words.text.len().max(self.room - self.room / 8);
            next.words.text = Text::with_capacity((next.room + next.room / 8).min(ROOM));
            next.list = Vec::with_capacity(self.list.len().min(TABLE));
            std::mem::swap(&mut next.tables, &mut self.tables);
            for table in [&mut next.tables.items, &mut next.tables.kinds] {
                table.clear();
                table.shrink_to(TABLE, |_| 0);
            }
        }
        std::mem::replace(self, next)
    }

    /// The number of an item, whose id may be a slice of `data`, which was put at `data_at`.
    fn item(&mut self, id: &str, data_at: Span, data: &str) -> u32 {
        let Words { text, items, .. } = &mut self.words;
        let Tables { hasher, items: table, .. } = &mut self.tables;
        let hash = hasher.hash_one(id);
        let at = |number: u32| items.get(number as usize).copied().unwrap_or_default();
        if let Some(number) = table.find(hash, |number| text.is(at(*number), id)) {
            return *number;
        }
        let number = number(items);
        items.push(text.put_part(data_at, data, id));
        table.insert_unique(hash, number, |number| hasher.hash_one(text.get(items[*number as usize])));
        number
    }

    fn kind(&mut self, kind: Kind<'_>) -> u32 {
        let Words { text, kinds, .. } = &mut self.words;
        let Tables { hasher, kinds: table, last_kind, .. } = &mut self.tables;
        // Events of one kind often come together.
        if kinds.get(*last_kind as usize).is_some_and(|last| last.is(text, kind)) {
            return *last_kind;
        }
        let hash = hash_kind(hasher, kind);
        if let Some(number) = table.find(hash, |number| kinds[*number as usize].is(text, kind)) {
            *last_kind = *number;
            return *number;
        }
        let number = number(kinds);
        kinds.push(match kind {
            Kind::Named { kind, group, meanwhile } => {
                NotedKind::Named { kind: text.put(kind), group: text.put(group), meanwhile }
            }
            Kind::Known(meaning) => NotedKind::Known(Arc::clone(meaning)),
        });
        table.insert_unique(hash, number, |number| hash_kind(hasher, kinds[*number as usize].told(text)));
        number
    }
}

impl NotedKind {
    /// Whether the directory is asked what it means.
    pub(crate) fn is_named(&self) -> bool {
        matches!(self, Self::Named { .. })
    }

    /// As the vendor told it.
    pub(crate) fn told<'a>(&'a self, text: &'a Text) -> Kind<'a> {
        match self {
            Self::Named { kind, group, meanwhile } => {
                Kind::Named { kind: text.get(*kind), group: text.get(*group), meanwhile: *meanwhile }
            }
            Self::Known(meaning) => Kind::Known(meaning),
        }
    }

    fn is(&self, text: &Text, told: Kind<'_>) -> bool {
        match (self, told) {
            (Self::Named { kind, group, .. }, Kind::Named { kind: other, group: of, .. }) => {
                text.is(*kind, other) && text.is(*group, of)
            }
            (Self::Known(meaning), Kind::Known(other)) => Arc::ptr_eq(meaning, other),
            _ => false,
        }
    }
}

fn hash_kind(hasher: &RandomState, kind: Kind<'_>) -> u64 {
    match kind {
        Kind::Named { kind, group, .. } => hasher.hash_one((kind, group)),
        Kind::Known(meaning) => hasher.hash_one(Arc::as_ptr(meaning)),
    }
}

/// The number of the next in a list.
fn number<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::model::Origin;

    fn meanwhile(kind: &str, _: &str) -> Meaning {
        Meaning { kind: kind.into(), name: None, state: None }
    }

    fn told<'a>(id: &'a str, item: &'a str, data: &'a str) -> Occurrence<'a> {
        let kind = Kind::Named { kind: "t", group: "g", meanwhile };
        Occurrence { id, origin: Origin::Live, item, kind, time: "", data }
    }

    #[test]
    fn items_and_kinds_are_written_once_however_many_events_share_them() {
        let mut entries = Entries::default();
        for n in 0..1_000 {
            let item = format!("cameras/{}", n % 10);
            entries.occur(told(&n.to_string(), &item, "{}"));
        }
        let Words { text, items, kinds } = &entries.words;
        assert_eq!((entries.len(), items.len(), kinds.len()), (1_000, 10, 1));
        let item = |entry: &Entry| match entry {
            Entry::Occurrence(noted) => text.get(items[noted.item.unwrap() as usize]).to_owned(),
            _ => String::new(),
        };
        assert_eq!(item(&entries.list[123]), "cameras/3");
    }

    #[test]
    fn an_id_inside_data_of_several_lines_is_still_that_id() {
        let data = "{\n  \"id\" : \"e 1\"\n}";
        let mut entries = Entries::default();
        entries.occur(told(&data[data.find("e 1").unwrap()..][..3], "", data));
        let [Entry::Occurrence(noted)] = entries.list[..] else { panic!("{:?}", entries.list) };
        let text = &entries.words.text;
        assert_eq!((text.get(noted.id), text.get(noted.data), noted.item), ("e 1", r#"{"id":"e 1"}"#, None));
    }

    #[test]
    fn a_batch_that_is_taken_leaves_nothing_behind_and_a_quiet_one_no_room_either() {
        let mut entries = Entries::default();
        for n in 0..10_000 {
            entries.occur(told(&n.to_string(), &n.to_string(), "{}"));
        }
        assert_eq!(entries.take().len(), 10_000);
        assert!(entries.is_empty() && entries.tables.items.is_empty());
        entries.occur(told("1", "1", "{}"));
        let batch = entries.take();
        assert_eq!((batch.len(), batch.words.items.len()), (1, 1));
        assert_eq!((entries.tables.items.capacity(), entries.list.capacity()), (0, 0));
    }
}
