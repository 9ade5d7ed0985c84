//! Every value that an answer can tell, with what tells it.

use std::sync::{Arc, LazyLock};

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::super::codes::words;
use crate::model::event::Meaning;
use crate::model::vocabulary;

/// A value that an answer can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value {
    /// The shared group; each has a type for each of its values, but for `unknown`.
    pub group: &'static str,
    /// The type of an event with this value; `state.unknown` has one value in all groups.
    pub kind: &'static str,
    /// SimpliSafe's own text for it, if it has one.
    pub text: Option<&'static str>,
    /// Which members tell it.
    pub told_by: &'static str,
}

const UNKNOWN: &str = vocabulary::STATE_UNKNOWN;

/// Every such value; numbers of degrees aside.
pub const VALUES: &[Value] = &[
    alarm("alarm.triggered", "isAlarming", "`isAlarming`, whatever `alarmState` says"),
    alarm("alarm.triggered", "ALARM", "`alarmState` `ALARM`"),
    alarm("alarm.disarmed", "OFF", "`alarmState` `OFF`"),
    alarm("alarm.disarmed", "TEST", "`alarmState` `TEST`"),
    alarm("alarm.armed_home", "HOME", "`alarmState` `HOME`"),
    alarm("alarm.armed_away", "AWAY", "`alarmState` `AWAY`"),
    alarm("alarm.exit_delay_home", "HOME_COUNT", "`alarmState` `HOME_COUNT`"),
    alarm("alarm.exit_delay_away", "AWAY_COUNT", "`alarmState` `AWAY_COUNT`"),
    alarm("alarm.exit_delay_away", "EXIT_DELAY", "`alarmState` `EXIT_DELAY`"),
    alarm("alarm.entry_delay", "ALARM_COUNT", "`alarmState` `ALARM_COUNT`"),
    alarm("alarm.entry_delay", "ENTRY_DELAY", "`alarmState` `ENTRY_DELAY`"),
    alarm(UNKNOWN, "ERROR", "`alarmState` `ERROR`"),
    alarm(UNKNOWN, "UNKNOWN", "`alarmState` `UNKNOWN`, any other or none"),
    value("power", "power.restored", "`powerOutage` false"),
    value("power", "power.lost", "`powerOutage` true"),
    value("wifi", "wifi.restored", "`connType` `wifi`"),
    value("wifi", "wifi.lost", "`connType` anything else"),
    value("rf", "rf.cleared", "`basestationStatus.rfJamming` false"),
    value("rf", "rf.jammed", "`basestationStatus.rfJamming` true"),
    value("connection", "connection.restored", "`isOffline` or `flags.offline` false; a camera's `status` `online`"),
    value("connection", "connection.lost", "`isOffline` or `flags.offline` true; any other `status` of a camera"),
    value("battery", "battery.ok", "`flags.lowBattery` and a lock's `lockLowBattery` false"),
    value("battery", "battery.low", "`flags.lowBattery` or a lock's `lockLowBattery` true"),
    value("tamper", "tamper.cleared", "`status.tamper` false"),
    value("tamper", "tamper.detected", "`status.tamper` true"),
    value("contact", "contact.opened", "`status.triggered` true, of a door or window"),
    value("contact", "contact.closed", "`status.triggered` false, of a door or window"),
    value("contact", UNKNOWN, "no `status.triggered`, of a door or window"),
    value("triggered", "simplisafe.sensor_triggered", "`status.triggered` true, of anything else"),
    value("triggered", "simplisafe.sensor_cleared", "`status.triggered` false, of anything else"),
    value("triggered", UNKNOWN, "no `status.triggered`, of what should have it"),
    Value { text: Some("smoke"), ..value("triggered", "simplisafe.sensor_triggered", "`status.smokeTriggered` true") },
    Value { text: Some("CO"), ..value("triggered", "simplisafe.sensor_triggered", "`status.coTriggered` true") },
    value("prealarm", "simplisafe.prealarm_started", "`status.preSmokeAlarm` true"),
    value("prealarm", "simplisafe.prealarm_ended", "`status.preSmokeAlarm` false"),
    value("lock", "lock.jammed", "`status.lockJamState` not 0, whatever else it says"),
    value("lock", UNKNOWN, "`status.lockDisabled` true, or any other `status.lockState`"),
    value("lock", "lock.locked", "`status.lockState` 1"),
    value("lock", "lock.unlocked", "`status.lockState` 2"),
];

const fn value(group: &'static str, kind: &'static str, told_by: &'static str) -> Value {
    Value { group, kind, text: None, told_by }
}

const fn alarm(kind: &'static str, text: &'static str, told_by: &'static str) -> Value {
    Value { text: Some(text), ..value("alarm", kind, told_by) }
}

impl Value {
    /// Type and state of such a value. Made once for the process.
    #[must_use]
    pub fn meaning(&self) -> Arc<Meaning> {
        static TABLE: LazyLock<HashMap<Key, Arc<Meaning>, RandomState>> =
            LazyLock::new(|| VALUES.iter().map(|value| (value.key(), Arc::new(value.describe()))).collect());
        TABLE.get(&self.key()).map_or_else(|| Arc::new(self.describe()), Arc::clone)
    }

    fn key(&self) -> Key {
        (self.group, self.kind, self.text)
    }

    fn describe(&self) -> Meaning {
        match self.kind {
            UNKNOWN => words::unknown(self.group, self.text),
            kind => words::meaning(kind, None, self.text),
        }
    }
}

type Key = (&'static str, &'static str, Option<&'static str>);

/// A state with two values.
pub(super) fn either(group: &'static str, is: bool, [on, off]: [&'static str; 2]) -> Arc<Meaning> {
    value(group, if is { on } else { off }, "").meaning()
}

/// A state that nobody knows.
pub(super) fn unknown(group: &'static str) -> Arc<Meaning> {
    value(group, UNKNOWN, "").meaning()
}

/// A value with its text.
pub(super) fn with_text(group: &'static str, kind: &'static str, text: Option<&'static str>) -> Arc<Meaning> {
    Value { text, ..value(group, kind, "") }.meaning()
}

/// An alarm's state by its word.
pub(super) fn of_alarm(word: &str) -> Arc<Meaning> {
    let known = VALUES.iter().find(|value| value.group == "alarm" && value.text == Some(word));
    known.map_or_else(|| Arc::new(words::unknown("alarm", Some(word))), Value::meaning)
}

/// So many degrees Fahrenheit, as they were sent.
pub(super) fn temperature(degrees: &str) -> Arc<Meaning> {
    let state = words::state("temperature", degrees, Some(&format!("{degrees} °F")));
    Arc::new(Meaning { kind: words::TEMPERATURE.into(), name: None, state: Some(state) })
}
