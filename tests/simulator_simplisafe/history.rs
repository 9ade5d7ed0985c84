//! The history of events, page by page.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use watchpost::simulator::simplisafe::{FaultKind, Options};

use crate::client::{eventually, ids, log_in, parse, quick, start, subscribed, with_faults};

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

fn times(page: &Value) -> Vec<i64> {
    page["events"].as_array().unwrap().iter().map(|row| row["eventTimestamp"].as_i64().unwrap()).collect()
}

#[test]
fn a_page_has_the_newest_first_and_fifty_at_most() {
    let simulator = start(Options { past: 3, ..quick() });
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let page = caller.events(sid, "");
    assert_eq!((ids(&page).len(), &page["numEvents"]), (3, &json!(3)));
    let older = simulator.add_past(sid, 100, Duration::from_secs(86_400), Duration::from_secs(60));
    let newer: Vec<u64> = (0..5).map(|_| simulator.happen(sid, 1604, None).unwrap()).collect();
    let page = caller.events(sid, "");
    assert_eq!(ids(&page).len(), 50);
    let mut expected: Vec<u64> = newer.iter().rev().copied().collect();
    expected.extend(&ids(&caller.events(sid, "?numEvents=8"))[5..]);
    expected.extend(&older[..42]);
    assert_eq!(ids(&page), expected);
    let times = times(&page);
    assert!(times.is_sorted_by(|a, b| a >= b));
    assert_eq!(page["lastEventTimestamp"], *times.last().unwrap());
    assert_eq!(ids(&caller.events(sid, "?numEvents=1")), [*newer.last().unwrap()]);
    for wrong in ["51", "0", "-1", "many"] {
        let answer = caller.get(&format!("/v1/subscriptions/{sid}/events?numEvents={wrong}"));
        assert_eq!(
            (answer.status, answer.json()),
            (400, json!({ "errorType": "InvalidParameter", "param": "numEvents" }))
        );
    }
    simulator.inject(parse("last-is-newest"));
    assert_eq!(caller.events(sid, "")["lastEventTimestamp"], times[0]);
}

#[test]
fn from_timestamp_has_four_meanings() {
    let simulator = start(quick());
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let all = simulator.add_past(sid, 10, Duration::from_secs(1000), Duration::from_secs(100));
    let fourth = times(&caller.events(sid, ""))[3];
    let page = || ids(&caller.events(sid, &format!("?fromTimestamp={fourth}")));
    assert_eq!(page(), all[..4]);
    simulator.inject(parse("from-up-to"));
    assert_eq!(page(), all[3..]);
    simulator.clear(FaultKind::FromUpTo);
    simulator.inject(parse("from-older"));
    assert_eq!(page(), all[4..]);
    simulator.inject(parse("from-ignored"));
    assert_eq!(page(), all);
    assert_eq!(caller.get(&format!("/v1/subscriptions/{sid}/events?fromTimestamp=now")).status, 400);
}

#[test]
fn paging_back_reaches_everything_the_timeline_holds_and_no_more() {
    let simulator =
        start(Options { timeline: Duration::from_secs(7200), faults: vec![parse("from-older")], ..quick() });
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let all = simulator.add_past(sid, 200, Duration::from_secs(30), Duration::from_secs(60));
    let mut found = Vec::new();
    let mut from = String::new();
    loop {
        let page = caller.events(sid, &from);
        if ids(&page).is_empty() {
            assert_eq!(page.get("lastEventTimestamp"), None);
            break;
        }
        found.extend(ids(&page));
        from = format!("?fromTimestamp={}", page["lastEventTimestamp"]);
    }
    assert_eq!(found, all[..found.len()]);
    assert!((119..=120).contains(&found.len()), "{}", found.len());
    assert_eq!(simulator.events(sid).iter().filter(|event| event.in_history).count(), found.len());
    simulator.set_timeline(Duration::from_secs(60));
    assert_eq!(ids(&caller.events(sid, "")), all[..1]);
}

#[actix_rt::test]
async fn a_row_is_the_pushed_event_without_some_members_and_with_empty_video() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let id = simulator.happen(sid, 1604, simulator.door(sid, 0).as_deref()).unwrap();
    let pushed = client.event().await;
    let row = caller.events(sid, "?numEvents=1")["events"][0].clone();
    assert_eq!((&row["videoStartedBy"], &row["video"]), (&json!(""), &json!({})));
    for member in ["serviceFeatures", "senderId", "openCount", "copsVideoOptIn", "internal"] {
        assert!(pushed.get(member).is_some() && row.get(member).is_none(), "{member}");
    }
    assert!(pushed.get("video").is_none() && pushed.get("videoStartedBy").is_none());
    for (member, value) in row.as_object().unwrap() {
        assert!(member.starts_with("video") || pushed[member] == *value, "{member}");
    }
    let shown = simulator.events(sid).pop().unwrap();
    assert_eq!((shown.id, shown.shown.len()), (id, 2));
    assert_eq!((shown.shown[0].socket, shown.shown[1].socket), (Some(1), None));
}

#[actix_rt::test]
async fn events_may_be_in_the_history_later_than_they_are_pushed() {
    let simulator = with_faults(&["history-lag=300ms"]);
    let (mut client, caller) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let id = simulator.happen(sid, 1602, None).unwrap();
    assert_eq!(client.event().await["eventId"], id);
    assert!(ids(&caller.events(sid, "")).is_empty());
    eventually("it is there", || ids(&caller.events(sid, "")) == [id]).await;
}

#[test]
fn a_test_can_put_any_row_into_the_history() {
    let simulator = start(quick());
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    assert_eq!(simulator.add_row(sid, json!({ "eventId": 7, "eventTimestamp": now() - 10, "info": null })), Some(7));
    assert_eq!(
        simulator.add_row(sid, json!({ "eventId": 8, "eventTimestamp": now() - 20, "eventCid": 1400 })),
        Some(8)
    );
    assert_eq!(simulator.add_row(sid, json!({ "eventId": "nine" })), None);
    assert_eq!(ids(&caller.events(sid, "")), [7, 8]);
}

#[test]
fn only_so_many_events_are_kept() {
    let simulator = start(Options { history: 20, systems: 1, ..quick() });
    simulator.emit(100);
    assert_eq!(simulator.events(simulator.systems()[0]).len(), 20);
    assert_eq!(simulator.counters().happened, 100);
}
