//! The states are those that the journal in memory would have, whatever happens in between.

use proptest::prelude::*;
use watchpost_actors::journal::Memory;

use super::*;

/// Something that happens to a journal.
#[derive(Clone, Debug)]
enum Step {
    /// A group of appends: lane, writes.
    Store(Vec<(u8, Vec<Write>)>),
    /// Housekeeping, this many steps of it, with a move of the image whether it is due or not.
    Move(usize),
    Reopen,
    /// A kill: only what SQLite has written is left.
    Crash,
    /// A group that fails half-way.
    Fail,
}

#[derive(Clone, Debug)]
enum Write {
    Event {
        item: u8,
        group: u8,
        value: u8,
    },
    /// An event whose state does not count.
    Mute {
        item: u8,
        group: u8,
    },
    Silent {
        item: u8,
        group: u8,
        value: u8,
    },
    /// The state of the append's first event counts here, behind later ones.
    Again,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = prop_oneof![
        6 => (0..4u8, 0..2u8, 0..9u8).prop_map(|(item, group, value)| Write::Event { item, group, value }),
        1 => (0..4u8, 0..2u8).prop_map(|(item, group)| Write::Mute { item, group }),
        2 => (0..4u8, 0..2u8, 0..9u8).prop_map(|(item, group, value)| Write::Silent { item, group, value }),
        1 => Just(Write::Again),
    ];
    let append = (0..2u8, prop::collection::vec(write, 0..6));
    let step = prop_oneof![
        8 => prop::collection::vec(append, 1..4).prop_map(Step::Store),
        4 => (0..4usize).prop_map(Step::Move),
        1 => Just(Step::Reopen),
        2 => Just(Step::Crash),
        1 => Just(Step::Fail),
    ];
    prop::collection::vec(step, 1..24)
}

fn meaning(group: u8, value: u8) -> Arc<Meaning> {
    let state = StateMeaning {
        vendor_group: format!("g{group}").into(),
        ..motion(&format!("v{value}")).state.clone().unwrap()
    };
    Arc::new(Meaning { state: Some(state), ..(*motion("x")).clone() })
}

fn group(appends: &[(u8, Vec<Write>)]) -> Vec<Append> {
    let one = |(lane, writes): &(u8, Vec<Write>)| {
        let (mut list, mut states) = (Vec::new(), Vec::new());
        for write in writes {
            match *write {
                Write::Event { item: id, group, value } => {
                    states.push(StateWrite::ByEvent(u32::try_from(list.len()).unwrap()));
                    list.push(Event {
                        item: Some(item(&format!("i{id}"))),
                        meaning: meaning(group, value),
                        ..event("e")
                    });
                }
                Write::Mute { item: id, group } => {
                    list.push(Event { item: Some(item(&format!("i{id}"))), meaning: meaning(group, 99), ..event("e") });
                }
                Write::Silent { item: id, group, value } => {
                    let entry = StateEntry { meaning: meaning(group, value), ..entry(&format!("i{id}"), "") };
                    states.push(StateWrite::Silent(Box::new(entry)));
                }
                Write::Again => states.push(StateWrite::ByEvent(0)),
            }
        }
        Append { states: states.into(), ..append(["a", "b"][usize::from(*lane)], list) }
    };
    appends.iter().map(one).collect()
}

/// The states of a lane, in an order, so that they can be compared.
fn states(journal: &mut impl Journal, lane: &str) -> Vec<String> {
    let mut states: Vec<_> =
        journal.load(&name(lane)).unwrap().states.iter().map(|entry| format!("{entry:?}")).collect();
    states.sort();
    states
}

/// One small step of a move, so that a crash can come in the middle.
fn move_a_little(journal: &mut SqliteJournal, steps: usize) {
    let SqliteJournal { image, connection, next, .. } = journal;
    for _ in 0..steps {
        image.step(connection, *next, true).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn states_outlive_moves_restarts_crashes_and_failures(steps in steps()) {
        // Both number from the same start.
        let mut memory = Memory::default();
        let clock = || Timestamp::UNIX_EPOCH;
        let options = JournalOptions { clock, at_least: memory.next().unwrap(), ..JournalOptions::default() };
        let mut site = Site::with(options);
        let mut journal = site.open();
        journal.image.rows = 2;
        for step in steps {
            match step {
                Step::Store(appends) => {
                    let answers = journal.append(group(&appends)).into_iter().zip(memory.append(group(&appends)));
                    for (ours, theirs) in answers {
                        prop_assert_eq!(ours.unwrap().first, theirs.unwrap().first);
                    }
                }
                Step::Move(steps) => move_a_little(&mut journal, steps),
                Step::Reopen => {
                    journal.close().unwrap();
                    drop(journal);
                    journal = site.open();
                    prop_assert_eq!(journal.image.position(), journal.next().unwrap());
                }
                Step::Crash => {
                    let image = site.crash_image();
                    drop(journal);
                    site = image;
                    journal = site.open();
                }
                Step::Fail => {
                    journal.connection.pragma_update(None, "query_only", true).unwrap();
                    let failed = journal.append(group(&[(0, vec![Write::Event { item: 0, group: 0, value: 77 }])]));
                    prop_assert!(failed.iter().all(Result::is_err));
                    journal.connection.pragma_update(None, "query_only", false).unwrap();
                }
            }
            journal.image.rows = 2;
            for lane in ["a", "b"] {
                prop_assert_eq!(states(&mut journal, lane), states(&mut memory, lane));
            }
        }
    }
}

#[test]
fn the_image_moves_by_itself_in_steps_and_then_rests() {
    let site = Site::new();
    let mut journal = site.open();
    let start = journal.next().unwrap();
    assert!(!journal.trim().unwrap());
    let camera = |n: usize| Event { item: Some(item(&format!("cameras/{n}"))), ..event("e") };
    store(&mut journal, append("a", (0..2_500).map(camera).collect())).unwrap();
    assert!(!journal.trim().unwrap(), "few events, and lately: it can wait");
    store(&mut journal, append("a", (0..6_000).map(camera).collect())).unwrap();
    let mut steps = 1;
    while journal.image.position() == start {
        assert!(journal.trim().unwrap() || journal.image.position() > start);
        steps += 1;
        assert!(steps < 100);
    }
    assert!(steps > 5, "6,000 rows are more than one step");
    assert_eq!(journal.image.position(), start.plus(8_500));
    assert!(!journal.trim().unwrap());
    drop(journal);
    assert_eq!(site.open().load(&name("a")).unwrap().states.len(), 6_000);
}
