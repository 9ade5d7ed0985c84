//! What the lists of systems say, and what they lack.

use super::*;
use serde_json::json;

#[test]
fn a_system_that_no_list_has_is_followed_by_what_is_pushed_and_by_its_history() {
    let mut talk = Talk::live();
    talk.cloud.unlisted = vec![CABIN];
    talk.wait(400);
    talk.forget();
    let begin = talk.second();
    let mut all = Vec::new();
    for cid in [3401, 1602, 1602, 1602, 1602] {
        all.push(id(&talk.happen(CABIN, cid, json!({}))));
        talk.wait(200);
        assert!(talk.session.is_caught_up());
        assert_eq!(talk.value(&system(CABIN), "alarm").as_deref(), Some("armed_away"));
    }
    all.push(talk.miss(CABIN, 1604, json!({})));
    talk.wait(400);
    assert_eq!((talk.ids(), talk.gaps()), (all.iter().map(|id| &**id).collect(), Vec::new()));
    let lists = talk.calls_to("users").len();
    assert!(i64::try_from(lists).unwrap() <= (talk.second() - begin) / 50, "{lists}");
    assert_eq!(talk.calls_to("ss3/subscriptions/22").len(), 0);
    talk.cloud.unlisted.clear();
    talk.cloud.systems.get_mut(&CABIN).unwrap().alarm = "AWAY";
    talk.wait(200);
    assert!(!talk.calls_to("ss3/subscriptions/22").is_empty(), "it is polled once a list has it");
    assert_eq!((talk.gaps().len(), talk.ids().len()), (0, 6));
    // Silent again, and gone again.
    talk.cloud.unlisted = vec![CABIN];
    talk.wait(400);
    assert_eq!(talk.value(&system(CABIN), "alarm").as_deref(), Some("unknown"));
}

#[test]
fn a_first_start_whose_lists_failed_is_one_for_each_system_of_the_first_list() {
    let mut talk = Talk::with(config(), |common| common.backfill_on_first_start = Duration::from_secs(600));
    let old = id(&talk.cloud.happen(CABIN, -300, 1602, json!({})));
    talk.cloud.refuse("v1", 504, "");
    talk.cloud.no_names = true;
    talk.start();
    talk.wait(3);
    talk.happen(HOME, 1602, json!({}));
    talk.lose(10);
    let missed = talk.miss(CABIN, 3401, json!({}));
    talk.pass(Duration::from_secs(10));
    talk.cloud.refuses.clear();
    talk.start();
    talk.wait(60);
    let ids = talk.ids();
    assert!(ids.contains(&&*old) && ids.contains(&&*missed), "{ids:?}");
    assert_eq!(talk.gaps().len(), 0);
}

#[test]
fn names_are_asked_for_when_they_change_and_not_when_rows_come_in_another_order() {
    let mut talk = Talk::live();
    talk.wait(200);
    let before = talk.forgot;
    for _ in 0..4 {
        talk.cloud.reversed ^= true;
        talk.wait(100);
    }
    assert_eq!(talk.forgot, before);
}

#[test]
fn a_system_of_version_2_is_not_asked_for_what_it_does_not_have() {
    let mut talk = Talk::live();
    talk.cloud.no_names = true;
    talk.cloud.home().version = 2;
    talk.again(5);
    talk.wait(100);
    talk.forget();
    talk.wait(1_000);
    assert!(talk.calls_to("ss3/subscriptions/11").is_empty());
    talk.cloud.home().version = 3;
    talk.wait(200);
    assert!(!talk.calls_to("ss3/subscriptions/11").is_empty());
}

#[test]
fn what_events_alone_told_of_a_device_that_no_list_has_is_forgotten() {
    let mut talk = Talk::live();
    let is = |talk: &Talk| talk.value(&device(HOME, "d9"), "connection").unwrap();
    talk.happen(HOME, 1381, json!({"sensorType": 5, "sensorSerial": "d9"}));
    talk.wait(180);
    assert_eq!(is(&talk), "offline", "another list may have it");
    talk.wait(300);
    assert_eq!(is(&talk), "unknown");
}
