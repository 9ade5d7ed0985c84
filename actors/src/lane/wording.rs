//! From the words of a batch to events: each item and each kind is looked up once, when the first event with it is made.

use std::sync::Arc;

use crate::journal::StateWrite;
use crate::model::event::{EventRef, Item, Meaning, Origin};
use crate::model::events::{Events, Place, Record};
use crate::model::state::StateEntry;
use crate::model::text::Span;
use crate::model::{Event, Sequence};
use crate::names::Names;
use crate::vendors::{Noted, NotedKind, Words};

/// The events and state changes of a batch, while they are made.
pub(super) struct Build<'a> {
    names: &'a mut Names,
    /// The batch's items and kinds, by where they stand in the events' text.
    items: Vec<Span>,
    kinds: Vec<NotedKind>,
    /// The items that were looked up before, by their numbers.
    known: Vec<Option<Arc<Item>>>,
    /// Where they are among those of the events, once one needs them.
    placed_items: Vec<Option<Place>>,
    placed_kinds: Vec<Option<Place>>,
    pub(super) events: Events,
    pub(super) states: Vec<StateWrite>,
}

impl<'a> Build<'a> {
    /// Nothing made yet, of a batch with these words and about so many entries.
    pub(super) fn new(names: &'a mut Names, words: Words, known: Vec<Option<Arc<Item>>>, entries: usize) -> Self {
        let Words { text, items, kinds } = words;
        Self {
            names,
            placed_items: vec![None; items.len()],
            placed_kinds: vec![None; kinds.len()],
            items,
            kinds,
            known,
            events: Events::over(text, entries),
            states: Vec::with_capacity(entries),
        }
    }

    /// A text of the batch.
    pub(super) fn text(&self, span: Span) -> &str {
        self.events.text().get(span)
    }

    /// The item of an occurrence, with its name if there is one.
    pub(super) fn item(&mut self, noted: &Noted) -> Option<Arc<Item>> {
        self.place_item(noted).map(|place| Arc::clone(self.events.item(place)))
    }

    /// What an occurrence means, as far as is known.
    pub(super) fn meaning(&mut self, noted: &Noted) -> Arc<Meaning> {
        let place = self.place_kind(noted);
        Arc::clone(self.events.meaning(place))
    }

    fn place_item(&mut self, noted: &Noted) -> Option<Place> {
        let number = noted.item? as usize;
        if let Some(place) = self.placed_items[number] {
            return Some(place);
        }
        let known = self.known.get_mut(number).and_then(Option::take);
        let item = known.unwrap_or_else(|| self.names.item(self.events.text().get(self.items[number])));
        let place = self.events.place_item(&item);
        self.placed_items[number] = Some(place);
        Some(place)
    }

    fn place_kind(&mut self, noted: &Noted) -> Place {
        let number = noted.kind as usize;
        if let Some(place) = self.placed_kinds[number] {
            return place;
        }
        let meaning = self.names.meaning(self.kinds[number].told(self.events.text()));
        let place = self.events.place_meaning(&meaning);
        self.placed_kinds[number] = Some(place);
        place
    }

    /// Makes an event of an occurrence.
    pub(super) fn occurred(&mut self, noted: &Noted) {
        let Noted { id, time, data, origin, .. } = *noted;
        let (item, meaning) = (self.place_item(noted), self.place_kind(noted));
        self.set_by_next(item.is_some() && self.events.meaning(meaning).state.is_some());
        self.events.push_record(Record { id, time, data, item, meaning, origin });
    }

    /// Makes an event of an occurrence that comes too late to set a state.
    pub(super) fn occurred_late(&mut self, noted: &Noted) {
        let Noted { id, time, data, origin, .. } = *noted;
        let (item, meaning) = (self.place_item(noted), Meaning { state: None, ..(*self.meaning(noted)).clone() });
        let meaning = self.events.place_meaning(&Arc::new(meaning));
        self.events.push_record(Record { id, time, data, item, meaning, origin });
    }

    /// Makes an event of a difference to a snapshot, under an id that may be a new one.
    pub(super) fn differs(&mut self, noted: &Noted, minted: Option<&str>) {
        let minted = minted.map(|id| self.events.text_mut().put(id));
        self.occurred(&Noted { id: minted.unwrap_or(noted.id), origin: Origin::Snapshot, ..*noted });
    }

    /// An event that is no occurrence.
    pub(super) fn push(&mut self, event: &Event) {
        let event = event.as_ref();
        self.set_by_next(event.has_state());
        self.events.push(event);
    }

    /// A state that is set without an event.
    pub(super) fn set_silently(&mut self, item: Arc<Item>, noted: &Noted, origin: Origin) {
        let (meaning, time) = (self.meaning(noted), self.text(noted.time).into());
        let entry = StateEntry { item, meaning, time, sequence: Sequence::default(), origin };
        self.states.push(StateWrite::Silent(Box::new(entry)));
    }

    fn set_by_next(&mut self, sets_state: bool) {
        if sets_state {
            self.states.push(StateWrite::ByEvent(u32::try_from(self.events.len()).unwrap_or(u32::MAX)));
        }
    }

    /// The event that was made last.
    pub(super) fn last(&self) -> Option<EventRef<'_>> {
        self.events.get(self.events.len().checked_sub(1)?)
    }
}
