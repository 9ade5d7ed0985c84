//! A batch of events: their texts in one piece of memory, items and meanings once each however many events share them.
//!
//! So a batch of thousands is made, handed to another thread and freed at the cost of a few allocations, and its events count no references.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::event::{Event, EventRef, Item, Meaning, Origin};
use super::text::{Span, Text};

/// Events in order, made from a `Vec<Event>` or by [`push`](Self::push). Their texts may have 4 GiB together.
#[derive(Clone, Debug, Default)]
pub struct Events {
    text: Text,
    items: Vec<Arc<Item>>,
    meanings: Vec<Arc<Meaning>>,
    records: Vec<Record>,
}

/// An event, by where its parts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) id: Span,
    pub(crate) time: Span,
    pub(crate) data: Span,
    pub(crate) item: Option<Place>,
    pub(crate) meaning: Place,
    pub(crate) origin: Origin,
}

/// Where an item or a meaning is in its batch. Made by that batch alone, so it is always there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Place(u32);

impl Place {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

impl Events {
    /// Over texts that are there already; for about so many events.
    pub(crate) fn over(text: Text, events: usize) -> Self {
        Self { text, records: Vec::with_capacity(events), ..Self::default() }
    }

    /// The number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes that their texts take, vendor data first of all.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The event at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<EventRef<'_>> {
        (index < self.len()).then(|| self.at(index))
    }

    /// The event at an index that is there.
    pub(crate) fn at(&self, index: usize) -> EventRef<'_> {
        let Record { id, time, data, item, meaning, origin } = self.records[index];
        EventRef {
            id: self.text.get(id),
            origin,
            meaning: &self.meanings[meaning.index()],
            item: item.map(|item| &self.items[item.index()]),
            time: self.text.get(time),
            data: self.text.get(data),
        }
    }

    /// The item and the meaning of the event at `index`, if it has an item.
    pub(crate) fn sets(&self, index: usize) -> Option<(&Arc<Item>, &Arc<Meaning>)> {
        let Record { item, meaning, .. } = self.records.get(index)?;
        Some((&self.items[(*item)?.index()], &self.meanings[meaning.index()]))
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = EventRef<'_>> + Clone {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Puts an event behind the others. Its texts are copied.
    pub fn push(&mut self, event: EventRef<'_>) {
        let EventRef { id, origin, meaning, item, time, data } = event;
        let data_at = self.text.put(data);
        let record = Record {
            id: self.text.put_part(data_at, data, id),
            time: self.text.put_part(data_at, data, time),
            data: data_at,
            item: item.map(|item| self.place_item(item)),
            meaning: self.place_meaning(meaning),
            origin,
        };
        self.records.push(record);
    }

    /// Puts an event behind the others, of which all parts are here.
    pub(crate) fn push_record(&mut self, record: Record) {
        self.records.push(record);
    }

    pub(crate) fn text(&self) -> &Text {
        &self.text
    }

    pub(crate) fn text_mut(&mut self) -> &mut Text {
        &mut self.text
    }

    pub(crate) fn item(&self, place: Place) -> &Arc<Item> {
        &self.items[place.index()]
    }

    pub(crate) fn meaning(&self, place: Place) -> &Arc<Meaning> {
        &self.meanings[place.index()]
    }

    /// Where the item is; the last one is not put twice.
    pub(crate) fn place_item(&mut self, item: &Arc<Item>) -> Place {
        place(&mut self.items, item)
    }

    /// Where the meaning is; the last one is not put twice.
    pub(crate) fn place_meaning(&mut self, meaning: &Arc<Meaning>) -> Place {
        place(&mut self.meanings, meaning)
    }

    /// Copies the texts of the events together if most of the memory is not theirs: of repeats, say, or of a snapshot that set no state anew.
    pub(crate) fn compact(&mut self) {
        let needed: usize = self.records.iter().map(|record| record.data.len()).sum();
        if needed < self.bytes() / 2 {
            let old = std::mem::take(&mut self.text);
            for record in &mut self.records {
                let data = old.get(record.data);
                let place = self.text.put(data);
                let mut put = |span: Span| self.text.put_part(place, data, old.get(span));
                (record.id, record.time, record.data) = (put(record.id), put(record.time), place);
            }
            if self.records.is_empty() {
                (self.items, self.meanings) = (Vec::new(), Vec::new());
            }
        }
        self.text.shrink();
    }

    /// Of the events at these indices, those that are the last to set a state, in order. Where the same item or group is here under several
    /// places, there are earlier ones among them: the last is the last all the same.
    pub(crate) fn last_of(&self, setting: &[u32]) -> Vec<u32> {
        let (groups, count) = self.groups();
        let key = |index: u32| {
            let Record { item, meaning, .. } = self.records.get(index as usize)?;
            Some(item.as_ref()?.index() * count + groups[meaning.index()]?)
        };
        let mut done = Marks::new(self.items.len() * count);
        let mut last: Vec<u32> =
            setting.iter().rev().copied().filter(|index| key(*index).is_some_and(|key| done.mark(key))).collect();
        last.reverse();
        last
    }

    /// A number for the state group of each meaning, and how many groups there are.
    fn groups(&self) -> (Vec<Option<usize>>, usize) {
        let mut numbers = HashMap::<&str, usize, RandomState>::default();
        let mut groups = Vec::with_capacity(self.meanings.len());
        for meaning in &self.meanings {
            let next = numbers.len();
            let state = meaning.state.as_ref();
            groups.push(state.map(|state| *numbers.entry(&state.vendor_group).or_insert(next)));
        }
        (groups, numbers.len())
    }

    /// How many events are of this type.
    #[must_use]
    pub fn count_of(&self, kind: &str) -> usize {
        let is = |meaning: &Arc<Meaning>| *meaning.kind == *kind;
        if !self.meanings.iter().any(is) {
            return 0;
        }
        self.records.iter().filter(|record| is(&self.meanings[record.meaning.index()])).count()
    }
}

impl Events {
    /// How many there are of each [class](Meaning::class) of types.
    #[must_use]
    pub fn by_class(&self) -> Vec<(&str, usize)> {
        let mut counts = vec![0; self.meanings.len()];
        for record in &self.records {
            counts[record.meaning.index()] += 1;
        }
        let mut classes = Vec::<(&str, usize)>::new();
        for (meaning, count) in self.meanings.iter().zip(counts).filter(|(_, count)| *count > 0) {
            match classes.iter_mut().find(|(class, _)| *class == meaning.class()) {
                Some((_, events)) => *events += count,
                None => classes.push((meaning.class(), count)),
            }
        }
        classes
    }
}

/// A set of numbers below a bound: a list while that is short, which it is unless somebody sends more items and groups than any site has.
enum Marks {
    Few(Vec<bool>),
    Many(HashSet<usize, RandomState>),
}

impl Marks {
    const FEW: usize = 1 << 20;

    fn new(bound: usize) -> Self {
        if bound <= Self::FEW { Self::Few(vec![false; bound]) } else { Self::Many(HashSet::default()) }
    }

    /// Marks a number; false if it was marked already.
    fn mark(&mut self, number: usize) -> bool {
        match self {
            Self::Few(marks) => !std::mem::replace(&mut marks[number], true),
            Self::Many(marks) => marks.insert(number),
        }
    }
}

fn place<T>(list: &mut Vec<Arc<T>>, value: &Arc<T>) -> Place {
    if list.last().is_none_or(|last| !Arc::ptr_eq(last, value)) {
        list.push(Arc::clone(value));
    }
    Place(u32::try_from(list.len() - 1).unwrap_or(u32::MAX))
}

impl From<Vec<Event>> for Events {
    fn from(list: Vec<Event>) -> Self {
        list.iter().map(Event::as_ref).collect()
    }
}

impl FromIterator<Event> for Events {
    fn from_iter<I: IntoIterator<Item = Event>>(list: I) -> Self {
        list.into_iter().fold(Self::default(), |mut events, event| {
            events.push(event.as_ref());
            events
        })
    }
}

impl<'a> FromIterator<EventRef<'a>> for Events {
    fn from_iter<I: IntoIterator<Item = EventRef<'a>>>(list: I) -> Self {
        list.into_iter().fold(Self::default(), |mut events, event| {
            events.push(event);
            events
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{EventId, StateMeaning};

    fn event(id: &str, item: &Arc<Item>, meaning: &Arc<Meaning>) -> Event {
        Event {
            id: EventId::new(id.to_owned()),
            origin: Origin::Live,
            meaning: Arc::clone(meaning),
            item: Some(Arc::clone(item)),
            time: "t".into(),
            data: format!("{{\"id\":\"{id}\"}}").into(),
        }
    }

    fn item(number: u8) -> Arc<Item> {
        Arc::new(Item { id: format!("cameras/{number}").into(), name: None })
    }

    fn meaning(group: u8, value: u8) -> Arc<Meaning> {
        let text = |word: &str, number: u8| Arc::from(format!("{word}{number}"));
        let state = StateMeaning {
            group: text("group", group),
            value: text("value", value),
            vendor_group: text("g", group),
            vendor_value: text("v", value),
            text: None,
        };
        // Values above these set no state.
        let state = (value < 3).then_some(state);
        Arc::new(Meaning { kind: text("kind", value), name: None, state })
    }

    proptest! {
        /// Whether equal items and groups are one in memory or several, and in whatever order they come.
        #[test]
        fn the_last_to_set_each_state_are_those_that_would_be_left_of_all(
            set in proptest::collection::vec((0_u8..4, 0_u8..3, 0_u8..4, any::<bool>()), 0..60),
        ) {
            let (items, meanings) = ([0, 1, 2, 3].map(item), [0, 1, 2].map(|group| [0, 1, 2, 3].map(|value| meaning(group, value))));
            let list = set.iter().enumerate().map(|(number, (of, group, value, shared))| {
                let (own_item, own_meaning) = (item(*of), meaning(*group, *value));
                let item = if *shared { &items[usize::from(*of)] } else { &own_item };
                let meaning = if *shared { &meanings[usize::from(*group)][usize::from(*value)] } else { &own_meaning };
                event(&number.to_string(), item, meaning)
            });
            let events: Events = list.collect();
            let all: Vec<u32> = (0..u32::try_from(events.len()).unwrap()).collect();
            let left = |indices: &[u32]| {
                let mut left = BTreeMap::new();
                for index in indices {
                    let event = events.at(*index as usize);
                    if let Some(state) = &event.meaning.state {
                        left.insert((event.item.unwrap().id.clone(), state.vendor_group.clone()), *index);
                    }
                }
                left
            };
            prop_assert_eq!(left(&events.last_of(&all)), left(&all));
        }
    }

    #[test]
    fn events_are_the_same_when_the_texts_of_others_are_gone() {
        let mut text = Text::default();
        text.put(&"x".repeat(1_000));
        let mut events = Events::over(text, 2);
        for id in ["1", "2"] {
            events.push(event(id, &item(0), &meaning(0, 0)).as_ref());
        }
        let before = format!("{:?}", events.iter().collect::<Vec<_>>());
        events.compact();
        assert_eq!(format!("{:?}", events.iter().collect::<Vec<_>>()), before);
        assert!(events.bytes() < 50, "{}", events.bytes());
    }

    #[test]
    fn events_are_counted_by_the_first_part_of_their_type() {
        let of = |kind: &str| Arc::new(Meaning { kind: kind.into(), name: None, state: None });
        let kinds = ["motion.started", "motion.stopped", "gap", "een.own.word", "motion.started"].map(of);
        let events: Events = kinds.iter().map(|kind| event("1", &item(0), kind)).collect();
        assert_eq!(events.by_class(), [("motion", 3), ("gap", 1), ("een", 1)]);
        assert_eq!(Events::default().by_class(), []);
    }

    #[test]
    fn a_number_above_every_site_is_marked_once_too() {
        let mut marks = Marks::new(Marks::FEW + 1);
        assert!(matches!(marks, Marks::Many(_)));
        assert!(marks.mark(Marks::FEW) && !marks.mark(Marks::FEW));
    }
}
