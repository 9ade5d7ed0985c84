//! The systems of a user: `GET /v1/users/{userId}/subscriptions`.

use std::borrow::Cow;

use super::cameras::Camera;
use crate::vendors::members::{BodyError, Members, Skipped, rows};

/// The members of `location.system` that states are read from.
const TELLING: [&str; 13] = [
    "alarmState",
    "isAlarming",
    "alarmStateTimestamp",
    "stateUpdated",
    "exitDelayRemaining",
    "isOffline",
    "powerOutage",
    "lastPowerOutage",
    "connType",
    "lastSuccessfulWifiTS",
    "temperature",
    "version",
    "serial",
];

/// A user's systems.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscriptions<'a> {
    /// Those with a base station, in the list's order.
    pub systems: Vec<System<'a>>,
    /// Subscriptions that are no system: without a base station, or of no use.
    pub skipped: Vec<Skipped>,
}

/// A system: a base station and what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct System<'a> {
    /// Its id, `sid`.
    pub sid: Cow<'a, str>,
    /// What people would call it: the street of the home.
    pub name: Option<Cow<'a, str>>,
    /// The base station's number.
    pub serial: Option<Cow<'a, str>>,
    /// 2 is the original SimpliSafe, 3 what came after.
    pub version: Option<i64>,
    /// `sStatus` of the subscription: 7, 10 and 20 were seen with systems in use.
    pub subscription_status: Option<i64>,
    /// `status.isActive` of the subscription.
    pub is_active: Option<bool>,
    /// `alarmState`: `OFF`, `AWAY_COUNT` …, in upper case with `_` between words.
    pub alarm_state: Option<String>,
    /// The alarm goes off, whatever `alarm_state` says.
    pub is_alarming: Option<bool>,
    /// When the alarm took on its state, seconds since 1970.
    pub alarm_state_timestamp: Option<i64>,
    /// The same, by another clock of theirs.
    pub state_updated: Option<i64>,
    /// Seconds until it is armed, while it counts down.
    pub exit_delay_remaining: Option<i64>,
    /// The base station cannot be reached.
    pub is_offline: Option<bool>,
    /// It runs on its battery.
    pub power_outage: Option<bool>,
    /// When the mains failed last.
    pub last_power_outage: Option<i64>,
    /// By what it is connected: `wifi`, `cell`.
    pub connection: Option<Cow<'a, str>>,
    /// When its Wi-Fi worked last.
    pub last_wifi: Option<i64>,
    /// `subscriptionFeatures.timeline.maxAge`: how far its history reaches back, in seconds.
    pub timeline: Option<i64>,
    /// In degrees Fahrenheit, as it was sent.
    pub temperature: Option<Cow<'a, str>>,
    /// Its cameras.
    pub cameras: Vec<Camera<'a>>,
    /// The members above as they were sent, as one object. (The whole has the home's address and much more in it.)
    pub told: String,
}

impl<'a> Subscriptions<'a> {
    /// Reads a list of subscriptions.
    ///
    /// # Errors
    /// [`BodyError`] when the whole is no such list.
    pub fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        let members = Members::of_body(body, &["subscriptions"])?;
        let list = members.json("subscriptions").ok_or(BodyError::Lacks("subscriptions"))?;
        let mut read = Self::default();
        for (row, json) in rows(list)?.into_iter().enumerate() {
            match System::of(json.get()) {
                Ok(system) if read.systems.iter().any(|known| known.sid == system.sid) => {
                    read.skipped.push(Skipped { row, why: format!("system {} is there already", system.sid) });
                }
                Ok(system) => read.systems.push(system),
                Err(why) => read.skipped.push(Skipped { row, why }),
            }
        }
        Ok(read)
    }
}

impl<'a> System<'a> {
    fn of(json: &'a str) -> Result<Self, String> {
        let subscription = Members::only(json, &["sid", "sStatus", "status", "subscriptionFeatures", "location"])
            .map_err(|error| error.to_string())?;
        let (status, location) = (subscription.object("status"), subscription.object("location"));
        let sid = subscription.text("sid").or_else(|| location.text("sid")).ok_or("it has no sid")?;
        if status.flag("hasBaseStation") == Some(false) {
            return Err(format!("system {sid} has no base station"));
        }
        let system = location.json("system").and_then(|json| Members::of(json).ok());
        let system = system.ok_or_else(|| format!("subscription {sid} has no system"))?;
        let mut told = String::from("{");
        subscription.write(&["sid"], &mut told);
        system.write(&TELLING, &mut told);
        told.push('}');
        Ok(Self {
            sid,
            name: location.text("street1"),
            serial: system.text("serial"),
            version: system.number("version"),
            subscription_status: subscription.number("sStatus"),
            is_active: status.flag("isActive"),
            alarm_state: system.text("alarmState").map(|state| upper_snake(&state)),
            is_alarming: system.flag("isAlarming"),
            alarm_state_timestamp: system.number("alarmStateTimestamp"),
            state_updated: system.number("stateUpdated"),
            exit_delay_remaining: system.number("exitDelayRemaining"),
            is_offline: system.flag("isOffline"),
            power_outage: system.flag("powerOutage"),
            last_power_outage: system.number("lastPowerOutage"),
            connection: system.text("connType"),
            last_wifi: system.number("lastSuccessfulWifiTS"),
            timeline: subscription.object("subscriptionFeatures").object("timeline").number("maxAge"),
            temperature: system.text("temperature"),
            cameras: Camera::list(&system),
            told,
        })
    }

    /// Whether it is of the original kind: its sensors, settings and PINs are asked for elsewhere; subscription, events and the socket are the same.
    #[must_use]
    pub fn is_v2(&self) -> bool {
        self.version == Some(2)
    }
}

/// `awayCount`, as original systems write it, and `AWAY_COUNT` are one.
fn upper_snake(text: &str) -> String {
    let mut upper = String::with_capacity(text.len() + 2);
    let mut was_lower = false;
    for c in text.trim().chars() {
        if was_lower && c.is_uppercase() {
            upper.push('_');
        }
        was_lower = c.is_lowercase();
        if c.is_alphanumeric() { upper.extend(c.to_uppercase()) } else { upper.push('_') }
    }
    upper
}
