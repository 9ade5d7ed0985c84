//! A journal that forgets with the process: the last events in a ring, states as an image plus the ring.

mod image;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use self::image::{Kept, LaneImage, Lump};
use super::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Page, Reader, StateWrite};
use crate::model::event::Committed;
use crate::model::ids::{ConnectionName, EventId, Sequence};

/// Events kept by default.
const EVENTS: usize = 100_000;
/// Bytes of texts kept by default, vendor data first of all: 64 MiB.
const BYTES: usize = 64 << 20;
/// What part of all is dropped at a time.
const LUMP: usize = 4;
/// Ids handed back by `load`.
const SEEN: usize = 4_096;

/// A journal in memory, bounded by events (a state that was set without an event counts as one) and by bytes of texts (vendor data first of all), whichever is reached first.
#[derive(Debug)]
pub struct Memory {
    lanes: HashMap<ConnectionName, LaneImage>,
    notes: HashMap<String, String>,
    ring: VecDeque<Kept>,
    /// What has left the ring last.
    lump: Lump,
    next: Sequence,
    recorded: Timestamp,
    events: usize,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(EVENTS, BYTES)
    }
}

impl Memory {
    /// A journal that keeps at most so many events, and at most so many bytes of texts.
    ///
    /// Sequences begin at the microseconds since 1970, so that those of a later process are above those of an earlier one.
    #[must_use]
    pub fn new(max_events: usize, max_bytes: usize) -> Self {
        let now = Timestamp::now();
        Self {
            lanes: HashMap::new(),
            notes: HashMap::new(),
            ring: VecDeque::new(),
            lump: Lump::default(),
            next: Sequence(u64::try_from(now.as_microsecond()).unwrap_or(1)),
            recorded: now,
            events: 0,
            bytes: 0,
            max_events,
            max_bytes,
        }
    }

    fn store(&mut self, append: Append) -> Arc<Committed> {
        let Append { connection, vendor, events, states, checkpoint, heard } = append;
        // The clock may step back; what users page by must not.
        self.recorded = self.recorded.max(Timestamp::now());
        let commit = Arc::new(Committed { connection, vendor, first: self.next, recorded: self.recorded, events });
        self.next = commit.next();
        let number = self.lanes.len();
        let lane = self.lanes.entry(commit.connection.clone()).or_insert_with(|| LaneImage::new(vendor, number));
        lane.heard = heard.or(lane.heard);
        if checkpoint.is_some() {
            lane.checkpoint = checkpoint;
        }
        if !commit.events.is_empty() || !states.is_empty() {
            let bytes = commit.events.bytes();
            let silent = states.iter().filter(|write| matches!(write, StateWrite::Silent(_))).count();
            let count = commit.events.len() + silent;
            self.events += count;
            self.bytes += bytes;
            self.ring.push_back(Kept { commit: Arc::clone(&commit), states, count, bytes });
        }
        commit
    }

    /// Drops the oldest groups, a quarter of all: together they cost less than one by one.
    fn forget(&mut self) {
        let (most_events, most_bytes) =
            (self.max_events - self.max_events / LUMP, self.max_bytes - self.max_bytes / LUMP);
        let mut gone = Vec::new();
        while self.events > most_events || self.bytes > most_bytes {
            let Some(kept) = self.ring.pop_front() else { break };
            self.events -= kept.count;
            self.bytes -= kept.bytes;
            if let Some(lane) = self.lanes.get_mut(&kept.commit.connection) {
                lane.dropped = kept.commit.next();
            }
            gone.push(kept);
        }
        // Done long since, unless one append was larger than all those before it.
        self.lump.bring_in(&mut self.lanes, usize::MAX);
        self.lump.begin(gone);
    }

    fn oldest(&self) -> Sequence {
        self.ring.front().map_or(self.next, |kept| kept.commit.first)
    }
}

impl Journal for Memory {
    fn never_blocks(&self) -> bool {
        true
    }

    fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>> {
        let before = self.next;
        let changes: usize = group.iter().map(|append| append.states.len()).sum();
        let answers = group.into_iter().map(|append| Ok(self.store(append))).collect();
        if self.events > self.max_events || self.bytes > self.max_bytes {
            self.forget();
        }
        // Twice as fast as the ring fills, it is done before the next is due.
        let events = usize::try_from(self.next.0 - before.0).unwrap_or(usize::MAX);
        self.lump.bring_in(&mut self.lanes, 2 * changes.max(events));
        answers
    }

    fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError> {
        self.lump.bring_in(&mut self.lanes, usize::MAX);
        let Some(lane) = self.lanes.get(connection) else { return Ok(Loaded::default()) };
        let mut seen = VecDeque::with_capacity(SEEN);
        let groups = || self.ring.iter().filter(|kept| kept.commit.connection == *connection);
        for kept in groups() {
            for event in kept.commit.events.iter() {
                if seen.len() == SEEN {
                    seen.pop_front();
                }
                seen.push_back(EventId::new(event.id));
            }
        }
        Ok(Loaded {
            checkpoint: lane.checkpoint.clone(),
            heard: lane.heard,
            states: lane.with(groups()),
            seen: seen.into(),
        })
    }

    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
        Ok(self.notes.get(key).cloned())
    }

    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
        match note {
            Some(note) => drop(self.notes.insert(key.to_owned(), note.to_owned())),
            None => drop(self.notes.remove(key)),
        }
        Ok(())
    }

    fn trim(&mut self) -> Result<bool, JournalError> {
        // It never holds more than it may, but for what is on its way into the images: a quarter, and not for long.
        Ok(false)
    }
}

impl Reader for Memory {
    fn read(&mut self, ask: &Ask) -> Result<Page, JournalError> {
        let start = self.ring.partition_point(|kept| kept.commit.next() <= ask.from);
        let oldest = match &ask.of {
            None => self.oldest(),
            Some(of) => self.lanes.get(of).map_or(Sequence(0), |lane| lane.dropped),
        };
        let groups = self.ring.iter().skip(start).map(|kept| &kept.commit);
        Ok(Page::of(ask, groups, oldest, self.next))
    }

    fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
        let info = |(connection, lane): (&ConnectionName, &LaneImage)| LaneInfo {
            connection: connection.clone(),
            vendor: lane.vendor,
            dropped: lane.dropped,
            lost: false,
        };
        Ok(self.lanes.iter().map(info).collect())
    }

    fn at(&mut self, time: Timestamp) -> Result<Sequence, JournalError> {
        let start = self.ring.partition_point(|kept| kept.commit.recorded < time);
        Ok(self.ring.get(start).map_or(self.next, |kept| kept.commit.first))
    }

    fn next(&mut self) -> Result<Sequence, JournalError> {
        Ok(self.next)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    use crate::journal::Checkpoint;
    use crate::model::event::{Event, EventRef, Item, Meaning, Origin, StateMeaning};
    use crate::model::state::StateEntry;

    fn meaning(value: &str) -> Arc<Meaning> {
        let state = StateMeaning {
            group: "motion".into(),
            value: value.into(),
            vendor_group: "g".into(),
            vendor_value: value.into(),
            text: None,
        };
        Arc::new(Meaning { kind: "motion".into(), name: None, state: Some(state) })
    }

    fn append(connection: &str, ids: &[&str], checkpoint: Option<&str>) -> Append {
        let event = |id: &&str| Event {
            id: EventId::new((*id).to_owned()),
            origin: Origin::Live,
            meaning: meaning(id),
            item: Some(Arc::new(Item { id: "cameras/1".into(), name: None })),
            time: "t".into(),
            data: "{}".into(),
        };
        Append {
            connection: ConnectionName::new(connection).unwrap(),
            vendor: "test",
            events: ids.iter().map(event).collect::<Vec<_>>().into(),
            states: (0..ids.len()).map(|index| StateWrite::ByEvent(u32::try_from(index).unwrap())).collect(),
            checkpoint: checkpoint.map(|text| Checkpoint(text.into())),
            heard: None,
        }
    }

    fn ids(page: &Page) -> Vec<&str> {
        page.commits.iter().flat_map(|commit| commit.events.iter()).map(|event| event.id).collect()
    }

    #[test]
    fn events_states_and_checkpoint_of_an_append_are_found_again_together() {
        let mut journal = Memory::default();
        let group =
            vec![append("a", &["1", "2"], Some("c1")), append("b", &["3"], Some("c2")), append("a", &[], Some("c3"))];
        let answers = journal.append(group);
        assert!(answers.iter().all(Result::is_ok));
        let loaded = journal.load(&ConnectionName::new("a").unwrap()).unwrap();
        assert_eq!(loaded.checkpoint, Some(Checkpoint("c3".into())));
        assert_eq!(loaded.states.len(), 1);
        assert_eq!(loaded.states[0].vendor_value(), "2");
        assert_eq!(loaded.seen.iter().map(EventId::as_str).collect::<Vec<_>>(), ["1", "2"]);
        assert!(journal.load(&ConnectionName::new("c").unwrap()).unwrap().checkpoint.is_none());
    }

    #[test]
    fn sequences_grow_without_a_hole_over_all_connections() {
        let mut journal = Memory::default();
        let start = journal.next;
        let answers = journal.append(vec![append("a", &["1", "2"], None), append("b", &["3"], None)]);
        let first: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().first).collect();
        assert_eq!(first, [start, start.plus(2)]);
        assert_eq!(journal.next, start.plus(3));
    }

    #[test]
    fn a_page_begins_where_it_was_asked_and_tells_what_is_gone() {
        let mut journal = Memory::new(3, usize::MAX);
        let start = journal.next;
        for id in ["1", "2", "3", "4", "5"] {
            journal.append(vec![append("a", &[id], None)]);
        }
        let mut read = |from: u64, limit| journal.read(&Ask { from: start.plus(from), limit, of: None }).unwrap();
        let page = read(0, 100);
        assert_eq!((ids(&page), page.oldest, page.end), (vec!["3", "4", "5"], start.plus(2), start.plus(5)));
        let page = read(3, 1);
        assert_eq!((ids(&page), page.end), (vec!["4"], start.plus(4)));
        assert!(read(5, 1).commits.is_empty());
    }

    #[test]
    fn a_page_of_one_connection_knows_only_its_own_losses() {
        let mut journal = Memory::new(3, usize::MAX);
        let start = journal.next;
        for (connection, id) in [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")] {
            journal.append(vec![append(connection, &[id], None)]);
        }
        let mut read = |connection: &str, limit| {
            journal.read(&Ask { from: start, limit, of: Some(ConnectionName::new(connection).unwrap()) }).unwrap()
        };
        let page = read("a", 9);
        assert_eq!((ids(&page), page.oldest, page.end), (vec!["3"], start.plus(1), start.plus(4)));
        let page = read("b", 1);
        assert_eq!((ids(&page), page.oldest, page.end), (vec!["2"], Sequence(0), start.plus(3)));
        assert_eq!(journal.lanes().unwrap().len(), 2);
    }

    #[test]
    fn states_without_events_are_bounded_too_and_stay_known() {
        let mut journal = Memory::new(3, usize::MAX);
        let connection = ConnectionName::new("a").unwrap();
        for n in 0..10 {
            let entry = StateEntry {
                item: Arc::new(Item { id: format!("cameras/{n}").into(), name: None }),
                meaning: meaning("quiet"),
                time: "t".into(),
                sequence: Sequence::default(),
                origin: Origin::Snapshot,
            };
            let mut silent = append("a", &[], None);
            silent.states = Arc::new([StateWrite::Silent(Box::new(entry))]);
            journal.append(vec![silent]);
        }
        assert_eq!(journal.ring.len(), 3);
        assert_eq!(journal.load(&connection).unwrap().states.len(), 10);
    }

    #[test]
    fn what_falls_out_of_the_ring_stays_in_the_states() {
        let mut journal = Memory::new(1, usize::MAX);
        let mut other = append("a", &["1"], None);
        let item = Arc::new(Item { id: "cameras/2".into(), name: None });
        other.events = other.events.iter().map(|event| EventRef { item: Some(&item), ..event }).collect();
        journal.append(vec![other]);
        journal.append(vec![append("a", &["2"], None)]);
        journal.append(vec![append("a", &["3"], None)]);
        let mut states = journal.load(&ConnectionName::new("a").unwrap()).unwrap().states;
        states.sort_by_key(|entry| entry.sequence);
        let values: Vec<_> = states.iter().map(|entry| (&*entry.item.id, entry.vendor_value())).collect();
        assert_eq!(values, [("cameras/2", "1"), ("cameras/1", "3")]);
    }

    proptest! {
        /// However little of it is kept as events, and wherever the pieces end in which the rest is brought into the image.
        #[test]
        fn the_states_are_what_was_set_last_whatever_has_left_the_ring(
            max in 1_usize..40,
            appends in proptest::collection::vec((0_usize..2, proptest::collection::vec((0_u8..6, 0_u8..9), 0..12)), 1..40),
        ) {
            let mut journal = Memory::new(max, usize::MAX);
            let lanes = ["a", "b"].map(|name| ConnectionName::new(name).unwrap());
            let shared = [0, 1, 2].map(|n| Arc::new(Item { id: format!("cameras/{n}").into(), name: None }));
            let mut truth: [std::collections::BTreeMap<u8, String>; 2] = Default::default();
            for (lane, events) in appends {
                let event = |(item, value): &(u8, u8)| Event {
                    id: EventId::mint(),
                    origin: Origin::Live,
                    meaning: meaning(&value.to_string()),
                    // Some items are one in memory, others are made anew for each event.
                    item: Some(shared.get(usize::from(*item)).map_or_else(
                        || Arc::new(Item { id: format!("cameras/{item}").into(), name: None }),
                        Arc::clone,
                    )),
                    time: "t".into(),
                    data: "{}".into(),
                };
                let mut append = append(lanes[lane].as_str(), &[], None);
                append.events = events.iter().map(event).collect::<Vec<_>>().into();
                append.states = (0..events.len()).map(|index| StateWrite::ByEvent(u32::try_from(index).unwrap())).collect();
                journal.append(vec![append]);
                truth[lane].extend(events.iter().map(|(item, value)| (*item, value.to_string())));
            }
            for (lane, truth) in lanes.iter().zip(truth) {
                let states = journal.load(lane).unwrap().states;
                let states: std::collections::BTreeMap<u8, String> = states.iter().map(|entry| {
                    (entry.item.id.rsplit('/').next().unwrap().parse().unwrap(), entry.vendor_value().to_owned())
                }).collect();
                prop_assert_eq!(states, truth);
            }
        }
    }
}
