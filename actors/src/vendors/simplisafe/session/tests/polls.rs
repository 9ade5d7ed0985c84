//! What is not pushed.

use super::cloud::{entry, lock};
use super::*;
use serde_json::json;

#[test]
fn a_door_is_told_by_polls_and_a_steady_house_writes_nothing() {
    let mut talk = Talk::live();
    talk.wait(600);
    assert_eq!(talk.stored, []);
    let mark = talk.session.checkpoint();
    talk.cloud.home().sensors[0] = entry("d1", true);
    talk.cloud.home().told_at = at(talk.second());
    talk.wait(70);
    assert_eq!(talk.differences(), [("systems/11/devices/d1", "contact=open")]);
    assert_eq!(talk.stored[0].kind, "contact.opened");
    assert_ne!(talk.session.checkpoint(), mark);
    talk.cloud.home().sensors[0] = entry("d1", false);
    talk.cloud.home().told_at = at(talk.second());
    talk.wait(70);
    assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("closed"));
}

#[test]
fn a_door_that_an_entry_delay_has_opened_is_not_left_open() {
    let mut talk = Talk::live();
    talk.cloud.home().alarm = "ALARM_COUNT";
    talk.cloud.home().alarm_at = at(talk.second());
    talk.happen(HOME, 1429, json!({"sensorType": 5, "sensorSerial": "d1"}));
    assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("open"));
    talk.pass(Duration::from_secs(5));
    talk.cloud.home().told_at = at(talk.second());
    talk.wait(30);
    assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("closed"), "soon after");
    let mut talk = Talk::live();
    talk.happen(HOME, 1429, json!({"sensorType": 5, "sensorSerial": "d1"}));
    talk.cloud.home().sensors[0].2 = json!({});
    talk.cloud.home().told_at = at(talk.second() + 5);
    talk.wait(70);
    assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("unknown"), "where the poll does not say");
}

#[test]
fn a_door_of_which_no_list_tells_is_not_open_for_ever() {
    for breaks in [false, true] {
        let mut talk = Talk::new();
        talk.cloud.home().version = 2;
        talk.start();
        talk.happen(HOME, 1429, json!({"sensorType": 5, "sensorSerial": "d1"}));
        talk.happen(CABIN, 1429, json!({"sensorType": 5, "sensorSerial": "d9"}));
        talk.wait(240);
        let doors = [device(HOME, "d1"), device(CABIN, "d9")];
        for door in &doors {
            assert_eq!(talk.value(door, "contact").as_deref(), Some("open"), "{door}");
        }
        if breaks {
            talk.again(10);
        }
        talk.wait(130);
        for door in &doors {
            assert_eq!(talk.value(door, "contact").as_deref(), Some("unknown"), "{door}");
        }
        assert!(talk.calls_to("/11/sensors").is_empty(), "which that system has none of");
    }
}

#[test]
fn a_door_that_stays_open_is_open_as_long_as_its_list_says_so() {
    let mut talk = Talk::live();
    talk.cloud.home().sensors[0] = entry("d1", true);
    talk.cloud.home().told_at = at(talk.second());
    talk.happen(HOME, 1429, json!({"sensorType": 5, "sensorSerial": "d1"}));
    talk.wait(900);
    assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("open"));
    assert_eq!(talk.differences(), [] as [(&str, &str); 0]);
}

#[test]
fn a_stale_answer_overwrites_no_newer_event() {
    let mut talk = Talk::live();
    talk.wait(50);
    talk.happen(HOME, 3401, json!({}));
    talk.happen(HOME, 1301, json!({}));
    // The list still has the state of before, and the time of it.
    talk.wait(25);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_away"));
    assert_eq!(talk.value(&system(HOME), "power").as_deref(), Some("battery"), "nor one without a time");
    assert_eq!(talk.differences(), []);
}

#[test]
fn a_list_whose_time_stands_still_is_believed_in_the_end() {
    let mut talk = Talk::new();
    talk.cloud.home().sensors.push(lock("l1", 1));
    talk.cloud.refuse("doorlock", 404, r#"{"type":"NotFound"}"#);
    talk.start();
    talk.happen(HOME, 1381, json!({"sensorType": 5, "sensorSerial": "d1"}));
    talk.happen(HOME, 9703, json!({"sensorType": 16, "sensorSerial": "l1"}));
    let states = |talk: &Talk| {
        let is = |serial, group| talk.value(&device(HOME, serial), group);
        [is("d1", "connection"), is("l1", "lock")].map(Option::unwrap)
    };
    talk.wait(270);
    assert_eq!(states(&talk), ["offline", "error"], "it may be of before");
    talk.wait(150);
    assert_eq!(states(&talk), ["online", "locked"]);
}

#[test]
fn a_change_that_was_not_pushed_is_told_under_its_own_id_and_once() {
    let mut talk = Talk::live();
    talk.wait(10);
    let missed = talk.cloud.happen(HOME, talk.second(), 3401, json!({}));
    talk.cloud.home().alarm = "AWAY";
    talk.cloud.home().alarm_at = at(talk.second());
    talk.wait(70);
    assert_eq!(talk.told(), [(&*id(&missed), Origin::Backfill)]);
    assert_eq!(talk.differences(), []);
    talk.push(&missed);
    talk.wait(600);
    assert_eq!(talk.stored.len(), 1);
}

#[test]
fn a_change_of_which_the_history_knows_nothing_is_told_as_a_difference() {
    let mut talk = Talk::live();
    talk.cloud.home().outage = true;
    talk.wait(80);
    assert_eq!(talk.differences(), [("systems/11", "power=battery")]);
    talk.cloud.refuse("events", 502, "");
    talk.cloud.home().outage = false;
    talk.wait(90);
    assert_eq!(talk.value(&system(HOME), "power").as_deref(), Some("mains"), "also where it cannot be read");
}

#[test]
fn nothing_is_asked_of_a_house_with_locks_for_twenty_seconds_after_it_was_armed() {
    let mut talk = Talk::new();
    talk.cloud.home().sensors.push(lock("l1", 1));
    talk.start();
    for cid in [9401, 3401, 1400, 3441, 1407] {
        talk.wait(41);
        talk.forget();
        let armed = talk.second();
        talk.happen(HOME, cid, json!({}));
        talk.wait(75);
        for (second, path) in talk.called.iter().filter(|(_, path)| !path.contains("/22") && !path.contains("events")) {
            assert!(*second >= armed + 20, "{path} {second} {armed}");
        }
        assert!(!talk.calls_to("/11/sensors").is_empty());
    }
    let other = talk.calls_to("/22/sensors");
    assert!(other.len() < 2 || other[1] - other[0] < 70, "the other house is asked as ever");
}

#[test]
fn a_call_that_waits_for_a_token_while_a_house_is_armed_waits_for_the_house_too() {
    let mut talk = Talk::new();
    talk.cloud.home().sensors.push(lock("l1", 1));
    talk.start();
    talk.cloud.hangs = true;
    talk.wait(70);
    let asked = talk.calls_to("/11/sensors").len();
    let armed = talk.second();
    talk.happen(HOME, 3401, json!({}));
    // Only now are they answered, and refused.
    talk.cloud.tokens_from = talk.tokens.len() + 1;
    talk.cloud.hangs = false;
    talk.settle();
    assert_eq!(talk.tokens.len(), talk.cloud.tokens_from);
    talk.wait(25);
    let again = talk.calls_to("/11/sensors").split_off(asked);
    assert!((armed + 20..=armed + 21).contains(&again[0]), "{again:?} {armed}");
    assert!(talk.calls_to("/22/sensors").contains(&armed), "the other house is asked as ever");
}

#[test]
fn a_house_that_was_armed_before_a_break_or_in_it_is_left_alone_after_it() {
    for (missed, history) in [(false, 200), (true, 200), (false, 504)] {
        let mut talk = Talk::new();
        talk.cloud.home().sensors.push(lock("l1", 1));
        talk.start();
        talk.wait(60);
        let armed = talk.second();
        if missed {
            talk.miss(HOME, 3401, json!({}));
        } else {
            talk.happen(HOME, 3401, json!({}));
        }
        (talk.cloud.home().alarm, talk.cloud.home().alarm_at) = ("AWAY", at(armed));
        talk.pass(Duration::from_secs(3));
        talk.lose(1);
        talk.forget();
        if history != 200 {
            talk.cloud.refuse("events", history, "");
        }
        talk.start();
        talk.wait(40);
        for (second, path) in talk.called.iter().filter(|(_, path)| !path.contains("/22") && !path.contains("events")) {
            assert!(*second >= armed + 20, "{path} {second} {armed}");
        }
        assert!(!talk.calls_to("/11/sensors").is_empty() && !talk.calls_to("users").is_empty());
        assert!(talk.calls_to("/22/sensors")[0] <= armed + 9, "the other house is asked as ever");
    }
}

#[test]
fn one_house_that_does_not_answer_makes_no_other_one_stale() {
    for (status, body) in
        [(409, r#"{"type":"SettingsInProgress"}"#), (504, r#"{"type":"GatewayTimeout"}"#), (200, "<html>"), (200, "")]
    {
        let mut talk = Talk::live();
        talk.cloud.refuse("/11/sensors", status, body);
        talk.cloud.systems.get_mut(&CABIN).unwrap().sensors[0] = entry("d1", true);
        talk.cloud.systems.get_mut(&CABIN).unwrap().told_at = at(30);
        talk.wait(70);
        assert_eq!(talk.value(&device(CABIN, "d1"), "contact").as_deref(), Some("open"), "{status}");
        assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("closed"), "one error says nothing");
        talk.wait(120);
        assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("unknown"), "two do");
        assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"), "what is pushed is known");
        assert!(talk.calls_to("/11/sensors").len() < 12);
        talk.cloud.refuses.clear();
        talk.wait(300);
        assert_eq!(talk.value(&device(HOME, "d1"), "contact").as_deref(), Some("closed"));
    }
}

#[test]
fn an_exit_delay_whose_end_nobody_tells_ends_all_the_same() {
    let mut talk = Talk::live();
    talk.happen(HOME, 9401, json!({}));
    let began = talk.second();
    talk.cloud.home().alarm = "AWAY_COUNT";
    talk.cloud.home().alarm_at = at(began);
    talk.cloud.home().exit_delay = 25;
    talk.wait(21);
    talk.cloud.home().alarm = "AWAY";
    talk.cloud.home().alarm_at = at(began + 45);
    talk.cloud.home().exit_delay = 0;
    talk.wait(34);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_away"));
}

#[test]
fn an_exit_delay_that_never_ends_is_asked_for_no_more_often_than_anything_else() {
    for moves in [false, true] {
        let mut talk = Talk::live();
        talk.cloud.home().alarm = "AWAY_COUNT";
        talk.cloud.home().alarm_at = at(talk.second());
        talk.cloud.home().exit_delay = 0;
        for _ in 0..600 {
            talk.wait(1);
            if moves {
                talk.cloud.home().alarm_at = at(talk.second());
            }
        }
        assert!(talk.calls_to("users").len() <= 13, "{:?}", talk.calls_to("users"));
    }
}

#[test]
fn a_lock_that_fails_is_looked_at_soon() {
    let mut talk = Talk::new();
    talk.cloud.home().sensors.push(lock("l1", 1));
    talk.start();
    talk.happen(HOME, 9703, json!({"sensorType": 16, "sensorSerial": "l1"}));
    assert_eq!(talk.value(&device(HOME, "l1"), "lock").as_deref(), Some("error"));
    talk.cloud.home().sensors[2].2 = json!({"lockState": 1, "lockJamState": 1});
    talk.cloud.home().told_at = at(talk.second() + 2);
    talk.wait(15);
    assert_eq!(talk.value(&device(HOME, "l1"), "lock").as_deref(), Some("jammed"));
}

#[test]
fn a_lock_does_not_flap_where_the_clouds_memory_of_it_is_older_than_its_list() {
    let mut talk = Talk::new();
    talk.cloud.home().sensors.push(lock("l1", 1));
    talk.start();
    talk.wait(30);
    talk.forget();
    talk.happen(HOME, 9700, json!({"sensorType": 16, "sensorSerial": "l1"}));
    for _ in 0..8 {
        // Some other sensor tells something all the time; the lock's row is that of before.
        talk.wait(30);
        talk.cloud.home().told_at = at(talk.second());
        assert_eq!(talk.value(&device(HOME, "l1"), "lock").as_deref(), Some("unlocked"));
    }
    assert_eq!(talk.differences(), [] as [(&str, &str); 0]);
    talk.wait(180);
    assert_eq!(talk.value(&device(HOME, "l1"), "lock").as_deref(), Some("locked"), "what is told for so long is so");
    assert_eq!(talk.differences(), [("systems/11/devices/l1", "lock=locked")]);
}

#[test]
fn two_lists_that_differ_do_not_move_a_lock_to_and_fro() {
    let mut talk = Talk::new();
    talk.cloud.home().sensors.push(lock("l1", 1));
    talk.start();
    talk.wait(70);
    talk.forget();
    talk.cloud.locks_say = Some(2);
    talk.wait(700);
    assert_eq!(talk.differences(), [("systems/11/devices/l1", "lock=unlocked")]);
    talk.again(400);
    talk.wait(300);
    assert_eq!(talk.differences(), [("systems/11/devices/l1", "lock=unlocked")], "nor after a break");
    talk.cloud.refuse("doorlock", 504, "");
    talk.wait(300);
    assert_eq!(talk.value(&device(HOME, "l1"), "lock").as_deref(), Some("locked"), "where one fails the other counts");
}

#[test]
fn a_sensor_and_a_house_that_are_gone_are_unknown_after_two_lists_without_them() {
    let mut talk = Talk::live();
    talk.cloud.home().sensors.pop();
    talk.cloud.systems.remove(&CABIN);
    talk.cloud.refuse("/22", 404, r#"{"type":"NotFound"}"#);
    talk.wait(68);
    assert_eq!(talk.value(&device(HOME, "d2"), "contact").as_deref(), Some("closed"));
    talk.wait(140);
    assert_eq!(talk.value(&device(HOME, "d2"), "contact").as_deref(), Some("unknown"));
    assert_eq!(talk.value(&system(CABIN), "alarm").as_deref(), Some("unknown"));
    let calls = talk.calls_to("/22").len();
    talk.wait(600);
    assert_eq!(talk.calls_to("/22").len(), calls, "nothing is asked of it any more");
    assert!(talk.session.is_caught_up());
}

#[test]
fn a_device_that_is_gone_keeps_nothing_that_an_event_has_told() {
    for is_confirmed in [false, true] {
        let mut talk = Talk::live();
        talk.happen(HOME, 1381, json!({"sensorType": 5, "sensorSerial": "d2"}));
        talk.happen(HOME, 1132, json!({"sensorType": 5, "sensorSerial": "d2", "eventType": "alarm"}));
        let d2 = |talk: &Talk| {
            ["contact", "connection", "alarm_memory"].map(|group| talk.value(&device(HOME, "d2"), group).unwrap())
        };
        assert_eq!(d2(&talk), ["closed", "offline", "triggered"]);
        if is_confirmed {
            talk.cloud.home().sensors[1].3["offline"] = json!(true);
            talk.cloud.home().told_at = at(talk.second() + 1);
            talk.wait(120);
            assert_eq!(d2(&talk), ["closed", "offline", "triggered"]);
        }
        talk.cloud.home().sensors.pop();
        talk.cloud.home().told_at = at(talk.second() + 1);
        talk.wait(240);
        assert_eq!(d2(&talk), ["unknown"; 3], "{is_confirmed}");
        let kept = talk.session.checkpoint().unwrap().0;
        assert!(!kept.contains(r#""systems/11/devices/d2""#), "and is not kept for ever: {kept}");
        talk.cloud.home().sensors.push(entry("d2", true));
        talk.wait(70);
        assert_eq!(d2(&talk), ["open", "online", "unknown"]);
    }
}

#[test]
fn what_one_session_knew_the_next_one_compares_to() {
    let mut talk = Talk::live();
    talk.lose(60);
    talk.cloud.home().sensors[0] = entry("d1", true);
    talk.cloud.home().told_at = at(talk.second());
    talk.start();
    assert_eq!(talk.differences(), [("systems/11/devices/d1", "contact=open")]);
}
