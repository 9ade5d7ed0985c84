//! Breaks, restarts, and outages.

use std::time::Duration;

use serde_json::{Value, json};
use watchpost::actors::model::ConnectionState::Delayed;
use watchpost::simulator::vxg::{Fault, FaultKind, Options, Simulator};

use crate::cloud::{By, Cloud, options};
use crate::common::{DEADLINE, MS, SECOND, eventually, pace, parallel};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// When a gap begins and ends.
fn span(gap: &Value) -> (jiff::Timestamp, jiff::Timestamp) {
    let [from, to] = ["from", "to"].map(|name| gap["data"][name].as_str().unwrap().parse().unwrap());
    (from, to)
}

fn stamp(time: std::time::SystemTime) -> jiff::Timestamp {
    time.try_into().unwrap()
}

#[test]
fn a_kill_at_any_moment_loses_and_repeats_nothing() {
    let mut cloud = Cloud::online(options(), By::Group);
    cloud.sim.set_rate(60.0);
    for nth in 0..8 {
        pace(150 * MS + 70 * MS * nth);
        cloud.kill();
        pace(100 * MS);
        cloud.start_engine();
    }
    cloud.sim.set_rate(0.0);
    cloud.settle();
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
}

#[test]
fn a_commit_that_is_refused_loses_and_repeats_nothing() {
    // Once and again, and for longer.
    let trials = [(2, 2), (1, 3)].map(|(rounds, times)| (format!("{rounds} times {times}"), (rounds, times)));
    parallel(2, trials.into(), |(rounds, times)| {
        let cloud = Cloud::online(options(), By::Group);
        for round in 1..=*rounds {
            cloud.store.refuse(*times);
            cloud.sim.emit(30);
            eventually(DEADLINE, "all are refused", || cloud.store.refused() == times * round);
            cloud.settle();
        }
        assert_eq!(cloud.gaps(), Vec::<Value>::new());
    });
}

#[test]
fn a_server_that_is_away_for_a_while_is_delayed_and_nothing_is_missing() {
    let cloud = Cloud::online(options(), By::Group);
    cloud.sim.pause_listening();
    cloud.sim.emit(10);
    cloud.wait_for(Delayed);
    cloud.sim.resume_listening().unwrap();
    cloud.settle();
    cloud.wait_online();
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
}

/// A cloud whose clock is so far behind that it is right when [`away`] is over.
fn long_ago(hours: u32) -> Cloud {
    Cloud::online(Options { clock: -3_600_000 * i64::from(hours), ..options() }, By::Group)
}

/// Stops the engine, lets hours pass for the server, in which something happens every few minutes.
fn away(cloud: &mut Cloud, hours: u32) -> Vec<i64> {
    let cameras = cloud.sim.cameras();
    for camera in &cameras {
        let event = cloud.sim.happen_now(*camera, "motion").unwrap();
        cloud.wait_told(event);
    }
    cloud.shut_down();
    let began = cloud.sim.now();
    cloud.sim.set_clock(0);
    let minutes = (3..hours * 60).step_by(7);
    let happen = |minute: u32| {
        let camera = cameras[minute as usize % cameras.len()];
        cloud.sim.happen(camera, "motion", began + MINUTE * minute, json!({ "minute": minute.to_string() })).unwrap()
    };
    minutes.map(happen).collect()
}

#[test]
fn a_long_outage_is_read_in_windows_oldest_first_and_is_no_gap() {
    let mut cloud = long_ago(8);
    let missed = away(&mut cloud, 8);
    let before = cloud.sim.calls().len();
    cloud.start_engine();
    cloud.settle();
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
    let told: Vec<_> = cloud.lines().iter().filter_map(|line| line["data"]["id"].as_i64()).collect();
    assert!(told.ends_with(&missed), "in their order");
    assert!(missed.iter().all(|id| cloud.told(*id)[0]["origin"] == "backfill"));
    let now = stamp(cloud.sim.now());
    let lists = cloud.lists(before);
    let windows = lists.iter().filter_map(|call| {
        let time = |name| Some(format!("{}Z", call.query(name)?).parse::<jiff::Timestamp>().unwrap());
        Some((time("start")?, time("end")?))
    });
    let windows: Vec<_> = windows.collect();
    let closed = windows.iter().filter(|(_, end)| *end < now).count();
    assert!(closed >= 7, "{windows:?}");
    let longest = windows.iter().filter(|(_, end)| *end < now).map(|(start, end)| end.as_second() - start.as_second());
    assert!(longest.max().unwrap() <= 3_602, "{windows:?}");
    assert!(lists.len() < 60, "{} calls", lists.len());
}

#[test]
fn what_retention_took_during_an_outage_is_one_gap_and_the_rest_comes() {
    let mut cloud = long_ago(8);
    let missed = away(&mut cloud, 8);
    let left_from = cloud.ago(3 * HOUR);
    cloud.sim.purge(None, left_from);
    cloud.start_engine();
    cloud.settle();
    cloud.wait_until(DEADLINE, "the gap is told", || !cloud.gaps().is_empty());
    cloud.wait_online();
    let gaps = cloud.gaps();
    assert_eq!((gaps.len(), &gaps[0]["data"]["reason"]), (1, &json!("retention")), "{gaps:#?}");
    let (from, to) = span(&gaps[0]);
    let first = missed.iter().filter_map(|id| cloud.sim.event(*id)).find(|event| event.gone.is_none()).unwrap();
    assert!(from <= stamp(cloud.ago(8 * HOUR)) && from >= stamp(cloud.ago(8 * HOUR + MINUTE)), "{gaps:#?}");
    assert_eq!(to, stamp(first.time), "it ends with the first event that was had");
}

#[test]
fn what_retention_took_of_one_camera_is_a_gap_of_that_camera() {
    let mut cloud = long_ago(5);
    away(&mut cloud, 5);
    let camera = cloud.sim.cameras()[1];
    cloud.sim.purge(Some(camera), cloud.ago(2 * HOUR));
    cloud.start_engine();
    cloud.settle();
    cloud.wait_until(DEADLINE, "the gap is told", || !cloud.gaps().is_empty());
    cloud.wait_online();
    let gaps = cloud.gaps();
    let (reason, item) = (&gaps[0]["data"]["reason"], &gaps[0]["data"]["item"]);
    assert_eq!((gaps.len(), reason, item), (1, &json!("retention"), &json!(format!("cameras/{camera}"))), "{gaps:#?}");
}

#[test]
fn a_stretch_that_cannot_be_read_is_one_gap_and_the_rest_comes() {
    let mut cloud = long_ago(5);
    let missed = away(&mut cloud, 5);
    let poisoned = missed[20];
    let at = cloud.sim.event(poisoned).unwrap().time;
    cloud.sim.poison_window(at - SECOND, at + SECOND);
    cloud.start_engine();
    let rest = missed.iter().filter(|id| **id != poisoned);
    for event in rest {
        cloud.wait_until(3 * DEADLINE, "the rest comes", || !cloud.told(*event).is_empty());
    }
    cloud.wait_online();
    let gaps = cloud.gaps();
    assert!(gaps.iter().all(|gap| gap["data"]["reason"] == "window_failed"), "{gaps:#?}");
    // Where it lies across the edge of two windows it is in both.
    assert!((1..=2).contains(&gaps.len()), "{gaps:#?}");
    let (from, to) = (span(&gaps[0]).0, span(gaps.last().unwrap()).1);
    assert!(from <= stamp(at) && stamp(at) <= to, "{gaps:#?}");
    assert!(to.as_second() - from.as_second() <= 180, "{gaps:#?}");
    assert_eq!(cloud.told(poisoned), Vec::<Value>::new());
    let event = cloud.sim.happen_now(cloud.first(), "motion").unwrap();
    cloud.wait_told(event);
    assert_eq!(cloud.gaps().len(), gaps.len(), "once");
}

#[test]
fn a_first_start_begins_now_and_goes_back_as_far_as_is_wanted() {
    let past = Options { past: 5, ..options() };
    let cloud = Cloud::online(past.clone(), By::Group);
    let event = cloud.sim.happen_now(cloud.first(), "motion").unwrap();
    cloud.wait_told(event);
    cloud.settle();
    let events = |cloud: &Cloud| cloud.lines().into_iter().filter(|line| line["type"] == "vxg.motion").count();
    assert_eq!(events(&cloud), 1, "what happened before is nobody's business");

    let mut common = watchpost::actors::settings::CommonSettings::new(
        <watchpost::actors::vendors::vxg::Vxg as watchpost::actors::vendors::Vendor>::HEARTBEAT,
    );
    common.backfill_on_first_start = 3 * HOUR + 30 * MINUTE;
    let cloud = Cloud::planned(past, By::Group, common, |_| ());
    cloud.wait_online();
    eventually(DEADLINE, "three hours of four cameras", || events(&cloud) == 12);
    assert!(cloud.lines().iter().filter(|line| line["type"] == "vxg.motion").all(|line| line["origin"] == "backfill"));
    let event = cloud.sim.happen_now(cloud.first(), "motion").unwrap();
    assert_eq!(cloud.wait_told(event)["origin"], "live");
    assert_eq!((events(&cloud), cloud.gaps().len()), (13, 0));
}

#[test]
fn a_server_whose_clock_is_wrong_is_read_by_its_own() {
    const HOURS: i64 = 3_600_000;
    let clocks = [5 * HOURS, -5 * HOURS, 400, 0].map(|clock| (format!("{clock} ms ahead"), clock));
    parallel(4, clocks.into(), |clock| {
        let clock = *clock;
        let faults = if clock == 0 { vec![Fault::OddDate] } else { vec![] };
        let cloud = Cloud::online(Options { clock, faults, ..options() }, By::Group);
        for _ in 0..3 {
            let time = cloud.sim.now();
            let event = cloud.sim.happen(cloud.first(), "motion", time, Value::Null).unwrap();
            let line = cloud.wait_told(event);
            assert_eq!(
                (&line["origin"], &line["time"]),
                (&json!("live"), &json!(format!("{}Z", Simulator::text(time))))
            );
        }
        cloud.settle();
        assert_eq!(cloud.gaps(), Vec::<Value>::new());
    });
}

#[test]
fn a_date_that_is_hours_off_loses_nothing() {
    let trials = [("wrong-date=2h", By::Camera), ("wrong-date=-2h", By::Camera), ("wrong-date=2h", By::Group)]
        .map(|(fault, by)| (format!("{fault} {by:?}"), (fault, by)));
    parallel(3, trials.into(), |(fault, by)| {
        let faults = vec![fault.parse().unwrap()];
        let mut cloud = Cloud::online(Options { faults, ..options() }, *by);
        for _ in 0..3 {
            let event = cloud.sim.happen_now(cloud.first(), "motion").unwrap();
            assert_eq!(cloud.wait_told(event)["origin"], "live");
        }
        cloud.shut_down();
        for _ in 0..3 {
            cloud.sim.happen_now(cloud.first(), "motion").unwrap();
        }
        cloud.start_engine();
        cloud.wait_online();
        cloud.sim.emit(8);
        cloud.settle();
        cloud.sim.clear(FaultKind::WrongDate);
        cloud.sim.emit(8);
        cloud.settle();
        assert_eq!(cloud.gaps(), Vec::<Value>::new());
    });
}

#[test]
fn a_server_whose_clock_is_put_right_in_mid_run_loses_nothing() {
    let cloud = Cloud::online(options(), By::Group);
    for clock in [20 * 60_000, 20 * 60_000 - 30_000, 3 * 3_600_000] {
        cloud.sim.set_clock(clock);
        for _ in 0..5 {
            cloud.sim.emit(4);
            pace(200 * MS);
        }
        cloud.settle();
    }
    assert_eq!(cloud.gaps(), Vec::<Value>::new());
}
