//! What happens by itself: a random walk over what a house does, and what lies in the past.

use std::time::{Duration, Instant, SystemTime};

use super::{
    codes::{Alarm, Bolt},
    happen::Occurrence,
    hub::Core,
    stamp,
    world::{Part, Place, kind},
};

/// What can happen, and how likely it is.
const CHOICES: [(Choice, usize); 8] = [
    (Choice::Motion, 300),
    (Choice::Door, 250),
    (Choice::Lock, 200),
    (Choice::Arm, 120),
    (Choice::Test, 60),
    (Choice::Reach, 40),
    (Choice::Power, 20),
    (Choice::Wifi, 10),
];

#[derive(Clone, Copy)]
enum Choice {
    Motion,
    Door,
    Lock,
    Arm,
    Test,
    Reach,
    Power,
    Wifi,
}

impl Core {
    /// Lets `count` events happen; changes that nobody pushes come on top.
    pub(super) fn emit(&mut self, count: usize) {
        for _ in 0..count {
            let before = self.counters.happened;
            for _ in 0..64 {
                let Some(place) = self.draw_system() else { return };
                self.step(place);
                if self.counters.happened > before {
                    break;
                }
            }
        }
    }

    pub(super) fn draw_system(&mut self) -> Option<Place> {
        let count = self.world.systems.len();
        (count > 0).then(|| self.world.rng.below(count))
    }

    fn draw_sensor(&mut self, place: Place, meant: impl Fn(i64) -> bool) -> Option<Part> {
        let sensors = &self.world.systems[place].sensors;
        let meant: Vec<Place> = (0..sensors.len()).filter(|nth| meant(sensors[*nth].kind)).collect();
        let nth = self.world.rng.below(meant.len());
        meant.get(nth).copied().map(Part::Sensor)
    }

    fn step(&mut self, place: Place) {
        let mut left = self.world.rng.below(CHOICES.iter().map(|(_, weight)| weight).sum());
        let drawn = CHOICES.iter().find(|(_, weight)| {
            let found = left < *weight;
            left = left.saturating_sub(*weight);
            found
        });
        let Some((choice, _)) = drawn else { return };
        match choice {
            Choice::Motion => self.camera_step(place),
            Choice::Door => {
                if let Some(Part::Sensor(sensor)) = self.draw_sensor(place, |of| of == kind::ENTRY) {
                    let open = !self.world.systems[place].sensors[sensor].triggered;
                    self.set_open(place, Part::Sensor(sensor), open);
                }
            }
            Choice::Lock => {
                if let Some(Part::Sensor(lock)) = self.draw_sensor(place, |of| of == kind::LOCK) {
                    let locked = self.world.systems[place].sensors[lock].bolt == Bolt::Locked;
                    let next = match (locked, self.world.rng.chance(20)) {
                        (_, true) => Bolt::Jammed,
                        (true, _) => Bolt::Unlocked,
                        (false, _) => Bolt::Locked,
                    };
                    self.bolt(place, Part::Sensor(lock), next);
                }
            }
            Choice::Arm => {
                let keypad = self.world.rng.chance(500);
                let away = self.world.rng.chance(500);
                let off = self.world.systems[place].alarm == Alarm::Off;
                if off {
                    self.arm(place, away, keypad)
                } else {
                    self.disarm(place, keypad)
                };
            }
            Choice::Test => {
                let part = self.draw_sensor(place, |of| of != kind::PIN_PAD);
                self.occur(place, Occurrence { cid: 1604, part, ..Occurrence::default() });
            }
            Choice::Reach => {
                if let Some(Part::Sensor(sensor)) = self.draw_sensor(place, |of| of != kind::KEYPAD) {
                    let cid = if self.world.systems[place].sensors[sensor].offline { 3381 } else { 1381 };
                    self.occur(place, Occurrence { cid, part: Some(Part::Sensor(sensor)), ..Occurrence::default() });
                }
            }
            Choice::Power => {
                let cid = if self.world.systems[place].mains { 1301 } else { 3301 };
                self.occur(place, Occurrence { cid, ..Occurrence::default() });
            }
            Choice::Wifi => {
                let cid = if self.world.systems[place].wifi { 1350 } else { 3350 };
                self.occur(place, Occurrence { cid, ..Occurrence::default() });
            }
        }
    }

    fn camera_step(&mut self, place: Place) {
        let count = self.world.systems[place].cameras.len();
        if count == 0 {
            return;
        }
        let camera = self.world.rng.below(count);
        let bell = self.world.systems[place].cameras[camera].kind == kind::DOORBELL && self.world.rng.chance(300);
        let cid = if bell { 1458 } else { 1170 };
        self.occur(place, Occurrence { cid, part: Some(Part::Camera(camera)), ..Occurrence::default() });
    }

    /// The next thing that no client knows.
    pub(super) fn odd_event(&mut self) -> usize {
        const ODD: [(i64, Option<i64>); 5] =
            [(0, None), (1461, None), (9999, None), (1604, Some(21)), (1604, Some(999))];
        let Some(place) = self.draw_system() else { return 0 };
        self.turns += 1;
        let (cid, of) = ODD[self.turns % ODD.len()];
        let part = self.world.systems[place].first_of(kind::KEYPAD);
        // The sensor is of that kind for this event alone.
        let usual = part.and_then(|part| self.retype(place, part, of));
        self.occur(place, Occurrence { cid, part, ..Occurrence::default() });
        if let Some(part) = part {
            self.retype(place, part, usual);
        }
        1
    }

    fn retype(&mut self, place: Place, part: Part, of: Option<i64>) -> Option<i64> {
        let Part::Sensor(sensor) = part else { return None };
        let sensor = &mut self.world.systems[place].sensors[sensor];
        of.map(|of| std::mem::replace(&mut sensor.kind, of))
    }

    /// Adds events from the past to the history: the newest so long ago, then one after each pause.
    pub(super) fn add_past(&mut self, place: Place, count: usize, ago: Duration, pause: Duration) -> Vec<u64> {
        let now = stamp::now();
        (0..count)
            .map(|nth| {
                let age = ago + pause * u32::try_from(nth).unwrap_or(u32::MAX);
                let past = Some(now - i64::try_from(age.as_secs()).unwrap_or(i64::MAX / 2));
                let what = match nth % 3 {
                    0 => Occurrence { cid: 1400, pin: "Master PIN", zone: Some("1"), past, ..Occurrence::default() },
                    1 => Occurrence { cid: 3401, zone: Some("1"), past, ..Occurrence::default() },
                    _ => Occurrence { cid: 9401, zone: Some("1"), past, ..Occurrence::default() },
                };
                self.occur(place, what)
            })
            .collect()
    }

    /// Adds an event as it is given to the history, without any effect. Says its id, where it has one.
    pub(super) fn add_row(&mut self, place: Place, row: serde_json::Value) -> Option<u64> {
        let id = row["eventId"].as_u64()?;
        let time = row["eventTimestamp"].as_i64()?;
        let cid = row["eventCid"].as_i64().unwrap_or(0);
        let told_from = Some(Instant::now());
        let record = super::world::Record { id, time, at: SystemTime::now(), cid, row, told_from, shown: Vec::new() };
        self.remember(place, record);
        Some(id)
    }
}
