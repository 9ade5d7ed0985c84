//! What the handle tells of the world, and of what clients did.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    time::Instant,
};

use super::{
    Call, Counters, Device, EventRecord, Happening, Simulator, SocketRecord, Truth,
    codes::CODES,
    hub::Core,
    rows::{PINS, has_tamper, has_trigger},
    world::{Camera, Place, Record, Sensor, kind},
};

impl Simulator {
    /// The ids (`uid`) of all users.
    pub fn users(&self) -> Vec<u64> {
        self.lock().world.users.iter().map(|user| user.uid).collect()
    }

    /// The refresh token with which the first user can begin.
    pub fn refresh_token(&self) -> String {
        self.refresh_token_of(0).unwrap_or_default()
    }

    /// The refresh token with which the nth user can begin.
    pub fn refresh_token_of(&self, nth: usize) -> Option<String> {
        self.lock().world.users.get(nth).map(|user| user.refresh_token.to_string())
    }

    /// All refresh tokens of the nth user that are good now.
    pub fn good_refresh_tokens(&self, nth: usize) -> Vec<Arc<str>> {
        self.lock().tokens.good(nth)
    }

    /// A valid access token of the nth user, for a test that wants to make a call by itself.
    pub fn access_token(&self, nth: usize) -> Option<Arc<str>> {
        let mut core = self.lock();
        (nth < core.world.users.len()).then(|| core.new_access(nth))
    }

    /// A login's code of the first user for this challenge, as the page to log in at would give it.
    pub fn login_code(&self, challenge: &str) -> String {
        self.lock().mint_code(0, challenge)
    }

    /// The ids (`sid`) of all systems.
    pub fn systems(&self) -> Vec<u64> {
        self.lock().world.systems.iter().map(|system| system.sid).collect()
    }

    /// The serial number of a system's nth sensor of a type; `None` when there is none.
    pub fn sensor_of(&self, sid: u64, of: i64, nth: usize) -> Option<String> {
        let core = self.lock();
        let system = &core.world.systems[core.world.find(sid)?];
        let mut of = system.sensors.iter().filter(|sensor| sensor.kind == of);
        of.nth(nth).map(|sensor| sensor.serial.clone())
    }

    /// The serial number of a system's nth entry sensor.
    pub fn door(&self, sid: u64, nth: usize) -> Option<String> {
        self.sensor_of(sid, kind::ENTRY, nth)
    }

    /// The serial number of a system's door lock.
    pub fn lock_of(&self, sid: u64) -> Option<String> {
        self.sensor_of(sid, kind::LOCK, 0)
    }

    /// The uuids of a system's cameras.
    pub fn cameras(&self, sid: u64) -> Vec<String> {
        let core = self.lock();
        let system = core.world.find(sid).map(|place| &core.world.systems[place]);
        system.map(|system| system.cameras.iter().map(|camera| camera.uuid.clone()).collect()).unwrap_or_default()
    }

    /// How every system is now, by `sid`.
    pub fn truth(&self) -> BTreeMap<u64, Truth> {
        let core = self.lock();
        (0..core.world.systems.len()).map(|place| (core.world.systems[place].sid, core.truth(place))).collect()
    }

    /// Every event of a system that is kept, oldest first.
    pub fn events(&self, sid: u64) -> Vec<EventRecord> {
        let core = self.lock();
        let (oldest, now) = (core.oldest(), Instant::now());
        let system = core.world.find(sid).map(|place| &core.world.systems[place]);
        let events = system.into_iter().flat_map(|system| &system.history).map(|record| {
            let told = record.told_from.is_some_and(|from| from <= now) && record.time >= oldest;
            event(sid, record, told)
        });
        events.collect()
    }

    /// Every WebSocket that was accepted and is kept, in order.
    pub fn sockets(&self) -> Vec<SocketRecord> {
        self.lock().sockets.iter().cloned().collect()
    }

    /// Requests that are kept, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    /// What was counted until now.
    pub fn counters(&self) -> Counters {
        let core = self.lock();
        let mut counters = core.counters.clone();
        counters.sockets_open = core.links.len();
        counters.sockets_subscribed = core.subscribed();
        counters
    }

    /// The codes to disarm with that the settings tell, which no client may keep or show.
    pub const fn pins() -> [&'static str; 3] {
        PINS
    }

    /// All codes that the simulator knows, three of which simplipy does not: 0, 1461, 1901.
    pub fn codes() -> Vec<i64> {
        CODES.iter().map(|code| code.cid).collect()
    }

    /// What happens from now on, in words. One who does not keep up misses some; at most `most` wait.
    pub fn happenings(&self, most: usize) -> Receiver<Happening> {
        let (sender, receiver) = sync_channel(most);
        self.lock().listeners.push(sender);
        receiver
    }
}

fn event(sid: u64, record: &Record, in_history: bool) -> EventRecord {
    EventRecord {
        id: record.id,
        sid,
        cid: record.cid,
        timestamp: record.time,
        at: record.at,
        row: record.row.clone(),
        in_history,
        shown: record.shown.clone(),
    }
}

impl Core {
    fn truth(&self, place: Place) -> Truth {
        let system = &self.world.systems[place];
        let sensors = system.sensors.iter().map(|sensor| (sensor.serial.clone(), of_sensor(sensor)));
        let cameras = system.cameras.iter().map(|camera| (camera.uuid.clone(), of_camera(camera)));
        Truth {
            sid: system.sid,
            user: self.world.users[system.user].uid,
            name: system.street.clone(),
            alarm: system.alarm,
            alarm_since: system.alarm_since,
            mains: system.mains,
            wifi: system.wifi,
            jammed: system.jammed,
            offline: system.offline,
            temperature: system.temperature,
            devices: sensors.chain(cameras).collect(),
        }
    }
}

fn of_sensor(sensor: &Sensor) -> Device {
    Device {
        kind: sensor.kind,
        camera: false,
        serial: sensor.serial.clone(),
        name: sensor.name.clone(),
        offline: sensor.offline,
        low_battery: sensor.low_battery,
        tampered: has_tamper(sensor.kind).then_some(sensor.tampered),
        triggered: has_trigger(sensor.kind).then_some(sensor.triggered),
        temperature: (sensor.kind == kind::TEMPERATURE).then_some(sensor.temperature),
        bolt: (sensor.kind == kind::LOCK).then_some(sensor.bolt),
        alarm_memory: sensor.memory,
        suspicious: sensor.suspicious,
    }
}

fn of_camera(camera: &Camera) -> Device {
    Device {
        kind: camera.kind,
        camera: true,
        serial: camera.serial.clone(),
        name: camera.name.clone(),
        offline: !camera.online,
        low_battery: false,
        tampered: None,
        triggered: None,
        temperature: None,
        bolt: None,
        alarm_memory: camera.memory,
        suspicious: false,
    }
}
