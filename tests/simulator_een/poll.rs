//! Subscriptions: who may listen to what, and what comes first.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost::simulator::een::{Change, FaultKind, Options, Simulator};

use crate::client::{
    Client, Session, events, http, inside, log_in, open, parse, quiet, refusal, request, start, statuses_of,
    with_faults,
};

/// A client inside the first sub-account, with a socket.
pub(crate) async fn connected(simulator: &Simulator) -> (Client, Session, Vec<String>) {
    let (session, account) = inside(simulator, 0);
    let client = session.open(&account).await.expect("the upgrade");
    (client, session, simulator.cameras(&account))
}

/// The same, subscribed to the statuses of the cameras.
pub(crate) async fn subscribed(simulator: &Simulator) -> (Client, Session, Vec<String>) {
    let (mut client, session, cameras) = connected(simulator).await;
    client.subscribe(&statuses_of(&cameras)).await;
    (client, session, cameras)
}

fn error(told: &Value) -> Option<u64> {
    told["error"][0]["status_code"].as_u64()
}

#[actix_rt::test]
async fn first_answers_tell_the_present_state_one_entity_a_frame_in_no_order() {
    let simulator = start(Options { cameras: 30, ..quiet() });
    let (mut client, _, cameras) = connected(&simulator).await;
    assert!(simulator.change(&cameras[3], Change::Off));
    client.send(&statuses_of(&cameras)).await;
    let mut order = Vec::new();
    for _ in &cameras {
        let (esn, told) = client.next().await;
        assert_eq!(told, json!({ "status": simulator.truth()[&esn].word }));
        order.push(esn);
    }
    assert!(client.frames.iter().all(|entities| *entities == 1));
    assert_ne!(order, cameras);
    order.sort_unstable();
    assert_eq!(order, cameras);
    assert!(client.is_silent().await, "only changes follow");
}

#[actix_rt::test]
async fn many_entities_can_be_in_one_frame() {
    for (fault, frames) in [("one-frame", vec![12]), ("several=5", vec![5, 5, 2])] {
        let simulator = start(Options { cameras: 12, faults: vec![parse(fault)], ..quiet() });
        let (client, _, _) = subscribed(&simulator).await;
        assert_eq!(client.frames, frames, "{fault}");
    }
}

#[actix_rt::test]
async fn later_requests_add_and_change_and_drops_end() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = connected(&simulator).await;
    client.subscribe(&statuses_of(&cameras[..1])).await;
    client.subscribe(&statuses_of(&cameras[1..2])).await;
    for camera in &cameras[..3] {
        assert!(simulator.change(camera, Change::RecordingStarted));
    }
    let told: Vec<String> = client.all().await.into_iter().map(|(esn, _)| esn).collect();
    assert_eq!(told, cameras[..2], "the third was not asked for");
    let firsts = client.subscribe(&request(&cameras[..1], &json!({ "resource": ["status64"] }))).await;
    assert!(firsts[&cameras[0]].get("status").is_none(), "the later request replaces the earlier");
    client.send(&json!({ "drop": { "cameras": [cameras[1], cameras[3]], "keys": [] } })).await;
    let (dropped, told) = client.next().await;
    assert_eq!((dropped, error(&told)), (cameras[1].clone(), Some(410)));
    assert_eq!(told["error"][0]["message"], "dropped");
    let (unknown, told) = client.next().await;
    assert_eq!((unknown, error(&told)), (cameras[3].clone(), Some(404)));
    for camera in &cameras {
        simulator.change(camera, Change::Off);
    }
    let told: Vec<String> = client.all().await.into_iter().map(|(esn, _)| esn).collect();
    assert_eq!(told, cameras[..1]);
}

/// What has to be escaped comes back as it was.
const NO_ESN: &str = "no \"esn\" \\ \n";

#[actix_rt::test]
async fn an_entity_that_fails_does_not_harm_the_others() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = connected(&simulator).await;
    let foreign = simulator.cameras(&simulator.holders()[1])[0].clone();
    let asked = [cameras[0].clone(), foreign.clone(), "09999999".to_owned(), NO_ESN.to_owned()];
    let firsts = client.subscribe(&statuses_of(&asked)).await;
    assert_eq!(firsts["09999999"], json!({ "error": [{ "status_code": 404, "message": "resolve invalid" }] }));
    assert_eq!((error(&firsts[&foreign]), error(&firsts[NO_ESN])), (Some(401), Some(404)));
    assert_eq!(firsts[&cameras[0]], json!({ "status": 1_441_847 }));
    simulator.change(&foreign, Change::Off);
    simulator.change(&cameras[0], Change::Off);
    assert_eq!(client.all().await.len(), 1);
}

#[actix_rt::test]
async fn a_shared_camera_may_be_listened_to_from_both_accounts() {
    let simulator = start(Options::default());
    let (mut client, session, _) = connected(&simulator).await;
    let rows = session.devices();
    let shared = rows.iter().find(|row| row[15] == 1).unwrap()[1].as_str().unwrap().to_owned();
    assert!(client.subscribe(&statuses_of([&shared])).await[&shared]["status"].is_u64());
    let (owner, account) = inside(&simulator, 1);
    let mut other = owner.open(&account).await.unwrap();
    other.subscribe(&statuses_of([&shared])).await;
    simulator.change(&shared, Change::Off);
    assert_eq!((client.next().await.0, other.next().await.0), (shared.clone(), shared));
}

#[actix_rt::test]
async fn requests_that_are_none_are_refused_whole_and_change_nothing() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = subscribed(&simulator).await;
    let esn = &cameras[0];
    for text in ["garbage", "[]", "7", "{}", r#"{"cameras":[]}"#, r#"{"drop":{}}"#] {
        client.say(text).await;
        let failure = client.failure().await;
        assert_eq!((&failure["status_code"], &failure["data"]), (&json!(400), &json!({})), "{text}");
    }
    client.say("[]").await;
    assert_eq!(client.failure().await["message"], "JSON request must be a JSON object");
    for wanted in [
        json!({}),
        json!({ "resource": "status" }),
        json!({ "resource": [7] }),
        json!({ "resource": ["preview"] }),
        json!({ "resource": ["event"] }),
        json!({ "resource": ["status"], "event": ["EMES"] }),
        json!({ "resource": ["event"], "event": ["motion"] }),
    ] {
        client.send(&request([esn], &wanted)).await;
        let failure = client.failure().await;
        assert_eq!(
            (&failure["status_code"], &failure["message"]),
            (&json!(400), &json!("Invalid resource")),
            "{wanted}"
        );
    }
    simulator.change(esn, Change::Off);
    assert_eq!(client.next().await.0, *esn, "the subscription from before is as it was");
    assert!(simulator.counters().refused_messages > 10);
}

#[actix_rt::test]
async fn unknown_resources_can_be_ignored() {
    let simulator = with_faults(&["lax-resources"]);
    let (mut client, _, cameras) = connected(&simulator).await;
    let firsts = client.subscribe(&request(&cameras, &json!({ "resource": ["preview", "status"] }))).await;
    assert!(firsts.values().all(|told| told["status"].is_u64()));
}

#[actix_rt::test]
async fn a_status_can_be_had_in_every_form() {
    let simulator = start(quiet());
    let (mut client, _, cameras) = connected(&simulator).await;
    let names = ["status", "status64", "status_hex", "status_hex64", "status_masked", "pre", "thumb", "video"];
    let firsts = client.subscribe(&request(&cameras[..1], &json!({ "resource": names }))).await;
    let told = &firsts[&cameras[0]];
    assert_eq!((&told["status"], &told["status_masked"]), (&json!(1_441_847), &json!(1_441_847)));
    assert_eq!((&told["status_hex"], &told["status64"]), (&json!("00160037"), &json!(0x17_0016_0037_u64)));
    assert_eq!(told["status_hex64"], json!("0000001700160037"));
    assert_eq!((told["pre"].as_str().unwrap().len(), &told["thumb"]), (18, &told["pre"]));
    assert!(told.get("video").is_none(), "nothing is recorded");
    simulator.change(&cameras[0], Change::RecordingStarted);
    let (_, told) = client.next().await;
    assert_eq!(told["status_hex"], json!("001e003f"));
    let (session, account) = inside(&simulator, 0);
    let mut second = session.open(&account).await.unwrap();
    let firsts = second.subscribe(&request(&cameras[..1], &json!({ "resource": ["video"] }))).await;
    assert_eq!(firsts[&cameras[0]]["video"].as_array().unwrap().len(), 2);
}

#[actix_rt::test]
async fn the_newest_event_of_each_code_is_told_first_and_none_that_never_was() {
    let simulator = start(Options { cameras: 12, ..quiet() });
    let (mut client, _, cameras) = connected(&simulator).await;
    let codes = ["EMES", "EMEE", "RCON", "ROMS"];
    let firsts = client.subscribe(&request(&cameras, &events(&codes))).await;
    let moved = firsts.values().filter(|told| told["event"].get("EMES").is_some()).count();
    assert!((1..12).contains(&moved), "some cameras saw motion, some never did: {moved}");
    for told in firsts.values() {
        let known = told["event"].as_object().unwrap();
        assert!(known.contains_key("RCON") && !known.contains_key("ROMS"));
        let time = known["RCON"]["timestamp"].as_str().unwrap();
        assert!(*time < *watchpost_time(-20.0) && time.len() == 18, "days old: {time}");
        assert_eq!(known.contains_key("EMES"), known.contains_key("EMEE"));
        if let Some(start) = known.get("EMES") {
            assert_eq!(start["eventid"], known["EMEE"]["eventid"]);
        }
    }
    simulator.emit_one(&cameras[0], "ROMS").unwrap();
    let (_, told) = client.next().await;
    let live = told["event"]["ROMS"].clone();
    assert!(live["roiid"].is_i64() && live["eventid"].is_i64());
    let (session, account) = inside(&simulator, 0);
    let mut later = session.open(&account).await.unwrap();
    let firsts = later.subscribe(&request(&cameras[..1], &events(&["ROMS"]))).await;
    assert_eq!(firsts[&cameras[0]]["event"]["ROMS"], live, "the same is told to who comes later");
}

/// A time that many hours from now, as the API writes it.
fn watchpost_time(hours: f64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let then = jiff::Timestamp::from_second((now + hours * 3600.0) as i64).unwrap();
    format!("{}.000", then.strftime("%Y%m%d%H%M%S"))
}

#[actix_rt::test]
async fn ids_are_signed_so_that_some_are_negative() {
    let simulator = start(Options { cameras: 12, ..quiet() });
    let (mut client, _, cameras) = connected(&simulator).await;
    let firsts = client.subscribe(&request(&cameras, &events(&["RCON"]))).await;
    let ids: Vec<i64> = firsts.values().map(|told| told["event"]["RCON"]["registerid"].as_i64().unwrap()).collect();
    assert!(ids.iter().any(|id| *id < 0) && ids.iter().any(|id| *id > 0), "{ids:?}");
}

#[actix_rt::test]
async fn accounts_tell_of_devices_and_logins() {
    let simulator = start(quiet());
    let (session, account) = inside(&simulator, 0);
    let mut client = session.open(&account).await.unwrap();
    let own = simulator.own_account();
    let firsts = client.subscribe(&request([&account], &events(&["AEDC", "AEDD", "AEDH"]))).await;
    assert_eq!(firsts[&account], json!({}), "nothing to tell yet");
    client.subscribe(&request([&own], &events(&["AELI", "AEAC", "AEAD"]))).await;
    let camera = simulator.add_camera(&account).unwrap();
    let (esn, told) = client.next().await;
    assert_eq!((esn, &told["event"]["AEDC"]["deviceid"]), (account.clone(), &json!(camera)));
    client.subscribe(&request([&camera], &json!({ "resource": ["status", "event"], "event": ["AEDD", "AEDH"] }))).await;
    simulator.rename_camera(&camera, "Vault");
    assert_eq!([client.next().await.0, client.next().await.0], [account.clone(), camera.clone()]);
    simulator.remove_camera(&camera);
    let told = client.all().await;
    assert_eq!(told.iter().filter(|(_, told)| told["event"]["AEDD"]["deviceid"] == json!(camera)).count(), 2);
    assert_eq!((&told[2].0, error(&told[2].1)), (&camera, Some(404)), "and then it can no longer be resolved");
    log_in(&simulator);
    let shop = simulator.add_account("Corner Shop", 1);
    simulator.close_account(&shop);
    let told = client.all().await;
    let has = |code: &str| told.iter().any(|(esn, told)| *esn == own && told["event"].get(code).is_some());
    assert!(has("AELI") && has("AEAC") && has("AEAD"), "{told:?}");
}

#[actix_rt::test]
async fn entities_can_be_refused_limited_late_or_never_answered() {
    let simulator = start(Options { cameras: 10, ..quiet() });
    simulator.inject(parse("entity-error=410:3"));
    let (mut client, session, cameras) = connected(&simulator).await;
    let firsts = client.subscribe(&statuses_of(&cameras)).await;
    assert_eq!(firsts.values().filter(|told| error(told) == Some(410)).count(), 3);

    simulator.inject(parse("max-entities=4"));
    let mut client = session.open("any").await.unwrap();
    let firsts = client.subscribe(&statuses_of(&cameras)).await;
    assert_eq!(firsts.values().filter(|told| error(told) == Some(400)).count(), 6);
    simulator.clear(FaultKind::MaxEntities);

    simulator.inject(parse("slow-first=300ms"));
    let mut client = session.open("any").await.unwrap();
    let asked = Instant::now();
    client.send(&statuses_of(&cameras)).await;
    simulator.change(&cameras[0], Change::Off);
    let firsts = client.firsts(10).await;
    assert!(asked.elapsed() >= Duration::from_millis(250));
    assert_eq!(firsts[&cameras[0]]["status"], json!(simulator.truth()[&cameras[0]].word), "the state as it is then");
    simulator.clear(FaultKind::SlowFirst);

    assert!(simulator.mute(&cameras[1], true));
    let mut client = session.open("any").await.unwrap();
    client.send(&statuses_of(&cameras)).await;
    let firsts = client.firsts(9).await;
    simulator.change(&cameras[1], Change::Off);
    assert!(!firsts.contains_key(&cameras[1]) && client.is_silent().await);
    simulator.mute(&cameras[1], false);
    assert_eq!(client.next().await.0, cameras[1]);

    simulator.inject(parse("never-answers=1"));
    let mut client = session.open("any").await.unwrap();
    client.send(&statuses_of(&cameras)).await;
    assert!(client.is_silent().await);
}

#[actix_rt::test]
async fn an_entity_with_nothing_to_tell_may_be_left_out() {
    let simulator = with_faults(&["empty-unanswered"]);
    let (mut client, _, cameras) = connected(&simulator).await;
    client.send(&request(&cameras, &events(&["COBC"]))).await;
    assert!(client.all().await.is_empty());
    simulator.emit_one(&cameras[0], "COBC").unwrap();
    assert_eq!(client.next().await.0, cameras[0]);
}

#[actix_rt::test]
async fn a_socket_needs_a_session_by_cookie_or_by_a() {
    let simulator = start(quiet());
    let (session, account) = inside(&simulator, 0);
    let path = format!("/api/v2/Device/{account}/Events");
    let client = session.open(&account).await.unwrap();
    assert_eq!(client.poll_cookie.strip_prefix("ee-ws-poll-ses=").unwrap().len(), 12);
    assert!(open(simulator.address(), &format!("{path}?A={};", session.id), None).await.is_ok());
    assert_eq!(refusal(open(simulator.address(), &path, None).await), 401);
    assert_eq!(refusal(open(simulator.address(), &path, Some("auth_key=c001~0")).await), 401);
    assert_eq!(session.get(&path).status, 400, "no handshake");
    assert_eq!(session.get("/api/v2/device/1/Events").status, 404, "case matters");
    let calls = simulator.calls();
    let upgrades: Vec<_> = calls.iter().filter(|call| call.endpoint == "ws").collect();
    assert_eq!(upgrades.iter().map(|call| call.status).collect::<Vec<_>>(), [101, 101, 401, 401, 400]);
    assert_eq!(upgrades[0].cookie.as_deref(), Some(session.id.as_str()));
    assert_eq!(upgrades[1].a.as_deref(), Some(session.id.as_str()));
    assert_eq!(upgrades[3].cookie.as_deref(), Some("c001~0"));
}

#[actix_rt::test]
async fn a_bad_session_may_be_told_by_a_message() {
    let simulator = with_faults(&["auth-by-message"]);
    let mut client = open(simulator.address(), "/api/v2/Device/00004206/Events", None).await.unwrap();
    assert_eq!(client.failure().await, json!({ "status_code": 401, "message": "Access denied", "data": {} }));
    client.send(&statuses_of([&"00004206".to_owned()])).await;
    assert_eq!(client.failure().await["status_code"], 401);
}

#[actix_rt::test]
async fn the_account_in_the_path_is_a_hint_unless_it_is_not() {
    let simulator = start(quiet());
    let (session, account) = inside(&simulator, 0);
    let cameras = simulator.cameras(&account);
    for path in [simulator.own_account(), "whatever".to_owned()] {
        let mut client = session.open(&path).await.unwrap();
        assert!(client.subscribe(&statuses_of(&cameras)).await.values().all(|told| told["status"].is_u64()));
    }
    simulator.inject(parse("strict-path"));
    assert_eq!(refusal(session.open(&simulator.own_account()).await), 404);
    assert!(session.open(&account).await.is_ok());
}

#[test]
fn the_poll_service_is_a_websocket_only() {
    let simulator = start(quiet());
    assert_eq!(http(simulator.address(), "POST", "/poll", &[], "{}").status, 404);
}
