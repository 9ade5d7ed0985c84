//! What is answered is stored, as it was, together, and in order.

use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

#[test]
fn what_was_stored_is_found_again_to_the_last_field() {
    let site = Site::new();
    let plain = Meaning { kind: "gap".into(), name: None, state: None };
    let full = Meaning {
        state: Some(StateMeaning { text: Some("Bewegung ✓".into()), ..motion("x").state.clone().unwrap() }),
        ..(*motion("x")).clone()
    };
    let empty = Meaning {
        kind: "".into(),
        name: Some("".into()),
        state: Some(StateMeaning {
            group: "".into(),
            value: "".into(),
            vendor_group: "".into(),
            vendor_value: "".into(),
            text: Some("".into()),
        }),
    };
    let mut stored = Vec::new();
    for (n, meaning) in [plain, full, empty].into_iter().enumerate() {
        let meaning = Arc::new(meaning);
        for item in
            [None, Some(Item { id: "".into(), name: None }), Some(Item { id: "a\0b".into(), name: Some("".into()) })]
        {
            let origin =
                [Origin::Live, Origin::Resumed, Origin::Backfill, Origin::Snapshot, Origin::Engine][stored.len() % 5];
            stored.push(Event {
                meaning: Arc::clone(&meaning),
                item: item.map(Arc::new),
                origin,
                ..event(&format!("{n}'\""))
            });
        }
    }
    stored.push(Event { time: "".into(), data: "".into(), ..event("") });
    let mut journal = site.open();
    let commit = store(&mut journal, append("hq/Ab_1", stored.clone())).unwrap();
    let mut reader = journal.reader().unwrap().unwrap();
    let page = read(&mut *reader, Sequence(0), 99, None);
    assert_eq!(page.commits.len(), 1);
    let found = &page.commits[0];
    assert_eq!(
        (&found.connection, found.vendor, found.first, found.recorded),
        (&commit.connection, "milestone", commit.first, commit.recorded)
    );
    assert_eq!(found.events.len(), stored.len());
    for (found, stored) in found.events.iter().zip(&stored) {
        assert_eq!(
            (found.id, found.origin, found.time, found.data),
            (stored.id.as_str(), stored.origin, &*stored.time, &*stored.data)
        );
        assert_eq!((found.meaning, found.item), (&stored.meaning, stored.item.as_ref()));
    }
    let meaning = |index| found.events.get(index).unwrap().meaning;
    assert!(Arc::ptr_eq(meaning(0), meaning(1)), "equal meanings share their memory");
}

#[test]
fn events_states_checkpoint_and_heard_of_an_append_are_found_again_after_a_restart() {
    let site = Site::new();
    let heard = moment("2026-06-11T09:00:00.000001Z");
    let mut journal = site.open();
    let first = Append { checkpoint: checkpoint("c1"), heard: Some(heard), ..events("a", "", 2) };
    let group = vec![first, events("b", "", 1), Append { checkpoint: checkpoint("c2"), ..append("a", Vec::new()) }];
    let commits: Vec<_> = journal.append(group).into_iter().map(Result::unwrap).collect();
    assert_eq!(commits[1].first, commits[0].first.plus(2));
    assert_eq!(commits[2].first, commits[0].first.plus(3));
    for mode in ["running", "crashed", "closed"] {
        match mode {
            "crashed" => {
                drop(journal);
                journal = site.open();
            }
            "closed" => {
                journal.close().unwrap();
                drop(journal);
                journal = site.open();
            }
            _ => {}
        }
        let loaded = journal.load(&name("a")).unwrap();
        assert_eq!((loaded.checkpoint, loaded.heard), (checkpoint("c2"), Some(heard)), "{mode}");
        assert_eq!(loaded.seen.iter().map(EventId::as_str).collect::<Vec<_>>(), ["0", "1"], "{mode}");
        assert_eq!(loaded.states.len(), 1, "{mode}");
        assert_eq!(loaded.states[0].sequence, commits[0].first.plus(1), "{mode}");
        assert_eq!(journal.next().unwrap(), commits[0].first.plus(3), "{mode}");
        let lanes = Reader::lanes(&mut journal).unwrap();
        assert_eq!(lanes.iter().map(|lane| lane.connection.as_str()).collect::<Vec<_>>(), ["a", "b"], "{mode}");
    }
}

#[test]
fn a_heartbeat_moves_what_was_heard_and_nothing_else() {
    let site = Site::new();
    let mut journal = site.open();
    store(&mut journal, Append { checkpoint: checkpoint("c"), ..events("a", "", 1) }).unwrap();
    let next = journal.next().unwrap();
    let heard = moment("2026-06-11T09:00:10Z");
    let answer = store(&mut journal, Append { heard: Some(heard), ..append("a", Vec::new()) }).unwrap();
    assert_eq!((answer.first, answer.events.len()), (next, 0));
    drop(journal);
    let mut journal = site.open();
    let loaded = journal.load(&name("a")).unwrap();
    assert_eq!((loaded.checkpoint, loaded.heard, loaded.seen.len()), (checkpoint("c"), Some(heard), 1));
    assert_eq!(journal.next().unwrap(), next);
}

#[test]
fn a_connection_that_was_only_loaded_is_no_connection_of_which_something_is_stored() {
    let site = Site::new();
    let mut journal = site.open();
    let loaded = journal.load(&name("a")).unwrap();
    assert_eq!((loaded.checkpoint, loaded.heard, loaded.states.len()), (None, None, 0));
    assert_eq!(Reader::lanes(&mut journal).unwrap(), []);
    store(&mut journal, events("a", "", 1)).unwrap();
    assert_eq!(Reader::lanes(&mut journal).unwrap()[0].vendor, "milestone");
}

#[test]
fn a_connection_that_changes_its_vendor_leaves_the_old_events_as_they_were() {
    let site = Site::new();
    let mut journal = site.open();
    store(&mut journal, events("a", "", 1)).unwrap();
    store(&mut journal, Append { vendor: "made-up", ..events("a", "", 1) }).unwrap();
    drop(journal);
    let page = read(&mut site.open(), Sequence(0), 9, None);
    assert_eq!(page.commits.iter().map(|commit| commit.vendor).collect::<Vec<_>>(), ["milestone", "made-up"]);
}

#[test]
fn a_clock_that_steps_back_takes_neither_sequences_nor_moments_with_it() {
    static CLOCK: AtomicI64 = AtomicI64::new(1_800_000_000_000_000);
    let clock = || Timestamp::from_microsecond(CLOCK.load(Ordering::Relaxed)).unwrap();
    let site = Site::with(JournalOptions { clock, ..JournalOptions::default() });
    let mut journal = site.open();
    let first = store(&mut journal, events("a", "", 1)).unwrap();
    assert_eq!((first.first, first.recorded), (Sequence(1_800_000_000_000_000), clock()));
    CLOCK.fetch_sub(3_600_000_000, Ordering::Relaxed);
    let second = store(&mut journal, events("a", "", 1)).unwrap();
    drop(journal);
    let mut journal = site.open();
    let third = store(&mut journal, events("a", "", 1)).unwrap();
    assert_eq!([second.first, third.first], [first.first.plus(1), first.first.plus(2)]);
    assert_eq!([second.recorded, third.recorded], [first.recorded; 2]);
    CLOCK.fetch_add(7_200_000_000, Ordering::Relaxed);
    assert_eq!(store(&mut journal, events("a", "", 1)).unwrap().recorded, clock());
}

#[test]
fn sequences_start_above_whatever_a_sink_has_seen() {
    let mut site = Site::new();
    let next = site.open().next().unwrap();
    site.options.at_least = next.plus(1_000);
    let mut journal = site.open();
    let mut reader = journal.reader().unwrap().unwrap();
    assert_eq!((journal.next().unwrap(), reader.next().unwrap()), (next.plus(1_000), next.plus(1_000)));
    assert_eq!(store(&mut journal, events("a", "", 1)).unwrap().first, next.plus(1_000));
    drop(journal);
    assert_eq!(site.open().next().unwrap(), next.plus(1_001));
    site.options.at_least = Sequence(u64::MAX);
    let mut journal = Site::with(site.options.clone()).open();
    let stored: Vec<_> = (0..2).map(|_| store(&mut journal, events("a", "", 1)).is_ok()).collect();
    assert_eq!(stored.last(), Some(&false), "numbers end, and that is an error");
}

#[test]
fn ids_of_the_last_hour_and_of_the_last_thousand_events_are_known() {
    static CLOCK: AtomicI64 = AtomicI64::new(1_800_000_000_000_000);
    let clock = || Timestamp::from_microsecond(CLOCK.load(Ordering::Relaxed)).unwrap();
    let site = Site::with(JournalOptions { clock, ..JournalOptions::default() });
    let mut journal = site.open();
    store(&mut journal, events("a", "old", 1_500)).unwrap();
    store(&mut journal, events("b", "other", 10)).unwrap();
    CLOCK.fetch_add(3_600_000_001, Ordering::Relaxed);
    store(&mut journal, events("a", "new", 1)).unwrap();
    let seen = journal.load(&name("a")).unwrap().seen;
    assert_eq!((seen.len(), seen[0].as_str(), seen[1_023].as_str()), (1_024, "old477", "new0"));
    store(&mut journal, events("a", "more", 1_500)).unwrap();
    assert_eq!(journal.load(&name("a")).unwrap().seen.len(), 1_501);
}
