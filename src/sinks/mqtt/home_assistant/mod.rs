//! What Home Assistant must be told so that devices appear there by themselves: its MQTT discovery.
//!
//! ```text
//! what is known of an item ─► entities (a table: which group is which entity) ─► payload (JSON) ─► messages (topic, payload), retained
//! ```
//!
//! Pure functions: no broker, no clock, and the same facts give the same bytes. What a state reads does not matter, only which groups there are, so
//! a device is described once and its entities then follow the state topics.
//!
//! - [`Discovery`]: the settings, what there is to be told of an item or a connection, and which topics are ours.
//! - `names`: ids that Home Assistant takes in topics. `entities`: groups as entities. `template`: what reads values out of our JSON.
//! - `payload`: what entities and devices look like on the wire.
//!
//! After [the documentation](https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery) and the source of Home Assistant 2025.4
//! (`homeassistant/components/mqtt`). `docs/sinks/home-assistant.md` tells users what appears.

mod entities;
mod names;
mod payload;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use watchpost_actors::model::ConnectionName;

use self::{
    entities::Entity,
    names::Namespace,
    payload::{Components, Device},
};

/// How devices are described.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Form {
    /// One message a device. Needs Home Assistant 2024.11.
    #[default]
    Device,
    /// One message an entity, which older ones understand, too.
    Component,
}

/// A message to be kept by the broker. An empty one at the same topic takes it away, and what it described with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: String,
}

/// What is known of an item.
#[derive(Clone, Debug)]
pub(crate) struct ItemFacts<'a> {
    pub(crate) connection: &'a ConnectionName,
    /// The vendor's name, `milestone`.
    pub(crate) vendor: &'a str,
    /// `cameras/<guid>`.
    pub(crate) id: &'a str,
    /// What people call it, where that is known.
    pub(crate) name: Option<&'a str>,
    /// The item that it belongs to, where that is described as well; see [`parent_of`]. Else it belongs to the connection.
    pub(crate) parent: Option<&'a str>,
    /// Its states, in any order, each vendor group once.
    pub(crate) groups: Vec<GroupFacts<'a>>,
    /// Types of events that it is known to send beyond those that its groups tell, `vxg.motion`.
    pub(crate) kinds: BTreeSet<&'a str>,
    pub(crate) topics: ItemTopics<'a>,
}

/// A state group of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupFacts<'a> {
    /// The shared group (`motion`), else the vendor's own as a slug.
    pub(crate) group: &'a str,
    /// The vendor's id of it.
    pub(crate) vendor_group: &'a str,
    /// Where its states are published, as JSON with the member `value`, retained.
    pub(crate) topic: &'a str,
}

/// Where an item's things are published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemTopics<'a> {
    /// `online` or `offline`, retained: whether the item's connection is online.
    pub(crate) connection: &'a str,
    /// What all its events come under: a filter, `…/events/+`. Each is the event's JSON, not retained.
    pub(crate) events: &'a str,
    /// Where commands would go. Home Assistant wants such a topic of locks and alarms, and never publishes there: see `entities`.
    pub(crate) commands: &'a str,
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionFacts<'a> {
    pub(crate) connection: &'a ConnectionName,
    /// The vendor's name, `milestone`.
    pub(crate) vendor: &'a str,
    /// `online` or `offline`, retained: whether it is online.
    pub(crate) topic: &'a str,
    /// What its events without an item come under (`gap`, `engine.connection`): a filter.
    pub(crate) events: Option<&'a str>,
}

/// Discovery as it is set up.
#[derive(Clone, Debug)]
pub(crate) struct Discovery {
    prefix: String,
    form: Form,
    names: Namespace,
    availability: String,
}

impl Discovery {
    /// With Home Assistant's discovery prefix (`homeassistant`), the prefix of our own topics, which tells several watchposts at one broker apart,
    /// and the topic at which watchpost itself is `online` or `offline`.
    pub(crate) fn new(prefix: &str, form: Form, namespace: &str, availability: &str) -> Self {
        let (prefix, availability) = (prefix.to_owned(), availability.to_owned());
        Self { prefix, form, names: Namespace::new(namespace), availability }
    }

    /// What describes an item: one message in the form [`Form::Device`], else one for each entity.
    pub(crate) fn item(&self, item: &ItemFacts<'_>) -> Vec<Message> {
        let id = self.names.item(item.connection, item.id);
        let mut components = Components::new(&id);
        // A group that has only its GUID for a name is not looked up yet. It might turn out to be another kind of entity.
        let named =
            item.groups.iter().filter(|group| !(group.group == group.vendor_group && names::is_guid(group.group)));
        let mut kinds: BTreeSet<&str> = item.kinds.clone();
        for group in named.clone() {
            let alone = named.clone().filter(|other| other.group == group.group).count() == 1;
            for entity in entities::of(item.vendor, group.group) {
                components.state(entity, group, alone, item.topics.commands);
            }
            kinds.extend(entities::kinds(group.group));
        }
        components.events("Events", item.topics.events, &kinds);
        let kind = item.id.split_once('/').map_or(item.id, |(kind, _)| kind);
        let parent = item
            .parent
            .map_or_else(|| self.names.connection(item.connection), |parent| self.names.item(item.connection, parent));
        self.messages(
            &Device {
                id: &id,
                name: item.name.unwrap_or(item.id),
                vendor: item.vendor,
                model: &entities::model(item.id, kind),
                via: Some(&parent),
            },
            &[&self.availability, item.topics.connection],
            components,
        )
    }

    /// What describes a connection: a device of its own, which tells whether it is online.
    pub(crate) fn connection(&self, facts: &ConnectionFacts<'_>) -> Vec<Message> {
        let id = self.names.connection(facts.connection);
        let mut components = Components::new(&id);
        components.availability(facts.topic);
        if let Some(events) = facts.events {
            components.events("Events", events, &BTreeSet::from(entities::OF_CONNECTIONS));
        }
        let root = facts.connection.root();
        let parent = root.parse().ok().filter(|root| root != facts.connection).map(|root| self.names.connection(&root));
        self.messages(
            &Device {
                id: &id,
                name: facts.connection.as_str(),
                vendor: facts.vendor,
                model: "Connection of watchpost",
                via: parent.as_deref(),
            },
            // Not its own: it is to be off, not unavailable.
            &[&self.availability],
            components,
        )
    }

    fn messages(&self, device: &Device<'_>, availability: &[&str], components: Components) -> Vec<Message> {
        let shared = payload::shared(device, availability);
        match self.form {
            Form::Device => {
                let mut payload = shared;
                payload.insert("components".into(), components.into_value());
                vec![self.message(&["device", device.id], payload.into())]
            }
            Form::Component => components
                .into_iter()
                .map(|(component, platform, mut payload)| {
                    payload.extend(shared.clone());
                    self.message(&[platform, device.id, &component], payload.into())
                })
                .collect(),
        }
    }

    /// The levels of a component's topic are those of which Home Assistant makes the id of a device's component, so that one form can follow the other.
    fn message(&self, levels: &[&str], payload: Value) -> Message {
        Message { topic: format!("{}/{}/config", self.prefix, levels.join("/")), payload: payload.to_string() }
    }

    /// Filters under which a broker finds every discovery topic that may be ours; others' match, too: see [`Discovery::owns`].
    pub(crate) fn filters(&self) -> [String; 2] {
        ["+/+", "+/+/+"].map(|levels| format!("{}/{levels}/config", self.prefix))
    }

    /// Whether a topic was described by us: by this watchpost or an earlier run of it, in whichever form. What is and should not be is to be taken away.
    pub(crate) fn owns(&self, topic: &str) -> bool {
        let levels = topic.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_prefix('/'));
        let levels: Vec<&str> = levels.into_iter().flat_map(|levels| levels.split('/')).collect();
        match levels[..] {
            ["device", device, "config"] => self.names.owns(device),
            [platform, device, _, "config"] => Entity::PLATFORMS.contains(&platform) && self.names.owns(device),
            _ => false,
        }
    }

    /// A topic among ours at which nothing ever is, to learn whether we may publish there.
    pub(crate) fn trial(&self) -> String {
        let nobody = self.names.nobody();
        let levels = match self.form {
            Form::Device => format!("device/{nobody}"),
            Form::Component => format!("sensor/{nobody}/check"),
        };
        format!("{}/{levels}/config", self.prefix)
    }

    /// What to publish at a topic of ours, not to be kept, before it is taken away because devices are described in the other [`Form`] now: Home
    /// Assistant then lets go of the entity, but keeps what people have set for it, and takes that up with the message in the new form. For all of a
    /// device's old topics this comes first, then the new message, then the empty ones. Without it, a new message is ignored as long as the old one
    /// is there.
    pub(crate) fn migration(&self, topic: &str) -> Option<&'static str> {
        let is_device = topic.strip_prefix(&*self.prefix).is_some_and(|rest| rest.starts_with("/device/"));
        let is_of_other_form = self.owns(topic) && is_device != (self.form == Form::Device);
        is_of_other_form.then_some(r#"{"migrate_discovery":true}"#)
    }
}

/// The item that an item belongs to by its id, `systems/<sid>` of `systems/<sid>/devices/<serial>`.
pub(crate) fn parent_of(item: &str) -> Option<&str> {
    let (parent, _) = item.rsplit_once('/')?.0.rsplit_once('/')?;
    Some(parent)
}

/// As Home Assistant lists it.
fn topic_entry(topic: &&str) -> Value {
    json!({ "topic": topic })
}
