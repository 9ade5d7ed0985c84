//! What holds for any item.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use watchpost_actors::model::vocabulary::WORDS;

use super::{
    entities::Shape,
    samples::{describe_connection, things},
    schema::mistakes_of,
    *,
};

/// The entities of a thing, by their ids.
fn components(thing: &Thing) -> BTreeMap<String, Value> {
    let messages = thing.describe(&discovery(Form::Device));
    assert_eq!(messages.len(), 1, "{messages:?}");
    serde_json::from_value(parsed(&messages[0])["components"].take()).unwrap()
}

#[test]
fn each_group_is_the_entity_that_its_meaning_calls_for() {
    let rows = [
        ("milestone", "motion", "binary_sensor", Some("motion")),
        ("een", "recording", "binary_sensor", Some("running")),
        ("milestone", "streaming", "binary_sensor", Some("running")),
        ("vxg", "connection", "binary_sensor", Some("connectivity")),
        ("een", "enabled", "binary_sensor", None),
        ("een", "output", "binary_sensor", None),
        ("een", "status", "sensor", Some("enum")),
        ("een", "located", "sensor", None),
        ("simplisafe", "alarm", "alarm_control_panel", None),
        ("simplisafe", "lock", "lock", None),
        ("simplisafe", "contact", "binary_sensor", Some("opening")),
        ("simplisafe", "power", "binary_sensor", Some("power")),
        ("simplisafe", "battery", "binary_sensor", Some("battery")),
        ("simplisafe", "wifi", "binary_sensor", Some("connectivity")),
        ("simplisafe", "rf", "binary_sensor", Some("problem")),
        ("simplisafe", "tamper", "binary_sensor", Some("tamper")),
        ("simplisafe", "triggered", "binary_sensor", None),
        ("simplisafe", "prealarm", "binary_sensor", Some("smoke")),
        ("simplisafe", "alarm_memory", "binary_sensor", Some("safety")),
        ("simplisafe", "temperature", "sensor", Some("temperature")),
        // Groups of a site that only have such a name.
        ("milestone", "temperature", "sensor", None),
        ("milestone", "alarm", "sensor", None),
        ("milestone", "cpu_usage", "sensor", None),
    ];
    for (vendor, group, platform, class) in rows {
        let components = components(&Thing::new("hq", vendor, "cameras/1", None, &[(group, group)]));
        let entity = &components[group];
        assert_eq!(
            (entity["platform"].as_str(), entity["device_class"].as_str()),
            (Some(platform), class),
            "{vendor} {group}"
        );
    }
}

#[test]
fn every_value_of_a_shared_group_has_a_meaning_in_home_assistant() {
    for (group, value) in WORDS.iter().filter_map(|word| word.state) {
        let vendors = ["milestone", "een", "simplisafe", "vxg"];
        let entities = vendors.iter().flat_map(|vendor| entities::of(vendor, group));
        let knows = |entity: &Entity| match entity.shape {
            Shape::Binary { on, off, .. } => on.contains(&value) || off.contains(&value),
            Shape::Words(words) => words.contains(&value),
            Shape::Alarm => entities::ALARM.iter().any(|(ours, _)| *ours == value),
            Shape::Lock => entities::LOCK.iter().any(|(ours, _)| *ours == value),
            Shape::Any | Shape::Fahrenheit => false,
        };
        assert!(entities.clone().any(knows), "{group} {value}");
        for entity in entities {
            if let Shape::Binary { on, off, .. } = entity.shape {
                assert!(on.iter().all(|word| !off.contains(word)), "{group}");
            }
        }
    }
}

#[test]
fn a_group_that_is_not_looked_up_yet_waits_for_its_name() {
    let guid = "6a7e1c44-0b6c-4c4e-9a1f-3a6a0e0f6a03";
    let before = components(&Thing::new("hq", "milestone", "cameras/1", None, &[(guid, guid)]));
    assert_eq!(before.keys().collect::<Vec<_>>(), ["item-events"]);
    let after = components(&Thing::new("hq", "milestone", "cameras/1", None, &[("cpu_usage", guid)]));
    assert_eq!(after[guid]["name"], "Cpu usage");
}

#[test]
fn ports_of_one_camera_can_be_told_apart() {
    let groups = [("output", "output_0"), ("output", "output_1")];
    let all = components(&Thing::new("stores", "een", "cameras/1", None, &groups));
    assert_eq!([&all["output_0"]["name"], &all["output_1"]["name"]], ["Output 0", "Output 1"]);
}

#[test]
fn a_lock_and_an_alarm_take_no_command() {
    for thing in things() {
        for (id, entity) in components(&thing) {
            match entity["platform"].as_str().unwrap() {
                // It matches nothing, so no code is the right one.
                "lock" => assert_eq!(entity["code_format"], "(?!)"),
                "alarm_control_panel" => {
                    assert_eq!(entity["supported_features"], json!([]));
                    assert!(!entity["code"].as_str().unwrap().is_empty() && entity["code_disarm_required"] == true);
                }
                _ => assert!(entity.get("command_topic").is_none(), "{id}"),
            }
        }
    }
}

#[test]
fn devices_hang_together_as_their_systems_do() {
    let discovery = discovery(Form::Device);
    let device = |messages: Vec<Message>| parsed(&messages[0])["device"].take();
    let id = |device: &Value| device["identifiers"][0].clone();
    let connection = |name: &str, vendor| device(describe_connection(&discovery, &name.parse().unwrap(), vendor));
    let item = |thing: Thing| device(thing.describe(&discovery));
    let system = item(Thing::new("home", "simplisafe", "systems/1", None, &[]));
    let lock = item(Thing::new("home", "simplisafe", "systems/1/devices/2", None, &[]));
    let camera = item(Thing::new("stores/7", "een", "cameras/2", Some("Till"), &[]));
    assert_eq!(lock["via_device"], id(&system));
    assert_eq!(system["via_device"], id(&connection("home", "simplisafe")));
    assert_eq!(camera["via_device"], id(&connection("stores/7", "een")));
    assert_eq!(connection("stores/7", "een")["via_device"], id(&connection("stores", "een")));
    assert!(connection("stores", "een").get("via_device").is_none());
    assert_eq!(
        (&camera["name"], &camera["manufacturer"], &camera["model"]),
        (&json!("Till"), &json!("Eagle Eye Networks"), &json!("Camera"))
    );
    assert_eq!((&lock["name"], &lock["model"]), (&json!("systems/1/devices/2"), &json!("Device")));
}

#[test]
fn what_is_out_of_reach_is_unavailable_but_a_connection_is_off() {
    let availability = |messages: &[Message]| parsed(&messages[0])["availability"].take();
    let discovery = discovery(Form::Device);
    let item = Thing::new("hq", "milestone", "cameras/1", None, &[]).describe(&discovery);
    assert_eq!(
        availability(&item),
        json!([{ "topic": "watchpost/availability" }, { "topic": "watchpost/hq/availability" }])
    );
    assert_eq!(parsed(&item[0])["availability_mode"], "all");
    let connection = describe_connection(&discovery, &"hq".parse().unwrap(), "milestone");
    assert_eq!(availability(&connection), json!([{ "topic": "watchpost/availability" }]));
    assert_eq!(parsed(&connection[0])["components"]["connection"]["state_topic"], "watchpost/hq/availability");
}

#[test]
fn either_form_tells_the_same_under_ids_by_which_home_assistant_can_migrate() {
    for thing in things() {
        let [device] = &thing.describe(&discovery(Form::Device))[..] else { panic!("one message a device") };
        let mut payload = parsed(device);
        let components = payload.as_object_mut().unwrap().remove("components").unwrap();
        let id = payload["device"]["identifiers"][0].as_str().unwrap();
        assert_eq!(device.topic, format!("homeassistant/device/{id}/config"));
        let expected: BTreeMap<String, Value> = components
            .as_object()
            .unwrap()
            .iter()
            .map(|(component, entity)| {
                let mut entity = entity.clone();
                let platform = entity.as_object_mut().unwrap().remove("platform").unwrap();
                entity.as_object_mut().unwrap().extend(payload.as_object().unwrap().clone());
                (format!("homeassistant/{}/{id}/{component}/config", platform.as_str().unwrap()), entity)
            })
            .collect();
        let single = thing.describe(&discovery(Form::Component));
        assert_eq!(
            single.iter().map(|message| (message.topic.clone(), parsed(message))).collect::<BTreeMap<_, _>>(),
            expected
        );
    }
}

#[test]
fn what_an_earlier_run_left_is_found_and_what_others_did_is_left_alone() {
    let ours = discovery(Form::Device);
    for message in things()
        .iter()
        .flat_map(|thing| [Form::Device, Form::Component].map(|form| thing.describe(&discovery(form))))
        .flatten()
    {
        assert!(ours.owns(&message.topic), "{message:?}");
        assert_eq!(ours.migration(&message.topic).is_some(), !message.topic.contains("/device/"));
        assert_eq!(discovery(Form::Component).migration(&message.topic).is_some(), message.topic.contains("/device/"));
        let matches = |filter: &String| {
            let (filter, topic): (Vec<_>, Vec<_>) = (filter.split('/').collect(), message.topic.split('/').collect());
            filter.len() == topic.len() && filter.iter().zip(topic).all(|(one, other)| *one == "+" || *one == other)
        };
        assert!(ours.filters().iter().any(matches));
        for other in [
            Discovery::new("homeassistant", Form::Device, "watchpost/two", ""),
            Discovery::new("ha", Form::Device, "watchpost", ""),
            Discovery::new("homeassistan", Form::Device, "watchpost", ""),
        ] {
            assert!(!other.owns(&message.topic) && other.migration(&message.topic).is_none());
        }
    }
    for foreign in
        ["homeassistant/device/0x00158d00/config", "homeassistant/status", "homeassistant/sensor/watchpost/config", ""]
    {
        assert!(!ours.owns(foreign), "{foreign}");
    }
}

#[test]
fn the_page_shows_the_entities_that_there_are() {
    let cell = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ");
    let pairs = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(ours, theirs)| format!("`{ours}` is {}", theirs.to_lowercase()));
        pairs.collect::<Vec<_>>().join(", ")
    };
    let mut rows = String::new();
    for (group, of, entities) in entities::ENTITIES {
        for entity in *entities {
            let name = match entity.name {
                entities::Name::Word(word) => word,
                _ => "the device's",
            };
            let (class, values) = match entity.shape {
                Shape::Binary { class, on, off } => (class, format!("on: {}; off: {}", cell(on), cell(off))),
                Shape::Words(words) => (Some("enum"), cell(words)),
                Shape::Fahrenheit => (Some("temperature"), "°F".to_owned()),
                Shape::Lock => (None, pairs(&entities::LOCK)),
                Shape::Alarm => (None, pairs(&entities::ALARM)),
                Shape::Any => panic!("it needs no row"),
            };
            let (of, class) =
                (of.map_or("any", entities::manufacturer), class.map(|class| cell(&[class])).unwrap_or_default());
            let diagnostic = if entity.is_diagnostic { "yes" } else { "" };
            rows += &format!(
                "| `{group}` | {of} | `{}` | {class} | {values} | {name} | {diagnostic} |\n",
                entity.platform()
            );
        }
    }
    let page = include_str!("../../../../../docs/sinks/home-assistant.md");
    let (_, table) = page.split_once("<!-- entities -->\n").unwrap();
    let (table, _) = table.split_once("<!-- end -->").unwrap();
    let shown: String = table.lines().skip(2).map(|line| format!("{line}\n")).collect();
    assert!(shown == rows, "docs/sinks/home-assistant.md differs from the code; write there:\n{rows}");
}

fn thing() -> impl Strategy<Value = Thing> {
    let connection = "[a-z0-9][a-z0-9_-]{0,8}(/[A-Za-z0-9_-]{1,8})?";
    let vendor = prop::sample::select(vec!["milestone", "een", "simplisafe", "vxg", "fifth"]);
    let name = prop::option::of(any::<String>());
    let words: Vec<&str> = WORDS.iter().filter_map(|word| word.state).map(|(group, _)| group).collect();
    let group = prop_oneof![prop::sample::select(words).prop_map(str::to_owned), any::<String>()];
    let vendor_group = prop_oneof![
        any::<String>(),
        "[a-z_]{1,9}",
        "h-[0-9a-f]{16}",
        "[a-z]{1,5}-problem",
        Just("item-events".to_owned())
    ];
    let groups = prop::collection::btree_map(vendor_group, group, 0..8);
    let kinds = prop::collection::vec(
        prop_oneof![any::<String>(), "[a-z]{1,5}\\.[a-z_]{1,9}", Just("other".to_owned())],
        0..80,
    );
    (connection, vendor, any::<String>(), name, groups, kinds).prop_map(
        |(connection, vendor, id, name, groups, kinds)| Thing {
            connection: connection.parse().unwrap(),
            vendor: vendor.to_owned(),
            id,
            name,
            groups: groups.into_iter().map(|(id, group)| (group, id)).collect(),
            kinds,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_items_are_described_in_valid_messages_without_collisions(things in prop::collection::vec(thing(), 1..4)) {
        for form in [Form::Device, Form::Component] {
            let discovery = discovery(form);
            let (mut topics, mut ids) = (HashSet::new(), HashSet::new());
            let mut seen = HashSet::new();
            for thing in things.iter().filter(|thing| seen.insert((&thing.connection, &thing.id))) {
                let messages = thing.describe(&discovery);
                prop_assert_eq!(&messages, &thing.describe(&discovery));
                for message in messages {
                    let mistakes = mistakes_of(&message);
                    prop_assert!(mistakes.is_empty(), "{:?} in {:?}", mistakes, message);
                    prop_assert!(discovery.owns(&message.topic));
                    let payload = parsed(&message);
                    let components = payload.get("components").and_then(Value::as_object);
                    let entities: Vec<&Value> = components.map_or_else(|| vec![&payload], |all| all.values().collect());
                    for entity in entities {
                        prop_assert!(ids.insert(entity["unique_id"].as_str().unwrap().to_owned()), "{:?}", entity);
                    }
                    prop_assert!(topics.insert(message.topic));
                }
            }
            let named = |thing: &Thing| thing.groups.iter().filter(|(group, id)| group != id || !names::is_guid(group)).count();
            if form == Form::Component {
                // Each group and the events; a lock is two entities.
                let mut seen = HashSet::new();
                let least: usize = things.iter().filter(|thing| seen.insert((&thing.connection, &thing.id))).map(|thing| named(thing) + 1).sum();
                prop_assert!(topics.len() >= least);
            }
        }
    }
}
