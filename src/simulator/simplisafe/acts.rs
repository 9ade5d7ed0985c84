//! What the handle lets happen at a house.

use std::time::Duration;

use serde_json::Value;

use super::{
    Simulator,
    codes::Bolt,
    happen::Occurrence,
    hub::Core,
    stamp,
    world::{Part, Place, Sensor, kind},
};

/// From where an alarm is set and unset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// At the keypad, with the master PIN.
    Keypad,
    /// With the app, or by a call.
    Remote,
}

/// What an alarm is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// People are at home.
    Home,
    /// Nobody is.
    Away,
}

impl Simulator {
    /// Arms a system: an event for the exit delay (9401, 9407, 9441), and after it one for the armed system (3401, 3407, 3441). False when it is
    /// armed so already, an alarm is on, or there is no such system.
    pub fn arm(&self, sid: u64, mode: Mode, by: By) -> bool {
        self.with(sid, |core, place| core.arm(place, mode == Mode::Away, by == By::Keypad)).unwrap_or(false)
    }

    /// Disarms a system (1400, 1407), cancels an exit delay (1400 with zone 8) or an alarm (1406). False when it is off already, or there is no such
    /// system.
    pub fn disarm(&self, sid: u64, by: By) -> bool {
        self.with(sid, |core, place| core.disarm(place, by == By::Keypad)).unwrap_or(false)
    }

    /// Lets any code happen, with what it does to the system, and says the event's id. `serial` is the device's serial number, or a camera's uuid.
    /// Unknown codes are fine, and do nothing. `None`: no such system or device.
    pub fn happen(&self, sid: u64, cid: i64, serial: Option<&str>) -> Option<u64> {
        self.happen_so(sid, cid, serial, "0", None)
    }

    /// The same with a zone (`zoneCid`), and the kind of the event where it is not the code's usual one: `alarm`, `activity` ….
    pub fn happen_so(
        &self,
        sid: u64,
        cid: i64,
        serial: Option<&str>,
        zone: &'static str,
        event_type: Option<&'static str>,
    ) -> Option<u64> {
        self.with(sid, |core, place| {
            let part = match serial {
                Some(serial) => Some(core.world.systems[place].part(serial)?),
                None => None,
            };
            Some(core.occur(place, Occurrence { cid, part, zone: Some(zone), event_type, ..Occurrence::default() }))
        })?
    }

    /// Opens or closes a door: not pushed, unless the system is armed; then the entry delay begins (1429), and after it the alarm (1134).
    pub fn set_open(&self, sid: u64, serial: &str, open: bool) -> bool {
        self.with_part(sid, serial, |core, place, part| core.set_open(place, part, open))
    }

    /// Lets any sensor read as triggered or not, without an event.
    pub fn set_triggered(&self, sid: u64, serial: &str, triggered: bool) -> bool {
        self.sensor(sid, serial, |sensor| sensor.triggered = triggered)
    }

    /// Locks, unlocks or jams a lock (9701, 9700, 9703), and says the event's id.
    pub fn set_lock(&self, sid: u64, serial: &str, bolt: Bolt) -> Option<u64> {
        self.with(sid, |core, place| {
            let part = core.world.systems[place].part(serial)?;
            Some(core.bolt(place, part, bolt))
        })?
    }

    /// Takes a system off the mains, or puts it back (1301, 3301).
    pub fn set_mains(&self, sid: u64, mains: bool) -> Option<u64> {
        self.happen(sid, if mains { 3301 } else { 1301 }, None)
    }

    /// Takes a system's WiFi away, or gives it back (1350, 3350).
    pub fn set_wifi(&self, sid: u64, wifi: bool) -> Option<u64> {
        self.happen(sid, if wifi { 3350 } else { 1350 }, None)
    }

    /// Jams a system's radio, or ceases to (1344, 3344).
    pub fn set_jammed(&self, sid: u64, jammed: bool) -> Option<u64> {
        self.happen(sid, if jammed { 1344 } else { 3344 }, None)
    }

    /// Takes a device out of reach, or back (1381, 3381). Of cameras, too.
    pub fn set_reachable(&self, sid: u64, serial: &str, reachable: bool) -> Option<u64> {
        self.happen(sid, if reachable { 3381 } else { 1381 }, Some(serial))
    }

    /// Takes a whole system out of SimpliSafe's reach, or back. Not pushed.
    pub fn set_system_offline(&self, sid: u64, offline: bool) -> bool {
        self.with(sid, |core, place| core.world.systems[place].offline = offline).is_some()
    }

    /// Weakens a sensor's battery, or changes it. Not pushed.
    pub fn set_low_battery(&self, sid: u64, serial: &str, low: bool) -> bool {
        self.sensor(sid, serial, |sensor| sensor.low_battery = low)
    }

    /// Opens a sensor's case, or closes it. Not pushed, and told of smoke and carbon monoxide detectors alone.
    pub fn set_tampered(&self, sid: u64, serial: &str, tampered: bool) -> bool {
        self.sensor(sid, serial, |sensor| sensor.tampered = tampered)
    }

    /// Breaks a sensor, or mends it. Not pushed.
    pub fn set_malfunction(&self, sid: u64, serial: &str, malfunction: bool) -> bool {
        self.sensor(sid, serial, |sensor| sensor.malfunction = malfunction)
    }

    /// Warms a sensor, in degrees Fahrenheit. Not pushed.
    pub fn set_temperature(&self, sid: u64, serial: &str, degrees: i64) -> bool {
        self.sensor(sid, serial, |sensor| sensor.temperature = degrees)
    }

    /// Warms the base station, in degrees Fahrenheit. Not pushed.
    pub fn set_system_temperature(&self, sid: u64, degrees: i64) -> bool {
        self.with(sid, |core, place| core.world.systems[place].temperature = degrees).is_some()
    }

    /// Makes a smoke detector suspicious, or calms it (1901 with zone 1 or 0).
    pub fn set_suspicious(&self, sid: u64, serial: &str, suspicious: bool) -> Option<u64> {
        self.happen_so(sid, 1901, Some(serial), if suspicious { "1" } else { "0" }, None)
    }

    /// Lets a camera see motion (1170), with a clip. Named by its uuid or the end of that.
    pub fn camera_motion(&self, sid: u64, camera: &str) -> Option<u64> {
        self.happen(sid, 1170, Some(camera))
    }

    /// Lets somebody ring (1458), with a clip.
    pub fn ring(&self, sid: u64, camera: &str) -> Option<u64> {
        self.happen(sid, 1458, Some(camera))
    }

    /// Lets a sensor notice something that nobody is to hear (1409).
    pub fn secret_alert(&self, sid: u64, serial: &str) -> Option<u64> {
        self.happen(sid, 1409, Some(serial))
    }

    /// Renames a sensor or camera.
    pub fn rename(&self, sid: u64, serial: &str, name: &str) -> bool {
        self.with_part(sid, serial, |core, place, part| match part {
            Part::Sensor(sensor) => name.clone_into(&mut core.world.systems[place].sensors[sensor].name),
            Part::Camera(camera) => name.clone_into(&mut core.world.systems[place].cameras[camera].name),
        })
    }

    /// Takes a sensor out for good. Not pushed.
    pub fn remove_sensor(&self, sid: u64, serial: &str) -> bool {
        self.with(sid, |core, place| {
            let sensors = &mut core.world.systems[place].sensors;
            let before = sensors.len();
            sensors.retain(|sensor| sensor.serial != serial);
            before > sensors.len()
        })
        .unwrap_or(false)
    }

    /// Pairs a further entry sensor (1531), and says its serial number.
    pub fn add_sensor(&self, sid: u64, name: &str) -> Option<String> {
        self.with(sid, |core, place| {
            let serial = format!("{:08x}", core.world.rng.next() >> 32);
            let system = &mut core.world.systems[place];
            let mut sensor = system.sensors.iter().find(|sensor| sensor.kind == kind::ENTRY)?.clone();
            (sensor.serial, sensor.name, sensor.triggered) = (serial.clone(), name.to_owned(), false);
            system.sensors.push(sensor);
            let part = system.part(&serial);
            core.occur(place, Occurrence { cid: 1531, part, ..Occurrence::default() });
            Some(serial)
        })?
    }

    /// Gives the first user a further system, and says its id. Not pushed.
    pub fn add_system(&self, sensors: usize, cameras: usize) -> u64 {
        self.lock().world.add_system(0, sensors, cameras)
    }

    /// Lets `count` events happen now, at systems by chance.
    pub fn emit(&self, count: usize) {
        self.lock().emit(count);
    }

    /// Adds events from the past to a system's history: the newest so long ago, one after each pause. They are not pushed, and do nothing. Says their
    /// ids, newest first.
    pub fn add_past(&self, sid: u64, count: usize, ago: Duration, pause: Duration) -> Vec<u64> {
        self.with(sid, |core, place| core.add_past(place, count, ago, pause)).unwrap_or_default()
    }

    /// Adds an event to a system's history as it is given; it must have an `eventId` and an `eventTimestamp`. Not pushed.
    pub fn add_row(&self, sid: u64, row: Value) -> Option<u64> {
        self.with(sid, |core, place| core.add_row(place, row))?
    }

    /// Pushes the `data` of an event as it is given to the sockets of the first user, and says to how many. The history does not get it.
    pub fn push(&self, data: Value) -> usize {
        let text =
            |id: &str| super::rows::envelope(id, "messagequeue", "event.standard", stamp::now(), Some(data.clone()));
        let id = data["eventId"].as_u64().map_or_else(|| "id:none".to_owned(), |id| format!("id:{id}"));
        self.say(&text(&id))
    }

    /// Sends a text to the sockets of the first user that are subscribed, and says to how many.
    pub fn say(&self, text: &str) -> usize {
        let mut core = self.lock();
        let links = core.links.values_mut().filter(|link| link.gets(0));
        links.map(|link| link.line.text(text)).count()
    }

    /// Pushes an event again that has happened; false when it is not kept any more.
    pub fn push_again(&self, sid: u64, event: u64) -> bool {
        self.with(sid, |core, place| {
            let known = core.world.systems[place].record(event).map(|record| (record.time, record.row.clone()));
            let Some((time, row)) = known else { return false };
            let data = core.push_data(&row);
            let push = core.pushed(place, event, time, data);
            core.deliver(&push);
            true
        })
        .unwrap_or(false)
    }

    /// Keeps pushes back until [`release`](Self::release); the history has the events at once.
    pub fn hold(&self) {
        self.lock().holding = true;
    }

    /// Pushes what was kept back, newest first if so wanted, to who listens now; says how many events.
    pub fn release(&self, newest_first: bool) -> usize {
        let mut core = self.lock();
        core.holding = false;
        let mut held = std::mem::take(&mut core.held);
        if newest_first {
            held.reverse();
        }
        held.iter().for_each(|push| core.deliver(push));
        held.len()
    }

    /// Forgets what was kept back: it is in the history alone. Says how many events.
    pub fn discard(&self) -> usize {
        let mut core = self.lock();
        core.holding = false;
        std::mem::take(&mut core.held).len()
    }

    fn with<T>(&self, sid: u64, act: impl FnOnce(&mut Core, Place) -> T) -> Option<T> {
        let mut core = self.lock();
        let place = core.world.find(sid)?;
        Some(act(&mut core, place))
    }

    fn with_part(&self, sid: u64, serial: &str, act: impl FnOnce(&mut Core, Place, Part)) -> bool {
        self.with(sid, |core, place| {
            let part = core.world.systems[place].part(serial)?;
            act(core, place, part);
            Some(())
        })
        .flatten()
        .is_some()
    }

    fn sensor(&self, sid: u64, serial: &str, change: impl FnOnce(&mut Sensor)) -> bool {
        self.with_part(sid, serial, |core, place, part| core.change_sensor(place, Some(part), change))
    }
}
