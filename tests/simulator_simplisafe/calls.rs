//! What calls tell, and what they do.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost::simulator::simplisafe::{Alarm, Bolt, By, FaultKind, Mode, Options, Simulator, audit, kind};

use crate::client::{eventually, log_in, parse, quick, start, subscribed, with_faults};

#[test]
fn subscriptions_tell_the_systems_with_their_cameras() {
    let simulator = start(Options { sensors: 30, cameras: 4, ..quick() });
    let caller = log_in(&simulator);
    let rows =
        caller.fetch(&format!("/v1/users/{}/subscriptions?activeOnly=true", caller.uid))["subscriptions"].clone();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    for (row, sid) in rows.iter().zip(simulator.systems()) {
        assert_eq!((&row["sid"], &row["status"]["hasBaseStation"]), (&json!(sid), &json!(true)));
        let system = &row["location"]["system"];
        assert_eq!(system, &caller.system(sid));
        assert_eq!(
            (&system["version"], &system["alarmState"], &system["isAlarming"]),
            (&json!(3), &json!("OFF"), &json!(false))
        );
        let uuids: Vec<&str> =
            system["cameras"].as_array().unwrap().iter().map(|row| row["uuid"].as_str().unwrap()).collect();
        assert_eq!(uuids, simulator.cameras(sid));
        let sensors = caller.fetch(&format!("/v1/ss3/subscriptions/{sid}/sensors?forceUpdate=false"));
        assert_eq!(sensors["sensors"].as_array().unwrap().len(), 30);
        assert_eq!(caller.fetch(&format!("/v1/doorlock/{sid}")).as_array().unwrap().len(), 1);
        assert_eq!(row["subscriptionFeatures"]["timeline"]["maxAge"], 604_800);
    }
}

#[test]
fn settings_tell_the_base_station_and_its_pins() {
    let simulator = start(quick());
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let path = format!("/v1/ss3/subscriptions/{sid}/settings/normal?forceUpdate=false");
    let settings = caller.fetch(&path);
    assert_eq!(settings["basestationStatus"]["rfJamming"], false);
    for pin in Simulator::pins() {
        assert!(settings.to_string().contains(pin));
    }
    simulator.set_jammed(sid, true);
    simulator.set_mains(sid, false);
    simulator.set_wifi(sid, false);
    let status = caller.fetch(&path)["basestationStatus"].clone();
    assert_eq!(
        (&status["rfJamming"], &status["wallPower"], &status["wifiStatus"]),
        (&json!(true), &json!(0), &json!(0))
    );
}

/// The states that a client reads from calls, in the engine's words.
fn read(system: &Value, settings: &Value, sensors: &Value, sid: u64) -> Vec<(String, String)> {
    let mut states = Vec::new();
    let mut tell = |item: String, group: &str, word: &str| states.push((format!("{item} {group}"), word.to_owned()));
    let own = || audit::system(sid);
    let alarm = match system["alarmState"].as_str().unwrap() {
        "OFF" => "off",
        "HOME" => "armed_home",
        "AWAY" => "armed_away",
        "HOME_COUNT" => "exit_delay_home",
        "AWAY_COUNT" => "exit_delay_away",
        "ENTRY_DELAY" => "entry_delay",
        "ALARM" => "triggered",
        other => panic!("{other}"),
    };
    tell(own(), "alarm", alarm);
    tell(own(), "power", if system["powerOutage"] == true { "battery" } else { "mains" });
    tell(own(), "wifi", if system["connType"] == "wifi" { "online" } else { "offline" });
    tell(own(), "connection", if system["isOffline"] == true { "offline" } else { "online" });
    tell(own(), "rf", if settings["basestationStatus"]["rfJamming"] == true { "jammed" } else { "clear" });
    for row in system["cameras"].as_array().unwrap() {
        let uuid = row["uuid"].as_str().unwrap();
        let item = audit::device(sid, &uuid[uuid.len() - 8..]);
        tell(item, "connection", row["status"].as_str().unwrap());
    }
    for row in sensors["sensors"].as_array().unwrap() {
        let item = || audit::device(sid, row["serial"].as_str().unwrap());
        let (status, flags) = (&row["status"], &row["flags"]);
        tell(item(), "connection", if flags["offline"] == true { "offline" } else { "online" });
        tell(item(), "battery", if flags["lowBattery"] == true { "low" } else { "ok" });
        if let Some(tampered) = status["tamper"].as_bool() {
            tell(item(), "tamper", if tampered { "tampered" } else { "ok" });
        }
        if row["type"] == 16 {
            let word = match (status["lockJamState"].as_i64(), status["lockState"].as_i64()) {
                (Some(0), Some(1)) => "locked",
                (Some(0), Some(2)) => "unlocked",
                _ => "jammed",
            };
            tell(item(), "lock", word);
        }
        let triggered = status["triggered"].as_bool().or(status["smokeTriggered"].as_bool());
        match (row["type"].as_i64(), triggered) {
            (Some(5), Some(open)) => tell(item(), "contact", if open { "open" } else { "closed" }),
            (_, Some(on)) => tell(item(), "triggered", if on { "on" } else { "off" }),
            _ => {}
        }
    }
    states.sort();
    states
}

fn assert_truth(simulator: &Simulator, caller: &crate::client::Caller) {
    for (sid, truth) in simulator.truth() {
        let settings = caller.fetch(&format!("/v1/ss3/subscriptions/{sid}/settings/normal?forceUpdate=true"));
        let sensors = caller.fetch(&format!("/v1/ss3/subscriptions/{sid}/sensors?forceUpdate=true"));
        let told = read(&caller.system(sid), &settings, &sensors, sid);
        let mut known: Vec<(String, String)> = audit::states(&truth)
            .into_iter()
            .flat_map(|(item, groups)| {
                groups.into_iter().map(move |(group, word)| (format!("{item} {group}"), word.to_owned()))
            })
            .collect();
        known.sort();
        assert_eq!(told, known);
    }
}

#[test]
fn what_calls_tell_is_the_truth_whatever_happens() {
    let simulator = start(Options { exit_delay: Duration::from_secs(60), ..quick() });
    let caller = log_in(&simulator);
    assert_truth(&simulator, &caller);
    let sid = simulator.systems()[0];
    let of = |of| simulator.sensor_of(sid, of, 0).unwrap();
    simulator.set_open(sid, &of(kind::ENTRY), true);
    simulator.set_low_battery(sid, &of(kind::MOTION), true);
    simulator.set_tampered(sid, &of(kind::SMOKE), true);
    simulator.set_triggered(sid, &of(kind::LEAK), true);
    simulator.set_triggered(sid, &of(kind::SMOKE_AND_CO), true);
    simulator.set_reachable(sid, &of(kind::GLASS_BREAK), false);
    simulator.set_reachable(sid, &simulator.cameras(sid)[0], false);
    simulator.set_lock(sid, &of(kind::LOCK), Bolt::Jammed);
    simulator.set_system_offline(sid, true);
    simulator.set_mains(sid, false);
    simulator.set_wifi(sid, false);
    simulator.set_jammed(sid, true);
    simulator.arm(sid, Mode::Away, By::Keypad);
    assert_truth(&simulator, &caller);
    simulator.emit(500);
    assert_truth(&simulator, &caller);
}

#[test]
fn temperatures_are_told() {
    let simulator = start(quick());
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let serial = simulator.sensor_of(sid, kind::TEMPERATURE, 0).unwrap();
    assert!(simulator.set_temperature(sid, &serial, 39) && simulator.set_system_temperature(sid, 71));
    assert_eq!(caller.sensor(sid, &serial, true)["status"]["temperature"], 39);
    assert_eq!(caller.system(sid)["temperature"], 71);
    assert_eq!(simulator.truth()[&sid].devices[&serial].temperature, Some(39));
}

#[test]
fn alarm_states_have_other_words_too() {
    let simulator =
        start(Options { exit_delay: Duration::from_secs(60), entry_delay: Duration::from_secs(60), ..quick() });
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    simulator.arm(sid, Mode::Home, By::Keypad);
    assert_eq!(caller.system(sid)["alarmState"], "HOME_COUNT");
    assert!((50..=60).contains(&caller.system(sid)["exitDelayRemaining"].as_i64().unwrap()));
    simulator.inject(parse("exit-delay-word"));
    assert_eq!(caller.system(sid)["alarmState"], "EXIT_DELAY");
    simulator.happen(sid, 3441, None);
    assert_eq!(caller.system(sid)["alarmState"], "HOME");
    simulator.set_open(sid, &simulator.door(sid, 0).unwrap(), true);
    assert_eq!(caller.system(sid)["alarmState"], "ENTRY_DELAY");
    simulator.inject(parse("alarm-count"));
    assert_eq!(caller.system(sid)["alarmState"], "ALARM_COUNT");
    simulator.happen(sid, 1134, None);
    assert_eq!((&caller.system(sid)["alarmState"], &caller.system(sid)["isAlarming"]), (&json!("ALARM"), &json!(true)));
    simulator.inject(parse("odd-alarm-state"));
    assert_eq!(caller.system(sid)["alarmState"], "NIGHT_WATCH");
    simulator.inject(parse("no-alarm-state"));
    assert_eq!(caller.system(sid).get("alarmState"), None);
}

#[actix_rt::test]
async fn a_call_arms_and_disarms_with_the_events_that_follow() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    let sid = simulator.systems()[1];
    let state = |state: &str| caller.ask("POST", &format!("/v1/ss3/subscriptions/{sid}/state/{state}"), "");
    let answer = state("away").json();
    assert_eq!((&answer["success"], &answer["state"], &answer["exitDelay"]), (&json!(true), &json!("AWAY"), &json!(0)));
    assert_eq!((client.cid().await, client.cid().await), (9407, 3407));
    assert_eq!(state("off").status, 200);
    assert_eq!(client.cid().await, 1407);
    state("home");
    let countdown = client.event().await;
    assert_eq!((&countdown["eventCid"], &countdown["zoneCid"]), (&json!(9441), &json!("3")));
    let armed = client.event().await;
    assert_eq!(
        (&armed["eventCid"], &armed["info"]),
        (&json!(3441), &json!("System Armed (Home) by Remote Management"))
    );
    assert_eq!(state("night").status, 400);
    assert_eq!(simulator.truth()[&sid].alarm, Alarm::Home);
}

#[actix_rt::test]
async fn a_call_moves_a_lock_after_a_while() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    let sid = simulator.systems()[0];
    let serial = simulator.lock_of(sid).unwrap();
    let path = format!("/v1/doorlock/{sid}/{serial}/state");
    let answer = caller.ask("POST", &path, &json!({ "state": "unlock" }).to_string());
    assert_eq!((answer.status, answer.bytes.len()), (200, 0));
    assert_eq!(caller.sensor(sid, &serial, true)["status"]["lockState"], 1);
    let event = client.event().await;
    assert_eq!(
        (&event["eventCid"], &event["sensorSerial"], &event["sensorType"]),
        (&json!(9700), &json!(serial), &json!(16))
    );
    assert_eq!(caller.sensor(sid, &serial, true)["status"]["lockState"], 2);
    caller.ask("POST", &path, &json!({ "state": "lock" }).to_string());
    assert_eq!(client.cid().await, 9701);
    assert_eq!(caller.ask("POST", &path, "{}").status, 400);
    assert_eq!(caller.ask("POST", &format!("/v1/doorlock/{sid}/nobody/state"), "{}").status, 404);
}

#[actix_rt::test]
async fn the_cloud_may_lag_behind_the_base_station() {
    let simulator = with_faults(&["cache-lag=300ms"]);
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let door = simulator.door(sid, 0).unwrap();
    let is_open = |forced| caller.sensor(sid, &door, forced)["status"]["triggered"] == true;
    simulator.set_open(sid, &door, true);
    assert!(!is_open(false));
    eventually("the cloud hears of it", || is_open(false)).await;
    simulator.set_open(sid, &door, false);
    assert!(is_open(false) && !is_open(true) && !is_open(false));
}

#[test]
fn the_time_of_the_last_status_may_stand_still() {
    let simulator = with_faults(&["status-frozen"]);
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let ask = || caller.fetch(&format!("/v1/ss3/subscriptions/{sid}/sensors?forceUpdate=false"));
    let old = ask()["lastStatusUpdate"].as_i64().unwrap();
    simulator.set_open(sid, &simulator.door(sid, 0).unwrap(), true);
    let list = ask();
    assert!(list["lastStatusUpdate"] == old && list["lastUpdated"].as_i64().unwrap() > old);
    simulator.clear(FaultKind::StatusFrozen);
    assert!(ask()["lastStatusUpdate"].as_i64().unwrap() > old);
}

#[test]
fn a_base_station_with_a_lock_complains_when_it_is_asked_right_after_it_was_armed() {
    let simulator = start(quick());
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let ask = || caller.fetch(&format!("/v1/ss3/subscriptions/{sid}/sensors?forceUpdate=false"));
    ask();
    assert_eq!(simulator.counters().complaints, 0);
    simulator.arm(sid, Mode::Away, By::Remote);
    ask();
    caller.system(sid);
    caller.events(sid, "");
    assert_eq!(simulator.counters().complaints, 1);
    caller.fetch(&format!("/v1/ss3/subscriptions/{}/sensors?forceUpdate=false", simulator.systems()[1]));
    assert_eq!(simulator.counters().complaints, 1);
    assert_eq!(simulator.counters().avoidable_complaints, 0, "it may have crossed the push");
    // The end of the exit delay is one more arming that nobody can know of at once.
    let until = Instant::now() + Duration::from_secs(10);
    while simulator.counters().avoidable_complaints == 0 {
        assert!(Instant::now() < until, "it could be known long ago");
        std::thread::sleep(Duration::from_millis(100));
        ask();
    }
}

#[test]
fn maimed_rows_and_unknown_members_are_told_beside_the_others() {
    let simulator = with_faults(&["odd-rows", "unknown-members"]);
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let rows = caller.fetch(&format!("/v1/users/{}/subscriptions", caller.uid))["subscriptions"].clone();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().any(|row| row["status"]["hasBaseStation"] == false));
    assert!(rows.iter().filter(|row| row["location"]["system"].is_null()).count() == 3);
    assert!(rows[1]["featureFlags"].is_object());
    let sensors = caller.fetch(&format!("/v1/ss3/subscriptions/{sid}/sensors"))["sensors"].clone();
    let sensors = sensors.as_array().unwrap();
    assert_eq!(sensors.len(), 16);
    assert!(sensors.iter().any(|row| row["type"] == 21 && row.get("flags").is_none()));
    simulator.clear(FaultKind::OddRows);
    assert_eq!(
        caller.fetch(&format!("/v1/users/{}/subscriptions", caller.uid))["subscriptions"].as_array().unwrap().len(),
        2
    );
}

#[test]
fn every_call_needs_a_valid_token_and_a_known_path() {
    let simulator = start(quick());
    let mut caller = log_in(&simulator);
    let sid = simulator.systems()[0];
    for path in ["/", "/v1/api/authcheck", "/v1/subscriptions/abc/events", "/v1/subscriptions/1/events", "/v1"] {
        assert_eq!(caller.get(path).status, 404, "{path}");
    }
    caller.token = "made-up".to_owned();
    for path in
        ["/v1/api/authCheck".to_owned(), format!("/v1/doorlock/{sid}"), format!("/v1/subscriptions/{sid}/events")]
    {
        assert_eq!(caller.get(&path).status, 401, "{path}");
    }
    let calls = simulator.calls();
    let last = calls.last().unwrap();
    assert_eq!((last.endpoint, last.status, last.sid), ("events", 401, Some(sid)));
    assert_eq!(
        (last.bearer.as_deref(), last.host.as_str()),
        (Some("made-up"), simulator.address().to_string().as_str())
    );
    let counters = simulator.counters();
    assert_eq!((counters.of("events").tried, counters.of("events").ok, counters.of("token").ok), (2, 0, 1));
}
