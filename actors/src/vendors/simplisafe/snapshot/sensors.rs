//! The states of devices: sensors, detectors, locks.

use std::sync::Arc;

use super::system::vendor_time;
use super::values::{either, temperature, unknown, with_text};
use super::{Told, device_item};
use crate::model::event::Meaning;
use crate::vendors::simplisafe::wire::{DeviceType, LockBits, Sensor, Sensors};

/// What a list of sensors, or of locks, tells of the devices of system `sid`.
///
/// Its time is when the base station last told how they are, which may be long after they became so. A list that says of itself that it was no
/// success ([`Sensors::success`]) should not be asked.
#[must_use]
pub fn of_sensors<'a>(sid: &str, sensors: &Sensors<'a>) -> Vec<Told<'a>> {
    let time = vendor_time(sensors.last_status_update.or(sensors.last_updated));
    let mut told = Vec::new();
    for sensor in &sensors.rows {
        let item = device_item(sid, &sensor.serial);
        let states = states(sensor).into_iter().flatten();
        told.extend(states.map(|meaning| Told { item: item.clone(), meaning, time: time.clone(), data: sensor.json }));
    }
    told
}

fn states(sensor: &Sensor<'_>) -> [Option<Arc<Meaning>>; 7] {
    let kind = sensor.kind;
    // Each of the two, if it says anything, says it for both.
    let low = match (sensor.is_battery_low, sensor.lock.is_battery_low) {
        (one, None) | (None, one) => one,
        (Some(one), Some(other)) => Some(one || other),
    };
    [
        sensor.is_offline.map(|offline| either("connection", offline, ["connection.lost", "connection.restored"])),
        low.map(|low| either("battery", low, ["battery.low", "battery.ok"])),
        sensor.is_tampered.map(|tampered| either("tamper", tampered, ["tamper.detected", "tamper.cleared"])),
        sensor
            .is_pre_alarm
            .map(|on| either("prealarm", on, ["simplisafe.prealarm_started", "simplisafe.prealarm_ended"])),
        sensor.temperature.as_deref().map(temperature),
        if kind == Some(DeviceType::ENTRY) { Some(contact(sensor)) } else { triggered(sensor) },
        (kind == Some(DeviceType::LOCK)).then(|| lock(sensor.lock)),
    ]
}

fn contact(sensor: &Sensor<'_>) -> Arc<Meaning> {
    match sensor.is_triggered {
        Some(open) => either("contact", open, ["contact.opened", "contact.closed"]),
        None => unknown("contact"),
    }
}

/// That nothing is said of what a detector finds does not mean that it finds nothing: motion sensors never say.
fn triggered(sensor: &Sensor<'_>) -> Option<Arc<Meaning>> {
    const TRIGGERED: &str = "simplisafe.sensor_triggered";
    let dangers =
        [(sensor.is_smoke, Some("smoke")), (sensor.is_carbon_monoxide, Some("CO")), (sensor.is_triggered, None)];
    if let Some((_, text)) = dangers.into_iter().find(|(is, _)| *is == Some(true)) {
        return Some(with_text("triggered", TRIGGERED, text));
    }
    if dangers.into_iter().any(|(is, _)| is.is_some()) {
        return Some(either("triggered", false, [TRIGGERED, "simplisafe.sensor_cleared"]));
    }
    sensor.kind.is_some_and(detects).then(|| unknown("triggered"))
}

const fn detects(kind: DeviceType) -> bool {
    matches!(
        kind,
        DeviceType::MOTION
            | DeviceType::MOTION_V2
            | DeviceType::GLASS_BREAK
            | DeviceType::CARBON_MONOXIDE
            | DeviceType::SMOKE
            | DeviceType::LEAK
            | DeviceType::TEMPERATURE
            | DeviceType::SMOKE_AND_CARBON_MONOXIDE
            | DeviceType::SMOKE_AND_CARBON_MONOXIDE_V2
    )
}

/// A stuck bolt counts before where it should be.
fn lock(bits: LockBits) -> Arc<Meaning> {
    if bits.is_jammed == Some(true) {
        return with_text("lock", "lock.jammed", None);
    }
    match bits.state.filter(|_| bits.is_disabled != Some(true)) {
        Some(1) => with_text("lock", "lock.locked", None),
        Some(2) => with_text("lock", "lock.unlocked", None),
        _ => unknown("lock"),
    }
}
