//! What Home Assistant takes, as data: the schemas of its release 2025.4.4, `homeassistant/components/mqtt/schemas.py`, `config.py` and one file for each
//! platform. Home Assistant leaves keys out that it does not know; here they are mistakes.

use std::collections::HashSet;

use super::{samples::messages, *};

/// What a member must be.
#[derive(Clone, Copy, Debug)]
enum Is {
    Text,
    TextOrNull,
    Bool,
    Number,
    /// A topic to publish to: no wildcards.
    Topic,
    /// A topic to subscribe to.
    Filter,
    Template,
    /// One of these words.
    In(&'static [&'static str]),
    Texts,
    /// Texts, each of them one of these.
    TextsIn(&'static [&'static str]),
    Availability,
    /// An object of these members.
    Object(&'static Schema),
}

/// Members that must and may be there.
#[derive(Debug)]
struct Schema {
    required: &'static [(&'static str, Is)],
    optional: &'static [(&'static str, Is)],
}

const AVAILABILITY: &[(&str, Is)] = &[
    ("availability", Is::Availability),
    ("availability_mode", Is::In(&["all", "any", "latest"])),
    ("availability_template", Is::Template),
    ("availability_topic", Is::Filter),
    ("payload_available", Is::Text),
    ("payload_not_available", Is::Text),
];

/// `MQTT_ENTITY_COMMON_SCHEMA` and `SCHEMA_BASE`. A device's entities must have a `unique_id`.
const COMMON: &[(&str, Is)] = &[
    ("device", Is::Object(&DEVICE)),
    ("enabled_by_default", Is::Bool),
    ("encoding", Is::Text),
    ("entity_category", Is::In(&["config", "diagnostic"])),
    ("entity_picture", Is::Text),
    ("icon", Is::Text),
    ("json_attributes_template", Is::Template),
    ("json_attributes_topic", Is::Filter),
    ("object_id", Is::Text),
    ("origin", Is::Object(&ORIGIN)),
    ("qos", Is::Number),
];

static DEVICE: Schema = Schema {
    required: &[("identifiers", Is::Texts)],
    optional: &[
        ("manufacturer", Is::Text),
        ("model", Is::Text),
        ("model_id", Is::Text),
        ("name", Is::Text),
        ("hw_version", Is::Text),
        ("serial_number", Is::Text),
        ("sw_version", Is::Text),
        ("via_device", Is::Text),
        ("suggested_area", Is::Text),
        ("configuration_url", Is::Text),
    ],
};

static ORIGIN: Schema =
    Schema { required: &[("name", Is::Text)], optional: &[("sw_version", Is::Text), ("support_url", Is::Text)] };

/// `DEVICE_DISCOVERY_SCHEMA`, but for `components`.
static DISCOVERY: Schema = Schema {
    required: &[("device", Is::Object(&DEVICE)), ("origin", Is::Object(&ORIGIN))],
    optional: &[("state_topic", Is::Filter), ("command_topic", Is::Topic), ("qos", Is::Number), ("encoding", Is::Text)],
};

const BINARY_CLASSES: &[&str] = &[
    "battery",
    "battery_charging",
    "carbon_monoxide",
    "cold",
    "connectivity",
    "door",
    "garage_door",
    "gas",
    "heat",
    "light",
    "lock",
    "moisture",
    "motion",
    "moving",
    "occupancy",
    "opening",
    "plug",
    "power",
    "presence",
    "problem",
    "running",
    "safety",
    "smoke",
    "sound",
    "tamper",
    "update",
    "vibration",
    "window",
];

const FEATURES: &[&str] = &["arm_home", "arm_away", "arm_night", "arm_vacation", "arm_custom_bypass", "trigger"];

const PLATFORMS: &[(&str, Schema)] = &[
    (
        "binary_sensor",
        Schema {
            required: &[("state_topic", Is::Filter), ("unique_id", Is::Text)],
            optional: &[
                ("device_class", Is::In(BINARY_CLASSES)),
                ("expire_after", Is::Number),
                ("force_update", Is::Bool),
                ("name", Is::TextOrNull),
                ("off_delay", Is::Number),
                ("payload_off", Is::Text),
                ("payload_on", Is::Text),
                ("value_template", Is::Template),
            ],
        },
    ),
    (
        "sensor",
        Schema {
            required: &[("state_topic", Is::Filter), ("unique_id", Is::Text)],
            optional: &[
                // Of its classes those that are used.
                ("device_class", Is::In(&["enum", "temperature"])),
                ("expire_after", Is::Number),
                ("force_update", Is::Bool),
                ("last_reset_value_template", Is::Template),
                ("name", Is::TextOrNull),
                ("options", Is::Texts),
                ("suggested_display_precision", Is::Number),
                ("state_class", Is::In(&["measurement", "measurement_angle", "total", "total_increasing"])),
                ("unit_of_measurement", Is::TextOrNull),
                ("value_template", Is::Template),
            ],
        },
    ),
    (
        "event",
        Schema {
            required: &[("state_topic", Is::Filter), ("event_types", Is::Texts), ("unique_id", Is::Text)],
            optional: &[
                ("device_class", Is::In(&["doorbell", "button", "motion"])),
                ("name", Is::TextOrNull),
                ("value_template", Is::Template),
            ],
        },
    ),
    (
        "lock",
        Schema {
            required: &[("command_topic", Is::Topic), ("unique_id", Is::Text)],
            optional: &[
                ("code_format", Is::Text),
                ("command_template", Is::Template),
                ("name", Is::TextOrNull),
                ("optimistic", Is::Bool),
                ("payload_lock", Is::Text),
                ("payload_unlock", Is::Text),
                ("payload_open", Is::Text),
                ("payload_reset", Is::Text),
                ("retain", Is::Bool),
                ("state_jammed", Is::Text),
                ("state_locked", Is::Text),
                ("state_locking", Is::Text),
                ("state_open", Is::Text),
                ("state_opening", Is::Text),
                ("state_topic", Is::Filter),
                ("state_unlocked", Is::Text),
                ("state_unlocking", Is::Text),
                ("value_template", Is::Template),
            ],
        },
    ),
    (
        "alarm_control_panel",
        Schema {
            required: &[("command_topic", Is::Topic), ("state_topic", Is::Filter), ("unique_id", Is::Text)],
            optional: &[
                ("code", Is::Text),
                ("code_arm_required", Is::Bool),
                ("code_disarm_required", Is::Bool),
                ("code_trigger_required", Is::Bool),
                ("command_template", Is::Template),
                ("name", Is::TextOrNull),
                ("payload_arm_away", Is::Text),
                ("payload_arm_home", Is::Text),
                ("payload_arm_night", Is::Text),
                ("payload_arm_vacation", Is::Text),
                ("payload_arm_custom_bypass", Is::Text),
                ("payload_disarm", Is::Text),
                ("payload_trigger", Is::Text),
                ("retain", Is::Bool),
                ("supported_features", Is::TextsIn(FEATURES)),
                ("value_template", Is::Template),
            ],
        },
    ),
];

/// Every mistake in a payload, each with where it is.
fn mistakes(schema: &Schema, more: &[&[(&'static str, Is)]], payload: &Value) -> Vec<String> {
    let Some(members) = payload.as_object() else { return vec![format!("{payload} is no object")] };
    let missing = schema.required.iter().filter(|(key, _)| !members.contains_key(*key));
    let mut mistakes: Vec<String> = missing.map(|(key, _)| format!("{key} is missing")).collect();
    let known: Vec<&(&str, Is)> = [schema.required, schema.optional].iter().chain(more).copied().flatten().collect();
    for (key, value) in members {
        match known.iter().find(|(known, _)| known == key) {
            Some((_, is)) => mistakes.extend(mistake(*is, value).map(|mistake| format!("{key}: {mistake}"))),
            None => mistakes.push(format!("{key} is not known")),
        }
    }
    mistakes
}

fn mistake(is: Is, value: &Value) -> Option<String> {
    let texts = value.as_array().and_then(|texts| texts.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    let is_right = match is {
        Is::Text => value.is_string(),
        Is::TextOrNull => value.is_string() || value.is_null(),
        Is::Bool => value.is_boolean(),
        Is::Number => value.is_u64(),
        Is::Topic => value.as_str().is_some_and(|topic| is_topic(topic) && !topic.contains(['+', '#'])),
        Is::Filter => value.as_str().is_some_and(is_topic),
        Is::Template => value.as_str().is_some_and(is_template),
        Is::In(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        Is::Texts => texts.is_some_and(|texts| !texts.is_empty()),
        Is::TextsIn(words) => texts.is_some_and(|texts| texts.iter().all(|text| words.contains(text))),
        Is::Availability => value.as_array().is_some_and(|all| {
            all.iter().all(|one| {
                let entry = Schema {
                    required: &[("topic", Is::Filter)],
                    optional: &[
                        ("payload_available", Is::Text),
                        ("payload_not_available", Is::Text),
                        ("value_template", Is::Template),
                    ],
                };
                mistakes(&entry, &[], one).is_empty()
            })
        }),
        Is::Object(schema) => {
            let mistakes = mistakes(schema, &[], value);
            return (!mistakes.is_empty()).then(|| mistakes.join(", "));
        }
    };
    (!is_right).then(|| format!("{value} is not {is:?}"))
}

/// `valid_subscribe_topic`.
fn is_topic(topic: &str) -> bool {
    let levels: Vec<&str> = topic.split('/').collect();
    let is_level = |(at, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => at + 1 == levels.len(),
        level => !level.contains(['+', '#']),
    };
    (1..=65_535).contains(&topic.len())
        && !topic.chars().any(char::is_control)
        && levels.iter().enumerate().all(is_level)
}

/// Every bracket of Jinja's is closed, outside of texts.
fn is_template(template: &str) -> bool {
    let mut open = None;
    let mut letters = template.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        match (open, letter, next) {
            (None, '{', Some(kind @ ('{' | '%'))) => {
                letters.next();
                open = Some(if kind == '{' { '}' } else { '%' });
            }
            (Some(_), '"', _) => {
                let mut is_escaped = false;
                if !letters.by_ref().any(|letter| {
                    let is_end = letter == '"' && !is_escaped;
                    is_escaped = letter == '\\' && !is_escaped;
                    is_end
                }) {
                    return false;
                }
            }
            (Some(end), letter, Some('}')) if letter == end => {
                letters.next();
                open = None;
            }
            _ => {}
        }
    }
    open.is_none()
}

/// What a message says that Home Assistant would not take, its topic included.
pub(super) fn mistakes_of(message: &Message) -> Vec<String> {
    let levels: Vec<&str> = message.topic.split('/').collect();
    // `TOPIC_MATCHER` of `discovery.py`.
    let is_id =
        |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let payload = parsed(message);
    match levels[..] {
        ["homeassistant", "device", device, "config"] if is_id(device) => {
            let mut shared = payload;
            let components = shared.as_object_mut().unwrap().remove("components").expect("components");
            let mut all = mistakes(&DISCOVERY, &[AVAILABILITY], &shared);
            for (id, component) in components.as_object().expect("an object") {
                let mut component = component.clone();
                let platform = component.as_object_mut().unwrap().remove("platform").expect("platform");
                if !is_id(id) {
                    all.push(format!("{id:?} is no id"));
                }
                all.extend(mistakes_of_entity(platform.as_str().unwrap(), &component));
            }
            all
        }
        ["homeassistant", platform, device, component, "config"] if is_id(device) && is_id(component) => {
            let mut all = mistakes_of_entity(platform, &payload);
            if payload.get("device").is_none() {
                all.push("device is missing".to_owned());
            }
            all
        }
        _ => vec![format!("{} is no topic for discovery", message.topic)],
    }
}

fn mistakes_of_entity(platform: &str, payload: &Value) -> Vec<String> {
    let Some((_, schema)) = PLATFORMS.iter().find(|(name, _)| *name == platform) else {
        return vec![format!("{platform} is no platform")];
    };
    let mut all = mistakes(schema, &[COMMON, AVAILABILITY], payload);
    // `validate_sensor_state_and_device_class_config`
    if payload.get("options").is_some() != (payload["device_class"] == "enum" && platform == "sensor") {
        all.push("options go with the class enum, and only with that".to_owned());
    }
    if payload.get("options").is_some()
        && (payload.get("state_class").is_some() || payload.get("unit_of_measurement").is_some())
    {
        all.push("options go without state_class and unit_of_measurement".to_owned());
    }
    all
}

#[test]
fn every_entity_of_every_vendor_is_what_home_assistants_schema_takes() {
    for form in [Form::Device, Form::Component] {
        let mut platforms = HashSet::new();
        for message in messages(form) {
            assert_eq!(mistakes_of(&message), [""; 0], "{message:?}");
            platforms.extend(PLATFORMS.iter().map(|(name, _)| *name).filter(|name| {
                message.payload.contains(&format!("\"platform\":\"{name}\""))
                    || message.topic.contains(&format!("/{name}/"))
            }));
        }
        assert_eq!(platforms.len(), PLATFORMS.len(), "{form:?}: {platforms:?}");
    }
}

/// A payload that is as it should be but for one thing.
fn with(platform: &str, change: impl Fn(&mut Value)) -> Vec<String> {
    let message =
        messages(Form::Component).into_iter().find(|message| message.topic.contains(&format!("/{platform}/"))).unwrap();
    let mut payload = parsed(&message);
    change(&mut payload);
    mistakes_of(&Message { payload: payload.to_string(), ..message })
}

#[test]
fn the_schema_finds_what_home_assistant_would_refuse() {
    let without = |platform, key: &str| with(platform, |payload| drop(payload.as_object_mut().unwrap().remove(key)));
    for (platform, key) in [
        ("binary_sensor", "state_topic"),
        ("sensor", "unique_id"),
        ("event", "event_types"),
        ("lock", "command_topic"),
        ("alarm_control_panel", "command_topic"),
        ("event", "device"),
    ] {
        assert_eq!(without(platform, key), [format!("{key} is missing")], "{platform}");
    }
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 10] = [
        ("binary_sensor", |payload| payload["device_class"] = "enabled".into()),
        ("binary_sensor", |payload| payload["state_class"] = "measurement".into()),
        ("sensor", |payload| payload["options"] = json!(["a"])),
        ("sensor", |payload| payload["entity_category"] = "main".into()),
        ("sensor", |payload| payload["value_template"] = "{{ value".into()),
        ("event", |payload| payload["state_topic"] = "a/b+".into()),
        ("event", |payload| payload["event_types"] = json!([])),
        ("lock", |payload| payload["command_topic"] = "a/+".into()),
        ("alarm_control_panel", |payload| payload["supported_features"] = json!(["disarm"])),
        ("alarm_control_panel", |payload| payload["availability"] = json!([{ "payload_available": "online" }])),
    ];
    for (platform, change) in changes {
        assert_eq!(with(platform, change).len(), 1, "{platform}");
    }
    assert!(is_template(r#"{% set a = "}}" %}{{ { "b": "\"" }.get(a) }}"#) && !is_template(r#"{{ "a }}"#));
}
