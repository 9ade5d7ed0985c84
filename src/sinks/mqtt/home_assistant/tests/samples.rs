//! Whole messages, as they are sent for items of each vendor.

use super::*;

const MOTION: &str = "6a7e1c44-0b6c-4c4e-9a1f-3a6a0e0f6a01";
const COMMUNICATION: &str = "6a7e1c44-0b6c-4c4e-9a1f-3a6a0e0f6a02";
const CPU: &str = "6a7e1c44-0b6c-4c4e-9a1f-3a6a0e0f6a03";
const CAMERA: &str = "cameras/25d08c6a-cc08-4498-8772-242111f9840c";

/// Items such as there are, of all vendors, with every group that there is a row for.
pub(super) fn things() -> Vec<Thing> {
    let same = |groups: &[&'static str]| groups.iter().map(|group| (*group, *group)).collect::<Vec<_>>();
    let mut doorbell =
        Thing::new("home", "simplisafe", "systems/12345/devices/f11b6abd", Some("Doorbell"), &same(&["connection"]));
    doorbell.kinds = vec!["simplisafe.camera_motion_detected".to_owned(), "simplisafe.doorbell_detected".to_owned()];
    let mut yard = Thing::new("yard", "vxg", "cameras/237863", Some("Yard"), &same(&["connection"]));
    yard.kinds = vec!["vxg.motion".to_owned(), "vxg.linecross".to_owned()];
    vec![
        Thing::new(
            "hq",
            "milestone",
            CAMERA,
            Some("Lobby"),
            &[("motion", MOTION), ("connection", COMMUNICATION), ("cpu_usage", CPU)],
        ),
        Thing::new(
            "stores/00004207",
            "een",
            "cameras/10067f22",
            Some("Kitchen Camera"),
            &[
                ("status", "status"),
                ("connection", "connection"),
                ("enabled", "enabled"),
                ("streaming", "streaming"),
                ("recording", "recording"),
                ("motion", "motion"),
                ("output", "output_0"),
                ("output", "output_1"),
                ("located", "located"),
            ],
        ),
        Thing::new("stores/00004207", "een", "bridges/100c339a", None, &same(&["status", "connection"])),
        Thing::new(
            "home",
            "simplisafe",
            "systems/12345",
            Some("Home"),
            &same(&["alarm", "power", "wifi", "rf", "connection", "temperature"]),
        ),
        Thing::new(
            "home",
            "simplisafe",
            "systems/12345/devices/00a1b2c3",
            Some("Front Door"),
            &same(&["contact", "battery", "tamper", "connection", "alarm_memory"]),
        ),
        Thing::new(
            "home",
            "simplisafe",
            "systems/12345/devices/00a1b2c4",
            Some("Hall Smoke"),
            &same(&["triggered", "prealarm", "battery", "tamper", "connection", "temperature"]),
        ),
        Thing::new(
            "home",
            "simplisafe",
            "systems/12345/devices/00a1b2c5",
            Some("Front Lock"),
            &same(&["lock", "battery", "connection"]),
        ),
        doorbell,
        yard,
    ]
}

pub(super) fn connections() -> [(ConnectionName, &'static str); 5] {
    let connections =
        [("hq", "milestone"), ("stores/00004207", "een"), ("stores", "een"), ("home", "simplisafe"), ("yard", "vxg")];
    connections.map(|(name, vendor)| (name.parse().unwrap(), vendor))
}

pub(super) fn describe_connection(discovery: &Discovery, connection: &ConnectionName, vendor: &str) -> Vec<Message> {
    let level = connection.as_str().replace('/', "=2F");
    discovery.connection(&ConnectionFacts {
        connection,
        vendor,
        topic: &format!("watchpost/{level}/availability"),
        events: Some(&format!("watchpost/{level}/events/+")),
    })
}

/// All that is sent for the things, by topic.
pub(super) fn messages(form: Form) -> Vec<Message> {
    let discovery = discovery(form);
    let connections = connections()
        .into_iter()
        .flat_map(|(name, vendor)| describe_connection(&discovery, &name, vendor))
        .collect::<Vec<_>>();
    things().iter().flat_map(|thing| thing.describe(&discovery)).chain(connections).collect()
}

/// The files that have them.
#[test]
fn what_is_sent_is_what_the_samples_show() {
    let mut differing = Vec::new();
    for (form, file, kept) in [
        (Form::Device, "device.json", include_str!("device.json")),
        (Form::Component, "component.json", include_str!("component.json")),
    ] {
        let messages = messages(form);
        let sent: serde_json::Map<String, Value> =
            messages.iter().map(|message| (message.topic.clone(), parsed(message))).collect();
        let sent = serde_json::to_string_pretty(&sent).unwrap() + "\n";
        if let Some(folder) = std::env::var_os("WATCHPOST_WRITE_SAMPLES") {
            std::fs::write(std::path::Path::new(&folder).join(file), &sent).unwrap();
        }
        if sent != kept {
            differing.push(file);
        }
    }
    assert!(
        differing.is_empty(),
        "{differing:?} show something else; if that is meant, run this test with WATCHPOST_WRITE_SAMPLES set to their folder"
    );
}
