//! Which entity of Home Assistant a state group is.

use watchpost_actors::model::vocabulary::{ENGINE_CONNECTION, GAP, STATE_UNKNOWN, WORDS};

/// Types of events that concern a connection and no item.
pub(super) const OF_CONNECTIONS: [&str; 2] = [ENGINE_CONNECTION, GAP];
/// The type of events that are of none of the types that are listed.
pub(super) const OTHER: &str = "other";

/// An entity that follows a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entity {
    /// Behind the component's id, where a group is more than one entity.
    pub(super) suffix: &'static str,
    pub(super) name: Name,
    /// About the device, not about what it watches.
    pub(super) is_diagnostic: bool,
    pub(super) shape: Shape,
}

/// What it is called, behind the device's name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    /// Nothing: it is what the device is there for.
    Device,
    Word(&'static str),
    /// The group's.
    Group,
}

/// What Home Assistant makes of its values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// On or off, of a device class.
    Binary { class: Option<&'static str>, on: &'static [&'static str], off: &'static [&'static str] },
    /// One of these words.
    Words(&'static [&'static str]),
    /// Any word.
    Any,
    /// Degrees Fahrenheit.
    Fahrenheit,
    /// A lock. Its schema wants a topic for commands, and there are none; with a code that no text matches Home Assistant refuses them itself.
    Lock,
    /// An alarm system. The same with arming, which it does not offer, and disarming, for which it wants a code.
    Alarm,
}

impl Entity {
    /// All that are used here.
    pub(super) const PLATFORMS: [&'static str; 5] = ["alarm_control_panel", "binary_sensor", "event", "lock", "sensor"];

    pub(super) const fn platform(&self) -> &'static str {
        match self.shape {
            Shape::Binary { .. } => "binary_sensor",
            Shape::Words(_) | Shape::Any | Shape::Fahrenheit => "sensor",
            Shape::Lock => "lock",
            Shape::Alarm => "alarm_control_panel",
        }
    }

    const fn diagnostic(mut self) -> Self {
        self.is_diagnostic = true;
        self
    }

    const fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }
}

const fn entity(name: Name, shape: Shape) -> Entity {
    Entity { suffix: "", name, is_diagnostic: false, shape }
}

const fn binary(
    name: &'static str,
    class: Option<&'static str>,
    on: &'static [&'static str],
    off: &'static [&'static str],
) -> Entity {
    entity(Name::Word(name), Shape::Binary { class, on, off })
}

/// A group that is not in the table.
const ANY: &[Entity] = &[entity(Name::Group, Shape::Any).diagnostic()];

/// Of which vendor a group must be to mean this: some names are everyday words, which a site may give to groups of its own.
pub(super) type Of = Option<&'static str>;

/// Groups as entities. On and off as Home Assistant's classes want them: `battery` on is low, `lock` and `contact` on are open.
pub(super) const ENTITIES: &[(&str, Of, &[Entity])] = &[
    ("motion", None, &[binary("Motion", Some("motion"), &["detected"], &["clear"])]),
    ("recording", None, &[binary("Recording", Some("running"), &["on"], &["off"])]),
    ("streaming", None, &[binary("Streaming", Some("running"), &["on"], &["off"]).diagnostic()]),
    (
        "connection",
        None,
        &[binary("Connection", Some("connectivity"), &["online"], &["offline", "error"]).diagnostic()],
    ),
    ("enabled", None, &[binary("Enabled", None, &["on"], &["off"]).diagnostic()]),
    ("output", None, &[binary("Output", None, &["on"], &["off"])]),
    (
        "status",
        EEN,
        &[entity(
            Name::Word("Status"),
            Shape::Words(&["online", "offline", "off", "internet_offline", "password_needed"]),
        )
        .diagnostic()],
    ),
    ("alarm", SIMPLISAFE, &[entity(Name::Device, Shape::Alarm)]),
    (
        "lock",
        SIMPLISAFE,
        &[
            entity(Name::Device, Shape::Lock),
            binary("Problem", Some("problem"), &["jammed", "error"], &["locked", "unlocked"])
                .diagnostic()
                .suffix("-problem"),
        ],
    ),
    (
        "contact",
        SIMPLISAFE,
        &[entity(Name::Device, Shape::Binary { class: Some("opening"), on: &["open"], off: &["closed"] })],
    ),
    ("power", SIMPLISAFE, &[binary("Mains", Some("power"), &["mains"], &["battery"]).diagnostic()]),
    ("battery", SIMPLISAFE, &[binary("Battery", Some("battery"), &["low"], &["ok"]).diagnostic()]),
    ("wifi", SIMPLISAFE, &[binary("Wi-Fi", Some("connectivity"), &["online"], &["offline"]).diagnostic()]),
    ("rf", SIMPLISAFE, &[binary("Radio interference", Some("problem"), &["jammed"], &["clear"]).diagnostic()]),
    ("tamper", SIMPLISAFE, &[binary("Tamper", Some("tamper"), &["tampered"], &["ok"]).diagnostic()]),
    // Of what it detects, nothing is told: smoke, water, carbon monoxide, breaking glass, motion.
    ("triggered", SIMPLISAFE, &[entity(Name::Device, Shape::Binary { class: None, on: &["on"], off: &["off"] })]),
    ("prealarm", SIMPLISAFE, &[binary("Pre-alarm", Some("smoke"), &["on"], &["off"])]),
    ("alarm_memory", SIMPLISAFE, &[binary("Alarm memory", Some("safety"), &["triggered"], &["clear"])]),
    ("temperature", SIMPLISAFE, &[entity(Name::Word("Temperature"), Shape::Fahrenheit)]),
];

const EEN: Of = Some("een");
const SIMPLISAFE: Of = Some("simplisafe");

/// SimpliSafe's alarm states in Home Assistant's words. That of an entry delay is `pending` there, that of an exit delay `arming`.
pub(super) const ALARM: [(&str, &str); 7] = [
    ("off", "disarmed"),
    ("armed_home", "armed_home"),
    ("armed_away", "armed_away"),
    ("exit_delay_home", "arming"),
    ("exit_delay_away", "arming"),
    ("entry_delay", "pending"),
    ("triggered", "triggered"),
];

/// A lock's states. One that could not do what it should is jammed, as Home Assistant's own integration of SimpliSafe has it.
pub(super) const LOCK: [(&str, &str); 4] =
    [("locked", "LOCKED"), ("unlocked", "UNLOCKED"), ("jammed", "JAMMED"), ("error", "JAMMED")];

/// The entities of a group.
pub(super) fn of(vendor: &str, group: &str) -> &'static [Entity] {
    let mut rows = ENTITIES.iter();
    let row = rows.find(|(name, of, _)| *name == group && of.is_none_or(|of| of == vendor));
    row.map_or(ANY, |(_, _, entities)| entities)
}

/// The types of events that set a group.
pub(super) fn kinds(group: &str) -> Vec<&'static str> {
    let of_group = WORDS.iter().filter(|word| word.state.is_some_and(|(name, _)| name == group));
    of_group.map(|word| word.kind).chain([STATE_UNKNOWN]).collect()
}

/// The maker, as far as it is known: the vendor of the system.
pub(super) fn manufacturer(vendor: &str) -> &str {
    match vendor {
        "milestone" => "Milestone",
        "een" => "Eagle Eye Networks",
        "simplisafe" => "SimpliSafe",
        "vxg" => "VXG",
        other => other,
    }
}

/// What an item is, by its id: `cameras/…` is a camera.
pub(super) fn model(id: &str, kind: &str) -> String {
    let known = match kind {
        "systems" if id.matches('/').count() > 1 => "Device",
        "systems" => "Alarm system",
        "cameras" => "Camera",
        "bridges" => "Bridge",
        "microphones" => "Microphone",
        "speakers" => "Speaker",
        "inputEvents" => "Input",
        "outputs" => "Output",
        "recordingServers" => "Recording server",
        "userDefinedEvents" => "User-defined event",
        other => return title(other),
    };
    known.to_owned()
}

/// A slug as people would write it: `cpu_usage` as `Cpu usage`.
pub(super) fn title(slug: &str) -> String {
    let mut letters = slug.chars().map(|c| if c == '_' { ' ' } else { c });
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
