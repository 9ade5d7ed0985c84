//! What happens at a house, and which events say so.

use std::time::Duration;

use serde_json::{Value, json};
use watchpost::simulator::simplisafe::{Alarm, Bolt, By, Mode, Options, Simulator, kind};

use crate::client::{eventually, quick, start, subscribed};

fn pick(event: &Value, members: &[&str]) -> Vec<Value> {
    members.iter().map(|member| event[member].clone()).collect()
}

fn alarm(simulator: &Simulator, sid: u64) -> Alarm {
    simulator.truth()[&sid].alarm
}

#[actix_rt::test]
async fn arming_at_the_keypad_counts_down_first() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let keypad = simulator.sensor_of(sid, kind::KEYPAD, 0).unwrap();
    assert!(simulator.arm(sid, Mode::Away, By::Keypad));
    assert_eq!(alarm(&simulator, sid), Alarm::ExitAway);
    let event = client.event().await;
    assert_eq!(
        pick(&event, &["eventCid", "eventType", "sensorType", "sensorSerial", "zoneCid", "sid"]),
        [json!(9401), json!("activityQuiet"), json!(1), json!(keypad), json!("1"), json!(sid)]
    );
    let event = client.event().await;
    assert_eq!(pick(&event, &["eventCid", "info"]), [json!(3401), json!("System Armed (Away) by Keypad Keypad")]);
    assert_eq!(alarm(&simulator, sid), Alarm::Away);
    assert!(!simulator.arm(sid, Mode::Away, By::Remote));
    assert!(simulator.disarm(sid, By::Keypad));
    let event = client.event().await;
    assert_eq!(
        pick(&event, &["eventCid", "pinName", "info", "zoneCid"]),
        [json!(1400), json!("Master PIN"), json!("System Disarmed by Master PIN"), json!("1")]
    );
    assert!(!simulator.disarm(sid, By::Keypad));
    simulator.arm(sid, Mode::Home, By::Keypad);
    assert_eq!((client.cid().await, client.cid().await), (9441, 3441));
    assert!(simulator.disarm(sid, By::Remote));
    let event = client.event().await;
    assert_eq!(pick(&event, &["eventCid", "sensorType", "sensorSerial"]), [json!(1407), json!(0), json!("")]);
}

#[actix_rt::test]
async fn a_canceled_countdown_arms_nothing() {
    let simulator = start(Options { exit_delay: Duration::from_millis(150), ..quick() });
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    simulator.arm(sid, Mode::Away, By::Keypad);
    simulator.disarm(sid, By::Keypad);
    assert_eq!(client.cid().await, 9401);
    let event = client.event().await;
    assert_eq!(pick(&event, &["eventCid", "zoneCid", "pinName"]), [json!(1400), json!("8"), json!("")]);
    assert_eq!(event["info"], "Exit Delay Countdown Cancelled - System Disarmed");
    assert!(client.is_silent().await);
    assert_eq!(alarm(&simulator, sid), Alarm::Off);
}

#[actix_rt::test]
async fn without_an_exit_delay_a_system_is_armed_at_once() {
    let simulator = start(Options { exit_delay: Duration::ZERO, ..quick() });
    let (mut client, _) = subscribed(&simulator).await;
    simulator.arm(simulator.systems()[0], Mode::Away, By::Remote);
    assert_eq!(client.cid().await, 3407);
    assert!(client.is_silent().await);
}

#[actix_rt::test]
async fn a_door_is_silent_unless_the_system_is_armed() {
    let simulator = start(Options { exit_delay: Duration::ZERO, ..quick() });
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let door = simulator.door(sid, 0).unwrap();
    assert!(simulator.set_open(sid, &door, true) && simulator.set_open(sid, &door, false));
    assert!(client.is_silent().await);
    simulator.arm(sid, Mode::Away, By::Keypad);
    simulator.set_open(sid, &door, true);
    assert_eq!(client.cid().await, 3401);
    let entry = client.event().await;
    assert_eq!(
        pick(&entry, &["eventCid", "eventType", "sensorType", "sensorSerial", "info"]),
        [json!(1429), json!("activityQuiet"), json!(5), json!(door), json!("Entry Detected by Sensor:  Front Door")]
    );
    assert_eq!(alarm(&simulator, sid), Alarm::Entry);
    let event = client.event().await;
    assert_eq!(pick(&event, &["eventCid", "eventType", "sensorSerial"]), [json!(1134), json!("alarm"), json!(door)]);
    let truth = simulator.truth()[&sid].clone();
    assert_eq!((truth.alarm, truth.devices[&door].alarm_memory), (Alarm::Alarming, true));
    assert!(!simulator.arm(sid, Mode::Away, By::Keypad));
    simulator.disarm(sid, By::Keypad);
    let event = client.event().await;
    assert_eq!(pick(&event, &["eventCid", "eventType"]), [json!(1406), json!("alarmCancel")]);
    let truth = simulator.truth()[&sid].clone();
    assert_eq!(
        (truth.alarm, truth.devices[&door].alarm_memory, truth.devices[&door].triggered),
        (Alarm::Off, false, Some(true))
    );
}

#[actix_rt::test]
async fn a_code_in_time_prevents_the_alarm() {
    let simulator = start(Options { exit_delay: Duration::ZERO, entry_delay: Duration::from_millis(150), ..quick() });
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    simulator.arm(sid, Mode::Home, By::Keypad);
    simulator.set_open(sid, &simulator.door(sid, 1).unwrap(), true);
    simulator.disarm(sid, By::Keypad);
    assert_eq!((client.cid().await, client.cid().await, client.cid().await), (3441, 1429, 1400));
    assert!(client.is_silent().await);
}

#[actix_rt::test]
async fn every_code_does_to_the_system_what_it_stands_for() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let alarms = [
        (Alarm::ExitHome, &[9441][..]),
        (Alarm::ExitAway, &[9401, 9407]),
        (Alarm::Home, &[3441, 3491]),
        (Alarm::Away, &[3401, 3407, 3481, 3487]),
        (Alarm::Entry, &[1429]),
        (Alarm::Alarming, &[1110, 1120, 1132, 1134, 1154, 1159, 1162]),
        (Alarm::Off, &[1400, 1406, 1407]),
    ];
    for (expected, codes) in alarms {
        for cid in codes {
            simulator.happen(sid, *cid, None).unwrap();
            assert_eq!(client.cid().await, *cid);
            assert_eq!(alarm(&simulator, sid), expected, "{cid}");
        }
    }
    let before = simulator.truth()[&sid].clone();
    let nothing = [1170, 1409, 1458, 1531, 1601, 1602, 1604, 1609, 9903, 0, 9999];
    for cid in nothing {
        simulator.happen(sid, cid, None).unwrap();
        assert_eq!(client.cid().await, cid);
        assert_eq!(simulator.truth()[&sid], before, "{cid}");
    }
    assert_eq!(simulator.happen(sid, 1400, Some("nobody")), None);
    assert_eq!(simulator.happen(1, 1400, None), None);
}

#[actix_rt::test]
async fn pairs_of_codes_break_and_mend() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let truth = || simulator.truth()[&sid].clone();
    let motion = simulator.sensor_of(sid, kind::MOTION, 0).unwrap();
    let smoke = simulator.sensor_of(sid, kind::SMOKE_AND_CO, 0).unwrap();
    let camera = simulator.cameras(sid)[1].clone();
    simulator.set_mains(sid, false);
    simulator.set_wifi(sid, false);
    simulator.set_jammed(sid, true);
    simulator.set_reachable(sid, &motion, false);
    simulator.set_reachable(sid, &camera, false);
    simulator.set_suspicious(sid, &smoke, true);
    for cid in [1301, 1350, 1344, 1381, 1381, 1901] {
        assert_eq!(client.cid().await, cid);
    }
    let broken = truth();
    assert_eq!((broken.mains, broken.wifi, broken.jammed), (false, false, true));
    assert!(broken.devices[&motion].offline && broken.devices[&camera].offline && broken.devices[&smoke].suspicious);
    simulator.set_mains(sid, true);
    simulator.set_wifi(sid, true);
    simulator.set_jammed(sid, false);
    simulator.set_reachable(sid, &motion, true);
    simulator.set_reachable(sid, &camera, true);
    simulator.set_suspicious(sid, &smoke, false);
    for cid in [3301, 3350, 3344, 3381, 3381] {
        assert_eq!(client.cid().await, cid);
    }
    assert_eq!(pick(&client.event().await, &["eventCid", "zoneCid"]), [json!(1901), json!("0")]);
    let mended = truth();
    assert_eq!((mended.mains, mended.wifi, mended.jammed), (true, true, false));
    assert!(!mended.devices[&motion].offline && !mended.devices[&camera].offline && !mended.devices[&smoke].suspicious);
}

#[actix_rt::test]
async fn locks_lock_unlock_and_jam() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let serial = simulator.lock_of(sid).unwrap();
    for (bolt, cid) in [(Bolt::Unlocked, 9700), (Bolt::Jammed, 9703), (Bolt::Locked, 9701)] {
        let id = simulator.set_lock(sid, &serial, bolt).unwrap();
        assert_eq!(
            pick(&client.event().await, &["eventCid", "eventId", "sensorType"]),
            [json!(cid), json!(id), json!(16)]
        );
        assert_eq!(simulator.truth()[&sid].devices[&serial].bolt, Some(bolt));
    }
    assert_eq!(simulator.set_lock(sid, "nobody", Bolt::Locked), None);
}

#[actix_rt::test]
async fn sensors_come_and_go_and_change_their_names() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let serial = simulator.add_sensor(sid, "Attic").unwrap();
    let event = client.event().await;
    assert_eq!(pick(&event, &["eventCid", "sensorSerial", "sensorName"]), [json!(1531), json!(serial), json!("Attic")]);
    assert_eq!(caller.sensor(sid, &serial, false)["name"], "Attic");
    assert!(simulator.rename(sid, &serial, "Loft") && !simulator.rename(sid, "nobody", "x"));
    assert_eq!(caller.sensor(sid, &serial, false)["name"], "Loft");
    assert!(simulator.remove_sensor(sid, &serial) && !simulator.remove_sensor(sid, &serial));
    let more = simulator.add_system(2, 0);
    assert_eq!(simulator.truth()[&more].devices.len(), 2);
    simulator.secret_alert(more, &simulator.sensor_of(more, kind::KEYPAD, 0).unwrap());
    assert_eq!(pick(&client.event().await, &["eventCid", "sid"]), [json!(1409), json!(more)]);
}

#[actix_rt::test]
async fn things_happen_by_themselves_at_a_rate_and_are_told_in_words() {
    let simulator = start(Options { rate: 200.0, ..quick() });
    let happenings = simulator.happenings(10_000);
    let (mut client, _) = subscribed(&simulator).await;
    for _ in 0..50 {
        client.event().await;
    }
    eventually("enough has happened", || simulator.counters().happened > 200).await;
    let told: Vec<_> = happenings.try_iter().collect();
    assert!(told.iter().any(|happening| happening.cid.is_none() && happening.words.ends_with(" opened")));
    assert!(told.iter().any(|happening| happening.words.ends_with("Detected Motion")));
    let ids: Vec<u64> = simulator.events(simulator.systems()[0]).iter().map(|event| event.id).collect();
    assert!(ids.is_sorted() && ids.len() > 10);
}
