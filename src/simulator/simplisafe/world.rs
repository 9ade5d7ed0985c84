//! Users, their systems, and what is in them.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use super::{
    Options,
    codes::{Alarm, Bolt},
    ledger::Shown,
    stamp::{self, Seconds},
};
use crate::simulator::common::rng::Rng;

/// Types of devices, by the vendor's numbers (`type`, `sensorType`).
#[allow(missing_docs, reason = "each says what it is")]
pub mod kind {
    pub const KEYPAD: i64 = 1;
    pub const MOTION: i64 = 4;
    pub const ENTRY: i64 = 5;
    pub const GLASS_BREAK: i64 = 6;
    pub const CARBON_MONOXIDE: i64 = 7;
    pub const SMOKE: i64 = 8;
    pub const LEAK: i64 = 9;
    pub const TEMPERATURE: i64 = 10;
    pub const CAMERA: i64 = 12;
    pub const SIREN: i64 = 13;
    pub const SMOKE_AND_CO: i64 = 14;
    pub const DOORBELL: i64 = 15;
    pub const LOCK: i64 = 16;
    pub const OUTDOOR_CAMERA: i64 = 17;
    pub const PIN_PAD: i64 = 253;
}

/// The sensors of a system, in this order, and again without the first three.
const ORDER: [(i64, &str); 12] = [
    (kind::KEYPAD, "Keypad"),
    (kind::LOCK, "Front Door Lock"),
    (kind::PIN_PAD, "Front Door Lock"),
    (kind::ENTRY, "Front Door"),
    (kind::ENTRY, "Back Door"),
    (kind::MOTION, "Hallway"),
    (kind::SMOKE, "Upstairs"),
    (kind::LEAK, "Basement"),
    (kind::TEMPERATURE, "Garage"),
    (kind::SMOKE_AND_CO, "Kitchen"),
    (kind::GLASS_BREAK, "Living Room"),
    (kind::CARBON_MONOXIDE, "Bedroom"),
];

const CAMERAS: [(&str, &str, i64, bool); 3] = [
    ("SS002", "Front Door", kind::DOORBELL, true),
    ("SSOBCM4", "Back Yard", kind::OUTDOOR_CAMERA, false),
    ("SS001", "Living Room", kind::CAMERA, true),
];

const STREETS: [&str; 8] =
    ["Main Street", "Elm Avenue", "Lake Road", "Hill Lane", "Station Way", "Mill Court", "Park Drive", "Church Walk"];

/// Where a user, a system, a device is in its list.
pub(super) type Place = usize;

/// A device of a system: a sensor, or a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Sensor(Place),
    Camera(Place),
}

#[derive(Debug, Clone)]
pub(super) struct Sensor {
    pub(super) kind: i64,
    pub(super) serial: String,
    pub(super) name: String,
    pub(super) triggered: bool,
    pub(super) offline: bool,
    pub(super) low_battery: bool,
    pub(super) tampered: bool,
    pub(super) malfunction: bool,
    pub(super) temperature: i64,
    pub(super) bolt: Bolt,
    pub(super) suspicious: bool,
    /// It raised the alarm that is not canceled yet.
    pub(super) memory: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Camera {
    pub(super) uuid: String,
    /// The end of the uuid, by which events call it.
    pub(super) serial: String,
    pub(super) name: String,
    pub(super) model: &'static str,
    pub(super) kind: i64,
    /// It has its clips as FLV alone.
    pub(super) flv: bool,
    pub(super) online: bool,
    pub(super) memory: bool,
}

/// An event as the history keeps it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) time: Seconds,
    pub(super) at: SystemTime,
    pub(super) cid: i64,
    /// As the history tells it.
    pub(super) row: Value,
    /// From when the history has it; `None`: never.
    pub(super) told_from: Option<Instant>,
    pub(super) shown: Vec<Shown>,
}

/// The sensors as they were when the base station was last asked.
#[derive(Debug)]
pub(super) struct Cached {
    pub(super) sensors: Vec<Sensor>,
    pub(super) at: Seconds,
}

#[derive(Debug)]
pub(super) struct System {
    pub(super) sid: u64,
    pub(super) user: Place,
    pub(super) account: String,
    pub(super) street: String,
    pub(super) alarm: Alarm,
    pub(super) alarm_since: Seconds,
    /// Counts changes of the alarm: what was put off counts only if there was none since.
    pub(super) alarm_round: u64,
    /// When the countdown ends.
    pub(super) countdown: Option<Instant>,
    /// When it was last armed or disarmed.
    pub(super) armed_at: Option<Instant>,
    pub(super) mains: bool,
    pub(super) last_outage: Seconds,
    pub(super) wifi: bool,
    pub(super) last_wifi: Seconds,
    pub(super) jammed: bool,
    pub(super) offline: bool,
    pub(super) temperature: i64,
    pub(super) sensors: Vec<Sensor>,
    pub(super) cameras: Vec<Camera>,
    pub(super) cached: Cached,
    /// Oldest first.
    pub(super) history: VecDeque<Record>,
}

impl System {
    pub(super) fn part(&self, serial: &str) -> Option<Part> {
        let sensor = self.sensors.iter().position(|sensor| sensor.serial == serial);
        let camera = || self.cameras.iter().position(|camera| camera.uuid == serial || camera.serial == serial);
        sensor.map(Part::Sensor).or_else(|| camera().map(Part::Camera))
    }

    pub(super) fn name_of(&self, part: Part) -> &str {
        match part {
            Part::Sensor(place) => &self.sensors[place].name,
            Part::Camera(place) => &self.cameras[place].name,
        }
    }

    pub(super) fn first_of(&self, wanted: i64) -> Option<Part> {
        self.sensors.iter().position(|sensor| sensor.kind == wanted).map(Part::Sensor)
    }

    pub(super) fn has_locks(&self) -> bool {
        self.sensors.iter().any(|sensor| sensor.kind == kind::LOCK)
    }

    pub(super) fn record(&mut self, id: u64) -> Option<&mut Record> {
        self.history.iter_mut().rev().find(|record| record.id == id)
    }

    /// Adds to the history, where its time puts it; says whether it is kept.
    pub(super) fn remember(&mut self, record: Record, most: usize) {
        let before = self.history.partition_point(|known| (known.time, known.id) <= (record.time, record.id));
        self.history.insert(before, record);
        while self.history.len() > most.max(1) {
            self.history.pop_front();
        }
    }

    /// The base station is asked.
    pub(super) fn sync(&mut self) {
        self.cached = Cached { sensors: self.sensors.clone(), at: stamp::now() };
    }
}

#[derive(Debug)]
pub(super) struct User {
    pub(super) uid: u64,
    /// That with which a client can begin.
    pub(super) refresh_token: Arc<str>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) users: Vec<User>,
    pub(super) systems: Vec<System>,
    pub(super) rng: Rng,
    next_id: u64,
    /// Ids of events from before the simulator was there go down.
    past_id: u64,
}

/// Where ids of events begin; those of 2023 were at 38 thousand million.
const FIRST_ID: u64 = 44_000_000_000;

impl World {
    pub(super) fn new(options: &Options) -> Self {
        let mut world = Self {
            users: Vec::new(),
            systems: Vec::new(),
            rng: Rng::new(options.seed),
            next_id: FIRST_ID,
            past_id: FIRST_ID,
        };
        for user in 0..options.users.max(1) {
            let refresh_token = format!("v1.{}", super::auth::random(&mut world.rng, 32));
            world.users.push(User { uid: 500_000 + user as u64, refresh_token: refresh_token.into() });
            for _ in 0..options.systems {
                world.add_system(user, options.sensors, options.cameras);
            }
        }
        world
    }

    pub(super) fn add_system(&mut self, user: Place, sensors: usize, cameras: usize) -> u64 {
        let nth = self.systems.len();
        let now = stamp::now();
        let mut system = System {
            sid: 1_000_000 + 10 * nth as u64,
            user,
            account: format!("{:08X}", self.rng.next() >> 32),
            street: format!("{} {}", 1234 + nth, STREETS[nth % STREETS.len()]),
            alarm: Alarm::Off,
            // Nobody has just armed it: a base station with locks would have to be left alone first.
            alarm_since: now - 3_600,
            alarm_round: 0,
            countdown: None,
            armed_at: None,
            mains: true,
            last_outage: now - 86_400,
            wifi: true,
            last_wifi: now,
            jammed: false,
            offline: false,
            temperature: 67,
            sensors: Vec::new(),
            cameras: Vec::new(),
            cached: Cached { sensors: Vec::new(), at: now },
            history: VecDeque::new(),
        };
        for (kind, name) in (0..sensors).map(nth_sensor) {
            let serial = format!("{:08x}", self.rng.next() >> 32);
            system.sensors.push(Sensor {
                kind,
                serial,
                name,
                triggered: false,
                offline: false,
                low_battery: false,
                tampered: false,
                malfunction: false,
                temperature: 67,
                bolt: Bolt::Locked,
                suspicious: false,
                memory: false,
            });
        }
        for nth in 0..cameras {
            let (model, name, kind, flv) = CAMERAS[nth % CAMERAS.len()];
            let uuid = self.rng.guid().replace('-', "");
            let serial = uuid[uuid.len() - 8..].to_owned();
            let name =
                if nth < CAMERAS.len() { name.to_owned() } else { format!("{name} {}", nth / CAMERAS.len() + 1) };
            system.cameras.push(Camera { uuid, serial, name, model, kind, flv, online: true, memory: false });
        }
        system.sync();
        let sid = system.sid;
        self.systems.push(system);
        sid
    }

    pub(super) fn find(&self, sid: u64) -> Option<Place> {
        // Systems are in the order of their ids.
        self.systems.binary_search_by_key(&sid, |system| system.sid).ok()
    }

    /// The id of what happens next.
    pub(super) fn next_id(&mut self) -> u64 {
        self.next_id += 1 + self.rng.below(9) as u64;
        self.next_id
    }

    pub(super) fn past_id(&mut self) -> u64 {
        self.past_id -= 1 + self.rng.below(9) as u64;
        self.past_id
    }
}

/// Type and name of the nth sensor of a system.
fn nth_sensor(nth: usize) -> (i64, String) {
    if let Some((kind, name)) = ORDER.get(nth) {
        return (*kind, (*name).to_owned());
    }
    let again = &ORDER[3..];
    let more = nth - ORDER.len();
    let (kind, name) = again[more % again.len()];
    (kind, format!("{name} {}", more / again.len() + 2))
}

/// How long after an alarm was set or unset the base station complains of a lock when it is asked for its devices.
pub(super) const COMPLAINS: Duration = Duration::from_secs(15);
/// Within this the push of it is on its way, and so may be a call by who cannot know yet.
pub(super) const KNOWN_BY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_sensors_have_names_of_their_own_and_one_keypad_and_lock_is_enough() {
        let world = World::new(&Options { sensors: 30, ..Options::default() });
        let system = &world.systems[0];
        let mut names: Vec<_> = system.sensors.iter().map(|sensor| (sensor.kind, &sensor.name)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 30);
        assert_eq!(system.sensors.iter().filter(|sensor| sensor.kind == kind::LOCK).count(), 1);
        assert_eq!(world.find(system.sid), Some(0));
    }
}
