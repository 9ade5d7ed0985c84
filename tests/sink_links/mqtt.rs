//! MQTT.

use std::{fs, time::Instant};

use crate::{
    QUIET, answer,
    durable_support::{Place, SECOND, eventually, kill, pace},
    link,
    mosquitto::Mosquitto,
    report, said, sink,
};

#[test]
fn a_broker_that_is_away_is_told_without_an_event_once_and_when_it_is_back() {
    let place = Place::start(1);
    let mut broker = Mosquitto::prepared("allow_anonymous true");
    place.configure("", &(Place::file_sink("file", "") + &sink("mqtt", &broker.url(), QUIET)));
    let mut program = place.run_until_online(&mut place.tail("file.jsonl"));
    eventually("it is tried a few times", || report(&place)["link"]["tries"].as_u64().is_some_and(|tries| tries >= 3));
    let told = report(&place);
    assert_eq!((&told["link"]["state"], &told["failing_since"]), (&"down".into(), &serde_json::Value::Null));
    assert!(told["link"]["why"].as_str().unwrap().contains("refused"), "{told}");
    assert!(told["link"]["next_try"].as_str() > told["link"]["since"].as_str(), "{told}");
    assert_eq!(said(&place, "The broker is away"), 1, "{}", place.read("stderr"));
    let table = answer(&place, &["sinks"]).1;
    assert!(table.contains(" down ") && table.contains("refused"), "{table}");

    broker.begin();
    eventually("it is up", || link(&place) == "up");
    assert_eq!((said(&place, "The broker is back"), said(&place, "The broker is away")), (1, 1));
    assert_eq!(report(&place)["link"]["why"], serde_json::Value::Null);
    broker.kill();
    eventually("it is down", || link(&place) == "down");
    assert_eq!(said(&place, "The broker is away"), 2);

    // What a killed program has told is so no more.
    kill(&mut program);
    assert_eq!(link(&place), "none");
    broker.begin();
    let program = place.run();
    eventually("it is up again", || link(&place) == "up");
    place.end(program);
    assert_eq!(link(&place), "none");
}

#[test]
fn a_broker_that_refuses_the_login_is_told_as_halted_without_an_event() {
    let place = Place::start(1);
    let mut broker = Mosquitto::prepared("allow_anonymous false\npassword_file @/users");
    broker.set_password("watchpost", "another");
    broker.begin();
    fs::write(place.path("password"), "right").unwrap();
    let login = format!("username = \"watchpost\"\npassword = {{ file = \"password\" }}\n{QUIET}");
    place.configure("", &sink("mqtt", &broker.url(), &login));
    let program = place.run();
    eventually("it is halted", || link(&place) == "halted");
    assert!(report(&place)["link"]["why"].as_str().unwrap().contains("username and password"), "{}", report(&place));
    assert_eq!(said(&place, "The broker refuses this sink"), 1);
    place.end(program);
}

#[test]
fn states_that_a_broker_does_not_take_are_told_once_with_their_number() {
    let place = Place::start(1);
    let mut broker = Mosquitto::prepared("allow_anonymous true\nacl_file @/acl");
    fs::write(
        broker.path("acl"),
        "topic read #\ntopic write watchpost/availability\ntopic write watchpost/+/availability\n",
    )
    .unwrap();
    broker.begin();
    place.configure("", &(Place::file_sink("file", "") + &sink("mqtt", &broker.url(), QUIET)));
    let program = place.run_until_online(&mut place.tail("file.jsonl"));
    let remark = || report(&place)["remarks"][0].as_str().unwrap_or_default().to_owned();
    eventually("it is remarked", || remark().contains("the broker does not allow it"));
    // Each changes again and again, and is refused each time.
    let number = || remark().split(' ').next().and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
    eventually("all of them are counted", || {
        place.emit(20);
        number() >= 10
    });
    // They are refused on and on, for longer than several are told together.
    let begun = Instant::now();
    while begun.elapsed() < 5 * SECOND {
        place.emit(5);
        pace(SECOND / 5);
        assert_eq!(said(&place, "The broker does not take present states"), 1, "{}", place.read("stderr"));
    }
    assert_eq!(link(&place), "up");
    let table = answer(&place, &["sinks"]).1;
    assert!(table.contains("sink broker: ") && table.contains("not at the broker (watchpost/a/"), "{table}");
    fs::write(broker.path("acl"), "topic readwrite #\n").unwrap();
    broker.kill();
    broker.begin();
    eventually("nothing is remarked any more", || {
        link(&place) == "up" && report(&place)["remarks"] == serde_json::json!([])
    });
    place.end(program);
}

#[test]
fn a_look_tries_where_home_assistant_is_told_in_either_form_and_leaves_nothing() {
    let place = Place::start(1);
    let mut broker = Mosquitto::prepared("allow_anonymous true\nacl_file @/acl");
    fs::write(
        broker.path("acl"),
        "topic read #\ntopic write watchpost/#\ntopic write right/device/+/config\ntopic write probe/#\n",
    )
    .unwrap();
    broker.begin();
    let listener = broker.listen(&["-t", "watchpost/#", "-t", "right/#"]);
    let look = |more: &str| {
        place.configure("", &sink("mqtt", &broker.url(), more));
        answer(&place, &["check", "--connect"])
    };
    let (code, text) = look("");
    assert!(code == Some(0) && text.contains("takes messages\n"), "{text}");
    let (code, text) = look("home_assistant = true\ndiscovery_prefix = \"right\"");
    assert!(code == Some(0) && text.contains("and descriptions for Home Assistant"), "{text}");
    for (prefix, form) in [("homeassistant", "device"), ("right", "component")] {
        let (code, text) =
            look(&format!("home_assistant = true\ndiscovery_prefix = \"{prefix}\"\ndiscovery = \"{form}\""));
        let why = format!("give this user the right to publish to {prefix}/#");
        assert!(code == Some(1) && text.contains(&why), "{text}");
    }
    eventually("all was heard", || listener.all().iter().any(|message| message.topic.starts_with("right/device/")));
    assert!(listener.all().iter().all(|message| message.body.is_empty()), "{:?}", listener.all());
}
