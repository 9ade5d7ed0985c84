//! The sensors of a system: `GET /v1/ss3/subscriptions/{sid}/sensors`; and its locks: `GET /v1/doorlock/{sid}`.

use std::borrow::Cow;

use super::device_type::DeviceType;
use crate::vendors::members::{BodyError, Members, Skipped, rows, utf8};

/// The sensors, as the base station last told.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sensors<'a> {
    /// In the list's order; each serial once.
    pub rows: Vec<Sensor<'a>>,
    /// Rows that say of no device anything.
    pub skipped: Vec<Skipped>,
    /// Whether the base station answered; absent where it does not say.
    pub success: Option<bool>,
    /// When the list was last changed, seconds since 1970.
    pub last_updated: Option<i64>,
    /// When the base station last told how its sensors are.
    pub last_status_update: Option<i64>,
}

/// A sensor, lock, keypad, siren …
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sensor<'a> {
    /// The row as it was sent.
    pub json: &'a str,
    /// Its id within the system.
    pub serial: Cow<'a, str>,
    /// What it is.
    pub kind: Option<DeviceType>,
    /// What people call it.
    pub name: Option<Cow<'a, str>>,
    /// `flags.offline`: the base station cannot reach it.
    pub is_offline: Option<bool>,
    /// `flags.lowBattery`.
    pub is_battery_low: Option<bool>,
    /// `status.triggered`: open, wet, smoke …
    pub is_triggered: Option<bool>,
    /// `status.smokeTriggered` of one that knows two dangers.
    pub is_smoke: Option<bool>,
    /// `status.coTriggered` of one that knows two dangers.
    pub is_carbon_monoxide: Option<bool>,
    /// `status.preSmokeAlarm`.
    pub is_pre_alarm: Option<bool>,
    /// `status.tamper`.
    pub is_tampered: Option<bool>,
    /// `status.temperature`, in degrees Fahrenheit, as it was sent.
    pub temperature: Option<Cow<'a, str>>,
    /// What it says as a lock.
    pub lock: LockBits,
}

/// What a lock says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LockBits {
    /// `lockState`: 1 locked, 2 unlocked.
    pub state: Option<i64>,
    /// `lockJamState` is set.
    pub is_jammed: Option<bool>,
    /// `lockDisabled`.
    pub is_disabled: Option<bool>,
    /// `lockLowBattery`.
    pub is_battery_low: Option<bool>,
}

impl<'a> Sensors<'a> {
    /// Reads a list of sensors.
    ///
    /// # Errors
    /// [`BodyError`] when the whole is no such list.
    pub fn read(body: &'a [u8]) -> Result<Self, BodyError> {
        let members = Members::of_body(body, &["sensors", "success", "lastUpdated", "lastStatusUpdate"])?;
        let list = members.json("sensors").ok_or(BodyError::Lacks("sensors"))?;
        let (sensors, skipped) = each(list, None)?;
        Ok(Self {
            rows: sensors,
            skipped,
            success: members.flag("success"),
            last_updated: members.number("lastUpdated"),
            last_status_update: members.number("lastStatusUpdate"),
        })
    }
}

/// Reads a list of locks, whose rows are those of sensors.
///
/// # Errors
/// [`BodyError`] when the whole is no list.
pub fn locks(body: &[u8]) -> Result<Sensors<'_>, BodyError> {
    let (rows, skipped) = each(utf8(body)?, Some(DeviceType::LOCK))?;
    Ok(Sensors { rows, skipped, ..Sensors::default() })
}

fn each(list: &str, kind: Option<DeviceType>) -> Result<(Vec<Sensor<'_>>, Vec<Skipped>), BodyError> {
    let (mut sensors, mut skipped) = (Vec::<Sensor<'_>>::new(), Vec::new());
    for (row, json) in rows(list)?.into_iter().enumerate() {
        match Sensor::read(json.get(), kind) {
            Ok(sensor) if sensors.iter().any(|known| known.serial == sensor.serial) => {
                skipped.push(Skipped { row, why: format!("{} is there already", sensor.serial) });
            }
            Ok(sensor) => sensors.push(sensor),
            Err(error) => skipped.push(Skipped { row, why: error.to_string() }),
        }
    }
    Ok((sensors, skipped))
}

impl<'a> Sensor<'a> {
    /// Reads a row. `kind` is what it is if it does not say.
    fn read(json: &'a str, kind: Option<DeviceType>) -> Result<Self, BodyError> {
        let members = Members::of(json)?;
        let (status, flags) = (members.object("status"), members.object("flags"));
        Ok(Self {
            json,
            serial: members.text("serial").ok_or(BodyError::Lacks("serial"))?,
            kind: members.number("type").map(DeviceType).or(kind),
            name: members.text("name"),
            is_offline: flags.is_set("offline"),
            is_battery_low: flags.is_set("lowBattery"),
            is_triggered: status.is_set("triggered"),
            is_smoke: status.is_set("smokeTriggered"),
            is_carbon_monoxide: status.is_set("coTriggered"),
            is_pre_alarm: status.is_set("preSmokeAlarm"),
            is_tampered: status.is_set("tamper"),
            temperature: status.text("temperature"),
            lock: LockBits {
                state: status.number("lockState"),
                is_jammed: status.is_set("lockJamState"),
                is_disabled: status.is_set("lockDisabled"),
                is_battery_low: status.is_set("lockLowBattery"),
            },
        })
    }
}
