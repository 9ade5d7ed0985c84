//! The third-party client that these facts are from: simplipy, as an integrator uses it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost::simulator::simplisafe::{Bolt, By, DropHow, Mode, Options, Simulator, kind};

use crate::{
    client::{DEADLINE, parse, quick, start, with_faults},
    runner::Python,
};

/// Names and codes of simplipy's own table of events.
const NAMES: [(i64, &str); 40] = [
    (1110, "alarm_triggered"),
    (1120, "alarm_triggered"),
    (1132, "alarm_triggered"),
    (1134, "alarm_triggered"),
    (1154, "alarm_triggered"),
    (1159, "alarm_triggered"),
    (1162, "alarm_triggered"),
    (1170, "camera_motion_detected"),
    (1301, "power_outage"),
    (1344, "rf_interference_detected"),
    (1350, "connection_lost"),
    (1381, "sensor_not_responding"),
    (1400, "disarmed_by_keypad"),
    (1406, "alarm_canceled"),
    (1407, "disarmed_by_remote"),
    (1409, "secret_alert_triggered"),
    (1429, "entry_delay"),
    (1458, "doorbell_detected"),
    (1531, "sensor_paired_and_named"),
    (1601, "user_initiated_test"),
    (1602, "automatic_test"),
    (1604, "device_test"),
    (1609, "user_initiated_camera_recording"),
    (3301, "power_restored"),
    (3344, "rf_interference_stopped"),
    (3350, "connection_restored"),
    (3381, "sensor_restored"),
    (3401, "armed_away_by_keypad"),
    (3407, "armed_away_by_remote"),
    (3441, "armed_home"),
    (3481, "armed_away"),
    (3487, "armed_away"),
    (3491, "armed_home"),
    (9401, "away_exit_delay_by_keypad"),
    (9407, "away_exit_delay_by_remote"),
    (9441, "home_exit_delay"),
    (9700, "lock_unlocked"),
    (9701, "lock_locked"),
    (9703, "lock_error"),
    (9903, "base_station_update_succeeded"),
];

impl Python {
    fn simplipy(simulator: &Simulator) -> Self {
        Self::run("simplisafe_client.py", &[&simulator.url(), "refresh", &simulator.refresh_token()])
    }

    /// The next line that has this member.
    fn next_with(&self, member: &str) -> Value {
        loop {
            let line = self.line();
            assert!(line.get("failed").is_none() || member == "failed", "{line}");
            if line.get(member).is_some() {
                return line;
            }
        }
    }

    /// The states of the next so many systems.
    fn systems(&self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.next_with("state")).collect()
    }
}

fn until_subscribed(simulator: &Simulator, count: usize) {
    let deadline = Instant::now() + DEADLINE;
    while simulator.counters().sockets_subscribed != count {
        assert!(Instant::now() < deadline, "it listens");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether what simplipy tells of a system is the truth.
fn assert_system(simulator: &Simulator, told: &Value) {
    let truth = simulator.truth()[&told["system"].as_u64().unwrap()].clone();
    assert_eq!(told["power_outage"], !truth.mains);
    assert_eq!((&told["offline"], &told["rf_jamming"]), (&json!(truth.offline), &json!(truth.jammed)));
    assert_eq!(told["temperature"], truth.temperature);
    for (id, device) in &truth.devices {
        if device.camera {
            assert_eq!(told["cameras"][id], if device.offline { "offline" } else { "online" });
        } else if let Some(bolt) = device.bolt {
            let word = match bolt {
                Bolt::Locked => "LOCKED",
                Bolt::Unlocked => "UNLOCKED",
                Bolt::Jammed => "JAMMED",
            };
            assert_eq!(told["locks"][id], word);
        } else {
            let sensor = &told["sensors"][id];
            assert_eq!((&sensor["name"], &sensor["offline"]), (&json!(device.name), &json!(device.offline)));
            assert_eq!(sensor["triggered"], device.triggered.unwrap_or(false));
            assert_eq!(sensor["low_battery"], device.low_battery);
        }
    }
    let rooms = told["sensors"].as_object().unwrap().len() + told["locks"].as_object().unwrap().len();
    assert_eq!(rooms + told["cameras"].as_object().unwrap().len(), truth.devices.len());
}

#[test]
fn simplipy_logs_in_by_its_refresh_token_and_reads_every_system_as_it_is() {
    let simulator = start(Options { exit_delay: Duration::from_secs(60), ..quick() });
    let sid = simulator.systems()[0];
    simulator.set_mains(sid, false);
    simulator.set_jammed(sid, true);
    simulator.set_lock(sid, &simulator.lock_of(sid).unwrap(), Bolt::Jammed);
    simulator.set_open(sid, &simulator.door(sid, 0).unwrap(), true);
    simulator.set_reachable(sid, &simulator.cameras(sid)[0], false);
    simulator.set_low_battery(sid, &simulator.door(sid, 1).unwrap(), true);
    simulator.arm(sid, Mode::Away, By::Keypad);
    let mut python = Python::simplipy(&simulator);
    let user = python.next_with("user");
    assert_eq!(
        (&user["user"], &user["refresh_token"]),
        (&json!(simulator.users()[0]), &json!(simulator.refresh_token()))
    );
    let told = python.systems(2);
    assert_eq!((&told[0]["state"], &told[1]["state"]), (&json!("AWAY_COUNT"), &json!("OFF")));
    assert_eq!(told[0]["notifications"], json!(["Power Outage - Backup battery in use."]));
    told.iter().for_each(|told| assert_system(&simulator, told));
    for (cid, state, alarming) in [
        (3441, "HOME", false),
        (3401, "AWAY", false),
        (9441, "HOME_COUNT", false),
        (1429, "ENTRY_DELAY", false),
        (1110, "ALARM", true),
        (1406, "OFF", false),
    ] {
        simulator.happen(sid, cid, None).unwrap();
        simulator.set_lock(sid, &simulator.lock_of(sid).unwrap(), if alarming { Bolt::Locked } else { Bolt::Unlocked });
        python.say("systems");
        let told = python.systems(2);
        assert_eq!((&told[0]["state"], &told[0]["alarm_going_off"]), (&json!(state), &json!(alarming)));
        told.iter().for_each(|told| assert_system(&simulator, told));
    }
    let calls = simulator.calls();
    assert!(calls.iter().all(|call| call.user_agent.starts_with("Mozilla/5.0") || call.endpoint == "ws"));
    assert!(calls.iter().filter(|call| call.endpoint == "sensors").all(|call| call.host == "api.simplisafe.com"));
    assert!(calls.iter().filter(|call| call.endpoint == "token").all(|call| call.host == "auth.simplisafe.com"));
}

#[test]
fn simplipy_logs_in_by_code_and_pkce() {
    let simulator = start(quick());
    let python = Python::run("simplisafe_client.py", &[&simulator.url(), "code"]);
    let token = python.next_with("user")["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(token, simulator.refresh_token());
    assert!(simulator.good_refresh_tokens(0).iter().any(|good| **good == *token));
    python.systems(2).iter().for_each(|told| assert_system(&simulator, told));
    until_subscribed(&simulator, 1);
}

#[test]
fn simplipy_hears_all_forty_codes_by_its_own_names_with_all_fields() {
    let simulator = start(quick());
    let python = Python::simplipy(&simulator);
    python.systems(2);
    until_subscribed(&simulator, 1);
    let sid = simulator.systems()[1];
    let door = simulator.door(sid, 0).unwrap();
    for (cid, name) in NAMES {
        let id = simulator.happen(sid, cid, Some(&door)).unwrap();
        let record = simulator.events(sid).pop().unwrap();
        assert_eq!((record.id, record.cid), (id, cid));
        let told = python.next_with("event");
        let expected = json!({
            "event": name, "info": record.row["info"], "system": sid, "timestamp": record.timestamp, "changed_by": "",
            "sensor_name": "Front Door", "sensor_serial": door, "sensor_type": "ENTRY", "media": null,
        });
        assert_eq!(told, expected, "{cid}");
    }
    // What it does not know it tells all the same.
    simulator.happen(sid, 9999, None);
    assert_eq!(python.next_with("event")["event"], Value::Null);
    simulator.arm(sid, Mode::Home, By::Keypad);
    assert_eq!(python.next_with("event")["event"], "home_exit_delay");
    assert_eq!(python.next_with("event")["event"], "armed_home");
    simulator.disarm(sid, By::Keypad);
    let told = python.next_with("event");
    assert_eq!((&told["event"], &told["changed_by"]), (&json!("disarmed_by_keypad"), &json!("Master PIN")));
    assert_eq!(told["sensor_type"], "KEYPAD");
    let counters = simulator.counters();
    assert_eq!((counters.sockets_opened, counters.identified), (1, 1));
}

#[test]
fn simplipy_fetches_the_media_of_both_kinds_of_cameras() {
    let simulator = start(quick());
    let python = Python::simplipy(&simulator);
    python.systems(2);
    until_subscribed(&simulator, 1);
    let sid = simulator.systems()[0];
    for (camera, kind, has, lacks) in
        [(0, "DOORBELL", "flv_url", "hls_url"), (1, "OUTDOOR_CAMERA", "hls_url", "flv_url")]
    {
        simulator.camera_motion(sid, &simulator.cameras(sid)[camera]).unwrap();
        let told = python.next_with("event");
        assert_eq!((&told["event"], &told["sensor_type"]), (&json!("camera_motion_detected"), &json!(kind)));
        assert!(told["media"][has].is_string() && told["media"][lacks].is_null(), "{told}");
        let image = python.next_with("media");
        assert_eq!(
            (&image["media"], &image["size"], &image["start"]),
            (&json!("image_url"), &json!(20_000), &json!("ffd8ffe0"))
        );
        let clip = python.next_with("media");
        assert_eq!((&clip["media"], &clip["size"]), (&json!("clip_url"), &json!(300_000)));
    }
}

#[test]
fn simplipy_listens_again_after_each_kind_of_loss() {
    let simulator = start(quick());
    let python = Python::simplipy(&simulator);
    python.systems(2);
    let sid = simulator.systems()[0];
    for (n, how) in [DropHow::Fin, DropHow::Close(1001), DropHow::Reset, DropHow::MidFrame].into_iter().enumerate() {
        until_subscribed(&simulator, 1);
        simulator.happen(sid, 1602, None);
        assert_eq!(python.next_with("event")["event"], "automatic_test");
        assert_eq!(simulator.drop_sockets(how), 1);
        assert!(python.next_with("lost")["lost"].is_string());
        let deadline = Instant::now() + DEADLINE;
        while simulator.counters().sockets_opened != n as u64 + 2 {
            assert!(Instant::now() < deadline, "it comes back");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    until_subscribed(&simulator, 1);
    simulator.happen(sid, 1458, None);
    assert_eq!(python.next_with("event")["event"], "doorbell_detected");
}

#[test]
fn simplipy_refreshes_its_token_arms_unlocks_and_reads_the_history() {
    let simulator = with_faults(&["one-use"]);
    let mut python = Python::simplipy(&simulator);
    let first = python.next_with("user")["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, simulator.refresh_token());
    python.systems(2);
    until_subscribed(&simulator, 1);
    let sid = simulator.systems()[0];
    python.say("events");
    assert_eq!(python.next_with("history")["history"], json!([]));
    let lock = simulator.lock_of(sid).unwrap();
    python.say(&format!("unlock {lock}"));
    assert_eq!(python.next_with("event")["event"], "lock_unlocked");
    python.say("away");
    assert_eq!(python.next_with("event")["event"], "away_exit_delay_by_remote");
    assert_eq!(python.next_with("event")["event"], "armed_away_by_remote");
    python.say("events");
    let ids: Vec<u64> = simulator.events(sid).iter().rev().map(|event| event.id).collect();
    assert_eq!(python.next_with("history")["history"], json!(ids));
    // It renews its token when a call is refused.
    simulator.expire_tokens();
    python.say("events");
    let second = python.next_with("refreshed")["refreshed"].as_str().unwrap().to_owned();
    assert!(second != first && simulator.good_refresh_tokens(0).iter().any(|good| **good == *second));
    assert_eq!(python.next_with("history")["history"], json!(ids));
    simulator.inject(parse("no-plan"));
    python.say("away");
    assert!(python.next_with("failed")["failed"].as_str().unwrap().starts_with("EndpointUnavailableError"));
    assert!(simulator.sensor_of(sid, kind::KEYPAD, 0).is_some());
}

#[test]
fn simplipy_is_let_in_whatever_is_unknown_of_the_greeting() {
    for fault in ["subscribed-service", "hello-late", "no-hello", "empty-video", "unknown-members"] {
        let simulator = with_faults(&[fault]);
        let python = Python::simplipy(&simulator);
        python.systems(2);
        until_subscribed(&simulator, 1);
        // It takes an empty video for one, and its loop dies.
        if fault != "empty-video" {
            simulator.happen(simulator.systems()[0], 1601, None);
            assert_eq!(python.next_with("event")["event"], "user_initiated_test", "{fault}");
        }
    }
}
