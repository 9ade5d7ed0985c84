//! What a lane makes of batches: repeats, snapshots, refused commits.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::journal::{Journal, Memory};
use crate::model::StateMeaning;
use crate::vendors::{Occurrence, Scope, Snapshot};

/// A lane with a journal behind it, as the state tracker would drive it.
struct Bench {
    lane: Lane,
    names: Names,
    journal: Memory,
    /// Every event that was stored: id, type, state, origin.
    stored: Vec<(String, String, Option<String>, Origin)>,
}

fn meanwhile(kind: &str, group: &str) -> Meaning {
    let state = (!group.is_empty()).then(|| StateMeaning {
        group: group.into(),
        value: kind.into(),
        vendor_group: group.into(),
        vendor_value: kind.into(),
        text: None,
    });
    Meaning { kind: format!("test.{kind}").into(), name: None, state }
}

/// What a batch is made of here.
#[derive(Debug, Clone)]
enum Given {
    Event(Told),
    Snapshot(Vec<Told>),
    Awaited { anew: bool },
}

/// An occurrence of which the texts are its own.
#[derive(Debug, Clone)]
struct Told {
    id: String,
    item: String,
    value: String,
    time: String,
}

impl Told {
    fn occurrence(&self) -> Occurrence<'_> {
        let kind = Kind::Named { kind: &self.value, group: "g", meanwhile };
        Occurrence { id: &self.id, origin: Origin::Live, item: &self.item, kind, time: &self.time, data: "{}" }
    }
}

fn occurrence(id: &str, item: &str, value: &str, second: u32) -> Told {
    let time = format!("2026-06-11T10:{:02}:{:02}.0000000Z", second / 60, second % 60);
    Told { id: id.to_owned(), item: item.to_owned(), value: value.to_owned(), time }
}

fn event(id: &str, item: &str, value: &str, second: u32) -> Given {
    Given::Event(occurrence(id, item, value, second))
}

fn snapshot(states: Vec<Told>) -> Given {
    Given::Snapshot(states)
}

const AWAITED: Given = Given::Awaited { anew: true };

fn batch(given: Vec<Given>) -> Entries {
    let mut entries = Entries::default();
    for given in given {
        match given {
            Given::Event(told) => entries.occur(told.occurrence()),
            Given::Snapshot(states) => {
                let states = states.iter().map(|told| entries.note(told.occurrence())).collect();
                entries.enter(Entry::Snapshot(Box::new(Snapshot { scope: Scope::Everything, states })));
            }
            Given::Awaited { anew } => entries.enter(Entry::BaselineAwaited { anew }),
        }
    }
    entries
}

fn one(entry: Entry) -> Entries {
    let mut entries = Entries::default();
    entries.enter(entry);
    entries
}

impl Bench {
    fn new() -> Self {
        Self::ordered(Order::Arrival)
    }

    fn ordered(order: Order) -> Self {
        let name = ConnectionName::new("hq").unwrap();
        let states = Arc::new(ConnectionStates::new(name.clone(), "test"));
        let lane = Lane::new(name, "test", order, states, Loaded::default());
        Self { lane, names: Names::default(), journal: Memory::default(), stored: vec![] }
    }

    /// Stores a batch and says how many repeats were left out.
    fn store(&mut self, given: Vec<Given>) -> usize {
        self.store_entries(batch(given))
    }

    fn store_entries(&mut self, mut entries: Entries) -> usize {
        let repeats = self.lane.admit(&mut entries);
        let known = Lane::recognize(&self.names, std::time::Instant::now(), &entries).items;
        let append = self.lane.build(&mut self.names, entries, known, None);
        let states = append.states.clone();
        let commit = self.journal.append(vec![append]).remove(0).unwrap();
        self.lane.committed(&commit, &states, None);
        for event in commit.events.iter() {
            let value = event.meaning.state.as_ref().map(|state| state.value.to_string());
            self.stored.push((event.id.into(), event.meaning.kind.to_string(), value, event.origin));
        }
        repeats
    }

    /// A batch that the journal refuses.
    fn refuse(&mut self, given: Vec<Given>) {
        let mut entries = batch(given);
        self.lane.admit(&mut entries);
        drop(self.lane.build(&mut self.names, entries, vec![], None));
        self.lane.refused();
    }

    fn states(&self) -> BTreeMap<String, String> {
        let entries = self.lane.states.entries(None).into_iter();
        entries
            .map(|entry| (entry.item.id.to_string(), entry.meaning.state.clone().unwrap().value.to_string()))
            .collect()
    }

    fn ids(&self) -> Vec<&str> {
        self.stored.iter().map(|(id, ..)| id.as_str()).collect()
    }

    fn differences(&self) -> Vec<(&str, Option<&str>)> {
        let told = self.stored.iter().filter(|(.., origin)| *origin == Origin::Snapshot);
        told.map(|(_, kind, value, _)| (kind.as_str(), value.as_deref())).collect()
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(item, value)| ((*item).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_repeat_is_left_out_in_the_same_batch_and_in_a_later_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.store(vec![event("1", "a", "on", 1), event("1", "a", "on", 1), event("2", "a", "off", 2)]), 1);
    assert_eq!(bench.store(vec![event("2", "a", "off", 2), event("1", "a", "on", 1)]), 2);
    assert_eq!(bench.ids(), ["1", "2"]);
    assert_eq!(bench.states(), map(&[("a", "off")]), "a repeat sets no state");
}

#[test]
fn a_batch_that_was_refused_is_new_again_and_showed_nothing() {
    let mut bench = Bench::new();
    bench.store(vec![event("1", "a", "on", 1)]);
    bench.refuse(vec![event("1", "a", "on", 1), event("2", "a", "off", 2), AWAITED]);
    assert_eq!(bench.states(), map(&[("a", "on")]));
    assert_eq!(bench.store(vec![event("1", "a", "on", 1), event("2", "a", "off", 2)]), 1);
    assert_eq!(bench.ids(), ["1", "2"]);
}

#[test]
fn the_states_of_a_first_snapshot_are_no_events() {
    let mut bench = Bench::new();
    bench.store(vec![AWAITED]);
    bench.store(vec![snapshot(vec![occurrence("x", "a", "on", 1), occurrence("y", "b", "off", 1)])]);
    assert_eq!(bench.stored, []);
    assert_eq!(bench.states(), map(&[("a", "on"), ("b", "off")]));
}

#[test]
fn a_later_snapshot_replaces_and_each_difference_is_an_event() {
    let mut bench = Bench::new();
    bench.store(vec![event("1", "a", "on", 1), event("2", "b", "on", 1), event("3", "c", "on", 1)]);
    bench.store(vec![AWAITED]);
    // a changed, b did not, c is gone, d is new.
    let states = vec![occurrence("4", "a", "off", 9), occurrence("2", "b", "on", 1), occurrence("5", "d", "on", 9)];
    bench.store(vec![snapshot(states)]);
    assert_eq!(bench.differences(), [("test.off", Some("off")), ("state.unknown", Some("unknown"))]);
    assert_eq!(bench.ids()[3], "4", "a difference has the id of the event behind it");
    assert_eq!(bench.states(), map(&[("a", "off"), ("b", "on"), ("c", "unknown"), ("d", "on")]));
    // What is unknown already is told once; what comes back is told.
    bench.store(vec![AWAITED, snapshot(vec![occurrence("4", "a", "off", 9), occurrence("6", "c", "on", 10)])]);
    let again = [("test.on", Some("on")), ("state.unknown", Some("unknown")), ("state.unknown", Some("unknown"))];
    assert_eq!(bench.differences()[2..], again, "b and d are gone now, c is back");
}

#[test]
fn an_event_that_came_while_the_snapshot_was_taken_wins_unless_the_snapshot_is_newer() {
    for (snapshot_second, expected) in [(4, "on"), (5, "on"), (6, "off")] {
        let mut bench = Bench::new();
        bench.store(vec![event("0", "a", "off", 1)]);
        bench.store(vec![AWAITED]);
        bench.store(vec![event("1", "a", "on", 5)]);
        bench.store(vec![snapshot(vec![occurrence("2", "a", "off", snapshot_second)])]);
        assert_eq!(bench.states(), map(&[("a", expected)]), "snapshot at {snapshot_second}");
    }
}

#[test]
fn an_event_that_came_while_the_snapshot_was_taken_keeps_a_state_that_the_snapshot_lacks() {
    let mut bench = Bench::new();
    bench.store(vec![AWAITED, event("1", "new", "on", 5)]);
    bench.store(vec![snapshot(vec![])]);
    assert_eq!(bench.states(), map(&[("new", "on")]));
    bench.store(vec![AWAITED, snapshot(vec![])]);
    assert_eq!(bench.states(), map(&[("new", "unknown")]), "what came before the awaiting does not count");
}

#[test]
fn events_awaiting_and_snapshot_in_one_batch_are_taken_in_order() {
    let mut bench = Bench::new();
    bench.store(vec![
        event("1", "a", "on", 1),
        AWAITED,
        event("2", "b", "on", 5),
        snapshot(vec![occurrence("3", "a", "off", 4), occurrence("4", "b", "off", 4)]),
        event("5", "a", "on", 6),
    ]);
    assert_eq!(bench.states(), map(&[("a", "on"), ("b", "on")]));
    assert_eq!(bench.ids(), ["1", "2", "3", "5"]);
}

#[test]
fn a_resumed_wait_for_the_snapshot_keeps_what_was_remembered() {
    let mut bench = Bench::new();
    bench.store(vec![AWAITED, event("1", "a", "on", 5)]);
    bench.store(vec![Given::Awaited { anew: false }]);
    bench.store(vec![snapshot(vec![occurrence("2", "a", "off", 4)])]);
    assert_eq!(bench.states(), map(&[("a", "on")]));
}

#[test]
fn an_awaiting_in_a_refused_batch_did_not_begin() {
    let mut bench = Bench::new();
    bench.store(vec![event("1", "a", "on", 5)]);
    bench.refuse(vec![AWAITED]);
    bench.store(vec![snapshot(vec![occurrence("2", "a", "off", 4)])]);
    assert_eq!(bench.states(), map(&[("a", "off")]));
}

#[test]
fn a_difference_whose_event_was_seen_already_gets_an_id_of_its_own() {
    let mut bench = Bench::new();
    bench.store(vec![event("1", "a", "on", 1), event("2", "a", "off", 2)]);
    bench.store(vec![AWAITED, snapshot(vec![occurrence("1", "a", "on", 1)])]);
    assert_eq!(bench.states(), map(&[("a", "on")]));
    assert!(!["1", "2"].contains(&bench.ids()[2]));
}

#[test]
fn an_event_that_a_snapshot_told_before_it_came_still_sets_its_state_in_its_place() {
    let mut bench = Bench::new();
    bench.store(vec![event("0", "a", "on", 1), AWAITED]);
    bench.store(vec![snapshot(vec![occurrence("3", "a", "off", 4)])]);
    // The answer has overtaken two events that it contains.
    assert_eq!(bench.store(vec![event("2", "a", "on", 3), event("3", "a", "off", 4)]), 1);
    assert_eq!(bench.states(), map(&[("a", "off")]));
    assert_eq!(bench.ids(), ["0", "3", "2"], "and each was told once");
}

#[test]
fn a_snapshot_of_one_item_leaves_the_others_alone() {
    let mut bench = Bench::new();
    bench.store(vec![event("1", "a", "on", 1), event("2", "b", "on", 1)]);
    let snapshot = Snapshot { scope: Scope::Item("a".into()), states: vec![] };
    bench.store_entries(one(Entry::Snapshot(Box::new(snapshot))));
    assert_eq!(bench.states(), map(&[("a", "unknown"), ("b", "on")]));
}

#[test]
fn a_gap_tells_from_when_to_when_and_why() {
    let mut bench = Bench::new();
    let (from, to) = ("2026-06-11T10:00:00Z".parse().unwrap(), "2026-06-11T10:01:00Z".parse().unwrap());
    let gap = Gap { item: None, from, to, reason: "session_expired".into(), recovered: "states" };
    let append = bench.lane.build(&mut bench.names, one(Entry::Gap(Box::new(gap))), vec![], None);
    let event = append.events.get(0).unwrap();
    assert_eq!((&*event.meaning.kind, event.origin, event.item.is_none()), ("gap", Origin::Engine, true));
    let data: serde_json::Value = serde_json::from_str(event.data).unwrap();
    let expected = serde_json::json!({"from":"2026-06-11T10:00:00Z","to":"2026-06-11T10:01:00Z","reason":"session_expired","recovered":"states"});
    assert_eq!(data, expected);
}

#[test]
fn states_survive_a_restart_with_the_journal() {
    let mut bench = Bench::new();
    bench.store(vec![event("1", "a", "on", 1)]);
    let name = bench.lane.connection.clone();
    let loaded = bench.journal.load(&name).unwrap();
    let states = Arc::new(ConnectionStates::new(name.clone(), "test"));
    let mut again = Bench { lane: Lane::new(name, "test", Order::Arrival, states, loaded), ..Bench::new() };
    assert_eq!(again.states(), map(&[("a", "on")]));
    assert_eq!(again.store(vec![event("1", "a", "on", 1), event("2", "a", "off", 2)]), 1, "and so do the ids seen");
}

/// What can come, for the model below.
#[derive(Debug, Clone)]
enum Step {
    Event { item: u8, value: u8 },
    Repeat { back: u8 },
    Refused { item: u8, value: u8 },
    Snapshot { values: [u8; 3] },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u8..3, 0_u8..3).prop_map(|(item, value)| Step::Event { item, value }),
        2 => (0_u8..5).prop_map(|back| Step::Repeat { back }),
        1 => (0_u8..3, 0_u8..3).prop_map(|(item, value)| Step::Refused { item, value }),
        1 => any::<[u8; 3]>().prop_map(|values| Step::Snapshot { values: values.map(|value| value % 4) }),
    ]
}

proptest! {
    /// Against a model that has a plain map and a plain set: the same states, each id once, and every change of a known state was told.
    #[test]
    fn states_follow_arrival_and_every_change_is_told(steps in proptest::collection::vec(step(), 0..60)) {
        const ITEMS: [&str; 3] = ["a", "b", "c"];
        const VALUES: [&str; 3] = ["on", "off", "error"];
        let (mut bench, mut model, mut sent, mut second) = (Bench::new(), BTreeMap::new(), Vec::new(), 0);
        for step in steps {
            second += 1;
            let id = format!("e{second}");
            match step {
                Step::Event { item, value } => {
                    let (item, value) = (ITEMS[usize::from(item)], VALUES[usize::from(value)]);
                    bench.store(vec![event(&id, item, value, second)]);
                    model.insert(item.to_owned(), value.to_owned());
                    sent.push((id, item, value));
                }
                Step::Repeat { back } => {
                    if let Some((id, item, value)) = sent.iter().rev().nth(usize::from(back)).cloned() {
                        prop_assert_eq!(bench.store(vec![event(&id, item, value, 0)]), 1);
                    }
                }
                Step::Refused { item, value } => {
                    bench.refuse(vec![event(&id, ITEMS[usize::from(item)], VALUES[usize::from(value)], second)]);
                }
                Step::Snapshot { values } => {
                    let before = model.clone();
                    let told = bench.stored.len();
                    let mut states = Vec::new();
                    for (item, value) in ITEMS.into_iter().zip(values) {
                        match VALUES.get(usize::from(value)) {
                            Some(value) => {
                                states.push(occurrence(&format!("{id}-{item}"), item, value, second));
                                model.insert(item.to_owned(), (*value).to_owned());
                            }
                            None if model.contains_key(item) => {
                                model.insert(item.to_owned(), "unknown".to_owned());
                            }
                            None => {}
                        }
                    }
                    bench.store(vec![AWAITED, snapshot(states)]);
                    let changed = before.iter().filter(|(item, value)| model.get(*item) != Some(value)).count();
                    prop_assert_eq!(bench.stored.len() - told, changed);
                }
            }
            prop_assert_eq!(bench.states(), model.clone());
        }
        let mut ids = bench.ids();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        prop_assert_eq!(ids.len(), all, "each id is stored once");
        prop_assert!(sent.iter().all(|(id, ..)| ids.binary_search(&id.as_str()).is_ok()), "and none is missing");
    }
}

#[test]
fn a_late_old_event_is_published_and_never_overwrites_a_newer_state() {
    let mut bench = Bench::ordered(Order::Time);
    // In the same batch, and in a later one.
    bench.store(vec![event("2", "lock", "locked", 20), event("1", "lock", "unlocked", 10)]);
    bench.store(vec![event("0", "lock", "jammed", 5)]);
    assert_eq!(bench.states()["lock"], "locked");
    let told: Vec<_> = bench.stored.iter().map(|(_, kind, state, _)| (kind.as_str(), state.as_deref())).collect();
    assert_eq!(told, [("test.locked", Some("locked")), ("test.unlocked", None), ("test.jammed", None)]);
    // Another item, another moment, and the same moment are not late.
    bench.store(vec![event("3", "door", "open", 1), event("4", "lock", "unlocked", 20)]);
    assert_eq!(bench.states(), [("door".into(), "open".into()), ("lock".into(), "unlocked".into())].into());
}

#[test]
fn a_snapshot_from_a_stale_cache_does_not_undo_what_came_later() {
    let mut bench = Bench::ordered(Order::Time);
    bench.store(vec![event("1", "lock", "locked", 20)]);
    bench.store(vec![AWAITED, snapshot(vec![occurrence("", "lock", "unlocked", 10)])]);
    assert_eq!(bench.states()["lock"], "locked");
    bench.store(vec![AWAITED, snapshot(vec![occurrence("", "lock", "unlocked", 30)])]);
    assert_eq!(bench.states()["lock"], "unlocked");
    bench.store(vec![event("2", "lock", "jammed", 25)]);
    assert_eq!(bench.states()["lock"], "unlocked");
}

#[test]
fn what_was_last_heard_replaces_a_state_that_nobody_knows() {
    let mut bench = Bench::ordered(Order::Time);
    bench.store(vec![event("1", "lock", "locked", 20)]);
    bench.store(vec![AWAITED, snapshot(vec![])]);
    assert_eq!(bench.states()["lock"], "unknown");
    bench.store(vec![event("2", "lock", "unlocked", 30)]);
    assert_eq!(bench.states()["lock"], "unlocked");
}

proptest! {
    #[test]
    fn in_whatever_order_events_come_the_latest_sets_the_state(
        seconds in proptest::collection::vec(0_u32..1_000, 1..40), cut in 0_usize..40,
    ) {
        let told: Vec<_> = seconds.iter().enumerate().collect();
        let given = |part: &[(usize, &u32)]| {
            part.iter().map(|(n, second)| event(&n.to_string(), "lock", &second.to_string(), **second)).collect::<Vec<_>>()
        };
        let mut bench = Bench::ordered(Order::Time);
        let (first, second) = told.split_at(cut.min(told.len()));
        bench.store(given(first));
        bench.store(given(second));
        prop_assert_eq!(&bench.states()["lock"], &seconds.iter().max().unwrap().to_string());
        prop_assert_eq!(bench.stored.len(), seconds.len());
    }
}
