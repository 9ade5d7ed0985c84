//! A disk that is full, for a while: a largest allowed size of files stands for it, beyond which every write fails.
#![cfg(all(target_os = "linux", feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod durable_support;

use std::{collections::HashSet, fs, path::Path};

use durable_support::{
    Line, MS, Place, Receiver, SECOND, Walk, assert_all_in_order, assert_grows, distinct, eventually, kill, limit,
    newest, pace,
};
use rusqlite::{Connection, OpenFlags};
use watchpost::{
    actors::{
        journal::{Ask, Reader},
        model::Sequence,
    },
    journal::{DataDir, JournalOptions, SqliteJournal},
};

/// Room for about a thousand events in the journal's log.
const ROOM: u64 = 1 << 20;

/// The ids of everything that the journal holds.
fn stored(folder: &Path) -> HashSet<String> {
    let mut journal = SqliteJournal::open(&DataDir::open(folder).unwrap(), JournalOptions::default()).unwrap();
    let (mut ids, mut from) = (HashSet::new(), Sequence(0));
    loop {
        let page = journal.read(&Ask { from, limit: 4_096, of: None }).unwrap();
        ids.extend(
            page.commits.iter().flat_map(|commit| commit.iter().map(|stored| stored.full_id()).collect::<Vec<_>>()),
        );
        if page.end <= from {
            return ids;
        }
        from = page.end;
    }
}

#[test]
fn a_full_disk_under_the_journal_pauses_everything_and_what_is_not_stored_reaches_nobody() {
    let place = Place::start(1);
    let hook = Receiver::start();
    // Few and large requests, and a small file: neither fills anything.
    let sinks = Place::file_sink("file", "filter = { origins = [\"engine\"] }")
        + &Place::webhook_sink("hook", &hook, "mode = \"batch\"\nbatch = 500");
    place.configure("", &sinks);
    let mut file = place.tail("file.jsonl");
    let mut program = place.run_limited(Some(ROOM));
    place.wait_online(&mut file, 0);
    let held_back = || place.read("stderr").matches("new=\"delayed\" reason=\"journal: ").count();
    let walk = Walk::start(place.simulator(), 600.0);
    eventually("the connection is held back", || held_back() > 0);
    assert!(place.read("stderr").contains("A batch could not be stored"));
    // Long enough for whatever is on its way, and for some tries; many more events happen meanwhile.
    pace(SECOND);
    let delivered = hook.distinct();
    pace(SECOND);
    assert!(delivered > 100, "it had worked until then: {delivered}");
    assert_eq!(hook.distinct(), delivered, "nothing is delivered that is not stored");
    assert!(place.owed() > delivered + 300);

    // Room again: it goes on by itself.
    limit(&program, None);
    eventually("it goes on", || hook.distinct() > delivered + 600);
    place.wait_online(&mut file, 0);
    let told: Vec<String> = file.read().iter().map(|line| line.json()["data"]["reason"].to_string()).collect();
    assert!(told.iter().any(|reason| reason.starts_with("\"journal")), "{told:?}");
    assert_eq!(file.read().iter().filter(|line| line.kind == "gap").count(), 0);

    // Full once more, and this time it is killed before there is room.
    let before = held_back();
    limit(&program, Some(ROOM));
    eventually("the connection is held back again", || held_back() > before);
    pace(300 * MS);
    kill(&mut program);
    let stored = stored(&place.path("watchpost-data"));
    let strangers: Vec<Line> = hook.accepted().into_iter().filter(|line| !stored.contains(&line.id)).collect();
    assert!(strangers.is_empty(), "delivered and not stored: {strangers:#?}");
    let program = place.run();
    drop(walk);
    let newest = newest(&place.systems);
    eventually("all of it", || hook.has(&newest));
    place.end(program);
    assert_eq!(place.simulator().ledger().sessions.len(), 1, "the session was resumed each time");
    assert_all_in_order("hook", &hook.accepted(), &place.systems);
}

#[test]
fn a_full_disk_under_the_positions_of_sinks_pauses_them_and_repeats_nothing() {
    let place = Place::start(2);
    let hook = Receiver::start();
    place.configure("", &Place::webhook_sink("hook", &hook, ""));
    let data = place.path("watchpost-data");
    let size = |name: &str| fs::metadata(data.join(name)).map_or(0, |meta| meta.len());
    let program = place.run_limited(None);
    // Somebody who reads keeps the log of the positions from being begun anew, so it grows past that of the journal.
    eventually("the positions have a file", || size("delivery.db-wal") > 0 && hook.count() > 0);
    let reader = Connection::open_with_flags(data.join("delivery.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM sink;").unwrap();
    reader.query_row("SELECT count(*) FROM sink", [], |row| row.get::<_, i64>(0)).unwrap();
    let walks: Vec<Walk> = place.systems.iter().map(|system| Walk::start(&system.simulator, 150.0)).collect();
    let room = || ["journal.db", "journal.db-wal"].map(size).into_iter().max().unwrap() + ROOM;
    eventually("its log is the longest", || size("delivery.db-wal") > 4 * ROOM && size("delivery.db-wal") > room());
    limit(&program, Some(size("delivery.db-wal")));
    eventually("positions cannot be stored", || place.read("stderr").contains("cannot store how far it has come"));
    pace(SECOND);
    let delivered = hook.count();
    pace(SECOND);
    assert_eq!(hook.count(), delivered, "nothing more is delivered than could be stored");
    assert!(!place.read("stderr").contains("A batch could not be stored"), "events are stored meanwhile");
    drop(reader);
    limit(&program, None);
    drop(walks);
    let newest = newest(&place.systems);
    eventually("all of it", || hook.has(&newest));
    place.end(program);
    let accepted = hook.accepted();
    assert_all_in_order("hook", &accepted, &place.systems);
    for system in &place.systems {
        assert_grows("hook, without a repeat", accepted.iter().filter(|line| line.connection == system.name));
    }
    assert!(distinct(&accepted) > 1_000);
}
