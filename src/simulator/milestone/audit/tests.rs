//! What the auditor finds in small stories, told second by second.
#![allow(clippy::unwrap_used)]

use std::time::UNIX_EPOCH;

use serde_json::json;

use super::{super::ledger::SubscriptionRecord, *};

fn at(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(second)
}

/// Events 0 to 9, one a second, each a change of the state of one camera.
fn events() -> Vec<Arc<Emitted>> {
    let event = |index| Emitted {
        index,
        id: format!("e{index}"),
        source: "cameras/1".into(),
        event_type: format!("t{index}").into(),
        group: Some("g".into()),
        time: written(at(index)),
        data: None,
        at: at(index),
        missing: (index == 3).then_some("id"),
    };
    (0..10).map(|index| Arc::new(event(index))).collect()
}

fn session(second: u64, offered: &[u64]) -> SessionRecord {
    let filters = json!([{
        "modifier": "include", "resourceTypes": ["*"], "sourceIds": ["*"], "eventTypes": ["*"],
    }]);
    SessionRecord {
        id: second.to_string(),
        opened: at(second),
        subscribed: Some(at(second)),
        subscriptions: vec![SubscriptionRecord { id: "s".into(), filters, from: offered[0], until: None }],
        lost: Vec::new(),
        resumed: Vec::new(),
        offered: offered.to_vec(),
        dropped: Vec::new(),
        in_order: false,
        ended: None,
    }
}

fn line(second: u64, origin: &str, id: &str, data: Value) -> EventLine {
    let kind = match (origin, data.get("reason")) {
        ("engine", Some(_)) => "gap",
        ("engine", None) => "engine.connection",
        _ => "motion.started",
    };
    EventLine {
        id: format!("hq:{id}"),
        connection: "hq".to_owned(),
        origin: origin.to_owned(),
        kind: kind.to_owned(),
        time: written(at(second)),
        data,
    }
}

fn online() -> EventLine {
    line(0, "engine", "o", json!({ "new": "online" }))
}

fn live(numbers: &[u64]) -> Vec<EventLine> {
    let id = |n: u64| if n == 3 { "~hash".to_owned() } else { format!("e{n}") };
    numbers.iter().map(|n| line(*n, "live", &id(*n), Value::Null)).collect()
}

fn gap(from: u64, to: u64) -> EventLine {
    let data = json!({ "from": written(at(from)), "to": written(at(to)), "reason": "session_expired" });
    line(to, "engine", &format!("gap{to}"), data)
}

fn shown(event_type: &str) -> Vec<ShownState> {
    let state = json!({
        "connection": "hq", "item": "cameras/1", "value": "v", "vendorgroup": "g", "vendorvalue": event_type,
    });
    vec![serde_json::from_value(state).unwrap()]
}

fn report(sessions: &[SessionRecord], lines: &[EventLine], shown: &[ShownState]) -> Report {
    let ledger = Ledger { events: events(), sessions: sessions.to_vec(), floods: Vec::new() };
    let now = StateNow { event_type: "t9".to_owned(), time: String::new(), id: "e9".to_owned() };
    audit("hq", &ledger, &[(("cameras/1".to_owned(), "g".to_owned()), now)].into(), lines, shown)
}

#[test]
fn what_came_once_and_in_order_is_clean() {
    let lines = [vec![online()], live(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])].concat();
    let report = report(&[session(0, &(0..10).collect::<Vec<_>>())], &lines, &shown("t9"));
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.sent, report.received), (10, 10));
}

#[test]
fn a_missing_a_repeated_a_late_and_a_strange_event_are_found() {
    let mut lines = [vec![online()], live(&[0, 1, 1, 2, 5, 4, 6, 7, 8, 9])].concat();
    lines.push(line(9, "live", "never", Value::Null));
    let report = report(&[session(0, &(0..10).collect::<Vec<_>>())], &lines, &shown("t9"));
    assert_eq!(report.lost.len(), 1, "{report}");
    assert!(report.lost[0].starts_with("number 3 "));
    assert_eq!(report.repeated_ids, ["hq:e1"]);
    assert_eq!(report.out_of_order, ["hq:e4 (number 4 came after 5)"]);
    assert_eq!(report.strangers, ["hq:never"]);
}

#[test]
fn what_happened_between_two_sessions_must_lie_in_the_gap() {
    let sessions = [session(0, &[0, 1, 2, 3]), session(7, &[7, 8, 9])];
    let lines = |gap: Vec<EventLine>| [vec![online()], live(&[0, 1, 2, 3]), gap, live(&[7, 8, 9])].concat();
    let good = report(&sessions, &lines(vec![gap(3, 7)]), &shown("t9"));
    assert!(good.is_clean(), "{good}");
    assert_eq!((good.in_gaps, good.gaps, good.expected_gaps), (3, 1, 1));
    let short = report(&sessions, &lines(vec![gap(6, 7)]), &shown("t9"));
    assert_eq!(short.lost.len(), 2, "{short}");
    let none = report(&sessions, &lines(Vec::new()), &shown("t9"));
    assert_eq!((none.lost.len(), none.gap_differences.len()), (3, 1), "{none}");
    let twice = report(&sessions, &lines(vec![gap(3, 7), gap(4, 8)]), &shown("t9"));
    assert_eq!(twice.gap_differences.len(), 1, "{twice}");
}

#[test]
fn a_break_before_the_states_were_taken_extends_the_gap() {
    let sessions = [session(0, &[0, 1, 2]), session(4, &[4]), session(6, &[6, 7, 8, 9])];
    let lines = [vec![online()], live(&[0, 1, 2, 4]), vec![gap(2, 6)], live(&[6, 7, 8, 9])].concat();
    let extended = report(&sessions, &lines, &shown("t9"));
    assert!(extended.is_clean(), "{extended}");
    assert_eq!(extended.expected_gaps, 1);
}

#[test]
fn a_session_before_the_first_that_was_online_owes_nothing() {
    let sessions = [session(0, &[0, 1]), session(5, &[5, 6, 7, 8, 9])];
    let mut lines = live(&[5, 6, 7, 8, 9]);
    lines.insert(0, line(5, "engine", "o", json!({ "new": "online" })));
    let report = report(&sessions, &lines, &shown("t9"));
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.sent, 5);
}

#[test]
fn a_session_that_told_an_event_counts_and_one_that_was_only_offered_what_another_told_does_not() {
    // Lost at once, and offered for a while what the second one brings.
    let lost = SessionRecord { lost: vec![at(2)], ..session(0, &[0, 1, 2, 3, 4, 5, 6]) };
    let sessions = [lost, session(5, &[5, 6, 7, 8, 9])];
    let online = || line(5, "engine", "o", json!({ "new": "online" }));
    let silent = report(&sessions, &[vec![online()], live(&[5, 6, 7, 8, 9])].concat(), &shown("t9"));
    assert!(silent.is_clean(), "{silent}");
    let told = report(&sessions, &[live(&[1]), vec![online()], live(&[5, 6, 7, 8, 9])].concat(), &shown("t9"));
    assert_eq!((told.lost.len(), told.gap_differences.len()), (4, 1), "{told}");
}

#[test]
fn what_a_full_buffer_threw_away_is_not_owed_and_neither_is_its_state() {
    let lines = [vec![online()], live(&[0, 1, 2, 3, 4, 5, 6, 7, 8])].concat();
    let mut session = session(0, &(0..10).collect::<Vec<_>>());
    session.dropped = vec![8, 9];
    let report = report(&[session], &lines, &shown("t8"));
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.sent, report.dropped), (8, 1));
}

#[test]
fn a_state_that_differs_or_is_not_there_any_more_is_found() {
    let lines = [vec![online()], live(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])].concat();
    let all = [session(0, &(0..10).collect::<Vec<_>>())];
    assert_eq!(report(&all, &lines, &shown("t8")).state_differences.len(), 1);
    assert_eq!(report(&all, &lines, &[]).state_differences.len(), 1);
    let mut more = shown("t9");
    more.push(ShownState { item: "cameras/2".to_owned(), ..more[0].clone() });
    assert_eq!(report(&all, &lines, &more).state_differences.len(), 1);
    more[1].value = "unknown".to_owned();
    assert!(report(&all, &lines, &more).is_clean());
}

/// Excluded, unless the gateway took the filters in their order: then it may tell the state, or have left it untold.
#[test]
fn a_state_wanted_by_filters_in_their_order_alone_may_be_known_where_they_were_taken_so() {
    let everything = json!({ "modifier": "include", "resourceTypes": ["*"], "sourceIds": ["*"], "eventTypes": ["*"] });
    let mut exclude = everything.clone();
    exclude["modifier"] = json!("exclude");
    let mut session = session(0, &(0..10).collect::<Vec<_>>());
    session.subscriptions[0].filters = json!([exclude, everything]);
    let lines = [vec![online()], live(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9])].concat();
    let differences = |session: &SessionRecord, shown: &[ShownState]| {
        report(std::slice::from_ref(session), &lines, shown).state_differences
    };
    assert_eq!(differences(&session, &shown("t9")), ["cameras/1 group g is known, but not subscribed to"]);
    session.in_order = true;
    assert!(differences(&session, &shown("t9")).is_empty());
    assert!(differences(&session, &[]).is_empty());
    assert_eq!(differences(&session, &shown("t8")), ["cameras/1 group g is known, but not subscribed to"]);
}
