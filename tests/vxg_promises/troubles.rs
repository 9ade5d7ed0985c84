//! Refusals, and servers that fail, are slow, or want to be left alone.

use std::time::{Duration, Instant};

use serde_json::Value;
use watchpost::actors::model::ConnectionState::{Delayed, Halted, Online};
use watchpost::actors::settings::Secret;
use watchpost::simulator::vxg::{Fault, FaultKind, Options, Refusal, Times};

use crate::cloud::{By, Cloud, options};
use crate::common::{DEADLINE, MS, SECOND, eventually, pace, parallel};

fn always(status: u16) -> Refusal {
    Refusal { status, count: None }
}

/// Waits until it is halted, and says why; nothing is asked any more then.
fn halted(cloud: &Cloud) -> String {
    cloud.wait_for(Halted);
    let before = cloud.sim.calls().len();
    pace(2 * SECOND);
    let calls = cloud.sim.calls().len() - before;
    assert!(calls <= 2, "{calls} calls of one that is halted:\n{}", cloud.story());
    cloud.info().status.reason.to_string()
}

#[test]
fn a_token_that_changes_in_mid_run_is_read_through_the_licence_key() {
    let faults = [None, Some(Fault::TextIds), Some(Fault::ZonedTimes)];
    parallel(3, faults.map(|fault| (format!("{fault:?}"), fault)).into(), |fault| {
        let options = Options { faults: (*fault).into_iter().collect(), ..options() };
        // The same seed makes the same licence key.
        let key = watchpost::simulator::vxg::Simulator::start(options.clone()).unwrap().licence_key();
        let cloud =
            Cloud::with(options, By::Camera, move |config| config.license_key = Some(Secret::from(key.clone())));
        cloud.wait_online();
        let camera = cloud.first();
        for nth in 1..=3 {
            cloud.sim.rotate_token(camera);
            let event = cloud.sim.happen_now(camera, "motion").unwrap();
            cloud.wait_told(event);
            assert_eq!(cloud.sim.counters().of("channel").tried, nth, "the key is shown once for each");
        }
        cloud.settle();
        assert_eq!((cloud.state(), cloud.gaps()), (Online, Vec::<Value>::new()));
    });
}

#[test]
fn a_token_that_is_refused_halts_without_hammering() {
    let trials = [By::Camera, By::Group, By::Licence].map(|by| (format!("{by:?}"), by));
    parallel(3, trials.into(), |by| {
        let by = *by;
        let cloud = Cloud::online(options(), by);
        match by {
            By::Camera => drop(cloud.sim.rotate_token(cloud.first())),
            By::Group => cloud.sim.rotate_group_token(),
            By::Licence => cloud.sim.rotate_licence_key(),
        }
        let why = halted(&cloud);
        assert!(why.contains("401"), "{by:?}: {why}");
        let refused = cloud.sim.calls().iter().filter(|call| call.status == 401).count();
        assert!(refused <= 6, "{by:?}: {refused} calls were refused");
        cloud.settle();
    });
}

#[test]
fn a_camera_without_tokens_halts_and_so_does_one_that_may_only_watch() {
    let trials = [(None, "the licence key tells no other"), (Some(Fault::OnlyWatch), "access \"all\"")];
    parallel(2, trials.map(|trial| (trial.1.to_owned(), trial)).into(), |(fault, words)| {
        let options = Options { faults: (*fault).into_iter().collect(), ..options() };
        let key = watchpost::simulator::vxg::Simulator::start(options.clone()).unwrap().licence_key();
        let cloud =
            Cloud::with(options, By::Camera, move |config| config.license_key = Some(Secret::from(key.clone())));
        cloud.wait_online();
        match fault {
            None => assert!(cloud.sim.revoke_token(cloud.first())),
            Some(_) => assert!(cloud.sim.rotate_token(cloud.first())),
        }
        let why = halted(&cloud);
        assert!(why.contains(words), "{why}");
    });
}

#[test]
fn a_token_that_may_not_read_events_halts_and_says_what_it_takes() {
    let cloud = Cloud::online(options(), By::Group);
    cloud.sim.inject(Fault::Events(always(403)));
    let why = halted(&cloud);
    assert!(why.contains("403") && why.contains("access \"all\""), "{why}");
}

#[test]
fn a_server_that_wants_fewer_calls_gets_fewer() {
    // By a camera's token nothing but events is asked for.
    let options = || Options { retry_after: 2 * SECOND, ..options() };
    let faults = [Fault::TooMany(Times(Some(1))), Fault::TooManyDate(Times(Some(1)))];
    parallel(2, faults.map(|fault| (fault.to_string(), fault)).into(), |fault| {
        let cloud = Cloud::online(options(), By::Camera);
        cloud.sim.inject(*fault);
        eventually(DEADLINE, "a refusal", || cloud.sim.calls().iter().any(|call| call.status == 429));
        let event = cloud.sim.happen_now(cloud.first(), "motion").unwrap();
        cloud.wait_told(event);
        let calls = cloud.sim.calls();
        let refused = calls.iter().position(|call| call.status == 429).unwrap();
        let pause = calls[refused + 1].at - calls[refused].at;
        // A date is in whole seconds.
        let least = if matches!(fault, Fault::TooMany(_)) { 2 * SECOND } else { 900 * MS };
        assert!(pause >= least, "{fault}: {pause:?}");
        assert_eq!((cloud.gaps(), cloud.state()), (Vec::<Value>::new(), Online));
    });
}

#[test]
fn a_server_that_does_not_say_how_long_is_asked_ever_more_rarely() {
    let cloud = Cloud::online(options(), By::Camera);
    let before = cloud.sim.calls().len();
    cloud.sim.inject(Fault::TooManyBare(Times(None)));
    let began = Instant::now();
    pace(6 * SECOND);
    let calls = cloud.sim.calls().len() - before;
    assert!(calls <= 25, "{calls} calls in {:?}, and there would have been 60", began.elapsed());
    let event = cloud.sim.happen_now(cloud.first(), "motion").unwrap();
    cloud.sim.clear(FaultKind::TooManyBare);
    cloud.wait_told(event);
    cloud.wait_online();
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
}

#[test]
fn a_server_that_is_slow_is_asked_more_rarely_and_soon_again_when_it_is_not() {
    let cloud = Cloud::online(options(), By::Camera);
    let rate = |cloud: &Cloud| {
        let before = cloud.sim.calls().len();
        pace(2 * SECOND);
        cloud.sim.calls().len() - before
    };
    let usual = rate(&cloud);
    cloud.sim.inject(Fault::Slow(200 * MS));
    pace(SECOND);
    let slow = rate(&cloud);
    assert!(slow <= 5 && slow < usual, "{slow} calls in two seconds, and usually {usual}");
    cloud.sim.emit(10);
    cloud.settle();
    cloud.sim.clear(FaultKind::Slow);
    eventually(DEADLINE, "it is as usual", || rate(&cloud) > slow);
}

#[test]
fn a_server_that_fails_in_whatever_way_is_delayed_and_then_all_is_there() {
    let faults = [
        Fault::Down(always(502)),
        Fault::Rest(always(500)),
        Fault::Events(always(503)),
        Fault::Html200(Times(None)),
        Fault::EmptyBody(Times(None)),
        Fault::OtherJson(Times(None)),
        Fault::NullObjects(Times(None)),
        Fault::Cut(Times(None)),
        Fault::Reset(Times(None)),
        Fault::Hang(Times(None)),
        Fault::Slow(3 * SECOND),
    ];
    let trials = faults.iter().map(|fault| (fault.to_string(), *fault)).collect();
    parallel(11, trials, |fault| {
        let cloud = Cloud::online(options(), By::Group);
        let before = cloud.sim.calls().len();
        let began = Instant::now();
        cloud.sim.inject(*fault);
        cloud.sim.emit(12);
        cloud.wait_for(Delayed);
        pace(SECOND);
        let calls = cloud.sim.calls().len() - before;
        // Besides, the list of cameras is asked for several times a second here.
        let most = 12.0 + 9.0 * began.elapsed().as_secs_f64();
        assert!((calls as f64) < most, "{calls} calls in {:?}", began.elapsed());
        cloud.sim.clear(fault.kind());
        cloud.settle();
        cloud.wait_online();
        assert_eq!(cloud.gaps(), Vec::<Value>::new());
    });
}

#[test]
fn a_list_of_cameras_that_fails_holds_no_event_up() {
    parallel(3, [500, 403, 404].map(|status| (status.to_string(), status)).into(), |status| {
        let cloud = Cloud::online(options(), By::Group);
        cloud.sim.inject(Fault::Channels(always(*status)));
        for _ in 0..5 {
            let event = cloud.sim.happen_now(cloud.first(), "motion").unwrap();
            cloud.wait_told(event);
        }
        assert_eq!(cloud.state(), Online);
        cloud.sim.set_status(cloud.first(), Some("gone"));
        cloud.sim.clear(FaultKind::Channels);
        eventually(DEADLINE, "it is told", || cloud.value(cloud.first()).as_deref() == Some("offline"));
    });
}

#[test]
fn a_newest_event_that_cannot_be_told_keeps_nobody_out() {
    let cloud = Cloud::with(Options { faults: vec![Fault::Poison(60 * SECOND)], ..options() }, By::Group, |config| {
        // The tokens tell where the cloud is.
        config.url = None;
    });
    let is_of_login = |call: &watchpost::simulator::vxg::Call| call.query("limit") == Some("1");
    eventually(DEADLINE, "a login", || cloud.lists(0).iter().any(|call| call.status == 200 && is_of_login(call)));
    eventually(DEADLINE, "events are asked for", || cloud.lists(0).iter().any(|call| !is_of_login(call)));
}

#[test]
fn what_nobody_knows_of_the_server_changes_nothing() {
    let unknown: [&[Fault]; 10] = [
        &[Fault::StartExclusive, Fault::EndExclusive, Fault::NewestFirst],
        &[Fault::WholeSeconds, Fault::MetaAlways],
        &[Fault::HiddenMicros, Fault::MetaNull],
        &[Fault::ZonedTimes, Fault::MetaEmpty, Fault::TextIds],
        &[Fault::RandomIds, Fault::UnknownMembers, Fault::NoThumb],
        &[Fault::LimitCap(3), Fault::TotalAbsent],
        &[Fault::LimitCap(50), Fault::LimitRefused],
        &[Fault::LimitCap(3), Fault::NextForever, Fault::OutOfOrder],
        &[Fault::NoMeta],
        &[Fault::TotalLarge(9), Fault::OddRows(100 * MS)],
    ];
    let trials = unknown.iter().enumerate().map(|(nth, faults)| (format!("{nth}: {faults:?}"), *faults)).collect();
    parallel(10, trials, |faults| {
        for by in [By::Camera, By::Group] {
            let cloud = Cloud::online(Options { faults: faults.to_vec(), ..options() }, by);
            for _ in 0..4 {
                cloud.sim.emit(10);
                pace(Duration::from_millis(150));
            }
            cloud.settle();
            assert_eq!(cloud.gaps(), Vec::<Value>::new());
        }
    });
}
