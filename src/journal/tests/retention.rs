//! What is dropped, and what is spared.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use watchpost_actors::settings::ByteSize;

use super::*;
use crate::journal::Floor;

const START: i64 = 1_800_000_000_000_000;
const HOUR: i64 = 3_600_000_000;

/// A clock of its own for each test, as an option is a plain function.
macro_rules! clock {
    ($clock:ident) => {
        static $clock: AtomicI64 = AtomicI64::new(START);
    };
}

fn options(clock: fn() -> Timestamp) -> JournalOptions {
    let (huge, retain) = (ByteSize::gib(1_000), Duration::from_secs(24 * 3_600));
    JournalOptions { clock, retain, max_journal: huge, max_undelivered: huge, ..JournalOptions::default() }
}

fn read_clock(clock: &AtomicI64) -> Timestamp {
    Timestamp::from_microsecond(clock.load(Ordering::Relaxed)).unwrap()
}

fn used(journal: &SqliteJournal) -> u64 {
    let number = |name: &str| journal.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    u64::try_from((number("page_count") - number("freelist_count")) * number("page_size")).unwrap()
}

/// Events of about 2 KiB, two to a page.
fn large(connection: &str, prefix: &str, count: usize) -> Append {
    let data = format!("\"{}\"", "x".repeat(1_500));
    append(
        connection,
        (0..count).map(|n| Event { data: data.clone().into(), ..event(&format!("{prefix}{n}")) }).collect(),
    )
}

#[test]
fn what_is_too_old_goes_and_each_connection_knows_where_it_begins() {
    clock!(CLOCK);
    let site = Site::with(options(|| read_clock(&CLOCK)));
    let mut journal = site.open();
    let start = store(&mut journal, events("a", "old", 1_500)).unwrap().first;
    store(&mut journal, events("b", "old", 700)).unwrap();
    CLOCK.fetch_add(23 * HOUR, Ordering::Relaxed);
    store(&mut journal, events("a", "new", 10)).unwrap();
    trim(&mut journal);
    assert_eq!(all(&mut journal).len(), 2_210, "nothing is too old yet");
    CLOCK.fetch_add(HOUR + 1, Ordering::Relaxed);
    trim(&mut journal);
    assert_eq!(all(&mut journal), (0..10).map(|n| format!("new{n}")).collect::<Vec<_>>());
    let mut reader = journal.reader().unwrap().unwrap();
    assert_eq!(read(&mut *reader, start, 9, None).oldest, start.plus(2_200));
    assert_eq!(read(&mut *reader, start, 9, Some("a")).oldest, start.plus(1_500));
    assert_eq!(read(&mut *reader, start, 9, Some("b")).oldest, start.plus(2_200));
    let dropped: Vec<_> = reader.lanes().unwrap().iter().map(|lane| lane.dropped).collect();
    assert_eq!(dropped, [start.plus(1_500), start.plus(2_200)]);
    CLOCK.fetch_add(25 * HOUR, Ordering::Relaxed);
    trim(&mut journal);
    assert_eq!(all(&mut journal), [""; 0]);
    assert_eq!(read(&mut *reader, start, 9, None).oldest, start.plus(2_210));
    assert_eq!(journal.next().unwrap(), start.plus(2_210));
    drop(journal);
    let mut journal = site.open();
    assert_eq!((journal.next().unwrap(), journal.load(&name("b")).unwrap().states.len()), (start.plus(2_210), 1));
}

#[test]
fn a_step_is_small_and_events_go_only_after_their_states_are_in_the_image() {
    clock!(CLOCK);
    let site = Site::with(options(|| read_clock(&CLOCK)));
    let mut journal = site.open();
    let camera = |n: usize| Event { item: Some(item(&format!("cameras/{n}"))), ..event("e") };
    store(&mut journal, append("a", (0..2_500).map(camera).collect())).unwrap();
    CLOCK.fetch_add(25 * HOUR, Ordering::Relaxed);
    let mut left = 2_500;
    while journal.trim().unwrap() {
        let now = all(&mut journal).len();
        assert!(left - now <= 1_000);
        left = now;
        assert_eq!(site.crash_image().open().load(&name("a")).unwrap().states.len(), 2_500);
    }
    assert_eq!(left, 0);
}

#[test]
fn a_journal_that_is_too_large_drops_the_oldest_and_keeps_within_its_bound() {
    clock!(CLOCK);
    let max = ByteSize::mib(4);
    let site = Site::with(JournalOptions { max_journal: max, ..options(|| read_clock(&CLOCK)) });
    let mut journal = site.open();
    for n in 0..100 {
        store(&mut journal, large("a", &format!("{n}-"), 100)).unwrap();
        trim(&mut journal);
        assert!(used(&journal) <= max.as_u64(), "{}", used(&journal));
    }
    let left = all(&mut journal);
    assert!((1_500..2_100).contains(&left.len()), "{}", left.len());
    assert_eq!(left.last().unwrap(), "99-99");
    let file = fs::metadata(site.file("journal.db")).unwrap().len();
    assert!(file < 2 * max.as_u64(), "room is used again: {file}");
}

#[test]
fn retention_spares_what_a_sink_still_waits_for_up_to_the_cap() {
    clock!(CLOCK);
    let floor = Floor::default();
    let cap = ByteSize::mib(3);
    let site =
        Site::with(JournalOptions { floor: floor.clone(), max_undelivered: cap, ..options(|| read_clock(&CLOCK)) });
    let mut journal = site.open();
    let start = store(&mut journal, large("a", "a", 1_000)).unwrap().first;
    floor.set(start.plus(500));
    CLOCK.fetch_add(25 * HOUR, Ordering::Relaxed);
    trim(&mut journal);
    let left = all(&mut journal);
    assert_eq!((left.len(), left[0].as_str()), (500, "a500"), "what is delivered goes, the rest stays");
    store(&mut journal, large("b", "b", 2_000)).unwrap();
    CLOCK.fetch_add(25 * HOUR, Ordering::Relaxed);
    assert!(used(&journal) > cap.as_u64());
    trim(&mut journal);
    let left = all(&mut journal);
    assert!(used(&journal) <= cap.as_u64() + (1 << 20), "{}", used(&journal));
    assert!((1_300..1_560).contains(&left.len()), "{}", left.len());
    assert_eq!(left.last().unwrap(), "b1999", "the oldest go first");
    let dropped = read(&mut journal, start.plus(500), 9, Some("a")).oldest;
    assert_eq!(dropped, start.plus(1_000), "the sink is told");
    trim(&mut journal);
    assert!(journal.retention.dropping, "one warning for all of it");
    floor.set(Sequence(u64::MAX));
    trim(&mut journal);
    assert!(!journal.retention.dropping);
    assert_eq!(all(&mut journal), [""; 0], "nobody waits any more");
}

#[test]
fn a_cap_alone_drops_nothing_that_is_young() {
    clock!(CLOCK);
    let floor = Floor::default();
    floor.set(Sequence(0));
    let site =
        Site::with(JournalOptions { floor, max_undelivered: ByteSize::kib(1), ..options(|| read_clock(&CLOCK)) });
    let mut journal = site.open();
    store(&mut journal, large("a", "a", 1_000)).unwrap();
    trim(&mut journal);
    assert_eq!(all(&mut journal).len(), 1_000);
}
