//! What only some vendors have, through a watchpost that runs.

use std::fs;

use serde_json::Value;

use crate::{
    cli_support::{eventually, finish},
    place::{Place, house, keep_secret, rows, vxg_cloud},
};

#[test]
fn vxg_is_commanded_through_the_one_that_runs_as_straight() {
    let (simulator, connection) = vxg_cloud();
    let mut place = Place::stopped("", &connection);
    keep_secret(&place, "vxg.token", &simulator.group_token());
    place.run();
    let camera = simulator.cameras()[0];
    let id = camera.to_string();
    let vxg = |words: &[&str]| place.text(&[&["vxg", words[0], "cloud", &id], &words[1..]].concat());
    let json = |words: &[&str]| -> Value { serde_json::from_str(&vxg(&[words, &["--json"]].concat())).unwrap() };
    let (code, straight, stderr) =
        finish(place.command(&["vxg", "types", "cloud", &id, "--json", "--config", "watchpost.toml"]));
    assert_eq!((code, straight), (Some(0), vxg(&["types", "--json"])), "{stderr}");
    assert!(vxg(&["types"]).starts_with("NAME "));

    assert_eq!(json(&["add-type", "custom_event", "--notify", "on"])["existed"], false);
    assert!(vxg(&["add-type", "custom_event"]).contains("is there already"));
    assert_eq!(json(&["set-type", "motion", "--record", "off"])["record"], false);
    assert_eq!(json(&["set-type", "snapshot", "--period", "30s"])["period"], 30);
    let created = json(&["create", "custom_event", "--time", "2021-09-23T16:30:00", "--meta", "order=4711"]);
    assert_eq!((&created["time"], &created["meta"]["order"]), (&"2021-09-23T16:30:00Z".into(), &"4711".into()));
    assert_eq!(simulator.counters().created, 1);
    let triggered = json(&["trigger", "audio_event", "--wait", "20s"]);
    assert_eq!(triggered["confirmed"], true, "{triggered}");
    assert!(vxg(&["trigger", "audio_event"]).contains("is asked"));

    let fails = |words: &[&str], status: i32, expected: &[&str]| {
        place.fails(&[&["vxg"], words].concat(), status, expected);
    };
    fails(&["types", "cloud", "42"], 1, &["cameras/42", "no such camera"]);
    fails(&["types", "clowd", &id], 1, &["no connection \"clowd\""]);
    fails(&["types", "hq", &id], 1, &["of vendor \"milestone\""]);
    fails(&["trigger", "cloud", &id, "motion"], 1, &["cannot be triggered", "only audio_event can"]);
    fails(&["create", "cloud", &id, "lightning"], 1, &["no event type \"lightning\""]);
    fails(&["set-type", "cloud", &id, "motion"], 2, &["nothing is to be changed"]);
    simulator.set_status(camera, Some("inactive"));
    fails(&["trigger", "cloud", &id, "audio_event", "--wait", "500ms"], 3, &["none has appeared"]);
    simulator.stop();
    fails(&["types", "cloud", &id], 1, &["cannot connect"]);
}

#[test]
fn milestone_lists_types_and_makes_events_through_the_one_that_runs_as_straight() {
    let (simulator, connection) = vxg_cloud();
    let mut place = Place::stopped("", &connection);
    keep_secret(&place, "vxg.token", &simulator.group_token());
    place.run();
    let milestone = |words: &[&str]| place.text(&[&["milestone"], words].concat());
    let listed = milestone(&["types", "hq", "--json"]);
    let (code, straight, stderr) =
        finish(place.command(&["milestone", "types", "hq", "--json", "--config", "watchpost.toml"]));
    assert_eq!((code, &straight), (Some(0), &listed), "{stderr}");
    let types = rows(&listed);
    let motion = types.iter().find(|kind| kind["title"] == "Motion Stopped").unwrap();
    assert_eq!((&motion["kind"], &motion["state"]["value"]), (&"motion.stopped".into(), &"clear".into()));
    let table = milestone(&["types", "hq"]);
    assert!(table.starts_with("TITLE "), "{table}");
    assert_eq!(table.lines().count(), types.len() + 1);

    let line = milestone(&["trigger", "hq", "Panic button"]);
    assert!(line.starts_with("Triggered: event ") && line.contains("\"Panic button\" of userDefinedEvents/"), "{line}");
    let camera = place.milestone.sources("cameras").remove(0);
    let source = format!("cameras/{}", place.milestone.name_of(&camera).unwrap());
    let json = milestone(&["trigger", "hq", "panicbutton", "--source", &source, "--json"]);
    let triggered: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(triggered["occurrence"]["item"], camera);
    let id = format!("hq:{}", triggered["occurrence"]["id"].as_str().unwrap());
    let find = || place.text(&["events", "--json", "type=milestone.panic_button"]);
    eventually("the event is stored", || find().contains(&id));
    assert_eq!(find().lines().filter(|line| line.contains(&id)).count(), 1);

    let fails = |words: &[&str], status: i32, expected: &[&str]| {
        place.fails(&[&["milestone"], words].concat(), status, expected);
    };
    fails(&["trigger", "hq", "Panik button"], 1, &["no event type \"Panik button\"", "did you mean \"Panic button\"?"]);
    fails(
        &["trigger", "hq", "CommunicationStarted"],
        2,
        &["several event types", "dd3e6464-7dc0-405a-a92f-6150587563e8"],
    );
    fails(&["trigger", "hq", "Lockdown", "--source", "Lobby 1"], 2, &["is no source", "write cameras/"]);
    fails(&["trigger", "hq", "Motion Started"], 1, &["may not trigger", "a service client may"]);
    fails(&["trigger", "hk", "Lockdown"], 1, &["no connection \"hk\""]);
    // What one vendor is asked for goes to none of another.
    fails(&["types", "cloud"], 1, &["of vendor \"vxg\""]);
    fails(&["trigger", "cloud", "audio_event", "--source", "cameras/237863"], 1, &["of vendor \"vxg\""]);
    place.fails(&["vxg", "trigger", "hq", "cameras/1", "Lockdown"], 1, &["of vendor \"milestone\""]);
    place.milestone.inject("trigger-refused=403".parse().unwrap());
    fails(&["trigger", "hq", "Lockdown"], 1, &["may not trigger \"Lockdown\"", "Security > Roles > External Event"]);
    place.milestone.inject("trigger-refused=500".parse().unwrap());
    fails(&["trigger", "hq", "Lockdown"], 3, &["is not known", "not sent again"]);
    let told = |words: &[&str]| {
        let (code, stdout, _) = place.ask(&[&["milestone"], words, &["--json"]].concat());
        (code, serde_json::from_str::<Value>(&stdout).unwrap()["may_have_happened"].clone())
    };
    assert_eq!(told(&["trigger", "hq", "Lockdown"]), (Some(3), true.into()));
    assert_eq!(told(&["trigger", "hq", "Lockdwn"]), (Some(1), false.into()));
    // Names that are no part of an address are refused before anybody is asked.
    for name in ["", " ", ".", "..", "Lock\ndown"] {
        fails(&["trigger", "hq", name], 2, &["invalid value"]);
        place.fails(&["vxg", "trigger", "cloud", &simulator.cameras()[0].to_string(), name], 2, &["invalid value"]);
    }
    assert_eq!(place.milestone.counters().triggered, 2);
    let refused = finish(place.command(&["milestone", "types", "cloud", "--config", "watchpost.toml"]));
    assert_eq!(refused.0, Some(1), "the one that runs is asked: {}", refused.2);
}

#[test]
fn media_is_fetched_by_the_one_that_runs_and_its_token_is_spent_once() {
    let (simulator, connection) = house();
    let mut place = Place::stopped("", &connection);
    keep_secret(&place, "simplisafe.token", &simulator.refresh_token());
    place.run();
    let sid = simulator.systems()[0];
    eventually("home is online", || {
        rows(&place.text(&["connections", "--json"]))
            .iter()
            .any(|row| row["name"] == "home" && row["state"] == "online")
    });
    let event = format!("home:{}", simulator.camera_motion(sid, &simulator.cameras(sid)[0]).unwrap());
    let find = || place.text(&["events", "--json", "connection=home"]);
    eventually("the event is stored", || find().contains(&event));
    assert_eq!(place.text(&["media", &event, "-o", "door.mp4"]), "door.mp4: 300000 bytes, video/mp4\n");
    assert_eq!(fs::metadata(place.path("door.mp4")).unwrap().len(), 300_000);
    let image = place.text(&["media", &event, "-o", "door.jpg", "--kind", "image", "--width", "1280"]);
    assert_eq!(image, "door.jpg: 20000 bytes, image/jpeg\n");
    assert!(simulator.calls().iter().any(|call| call.path.ends_with("&width=1280")));

    place.fails(&["media", "home:5", "-o", "x"], 1, &["there is no event 5 of home"]);
    place.fails(&["media", "hq:5", "-o", "x"], 1, &["of vendor \"milestone\""]);
    place.fails(&["media", "https://simplisafe.com.evil.org/x", "-o", "x"], 2, &["which is not SimpliSafe's"]);
    let link = format!("{}/v1/media/download/999", simulator.url());
    place.fails(&["media", &link, "-o", "x", "--patience", "0s"], 1, &["404"]);
    place.fails(&["media", &event, "-o", "x", "--max-size", "1KiB"], 1, &["larger than the 1024 bytes allowed"]);
    assert!(!place.path("x").exists());

    // A look must not spend the token that the running one needs; it asks that one.
    let refreshes = simulator.counters().refreshes;
    let (code, stdout, stderr) = finish(place.command(&["check", "--connect"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("home: not tried") && stdout.contains("running  online for "), "{stdout}");
    let counters = simulator.counters();
    assert_eq!((counters.refreshes, counters.reused, counters.tokens_abroad), (refreshes, 0, 0));
    let left = fs::read_dir(std::env::temp_dir()).unwrap().filter_map(Result::ok);
    let ours = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("watchpost-media-");
    assert_eq!(left.filter(ours).count(), 0, "no file is left behind");
}
