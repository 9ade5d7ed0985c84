//! The user's systems and their devices with their names.
//!
//! The list of systems tells their names and those of cameras, each system's list of sensors the rest. Event types need no directory: their table is
//! in [`codes`](super::codes). All of it is asked for before subscribing; a system's sensors once more when a session meets one that has no name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytestring::ByteString;
use jiff::Timestamp;

use super::grant::Grant;
use super::rest::{self, CallError};
use super::session::calls::date;
use super::session::telling::QUIET;
use super::snapshot::{device_item, system_item};
use super::wire::{BodyError, Camera, Sensors, Subscriptions};
use crate::model::event::Item;
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::{Directory, Forget, Learned, NameKey, Now, Taken};

/// How long it is believed that what a list lacks is not there, and that the list may not be had.
const BELIEVED_FOR: Duration = Duration::from_secs(300);

/// A question to the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// All systems of the user.
    Systems,
    /// The sensors of one.
    Sensors(u64),
}

/// The user's systems as they were last listed.
#[derive(Debug, Default)]
pub struct Catalog {
    /// Those with a base station.
    pub systems: Vec<Listed>,
}

/// A system of a [`Catalog`].
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its id.
    pub sid: u64,
    /// Of the original kind, whose sensors cannot be asked for.
    pub is_v2: bool,
    /// Its cameras, by which events name them in more than one way.
    pub cameras: Vec<Camera<'static>>,
}

/// What is known of one user.
#[derive(Debug, Default)]
pub struct SimpliSafeDirectory {
    catalog: Option<Arc<Catalog>>,
    items: HashMap<ByteString, Arc<Item>>,
    /// When what was last asked, for the sake of single names.
    asked: HashMap<Ask, Instant>,
    /// Systems that were just armed or disarmed: until then their base stations are not asked for anything.
    quiet: HashMap<u64, Instant>,
}

impl SimpliSafeDirectory {
    /// Takes a name in, and tells it if it is new.
    fn name(&mut self, id: String, name: Option<&str>, learned: &mut Learned) {
        let is_known = self.items.get(&*id).is_some_and(|item| item.name.as_deref() == name);
        if !is_known {
            let item = Arc::new(Item { id: Arc::from(&*id), name: name.map(Arc::from) });
            self.items.insert(id.into(), Arc::clone(&item));
            learned.items.push(item);
        }
    }

    fn take_systems(&mut self, now: Now, answer: &RestAnswer, taken: &mut Taken<Ask>) -> Result<(), BodyError> {
        let subscriptions = Subscriptions::read(&answer.body)?;
        let date = date(answer).map(Timestamp::as_second);
        let mut systems = Vec::new();
        for system in subscriptions.systems {
            // Calls have its number in their paths.
            let Ok(sid) = system.sid.parse() else { continue };
            self.name(system_item(&system.sid), system.name.as_deref(), &mut taken.learned);
            for camera in &system.cameras {
                let item = device_item(&system.sid, camera.serial());
                self.name(item, camera.name.as_deref(), &mut taken.learned);
            }
            let is_v2 = system.is_v2();
            let changed = system.state_updated.max(system.alarm_state_timestamp);
            let ago = date.zip(changed).map(|(date, at)| u64::try_from(date.saturating_sub(at)).unwrap_or_default());
            let left = ago.and_then(|ago| QUIET.checked_sub(Duration::from_secs(ago)));
            if let Some(left) = left {
                // Its devices are named when they are next met.
                self.quiet.insert(sid, now.instant + left);
            } else if !is_v2 {
                taken.next.push(Ask::Sensors(sid));
            }
            let cameras = system.cameras.into_iter().map(Camera::into_owned).collect();
            systems.push(Listed { sid, is_v2, cameras });
        }
        self.catalog = Some(Arc::new(Catalog { systems }));
        Ok(())
    }

    fn take_sensors(&mut self, sid: u64, body: &[u8], taken: &mut Taken<Ask>) -> Result<(), BodyError> {
        let (sid, sensors) = (sid.to_string(), Sensors::read(body)?);
        for sensor in sensors.rows.iter().filter(|sensor| sensor.name.is_some()) {
            self.name(device_item(&sid, &sensor.serial), sensor.name.as_deref(), &mut taken.learned);
        }
        Ok(())
    }

    /// The question that would name an item.
    fn ask_for(&self, item: &str) -> Option<Ask> {
        let rest = item.strip_prefix("systems/")?;
        match rest.split_once("/devices/") {
            None => Some(Ask::Systems),
            Some((sid, _)) => {
                let sid = sid.parse().ok()?;
                let listed = self.catalog.as_ref()?.systems.iter().find(|system| system.sid == sid)?;
                Some(if listed.is_v2 { Ask::Systems } else { Ask::Sensors(sid) })
            }
        }
    }

    fn may_ask(&self, now: Now, ask: &Ask) -> bool {
        let is_quiet = |sid: &u64| self.quiet.get(sid).is_some_and(|until| now.instant < *until);
        if matches!(ask, Ask::Sensors(sid) if is_quiet(sid)) {
            return false;
        }
        self.asked.get(ask).is_none_or(|at| *at + BELIEVED_FOR <= now.instant)
    }
}

impl Directory for SimpliSafeDirectory {
    type Grant = Grant;
    type Catalog = Catalog;
    type Ask = Ask;

    fn prepare(&self) -> Vec<Ask> {
        vec![Ask::Systems]
    }

    fn catalog(&self) -> Option<Arc<Catalog>> {
        self.catalog.clone()
    }

    fn known(&self, _: Now, keys: &[NameKey]) -> Learned {
        Learned::of_items(keys, &self.items)
    }

    fn asks(&self, now: Now, keys: &[NameKey]) -> Vec<Ask> {
        let mut asks = Vec::new();
        for key in keys {
            let NameKey::Item(id) = key else { continue };
            let ask = if self.items.contains_key(id) { None } else { self.ask_for(id) };
            asks.extend(ask.filter(|ask| self.may_ask(now, ask) && !asks.contains(ask)));
        }
        asks
    }

    fn call(&self, grant: &Grant, ask: &Ask) -> RestCall {
        match ask {
            Ask::Systems => rest::subscriptions(grant),
            Ask::Sensors(sid) => rest::sensors(grant, *sid),
        }
    }

    fn learn(&mut self, now: Now, ask: &Ask, answer: Result<RestAnswer, RestError>) -> Taken<Ask> {
        let mut taken = Taken::default();
        self.asked.insert(*ask, now.instant);
        let what = match ask {
            Ask::Systems => "the list of systems".to_owned(),
            Ask::Sensors(sid) => format!("the sensors of system {sid}"),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.asked.remove(ask);
                taken.trouble = Some(format!("{what}: {error}"));
                return taken;
            }
        };
        let why = match rest::succeeded(&answer) {
            Ok(()) => {
                let read = match ask {
                    Ask::Systems => self.take_systems(now, &answer, &mut taken),
                    Ask::Sensors(sid) => self.take_sensors(*sid, &answer.body, &mut taken),
                };
                read.err().map(|error| error.to_string())
            }
            // It is the owner's to pay for them or not.
            Err(CallError::NotInPlan) => None,
            Err(error) => {
                taken.unauthorized = matches!(error, CallError::Unauthorized);
                if taken.unauthorized || error.is_retryable() {
                    self.asked.remove(ask);
                }
                Some(error.to_string())
            }
        };
        taken.trouble = why.map(|why| format!("{what}: {why}"));
        taken
    }

    fn forget(&mut self, what: &Forget) -> Vec<Ask> {
        match what {
            Forget::Everything => {
                self.asked.clear();
                self.prepare()
            }
            Forget::Item(item) => {
                let ask = self.ask_for(item);
                self.asked.retain(|asked, _| Some(*asked) != ask);
                ask.into_iter().collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn no_base_station_is_asked_for_names_right_after_it_was_armed() {
        let mut directory = SimpliSafeDirectory::default();
        let now = Now { instant: Instant::now(), wall: Timestamp::UNIX_EPOCH };
        // The answer is of 10:00:10.
        let armed = |sid: u64, second: i64| {
            json!({"sid": sid, "sStatus": 20, "status": {"hasBaseStation": true}, "location": {"sid": sid, "system": {
                "version": 3, "alarmState": "AWAY", "stateUpdated": 1_781_172_000 + second,
            }}})
        };
        let body = json!({"subscriptions": [armed(11, 5), armed(22, -11)]}).to_string();
        let headers = vec![("date".to_owned(), "Thu, 11 Jun 2026 10:00:10 GMT".to_owned())];
        let answer = RestAnswer { status: 200, headers, body: body.into(), retry_after: None };
        let taken = directory.learn(now, &Ask::Systems, Ok(answer));
        assert_eq!(taken.next, [Ask::Sensors(22)]);
        let door = [NameKey::Item("systems/11/devices/d1".into())];
        assert_eq!(directory.asks(now, &door), []);
        let later = Now { instant: now.instant + QUIET, ..now };
        assert_eq!(directory.asks(later, &door), [Ask::Sensors(11)], "they are named all the same");
    }
}
