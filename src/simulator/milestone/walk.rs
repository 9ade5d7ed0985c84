//! What happens next: a random walk over legal transitions.
//!
//! A state only ever moves to another state of its group (started, stopped, started, …). Most of it is motion, then recording, as on a
//! real site; communication and disks rarely change.

use std::sync::Arc;

use serde_json::json;

use super::{
    event_types::{CONFIGURATION_CHANGED, Group},
    ledger::Emitted,
    stamp::Ticks,
    world::{World, group_position},
};
use crate::simulator::common::rng::Rng;

#[derive(Clone, Copy)]
enum Step {
    Change(Group),
    Input,
    UserDefined,
    Analytics,
}

/// How often each kind of event happens, of 1000.
const STEPS: &[(Step, u32)] = &[
    (Step::Change(Group::Motion), 720),
    (Step::Change(Group::Recording), 150),
    (Step::Change(Group::LiveClientFeed), 30),
    (Step::Change(Group::RecordingFps), 10),
    (Step::Change(Group::LiveFps), 10),
    (Step::Change(Group::FeedOverflow), 5),
    (Step::Change(Group::Communication), 5),
    (Step::Change(Group::HardwareCommunication), 3),
    (Step::Change(Group::Output), 15),
    (Step::Change(Group::Cpu), 2),
    (Step::Input, 25),
    (Step::UserDefined, 10),
    (Step::Analytics, 15),
];

const MISSABLE: [&str; 4] = ["id", "time", "type", "source"];

impl World {
    /// The next event of the walk. While a flood runs, motion is left to the flood (`spare_motion`).
    pub(super) fn walk(&mut self, spare_motion: bool) -> Emitted {
        // A small system has no item for some steps; user-defined events there always are.
        for _ in 0..32 {
            let time = self.tick();
            let raised = match self.draw_step() {
                Step::Change(Group::Motion) if spare_motion => None,
                Step::Change(group) => self.change(group, time),
                Step::Input => self.input(time),
                Step::UserDefined => Some(self.user_defined(time)),
                Step::Analytics => self.analytics(time, 0),
            };
            if let Some(event) = raised {
                return event;
            }
        }
        let time = self.tick();
        self.user_defined(time)
    }

    fn draw_step(&mut self) -> Step {
        let mut left = u32::try_from(self.rng.below(1000)).unwrap_or(0);
        for (step, weight) in STEPS {
            if left < *weight {
                return *step;
            }
            left -= weight;
        }
        Step::UserDefined
    }

    /// Moves a random holder of the group to another of its states.
    fn change(&mut self, group: Group, time: Ticks) -> Option<Emitted> {
        let group = group_position(group);
        let holders = self.groups[group].holders.len();
        let nth = self.rng.below(holders);
        let holder = *self.groups[group].holders.get(nth)?;
        self.move_on(holder, group, time)
    }

    /// Moves one state to another of its group.
    fn move_on(&mut self, item: usize, group: usize, time: Ticks) -> Option<Emitted> {
        let current = self.states.get(&(item, group))?.event_type;
        let others: Vec<usize> =
            self.groups[group].members.iter().copied().filter(|member| *member != current).collect();
        let nth = self.rng.below(others.len());
        let next = *others.get(nth)?;
        Some(self.raise(item, next, time, None))
    }

    fn input(&mut self, time: Ticks) -> Option<Emitted> {
        let name = if self.rng.chance(500) { "InputActivated" } else { "InputDeactivated" };
        let item = self.any_of("inputEvents")?;
        let event_type = self.event_type(name)?;
        Some(self.raise(item, event_type, time, None))
    }

    fn user_defined(&mut self, time: Ticks) -> Emitted {
        let item = self.any_of("userDefinedEvents").unwrap_or(0);
        let event_type = self.event_type(&self.items[item].id.clone()).unwrap_or(0);
        self.raise(item, event_type, time, None)
    }

    /// An analytics event from a camera, with a description of at least `padding` bytes.
    fn analytics(&mut self, time: Ticks, padding: usize) -> Option<Emitted> {
        let rule = self.any_of("analyticsEvents")?;
        let event_type = self.event_type(&self.items[rule].id.clone())?;
        let camera = self.any_of("cameras")?;
        let data = analytics_data(&mut self.rng, &self.items[rule].name, &self.items[camera].name, padding);
        Some(self.raise(camera, event_type, time, Some(data)))
    }

    fn any_of(&mut self, resource: &str) -> Option<usize> {
        let count = self.positions_of(resource).len();
        let nth = self.rng.below(count);
        self.positions_of(resource).get(nth).copied()
    }

    /// Up to `count` flips of the communication of devices on one recording server, all within one second.
    pub(super) fn burst(&mut self, count: usize) -> Vec<Emitted> {
        let group = group_position(Group::Communication);
        let holders = self.groups[group].holders.clone();
        let recorder = |item: usize| {
            let hardware = self.items[item].parent?;
            self.items[hardware].parent
        };
        let struck = self.rng.below(holders.len());
        let struck = recorder(holders.get(struck).copied().unwrap_or_default());
        let devices: Vec<usize> = holders.into_iter().filter(|item| recorder(*item) == struck).collect();
        let first = self.ticks_of_one_second(count as u64);
        let times = first..first + count as u64;
        if devices.is_empty() {
            return times.map(|time| self.user_defined(time)).collect();
        }
        times.zip(devices.iter().cycle()).filter_map(|(time, device)| self.move_on(*device, group, time)).collect()
    }

    /// An event with more data than a client expects: 200 to 600 KiB.
    pub(super) fn big(&mut self) -> Option<Emitted> {
        let time = self.tick();
        let padding = (200 + self.rng.below(400)) << 10;
        self.analytics(time, padding)
    }

    /// A stateless event of which one member will be left out. Stateless, so that no state is lost with it.
    pub(super) fn defective(&mut self) -> Emitted {
        let time = self.tick();
        let mut event = self.user_defined(time);
        event.missing = Some(MISSABLE[self.rng.below(MISSABLE.len())]);
        event
    }

    /// What the management server raises when somebody changes the configuration. The members of `data` are those that
    /// Milestone's .NET sample reads; their spelling on the wire is inferred.
    pub(super) fn configuration_changed(&mut self, item: usize, action: &str) -> Option<Emitted> {
        let time = self.tick();
        let site = self.any_of("sites")?;
        let event_type = self.event_type(CONFIGURATION_CHANGED)?;
        let changed = &self.items[item];
        let data = json!({
            "Action": action,
            "RelatedItem": { "RelatedItemRestResource": &*changed.source, "Name": changed.name },
        });
        Some(self.raise(site, event_type, time, Some(data.to_string().into())))
    }
}

/// The vendor's `AnalyticsData`: its members are documented, their use by each analytics is not.
fn analytics_data(rng: &mut Rng, rule: &str, camera: &str, padding: usize) -> Arc<str> {
    let mut description = format!("{rule} at {camera}");
    description.extend(std::iter::repeat_n('.', padding));
    json!({
        "Snapshots": [],
        "Description": description,
        "location": camera,
        "Object": { "Name": "person", "Confidence": rng.below(100) },
    })
    .to_string()
    .into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_stateful_event_of_the_walk_changes_its_state() {
        let mut world = World::new(10, 3);
        let mut stateful = 0;
        for _ in 0..5000 {
            let before = world.states_now();
            let event = world.walk(false);
            let Some(group) = &event.group else { continue };
            let key = (event.source.to_string(), group.to_string());
            assert_ne!(before[&key].event_type, *event.event_type);
            assert_eq!(world.states_now()[&key].id, event.id);
            stateful += 1;
        }
        assert!(stateful > 4000);
    }

    #[test]
    fn event_times_only_grow() {
        let mut world = World::new(4, 3);
        let mut last = String::new();
        for _ in 0..500 {
            let event = world.walk(false);
            assert!(event.time > last);
            last = event.time;
        }
    }

    #[test]
    fn a_burst_is_of_one_second_and_of_one_recording_server() {
        let mut world = World::new(300, 3);
        let burst = world.burst(234);
        assert_eq!(burst.len(), 234);
        let second = &burst[0].time[..19];
        assert!(burst.iter().all(|event| &event.time[..19] == second));
        let recorder = |event: &Emitted| {
            let camera = world.item(&event.source).unwrap();
            world.items[world.items[camera].parent.unwrap()].parent
        };
        assert!(burst.iter().all(|event| recorder(event) == recorder(&burst[0])));
    }
}
