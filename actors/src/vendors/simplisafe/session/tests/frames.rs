//! What the socket says.

use super::*;
use serde_json::json;

fn states(talk: &Talk) -> Vec<(&str, &str, Option<&str>)> {
    talk.stored.iter().map(|event| (&*event.id, &*event.item, event.state.as_deref())).collect()
}

#[test]
fn an_event_is_told_once_for_each_state_that_it_sets() {
    let mut talk = Talk::live();
    let event = talk.happen(HOME, 1429, json!({"sensorType": 5, "sensorSerial": "d1", "eventType": "activityQuiet"}));
    let id = id(&event);
    let beside = format!("{id}#contact");
    assert_eq!(
        states(&talk),
        [(&*id, "systems/11", Some("alarm=entry_delay")), (&*beside, "systems/11/devices/d1", Some("contact=open"))]
    );
    assert_eq!(serde_json::from_str::<Value>(&talk.stored[0].data).unwrap(), event, "with all that the vendor sent");
}

#[test]
fn a_device_behind_an_alarm_remembers_it_until_the_system_is_off() {
    for end in [1400, 1407, 1406] {
        let mut talk = Talk::live();
        for serial in ["d1", "d2"] {
            talk.happen(HOME, 1132, json!({"sensorType": 4, "sensorSerial": serial, "eventType": "alarm"}));
        }
        assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("triggered"));
        talk.again(5);
        for serial in ["d1", "d2"] {
            assert_eq!(talk.value(&device(HOME, serial), "alarm_memory").as_deref(), Some("triggered"), "over a break");
        }
        talk.cloud.home().alarm = "OFF";
        talk.forget();
        talk.pass(Duration::from_secs(3));
        let id = id(&talk.happen(HOME, end, json!({})));
        let ids = [id.clone(), format!("{id}#alarm_memory:d1"), format!("{id}#alarm_memory:d2")];
        assert_eq!(talk.ids(), ids);
        assert_eq!(talk.value(&device(HOME, "d2"), "alarm_memory").as_deref(), Some("clear"));
    }
}

#[test]
fn a_time_to_come_freezes_no_state() {
    for future in [4_102_444_800, i64::MAX] {
        for ahead in [0, 7_200, -7_200] {
            let mut talk = Talk::new();
            talk.cloud = Cloud::ahead(ahead);
            talk.start();
            talk.happen(HOME, 1132, json!({"eventTimestamp": future}));
            assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("triggered"));
            let told = talk.stored.last().unwrap();
            assert_eq!(serde_json::from_str::<Value>(&told.data).unwrap()["eventTimestamp"], future, "as it was sent");
            talk.pass(Duration::from_secs(2));
            talk.happen(HOME, 1400, json!({}));
            assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"), "{future}, {ahead}");
        }
    }
}

#[test]
fn a_poll_that_tells_a_time_to_come_freezes_no_state_either() {
    let mut talk = Talk::live();
    (talk.cloud.home().alarm, talk.cloud.home().alarm_at) = ("AWAY", 4_102_444_800);
    talk.wait(90);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_away"));
    talk.happen(HOME, 1400, json!({}));
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"));
}

#[test]
fn of_two_events_of_one_second_the_one_with_the_greater_number_counts_however_they_come() {
    for breaks in [false, true] {
        for [early, late] in [[9441, 3441], [3441, 9441], [1301, 3301]] {
            let mut talk = Talk::live();
            let second = talk.second();
            let first = talk.cloud.happen(HOME, second, early, json!({}));
            let next = talk.cloud.happen(HOME, second, late, json!({}));
            let group = if early == 1301 { "power" } else { "alarm" };
            talk.push(&next);
            let value = talk.value(&system(HOME), group);
            if breaks {
                talk.again(2);
            }
            talk.push(&first);
            assert_eq!(talk.value(&system(HOME), group), value, "{early} came behind {late}");
            let mut ids = [id(&next), id(&first)];
            assert_eq!(talk.ids(), ids, "it is told all the same");
            assert_eq!(talk.stored.iter().filter(|event| event.state.is_some()).count(), 1);
            let mut talk = Talk::live();
            ids.reverse();
            talk.push(&first);
            talk.push(&next);
            assert_eq!((talk.value(&system(HOME), group), talk.ids()), (value, ids.iter().map(|id| &**id).collect()));
        }
    }
}

#[test]
fn no_device_remembers_an_alarm_that_was_over_before_it_was_heard_of() {
    for pause in [0, 5] {
        let mut talk = Talk::live();
        let second = talk.second();
        let alarm = json!({"sensorType": 4, "sensorSerial": "d1", "eventType": "alarm"});
        let alarm = talk.cloud.happen(HOME, second, 1132, alarm);
        talk.pass(Duration::from_secs(pause));
        talk.happen(HOME, 1400, json!({}));
        talk.push(&alarm);
        assert_eq!(talk.ids().len(), 3);
        assert_eq!(talk.value(&device(HOME, "d1"), "alarm_memory"), None);
        assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"));
    }
}

#[test]
fn an_alarm_is_one_whatever_its_code_and_a_test_is_none() {
    let mut talk = Talk::live();
    talk.happen(HOME, 1999, json!({"eventType": "alarm"}));
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("triggered"));
    talk.happen(CABIN, 1601, json!({"eventType": "alarm"}));
    assert_eq!(talk.value(&system(CABIN), "alarm").as_deref(), Some("off"));
    talk.happen(CABIN, 9999, json!({}));
    assert_eq!(talk.stored.last().unwrap().kind, "simplisafe.cid_9999");
}

#[test]
fn garbage_is_passed_over_and_what_it_was_is_read_out_of_the_history() {
    let mut talk = Talk::live();
    let lost = talk.miss(HOME, 3401, json!({}));
    for text in ["", "{", "[]", "7", "{}", r#"{"type":7}"#, r#"{"type":"com.simplisafe.event.standard"}"#] {
        talk.receive(text);
        talk.settle();
    }
    talk.wait(30);
    assert_eq!(talk.told(), [(&*lost, Origin::Backfill)]);
    assert_eq!((talk.gaps().len(), talk.opened, talk.end.is_none()), (0, 1, true));
    assert!(talk.calls_to("/11/events").len() <= 5, "and not once for each frame");
    assert_eq!(talk.warned.len(), 1, "one word for all of them: {:?}", talk.warned);
    assert!(talk.warned[0].starts_with("a frame of 0 bytes cannot be read"), "{:?}", talk.warned);
    let event = talk.happen(HOME, 1400, json!({}));
    assert_eq!(talk.ids(), [&*lost, &*id(&event)]);
}

#[test]
fn a_frame_that_nobody_can_read_is_a_gap_where_the_history_cannot_be_read_either() {
    let mut talk = Talk::live();
    talk.wait(20);
    talk.cloud.refuse("/11/events", 500, "");
    talk.receive("{");
    talk.settle();
    talk.wait(3_700);
    let gaps = talk.gaps();
    assert_eq!((gaps.len(), &gaps[0]["reason"]), (1, &json!("unreadable_frame")));
    assert_eq!(gaps[0]["item"], "systems/11");
}

#[test]
fn messages_of_other_types_are_passed_over() {
    let mut talk = Talk::live();
    for kind in ["service.error", "service.hello", "event.other", "namespace.subscribed"] {
        talk.receive(&json!({"type": format!("com.simplisafe.{kind}"), "data": {"code": 401}}).to_string());
        talk.settle();
    }
    assert_eq!((talk.stored.len(), talk.called.len(), talk.onlines), (0, 0, 1));
}

#[test]
fn an_event_with_a_part_missing_is_told_whole_from_the_history_or_else_as_it_is() {
    let mut talk = Talk::live();
    let whole = talk.cloud.happen(HOME, talk.second(), 3401, json!({}));
    let mut maimed = whole.clone();
    maimed["sid"] = Value::Null;
    talk.push(&maimed);
    talk.wait(15);
    assert_eq!(talk.told(), [(&*id(&whole), Origin::Backfill)]);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_away"));
    talk.forget();
    talk.push(&json!({"eventId": 5, "eventTimestamp": at(talk.second()), "sid": HOME, "info": "nobody knows"}));
    assert_eq!(talk.ids().len(), 0);
    talk.wait(15);
    assert_eq!(talk.told(), [("5", Origin::Live)], "nothing is lost in silence");
}

#[test]
fn an_event_that_was_told_in_part_sets_its_state_when_it_comes_whole() {
    for lacks in ["eventCid", "sid"] {
        for breaks in [false, true] {
            let mut talk = Talk::live();
            let whole = talk.cloud.happen(HOME, talk.second(), 3401, json!({}));
            (talk.cloud.home().alarm, talk.cloud.home().alarm_at) = ("AWAY", at(talk.second()));
            let mut part = whole.clone();
            part[lacks] = Value::Null;
            talk.cloud.refuse("events", 504, "");
            talk.cloud.refuse("users", 504, "");
            talk.push(&part);
            talk.wait(59);
            assert_eq!(talk.ids(), [] as [&str; 0], "the history may have it whole yet");
            talk.wait(10);
            assert_eq!(talk.ids(), [&*id(&whole)]);
            assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("off"), "nobody knows better");
            if breaks {
                talk.lose(5);
            }
            talk.cloud.refuses.retain(|(part, ..)| part == "users");
            if breaks {
                talk.start();
            }
            talk.push(&part);
            talk.wait(600);
            let state = format!("{}#alarm", id(&whole));
            assert_eq!(talk.ids(), [&*id(&whole), &*state], "{lacks}, {breaks}");
            assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_away"));
            assert!(talk.differences().iter().all(|(_, state)| !state.starts_with("alarm")));
            assert_eq!(talk.gaps().len(), 0);
        }
    }
}

#[test]
fn a_part_of_an_event_waits_for_a_history_that_has_it_a_little_later() {
    let mut talk = Talk::live();
    let mut part = talk.cloud.happen(HOME, talk.second(), 3401, json!({}));
    let whole = talk.cloud.home().history.pop().unwrap();
    part["eventCid"] = Value::Null;
    talk.push(&part);
    talk.wait(4);
    talk.cloud.home().history.push(whole.clone());
    talk.wait(10);
    assert_eq!(talk.told(), [(&*id(&whole), Origin::Backfill)]);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("armed_away"));
    talk.cloud.refuse("events", 504, "");
    part = talk.cloud.happen(HOME, talk.second(), 1132, json!({"eventType": "alarm"}));
    part["eventCid"] = Value::Null;
    talk.push(&part);
    talk.wait(6);
    assert_eq!(talk.value(&system(HOME), "alarm").as_deref(), Some("triggered"), "an alarm cannot wait");
}

#[test]
fn a_system_that_no_list_has_told_of_yet_is_followed() {
    let mut talk = Talk::live();
    talk.cloud.systems.insert(33, talk.cloud.systems[&HOME].clone());
    let event = talk.happen(33, 3401, json!({}));
    assert_eq!(talk.ids(), [&*id(&event)]);
    // It was armed: the base station is left alone first.
    talk.wait(30);
    assert_eq!(talk.value(&device(33, "d1"), "contact").as_deref(), Some("closed"));
    assert!(talk.forgot > 0, "its names are asked for");
    assert_eq!((talk.ids().len(), talk.gaps().len()), (1, 0));
}
