//! A system's own states, and its cameras'.

use super::values::{either, of_alarm, temperature};
use super::{Told, device_item, system_item};
use crate::model::VendorTime;
use crate::vendors::simplisafe::wire::{BaseStation, System, time};

/// What a subscription tells of its system and cameras.
///
/// - `alarm`: that it goes off counts before all else. Its time is the later of the two that are told.
/// - `power`: since when there are mains again is not told.
/// - `wifi`: what a system uses for its connection; it was last online when it says so (inferred: a system whose Wi-Fi fails goes by radio).
#[must_use]
pub fn of_system<'a>(system: &'a System<'_>) -> Vec<Told<'a>> {
    let mut told = Vec::new();
    let mut tell = |meaning, at: Option<i64>| {
        told.push(Told { item: system_item(&system.sid), meaning, time: vendor_time(at), data: &system.told });
    };
    let word = match system.is_alarming {
        Some(true) => "isAlarming",
        _ => system.alarm_state.as_deref().unwrap_or("UNKNOWN"),
    };
    tell(of_alarm(word), system.state_updated.max(system.alarm_state_timestamp));
    if let Some(outage) = system.power_outage {
        let since = system.last_power_outage.filter(|_| outage);
        tell(either("power", outage, ["power.lost", "power.restored"]), since);
    }
    if let Some(connection) = system.connection.as_deref() {
        let wifi = connection.eq_ignore_ascii_case("wifi");
        tell(either("wifi", wifi, ["wifi.restored", "wifi.lost"]), system.last_wifi.filter(|_| wifi));
    }
    if let Some(offline) = system.is_offline {
        tell(either("connection", offline, ["connection.lost", "connection.restored"]), None);
    }
    if let Some(degrees) = &system.temperature {
        tell(temperature(degrees), None);
    }
    for camera in &system.cameras {
        let Some(status) = &camera.status else { continue };
        let online = status.eq_ignore_ascii_case("online");
        told.push(Told {
            item: device_item(&system.sid, camera.serial()),
            meaning: either("connection", online, ["connection.restored", "connection.lost"]),
            time: "".into(),
            data: &camera.told,
        });
    }
    told
}

/// What the settings of system `sid` tell of its base station. Its numbers for mains and battery are of no known unit, so they tell nothing.
#[must_use]
pub fn of_base_station<'a>(sid: &str, station: &BaseStation<'a>) -> Vec<Told<'a>> {
    let told = station.is_jammed.map(|jammed| Told {
        item: system_item(sid),
        meaning: either("rf", jammed, ["rf.jammed", "rf.cleared"]),
        time: station.last_updated.as_deref().unwrap_or_default().into(),
        data: station.json,
    });
    told.into_iter().collect()
}

pub(super) fn vendor_time(at: Option<i64>) -> VendorTime {
    at.and_then(time::text).as_deref().unwrap_or_default().into()
}
