//! How items, event types and state groups look in the Configuration REST API.

use serde_json::{Map, Value, json};

use super::{
    event_types::Generator,
    wire::Spelling,
    world::{EventType, World},
};
use crate::simulator::common::rng::Rng;

/// The groups of event types that are not the generator's name: one level, as far as clients care.
const TYPE_GROUPS: [Generator; 6] = [
    Generator::Motion,
    Generator::Recorder,
    Generator::Monitor,
    Generator::Server,
    Generator::External,
    Generator::Analytics,
];

/// The world as REST shows it.
pub(super) struct View<'a> {
    pub(super) world: &'a World,
    pub(super) spelling: Spelling,
}

impl View<'_> {
    /// All items of a collection, disabled ones only if asked for; hardware with its cameras if asked for.
    pub(super) fn collection(&self, collection: &str, disabled: bool, children: bool) -> Vec<Value> {
        match collection {
            "eventTypes" => (0..self.world.types.len()).map(|position| self.event_type(position)).collect(),
            "stateGroups" => (0..self.world.groups.len()).map(|position| self.state_group(position)).collect(),
            "eventTypeGroups" => TYPE_GROUPS.iter().map(|generator| self.type_group(*generator)).collect(),
            _ => self
                .world
                .positions_of(collection)
                .iter()
                .copied()
                .filter(|position| disabled || self.world.items[*position].enabled)
                .map(|position| {
                    let mut shown = self.item(position);
                    if children && collection == "hardware" {
                        shown["cameras"] = self.cameras_of(position);
                    }
                    shown
                })
                .collect(),
        }
    }

    /// One item; `id` in lower case.
    pub(super) fn single(&self, collection: &str, id: &str) -> Option<Value> {
        match collection {
            "eventTypes" => {
                let position = self.world.types.iter().position(|kind| *kind.id == *id)?;
                Some(self.event_type(position))
            }
            "stateGroups" => {
                let position = self.world.groups.iter().position(|group| *group.id == *id)?;
                Some(self.state_group(position))
            }
            "eventTypeGroups" => {
                let generator = TYPE_GROUPS.iter().find(|generator| type_group_id(**generator) == id)?;
                Some(self.type_group(*generator))
            }
            _ => {
                let position = self.world.item(&format!("{collection}/{id}"))?;
                (!self.world.items[position].removed).then(|| self.item(position))
            }
        }
    }

    fn guid(&self, id: &str, salt: usize) -> Value {
        json!(self.spelling.guid(id, salt as u64))
    }

    fn relation(&self, resource: &str, id: &str, salt: usize) -> Value {
        json!({ "type": resource, "id": self.guid(id, salt) })
    }

    fn item(&self, position: usize) -> Value {
        let item = &self.world.items[position];
        let mut shown = json!({
            "displayName": item.name,
            "name": item.name,
            "id": self.guid(&item.id, position),
            "enabled": item.enabled,
            "lastModified": last_modified(position),
            "relations": { "self": self.relation(item.resource, &item.id, position) },
        });
        let parent = item.parent.map(|parent| &self.world.items[parent]);
        if let Some(parent) = parent {
            shown["relations"]["parent"] = self.relation(parent.resource, &parent.id, position + 1);
        }
        match item.resource {
            "cameras" | "microphones" | "speakers" | "outputs" | "inputEvents" => shown["channel"] = json!(0),
            "hardware" => {
                shown["address"] =
                    json!(format!("http://10.{}.{}.{}/", position >> 16 & 0xff, position >> 8 & 0xff, position & 0xff));
                shown["model"] = json!("Simulated IP camera");
            }
            "recordingServers" => shown["hostName"] = json!(item.name.to_lowercase().replace(' ', "-")),
            _ => {}
        }
        self.finish(shown)
    }

    fn cameras_of(&self, hardware: usize) -> Value {
        // Cameras are in the order of their hardware.
        let cameras = self.world.positions_of("cameras");
        let parent = |camera: &usize| self.world.items[*camera].parent;
        let first = cameras.partition_point(|camera| parent(camera) < Some(hardware));
        cameras[first..]
            .iter()
            .take_while(|camera| parent(camera) == Some(hardware))
            .map(|camera| self.item(*camera))
            .collect()
    }

    fn event_type(&self, position: usize) -> Value {
        let EventType { id, name, display, group, state, counter, sources, generator } = &self.world.types[position];
        let (kind, subtype, generator_name, group_name) = generator.texts();
        let group_id = group.map(|group| &*self.world.groups[group].id);
        let type_group = type_group_id(*generator);
        let shown = json!({
            "displayName": display,
            "id": self.guid(id, position),
            "name": name,
            "lastModified": last_modified(position),
            "description": "",
            "generatorType": kind,
            "generatorSubtype": subtype,
            "generatorName": generator_name,
            "generatorID": Rng::from_text(generator_name).guid().to_uppercase(),
            "generatorGroupName": group_name,
            "generatorGroupId": Rng::from_text(group_name).guid(),
            "occursGlobally": false,
            "builtIn": !matches!(generator, Generator::External | Generator::Analytics),
            "counterEventID": counter.as_deref().unwrap_or_default(),
            "sourceArray": sources,
            "sourceFilterArray": vec![""; sources.len()],
            "stateGroupId": group_id.map_or(json!(""), |id| self.guid(id, position)),
            "state": state,
            "relations": {
                "parent": self.relation("eventTypeGroups", &type_group, position),
                "self": self.relation("eventTypes", id, position),
            },
        });
        self.finish(shown)
    }

    /// Without an `id` of its own, as observed.
    fn state_group(&self, position: usize) -> Value {
        let group = &self.world.groups[position];
        let states: Vec<&str> = group.members.iter().map(|member| self.world.types[*member].state).collect();
        let shown = json!({
            "displayName": group.name,
            "name": group.name,
            "lastModified": last_modified(position),
            "states": states,
            "relations": { "self": self.relation("stateGroups", &group.id, position) },
        });
        self.finish(shown)
    }

    fn type_group(&self, generator: Generator) -> Value {
        let (_, _, name, _) = generator.texts();
        let id = type_group_id(generator);
        let shown = json!({
            "displayName": name,
            "id": self.guid(&id, 0),
            "name": name,
            "relations": { "self": self.relation("eventTypeGroups", &id, 0) },
        });
        self.finish(shown)
    }

    fn finish(&self, mut shown: Value) -> Value {
        if let (true, Some(members)) = (self.spelling.unknown_members, shown.as_object_mut()) {
            members.insert("futureSettings".to_owned(), Value::Object(Map::new()));
        }
        shown
    }
}

fn type_group_id(generator: Generator) -> String {
    let (_, _, name, _) = generator.texts();
    Rng::from_text(&format!("eventTypeGroup/{name}")).guid()
}

/// The three forms that were observed: seven digits and `Z`, an offset, and never.
const fn last_modified(position: usize) -> &'static str {
    match position % 3 {
        0 => "2023-06-25T21:22:20.3930000Z",
        1 => "2024-11-03T08:15:02.1270000-05:00",
        _ => "0001-01-01T00:00:00.0000000",
    }
}
