//! The table holds together, and events say what it says.

#![allow(clippy::unwrap_used, clippy::panic)]
use std::collections::{HashMap, HashSet};

use super::*;
use crate::model::vocabulary::{self, WORDS};
use crate::vendors::simplisafe::wire::samples::{DISARMED, MOTION};
use crate::vendors::simplisafe::wire::{Frame, decode};

/// Every code of simplipy's table, with its name there.
const SIMPLIPY: &str = "1110 alarm_triggered 1120 alarm_triggered 1132 alarm_triggered 1134 alarm_triggered 1154 alarm_triggered \
    1159 alarm_triggered 1162 alarm_triggered 1170 camera_motion_detected 1301 power_outage 1344 rf_interference_detected 1350 connection_lost \
    1381 sensor_not_responding 1400 disarmed_by_keypad 1406 alarm_canceled 1407 disarmed_by_remote 1409 secret_alert_triggered 1429 entry_delay \
    1458 doorbell_detected 1531 sensor_paired_and_named 1601 user_initiated_test 1602 automatic_test 1604 device_test \
    1609 user_initiated_camera_recording 3301 power_restored 3344 rf_interference_stopped 3350 connection_restored 3381 sensor_restored \
    3401 armed_away_by_keypad 3407 armed_away_by_remote 3441 armed_home 3481 armed_away 3487 armed_away 3491 armed_home \
    9401 away_exit_delay_by_keypad 9407 away_exit_delay_by_remote 9441 home_exit_delay 9700 lock_unlocked 9701 lock_locked 9703 lock_error \
    9903 base_station_update_succeeded";

#[test]
fn the_table_has_every_code_of_simplipys_by_its_name_and_each_once() {
    let words: Vec<_> = SIMPLIPY.split_whitespace().collect();
    let simplipy: HashMap<u16, &str> = words.chunks(2).map(|pair| (pair[0].parse().unwrap(), pair[1])).collect();
    assert_eq!(simplipy.len(), 40);
    let cids: HashSet<_> = CODES.iter().map(|code| code.cid).collect();
    assert_eq!(cids.len(), CODES.len());
    for code in CODES {
        assert_eq!(find(code.cid).unwrap().code, code);
        match simplipy.get(&code.cid) {
            Some(name) => assert!(slug(code.name).starts_with(name), "{}: {name}", code.cid),
            None => assert_eq!(code.standing, Standing::Seen, "{}", code.cid),
        }
    }
    let beyond: HashSet<_> = cids.into_iter().filter(|cid| !simplipy.contains_key(cid)).collect();
    assert_eq!(beyond, HashSet::from([0, 1461, 1901]));
}

#[test]
fn a_type_sets_one_value_of_one_state_whoever_tells_it() {
    let mut words: HashMap<&str, _> = WORDS.iter().map(|word| (word.kind, word.state)).collect();
    for word in OWN {
        assert!(word.kind.starts_with("simplisafe.") && words.insert(word.kind, word.state).is_none(), "{}", word.kind);
    }
    for code in CODES {
        let meaning = find(code.cid).unwrap().meaning();
        let state = meaning.state.as_ref().map(|state| (&*state.group, &*state.value));
        match code.kind {
            Some(kind) => assert_eq!(state, *words.get(kind).unwrap(), "{}", code.cid),
            None => assert_eq!((state, &*meaning.kind), (None, &*format!("simplisafe.{}", slug(code.name)))),
        }
        // A type of our own is not by chance one that sets a state.
        assert_eq!(code.kind.is_none(), words.get(&*meaning.kind).is_none_or(Option::is_none), "{}", code.cid);
    }
}

/// What an event says: each thing with its subject, type and state; then what follows.
fn said(codes: &mut Codes, json: &str) -> (Vec<String>, bool, Option<Again>) {
    let event = Event::read(json).unwrap();
    let reading = codes.read(&event, event.device(&[]).is_some());
    let told = reading.told().map(|told| {
        let on = if told.on == Subject::System { "system" } else { "device" };
        let state = told.meaning.state.as_ref().map(|state| format!(" {}={}", state.group, state.value));
        format!("{on} {}{}", told.meaning.kind, state.unwrap_or_default())
    });
    (told.collect(), reading.clears_memory, reading.again)
}

fn says(members: &str) -> (Vec<String>, bool, Option<Again>) {
    said(&mut Codes::default(), &format!("{{{members}}}"))
}

#[test]
fn every_code_sets_what_it_stands_for() {
    let serial = r#","sensorSerial":"825""#;
    for (cids, expected) in [
        (
            &[1110, 1120, 1132, 1134, 1154, 1159, 1162][..],
            &["system alarm.triggered alarm=triggered", "device simplisafe.alarm_memory_set alarm_memory=triggered"][..],
        ),
        (&[1400, 1407], &["system alarm.disarmed alarm=off"]),
        (&[1406], &["system alarm.canceled alarm=off"]),
        (&[1429], &["system alarm.entry_delay alarm=entry_delay"]),
        (&[3401, 3407, 3481, 3487], &["system alarm.armed_away alarm=armed_away"]),
        (&[3441, 3491], &["system alarm.armed_home alarm=armed_home"]),
        (&[9401, 9407], &["system alarm.exit_delay_away alarm=exit_delay_away"]),
        (&[9441], &["system alarm.exit_delay_home alarm=exit_delay_home"]),
        (&[1301], &["system power.lost power=battery"]),
        (&[3301], &["system power.restored power=mains"]),
        (&[1350], &["system wifi.lost wifi=offline"]),
        (&[3350], &["system wifi.restored wifi=online"]),
        (&[1344], &["system rf.jammed rf=jammed"]),
        (&[3344], &["system rf.cleared rf=clear"]),
        (&[1381], &["device connection.lost connection=offline"]),
        (&[3381], &["device connection.restored connection=online"]),
        (&[9700], &["device lock.unlocked lock=unlocked"]),
        (&[9701], &["device lock.locked lock=locked"]),
        (&[9703], &["device lock.error lock=error"]),
        (&[1170], &["device simplisafe.camera_motion_detected"]),
        (&[1409], &["device simplisafe.secret_alert_triggered"]),
        (&[1458], &["device simplisafe.doorbell_detected"]),
        (&[1531], &["device simplisafe.sensor_paired_and_named"]),
        (&[1601], &["system simplisafe.user_initiated_test"]),
        (&[1602], &["system simplisafe.automatic_test"]),
        (&[1604], &["device simplisafe.device_test"]),
        (&[1609], &["device simplisafe.user_initiated_camera_recording"]),
        (&[9903], &["system simplisafe.base_station_update_succeeded"]),
        (&[0], &["device simplisafe.cid_0"]),
        (&[1461], &["device simplisafe.pin_pad_lockout"]),
        (&[1901], &["device simplisafe.smoke_pre_alarm"]),
        (&[9999], &["device simplisafe.cid_9999"]),
    ] {
        for cid in cids {
            let (told, clears, _) = says(&format!(r#""eventCid":{cid}{serial}"#));
            assert_eq!(told, expected, "{cid}");
            assert_eq!(clears, matches!(cid, 1400 | 1406 | 1407), "{cid}");
            // The number as a text is the same code.
            assert_eq!(says(&format!(r#""eventCid":"{cid}"{serial}"#)).0, expected, "{cid}");
        }
    }
}

#[test]
fn a_code_of_a_device_that_is_not_named_happens_to_the_system_and_sets_nothing() {
    for (cid, kind) in [
        (1381, "simplisafe.sensor_not_responding"),
        (9703, "simplisafe.lock_error"),
        (1901, "simplisafe.smoke_pre_alarm"),
        (1170, "simplisafe.camera_motion_detected"),
        (4711, "simplisafe.cid_4711"),
    ] {
        let (told, ..) = says(&format!(r#""eventCid":{cid},"zoneCid":"1","sensorSerial":"""#));
        assert_eq!(told, [format!("system {kind}")]);
    }
    assert_eq!(says(r#""eventCid":1134"#).0, ["system alarm.triggered alarm=triggered"]);
}

#[test]
fn an_alarm_is_an_alarm_whatever_its_code_unless_it_is_a_test() {
    let alarm = |cid: &str| says(&format!(r#""eventCid":{cid},"eventType":"alarm","sensorSerial":"a""#)).0;
    let (triggered, memory) =
        ("system alarm.triggered alarm=triggered", "device simplisafe.alarm_memory_set alarm_memory=triggered");
    for cid in ["1133", "9999", "null", "\"E1\"", "1134", "1409", "1400", "3401", "1461", "1604"] {
        assert_eq!(alarm(cid), [triggered, memory], "{cid}");
    }
    assert_eq!(alarm("1601"), ["system simplisafe.user_initiated_test"]);
    // What else the code says is as true as it was.
    assert_eq!(alarm("1301"), [triggered, "system power.lost power=battery", memory]);
    assert_eq!(says(r#""eventCid":1133,"eventType":"ALARM""#).0, [triggered]);
    assert!(!says(r#""eventCid":1400,"eventType":"alarm""#).1, "nothing is over");
}

#[test]
fn a_canceled_alarm_is_over_whatever_its_code() {
    for cid in ["1406", "1407", "9999", "null", "1134"] {
        let (told, clears, _) = says(&format!(r#""eventCid":{cid},"eventType":"alarmCancel","sensorSerial":"a""#));
        assert_eq!((told, clears), (vec!["system alarm.canceled alarm=off".to_owned()], true), "{cid}");
    }
}

#[test]
fn a_door_that_begins_an_entry_delay_is_open_and_the_sensors_are_asked_when_it_closes() {
    let entry = "system alarm.entry_delay alarm=entry_delay".to_owned();
    let open = "device contact.opened contact=open".to_owned();
    let says = |kind: &str| says(&format!(r#""eventCid":1429,"sensorSerial":"825","sensorType":{kind}"#));
    assert_eq!(says("5"), (vec![entry.clone(), open], false, Some(Again::Sensors)));
    assert_eq!(says("4"), (vec![entry], false, None));
    let unnamed = super::tests::says(r#""eventCid":1429,"sensorType":5,"sensorSerial":"""#);
    assert_eq!(unnamed.0.len(), 1);
}

#[test]
fn what_may_end_without_a_word_is_asked_for() {
    for (cid, again) in [
        (9401, Some(Again::AfterExitDelay)),
        (9407, Some(Again::AfterExitDelay)),
        (9441, Some(Again::AfterExitDelay)),
        (9703, Some(Again::Locks)),
        (9701, None),
        (3401, None),
        (9999, None),
    ] {
        assert_eq!(says(&format!(r#""eventCid":{cid},"sensorSerial":"a""#)).2, again, "{cid}");
    }
}

#[test]
fn a_pre_alarm_begins_in_zone_1_and_ends_in_zone_0() {
    let zone = |zone: &str| says(&format!(r#""eventCid":1901,"zoneCid":{zone},"sensorSerial":"a""#)).0;
    assert_eq!(zone("\"1\""), ["device simplisafe.prealarm_started prealarm=on"]);
    assert_eq!(zone("0"), ["device simplisafe.prealarm_ended prealarm=off"]);
    assert_eq!(zone("\"7\""), ["device simplisafe.smoke_pre_alarm"]);
}

#[test]
fn events_as_they_were_seen_say_what_happened() {
    let Frame::Event { data, .. } = decode(DISARMED) else { panic!() };
    assert_eq!(said(&mut Codes::default(), data), (vec!["system alarm.disarmed alarm=off".to_owned()], true, None));
    assert_eq!(said(&mut Codes::default(), MOTION).0, ["device simplisafe.camera_motion_detected"]);
    let wifi = r#""eventCid":1350,"zoneCid":"0","sensorType":0,"sensorSerial":"","info":"SimpliSafe WiFi Lost","eventType":"error","video":{}"#;
    assert_eq!(says(wifi).0, ["system wifi.lost wifi=offline"]);
}

#[test]
fn an_unknown_code_is_delivered_each_time_and_new_once() {
    let mut codes = Codes::default();
    let mut is_new = |json: &str| codes.read(&Event::read(json).unwrap(), false).is_new;
    assert_eq!([1, 2, 3].map(|_| is_new(r#"{"eventCid":9999}"#)), [true, false, false]);
    assert!(is_new(r#"{"eventCid":9998,"eventType":"alarm"}"#));
    assert!(!is_new(r#"{"eventCid":1400}"#));
    for (cid, kind) in [
        ("\"\"", "cid_unknown"),
        ("-5", "cid_5"),
        ("99999999", "cid_99999999"),
        ("\"E 12\"", "cid_e_12"),
        ("{}", "cid_unknown"),
    ] {
        assert_eq!(says(&format!(r#""eventCid":{cid}"#)).0, [format!("system simplisafe.{kind}")]);
    }
}

#[test]
fn a_flood_of_events_shares_one_meaning_and_made_up_codes_do_not_fill_the_memory() {
    let mut codes = Codes::default();
    let mut meaning = |cid: u32| {
        let json = format!(r#"{{"eventCid":{cid}}}"#);
        let meaning = Arc::clone(codes.read(&Event::read(&json).unwrap(), false).told().next().unwrap().meaning);
        (meaning, codes.strangers.len())
    };
    for cid in [1400, 1407, 9999] {
        assert!(Arc::ptr_eq(&meaning(cid).0, &meaning(cid).0), "{cid}");
    }
    for cid in 10_000..20_000 {
        let (meaning, kept) = meaning(cid);
        assert_eq!((&*meaning.kind, kept <= STRANGERS), (&*format!("simplisafe.cid_{cid}"), true));
    }
}

#[test]
fn no_two_things_that_one_event_says_are_of_one_state() {
    for cid in CODES.iter().map(|code| i64::from(code.cid)).chain([9999]) {
        for kind in ["alarm", "alarmCancel", "activity"] {
            for sensor in ["", "825"] {
                let json = format!(
                    r#"{{"eventCid":{cid},"eventType":"{kind}","sensorType":5,"sensorSerial":"{sensor}","zoneCid":1}}"#
                );
                let event = Event::read(&json).unwrap();
                let mut codes = Codes::default();
                let reading = codes.read(&event, !sensor.is_empty());
                let groups: Vec<_> =
                    reading.told().map(|told| told.meaning.state.as_ref().map(|state| state.group.clone())).collect();
                assert!(!groups.is_empty() && groups[1..].iter().all(Option::is_some), "{json} {groups:?}");
                assert_eq!(groups.iter().collect::<HashSet<_>>().len(), groups.len(), "{json} {groups:?}");
                assert!(sensor == "825" || reading.told().all(|told| told.on == Subject::System), "{json}");
            }
        }
    }
    assert!(vocabulary::find("alarm.triggered").is_some());
}
