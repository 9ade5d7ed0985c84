//! What other clients of this API fall into, Milestone's samples among them: one test for each, in which they fail.
//!
//! `docs/vendors/milestone.md` lists them all, with those that other files hold to.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use tokio_rustls::rustls;
use watchpost::actors::model::ConnectionState;
use watchpost::actors::vendors::milestone::config::{Modifier, Selection};
use watchpost::simulator::milestone::{DropHow, FaultKind, Options, Simulator};

use crate::breaks::walking;
use crate::common::{DEADLINE, MS, Plan, Rig, SECOND, eventually, everything, options, pace, raw_lines};
use crate::names::all_named;

fn with(faults: &[&str]) -> Options {
    Options { faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(), ..options() }
}

/// Takes its time, so that a busy machine is not taken for a dead server.
fn patient(faults: &[&str]) -> Plan {
    Plan::new(with(faults)).connection(|connection| {
        connection.common.dead_after = 10 * SECOND;
        connection.common.request_timeout = 10 * SECOND;
    })
}

/// The vendor's events in the journal, by their id at the gateway.
fn told(rig: &Rig, id: &str) -> Option<Value> {
    raw_lines(&rig.store).into_iter().find(|line| line["id"] == format!("hq:{id}"))
}

#[test]
fn p1_data_that_nobody_documents_is_passed_on_as_it_came() {
    let mut rig = walking(Plan::new(with(&["big-events", "unknown-members"])), 100.0);
    let of_analytics = |rig: &Rig| rig.sim.ledger().events.into_iter().find(|event| event.data.is_some());
    eventually(DEADLINE, "an event with data", || of_analytics(&rig).is_some());
    rig.sim.clear(FaultKind::BigEvents);
    rig.settle();
    let event = of_analytics(&rig).unwrap();
    let line = told(&rig, &event.id).unwrap();
    let sent: Value = serde_json::from_str(event.data.as_deref().unwrap()).unwrap();
    assert!(sent.to_string().len() > 100_000);
    assert!(line["data"]["data"] == sent, "another than was sent");
    assert_eq!(line["data"]["hop"]["count"], 2, "members that nobody knows are kept");
}

#[test]
fn p2_the_token_is_in_the_header_of_every_upgrade() {
    let mut rig = walking(Plan::new(with(&["header-required"])), 100.0);
    rig.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 1);
    rig.settle();
    let counters = rig.sim.counters();
    assert!(counters.upgrades.iter().all(|upgrade| upgrade.status == 101), "{:?}", counters.upgrades);
    assert!(!counters.commands.contains_key("authenticate"), "{:?}", counters.commands);
}

#[test]
fn p3_a_path_that_is_not_there_is_told_and_not_stormed() {
    let rig = Rig::start(with(&["refuse-upgrade=404"]));
    let told = "no Events and State API there; it needs XProtect 2023 R3 or later";
    eventually(DEADLINE, told, || rig.reason().contains(told));
    eventually(DEADLINE, "a second try", || rig.sim.counters().upgrades.len() > 3);
    let upgrades: Vec<_> = rig.sim.counters().upgrades.iter().map(|upgrade| upgrade.at).collect();
    assert!(upgrades[3] - upgrades[2] >= 1_400 * MS, "three spellings, and then a pause: {upgrades:?}");
    rig.sim.clear(FaultKind::RefuseUpgrade);
    rig.wait_online();
}

#[test]
fn p4_only_commands_that_are_documented_are_sent_and_no_subscription_is_without_filters() {
    let mut rig = walking(Plan::new(options()), 100.0);
    for how in [DropHow::Fin, DropHow::Reset] {
        let sessions = rig.sessions();
        rig.sim.forget_sessions();
        rig.sim.drop_sockets(how);
        rig.wait_sessions(sessions + 1);
    }
    rig.settle();
    let commands: Vec<_> = rig.sim.counters().commands.into_keys().collect();
    assert_eq!(commands, ["addSubscription", "getState", "startSession"]);
    for session in rig.sim.ledger().sessions {
        for subscription in session.subscriptions {
            let rows = subscription.filters.as_array().cloned().unwrap_or_default();
            assert!(!rows.is_empty(), "it is confirmed, and delivers nothing");
            for row in rows {
                for list in ["resourceTypes", "sourceIds", "eventTypes"] {
                    assert!(row[list].as_array().is_some_and(|list| !list.is_empty()), "{row}");
                }
            }
        }
    }
}

#[test]
fn p5_a_reply_that_others_overtake_ends_nothing() {
    let mut rig = walking(patient(&["reply-out-of-order", "interleave"]), 100.0);
    let report = rig.settle();
    assert_eq!(rig.sim.counters().upgrades.len(), 1, "it was never given up\n{}", rig.story());
    assert_eq!(report.received, report.sent, "what comes before a reply is kept");
}

#[test]
fn p6_a_list_without_events_and_a_frame_that_nobody_knows_end_nothing() {
    let mut rig = walking(patient(&["empty-events", "unknown-frames"]), 200.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 100);
    let report = rig.settle();
    assert_eq!((rig.sim.counters().upgrades.len(), report.received), (1, report.sent), "{}", rig.story());
}

#[test]
fn p7_a_break_is_a_delay_and_no_error() {
    let mut rig = walking(patient(&[]), 100.0);
    // As a gateway does every 27 hours.
    rig.sim.drop_sockets(DropHow::Close(1001));
    eventually(DEADLINE, "the session is resumed", || rig.resumes() == 1);
    let report = rig.settle();
    assert_eq!(report.gaps, 0, "{report}");
    let told = rig.lines_of("engine.connection");
    let states: Vec<_> = told.iter().filter_map(|line| line.data["new"].as_str()).collect();
    assert_eq!(states, ["online", "delayed", "online"]);
}

#[test]
fn p8_names_that_cannot_be_had_blank_no_state() {
    let mut rig = walking(patient(&[]), 100.0);
    rig.settle();
    eventually(DEADLINE, "all names", || all_named(&rig));
    let known = rig.states().len();
    let asked =
        || rig.sim.counters().requests.iter().filter(|(name, _)| name.starts_with("rest/")).map(|of| of.1).sum();
    let before: u64 = asked();
    rig.sim.inject("rest-500".parse().unwrap());
    let camera = rig.sim.sources("cameras").remove(2);
    assert!(rig.sim.rename_item(&camera, "Gate"));
    eventually(DEADLINE, "it is asked for the name", || asked() > before);
    pace(500 * MS);
    assert_eq!((rig.state(), rig.states().len()), (ConnectionState::Online, known));
    assert!(rig.states().iter().all(|state| state.value != "unknown"), "{:?}", rig.states());
    assert!(all_named(&rig), "the old name is better than none");
    let report = rig.settle();
    assert_eq!((rig.sim.counters().upgrades.len(), report.gaps), (1, 0), "{report}");
}

#[test]
fn p9_a_certificate_that_nobody_vouches_for_gets_no_password() {
    let own = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let server = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url: url::Url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let (tries, read) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (tried, heard) = (tries.clone(), read.clone());
    thread::spawn(move || {
        let server = Arc::new(server);
        for stream in listener.incoming().flatten() {
            tried.fetch_add(1, Ordering::SeqCst);
            let _ = stream.set_read_timeout(Some(2 * SECOND));
            let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(server.clone()).unwrap(), stream);
            // Whatever is read is what the client would say to anybody.
            heard.fetch_add(stream.read(&mut [0; 64]).unwrap_or(0), Ordering::SeqCst);
        }
    });
    let rig = Plan::new(options()).vendor(move |vendor| vendor.url = url.clone()).start();
    eventually(DEADLINE, "it is tried again", || tries.load(Ordering::SeqCst) > 1);
    eventually(DEADLINE, "it says why", || rig.reason().contains("TLS failed"));
    assert_ne!(rig.state(), ConnectionState::Online);
    assert_eq!(read.load(Ordering::SeqCst), 0, "{}", rig.reason());
}

#[test]
fn p10_a_type_has_its_name_and_the_text_of_its_state_at_once() {
    // One by one, as the sample asks for them.
    let mut rig = Plan::new(with(&["bulk-refused"])).start();
    rig.wait_online();
    let camera = rig.sim.sources("cameras").remove(4);
    let about = |kind: &str, name: &str, text: &str| {
        rig.sim.emit_one(&camera, kind).unwrap();
        eventually(DEADLINE, &format!("{name} and {text}"), || {
            rig.engine().states().item("hq", &camera).iter().any(|state| {
                let shown = state.meaning.state.as_ref().and_then(|state| state.text.as_deref());
                (state.meaning.name.as_deref(), shown) == (Some(name), Some(text))
            })
        });
    };
    about("MotionStarted", "Motion Started", "Motion");
    about("MotionStopped", "Motion Stopped", "No Motion");
    about("RecordingStarted", "Recording Started", "Recording");
    rig.settle();
}

#[test]
fn p11_a_look_up_that_is_refused_for_an_old_token_is_made_again_with_a_new_one() {
    let mut rig = walking(patient(&[]), 100.0);
    rig.settle();
    eventually(DEADLINE, "all names", || all_named(&rig));
    let camera = rig.sim.sources("cameras").remove(5);
    // The new token has to last for the time of one look-up.
    rig.sim.inject("token-expires=3s".parse().unwrap());
    pace(3_100 * MS);
    assert!(rig.sim.rename_item(&camera, "Gate"));
    let name = || rig.engine().states().item("hq", &camera)[0].item.name.clone().unwrap_or_default();
    eventually(DEADLINE, "the new name", || &*name() == "Gate");
    assert!(rig.sim.counters().logins_accepted() > 1, "{:?}", rig.sim.counters().logins);
    assert_eq!(rig.sim.counters().upgrades.len(), 1, "the socket does not mind");
}

#[test]
fn p12_an_item_is_asked_for_once_however_many_events_name_it() {
    // So few that nobody asks for a list.
    let mut plan = patient(&["rest-slow=400ms"]);
    plan.options.items = 6;
    let mut rig = plan.start();
    rig.wait_online();
    rig.walk(500.0);
    eventually(DEADLINE, "all names", || all_named(&rig));
    rig.settle();
    let requests = rig.sim.counters().requests;
    assert_eq!(requests.get("rest/cameras/{id}"), Some(&6), "{requests:?}");
    assert_eq!((requests.get("rest/eventTypes"), requests.get("rest/eventTypes/{id}")), (Some(&1), None));
}

#[test]
fn p13_a_live_feed_that_is_requested_is_not_one_that_is_terminated() {
    let mut rig = Rig::online(options());
    let camera = rig.sim.sources("cameras").remove(0);
    for (name, kind, value) in [
        ("LiveClientFeedRequested", "streaming.started", "on"),
        ("LiveClientFeedTerminated", "streaming.stopped", "off"),
    ] {
        let event = rig.sim.emit_one(&camera, name).unwrap();
        eventually(DEADLINE, name, || told(&rig, &event.id).is_some());
        let line = told(&rig, &event.id).unwrap();
        assert_eq!((line["type"].as_str(), line["state"].as_str()), (Some(kind), Some(value)));
    }
    rig.settle();
}

#[test]
fn p14_times_keep_their_seven_digits() {
    let mut rig = walking(Plan::new(options()), 200.0);
    eventually(DEADLINE, "events", || rig.info().status.events > 60);
    rig.settle();
    let ledger = rig.sim.ledger();
    let mut seen = 0;
    for event in ledger.events.iter().rev().take(20) {
        let Some(line) = told(&rig, &event.id) else { continue };
        assert_eq!(line["time"], event.time);
        let fraction = event.time.rsplit('.').next().unwrap();
        assert_eq!(fraction.len(), "1234567Z".len(), "{}", event.time);
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn p15_filters_that_a_gateway_takes_in_their_order_lose_nothing() {
    // The same seed makes the same ids.
    let sim = Simulator::start(options()).unwrap();
    let camera = sim.sources("cameras").remove(0);
    let id = camera.strip_prefix("cameras/").unwrap().parse().unwrap();
    let mut exclude = everything();
    (exclude.modifier, exclude.sources) = (Modifier::Exclude, Selection::Only(vec![id]));
    for (faults, comes) in [(&[] as &[&str], false), (&["filters-in-order"], true)] {
        let rows = vec![exclude.clone(), everything()];
        let plan = Plan::new(with(faults)).vendor(move |vendor| vendor.subscribe = rows.clone());
        let mut rig = walking(plan, 200.0);
        rig.sim.emit_one(&camera, "MotionStarted").unwrap();
        rig.settle();
        let items: BTreeSet<_> = rig.states().into_iter().map(|state| state.item).collect();
        assert_eq!(items.contains(&camera), comes, "{faults:?}");
    }
}
