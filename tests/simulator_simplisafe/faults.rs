//! What goes wrong with calls, and with everything at once.

use std::time::{Duration, Instant};

use serde_json::json;
use watchpost::simulator::simplisafe::{FaultKind, Options};

use crate::client::{
    DEADLINE, Heard, SILENCE, eventually, http, log_in, open, parse, quick, refresh, refusal, start, subscribed,
    with_faults,
};

#[test]
fn each_call_can_be_refused_so_many_times() {
    let simulator = start(quick());
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    for (fault, path) in [
        ("subscriptions", format!("/v1/users/{}/subscriptions", caller.uid)),
        ("subscriptions", format!("/v1/subscriptions/{sid}")),
        ("sensors", format!("/v1/ss3/subscriptions/{sid}/sensors")),
        ("settings", format!("/v1/ss3/subscriptions/{sid}/settings/normal")),
        ("events", format!("/v1/subscriptions/{sid}/events")),
        ("locks", format!("/v1/doorlock/{sid}")),
        ("auth-check", "/v1/api/authCheck".to_owned()),
        ("rest", format!("/v1/subscriptions/{sid}/events")),
        ("one-site", format!("/v1/subscriptions/{sid}/events")),
    ] {
        for (status, kind) in [(401, ""), (409, "SettingsInProgress"), (500, "UnknownError"), (504, "GatewayTimeout")] {
            simulator.inject(parse(&format!("{fault}={status}:2")));
            for _ in 0..2 {
                let answer = caller.get(&path);
                assert_eq!(answer.status, status, "{fault}");
                assert_eq!(answer.json()["type"].as_str().unwrap_or_default(), kind);
            }
            assert_eq!(caller.get(&path).status, 200, "{fault}");
        }
        simulator.inject(parse(&format!("{fault}=502:1")));
        assert!(caller.get(&path).text().contains("<h1>502 Bad Gateway</h1>"));
    }
    simulator.inject(parse("state=409:1"));
    let arm = || caller.ask("POST", &format!("/v1/ss3/subscriptions/{sid}/state/home"), "").status;
    assert_eq!((arm(), arm()), (409, 200));
    simulator.inject(parse("one-site"));
    assert_eq!(caller.get(&format!("/v1/subscriptions/{}/events", simulator.systems()[1])).status, 200);
}

#[test]
fn a_plan_may_not_do() {
    let simulator = with_faults(&["no-plan"]);
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    let answer = caller.get(&format!("/v1/ss3/subscriptions/{sid}/sensors"));
    assert_eq!((answer.status, answer.json()["type"].clone()), (403, json!("NoRemoteManagement")));
    assert_eq!(caller.get(&format!("/v1/subscriptions/{sid}/events")).status, 200);
}

#[actix_rt::test]
async fn a_blocked_address_gets_nothing_at_all_for_a_while() {
    let simulator = start(quick());
    let (mut client, caller) = subscribed(&simulator).await;
    simulator.block(Duration::from_millis(400));
    let answer = caller.get("/v1/api/authCheck");
    assert_eq!((answer.status, answer.header("content-type")), (403, Some("text/html")));
    assert!(answer.text().starts_with("<html>"));
    assert_eq!(refresh(&simulator, &simulator.refresh_token()).status, 403);
    assert_eq!(http(simulator.address(), "GET", "/", &[], "").status, 403);
    assert_eq!(refusal(open(&simulator).await), 403);
    simulator.happen(simulator.systems()[0], 1602, None);
    assert_eq!(client.cid().await, 1602);
    assert_eq!(simulator.counters().blocked, 4);
    eventually("it ends", || caller.get("/v1/api/authCheck").status == 200).await;
    simulator.inject(parse("block=403:1"));
    assert_eq!((caller.get("/v1/api/authCheck").status, caller.get("/v1/api/authCheck").status), (403, 200));
}

#[actix_rt::test]
async fn too_many_calls_block_the_address() {
    let simulator =
        start(Options { block_for: Duration::from_millis(300), faults: vec![parse("block-above=20")], ..quick() });
    let caller = log_in(&simulator);
    let statuses: Vec<u16> = (0..25).map(|_| caller.get("/v1/api/authCheck").status).collect();
    assert_eq!(statuses.iter().position(|status| *status == 403), Some(19));
    assert!(statuses[19..].iter().all(|status| *status == 403));
    simulator.clear(FaultKind::BlockAbove);
    eventually("it ends", || caller.get("/v1/api/authCheck").status == 200).await;
}

#[actix_rt::test]
async fn everything_can_be_down() {
    let simulator = start(quick());
    let caller = log_in(&simulator);
    for status in [502, 503] {
        simulator.inject(parse(&format!("down={status}:2")));
        assert_eq!(caller.get("/v1/api/authCheck").status, status);
        assert_eq!(refusal(open(&simulator).await), status);
        assert_eq!(caller.get("/v1/api/authCheck").status, 200);
    }
    simulator.inject(parse("hiccups=50"));
    let statuses: Vec<u16> = (0..60).map(|_| caller.get("/v1/api/authCheck").status).collect();
    for status in [200, 500, 502, 504] {
        assert!(statuses.contains(&status), "{status}");
    }
}

#[test]
fn answers_can_be_slow_or_garbage_or_empty() {
    let simulator = start(quick());
    let (caller, sid) = (log_in(&simulator), simulator.systems()[0]);
    simulator.inject(parse("slow=200ms"));
    let began = Instant::now();
    assert_eq!(caller.get("/v1/api/authCheck").status, 200);
    assert!(began.elapsed() >= Duration::from_millis(200));
    simulator.clear(FaultKind::Slow);
    simulator.inject(parse("slow-force=200ms"));
    let began = Instant::now();
    caller.get(&format!("/v1/ss3/subscriptions/{sid}/sensors?forceUpdate=true"));
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(simulator.calls().last().unwrap().forced);
    simulator.clear(FaultKind::SlowForce);
    simulator.inject(parse("garbage-body"));
    let answer = caller.get("/v1/api/authCheck");
    assert!(answer.status == 200 && serde_json::from_slice::<serde_json::Value>(&answer.bytes).is_err());
    simulator.clear(FaultKind::GarbageBody);
    simulator.inject(parse("empty-body"));
    let answer = caller.get("/v1/api/authCheck");
    assert_eq!((answer.status, answer.bytes.len()), (200, 0));
}

#[test]
fn answers_can_be_missing() {
    let simulator = start(quick());
    let caller = log_in(&simulator);
    simulator.inject(parse("hang"));
    let waiting = std::thread::spawn(move || caller.get("/v1/api/authCheck").status);
    std::thread::sleep(SILENCE);
    assert!(!waiting.is_finished());
    simulator.clear(FaultKind::Hang);
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
fn it_may_talk_to_browsers_only() {
    let simulator = with_faults(&["browser-only"]);
    assert_eq!(refresh(&simulator, &simulator.refresh_token()).status, 403);
    let browser = [("User-Agent", "Mozilla/5.0 (Macintosh)")];
    assert_eq!(http(simulator.address(), "GET", "/v1/api/authCheck", &browser, "").status, 401);
}

#[actix_rt::test]
async fn sockets_break_again_and_again() {
    for fault in
        ["close=50ms", "reset=50ms", "drop=50ms", "drop-tenth=50ms", "server-error=50ms", "drop-after-subscribe"]
    {
        let simulator = start(quick());
        let (mut client, caller) = subscribed(&simulator).await;
        simulator.inject(parse(fault));
        if fault == "drop-after-subscribe" {
            client.send(&caller.identify()).await;
        }
        client.end().await;
        eventually("it is gone", || simulator.counters().sockets_open == 0).await;
    }
    for fault in ["half-open=50ms", "stall=50ms"] {
        let simulator = start(quick());
        let (mut client, _) = subscribed(&simulator).await;
        simulator.inject(parse(fault));
        eventually("it is lost", || simulator.counters().sockets_subscribed == 0).await;
        simulator.happen(simulator.systems()[0], 1602, None);
        assert!(client.is_silent().await, "{fault}");
    }
}

#[actix_rt::test]
async fn an_error_is_said_before_the_server_ends_the_sockets() {
    let simulator = start(quick());
    let (mut client, _) = subscribed(&simulator).await;
    simulator.inject(parse("server-error=20ms"));
    let Heard::Frame(error) = client.hear(DEADLINE).await else { panic!("no error") };
    assert_eq!(error["type"], "com.simplisafe.service.error");
    client.end().await;
}
