//! What can go wrong.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};
use watchpost::simulator::vxg::{Fault, FaultKind, Options, Simulator};

use crate::client::{
    CAMERA, EVENTS, SILENCE, acc, at, caller, eventually, group, ids, licence, parse, quick, start, with_faults,
};

fn with_rows(faults: &[&str], count: u64) -> (Simulator, Vec<i64>) {
    let simulator = with_faults(faults);
    let made = (0..count).map(|n| simulator.happen(CAMERA, "motion", at(n), Value::Null).unwrap()).collect();
    (simulator, made)
}

#[test]
fn a_call_is_refused_as_often_as_said_and_no_other() {
    let simulator = start(quick());
    let (own, owner) = (acc(&simulator), licence(&simulator));
    let types = format!("/api/v2/cameras/{CAMERA}/event_processing/events/");
    let event = simulator.happen_now(CAMERA, "audio_event").unwrap();
    let refused = |fault: &str, ask: &dyn Fn() -> u16, status: u16| {
        simulator.inject(parse(&format!("{fault}={status}:2")));
        assert_eq!(ask(), status, "{fault}");
        assert_eq!(ask(), status, "{fault}");
        assert!(ask() < 300, "{fault}");
        assert_eq!(simulator.counters().struck(fault), 2);
    };
    refused("rest", &|| own.get(EVENTS).status, 401);
    refused("events", &|| own.get(EVENTS).status, 504);
    refused("event", &|| own.get(&format!("{EVENTS}{event}/")).status, 500);
    refused("create", &|| own.create("motion", "2021-09-23T16:30:00").status, 503);
    refused("tags", &|| own.post(&format!("{EVENTS}{event}/meta/"), json!({ "tag": "a", "data": "b" })).status, 502);
    refused("types", &|| own.get(&types).status, 403);
    let body = json!({ "time": "2021-09-23T16:30:00" });
    refused("trigger", &|| own.post(&format!("{types}audio_event/trigger/"), body.clone()).status, 503);
    refused("channels", &|| owner.get("/api/v5/channels/").status, 500);
    refused("camera", &|| own.get(&format!("/api/v2/cameras/{CAMERA}/")).status, 503);
    refused("down", &|| own.get(EVENTS).status, 502);
    simulator.inject(parse("no-channels=1"));
    assert_eq!(owner.fetch("/api/v5/channels/")["objects"], json!([]));
    assert_eq!(owner.fetch("/api/v5/channels/")["meta"]["total_count"], 4);
}

#[test]
fn hiccups_are_of_four_kinds() {
    let simulator = with_faults(&["hiccups=100"]);
    let caller = acc(&simulator);
    let mut statuses: Vec<u16> = (0..8).map(|_| caller.get(EVENTS).status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [500, 500, 502, 502, 503, 503, 504, 504]);
    simulator.inject(parse("hiccups=0"));
    assert_eq!(caller.get(EVENTS).status, 200);
}

#[test]
fn too_many_requests_tell_when_to_come_back_or_not() {
    let simulator = start(Options { retry_after: Duration::from_secs(7), ..quick() });
    let caller = acc(&simulator);
    simulator.inject(parse("too-many=1"));
    let answer = caller.get(EVENTS);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
    simulator.inject(parse("too-many-date=1"));
    assert!(caller.get(EVENTS).header("retry-after").unwrap().ends_with(" GMT"));
    simulator.inject(parse("too-many-bare=1"));
    let answer = caller.get(EVENTS);
    assert_eq!((answer.status, answer.header("retry-after")), (429, None));
    assert_eq!(caller.get(EVENTS).status, 200);
    simulator.inject(parse("per-minute=6"));
    assert_eq!([(); 3].map(|()| caller.get(EVENTS).status), [200, 200, 429]);
    assert_eq!(simulator.last_minute()["events"], 7);
    simulator.clear(FaultKind::PerMinute);
    assert_eq!(caller.get(EVENTS).status, 200);
}

#[test]
fn an_answer_can_be_slow_cut_missing_or_a_reset() {
    let (simulator, _) = with_rows(&["slow=150ms"], 3);
    let caller = acc(&simulator);
    let begun = Instant::now();
    assert_eq!(caller.get(EVENTS).status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    simulator.clear(FaultKind::Slow);
    simulator.inject(parse("cut=1"));
    let answer = caller.get(EVENTS);
    assert!(answer.status == 200 && !answer.whole && !answer.bytes.is_empty(), "{answer:?}");
    simulator.inject(parse("reset=1"));
    let answer = caller.get(EVENTS);
    assert_eq!((answer.status, answer.broken.map(|error| error.kind())), (0, Some(ErrorKind::ConnectionReset)));
    simulator.inject(parse("hang=1"));
    let mut socket = TcpStream::connect(simulator.address()).unwrap();
    socket.set_read_timeout(Some(SILENCE)).unwrap();
    socket
        .write_all(
            format!(
                "GET {EVENTS} HTTP/1.1
Host: x

"
            )
            .as_bytes(),
        )
        .unwrap();
    assert_eq!(socket.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(caller.get(EVENTS).whole);
    let statuses: Vec<u16> = simulator.calls().iter().map(|call| call.status).collect();
    assert_eq!(statuses, [200, 200, 0, 0, 200]);
}

#[test]
fn errors_come_in_every_shape() {
    let simulator = start(quick());
    let stranger = caller(&simulator, "Acc", "nobody");
    assert_eq!(stranger.get(EVENTS).json(), json!({ "status": 401, "errorDetail": "Unauthorized" }));
    simulator.inject(parse("bare-errors"));
    assert_eq!(stranger.get(EVENTS).json().get("errorDetail"), None);
    simulator.inject(parse("empty-errors"));
    assert_eq!(stranger.get(EVENTS).text(), "");
    simulator.inject(parse("html-errors"));
    let answer = stranger.get(EVENTS);
    assert_eq!((answer.status, answer.header("content-type")), (401, Some("text/html")));
    simulator.inject(parse("down=502:1"));
    assert!(stranger.get(EVENTS).text().contains("<h1>502 Bad Gateway</h1>"));
}

#[test]
fn a_good_answer_can_be_of_another_kind() {
    let (simulator, _) = with_rows(&["html-200=1"], 1);
    let caller = acc(&simulator);
    assert!(caller.get(EVENTS).text().starts_with("<html>"));
    simulator.inject(parse("empty-body=1"));
    assert_eq!((caller.get(EVENTS).status, caller.get(EVENTS).bytes.is_empty()), (200, false));
    simulator.inject(parse("other-json=7"));
    for _ in 0..7 {
        let body = caller.fetch(EVENTS);
        assert!(!body["objects"].is_array(), "{body}");
    }
    simulator.inject(parse("null-objects=1"));
    assert_eq!(caller.fetch(EVENTS)["objects"], Value::Null);
    assert_eq!(caller.ids("").len(), 1);
    simulator.inject(parse("unknown-members"));
    let body = caller.events("include_meta=true");
    assert!(body["x_simulated"].is_object() && body["objects"][0]["x_simulated"].is_object());
}

#[test]
fn an_envelope_can_lie() {
    let (simulator, made) = with_rows(&["next-drops"], 30);
    let caller = acc(&simulator);
    let meta = |query: &str| caller.events(query)["meta"].clone();
    let query = "include_meta=true&include_filemeta_download=true&order_by=time";
    assert_eq!(meta(query)["next"], json!(format!("{EVENTS}?order_by=time&limit=20&offset=20")));
    simulator.inject(parse("next-forever"));
    let beyond = caller.events("offset=40");
    assert_eq!((&beyond["meta"]["next"], ids(&beyond)), (&json!(format!("{EVENTS}?limit=20&offset=60")), vec![]));
    simulator.inject(parse("next-never"));
    assert_eq!(meta("")["next"], Value::Null);
    simulator.inject(parse("total-large=7"));
    assert_eq!(meta("")["total_count"], 37);
    simulator.clear(FaultKind::TotalLarge);
    simulator.inject(parse("total-small=40"));
    assert_eq!(meta("")["total_count"], 0);
    simulator.inject(parse("total-absent"));
    assert_eq!(meta("").get("total_count"), None);
    simulator.inject(parse("no-meta"));
    assert_eq!(caller.events("").get("meta"), None);
    simulator.inject(parse("out-of-order"));
    let mut told = caller.ids("limit=30");
    assert_ne!(told, made);
    told.sort_unstable();
    assert_eq!(told, made);
}

#[test]
fn rows_drift_between_pages() {
    let (simulator, made) = with_rows(&[], 6);
    let caller = acc(&simulator);
    let query = |offset: usize| format!("order_by=time&limit=3&offset={offset}");
    simulator.inject(parse("drift-insert=1"));
    assert_eq!(caller.ids(&query(0)), made[..3]);
    assert_eq!(caller.ids(&query(3)), made[2..5], "the third is told twice");
    let added = *simulator.accepted(None).last().unwrap();
    assert_eq!(caller.ids(&query(0)), [made[0], added, made[1]]);
    simulator.inject(parse("drift-delete=1"));
    assert_eq!(caller.ids(&query(3)), made[3..], "the third was never told");
    assert_eq!(simulator.accepted(None).len(), 6);
    assert!(simulator.event(made[0]).unwrap().gone.is_some());
}

#[test]
fn thumbs_are_missing_in_three_ways() {
    let (simulator, _) = with_rows(&["no-thumb"], 3);
    let page = acc(&simulator).events("");
    let thumbs: Vec<Option<&Value>> = page["objects"].as_array().unwrap().iter().map(|row| row.get("thumb")).collect();
    assert!(thumbs.contains(&None) && thumbs.contains(&Some(&Value::Null)));
    assert!(thumbs.iter().flatten().all(|thumb| thumb.get("url").is_none()));
}

#[test]
fn rows_that_cannot_be_read_have_their_place_in_the_list() {
    let (simulator, made) = with_rows(&["odd-rows=10ms"], 2);
    eventually("there are odd rows", || simulator.listed() >= 9);
    simulator.clear(FaultKind::OddRows);
    let rows = group(&simulator).events("limit=100")["objects"].as_array().unwrap().clone();
    assert_eq!(rows.len(), simulator.listed());
    assert!(rows.contains(&Value::Null) && rows.contains(&json!({})));
    assert_eq!(simulator.accepted(None), made);
    assert_eq!(simulator.counters().happened, 2);
}

#[test]
fn a_window_can_be_poisoned_for_good() {
    let (simulator, made) = with_rows(&[], 30);
    let caller = acc(&simulator);
    let window = |from: u64, to: u64| {
        let query = format!("{EVENTS}?start={}&end={}", Simulator::text(at(from)), Simulator::text(at(to)));
        caller.get(&query).status
    };
    simulator.poison_window(at(10), at(12));
    assert_eq!(
        [window(0, 9), window(0, 10), window(12, 20), window(13, 20), window(11, 11)],
        [200, 500, 500, 200, 500]
    );
    assert_eq!(caller.get(EVENTS).status, 500);
    simulator.heal();
    simulator.poison_event(made[5]);
    assert_eq!([window(0, 4), window(0, 5), window(6, 9)], [200, 500, 200]);
    assert_eq!(caller.get(&format!("{EVENTS}?limit=5")).status, 200);
    assert_eq!(caller.get(&format!("{EVENTS}{}/", made[5])).status, 500);
    simulator.heal();
    simulator.inject(parse("poison=1m"));
    assert_eq!([window(0, 29), caller.get(EVENTS).status], [200, 500]);
    let open = format!("{EVENTS}?start={}", Simulator::text(simulator.now() + Duration::from_secs(60)));
    assert_eq!(caller.get(&open).status, 200);
    simulator.clear(FaultKind::Poison);
    assert_eq!(caller.get(EVENTS).status, 200);
}

#[test]
fn the_clock_of_the_server_can_be_wrong() {
    let simulator = start(Options { clock: -3_600_000, ..quick() });
    let caller = acc(&simulator);
    let date = |simulator: &Simulator| {
        let told = simulator.now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let told = jiff::Timestamp::from_second(i64::try_from(told).unwrap()).unwrap();
        told.strftime("%a, %d %b %Y %H:").to_string()
    };
    assert!(caller.get(EVENTS).header("date").unwrap().starts_with(&date(&simulator)));
    assert!(simulator.now().elapsed().unwrap() > Duration::from_secs(3500));
    simulator.set_clock(7_200_000);
    assert!(caller.get(EVENTS).header("date").unwrap().starts_with(&date(&simulator)));
    let made = simulator.happen_now(CAMERA, "motion").unwrap();
    assert!(simulator.event(made).unwrap().time > SystemTime::now() + Duration::from_secs(7000));
    simulator.inject(parse("wrong-date=-2h"));
    let (ours, told) = (date(&simulator), caller.get(EVENTS).header("date").unwrap().to_owned());
    assert!(
        !told.starts_with(&ours) && simulator.event(made).unwrap().time > SystemTime::now() + Duration::from_secs(7000)
    );
    simulator.inject(Fault::OddDate);
    assert_eq!(caller.get(EVENTS).header("date"), Some("the day before yesterday"));
}

#[test]
fn events_arrive_late_share_their_time_or_lag_in_lists() {
    let simulator = with_faults(&["late=1h", "straggler=2"]);
    simulator.emit(10);
    let late = || {
        let hour = Duration::from_secs(3500);
        simulator
            .events()
            .iter()
            .filter(|event| event.arrived.duration_since(event.time).unwrap_or_default() > hour)
            .count()
    };
    assert_eq!((late(), simulator.counters().struck("late")), (5, 5));
    simulator.clear(FaultKind::Late);
    simulator.inject(parse("same-time=3"));
    simulator.emit(8);
    let times: Vec<SystemTime> = simulator.events()[10..].iter().map(|event| event.time).collect();
    assert!(times[..4].iter().all(|time| *time == times[0]) && times[4..].iter().all(|time| *time == times[4]));
    assert_ne!(times[0], times[4]);
    simulator.inject(parse("list-lag=100ms"));
    let made = simulator.happen_now(CAMERA, "motion").unwrap();
    let caller = group(&simulator);
    let shown = || caller.ids("limit=100").contains(&made);
    assert!(!shown());
    eventually("it is in the list", shown);
}

#[test]
fn metas_tokens_and_states_change_by_themselves() {
    let (simulator, made) = with_rows(&["meta-change=10ms", "rotate=10ms", "flap=10ms"], 1);
    let token = simulator.token(CAMERA).unwrap();
    eventually("an operator has handled the event", || {
        simulator.event(made[0]).unwrap().versions.last().unwrap().meta.get("process") == Some(&json!("processed"))
    });
    eventually("the token is another", || simulator.token(CAMERA).unwrap() != token);
    eventually("a camera is away", || {
        simulator.truth().values().any(|camera| camera.status.as_deref() == Some("inactive"))
    });
    assert!(simulator.counters().struck("flap") > 0);
}

#[test]
fn a_server_that_was_away_has_what_it_had() {
    let (simulator, made) = with_rows(&[], 2);
    simulator.pause_listening();
    assert!(TcpStream::connect(simulator.address()).is_err());
    let third = simulator.happen(CAMERA, "motion", at(9), Value::Null).unwrap();
    simulator.resume_listening().unwrap();
    assert_eq!(acc(&simulator).ids(""), [made[0], made[1], third]);
}
