//! The shared words: event types, and the state groups with their values.
//!
//! One table serves the code and `docs/events.md`, which a test compares. A vendor maps its own types to rows of it; what fits no
//! row keeps the vendor's name as a [`slug`].

/// The type of a gap.
pub const GAP: &str = "gap";
/// The type of a change of a connection's own state.
pub const ENGINE_CONNECTION: &str = "engine.connection";
/// The type of a state that a snapshot lacks.
pub const STATE_UNKNOWN: &str = "state.unknown";
/// The value of a state that nobody knows.
pub const UNKNOWN: &str = "unknown";

/// A shared event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The event's `type`.
    pub kind: &'static str,
    /// The state that it sets: shared group and value.
    pub state: Option<(&'static str, &'static str)>,
    /// What has happened, in a sentence.
    pub help: &'static str,
}

/// Every shared event type.
pub const WORDS: &[Word] = &[
    word("motion.started", Some(("motion", "detected")), "Motion was detected."),
    word("motion.stopped", Some(("motion", "clear")), "Motion has ended."),
    word("recording.started", Some(("recording", "on")), "Recording has begun."),
    word(
        "recording.stopped",
        Some(("recording", "off")),
        "Recording has ended; on sites that record on motion this is the state of rest.",
    ),
    word(
        "streaming.started",
        Some(("streaming", "on")),
        "Live video flows: on Milestone to somebody who watches, on Eagle Eye from the camera to its bridge.",
    ),
    word("streaming.stopped", Some(("streaming", "off")), "It does not flow any more."),
    word("connection.restored", Some(("connection", "online")), "The device can be reached."),
    word("connection.lost", Some(("connection", "offline")), "The device cannot be reached."),
    word("connection.error", Some(("connection", "error")), "The device answers with errors."),
    word("device.enabled", Some(("enabled", "on")), "A user has switched the device on."),
    word("device.disabled", Some(("enabled", "off")), "A user has switched the device off."),
    word("status.online", Some(("status", "online")), "All in all, the device works."),
    word(
        "status.offline",
        Some(("status", "offline")),
        "The device is on and its site can be reached, but it does not work.",
    ),
    word("status.off", Some(("status", "off")), "The device is switched off."),
    word("status.internet_offline", Some(("status", "internet_offline")), "The device's site cannot be reached."),
    word(
        "status.password_needed",
        Some(("status", "password_needed")),
        "The device does not work, for want of its password.",
    ),
    word("output.activated", Some(("output", "on")), "An output was switched on."),
    word("output.deactivated", Some(("output", "off")), "An output was switched off."),
    word("alarm.disarmed", Some(("alarm", "off")), "The alarm system was switched off."),
    word("alarm.canceled", Some(("alarm", "off")), "An alarm was cancelled, and the system is off."),
    word("alarm.armed_home", Some(("alarm", "armed_home")), "The alarm system is armed, with people at home."),
    word("alarm.armed_away", Some(("alarm", "armed_away")), "The alarm system is armed, with nobody at home."),
    word(
        "alarm.exit_delay_home",
        Some(("alarm", "exit_delay_home")),
        "The alarm system counts down until it is armed with people at home.",
    ),
    word(
        "alarm.exit_delay_away",
        Some(("alarm", "exit_delay_away")),
        "The alarm system counts down until it is armed with nobody at home.",
    ),
    word(
        "alarm.entry_delay",
        Some(("alarm", "entry_delay")),
        "Somebody has entered; the alarm goes off unless the system is switched off in time.",
    ),
    word("alarm.triggered", Some(("alarm", "triggered")), "The alarm has gone off."),
    word("lock.locked", Some(("lock", "locked")), "A door was locked."),
    word("lock.unlocked", Some(("lock", "unlocked")), "A door was unlocked."),
    word("lock.jammed", Some(("lock", "jammed")), "A lock is stuck."),
    word("lock.error", Some(("lock", "error")), "A lock could not do what it should."),
    word("contact.opened", Some(("contact", "open")), "A door or window was opened."),
    word("contact.closed", Some(("contact", "closed")), "A door or window was closed."),
    word("power.restored", Some(("power", "mains")), "The device runs on mains again."),
    word("power.lost", Some(("power", "battery")), "The mains have failed: the device runs on its battery."),
    word("battery.ok", Some(("battery", "ok")), "The device's battery is as it should be."),
    word("battery.low", Some(("battery", "low")), "The device's battery is low."),
    word("wifi.restored", Some(("wifi", "online")), "The device has its Wi-Fi."),
    word("wifi.lost", Some(("wifi", "offline")), "The device has no Wi-Fi; it may still be reached otherwise."),
    word("rf.cleared", Some(("rf", "clear")), "No noise on the radio any more."),
    word("rf.jammed", Some(("rf", "jammed")), "Noise on the radio keeps the device from hearing its sensors."),
    word("tamper.cleared", Some(("tamper", "ok")), "The device is as it should be."),
    word("tamper.detected", Some(("tamper", "tampered")), "Somebody has opened or moved the device."),
    word(
        STATE_UNKNOWN,
        None,
        "Nobody knows a state that was known: a snapshot lacks it, or tells that it is not known. Its value is `unknown` now.",
    ),
    word(GAP, None, "The engine's own: a stretch of time in which events may have been lost."),
    word(ENGINE_CONNECTION, None, "The engine's own: a connection's state has changed."),
];

const fn word(kind: &'static str, state: Option<(&'static str, &'static str)>, help: &'static str) -> Word {
    Word { kind, state, help }
}

/// The row of a type.
#[must_use]
pub fn find(kind: &str) -> Option<&'static Word> {
    WORDS.iter().find(|word| word.kind == kind)
}

/// A vendor's name as part of a type: lower case, each run of anything but letters and digits one `_`, none at the ends.
#[must_use]
pub fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('_') {
            slug.push('_');
        }
    }
    if slug.ends_with('_') {
        slug.pop();
    }
    if slug.is_empty() { UNKNOWN.to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_slug_is_lower_case_with_one_sign_between_words() {
        for (name, expected) in [
            ("CPU usage", "cpu_usage"),
            ("  Motion -- Started! ", "motion_started"),
            ("CommunicationStarted", "communicationstarted"),
            ("Übergang 2", "übergang_2"),
            ("EMES", "emes"),
            ("***", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(slug(name), expected);
        }
    }

    #[test]
    fn a_type_stands_in_the_table_once() {
        let kinds: HashSet<_> = WORDS.iter().map(|word| word.kind).collect();
        assert_eq!(kinds.len(), WORDS.len());
        assert_eq!(find("motion.started").and_then(|word| word.state), Some(("motion", "detected")));
        assert_eq!(find("nothing"), None);
    }
}
