//! What an engine must have made of what the cloud shows, in the engine's words, for whoever compares the two.

use std::collections::BTreeMap;

use super::{Alarm, Bolt, Device, Truth, world::kind};

/// The subject of a system's events.
#[must_use]
pub fn system(sid: u64) -> String {
    format!("systems/{sid}")
}

/// The subject of a device's events: a sensor's serial number, or what events call a camera by: the end of its uuid.
#[must_use]
pub fn device(sid: u64, id: &str) -> String {
    format!("systems/{sid}/devices/{id}")
}

/// The word for how armed a system is.
#[must_use]
pub const fn alarm(alarm: Alarm) -> &'static str {
    match alarm {
        Alarm::Off => "off",
        Alarm::ExitHome => "exit_delay_home",
        Alarm::ExitAway => "exit_delay_away",
        Alarm::Home => "armed_home",
        Alarm::Away => "armed_away",
        Alarm::Entry => "entry_delay",
        Alarm::Alarming => "triggered",
    }
}

/// What calls tell of a system and its devices, by subject and group. What events alone tell (`alarm_memory`) is left out, and so are temperatures, for
/// which there are no shared words.
#[must_use]
pub fn states(truth: &Truth) -> BTreeMap<String, BTreeMap<&'static str, &'static str>> {
    let reach = |offline: bool| if offline { "offline" } else { "online" };
    let own = BTreeMap::from([
        ("alarm", alarm(truth.alarm)),
        ("power", if truth.mains { "mains" } else { "battery" }),
        ("wifi", reach(!truth.wifi)),
        ("rf", if truth.jammed { "jammed" } else { "clear" }),
        ("connection", reach(truth.offline)),
    ]);
    let devices = truth.devices.values().map(|known| (device(truth.sid, &known.serial), of_device(known)));
    std::iter::once((system(truth.sid), own)).chain(devices).collect()
}

fn of_device(device: &Device) -> BTreeMap<&'static str, &'static str> {
    let mut states = BTreeMap::from([("connection", if device.offline { "offline" } else { "online" })]);
    if device.camera {
        return states;
    }
    states.insert("battery", if device.low_battery { "low" } else { "ok" });
    states.extend(device.tampered.map(|tampered| ("tamper", if tampered { "tampered" } else { "ok" })));
    states.extend(device.triggered.map(|triggered| match device.kind {
        kind::ENTRY => ("contact", if triggered { "open" } else { "closed" }),
        _ => ("triggered", if triggered { "on" } else { "off" }),
    }));
    states.extend(device.bolt.map(|bolt| {
        let word = match bolt {
            Bolt::Locked => "locked",
            Bolt::Unlocked => "unlocked",
            Bolt::Jammed => "jammed",
        };
        ("lock", word)
    }));
    states
}
