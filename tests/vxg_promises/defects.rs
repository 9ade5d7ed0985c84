//! What VXG's published clients, and those of others, get wrong, each provable: one test for each, in which they fail.

use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_rustls::rustls;
use watchpost::actors::messages::{CommandError, TriggerEvent};
use watchpost::simulator::vxg::{Fault, Options, Scheme};

use crate::cloud::{By, Cloud, YARD, options};
use crate::common::{DEADLINE, MS, SECOND, block_on, eventually, pace, parallel};

#[test]
fn d1_the_start_advances_so_that_the_eleventh_event_is_seen_as_well() {
    let cloud = Cloud::online(Options { faults: vec![Fault::LimitCap(10)], ..options() }, By::Group);
    for _ in 0..5 {
        cloud.sim.emit(10);
        pace(700 * MS);
    }
    cloud.settle();
    let lists = cloud.lists(0);
    let starts: Vec<_> = lists.iter().filter_map(|call| call.query("start")).collect();
    assert!(starts.first() < starts.last(), "{starts:?}");
    let is_ordered = |call: &&watchpost::simulator::vxg::Call| call.query("order_by").is_some();
    assert_eq!(lists.iter().filter(is_ordered).count(), lists.len(), "the default order is not documented");
}

#[test]
fn d2_the_envelope_of_a_list_is_in_its_meta_and_every_page_is_read() {
    let cloud = Cloud::online(Options { faults: vec![Fault::LimitCap(10)], ..options() }, By::Group);
    // All of one moment, so that there is no other way than by pages.
    let time = cloud.sim.now();
    for nth in 0..95 {
        cloud.sim.happen(cloud.sim.cameras()[nth % 4], "motion", time, Value::Null).unwrap();
    }
    cloud.settle();
    assert!(cloud.lists(0).iter().any(|call| call.query("offset").is_some_and(|offset| offset != "0")));
}

#[test]
fn d3_times_without_a_zone_are_utc_whatever_zone_the_machine_is_in() {
    let sim = watchpost::simulator::vxg::Simulator::start(options()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = format!(
        "[[connection]]\nname = \"yard\"\nvendor = \"vxg\"\nurl = \"{}\"\ntoken = {{ env = \"VXG_TOKEN\" }}\n\
         poll_every = \"100ms\"\n[engine]\nlisten = \"off\"\n[[sink]]\nname = \"out\"\nkind = \"stdout\"\n",
        sim.url()
    );
    std::fs::write(folder.path().join("watchpost.toml"), config).unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_watchpost"))
        .arg("run")
        .current_dir(folder.path())
        .env("TZ", "America/New_York")
        .env("VXG_TOKEN", sim.group_token())
        .stdout(std::fs::File::create(folder.path().join("out")).unwrap())
        .stderr(std::fs::File::create(folder.path().join("err")).unwrap())
        .spawn()
        .unwrap();
    let told = || std::fs::read_to_string(folder.path().join("out")).unwrap();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(DEADLINE, "it is online", || told().contains("\"online\""));
        let time = sim.now();
        let event = sim.happen(sim.cameras()[0], "motion", time, Value::Null).unwrap();
        eventually(DEADLINE, "it is told", || told().contains(&format!("\"id\":\"yard:{event}\"")));
        let line = told().lines().find(|line| line.contains(&format!("yard:{event}"))).unwrap().to_owned();
        let line: Value = serde_json::from_str(&line).unwrap();
        let expected: jiff::Timestamp = time.try_into().unwrap();
        let is: jiff::Timestamp = line["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(is.as_microsecond(), expected.as_microsecond());
    }));
    program.kill().unwrap();
    program.wait().unwrap();
    if done.is_err() {
        panic!("{}\n{}", told(), std::fs::read_to_string(folder.path().join("err")).unwrap());
    }
}

#[test]
fn d4_a_burst_is_told_whole_while_metas_are_edited() {
    let faults = vec![Fault::MetaChange(30 * MS)];
    let cloud = Cloud::online(Options { faults, ..options() }, By::Group);
    for _ in 0..4 {
        cloud.sim.emit(600);
        pace(200 * MS);
    }
    cloud.sim.clear(watchpost::simulator::vxg::FaultKind::MetaChange);
    cloud.settle();
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
}

#[test]
fn d5_a_next_that_lacks_flags_is_not_followed() {
    let faults = vec![Fault::NextDrops, Fault::LimitCap(5)];
    let cloud = Cloud::online(Options { faults, ..options() }, By::Group);
    let time = cloud.sim.now();
    for nth in 0..40 {
        let meta = json!({ "nth": nth.to_string() });
        cloud.sim.happen(cloud.first(), "motion", time, meta).unwrap();
    }
    cloud.settle();
    let metas = cloud.lines().iter().filter(|line| line["data"]["meta"]["nth"].is_string()).count();
    assert_eq!(metas, 40);
}

#[test]
fn d6_meta_is_asked_for_in_every_list() {
    let cloud = Cloud::online(options(), By::Group);
    let event = cloud.sim.happen(cloud.first(), "motion", cloud.sim.now(), json!({ "a": "b" })).unwrap();
    assert_eq!(cloud.wait_told(event)["data"]["meta"], json!({ "a": "b" }));
    pace(3 * SECOND);
    let is_whole = |call: &watchpost::simulator::vxg::Call| call.query("include_meta") == Some("true");
    // But for that of the login, which is about the token.
    let lists = cloud.lists(0);
    let mut lists = lists.iter().filter(|call| call.query("limit") != Some("1")).peekable();
    assert!(lists.peek().is_some() && lists.all(is_whole));
    assert_eq!(cloud.told(event).len(), 1);
}

#[test]
fn d7_an_answer_without_a_body_is_an_answer() {
    let cloud = Cloud::online(Options { faults: vec![Fault::TriggerEmpty], ..options() }, By::Group);
    let mut trigger = TriggerEvent::new(YARD.parse().unwrap(), format!("cameras/{}", cloud.first()), "audio_event");
    trigger.wait = Some(20 * SECOND);
    let done = block_on(cloud.engine().send(trigger)).unwrap().unwrap();
    let event = done.occurrence.unwrap();
    eventually(DEADLINE, "it is told", || cloud.told(event.id.parse().unwrap()).len() == 1);
}

#[test]
fn d8_a_token_without_a_camera_is_shown_as_that_of_a_group() {
    let cloud = Cloud::online(options(), By::Group);
    assert_eq!(cloud.sim.counters().schemes.keys().collect::<Vec<_>>(), [&Scheme::Si]);
    assert_eq!(cloud.sim.complaints(), []);
}

#[test]
fn d9_two_spellings_stay_two_types_and_an_alias_is_what_people_read() {
    let cloud = Cloud::online(options(), By::Group);
    let camera = cloud.first();
    let now = cloud.sim.now();
    for (name, alias, kind) in [
        ("linecross", None, "vxg.linecross"),
        ("line_crossing", None, "vxg.line_crossing"),
        ("facedetection", None, "vxg.facedetection"),
        ("yolov4_detection", Some("Fork lift"), "vxg.yolov4_detection"),
        ("Line Cross!", None, "vxg.line_cross"),
    ] {
        let event = match alias {
            Some(alias) => cloud.sim.happen_as(camera, name, alias, now, Value::Null),
            None => cloud.sim.happen(camera, name, now, Value::Null),
        };
        let line = cloud.wait_told(event.unwrap());
        assert_eq!((&line["type"], &line["typename"]), (&json!(kind), &json!(alias.unwrap_or(name))));
        assert_eq!((&line["data"]["name"], line["data"]["alias"].as_str()), (&json!(name), alias));
    }
}

#[test]
fn d10_a_trigger_that_was_taken_is_no_event_yet() {
    let cloud = Cloud::online(options(), By::Group);
    let camera = cloud.first();
    // An offline camera takes it in silence.
    cloud.sim.set_status(camera, Some("inactive"));
    let mut trigger = TriggerEvent::new(YARD.parse().unwrap(), format!("cameras/{camera}"), "audio_event");
    let asked = block_on(cloud.engine().send(trigger.clone())).unwrap().unwrap();
    assert_eq!(asked.occurrence, None);
    trigger.wait = Some(SECOND);
    let error = block_on(cloud.engine().send(trigger)).unwrap().unwrap_err();
    assert!(matches!(error, CommandError::NothingAppeared { .. }), "{error:?}");
    assert_eq!(cloud.lines().iter().filter(|line| line["type"] == "vxg.audio_event").count(), 0);
    cloud.settle();
}

#[test]
fn d11_a_certificate_that_nobody_vouches_for_gets_no_token() {
    let own = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let server = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (tries, read) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (tried, told) = (tries.clone(), read.clone());
    thread::spawn(move || {
        let server = Arc::new(server);
        for stream in listener.incoming().flatten() {
            tried.fetch_add(1, Ordering::SeqCst);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(server.clone()).unwrap(), stream);
            // Whatever is read is what the client would say to anybody.
            told.fetch_add(stream.read(&mut [0; 64]).unwrap_or(0), Ordering::SeqCst);
        }
    });
    let cloud = Cloud::with(options(), By::Group, move |config| config.url = Some(url.parse().unwrap()));
    eventually(DEADLINE, "it is tried", || tries.load(Ordering::SeqCst) > 0);
    eventually(DEADLINE, "it says why", || {
        let reason = cloud.info().status.reason.to_string().to_lowercase();
        reason.contains("certificate") || reason.contains("tls")
    });
    assert_ne!(cloud.state(), watchpost::actors::model::ConnectionState::Online);
    assert_eq!((read.load(Ordering::SeqCst), cloud.sim.calls().len()), (0, 0), "{:?}", cloud.info());
}

#[test]
fn rows_that_shift_while_they_are_read_are_neither_lost_nor_told_twice() {
    let times = watchpost::simulator::vxg::Times(Some(3));
    let trials =
        [5, 40].into_iter().flat_map(|cap| [(Fault::DriftInsert(times), cap), (Fault::DriftDelete(times), cap)]);
    let trials = trials.map(|(drift, cap)| (format!("{drift}, {cap} rows a page"), (drift, cap))).collect();
    parallel(4, trials, |(drift, cap)| {
        let faults = vec![*drift, Fault::LimitCap(*cap), Fault::SameTime(60)];
        let cloud = Cloud::online(Options { faults, ..options() }, By::Group);
        for _ in 0..6 {
            cloud.sim.emit(70);
            pace(150 * MS);
        }
        cloud.settle();
        assert_eq!(cloud.gaps(), Vec::<Value>::new());
    });
}
