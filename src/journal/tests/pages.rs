//! Reading.

use super::*;

#[test]
fn a_page_begins_where_it_was_asked_and_says_where_to_go_on() {
    let site = Site::new();
    let mut journal = site.open();
    let first = store(&mut journal, events("a", "a", 3)).unwrap().first;
    store(&mut journal, events("b", "b", 2)).unwrap();
    store(&mut journal, events("a", "c", 1)).unwrap();
    let mut reader = journal.reader().unwrap().unwrap();
    for reader in [&mut *reader, &mut journal as &mut dyn Reader] {
        let page = read(reader, first.plus(1), 3, None);
        assert_eq!((ids(&page), page.oldest, page.end), (vec!["a1", "a2", "b0"], first, first.plus(4)));
        assert_eq!(page.commits.iter().map(|commit| commit.first).collect::<Vec<_>>(), [first.plus(1), first.plus(3)]);
        let page = read(reader, page.end, 99, None);
        assert_eq!((ids(&page), page.end), (vec!["b1", "c0"], first.plus(6)));
        let page = read(reader, page.end, 99, None);
        assert_eq!((page.commits.len(), page.end), (0, first.plus(6)));
        let page = read(reader, Sequence(0), 2, Some("a"));
        assert_eq!((ids(&page), page.oldest, page.end), (vec!["a0", "a1"], Sequence(0), first.plus(2)));
        let page = read(reader, page.end, 2, Some("a"));
        assert_eq!((ids(&page), page.end), (vec!["a2", "c0"], first.plus(6)));
        let page = read(reader, first, 2, Some("nobody"));
        assert_eq!((page.commits.len(), page.oldest, page.end), (0, Sequence(0), first.plus(6)));
        assert_eq!(reader.next().unwrap(), first.plus(6));
    }
}

#[test]
fn a_reader_sees_what_was_stored_after_it_was_opened() {
    let site = Site::new();
    let mut journal = site.open();
    let mut reader = journal.reader().unwrap().unwrap();
    assert_eq!(read(&mut *reader, Sequence(0), 9, None).commits.len(), 0);
    store(&mut journal, events("a", "", 2)).unwrap();
    assert_eq!(ids(&read(&mut *reader, Sequence(0), 9, None)), ["0", "1"]);
    assert_eq!(reader.lanes().unwrap().len(), 1);
}

#[test]
fn a_page_of_large_events_is_cut_short_and_loses_none() {
    let site = Site::new();
    let mut journal = site.open();
    let large = |n: usize| Event { data: format!("\"{}\"", "x".repeat(1 << 20)).into(), ..event(&n.to_string()) };
    let first = store(&mut journal, append("a", (0..10).map(large).collect())).unwrap().first;
    let (mut from, mut found) = (first, Vec::new());
    while from < first.plus(10) {
        let page = read(&mut journal, from, 1_000, None);
        assert!((1..=5).contains(&ids(&page).len()));
        found.extend(ids(&page).into_iter().map(str::to_owned));
        from = page.end;
    }
    assert_eq!(found, (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_moment_is_found_by_halving_whatever_holes_there_are() {
    fn clock() -> Timestamp {
        use std::sync::atomic::{AtomicI64, Ordering};
        static CLOCK: AtomicI64 = AtomicI64::new(1_000_000_000);
        Timestamp::from_microsecond(CLOCK.fetch_add(1_000, Ordering::Relaxed)).unwrap()
    }
    let mut site = Site::with(JournalOptions { clock, ..JournalOptions::default() });
    let mut journal = site.open();
    assert_eq!(journal.at(Timestamp::UNIX_EPOCH).unwrap(), journal.next().unwrap());
    let mut stored: Vec<_> = (0..20).map(|n| store(&mut journal, events("a", "", n % 3 + 1)).unwrap()).collect();
    drop(journal);
    site.options.at_least = Sequence(1 << 40);
    let mut journal = site.open();
    stored.extend((0..20).map(|n| store(&mut journal, events("a", "", n % 3 + 1)).unwrap()));
    let end = journal.next().unwrap();
    for (n, commit) in stored.iter().enumerate() {
        let nanosecond = jiff::SignedDuration::from_nanos(1);
        assert_eq!(journal.at(commit.recorded).unwrap(), commit.first);
        assert_eq!(journal.at(commit.recorded - nanosecond).unwrap(), commit.first);
        let after = stored.get(n + 1).map_or(end, |next| next.first);
        assert_eq!(journal.at(commit.recorded + nanosecond).unwrap(), after);
    }
    assert_eq!((journal.at(Timestamp::MIN).unwrap(), journal.at(Timestamp::MAX).unwrap()), (stored[0].first, end));
}

#[test]
fn no_question_reads_more_of_the_journal_than_it_needs() {
    let site = Site::new();
    let journal = site.open();
    let plan = |sql: &str| {
        let mut plan = journal.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(Result::unwrap).collect();
        steps.join("; ")
    };
    let page = plan("SELECT sequence, data FROM events WHERE NULL IS NULL AND sequence >= 1 ORDER BY sequence");
    assert_eq!(page, "SEARCH events USING INTEGER PRIMARY KEY (rowid>?)");
    for order in ["sequence", "sequence DESC"] {
        let lane =
            plan(&format!("SELECT sequence, data FROM events WHERE lane = 1 AND sequence >= 1 ORDER BY {order}"));
        assert_eq!(lane, "SEARCH events USING INDEX events_by_lane (lane=? AND rowid>?)");
    }
}
