//! What devices and entities look like on the wire.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    GroupFacts,
    entities::{self, Entity, Name, Shape},
    names, template, topic_entry,
};

/// Types that an event entity lists; the rest is `other`.
const MOST_KINDS: usize = 64;

/// A JSON object in the making.
pub(super) type Payload = Map<String, Value>;

/// A device in Home Assistant.
pub(super) struct Device<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) vendor: &'a str,
    pub(super) model: &'a str,
    /// The id of the device that it belongs to.
    pub(super) via: Option<&'a str>,
}

/// What all entities of a device share: the device, who tells of it, and when they can be believed.
pub(super) fn shared(device: &Device<'_>, availability: &[&str]) -> Payload {
    let mut described = json!({
        "identifiers": [device.id],
        "name": device.name,
        "manufacturer": entities::manufacturer(device.vendor),
        "model": device.model,
    });
    if let Some(via) = device.via {
        described["via_device"] = via.into();
    }
    let availability: Vec<Value> = availability.iter().map(topic_entry).collect();
    object(json!({
        "device": described,
        "origin": { "name": "watchpost", "sw_version": env!("CARGO_PKG_VERSION") },
        "availability": availability,
        "availability_mode": "all",
    }))
}

/// The entities of a device, by their ids within it.
pub(super) struct Components {
    device: String,
    all: BTreeMap<String, (&'static str, Payload)>,
}

impl Components {
    pub(super) fn new(device: &str) -> Self {
        Self { device: device.to_owned(), all: BTreeMap::new() }
    }

    /// An entity of a state group, which may be the only one of its name on the device.
    pub(super) fn state(&mut self, entity: &Entity, group: &GroupFacts<'_>, is_alone: bool, commands: &str) {
        let name = match entity.name {
            Name::Device if is_alone => None,
            Name::Word(word) if is_alone => Some(word.to_owned()),
            Name::Group if is_alone => Some(entities::title(group.group)),
            // `output_2` says more than the second `Output`.
            _ => Some(entities::title(group.vendor_group)),
        };
        let mut payload = object(json!({
            "name": name,
            "state_topic": group.topic,
            "json_attributes_topic": group.topic,
        }));
        if entity.is_diagnostic {
            payload.insert("entity_category".into(), "diagnostic".into());
        }
        payload.extend(object(shape(entity.shape, commands)));
        self.add(names::component(group.vendor_group) + entity.suffix, entity.platform(), payload);
    }

    /// Whether a connection is online.
    pub(super) fn availability(&mut self, topic: &str) {
        let payload = json!({
            "name": null,
            "state_topic": topic,
            "device_class": "connectivity",
            "payload_on": "online",
            "payload_off": "offline",
        });
        self.add("connection".to_owned(), "binary_sensor", object(payload));
    }

    /// What happens, of these types and any other.
    pub(super) fn events(&mut self, name: &str, filter: &str, kinds: &BTreeSet<&str>) {
        let kinds: Vec<&str> = kinds.iter().copied().filter(|kind| *kind != entities::OTHER).take(MOST_KINDS).collect();
        let listed = [&*kinds, &[entities::OTHER]].concat();
        let payload = json!({
            "name": name,
            "state_topic": filter,
            "value_template": template::event(&kinds, entities::OTHER),
            "event_types": listed,
        });
        // No group has such an id.
        self.add("item-events".to_owned(), "event", object(payload));
    }

    fn add(&mut self, id: String, platform: &'static str, mut payload: Payload) {
        payload.insert("unique_id".into(), format!("{}-{id}", self.device).into());
        payload.insert("qos".into(), 1.into());
        self.all.insert(id, (platform, payload));
    }

    /// As they stand in the message of their device.
    pub(super) fn into_value(self) -> Value {
        let components = self.into_iter().map(|(id, platform, mut payload)| {
            payload.insert("platform".into(), platform.into());
            (id, payload.into())
        });
        Value::Object(components.collect())
    }

    /// Each with its id and platform.
    pub(super) fn into_iter(self) -> impl Iterator<Item = (String, &'static str, Payload)> {
        self.all.into_iter().map(|(id, (platform, payload))| (id, platform, payload))
    }
}

fn shape(shape: Shape, commands: &str) -> Value {
    match shape {
        Shape::Binary { class, on, off } => {
            let on = on.iter().map(|word| (*word, "ON"));
            let mut payload =
                json!({ "value_template": template::words(on.chain(off.iter().map(|word| (*word, "OFF")))) });
            if let Some(class) = class {
                payload["device_class"] = class.into();
            }
            payload
        }
        Shape::Words(words) => {
            json!({ "value_template": template::one_of(words), "device_class": "enum", "options": words })
        }
        Shape::Any => json!({ "value_template": template::any() }),
        Shape::Fahrenheit => json!({
            "value_template": template::number(),
            "device_class": "temperature",
            "state_class": "measurement",
            "unit_of_measurement": "°F",
        }),
        Shape::Lock => json!({
            "value_template": template::words(entities::LOCK),
            "command_topic": commands,
            // Matches no text at all.
            "code_format": "(?!)",
        }),
        Shape::Alarm => json!({
            "value_template": template::words(entities::ALARM),
            "command_topic": commands,
            "supported_features": [],
            "code": "watchpost sends no commands",
            "code_arm_required": true,
            "code_disarm_required": true,
        }),
    }
}

fn object(value: Value) -> Payload {
    match value {
        Value::Object(payload) => payload,
        _ => Payload::new(),
    }
}
