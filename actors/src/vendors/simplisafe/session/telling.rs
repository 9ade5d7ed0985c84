//! From an event to occurrences and the states that it sets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::SimpliSafeSession;
use super::parts::is_part;
use super::polls::DOORS_AGAIN;
use super::systems::Happening;
use crate::model::Origin;
use crate::model::event::Meaning;
use crate::telemetry::UnknownCode;
use crate::vendors::simplisafe::codes::{self, Again, Subject};
use crate::vendors::simplisafe::snapshot::{device_item, system_item};
use crate::vendors::simplisafe::wire::{Event, time};
use crate::vendors::{Entries, Kind, Now, Occurrence, Todo};

/// After a system was armed or disarmed its base station is left alone for so long where there are locks: within 15 s it would announce that a lock does
/// not respond (simplipy); homebridge-simplisafe3 waits for 20 s.
pub(in crate::vendors::simplisafe) const QUIET: Duration = Duration::from_secs(20);
/// After a door opened its sensor is asked for when the cloud knows: it trails by 5 to 10 s (observed).
const DOOR_AFTER: Duration = Duration::from_secs(10);
/// After a lock has failed.
const LOCK_AFTER: Duration = Duration::from_secs(5);

impl SimpliSafeSession {
    /// Tells an event, and does what follows from it.
    pub(super) fn tell(&mut self, now: Now, sid: Option<u64>, event: &Happening, todo: &mut Todo) {
        let Ok(read) = Event::read(&event.json) else { return };
        let origin = if event.is_pushed { Origin::Live } else { Origin::Backfill };
        let system = sid.and_then(|sid| self.systems.get_mut(&sid));
        let cameras = system.as_ref().map_or(&[][..], |system| &system.cameras);
        let device = read.device(cameras);
        // A row of a history is of that system, whether it says so or not.
        let of = sid.map(|sid| sid.to_string());
        let system_item = of.as_deref().map(system_item).unwrap_or_default();
        let device_item = device.zip(of.as_deref()).map(|(serial, sid)| device_item(sid, serial));
        let reading = self.codes.read(&read, device_item.is_some());
        if reading.is_new {
            let code = read.cid.as_deref().unwrap_or_default();
            UnknownCode { vendor: "simplisafe", code, info: read.info.as_deref().unwrap_or_default() }.emit();
        }
        // A state from time to come would keep out all that follows.
        let happened = read.timestamp.map(|second| self.clock.happened(second, now.wall));
        let (time, is_part) = (happened.and_then(time::text).unwrap_or_default(), is_part(sid, &read));
        let at = time.parse().ok();
        let mut sets_alarm = false;
        for (nth, told) in reading.told().enumerate() {
            let item = match told.on {
                Subject::System => &system_item,
                Subject::Device => device_item.as_ref().unwrap_or(&system_item),
            };
            let state = told.meaning.state.as_ref();
            let group = state.filter(|_| !item.is_empty()).map(|state| &*state.group);
            let Some(id) = self.parts.name(&event.id, nth == 0, group, is_part) else { continue };
            let late = group.is_some_and(|group| {
                let is_over = group == "alarm_memory" && self.states.is_alarm_over(&system_item, at, event.number);
                is_over || self.states.is_later(item, group, at, event.number)
            });
            let plain = late.then(|| Arc::new(Meaning { state: None, ..(**told.meaning).clone() }));
            let kind = Kind::Known(plain.as_ref().unwrap_or(told.meaning));
            let (time, data) = (&*time, &*event.json);
            todo.entries.occur(Occurrence { id: &id, origin, item, kind, time, data });
            if state.is_some() && !late && !item.is_empty() {
                self.states.set(item, told.meaning, time, event.number);
                sets_alarm |= state.is_some_and(|state| &*state.group == "alarm");
            }
        }
        if reading.clears_memory {
            let cleared = Clear { event, origin, time: &time, system: &system_item };
            cleared.memory(&mut self.states, &mut todo.entries);
        }
        self.mark.change();
        let Some(system) = system else { return };
        if sets_alarm && let Ok(at) = Timestamp::from_second(event.at) {
            system.leave_alone(now.instant, self.clock.at(now.wall), at);
        }
        match reading.again {
            Some(Again::AfterExitDelay) => self.subscriptions.hurry(now.instant + QUIET),
            Some(Again::Sensors) => {
                system.sensors.hurry(now.instant + DOOR_AFTER);
                system.doors_at.get_or_insert(now.instant + DOORS_AGAIN);
            }
            Some(Again::Locks) => {
                system.sensors.hurry(now.instant + LOCK_AFTER);
                system.locks.hurry(now.instant + LOCK_AFTER);
            }
            None => {}
        }
    }
}

/// An event that ends an alarm.
struct Clear<'a> {
    event: &'a Happening,
    origin: Origin,
    time: &'a str,
    system: &'a str,
}

impl Clear<'_> {
    /// The devices that were behind an alarm before it are so no more.
    fn memory(&self, states: &mut super::states::States, into: &mut Entries) {
        let Self { event, origin, time, system } = *self;
        let cleared = codes::memory_cleared();
        let ended = time.parse::<Timestamp>().ok();
        for item in states.with(system, "alarm_memory", "triggered") {
            if states.is_later(&item, "alarm_memory", ended, event.number) {
                continue;
            }
            let serial = item.rsplit('/').next().unwrap_or_default();
            let id = format!("{}#alarm_memory:{serial}", event.id);
            let data = &*event.json;
            into.occur(Occurrence { id: &id, origin, item: &item, kind: Kind::Known(cleared), time, data });
            states.set(&item, cleared, time, event.number);
        }
    }
}

/// Whether a moment has come.
pub(super) fn is_due(at: Option<Instant>, now: Now) -> bool {
    at.is_some_and(|at| at <= now.instant)
}
