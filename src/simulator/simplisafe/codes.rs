//! What can happen, by SimpliSafe's own code, and what it does to a system.
//!
//! Codes and what they stand for are those that simplipy knows. Texts are those of captures and of simplipy's fixtures where there are any, else made
//! in their likeness; `{}` stands for the name of the device.

/// How armed a system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alarm {
    /// Disarmed.
    Off,
    /// Counting down to home.
    ExitHome,
    /// Counting down to away.
    ExitAway,
    /// Armed, with people at home.
    Home,
    /// Armed, with nobody at home.
    Away,
    /// Somebody came in, and has yet to give a code.
    Entry,
    /// The siren sounds.
    Alarming,
}

/// How a door lock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bolt {
    /// The bolt is out.
    Locked,
    /// The bolt is in.
    Unlocked,
    /// It is stuck.
    Jammed,
}

/// What an event does to a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    Alarm(Alarm),
    /// On mains.
    Power(bool),
    Wifi(bool),
    /// Jammed.
    Rf(bool),
    /// A device is in reach.
    Reach(bool),
    Lock(Bolt),
    /// A smoke detector is suspicious; `zoneCid` says whether.
    Suspicion,
}

pub(super) struct Code {
    pub(super) cid: i64,
    pub(super) info: &'static str,
    pub(super) event_type: &'static str,
    pub(super) effect: Effect,
}

const fn code(cid: i64, info: &'static str, event_type: &'static str, effect: Effect) -> Code {
    Code { cid, info, event_type, effect }
}

use Effect::{Lock, Nothing, Power, Reach, Rf, Suspicion, Wifi};

const TRIGGERED: Effect = Effect::Alarm(Alarm::Alarming);
const OFF: Effect = Effect::Alarm(Alarm::Off);

/// All forty that simplipy knows, and three that it does not.
pub(super) static CODES: [Code; 43] = [
    code(0, "", "activity", Nothing),
    code(1110, "Alarm: Smoke {}", "alarm", TRIGGERED),
    code(1120, "Alarm: Panic (Keypad) {}", "alarm", TRIGGERED),
    code(1132, "Alarm: Motion {}", "alarm", TRIGGERED),
    code(1134, "Alarm: Entry {}", "alarm", TRIGGERED),
    code(1154, "Alarm: Water {}", "alarm", TRIGGERED),
    code(1159, "Alarm: Low Temperature {}", "alarm", TRIGGERED),
    code(1162, "Alarm: Carbon Monoxide {}", "alarm", TRIGGERED),
    code(1170, "{} Camera Detected Motion", "activityCam", Nothing),
    code(1301, "Power Outage - Backup battery in use.", "error", Power(false)),
    code(1344, "RF Interference Detected", "error", Rf(true)),
    code(1350, "SimpliSafe WiFi Lost", "error", Wifi(false)),
    code(1381, "{} Sensor Not Responding", "error", Reach(false)),
    code(1400, "System Disarmed by Master PIN", "activity", OFF),
    code(1406, "Alarm Canceled by Master PIN", "alarmCancel", OFF),
    code(1407, "System Disarmed by Remote", "activity", OFF),
    code(1409, "Secret Alert: {}", "activityQuiet", Nothing),
    code(1429, "Entry Detected by Sensor:  {}", "activityQuiet", Effect::Alarm(Alarm::Entry)),
    code(1458, "{} Doorbell Pressed", "activityCam", Nothing),
    code(1461, "Alarm: PINpad {} LockOut!", "alarm", TRIGGERED),
    code(1531, "Sensor Paired and Named {}", "activity", Nothing),
    code(1601, "User Initiated Test", "alarm", Nothing),
    code(1602, "Automatic Test", "auto", Nothing),
    code(1604, "{} Test", "activity", Nothing),
    code(1609, "User-initiated Camera Recording", "activityCam", Nothing),
    code(1901, "Smoke Pre-Alarm {}", "activity", Suspicion),
    code(3301, "Power Restored", "error", Power(true)),
    code(3344, "RF Interference Stopped", "error", Rf(false)),
    code(3350, "SimpliSafe WiFi Restored", "error", Wifi(true)),
    code(3381, "{} Sensor Responding Again", "error", Reach(true)),
    code(3401, "System Armed (Away) by Keypad {}", "activity", Effect::Alarm(Alarm::Away)),
    code(3407, "System Armed (Away) by Remote Management", "activity", Effect::Alarm(Alarm::Away)),
    code(3441, "System Armed (Home) by Keypad {}", "activity", Effect::Alarm(Alarm::Home)),
    code(3481, "System Armed (Away)", "activity", Effect::Alarm(Alarm::Away)),
    code(3487, "System Armed (Away)", "activity", Effect::Alarm(Alarm::Away)),
    code(3491, "System Armed (Home)", "activity", Effect::Alarm(Alarm::Home)),
    code(
        9401,
        "Exit Delay Countdown Triggered for Away Mode by Keypad",
        "activityQuiet",
        Effect::Alarm(Alarm::ExitAway),
    ),
    code(
        9407,
        "Exit Delay Countdown Triggered for Away Mode by Remote",
        "activityQuiet",
        Effect::Alarm(Alarm::ExitAway),
    ),
    code(9441, "Exit Delay Countdown Triggered for Home Mode", "activityQuiet", Effect::Alarm(Alarm::ExitHome)),
    code(9700, "{} Unlocked", "activity", Lock(Bolt::Unlocked)),
    code(9701, "{} Locked", "activity", Lock(Bolt::Locked)),
    code(9703, "{} Lock Error", "error", Lock(Bolt::Jammed)),
    code(9903, "Base Station Update Succeeded", "activity", Nothing),
];

/// A code; one that is not known means nothing.
pub(super) fn find(cid: i64) -> &'static Code {
    static UNKNOWN: Code = code(-1, "Something Happened", "activity", Nothing);
    CODES.iter().find(|code| code.cid == cid).unwrap_or(&UNKNOWN)
}
