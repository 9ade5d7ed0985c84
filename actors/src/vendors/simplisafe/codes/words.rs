//! Types, and the states that they set: those of all vendors, and those that SimpliSafe alone has.

use crate::model::event::{Meaning, StateMeaning};
use crate::model::vocabulary::{self, UNKNOWN, Word};

/// Types that set states of which no other vendor has the like.
pub const OWN: &[Word] = &[
    own("simplisafe.alarm_memory_set", ("alarm_memory", "triggered"), "The device was behind an alarm."),
    own(
        "simplisafe.alarm_memory_cleared",
        ("alarm_memory", "clear"),
        "That alarm is over: the system was switched off.",
    ),
    own("simplisafe.prealarm_started", ("prealarm", "on"), "A detector has found some smoke, too little for an alarm."),
    own("simplisafe.prealarm_ended", ("prealarm", "off"), "It does not find any more."),
    own(
        "simplisafe.sensor_triggered",
        ("triggered", "on"),
        "A detector finds what it looks for: smoke, water, carbon monoxide, breaking glass, motion, heat or cold.",
    ),
    own("simplisafe.sensor_cleared", ("triggered", "off"), "It does not find it any more."),
];

/// The type of a change of `temperature`, whose values are numbers.
pub(in crate::vendors::simplisafe) const TEMPERATURE: &str = "simplisafe.temperature_changed";

const fn own(kind: &'static str, state: (&'static str, &'static str), help: &'static str) -> Word {
    Word { kind, state: Some(state), help }
}

/// What a type means, with the state that it sets. Our names of groups and values are their ids too: SimpliSafe has none that all its answers share.
#[must_use]
pub(in crate::vendors::simplisafe) fn meaning(kind: &str, name: Option<&str>, text: Option<&str>) -> Meaning {
    let word = vocabulary::find(kind).or_else(|| OWN.iter().find(|word| word.kind == kind));
    let state = word.and_then(|word| word.state).map(|(group, value)| state(group, value, text));
    Meaning { kind: kind.into(), name: name.map(Into::into), state }
}

/// What stands for a state that nobody knows.
pub(in crate::vendors::simplisafe) fn unknown(group: &str, text: Option<&str>) -> Meaning {
    // Without an id of its own it is the same as what a snapshot makes of a state that it lacks.
    let state = StateMeaning { vendor_value: "".into(), ..state(group, UNKNOWN, text) };
    Meaning { kind: vocabulary::STATE_UNKNOWN.into(), name: None, state: Some(state) }
}

pub(in crate::vendors::simplisafe) fn state(group: &str, value: &str, text: Option<&str>) -> StateMeaning {
    StateMeaning {
        group: group.into(),
        value: value.into(),
        vendor_group: group.into(),
        vendor_value: value.into(),
        text: text.map(Into::into),
    }
}
