//! What an engine must have made of what the cloud shows, in the engine's words, for whoever compares the two.

use std::collections::BTreeMap;

use super::{Overall, Reading};

/// The subject of a device's events.
#[must_use]
pub fn item(bridge: bool, esn: &str) -> String {
    format!("{}/{esn}", if bridge { "bridges" } else { "cameras" })
}

/// The states that a reading stands for, by group; those of which it tells nothing are left out.
#[must_use]
pub fn states(bridge: bool, reading: &Reading) -> BTreeMap<&'static str, &'static str> {
    let switch = |on: bool| if on { "on" } else { "off" };
    let status = match reading.overall {
        Overall::Off => "off",
        Overall::InternetOffline => "internet_offline",
        Overall::Online => "online",
        Overall::PasswordNeeded => "password_needed",
        Overall::Offline => "offline",
    };
    let mut states = BTreeMap::from([("status", status)]);
    states.extend(reading.internet.map(|internet| ("connection", if internet { "online" } else { "offline" })));
    if !bridge {
        let switches = [("enabled", reading.on), ("streaming", reading.streaming), ("recording", reading.recording)];
        states.extend(switches.map(|(group, on)| (group, switch(on))));
    }
    states
}
