//! What other clients of this cloud get wrong, each provable: one test for each, in which they fail.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use watchpost::actors::callbacks::SharedEvent;
use watchpost::actors::model::ConnectionState::Online;
use watchpost::actors::model::filter::Filter;
use watchpost::simulator::simplisafe::{By, DropHow, Fault, FaultKind, Mode, Options, Refusal, audit, kind};

use crate::cloud::{Cloud, options};
use crate::common::{DEADLINE, MS, SECOND, eventually, pace};

fn refusal(status: u16) -> Refusal {
    Refusal { status, count: None }
}

#[test]
fn d1_every_socket_is_identified_and_gets_events() {
    let cloud = Cloud::online(options());
    for how in [DropHow::Fin, DropHow::Reset, DropHow::Close(1001), DropHow::HalfOpen] {
        let sockets = cloud.sim.counters().sockets_opened;
        cloud.sim.drop_sockets(how);
        eventually(DEADLINE, "another socket", || cloud.sim.counters().sockets_opened > sockets);
        eventually(DEADLINE, "it is subscribed", || cloud.sim.counters().sockets_subscribed == 1);
        cloud.wait_online();
        let event = cloud.sim.happen(cloud.first(), 1602, None).unwrap();
        eventually(DEADLINE, "its events come", || cloud.told(event).len() == 1);
    }
    let sockets = cloud.sim.sockets();
    assert!(sockets.iter().all(|socket| socket.identified == 1), "{sockets:?}");
    assert_eq!(cloud.sim.counters().sockets_of_one_user, 1, "one at a time");
}

#[test]
fn d2_the_reason_tells_a_clean_close_from_a_lost_one() {
    let cloud = Cloud::online(options());
    for (how, words) in [(DropHow::Close(1001), "closed by the server (code 1001)"), (DropHow::Fin, "hung up without")]
    {
        cloud.wait_online();
        cloud.sim.drop_sockets(how);
        eventually(DEADLINE, words, || {
            let changes = cloud.lines().into_iter().filter(|line| line["type"] == "engine.connection");
            changes.into_iter().any(|line| line["data"]["reason"].as_str().is_some_and(|reason| reason.contains(words)))
        });
    }
}

#[test]
fn d3_tokens_are_renewed_while_only_the_socket_is_used() {
    // Polls are as rare as can be: a minute apart.
    let cloud = Cloud::polling(Options { token_life: SECOND, ..options() }, 60 * SECOND);
    cloud.wait_online();
    eventually(DEADLINE, "five renewals", || cloud.sim.counters().refreshes >= 6);
    assert_eq!(cloud.sim.counters().sockets_opened, 1);
    // The token in hand is good at the moment at which it is needed.
    cloud.sim.drop_sockets(DropHow::Fin);
    eventually(DEADLINE, "another socket", || cloud.sim.counters().sockets_opened == 2);
    cloud.wait_online();
    assert_eq!(cloud.sim.counters().refused, 0);
}

#[test]
fn d4_whatever_ends_a_try_the_next_one_backs_off() {
    for fault in [Fault::RefuseUpgrade(refusal(502)), Fault::DropAfterSubscribe, Fault::NeverSubscribed] {
        let cloud = Cloud::start(Options { faults: vec![fault], ..options() });
        pace(6 * SECOND);
        let tries = cloud.sim.counters().of("ws").tried;
        assert!((1..=6).contains(&tries), "{fault}: {tries} tries in six seconds");
        assert!(cloud.sim.counters().of("token").tried <= 6, "{fault}");
    }
}

#[test]
fn a_token_that_is_answered_with_silence_is_not_shown_again() {
    // No poll finds out before the socket does, also none of the first ones.
    let cloud = Cloud::polling(Options { faults: vec![Fault::IdentifySilent], ..options() }, 60 * SECOND);
    cloud.wait_truth();
    pace(SECOND);
    let tokens = cloud.sim.counters().of("token").tried;
    cloud.sim.pause_listening();
    cloud.sim.drop_sockets(DropHow::Fin);
    cloud.sim.expire_tokens();
    cloud.sim.resume_listening().unwrap();
    eventually(DEADLINE, "the ended token is shown", || cloud.sim.counters().refused == 1);
    eventually(DEADLINE, "another one is taken", || cloud.is_online() && cloud.sim.counters().sockets_subscribed == 1);
    assert_eq!((cloud.sim.counters().refused, cloud.sim.counters().of("token").tried), (1, tokens + 1));
    assert_eq!(cloud.sim.counters().sockets_of_one_user, 1);
}

#[test]
fn d5_no_frame_ends_the_stream() {
    let faults = vec![
        Fault::Garbage(400 * MS),
        Fault::Binary(300 * MS),
        Fault::Untyped(250 * MS),
        Fault::Maimed(350 * MS),
        Fault::OddEvents(450 * MS),
        Fault::FlvOnly,
        Fault::UnknownMembers,
    ];
    let cloud = Cloud::start(Options { faults, ..options() });
    cloud.wait_online();
    let sid = cloud.first();
    for _ in 0..30 {
        let camera = cloud.sim.cameras(sid)[0].clone();
        cloud.sim.camera_motion(sid, &camera).unwrap();
        pace(100 * MS);
    }
    for fault in [FaultKind::Garbage, FaultKind::Binary, FaultKind::Untyped, FaultKind::Maimed, FaultKind::OddEvents] {
        cloud.sim.clear(fault);
    }
    cloud.wait_told();
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
}

#[test]
fn d5_a_callback_that_panics_ends_neither_itself_nor_another() {
    type Told = Arc<Mutex<Vec<String>>>;
    fn tell(list: &Told, event: &SharedEvent) {
        list.lock().unwrap().push(event.get().event.id.to_string());
    }
    let cloud = Cloud::online(options());
    let told: [Told; 4] = std::array::from_fn(|_| Told::default());
    let [plain, asynchronous, panics, panics_later] = told.clone();
    let handles = [
        cloud.engine().on_event(Filter::everything(), move |event| {
            tell(&panics, &event);
            panic!("a mistake of the application");
        }),
        cloud.engine().on_event_async(Filter::everything(), move |event| {
            let list = Arc::clone(&panics_later);
            async move {
                actix_rt::task::yield_now().await;
                tell(&list, &event);
                panic!("a mistake of the application");
            }
        }),
        cloud.engine().on_event(Filter::everything(), move |event| tell(&plain, &event)),
        cloud.engine().on_event_async(Filter::everything(), move |event| {
            let list = Arc::clone(&asynchronous);
            async move { tell(&list, &event) }
        }),
    ];
    for _ in 0..3 {
        let event = cloud.sim.happen(cloud.first(), 1602, None).unwrap();
        let id = event.to_string();
        for list in &told {
            eventually(DEADLINE, "each is told", || list.lock().unwrap().contains(&id));
        }
    }
    drop(handles);
    assert!(cloud.is_online());
}

#[test]
fn d6_what_happened_during_a_break_is_recovered() {
    for from in [None, Some(Fault::FromOlder), Some(Fault::FromUpTo), Some(Fault::FromIgnored)] {
        let cloud = Cloud::online(Options { faults: from.into_iter().collect(), ..options() });
        let sid = cloud.first();
        cloud.sim.pause_listening();
        cloud.sim.drop_sockets(DropHow::Reset);
        let (bell, camera) = (cloud.sim.cameras(sid)[0].clone(), cloud.sim.cameras(sid)[1].clone());
        let missed = [
            cloud.sim.ring(sid, &bell).unwrap(),
            cloud.sim.camera_motion(sid, &camera).unwrap(),
            cloud.sim.happen(sid, 1409, cloud.sim.door(sid, 0).as_deref()).unwrap(),
        ];
        pace(300 * MS);
        cloud.sim.resume_listening().unwrap();
        for event in missed {
            eventually(DEADLINE, "it is told", || cloud.told(event).len() == 1);
            assert_eq!(cloud.told(event)[0]["origin"], "backfill");
        }
        assert_eq!(cloud.gaps(), Vec::<Value>::new(), "nothing is missing");
        cloud.wait_told();
    }
}

#[test]
fn d7_it_is_not_called_online_before_the_server_has_confirmed_it() {
    let cloud = Cloud::start(Options { faults: vec![Fault::NeverSubscribed], ..options() });
    eventually(DEADLINE, "a socket", || cloud.sim.counters().sockets_opened > 0);
    pace(SECOND);
    assert_ne!(cloud.state(), Online);
    cloud.sim.clear(FaultKind::NeverSubscribed);
    cloud.wait_online();
}

#[test]
fn d8_events_keep_all_that_they_are_known_by_and_come_once() {
    let cloud = Cloud::online(Options { faults: vec![Fault::Duplicates], ..options() });
    let sid = cloud.first();
    let camera = cloud.sim.cameras(sid)[1].clone();
    let event = cloud.sim.camera_motion(sid, &camera).unwrap();
    cloud.sim.push_again(sid, event);
    eventually(DEADLINE, "it is told", || cloud.told(event).len() == 1);
    let line = cloud.told(event).remove(0);
    let data = &line["data"];
    assert_eq!((&data["eventId"], &data["eventCid"], &data["sid"]), (&json!(event), &json!(1170), &json!(sid)));
    assert!(data["zoneCid"].is_string() && data["eventType"] == "activityCam", "{data}");
    assert_eq!(line["type"], "simplisafe.camera_motion_detected");
    cloud.sim.drop_sockets(DropHow::Fin);
    cloud.wait_online();
    pace(SECOND);
    cloud.wait_told();
}

#[test]
fn d9_events_with_an_empty_video_are_told() {
    let cloud = Cloud::online(Options { faults: vec![Fault::EmptyVideo], ..options() });
    let event = cloud.sim.happen(cloud.first(), 1400, None).unwrap();
    eventually(DEADLINE, "it is told", || cloud.told(event).len() == 1);
    assert_eq!(cloud.told(event)[0]["origin"], "live");
}

#[test]
fn d10_an_event_that_comes_late_overwrites_no_newer_state() {
    let cloud = Cloud::online(options());
    let (sid, item) = (cloud.first(), audit::system(cloud.first()));
    cloud.sim.hold();
    let outage = cloud.sim.set_mains(sid, false).unwrap();
    pace(1_100 * MS);
    let restored = cloud.sim.set_mains(sid, true).unwrap();
    cloud.sim.release(true);
    eventually(DEADLINE, "both are told", || cloud.told(outage).len() == 1 && cloud.told(restored).len() == 1);
    pace(500 * MS);
    assert_eq!(cloud.value(&item, "power").as_deref(), Some("mains"));
}

#[test]
fn d11_however_many_calls_a_token_is_refused_for_it_is_refreshed_once() {
    let cloud = Cloud::online(Options { systems: 6, faults: vec![Fault::OneUse], ..options() });
    for _ in 0..5 {
        let before = cloud.sim.counters().refreshes;
        cloud.sim.expire_tokens();
        eventually(DEADLINE, "a refresh", || cloud.sim.counters().refreshes > before);
        pace(700 * MS);
        let counters = cloud.sim.counters();
        assert_eq!((counters.refreshes - before, counters.reused), (1, 0));
    }
    assert!(cloud.is_online(), "{:#?}", cloud.info());
    assert_eq!(cloud.sim.counters().sockets_opened, 1, "the socket is left alone");
}

#[test]
fn d12_a_socket_over_which_nothing_is_said_is_kept() {
    let cloud = Cloud::online(options());
    pace(6 * SECOND);
    let counters = cloud.sim.counters();
    assert_eq!(counters.sockets_opened, 1);
    // Five minutes of this are shown on a paused clock: see the session tests, and those of the liveness.
    assert!(counters.pings >= 10, "{}", counters.pings);
    cloud.sim.inject(Fault::NoPong);
    eventually(DEADLINE, "a silent one is replaced", || cloud.sim.counters().sockets_opened > 1);
}

#[test]
fn no_base_station_ever_complains_of_its_locks() {
    let cloud = Cloud::online(options());
    let sid = cloud.first();
    assert!(cloud.sim.arm(sid, Mode::Away, By::Keypad));
    pace(3 * SECOND);
    assert!(cloud.sim.disarm(sid, By::Keypad));
    cloud.wait_told();
    pace(5 * SECOND);
    assert_eq!(cloud.sim.counters().avoidable_complaints, 0);
    let lock = cloud.sim.sensor_of(sid, kind::LOCK, 0).unwrap();
    assert!(cloud.value(&audit::device(sid, &lock), "lock").is_some());
}

#[test]
fn no_base_station_complains_of_its_locks_behind_a_break_or_a_restart_either() {
    // The arming is known before the break; it happens during the break; the process is another one.
    for (armed_before, restarts) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut cloud = Cloud::online(options());
        let sid = cloud.first();
        let polls = |cloud: &Cloud| cloud.sim.counters().of("sensors").tried;
        if armed_before {
            assert!(cloud.sim.arm(sid, Mode::Away, By::Keypad));
            cloud.wait_told();
        }
        if restarts {
            cloud.shut_down();
        } else {
            cloud.sim.pause_listening();
            cloud.sim.drop_sockets(DropHow::Reset);
        }
        if !armed_before {
            assert!(cloud.sim.arm(sid, Mode::Away, By::Keypad));
        }
        if restarts {
            cloud.start_engine();
        } else {
            pace(500 * MS);
            cloud.sim.resume_listening().unwrap();
        }
        eventually(DEADLINE, "it is subscribed", || cloud.sim.counters().sockets_subscribed == 1);
        cloud.wait_told();
        let before = polls(&cloud);
        // The other system may be asked, and is.
        eventually(DEADLINE, "polls", || polls(&cloud) > before + 3);
        pace(8 * SECOND);
        assert_eq!(cloud.sim.counters().avoidable_complaints, 0, "armed before: {armed_before}, restarts: {restarts}");
    }
}
