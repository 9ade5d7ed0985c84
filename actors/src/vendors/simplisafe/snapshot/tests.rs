//! Answers tell the states that they have, and no others.

#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::*;
use crate::model::vocabulary::{STATE_UNKNOWN, UNKNOWN, WORDS};
use crate::vendors::simplisafe::codes::OWN;
use crate::vendors::simplisafe::wire::samples::{SENSORS, SETTINGS, SUBSCRIPTIONS};
use crate::vendors::simplisafe::wire::{Sensors, Settings, Subscriptions, locks};

/// `item group=value`, and `@time` where there is one.
fn row(told: &Told<'_>) -> String {
    let state = told.meaning.state.as_ref().unwrap();
    let time = if told.time.is_empty() { String::new() } else { format!(" @{}", &*told.time) };
    format!("{} {}={}{time}", told.item, state.group, state.value)
}

fn rows(told: &[Told<'_>]) -> Vec<String> {
    told.iter().map(row).collect()
}

#[test]
fn a_subscription_tells_of_its_system_and_cameras() {
    let list = Subscriptions::read(SUBSCRIPTIONS.as_bytes()).unwrap();
    let told = of_system(&list.systems[0]);
    assert_eq!(
        rows(&told),
        [
            "systems/12345 alarm=off @2020-09-30T21:55:48Z",
            "systems/12345 power=mains",
            "systems/12345 wifi=online @2020-09-30T00:12:56Z",
            "systems/12345 connection=online",
            "systems/12345 temperature=67",
            "systems/12345/devices/34567890 connection=online",
            "systems/12345/devices/f11b6abd connection=offline",
        ]
    );
    let text = |at: usize| told[at].meaning.state.as_ref().unwrap().text.clone();
    assert_eq!((text(0).as_deref(), text(1), text(4).as_deref()), (Some("OFF"), None, Some("67 °F")));
    assert_eq!(&*told[4].meaning.kind, "simplisafe.temperature_changed");
    for one in &told {
        assert!(serde_json::from_str::<Json>(one.data).unwrap().is_object());
    }
}

/// What a system tells with these members.
fn system(members: Json) -> Vec<String> {
    let body = json!({"subscriptions": [{"sid": 7, "location": {"system": members}}]}).to_string();
    rows(&of_system(&Subscriptions::read(body.as_bytes()).unwrap().systems[0]))
}

#[test]
fn every_word_for_an_alarm_is_read() {
    for (word, value) in [
        ("OFF", "off"),
        ("TEST", "off"),
        ("HOME", "armed_home"),
        ("AWAY", "armed_away"),
        ("HOME_COUNT", "exit_delay_home"),
        ("AWAY_COUNT", "exit_delay_away"),
        ("EXIT_DELAY", "exit_delay_away"),
        ("ALARM_COUNT", "entry_delay"),
        ("ENTRY_DELAY", "entry_delay"),
        ("ALARM", "triggered"),
        ("ERROR", "unknown"),
        ("UNKNOWN", "unknown"),
        ("SLEEPING", "unknown"),
        ("off", "off"),
        ("awayCount", "exit_delay_away"),
    ] {
        assert_eq!(system(json!({"alarmState": word})), [format!("systems/7 alarm={value}")], "{word}");
        assert_eq!(system(json!({"alarmState": word, "isAlarming": false})), [format!("systems/7 alarm={value}")]);
        assert_eq!(system(json!({"alarmState": word, "isAlarming": true})), ["systems/7 alarm=triggered"], "{word}");
    }
    assert_eq!(system(json!({})), ["systems/7 alarm=unknown"]);
    assert_eq!(system(json!({"isAlarming": 1})), ["systems/7 alarm=triggered"]);
}

#[test]
fn the_later_of_two_times_is_when_the_alarm_took_on_its_state() {
    for (stamp, updated, time) in [
        (json!(0), json!(1_601_502_948), " @2020-09-30T21:55:48Z"),
        (json!(1_601_502_949), json!(1_601_502_948), " @2020-09-30T21:55:49Z"),
        (json!("1601502949"), json!(null), " @2020-09-30T21:55:49Z"),
        (json!(0), json!(0), ""),
        (json!("soon"), json!({}), ""),
    ] {
        let told = system(json!({"alarmState": "OFF", "alarmStateTimestamp": stamp, "stateUpdated": updated}));
        assert_eq!(told, [format!("systems/7 alarm=off{time}")]);
    }
}

#[test]
fn a_system_in_trouble_says_since_when_as_far_as_it_is_known() {
    let told =
        system(json!({"alarmState": "HOME", "powerOutage": true, "lastPowerOutage": 1_581_991_064, "connType": "cell",
        "lastSuccessfulWifiTS": 1_601_424_776, "isOffline": true, "temperature": null}));
    assert_eq!(
        told,
        [
            "systems/7 alarm=armed_home",
            "systems/7 power=battery @2020-02-18T01:57:44Z",
            "systems/7 wifi=offline",
            "systems/7 connection=offline",
        ]
    );
}

#[test]
fn settings_tell_whether_the_radio_is_jammed_and_repeat_no_pin() {
    let settings = Settings::read(SETTINGS.as_bytes()).unwrap();
    let told = of_base_station("12345", settings.base_station.as_ref().unwrap());
    assert_eq!(rows(&told), ["systems/12345 rf=clear @2019-07-15T15:28:22.961Z"]);
    assert!(!told[0].data.contains("1234") && told[0].data.contains("rfJamming"));
    let silent = Settings::read(br#"{"basestationStatus":{}}"#).unwrap();
    assert_eq!(of_base_station("1", silent.base_station.as_ref().unwrap()), []);
}

#[test]
fn sensors_tell_the_states_of_their_kind() {
    let sensors = Sensors::read(SENSORS.as_bytes()).unwrap();
    let told = of_sensors("12345", &sensors);
    let mut devices: Vec<(String, String)> = Vec::new();
    for one in &told {
        assert_eq!(&*one.time, "2018-08-18T21:05:58Z");
        let state = one.meaning.state.as_ref().unwrap();
        let state = format!("{}={}", state.group, state.value);
        let serial = one.item.strip_prefix("systems/12345/devices/").unwrap();
        match devices.iter_mut().find(|(known, _)| known == serial) {
            Some((_, states)) => *states = format!("{states} {state}"),
            None => devices.push((serial.to_owned(), state)),
        }
    }
    let expected = [
        ("825", "connection=online battery=ok contact=closed"),
        ("236", "connection=online battery=ok"),
        ("93", "connection=online battery=ok tamper=ok triggered=off"),
        ("320", "connection=online battery=ok temperature=67 triggered=off"),
        // A motion sensor does not say whether something moves.
        ("785", "connection=online battery=ok triggered=unknown"),
        ("987", "connection=online battery=ok lock=locked"),
        ("987a", "connection=online battery=ok"),
        ("00000000", "connection=offline battery=ok tamper=tampered prealarm=off triggered=off"),
    ];
    assert_eq!(devices, expected.map(|(serial, states)| (serial.to_owned(), states.to_owned())));
}

/// What a sensor of a type tells, without its item.
fn sensor(kind: i64, status: Json, flags: Json) -> Vec<String> {
    let body = json!({"sensors": [{"serial": "1", "type": kind, "status": status, "flags": flags}]}).to_string();
    let told = rows(&of_sensors("7", &Sensors::read(body.as_bytes()).unwrap()));
    told.into_iter().map(|row| row.strip_prefix("systems/7/devices/1 ").unwrap().to_owned()).collect()
}

#[test]
fn what_a_sensor_does_not_say_is_unknown_where_it_should_and_nothing_elsewhere() {
    let none = [] as [&str; 0];
    for (kind, silent, on, off) in [
        (5, &["contact=unknown"][..], &["contact=open"][..], &["contact=closed"][..]),
        (4, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (6, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (7, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (8, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (9, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (10, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (14, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (20, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        (24, &["triggered=unknown"], &["triggered=on"], &["triggered=off"]),
        // Of others only what they say.
        (1, &none, &["triggered=on"], &["triggered=off"]),
        (23, &none, &["triggered=on"], &["triggered=off"]),
        (253, &none, &["triggered=on"], &["triggered=off"]),
        (4711, &none, &["triggered=on"], &["triggered=off"]),
    ] {
        assert_eq!(sensor(kind, json!({}), json!({})), silent, "{kind}");
        assert_eq!(sensor(kind, json!({"triggered": null}), json!(null)), silent, "{kind}");
        assert_eq!(sensor(kind, json!({"triggered": true}), json!({})), on, "{kind}");
        assert_eq!(sensor(kind, json!({"triggered": 0}), json!({})), off, "{kind}");
    }
}

#[test]
fn a_detector_of_two_dangers_says_which() {
    for (smoke, co, value, text) in [
        (Some(true), Some(false), "on", Some("smoke")),
        (Some(false), Some(true), "on", Some("CO")),
        (None, Some(true), "on", Some("CO")),
        (Some(false), Some(false), "off", None),
        (Some(false), None, "off", None),
    ] {
        let body =
            json!({"sensors": [{"serial": "1", "type": 14, "status": {"smokeTriggered": smoke, "coTriggered": co}}]})
                .to_string();
        let sensors = Sensors::read(body.as_bytes()).unwrap();
        let told = of_sensors("7", &sensors);
        let state = told[0].meaning.state.as_ref().unwrap();
        assert_eq!((&*state.value, state.text.as_deref()), (value, text));
    }
}

#[test]
fn a_lock_that_is_stuck_is_neither_locked_nor_unlocked() {
    let lock = |status: Json| sensor(16, status, json!({})).last().unwrap().clone();
    for (status, value) in [
        (json!({"lockState": 1, "lockJamState": 0}), "locked"),
        (json!({"lockState": 2}), "unlocked"),
        (json!({"lockState": "2", "lockDisabled": false}), "unlocked"),
        (json!({"lockState": 1, "lockJamState": 1}), "jammed"),
        (json!({"lockState": 1, "lockJamState": true, "lockDisabled": true}), "jammed"),
        (json!({"lockState": 1, "lockDisabled": true}), "unknown"),
        (json!({"lockState": 99}), "unknown"),
        (json!({}), "unknown"),
    ] {
        assert_eq!(lock(status.clone()), format!("lock={value}"), "{status}");
    }
    let low =
        |lock: Json, flag: Json| sensor(16, json!({"lockLowBattery": lock}), json!({"lowBattery": flag}))[0].clone();
    assert_eq!(low(json!(true), json!(false)), "battery=low");
    assert_eq!(low(json!(null), json!(true)), "battery=low");
    assert_eq!(low(json!(false), json!(null)), "battery=ok");

    let list = br#"[{"serial":"987","status":{"lockState":2}}]"#;
    assert_eq!(rows(&of_sensors("7", &locks(list).unwrap())), ["systems/7/devices/987 lock=unlocked"]);
}

#[test]
fn every_value_has_the_state_of_its_type_and_is_made_once() {
    let words: HashMap<_, _> = WORDS.iter().chain(OWN).map(|word| (word.kind, word.state)).collect();
    let mut seen = HashSet::new();
    for value in VALUES {
        let meaning = value.meaning();
        let state = meaning.state.as_ref().unwrap();
        assert!(Arc::ptr_eq(&meaning, &value.meaning()));
        assert!(seen.insert((value.group, value.kind, value.text)), "{value:?}");
        assert_eq!((&*state.group, &*meaning.kind), (value.group, value.kind));
        match value.kind {
            // The same as what the engine makes of a state that a snapshot lacks, so that from one to the other nothing changes.
            STATE_UNKNOWN => assert_eq!((&*state.value, &*state.vendor_value), (UNKNOWN, "")),
            kind => assert_eq!(Some((&*state.group, &*state.value)), words[kind]),
        }
    }
    // Whatever an event sets an answer sets too, or takes back; but for what no answer tells.
    let groups: HashSet<_> = VALUES.iter().map(|value| value.group).collect();
    for word in OWN {
        let (group, _) = word.state.unwrap();
        assert!(groups.contains(group) || group == "alarm_memory", "{group}");
    }
}
