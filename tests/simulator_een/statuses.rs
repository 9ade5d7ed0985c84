//! What happens to devices, and how their status words tell it.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use watchpost::simulator::een::{Change, Options, Overall};

use crate::{
    client::{events, eventually, inside, numbers, quiet, request, start, statuses_of, with_faults},
    poll::{connected, subscribed},
};

const ON: u64 = 1 << 17;
const STREAMING: u64 = 1 << 18;
const RECORDING: u64 = 1 << 19;
const REGISTERED: u64 = 1 << 20;

#[actix_rt::test]
async fn every_change_is_one_word_and_its_events() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = connected(&simulator).await;
    let camera = &cameras[0];
    let codes = ["RCON", "RCOF", "CONN", "COFF", "CSAU", "CSDU", "VRES", "VREE"];
    client.subscribe(&request([camera], &json!({ "resource": ["status", "event"], "event": codes }))).await;
    for (change, bits, overall, raised) in [
        (Change::RecordingStarted, ON | STREAMING | RECORDING | REGISTERED, Overall::Online, vec!["VRES"]),
        (Change::RecordingStopped, ON | STREAMING | REGISTERED, Overall::Online, vec!["VREE"]),
        (Change::StreamingStopped, ON | REGISTERED, Overall::Offline, vec!["CSDU"]),
        (Change::PasswordNeeded, ON | REGISTERED, Overall::PasswordNeeded, vec![]),
        (Change::PasswordGiven, ON | STREAMING | REGISTERED, Overall::Online, vec!["CSAU"]),
        (Change::InternetLost, ON, Overall::InternetOffline, vec!["RCOF", "CSDU"]),
        (Change::InternetBack, ON | STREAMING | REGISTERED, Overall::Online, vec!["RCON", "CSAU"]),
        (Change::Off, 0, Overall::Off, vec!["COFF", "CSDU"]),
        (Change::On, ON | STREAMING | REGISTERED, Overall::Online, vec!["CONN", "CSAU"]),
    ] {
        assert!(simulator.change(camera, change), "{change:?}");
        let told = client.all().await;
        let words = numbers(&told, camera, "status");
        assert_eq!(words.len(), 1, "{change:?}");
        assert_eq!(words[0] & (ON | STREAMING | RECORDING | REGISTERED), bits, "{change:?}");
        let events: Vec<String> = told
            .iter()
            .filter_map(|(_, told)| told["event"].as_object())
            .flat_map(|event| event.keys().cloned())
            .collect();
        assert_eq!(events, raised, "{change:?}");
        assert_eq!(simulator.truth()[camera].legacy.overall, overall);
    }
    assert!(!simulator.change(camera, Change::On), "it is on");
    assert!(!simulator.change("deadbeef", Change::Off));
    assert!(client.all().await.is_empty());
}

#[actix_rt::test]
async fn an_off_camera_hides_its_internet_from_the_legacy_word_only() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = connected(&simulator).await;
    let [old, new] = [&cameras[0], &cameras[1]];
    client.subscribe(&statuses_of([old])).await;
    client.subscribe(&request([new], &json!({ "resource": ["status64"] }))).await;
    for camera in [old, new] {
        simulator.change(camera, Change::Off);
        simulator.change(camera, Change::InternetLost);
    }
    let told = client.all().await;
    assert_eq!(numbers(&told, old, "status").len(), 1, "the loss is not seen");
    let words = numbers(&told, new, "status64");
    assert_eq!(words.iter().map(|word| word >> 32).collect::<Vec<_>>(), [0b0_0101, 0b0_0001]);
    assert!(words.iter().all(|word| word & REGISTERED == 0));
    let truth = &simulator.truth()[old];
    assert_eq!((truth.legacy.internet, truth.extended.internet), (None, Some(false)));
    assert_eq!(truth.word64 >> 32, 1);
}

#[actix_rt::test]
async fn the_legacy_half_follows_later_and_filters_what_is_short() {
    let delay = Duration::from_secs(1);
    let simulator = start(Options { legacy_delay: delay, ..quiet() });
    let (mut client, _, cameras) = connected(&simulator).await;
    let both = json!({ "resource": ["status", "status64"] });
    client.subscribe(&request(&cameras, &both)).await;
    simulator.change(&cameras[0], Change::InternetLost);
    let told = client.all().await;
    assert_eq!(told.len(), 1);
    assert!(told[0].1.get("status").is_none() && told[0].1["status64"].as_u64().unwrap() & REGISTERED != 0);
    let (esn, told) = client.next().await;
    assert_eq!((esn, told["status"].as_u64().unwrap() & REGISTERED), (cameras[0].clone(), 0));
    simulator.flap(&cameras[1], 2);
    let told = client.all().await;
    assert_eq!((numbers(&told, &cameras[1], "status64").len(), numbers(&told, &cameras[1], "status").len()), (4, 0));
    simulator.change(&cameras[2], Change::Off);
    let mut seen = Vec::new();
    while numbers(&seen, &cameras[2], "status").is_empty() {
        seen.push(client.next().await);
    }
    assert_eq!(numbers(&seen, &cameras[1], "status"), [0_u64; 0], "what was short was never seen");
}

#[actix_rt::test]
async fn words_that_say_nothing_change_nothing() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = subscribed(&simulator).await;
    let camera = &cameras[0];
    for word in [0, 0x1_0000, 0x17_0037] {
        assert!(simulator.set_status(camera, word));
        assert_eq!(client.next().await.1["status"], json!(word));
        let truth = &simulator.truth()[camera];
        assert_eq!((truth.word, truth.legacy.overall, truth.legacy.streaming), (word, Overall::Online, true));
    }
    assert!(simulator.set_status(camera, 0x2_0020));
    assert_eq!(simulator.truth()[camera].legacy.overall, Overall::InternetOffline);
    assert!(simulator.set_status64(camera, 0x0000_0005_0000_0020));
    let truth = &simulator.truth()[camera];
    assert_eq!((truth.legacy.overall, truth.extended.internet), (Overall::Off, Some(true)));
    assert!(simulator.change(camera, Change::On));
    assert_eq!(simulator.truth()[camera].legacy.overall, Overall::Online);
    assert!(!simulator.set_status("deadbeef", 1));
}

#[actix_rt::test]
async fn invalid_words_come_now_and_then_and_flaps_in_bursts() {
    let simulator = with_faults(&["invalid=50ms"]);
    let account = simulator.holders()[0].clone();
    let (session, _) = inside(&simulator, 0);
    let mut client = session.open(&account).await.unwrap();
    let devices = [simulator.cameras(&account), simulator.bridges(&account)].concat();
    client.subscribe(&statuses_of(&devices)).await;
    let (mut zero, mut invalid) = (false, false);
    while !zero || !invalid {
        let word = client.next().await.1["status"].as_u64().unwrap();
        zero |= word == 0;
        invalid |= word & 0x1_0000 != 0;
    }
    let simulator = with_faults(&["flaps=50ms"]);
    eventually("a device flaps", || simulator.ledger().devices.values().any(|device| device.statuses.len() >= 12))
        .await;
}

#[actix_rt::test]
async fn a_bridge_is_online_or_not_and_nothing_else() {
    let simulator = start(quiet());
    let (mut client, _, _) = connected(&simulator).await;
    let bridge = &simulator.bridges(&simulator.holders()[0])[0];
    let firsts = client.subscribe(&statuses_of([bridge])).await;
    assert_eq!(firsts[bridge], json!({ "status": 1_179_649 }));
    assert!(!simulator.change(bridge, Change::Off) && !simulator.change(bridge, Change::RecordingStarted));
    assert_eq!(simulator.truth()[bridge].legacy.overall, Overall::Online);
    assert!(simulator.change(bridge, Change::InternetLost));
    assert_eq!(client.next().await.1["status"], json!(0x2_0000));
    assert_eq!(simulator.truth()[bridge].legacy.overall, Overall::InternetOffline);
}

#[actix_rt::test]
async fn a_status_may_be_told_twice() {
    let simulator = with_faults(&["repeats"]);
    let (mut client, _, cameras) = subscribed(&simulator).await;
    simulator.flap(&cameras[0], 50);
    let words = numbers(&client.all().await, &cameras[0], "status");
    assert!(words.len() > 110 && words.windows(2).any(|pair| pair[0] == pair[1]), "{}", words.len());
}

#[actix_rt::test]
async fn the_walk_is_legal_and_ends_where_the_truth_is() {
    let simulator = start(Options { accounts: 0, cameras: 20, ..quiet() });
    let account = simulator.own_account();
    let session = crate::client::log_in(&simulator);
    let mut client = session.open(&account).await.unwrap();
    let devices = [simulator.cameras(&account), simulator.bridges(&account)].concat();
    let codes = ["EMES", "EMEE", "EMEU", "ROMS", "ROME", "RCHB", "COBC"];
    let wanted = json!({ "resource": ["status", "status64", "event"], "event": codes });
    let mut last: BTreeMap<String, Value> = client.subscribe(&request(&devices, &wanted)).await;
    simulator.emit(3000);
    let told = client.all().await;
    assert!(told.len() >= 3000);
    let mut moving: BTreeMap<String, Value> = BTreeMap::new();
    let (mut motions, mut heartbeats) = (0, 0);
    for (esn, told) in told {
        if let Some(word) = told["status"].as_u64() {
            assert!(word != 0 && word & 0x1_0000 == 0);
            assert_ne!(last[&esn]["status"], told["status"], "a change of nothing");
            // What streams is on and registered, what records streams.
            assert!(word & STREAMING == 0 || word & (ON | REGISTERED) == ON | REGISTERED, "{word:x}");
            assert!(word & RECORDING == 0 || word & STREAMING != 0, "{word:x}");
            last.insert(esn.clone(), told.clone());
        }
        let event = &told["event"];
        if let Some(start) = event.get("EMES") {
            assert!(moving.insert(esn.clone(), start["eventid"].clone()).is_none(), "it was moving");
            motions += 1;
        } else if let Some(beat) = event.get("EMEU") {
            assert_eq!(moving[&esn], beat["eventid"]);
            heartbeats += 1;
        } else if let Some(end) = event.get("EMEE") {
            assert_eq!(moving.remove(&esn), Some(end["eventid"].clone()), "each end has its start");
        }
    }
    assert!(motions > 50 && heartbeats > 10, "{motions} {heartbeats}");
    for (esn, truth) in simulator.truth() {
        assert_eq!(last[&esn]["status"], json!(truth.word));
        assert_eq!(last[&esn]["status64"], json!(truth.word64));
    }
}

#[test]
fn a_bridge_of_the_walk_takes_its_cameras_with_it() {
    let simulator = start(Options { cameras: 20, ..quiet() });
    let (session, _) = inside(&simulator, 0);
    let rows = session.devices();
    let (mut lost, mut back) = (false, false);
    for _ in 0..500 {
        simulator.emit(20);
        let truth = simulator.truth();
        let reached = |esn: &str| truth[esn].extended.internet == Some(true);
        let pairs = rows.iter().filter(|row| row[3] == "camera").map(|row| (row[1].as_str(), row[4][0][0].as_str()));
        for (camera, bridge) in pairs.map(|(camera, bridge)| (camera.unwrap(), bridge.unwrap())) {
            back |= lost && reached(camera) && reached(bridge);
            lost |= !reached(bridge);
            assert!(reached(bridge) || !reached(camera));
        }
    }
    assert!(lost && back);
}

#[actix_rt::test]
async fn only_events_that_were_asked_for_are_told() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = connected(&simulator).await;
    client.subscribe(&request(&cameras[..1], &events(&["EMES"]))).await;
    for code in ["EMES", "EMEE", "RCON"] {
        assert!(simulator.emit_one(&cameras[0], code).is_some());
    }
    simulator.change(&cameras[0], Change::Off);
    let told = client.all().await;
    assert_eq!(told.len(), 1);
    assert!(told[0].1["event"].get("EMES").is_some() && told[0].1.get("status").is_none());
    assert!(simulator.emit_one(&cameras[0], "motion").is_none() && simulator.emit_one("deadbeef", "EMES").is_none());
}

#[actix_rt::test]
async fn the_rate_of_the_options_is_kept() {
    let simulator = start(Options { rate: 200.0, ..quiet() });
    let (mut client, _, cameras) = subscribed(&simulator).await;
    let began = std::time::Instant::now();
    let (before, mut told) = (simulator.counters().happened, 0);
    while began.elapsed() < Duration::from_secs(1) {
        client.next().await;
        told += 1;
    }
    let happened = simulator.counters().happened - before;
    // A change brings its events, so that more happens than was asked for.
    assert!((150..1000).contains(&happened) && told > 10, "{happened} {told} {}", cameras.len());
}

#[test]
fn what_happens_is_told_in_the_vms_own_words() {
    let simulator = start(quiet());
    let camera = simulator.cameras(&simulator.holders()[0])[0].clone();
    let happenings = simulator.happenings(100);
    simulator.change(&camera, Change::RecordingStarted);
    simulator.change(&camera, Change::InternetLost);
    simulator.change(&camera, Change::InternetBack);
    simulator.change(&camera, Change::PasswordNeeded);
    simulator.change(&camera, Change::Off);
    let words: Vec<String> = happenings.try_iter().map(|happening| happening.words).collect();
    assert_eq!(
        words,
        [
            "Kitchen Camera: Recording",
            "Kitchen Camera: Internet Offline",
            "Kitchen Camera: Recording Stopped",
            "Kitchen Camera: Online",
            "Kitchen Camera: Password Needed",
            "Kitchen Camera: Off",
        ]
    );
}
