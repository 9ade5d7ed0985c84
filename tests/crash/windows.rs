//! Killed, and started again only when the system has forgotten the session: what is lost is told, and nothing else.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use watchpost::{
    actors::{
        journal::Journal,
        model::{ConnectionName, state::StateEntry},
    },
    journal::{DataDir, JournalOptions, SqliteJournal},
    simulator::milestone::audit::{EventLine, ShownState, audit},
};

use crate::durable_support::{
    Line, MS, Place, SECOND, System, Walk, assert_grows, eventually, have, kill, newest, pace,
};

/// For how long events and gaps may differ: an event is on its way for a while.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

fn gaps(lines: &[Line]) -> Vec<(usize, &Line)> {
    lines.iter().enumerate().filter(|(_, line)| line.kind == "gap").collect()
}

fn member(gap: &Line, name: &str) -> SystemTime {
    gap.json()["data"][name].as_str().unwrap().parse::<Timestamp>().unwrap().into()
}

/// The states as they are stored, as an auditor reads them.
fn stored(place: &Place, system: &System) -> Vec<ShownState> {
    let folder = DataDir::open(place.path("watchpost-data")).unwrap();
    let mut journal = SqliteJournal::open(&folder, JournalOptions::default()).unwrap();
    let name: ConnectionName = system.name.parse().unwrap();
    let shown = |entry: StateEntry| ShownState {
        connection: system.name.clone(),
        item: entry.item.id.to_string(),
        value: entry.meaning.state.as_ref().unwrap().value.to_string(),
        group: entry.vendor_group().to_owned(),
        event_type: entry.vendor_value().to_owned(),
    };
    journal.load(&name).unwrap().states.into_iter().map(shown).collect()
}

#[test]
fn a_crash_for_longer_than_the_window_is_one_gap_from_the_last_event_and_the_states_are_right_again() {
    let window = SECOND;
    let place = Place::expiring(1, window);
    place.configure("", &Place::file_sink("file", ""));
    let system = &place.systems[0];
    let mut file = place.tail("file.jsonl");
    let mut program = place.run_until_online(&mut file);
    for quiet in [false, true, false] {
        let before = gaps(file.read()).len();
        let stored = file.distinct();
        let walk = Walk::start(&system.simulator, 300.0);
        eventually("events are stored", || file.distinct() > stored + 300);
        let walk = if quiet {
            drop(walk);
            let newest = newest(&place.systems);
            eventually("everything is stored", || have(file.read(), &newest));
            pace(600 * MS);
            None
        } else {
            Some(walk)
        };
        kill(&mut program);
        let killed = SystemTime::now();
        pace(2 * window);
        drop(walk);
        // States change while nobody hears of it, in a quiet system too.
        place.emit(50);
        let told = file.read().len();
        program = place.run();
        place.wait_online(&mut file, told);
        eventually("the gap", || gaps(file.read()).len() > before);
        let lines = file.read();
        let (at, gap) = *gaps(lines).last().unwrap();
        assert_eq!(gaps(lines).len(), before + 1, "{:?}", gaps(lines));
        let came: HashSet<&str> = lines[..at].iter().map(|line| &*line.id).collect();
        let ledger = system.simulator.ledger();
        let name = |id: &str| format!("{}:{id}", system.name);
        let last = ledger.events.iter().rfind(|event| came.contains(&*name(&event.id))).unwrap();
        let first_lost = ledger.events.iter().find(|event| event.index > last.index).unwrap();
        let (from, to) = (member(gap, "from"), member(gap, "to"));
        assert!(from <= first_lost.at && from <= killed, "{} {} {killed:?}", gap.text, first_lost.time);
        assert!(from + ON_ITS_WAY >= last.at, "{} {}", gap.text, last.time);
        assert!(to >= killed + 2 * window, "{} {killed:?}", gap.text);
    }
    // Live again, and then at rest.
    place.emit(20);
    let newest = newest(&place.systems);
    eventually("the last event", || have(file.read(), &newest));
    place.end(program);

    // A crash repeats lines in the file; what is repeated was looked at elsewhere.
    let mut seen = HashSet::new();
    let lines: Vec<Line> = file.read().iter().filter(|line| seen.insert(line.id.clone())).cloned().collect();
    assert_grows("file", &lines);
    let lines: Vec<EventLine> = lines.iter().map(|line| serde_json::from_str(&line.text).unwrap()).collect();
    let (ledger, states) = (system.simulator.ledger(), system.simulator.states());
    let report = audit(&system.name, &ledger, &states, &lines, &stored(&place, system));
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.gaps, report.expected_gaps), (3, 3), "{report}");
    assert!(report.in_gaps > 500, "{report}");
}

#[test]
fn after_a_crash_of_a_quiet_system_the_gap_begins_at_the_last_heartbeat() {
    // How often a quiet connection stores that nothing was missing, and what a busy machine may add to it.
    let (heartbeat, late) = (10 * SECOND, 2 * SECOND);
    let window = SECOND;
    let place = Place::expiring(1, window);
    place.configure("", &Place::file_sink("file", ""));
    let mut file = place.tail("file.jsonl");
    let mut program = place.run_until_online(&mut file);
    place.emit(5);
    let last = newest(&place.systems);
    eventually("the last event", || have(file.read(), &last));
    let last = place.simulator().ledger().events.last().unwrap().at;
    pace(heartbeat + 3 * SECOND);
    kill(&mut program);
    let killed = SystemTime::now();
    pace(2 * window);
    let told = file.read().len();
    let program = place.run();
    place.wait_online(&mut file, told);
    eventually("the gap", || !gaps(file.read()).is_empty());
    place.end(program);
    let lines = file.read();
    let gap = match &gaps(lines)[..] {
        [(_, gap)] => *gap,
        gaps => panic!("{gaps:?}"),
    };
    let from = member(gap, "from");
    assert!(from <= killed && from + heartbeat + late >= killed, "{} {killed:?}", gap.text);
    assert!(from >= last + heartbeat - late, "it begins at the heartbeat and not at the last event: {}", gap.text);
}
