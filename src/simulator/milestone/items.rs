//! Furnishes the world: which items there are, and in which states they begin.
//!
//! The proportions of states are those observed on a 2025 R2 site with 2,659 cameras and 22 recording servers: 16,406 camera
//! states, about six groups a camera, most cameras quiet, many frame-rate states `Critical`.

use std::sync::Arc;

use super::{
    event_types::{Generator, Group},
    world::{EventType, World},
};
use crate::simulator::common::rng::Rng;

/// User-defined events that every installation has.
const DEFAULT_EVENTS: [(&str, &str); 3] = [
    ("85867627-b287-4439-9e55-a63701e1715b", "RequestPlayAudioMessage"),
    ("77b1e70d-ba8d-4bb8-9ee8-43b09746d82a", "RequestStartRecording"),
    ("7605f8b0-7f5f-4432-b223-0bb2dc3f1f5c", "RequestStopRecording"),
];

const OWN_EVENTS: [&str; 5] = ["Panic button", "Lockdown", "Fire drill", "Door held open", "Patrol checkpoint"];
const ANALYTICS: [&str; 3] = ["Line crossed", "Loitering", "License plate read"];

const PLACES: [&str; 24] = [
    "Lobby",
    "Loading dock",
    "Parking",
    "Stairwell",
    "Corridor",
    "Server room",
    "Reception",
    "Warehouse aisle",
    "Main gate",
    "Back door",
    "Elevator",
    "Cafeteria",
    "Roof",
    "Fence north",
    "Fence south",
    "Meeting room",
    "Archive",
    "Laboratory",
    "Workshop",
    "Garage",
    "Entrance",
    "Courtyard",
    "Bike shed",
    "Control room",
];

const CAMERAS_PER_RECORDER: usize = 120;

/// Of 1000 cameras, how many have a state of the group, and how the states are spread: `(name, weight)`.
type Spread = (Group, u32, &'static [(&'static str, u32)]);

const CAMERA_STATES: &[Spread] = &[
    (Group::Motion, 944, &[("MotionStopped", 2504), ("MotionStarted", 5)]),
    (
        Group::Communication,
        953,
        &[("CommunicationStarted", 2425), ("CommunicationError", 97), ("CommunicationStopped", 12)],
    ),
    (Group::FeedOverflow, 874, &[("FeedOverflowStopped", 2312), ("FeedOverflowStarted", 13)]),
    (Group::LiveClientFeed, 912, &[("LiveClientFeedTerminated", 2308), ("LiveClientFeedRequested", 117)]),
    (Group::Recording, 944, &[("RecordingStopped", 1846), ("RecordingStarted", 665)]),
    (
        Group::RecordingFps,
        771,
        &[
            ("RecordingFpsCritical", 1259),
            ("RecordingFpsNormal", 577),
            ("RecordingFpsWarning", 170),
            ("RecordingFpsUndefined", 44),
        ],
    ),
    (
        Group::LiveFps,
        769,
        &[("LiveFpsCritical", 1134), ("LiveFpsNormal", 847), ("LiveFpsUndefined", 45), ("LiveFpsWarning", 18)],
    ),
];

const HARDWARE_STATES: &[Spread] = &[(
    Group::HardwareCommunication,
    951,
    &[("HardwareCommunicationStarted", 2260), ("HardwareCommunicationError", 96), ("HardwareCommunicationStopped", 12)],
)];

const RECORDER_STATES: &[Spread] = &[
    (Group::RecorderCommunication, 1000, &[("RecordingServerCommunicationStarted", 1)]),
    (Group::RetentionTime, 1000, &[("RetentionTimeNormal", 1)]),
    (Group::Cpu, 1000, &[("CpuUsageNormal", 1)]),
    (Group::ServiceAvailable, 1000, &[("ServiceAvailableCritical", 1), ("ServiceAvailableNormal", 1)]),
    (Group::GpuMemory, 955, &[("GpuMemoryUndefined", 1)]),
    (Group::GpuRendering, 955, &[("GpuRenderingUndefined", 1)]),
    (Group::GpuDecoding, 955, &[("GpuDecodingUndefined", 1)]),
    (Group::DatabaseDisk, 45, &[("DatabaseDiskAvailable", 1)]),
];

const OUTPUT_STATES: &[Spread] = &[(Group::Output, 1000, &[("OutputDeactivated", 19), ("OutputActivated", 1)])];

/// What a crowd is made of.
const CROWD: [&str; 7] =
    ["cameras", "microphones", "speakers", "outputs", "inputEvents", "hardware", "recordingServers"];

/// Adds devices that may move, but have not yet.
pub(super) fn gather(world: &mut World, crowd: usize) {
    // Behind all others, as cameras are in the order of their hardware.
    let hardware = if crowd > 0 { Some(add(world, "hardware", "Crowd".to_owned(), None)) } else { None };
    let of_a_kind = crowd.div_ceil(CROWD.len()).max(1);
    for n in 0..crowd {
        let item = add(world, CROWD[n / of_a_kind], format!("Device {:07}", n + 1), hardware);
        world.may_hold(item, Group::Motion);
    }
}

pub(super) fn furnish(world: &mut World, cameras: usize) {
    let site = add(world, "sites", "Headquarters".to_owned(), None);
    // A source that the REST API cannot resolve: services exist in events only.
    add(world, "services", "Event Server".to_owned(), Some(site));
    let recorders: Vec<usize> = (0..cameras.div_ceil(CAMERAS_PER_RECORDER).max(1))
        .map(|n| {
            let recorder = add(world, "recordingServers", format!("Recorder {:02}", n + 1), Some(site));
            settle(world, recorder, RECORDER_STATES);
            recorder
        })
        .collect();
    for n in 0..cameras {
        let recorder = recorders[n / CAMERAS_PER_RECORDER];
        let name = format!("{} {}", PLACES[n % PLACES.len()], n / PLACES.len() + 1);
        let hardware = add(world, "hardware", format!("{name} encoder"), Some(recorder));
        settle(world, hardware, HARDWARE_STATES);
        let camera = add(world, "cameras", name.clone(), Some(hardware));
        if n % 500 == 499 {
            world.items[camera].enabled = false;
        } else {
            settle(world, camera, CAMERA_STATES);
        }
        attach(world, hardware, n, &name);
    }
    for (id, name) in DEFAULT_EVENTS {
        user_event(world, id.to_owned(), name);
    }
    for name in OWN_EVENTS {
        let id = world.rng.guid();
        user_event(world, id, name);
    }
    for name in ANALYTICS {
        let position = add(world, "analyticsEvents", name.to_owned(), None);
        let id: Arc<str> = world.items[position].id.as_str().into();
        add_external(world, id, name, vec!["Camera"], Generator::Analytics);
    }
}

/// The devices beside the camera on a piece of hardware.
fn attach(world: &mut World, hardware: usize, n: usize, name: &str) {
    if n.is_multiple_of(5) {
        add(world, "microphones", format!("{name} microphone"), Some(hardware));
    }
    if n.is_multiple_of(20) {
        add(world, "speakers", format!("{name} speaker"), Some(hardware));
    }
    if n.is_multiple_of(10) {
        let output = add(world, "outputs", format!("{name} output"), Some(hardware));
        settle(world, output, OUTPUT_STATES);
        add(world, "inputEvents", format!("{name} input"), Some(hardware));
    }
}

fn add(world: &mut World, resource: &'static str, name: String, parent: Option<usize>) -> usize {
    let id = world.rng.guid();
    world.add_item(resource, id, name, parent)
}

/// For a user-defined event, source and type are the same item, as Milestone's Events REST API documents.
fn user_event(world: &mut World, id: String, name: &str) {
    add_external(world, id.as_str().into(), name, vec!["UserDefinedEvent"], Generator::External);
    world.add_item("userDefinedEvents", id, name.to_owned(), None);
}

fn add_external(world: &mut World, id: Arc<str>, name: &str, sources: Vec<&'static str>, generator: Generator) {
    world.add_type(EventType {
        id,
        name: name.to_owned(),
        display: name.to_owned(),
        group: None,
        state: "",
        counter: None,
        sources,
        generator,
    });
}

fn settle(world: &mut World, item: usize, spreads: &[Spread]) {
    for (group, permille, spread) in spreads {
        if world.rng.chance(*permille) {
            let name = draw(&mut world.rng, spread);
            world.settle(item, *group, name);
        }
    }
}

fn draw(rng: &mut Rng, spread: &[(&'static str, u32)]) -> &'static str {
    let total: u32 = spread.iter().map(|(_, weight)| weight).sum();
    let mut left = u32::try_from(rng.below(total as usize)).unwrap_or(0);
    for (name, weight) in spread {
        if left < *weight {
            return name;
        }
        left -= weight;
    }
    ""
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_world() {
        let ids = |seed| {
            let world = World::new(30, seed);
            let items: Vec<_> = world.items.iter().map(|item| item.source.clone()).collect();
            let states: Vec<_> = world.states.values().map(|state| state.event_type).collect();
            (items, states)
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7).0, ids(8).0);
    }

    #[test]
    fn a_crowd_has_names_and_no_states_until_it_moves() {
        let mut world = World::new(10, 1);
        let (items, states) = (world.items.len(), world.states.len());
        let motion = crate::simulator::milestone::world::group_position(Group::Motion);
        let before = world.groups[motion].holders.len();
        gather(&mut world, 100);
        assert_eq!((world.items.len(), world.states.len()), (items + 101, states));
        assert!(
            CROWD.iter().all(|kind| world.items[items..].iter().filter(|item| item.resource == *kind).count() >= 10)
        );
        let started = world.event_type("MotionStarted").unwrap();
        for _ in 0..2 {
            let time = world.tick();
            world.raise(items + 1, started, time, None);
        }
        assert_eq!(world.states.len(), states + 1);
        assert_eq!(world.groups[motion].holders.len(), before + 100);
    }

    #[test]
    fn a_large_site_has_six_states_a_camera_in_the_observed_proportions() {
        let world = World::new(2659, 1);
        let camera_states = world.states.keys().filter(|(item, _)| world.items[*item].resource == "cameras").count();
        assert!((15_500..17_300).contains(&camera_states), "{camera_states}");
        let error = world.event_type("CommunicationError").unwrap();
        let errors = world.states.values().filter(|state| state.event_type == error).count();
        assert!((50..160).contains(&errors), "{errors}");
        assert_eq!(world.items_of("recordingServers").count(), 23);
    }
}
