//! The stream of states: all of them, then each change, and how connections are doing.

use std::collections::BTreeMap;

use watchpost::{
    actors::{
        EngineConfig,
        settings::Secret,
        vendors::milestone::config::{FilterRow, MilestoneConfig},
    },
    simulator::milestone::DropHow,
};

use crate::{
    api::{Api, settings},
    common::{DEADLINE, Plan, Rig, connection, eventually, options},
    sse::{Frame, Sse},
};

const STATES: &str = "/api/v1/states/stream";

type Known = BTreeMap<(String, String), String>;

fn take(known: &mut Known, frame: &Frame) {
    let text = |member: &str| frame.data[member].as_str().unwrap().to_owned();
    known.insert((text("item"), text("vendorgroup")), text("value"));
}

fn shown(rig: &Rig, wanted: impl Fn(&str) -> bool) -> Known {
    let all = rig.engine().states().query(&watchpost::actors::model::Filter::everything());
    let all = all.into_iter().filter(|state| wanted(state.group()));
    all.map(|state| {
        let group = state.meaning.state.as_ref().unwrap().vendor_group.to_string();
        ((state.item.id.to_string(), group), state.value().to_owned())
    })
    .collect()
}

/// Takes the present states.
fn present(client: &mut Sse) -> Known {
    let mut known = Known::new();
    loop {
        let frame = client.next().unwrap();
        if frame.is("present") {
            assert_eq!(frame.data["states"], known.len(), "each is told once");
            return known;
        }
        if frame.is("state") {
            take(&mut known, &frame);
        }
    }
}

#[test]
fn every_state_comes_first_and_then_each_change() {
    let mut rig = Rig::online(options());
    rig.sim.emit(50);
    let api = Api::start(rig.engine(), settings());
    rig.walk(200.0);
    let mut all = Sse::open(api.address, STATES);
    let mut motion = Sse::open(api.address, &format!("{STATES}?group=motion"));
    let mut known = present(&mut all);
    assert!(known.len() > 30);
    let mut of_motion = present(&mut motion);
    crate::common::pace(crate::common::SECOND);
    rig.rest();
    rig.settle();
    let mut last: BTreeMap<(String, String), u64> = BTreeMap::new();
    while known != shown(&rig, |_| true) {
        let frame = all.event("state");
        let key = (frame.data["item"].to_string(), frame.data["vendorgroup"].to_string());
        let sequence = frame.data["sequence"].as_str().unwrap().parse().unwrap();
        assert!(last.insert(key, sequence).is_none_or(|before| before <= sequence), "values do not go back");
        take(&mut known, &frame);
    }
    while of_motion != shown(&rig, |group| group == "motion") {
        let frame = motion.event("state");
        assert_eq!(frame.data["group"], "motion");
        take(&mut of_motion, &frame);
    }
}

#[test]
fn who_wants_some_values_hears_when_a_state_no_longer_has_them() {
    let mut rig = Rig::online(options());
    rig.walk(300.0);
    let moving = |rig: &Rig| shown(rig, |group| group == "motion").values().any(|value| value == "detected");
    eventually(DEADLINE, "something moves", || moving(&rig));
    let api = Api::start(rig.engine(), settings());
    let mut client = Sse::open(api.address, &format!("{STATES}?group=motion&value=detected"));
    let mut known = present(&mut client);
    assert!(known.values().all(|value| value == "detected"));
    for _ in 0..50 {
        let frame = client.event("state");
        let key =
            (frame.data["item"].as_str().unwrap().to_owned(), frame.data["vendorgroup"].as_str().unwrap().to_owned());
        if frame.data["value"] == "detected" {
            known.insert(key, "detected".to_owned());
        } else {
            assert!(known.remove(&key).is_some(), "only what was told before is taken back");
        }
    }
}

#[test]
fn a_connection_that_breaks_is_told_so_that_its_states_can_be_greyed() {
    let rig = Rig::online(options());
    let api = Api::start(rig.engine(), settings());
    let mut client = Sse::open(api.address, STATES);
    let mut other = Sse::open(api.address, &format!("{STATES}?connection=other"));
    let first = client.event("connection");
    assert_eq!((first.data["name"].as_str(), first.data["state"].as_str()), (Some("hq"), Some("online")));
    assert_eq!(present(&mut other).len(), 0);
    present(&mut client);
    rig.sim.pause_listening();
    rig.sim.drop_sockets(DropHow::Reset);
    while client.event("connection").data["state"] != "delayed" {}
    rig.sim.resume_listening().unwrap();
    while client.event("connection").data["state"] != "online" {}
    drop(api);
    assert!(other.end().is_empty(), "what is of no interest is not told");
}

#[test]
fn all_connections_are_told_once_by_name_before_the_states_also_where_there_are_many() {
    let many = |config: &mut EngineConfig| {
        for nth in 0..150 {
            let nowhere = "http://127.0.0.1:9".parse().unwrap();
            let vendor = MilestoneConfig::new(nowhere, "u", Secret::from("p"), Vec::<FilterRow>::new());
            config.connections.push(connection(&format!("c{nth:03}"), vendor));
        }
    };
    let rig = Plan::new(options()).engine(many).start();
    rig.wait_online();
    let api = Api::start(rig.engine(), settings());
    for (query, expected) in [("", 151), ("?connection=c0*", 100), ("?connection=hq", 1), ("?connection=none", 0)] {
        let mut client = Sse::open(api.address, &format!("{STATES}{query}"));
        let (mut told, mut states) = (Vec::new(), 0);
        loop {
            let frame = client.next().unwrap();
            match frame.event.as_deref() {
                Some("connection") => {
                    assert_eq!(states, 0, "they come first");
                    told.push(frame.data["name"].as_str().unwrap().to_owned());
                }
                Some("state") => states += 1,
                Some("present") => break,
                _ => panic!("{frame:?}"),
            }
        }
        assert_eq!(told.len(), expected, "{query}");
        assert!(told.is_sorted_by(|a, b| a < b), "{told:?}");
        assert_eq!(states > 0, query.is_empty() || query.ends_with("hq"), "{query}: {states}");
    }
}
