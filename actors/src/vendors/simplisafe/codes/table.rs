//! The table of codes: after simplipy, whose names these are, and after reports of its users. What a code sets, and on what, is after Home Assistant
//! and homebridge-simplisafe3; on devices it is inferred.

use super::{Code, Part, Standing, Subject};

/// Every code that is known. SimpliSafe publishes none.
pub const CODES: &[Code] = &[
    alarm(1110, "Alarm Triggered: Fire"),
    alarm(1120, "Alarm Triggered: Panic"),
    alarm(1132, "Alarm Triggered: Interior"),
    alarm(1134, "Alarm Triggered: Entry or Exit"),
    alarm(1154, "Alarm Triggered: Water"),
    alarm(1159, "Alarm Triggered: Low Temperature"),
    alarm(1162, "Alarm Triggered: Carbon Monoxide"),
    device(1170, "Camera Motion Detected"),
    system(1301, "Power Outage").sets("power.lost"),
    system(1344, "RF Interference Detected").sets("rf.jammed"),
    // Of the base station's Wi-Fi: this very event came by another way.
    system(1350, "Connection Lost").sets("wifi.lost"),
    device(1381, "Sensor Not Responding").sets("connection.lost"),
    system(1400, "Disarmed by Keypad").sets("alarm.disarmed").part(Part::Disarmed),
    system(1406, "Alarm Canceled").sets("alarm.canceled").part(Part::Canceled),
    system(1407, "Disarmed by Remote").sets("alarm.disarmed").part(Part::Disarmed),
    device(1409, "Secret Alert Triggered"),
    system(1429, "Entry Delay").sets("alarm.entry_delay").part(Part::Entry),
    device(1458, "Doorbell Detected"),
    device(1531, "Sensor Paired and Named"),
    system(1601, "User Initiated Test").part(Part::Test),
    system(1602, "Automatic Test"),
    device(1604, "Device Test"),
    device(1609, "User Initiated Camera Recording"),
    system(3301, "Power Restored").sets("power.restored"),
    system(3344, "RF Interference Stopped").sets("rf.cleared"),
    system(3350, "Connection Restored").sets("wifi.restored"),
    device(3381, "Sensor Restored").sets("connection.restored"),
    system(3401, "Armed Away by Keypad").sets("alarm.armed_away"),
    system(3407, "Armed Away by Remote").sets("alarm.armed_away"),
    system(3441, "Armed Home").sets("alarm.armed_home"),
    system(3481, "Armed Away").sets("alarm.armed_away"),
    system(3487, "Armed Away").sets("alarm.armed_away"),
    system(3491, "Armed Home").sets("alarm.armed_home"),
    system(9401, "Away Exit Delay by Keypad").sets("alarm.exit_delay_away").part(Part::ExitDelay),
    system(9407, "Away Exit Delay by Remote").sets("alarm.exit_delay_away").part(Part::ExitDelay),
    system(9441, "Home Exit Delay").sets("alarm.exit_delay_home").part(Part::ExitDelay),
    device(9700, "Lock Unlocked").sets("lock.unlocked"),
    device(9701, "Lock Locked").sets("lock.locked"),
    device(9703, "Lock Error").sets("lock.error").part(Part::Lock),
    system(9903, "Base Station Update Succeeded"),
    // Not in simplipy. The first was seen without a word about what it is.
    device(0, "CID 0").seen(),
    device(1461, "PIN Pad Lockout").seen(),
    device(1901, "Smoke Pre-alarm").part(Part::PreAlarm).seen(),
];

const fn system(cid: u16, name: &'static str) -> Code {
    Code { cid, name, on: Subject::System, kind: None, part: Part::Plain, standing: Standing::Simplipy }
}

const fn device(cid: u16, name: &'static str) -> Code {
    Code { on: Subject::Device, ..system(cid, name) }
}

const fn alarm(cid: u16, name: &'static str) -> Code {
    system(cid, name).sets("alarm.triggered").part(Part::Alarm)
}

impl Code {
    const fn sets(self, kind: &'static str) -> Self {
        Self { kind: Some(kind), ..self }
    }

    const fn part(self, part: Part) -> Self {
        Self { part, ..self }
    }

    const fn seen(self) -> Self {
        Self { standing: Standing::Seen, ..self }
    }
}
