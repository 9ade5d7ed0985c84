//! The handle of a running simulator: its life, its cameras and tokens, and what is to happen. `views` is what can be known.

use std::{
    sync::{Arc, MutexGuard},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};

use super::{
    Fault, FaultKind, Options, Origin, StartError,
    happen::Occurrence,
    hub::{Core, Hub},
    stamp,
    world::EventType,
};
use crate::simulator::common::running::{Running, Which};

/// A running simulator. Clones are handles of the same one; it stops when the last of them is dropped.
///
/// Cameras are named by their id, as are events. What is said of a camera or event that is not there does nothing, and says so.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    hub: Arc<Hub>,
    running: Running,
}

/// What a type of events is like, see [`Simulator::put_type`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypeSpec {
    /// `caps.can_record`; `record` is on then.
    pub can_record: bool,
    /// `caps.can_snapshot`; `snapshot` is on then.
    pub can_snapshot: bool,
    /// `caps.is_periodic`, with a `period` of 0.
    pub is_periodic: bool,
    /// `caps.can_be_triggered`.
    pub can_be_triggered: bool,
    /// `custom`.
    pub custom: bool,
}

impl Simulator {
    /// Starts a simulator on a thread of its own; it listens when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot listen at the address of the options.
    pub fn start(options: Options) -> Result<Self, StartError> {
        let (listen, workers) = (options.listen, options.workers.max(1));
        let hub = Arc::new(Hub::new(Core::new(options)));
        let running = Running::start(hub.clone(), listen, workers)?;
        hub.lock().begin(running.address());
        Ok(Self(Arc::new(Inner { hub, running })))
    }

    /// Where it listens; the same after a pause.
    pub fn address(&self) -> std::net::SocketAddr {
        self.0.running.address()
    }

    /// Stops it and waits for its thread. Stopping twice does no harm.
    pub fn stop(&self) {
        self.0.running.stop();
    }

    /// Switches a fault on, or gives it another value.
    pub fn inject(&self, fault: Fault) {
        self.lock().inject(fault);
    }

    /// Switches a fault off. What it has broken stays so.
    pub fn clear(&self, kind: FaultKind) {
        self.lock().clear(kind);
    }

    /// Goes away: breaks its connections, and refuses new ones until [`resume_listening`](Self::resume_listening).
    pub fn pause_listening(&self) {
        self.0.running.pause(Which::All);
    }

    /// Listens again on the same port.
    ///
    /// # Errors
    ///
    /// When the port was taken by somebody else meanwhile.
    pub fn resume_listening(&self) -> Result<(), StartError> {
        self.0.running.resume()
    }

    /// Something happens at a camera, which tells of it at once, whatever the time it gives; says the event's id. Ids grow with arrival, unless the
    /// fault `random-ids` is on. A `meta` that is no object is none.
    pub fn happen(&self, camera: i64, name: &str, time: SystemTime, meta: Value) -> Option<i64> {
        let what = Occurrence::new(name, stamp::of(time), object(meta), Origin::Camera);
        self.lock().occur(camera, what)
    }

    /// The same, at this moment of the server's clock, and without a meta.
    pub fn happen_now(&self, camera: i64, name: &str) -> Option<i64> {
        let mut core = self.lock();
        let time = core.now();
        core.occur(camera, Occurrence::new(name, time, Map::new(), Origin::Camera))
    }

    /// The same, and the event is to be shown as `alias`.
    pub fn happen_as(&self, camera: i64, name: &str, alias: &str, time: SystemTime, meta: Value) -> Option<i64> {
        let what = Occurrence::new(name, stamp::of(time), object(meta), Origin::Camera);
        self.lock().occur(camera, Occurrence { alias: Some(alias.to_owned()), ..what })
    }

    /// Lets so many events happen by themselves, now.
    pub fn emit(&self, count: usize) {
        self.lock().emit(count);
    }

    /// Puts something into the history as it is, found under this time; says the id that it would have had.
    pub fn add_row(&self, camera: i64, time: SystemTime, row: Value) -> Option<i64> {
        self.lock().add_row(camera, stamp::of(time), row)
    }

    /// Gives an event another meta; false when it is not there. The same meta again changes nothing. A `meta` that is no object is none.
    pub fn set_meta(&self, event: i64, meta: Value) -> bool {
        self.lock().change_meta(event, object(meta))
    }

    /// Deletes an event; false when it is not there.
    pub fn delete(&self, event: i64) -> bool {
        self.lock().world.store.delete(event)
    }

    /// Deletes what is older than this, of a camera or of all; says how much it was.
    pub fn purge(&self, camera: Option<i64>, before: SystemTime) -> usize {
        self.lock().world.store.purge(camera, stamp::of(before))
    }

    /// How long events are kept from now on, by their `time`; `None`: for ever.
    pub fn set_retention(&self, retention: Option<Duration>) {
        self.lock().options.retention = retention;
    }

    /// Answers lists of events whose window meets this one with 500, until [`heal`](Self::heal).
    pub fn poison_window(&self, first: SystemTime, last: SystemTime) {
        self.lock().poisoned.push((stamp::of(first), stamp::of(last)));
    }

    /// Answers whatever would tell this event with 500, until [`heal`](Self::heal).
    pub fn poison_event(&self, event: i64) {
        self.lock().poisoned_events.push(event);
    }

    /// Ends what [`poison_window`](Self::poison_window) and [`poison_event`](Self::poison_event) have done.
    pub fn heal(&self) {
        let mut core = self.lock();
        core.poisoned.clear();
        core.poisoned_events.clear();
    }

    /// A further camera, in the group; says its id.
    pub fn add_camera(&self, name: &str) -> i64 {
        self.lock().world.add_camera(name)
    }

    /// Takes a camera away, with its tokens; false when it is not there. Its events stay.
    pub fn remove_camera(&self, camera: i64) -> bool {
        let mut core = self.lock();
        core.world.revoke(camera);
        core.world.cameras.remove(&camera).is_some()
    }

    /// Gives a camera another name; false when it is not there.
    pub fn rename(&self, camera: i64, name: &str) -> bool {
        let mut core = self.lock();
        let known = core.world.cameras.get_mut(&camera);
        known.map(|camera| name.clone_into(&mut camera.name)).is_some()
    }

    /// Puts a camera into the group, or takes it out; false when it is not there.
    pub fn set_grouped(&self, camera: i64, grouped: bool) -> bool {
        let mut core = self.lock();
        let known = core.world.cameras.get_mut(&camera);
        known.map(|camera| camera.grouped = grouped).is_some()
    }

    /// Gives a camera's channel a status, `active` or whatever else; `None` is told as null. False when it is not there.
    pub fn set_status(&self, camera: i64, status: Option<&str>) -> bool {
        self.lock().set_status(camera, status)
    }

    /// Gives a camera's channel a meta tag, `isstorage` say; false when it is not there.
    pub fn set_channel_tag(&self, camera: i64, tag: &str, data: Value) -> bool {
        let mut core = self.lock();
        let known = core.world.cameras.get_mut(&camera);
        known.map(|camera| camera.meta.insert(tag.to_owned(), data)).is_some()
    }

    /// A camera has this type of events from now on; false when the camera is not there.
    pub fn put_type(&self, camera: i64, name: &str, spec: TypeSpec) -> bool {
        let kind = EventType {
            can_record: spec.can_record,
            can_snapshot: spec.can_snapshot,
            is_periodic: spec.is_periodic,
            can_be_triggered: spec.can_be_triggered,
            custom: spec.custom,
            notify: true,
            receive: !spec.custom,
            record: spec.can_record,
            snapshot: spec.can_snapshot,
            ..EventType::default()
        };
        self.lock().world.put_type(camera, name, kind)
    }

    /// A camera has no events of this type any more; false when there was none.
    pub fn remove_type(&self, camera: i64, name: &str) -> bool {
        let mut core = self.lock();
        let Some(known) = core.world.cameras.get_mut(&camera) else { return false };
        let before = known.types.len();
        known.types.retain(|(kind, _)| kind != name);
        known.types.len() < before
    }

    /// Gives a camera other tokens, which the licence key can read; the old ones are refused. False when the camera is not there.
    pub fn rotate_token(&self, camera: i64) -> bool {
        self.lock().world.rotate(camera)
    }

    /// Takes a camera's tokens away; false when it has none.
    pub fn revoke_token(&self, camera: i64) -> bool {
        self.lock().world.revoke(camera)
    }

    /// Another group token; the old one is refused.
    pub fn rotate_group_token(&self) {
        self.lock().world.rotate_group();
    }

    /// Another licence key; the old one is refused.
    pub fn rotate_licence_key(&self) {
        self.lock().world.rotate_licence();
    }

    /// Another clock of the server from now on, so many milliseconds ahead; negative: behind.
    pub fn set_clock(&self, ahead: i64) {
        self.lock().options.clock = ahead;
    }

    /// Another delay of triggered events from now on.
    pub fn set_trigger_delay(&self, delay: Duration) {
        self.lock().options.trigger_delay = delay;
    }

    /// Another rate of what happens by itself from now on, in events per second.
    pub fn set_rate(&self, rate: f64) {
        self.lock().options.rate = rate.max(0.0);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.0.hub.lock()
    }
}

fn object(meta: Value) -> Map<String, Value> {
    match meta {
        Value::Object(meta) => meta,
        _ => Map::new(),
    }
}
