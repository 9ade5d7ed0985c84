//! That the auditor finds what it looks for.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::{
    auditor::{Evidence, Gaps, Got, Owed, Verdict},
    durable_support::Line,
};

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

fn line(connection: &str, id: &str, kind: &str, sequence: u64, data: &str) -> Line {
    let text = format!(
        r#"{{"id":"{connection}:{id}","connection":"{connection}","origin":"live","type":"{kind}","sequence":"{sequence:020}","data":{data}}}"#
    );
    Line::read(&text).unwrap()
}

fn event(connection: &str, n: u64) -> Line {
    line(connection, &n.to_string(), "motion.started", n, "{}")
}

fn gap(connection: &str, n: u64, from: i64, to: i64) -> Line {
    let data = format!(r#"{{"from":"{}","to":"{}","reason":"connection_lost"}}"#, time(from), time(to));
    line(connection, &format!("gap{n}"), "gap", n, &data)
}

fn owed(connection: &str, n: u64, at: i64) -> Owed {
    let (connection, id) = (connection.to_owned(), format!("{connection}:{n}"));
    Owed { connection, id, at: time(at).into(), item: None, exact: Duration::from_millis(250) }
}

/// Four events of two connections, of which one lies within a gap, and a sink that got all of it.
fn sound() -> Evidence {
    let journal = vec![event("a", 1), event("b", 2), gap("a", 3, 5, 20), event("a", 4)];
    let opened = |at: i64| SystemTime::from(time(at));
    let key = |group: &str| ("a".to_owned(), "cameras/1".to_owned(), group.to_owned());
    Evidence {
        owed: vec![owed("a", 1, 1), owed("b", 2, 2), owed("a", 9, 10), owed("a", 4, 30)],
        gaps: vec![("a".to_owned(), Gaps::OnePerSocket(vec![opened(0), opened(19)])), ("b".to_owned(), Gaps::Never)],
        truth: [(key("motion"), "detected".to_owned())].into(),
        shown: [(key("motion"), "detected".to_owned())].into(),
        sinks: vec![Got::of("sink", |_| true, journal.clone())],
        journal,
        ..Evidence::default()
    }
}

#[track_caller]
fn assert_found(evidence: &Evidence, kinds: &[&str]) -> Verdict {
    let verdict = evidence.judge();
    assert_eq!(verdict.findings.keys().copied().collect::<Vec<_>>(), kinds, "{verdict}");
    verdict
}

#[test]
fn what_is_sound_is_called_so_and_counted() {
    let verdict = assert_found(&sound(), &[]);
    assert_eq!((verdict.sent, verdict.told, verdict.in_gaps, verdict.journalled), (4, 3, 1, 4));
    assert_eq!(verdict.reasons["gaps of a: connection_lost"], 1);
    assert_eq!(verdict.delivered["sink"], (4, 0));
}

#[test]
fn an_event_that_is_neither_stored_nor_within_a_gap_is_lost() {
    let mut evidence = sound();
    evidence.owed.push(owed("a", 10, 40));
    assert_found(&evidence, &["lost in silence"]);
    // A gap of another connection, or of another item, excuses nothing.
    let mut evidence = sound();
    evidence.owed.push(owed("b", 10, 10));
    assert_found(&evidence, &["lost in silence"]);
    let mut evidence = sound();
    let data = format!(r#"{{"from":"{}","to":"{}","reason":"retention","item":"cameras/2"}}"#, time(38), time(42));
    let partly = line("a", "gap11", "gap", 11, &data);
    evidence.journal.push(partly.clone());
    evidence.sinks[0].lines.push(partly);
    evidence.owed.push(Owed { item: Some("cameras/1".to_owned()), ..owed("a", 10, 40) });
    assert_found(&evidence, &["lost in silence"]);
    evidence.owed.last_mut().unwrap().item = Some("cameras/2".to_owned());
    assert_found(&evidence, &[]);
}

#[test]
fn a_gap_without_a_break_is_needless() {
    let mut evidence = sound();
    evidence.gaps[0].1 = Gaps::OnePerSocket(vec![time(0).into()]);
    assert_found(&evidence, &["needless gaps"]);
    // One break excuses one gap.
    let mut evidence = sound();
    evidence.journal.push(gap("a", 5, 10, 25));
    evidence.sinks[0].lines.push(gap("a", 5, 10, 25));
    assert_found(&evidence, &["needless gaps"]);
    let mut evidence = sound();
    evidence.journal.push(gap("b", 5, 10, 25));
    evidence.sinks[0].lines.push(gap("b", 5, 10, 25));
    assert_found(&evidence, &["needless gaps"]);
}

#[test]
fn a_state_that_is_wrong_or_missing_is_found() {
    let mut evidence = sound();
    *evidence.shown.values_mut().next().unwrap() = "clear".to_owned();
    assert_found(&evidence, &["wrong states"]);
    evidence.shown.clear();
    assert_found(&evidence, &["wrong states"]);
}

#[test]
fn an_event_that_a_sink_lacks_is_found_unless_it_did_not_want_it() {
    let mut evidence = sound();
    evidence.sinks[0].lines.remove(1);
    assert_found(&evidence, &["not delivered"]);
    evidence.sinks[0].wants = |line| line.connection == "a";
    assert_found(&evidence, &[]);
    // A gap is lost as an event is.
    evidence.sinks[0].lines.remove(1);
    assert_found(&evidence, &["not delivered"]);
    let mut evidence = sound();
    evidence.sinks[0].lines.remove(0);
    evidence.sinks[0].from = 1;
    assert_found(&evidence, &[]);
}

#[test]
fn a_swap_within_a_connection_is_found_and_one_between_connections_is_none() {
    let mut evidence = sound();
    evidence.sinks[0].lines.swap(0, 1);
    assert_found(&evidence, &[]);
    let mut evidence = sound();
    evidence.sinks[0].lines.swap(0, 3);
    assert_found(&evidence, &["out of order"]);
}

#[test]
fn a_repeat_is_counted_and_must_be_the_same() {
    let mut evidence = sound();
    let again = evidence.sinks[0].lines[..2].to_vec();
    evidence.sinks[0].lines.extend(again);
    assert_eq!(assert_found(&evidence, &[]).delivered["sink"], (4, 2));
    evidence.sinks[0].lines.push(line("a", "1", "motion.stopped", 1, "{}"));
    assert_found(&evidence, &["changed on the way"]);
}

#[test]
fn an_event_that_nobody_stored_and_one_that_is_stored_twice_are_found() {
    let mut evidence = sound();
    evidence.sinks[0].lines.push(event("a", 77));
    assert_found(&evidence, &["not stored, or not wanted"]);
    let mut evidence = sound();
    let twice = line("a", "1", "motion.started", 5, "{}");
    evidence.journal.push(twice.clone());
    evidence.sinks[0].lines.push(twice);
    assert_found(&evidence, &["told twice"]);
}

#[test]
fn what_milestones_auditor_says_counts() {
    let mut evidence = sound();
    evidence.milestone.lost.push("number 7".to_owned());
    evidence.milestone.gap_differences.push("a gap to nowhere".to_owned());
    evidence.milestone.state_differences.push("one".to_owned());
    assert_found(&evidence, &["lost in silence", "needless gaps", "wrong states"]);
}
