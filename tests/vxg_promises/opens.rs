//! What each kind of token opens: events of cameras, and who is online.

use serde_json::Value;
use watchpost::simulator::vxg::{Fault, Options, Scheme, audit};

use crate::cloud::{By, Cloud, YARD, options};
use crate::common::{DEADLINE, MS, eventually, pace, parallel};

/// Waits until the states are those of the cameras.
fn wait_truth(cloud: &Cloud) {
    let right = || {
        cloud.sim.truth().values().all(|camera| {
            let told = cloud.value(camera.id).unwrap_or_else(|| "unknown".to_owned());
            told == audit::connection(camera)
        })
    };
    eventually(DEADLINE, "the states are those of the cameras", right);
}

/// What was told of a camera's connection.
fn changes(cloud: &Cloud, camera: i64) -> Vec<(String, String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let is_it = |line: &Value| line["subject"] == audit::camera(camera) && line["stategroup"] == "connection";
    let lines = cloud.lines().into_iter().filter(is_it);
    lines.map(|line| (text(&line, "type"), text(&line, "state"), text(&line, "origin"))).collect()
}

fn change(kind: &str, state: &str, origin: &str) -> (String, String, String) {
    (kind.to_owned(), state.to_owned(), origin.to_owned())
}

#[test]
fn a_token_of_any_kind_is_shown_by_its_scheme_and_opens_what_it_opens() {
    for (by, scheme) in [(By::Camera, Scheme::Acc), (By::Group, Scheme::Si), (By::Licence, Scheme::LKey)] {
        let cloud = Cloud::online(options(), by);
        for camera in cloud.sim.cameras() {
            cloud.sim.happen_now(camera, "motion").unwrap();
        }
        cloud.settle();
        let schemes = cloud.sim.counters().schemes;
        assert_eq!(schemes.keys().collect::<Vec<_>>(), [&scheme], "{by:?}");
        let names: Vec<_> =
            cloud.lines().iter().filter_map(|line| line["itemname"].as_str().map(str::to_owned)).collect();
        assert_eq!(names.len(), if by == By::Camera { 1 } else { 4 }, "each event has its camera's name");
        assert_eq!(cloud.sim.complaints(), [], "{by:?}");
    }
}

#[test]
fn a_list_of_all_cameras_is_asked_for_in_one_call_however_many_there_are() {
    let cloud = Cloud::online(Options { cameras: 300, ..options() }, By::Group);
    let before = cloud.sim.calls().len();
    cloud.sim.emit(50);
    cloud.settle();
    let lists = cloud.lists(before);
    assert!(lists.iter().all(|call| call.query("camid").is_none()), "{lists:?}");
}

#[test]
fn a_server_that_wants_cameras_to_be_named_is_told_them() {
    let kinds: [(usize, &[Fault]); 3] = [(4, &[]), (450, &[]), (4, &[Fault::NoV3List])];
    parallel(3, kinds.map(|kind| (format!("{kind:?}"), kind)).into(), |(cameras, faults)| {
        for by in [By::Group, By::Licence] {
            let faults = faults.iter().copied().chain([Fault::NeedsCamid]).collect();
            let cloud = Cloud::online(Options { cameras: *cameras, faults, ..options() }, by);
            cloud.sim.emit(40);
            cloud.settle();
            // A camera that is new is followed as soon as it is listed.
            let fresh = cloud.sim.add_camera("Fresh");
            eventually(DEADLINE, "it is listed", || cloud.value(fresh).is_some());
            // A name that is not there in time is there for a later event.
            eventually(DEADLINE, "its events are told, by its name", || {
                let event = cloud.sim.happen_now(fresh, "motion").unwrap();
                cloud.wait_told(event)["itemname"] == "Fresh"
            });
            assert_eq!(cloud.gaps(), Vec::<Value>::new());
        }
    });
}

#[test]
fn some_cameras_are_followed_and_no_others() {
    for by in [By::Group, By::Licence] {
        let first = options().first_camera;
        let wanted = vec![first + 1, first + 3];
        let config = wanted.clone();
        let cloud = Cloud::with(options(), by, move |vxg| {
            vxg.cameras = watchpost::actors::vendors::vxg::config::Cameras::Only(config.clone());
        });
        cloud.wait_online();
        let events: Vec<_> =
            cloud.sim.cameras().into_iter().map(|id| (id, cloud.sim.happen_now(id, "motion").unwrap())).collect();
        for (camera, event) in &events {
            if wanted.contains(camera) {
                cloud.wait_told(*event);
            }
        }
        pace(500 * MS);
        for (camera, event) in events {
            let is_wanted = wanted.contains(&camera);
            assert_eq!(cloud.told(event).len(), usize::from(is_wanted), "camera {camera}");
            assert_eq!(cloud.value(camera).is_some(), is_wanted, "camera {camera}");
        }
    }
}

#[test]
fn a_camera_that_goes_and_comes_back_is_told_as_state_and_event() {
    let kinds: [(By, &[Fault], &str); 3] = [
        (By::Group, &[], "channels-v5"),
        (By::Licence, &[], "channels-v3"),
        (By::Licence, &[Fault::NoV3List], "channels-v5"),
    ];
    parallel(3, kinds.map(|kind| (format!("{kind:?}"), kind)).into(), |(by, faults, list)| {
        let cloud = Cloud::online(Options { faults: faults.to_vec(), ..options() }, *by);
        wait_truth(&cloud);
        let camera = cloud.first();
        assert_eq!(changes(&cloud, camera), [], "how it is at first is no event");
        // Whatever is not `active` is offline; the case of letters is not heeded.
        cloud.sim.set_status(camera, Some("inactive"));
        wait_truth(&cloud);
        cloud.sim.set_status(camera, Some("Pending"));
        pace(500 * MS);
        cloud.sim.set_status(camera, Some("Active"));
        wait_truth(&cloud);
        let both = [change("connection.lost", "offline", "live"), change("connection.restored", "online", "live")];
        assert_eq!(changes(&cloud, camera), both, "{by:?}");
        cloud.sim.set_status(camera, None);
        wait_truth(&cloud);
        let all = cloud.lines();
        assert!(all.iter().all(|line| line["itemname"].is_null() || line["itemname"] == "Camera 1"));
        assert!(cloud.sim.counters().of(list).ok > 0, "{:?}", cloud.sim.counters().requests);
        cloud.settle();
    });
}

#[test]
fn a_camera_that_went_while_nobody_looked_is_told_as_a_difference() {
    let mut cloud = Cloud::online(options(), By::Group);
    wait_truth(&cloud);
    cloud.shut_down();
    let camera = cloud.first();
    cloud.sim.set_status(camera, Some("inactive"));
    cloud.start_engine();
    wait_truth(&cloud);
    assert_eq!(changes(&cloud, camera), [change("connection.lost", "offline", "snapshot")]);
}

#[test]
fn without_a_list_of_cameras_events_come_all_the_same() {
    let cases: [(By, &[Fault]); 2] = [(By::Camera, &[]), (By::Licence, &[Fault::NoV3, Fault::V5GroupOnly])];
    for (by, faults) in cases {
        let cloud = Cloud::online(Options { faults: faults.to_vec(), ..options() }, by);
        cloud.sim.emit(20);
        cloud.settle();
        assert_eq!(cloud.engine().states().count(YARD), 0);
    }
}

#[test]
fn one_list_that_lacks_a_camera_says_nothing_and_two_do() {
    let cloud = Cloud::online(options(), By::Group);
    wait_truth(&cloud);
    let camera = cloud.first();
    cloud.sim.inject(Fault::NoChannels(watchpost::simulator::vxg::Times(Some(1))));
    eventually(DEADLINE, "an empty list", || cloud.sim.counters().struck("no-channels") == 1);
    pace(500 * MS);
    assert_eq!(cloud.value(camera).as_deref(), Some("online"));
    cloud.sim.remove_camera(camera);
    eventually(DEADLINE, "it is unknown", || cloud.value(camera).is_none_or(|value| value == "unknown"));
}
