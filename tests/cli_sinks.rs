//! `watchpost sinks`, `dead-letters` and `replay`: the real program, on data folders that the library has filled.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    fs::{self, File},
    io::Write,
    path::PathBuf,
    sync::Arc,
};

use cli_support::{finish, program};
use serde_json::{Value, json};
use tempfile::TempDir;
use watchpost::{
    actors::model::{ConnectionName, Event, EventId, Item, Meaning, Origin, Sequence, SharedEvent, event::Committed},
    sinks::delivery::{Delivery, LetterFilter, NewDeadLetter},
};

const CONFIG: &str = r#"
[[connection]]
name = "hq"
vendor = "milestone"
url = "http://127.0.0.1:9"
username = "u"
password = { env = "SITE_PASSWORD" }
subscribe = [{ modifier = "include", resource_types = ["*"], sources = ["*"], events = ["*"] }]

[[sink]]
name = "alerts"
kind = "file"
path = "alerts.jsonl"

[[sink]]
name = "screen"
kind = "stdout"
"#;

/// The commands that change something.
const CHANGING: [&[&str]; 3] = [
    &["dead-letters", "retry", "--all"],
    &["dead-letters", "drop", "--all"],
    &["replay", "--sink", "alerts", "--since", "1h"],
];
/// Those that only look.
const LOOKING: [&[&str]; 4] =
    [&["sinks"], &["sinks", "--json"], &["dead-letters", "list"], &["dead-letters", "list", "--json"]];

/// A folder with a configuration.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("watchpost.toml"), CONFIG).unwrap();
        Self(folder)
    }

    /// One in which `alerts` has delivered, fails, and has a dead letter; and `old`, which is not configured, has two.
    fn filled() -> Self {
        let place = Self::new();
        let delivery = place.delivery();
        delivery.begin("alerts", Sequence(5)).unwrap();
        delivery.delivered("alerts", None, Sequence(1_239), 1_234).unwrap();
        refuse(&delivery, "alerts", "a", 1_239, "413 Payload Too Large");
        delivery.failing("alerts", None, "503 Service\x1b[2J\nUnavailable").unwrap();
        delivery.begin("old", Sequence(2_000)).unwrap();
        delivery.delivered("old", Some(&"stores/1A".parse().unwrap()), Sequence(2_002), 2).unwrap();
        refuse(&delivery, "old", "b", 2_003, "400 Bad Request");
        refuse(&delivery, "old", "c", 2_004, "400 Bad Request");
        place
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("watchpost-data")
    }

    fn delivery(&self) -> Delivery {
        Delivery::open(&self.data()).unwrap()
    }

    fn letters(&self) -> Vec<i64> {
        let letters = self.delivery().dead_letters(&LetterFilter::default(), 0, 100).unwrap();
        letters.iter().map(|letter| letter.id).collect()
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = program(arguments);
        command.current_dir(self.0.path()).env("SITE_PASSWORD", "p");
        finish(command)
    }

    /// What a command answers that must succeed.
    fn text(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.run(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}: {stdout}");
        stdout
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(arguments)).unwrap()
    }

    /// Takes the data folder, as a running watchpost does.
    fn take(&self) -> File {
        let mut lock = File::create(self.data().join("lock")).unwrap();
        lock.try_lock().unwrap();
        writeln!(lock, "4242").unwrap();
        lock
    }
}

fn event(id: &str, sequence: u64) -> SharedEvent {
    let event = Event {
        id: EventId::new(id.to_owned()),
        origin: Origin::Live,
        meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
        item: Some(Arc::new(Item { id: "cameras/1".into(), name: Some("Lobby".into()) })),
        time: "2026-06-11T09:17:59Z".into(),
        data: "{\"n\":1.50}".into(),
    };
    let commit = Committed {
        connection: "hq".parse().unwrap(),
        vendor: "milestone",
        first: Sequence(sequence),
        recorded: "2026-06-11T09:18:00Z".parse().unwrap(),
        events: vec![event].into(),
    };
    SharedEvent::new(Arc::new(commit), 0).unwrap()
}

fn refuse(delivery: &Delivery, sink: &str, id: &str, sequence: u64, why: &str) {
    let event = event(id, sequence);
    let lane: Option<ConnectionName> = (sink == "old").then(|| "hq".parse().unwrap());
    let first = "2026-06-11T09:18:01Z".parse().unwrap();
    let letter = NewDeadLetter { sink, lane: lane.as_ref(), event: event.get(), why, tries: 3, first };
    delivery.dead(&letter, Sequence(sequence + 1)).unwrap();
}

/// The cells of a row, which two blanks or more divide.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn before_anything_is_stored_there_is_nothing_to_show_and_nothing_is_created() {
    let place = Place::new();
    let sinks = place.text(&["sinks"]);
    let rows: Vec<_> = sinks.lines().skip(1).map(|row| cells(row)[..3].to_vec()).collect();
    assert_eq!(rows, [["alerts", "file", "0"], ["screen", "stdout", "0"]]);
    let sinks = place.json(&["sinks", "--json"]);
    assert_eq!((&sinks[0]["started"], &sinks[0]["lanes"]), (&Value::Null, &json!([])));
    assert_eq!(place.text(&["dead-letters", "list"]), "no dead letters\n");
    for action in ["list", "drop", "retry"] {
        assert_eq!(place.json(&["dead-letters", action, "--all", "--json"]), json!([]), "{action}");
    }
    let (code, stdout, stderr) = place.run(&["replay", "--sink", "alerts", "--since", "1h"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("nothing is stored"), "{stderr}");
    assert!(!place.data().exists());
}

#[test]
fn each_sink_tells_what_it_has_delivered_and_what_fails_and_a_pipe_gets_no_colours() {
    let place = Place::filled();
    let text = place.text(&["sinks"]);
    assert!(!text.contains('\x1b'), "{text:?}");
    let rows: Vec<_> = text.lines().map(cells).collect();
    assert_eq!(
        rows[0],
        ["SINK", "KIND", "DELIVERED", "LAST", "BEHIND", "OLDEST", "DEAD", "BROKER", "FAILING SINCE", "LAST ERROR"]
    );
    assert_eq!(rows[1][..3], ["alerts", "file", "1234"]);
    assert_eq!((rows[1][6], rows[1][7], rows[1][9]), ("1", "-", "503 Service [2J Unavailable"));
    assert!(rows[1][3].ends_with(" ago") && rows[1][8].ends_with(" ago)"), "{text}");
    assert_eq!((rows[2][0], rows[2][2]), ("screen", "0"));
    assert_eq!(rows[3][..3], ["old", "not in the configuration", "2"]);
    let headings = text.lines().next().unwrap();
    let column = headings.find("LAST ERROR").unwrap();
    assert_eq!(text.lines().nth(1).unwrap().find("503"), Some(column), "{text}");

    let rows = place.text(&["sinks", "--lanes"]);
    let rows: Vec<_> = rows.lines().map(|row| cells(row)[..3].to_vec()).collect();
    assert_eq!(
        rows[1..],
        [["alerts", "all", "1240"], ["screen", "-", "-"], ["old", "hq", "2005"], ["old", "stores/1A", "2002"]]
    );
}

#[test]
fn sinks_as_json_are_one_array_with_the_same_members_for_each() {
    let place = Place::filled();
    place.delivery().add_replay("alerts", Sequence(10), Sequence(20)).unwrap();
    let sinks = place.json(&["sinks", "--json"]);
    let names: Vec<_> = sinks.as_array().unwrap().iter().map(|sink| sink["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["alerts", "screen", "old"]);
    for sink in sinks.as_array().unwrap() {
        let members: Vec<_> = sink.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = [
            "name",
            "kind",
            "configured",
            "started",
            "delivered",
            "last_delivered",
            "behind",
            "failing_since",
            "last_error",
            "link",
            "remarks",
            "dead_letters",
            "replays",
            "lanes",
        ];
        expected.sort_unstable();
        assert_eq!(members, expected);
    }
    let alerts = &sinks[0];
    assert_eq!(
        (&alerts["kind"], &alerts["configured"], &alerts["delivered"]),
        (&json!("file"), &json!(true), &json!(1_234))
    );
    assert_eq!(alerts["started"]["sequence"], "00000000000000000005");
    assert_eq!(
        (&alerts["dead_letters"], &alerts["last_error"]),
        (&json!(1), &json!("503 Service\x1b[2J\nUnavailable"))
    );
    for time in [&alerts["started"]["time"], &alerts["last_delivered"], &alerts["failing_since"]] {
        time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    assert_eq!(alerts["lanes"][0]["connection"], Value::Null);
    assert_eq!(alerts["lanes"][0]["position"], "00000000000000001240");
    assert_eq!(alerts["replays"][0]["until"], "00000000000000000020");
    assert_eq!((&sinks[2]["kind"], &sinks[2]["configured"]), (&Value::Null, &json!(false)));
}

#[test]
fn dead_letters_are_listed_with_the_whole_event() {
    let place = Place::filled();
    let text = place.text(&["dead-letters", "list"]);
    let rows: Vec<_> = text.lines().map(cells).collect();
    assert_eq!(rows[0], ["ID", "SINK", "EVENT", "TYPE", "TRIES", "LAST", "WHY"]);
    assert_eq!(rows[1][..5], ["1", "alerts", "hq:a", "motion.started", "3"]);
    assert_eq!(rows[1][6], "413 Payload Too Large");
    assert_eq!(rows.len(), 4);

    let ids = |arguments: &[&str]| {
        let letters = place.json(&[&["dead-letters", "list", "--json"], arguments].concat());
        letters.as_array().unwrap().iter().map(|letter| letter["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&[]), [1, 2, 3]);
    assert_eq!(ids(&["--sink", "old"]), [2, 3]);
    assert_eq!(ids(&["--sink", "old", "--id", "3"]), [3]);
    assert_eq!(ids(&["--sink", "screen"]), [0; 0]);

    let text = place.text(&["dead-letters", "list", "--id", "1", "--json"]);
    let line = event("a", 1_239).get().to_line();
    assert!(text.contains(&line), "the event is as it would be delivered: {text}");
    let letter = &serde_json::from_str::<Value>(&text).unwrap()[0];
    for (member, value) in [
        ("sink", "alerts"),
        ("connection", "hq"),
        ("vendor", "milestone"),
        ("sequence", "00000000000000001239"),
        ("event_id", "hq:a"),
        ("type", "motion.started"),
        ("why", "413 Payload Too Large"),
        ("first", "2026-06-11T09:18:01Z"),
    ] {
        assert_eq!(letter[member], value, "{member}");
    }
    assert_eq!(letter["tries"], 3);
}

#[test]
fn dropped_dead_letters_are_gone_and_one_that_is_not_there_is_named() {
    let place = Place::filled();
    assert_eq!(place.text(&["dead-letters", "drop", "--sink", "alerts"]), "dropped 1 dead letter\n");
    assert_eq!(place.letters(), [2, 3]);
    let (code, stdout, stderr) = place.run(&["dead-letters", "drop", "--id", "3", "--id", "77"]);
    assert_eq!((code, stdout.as_str()), (Some(1), "dropped 1 dead letter\n"));
    assert!(stderr.contains("77"), "{stderr}");
    assert_eq!(place.letters(), [2]);
    let dropped = place.json(&["dead-letters", "drop", "--all", "--json"]);
    assert_eq!(dropped, json!([{ "id": 2, "sink": "old", "event_id": "hq:b" }]));
    assert_eq!(place.letters(), [0; 0]);
}

#[test]
fn a_retry_for_a_sink_that_is_not_configured_any_more_fails_and_keeps_the_letter() {
    let place = Place::filled();
    let (code, stdout, _) = place.run(&["dead-letters", "retry", "--sink", "old"]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("hq:b") && stdout.contains("not in the configuration"), "{stdout}");
    let (code, stdout, _) = place.run(&["dead-letters", "retry", "--id", "3", "--json"]);
    assert_eq!(code, Some(1));
    let retried: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((&retried[0]["id"], &retried[0]["delivered"]), (&json!(3), &json!(false)));
    assert!(retried[0]["why"].as_str().unwrap().contains("configuration"));
    assert_eq!(place.letters(), [1, 2, 3]);
}

#[test]
fn beside_a_running_watchpost_one_may_look_and_change_nothing() {
    let place = Place::filled();
    let quiet: Vec<_> = LOOKING.map(|arguments| place.run(arguments)).into();
    let running = (place.take(), place.delivery());
    for (arguments, before) in LOOKING.into_iter().zip(quiet) {
        let (code, stdout, _) = place.run(arguments);
        assert_eq!((code, stdout.lines().count()), (Some(0), before.1.lines().count()), "{arguments:?}");
    }
    for arguments in CHANGING {
        let (code, stdout, stderr) = place.run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        for word in ["watchpost-data", "process 4242", "stop"] {
            assert!(stderr.contains(word), "{arguments:?}: {word} in {stderr}");
        }
    }
    drop(running);
    assert_eq!(place.letters(), [1, 2, 3]);
}

#[test]
fn a_store_of_a_later_version_is_named_and_not_touched() {
    let place = Place::filled();
    let path = place.data().join("delivery.db");
    let mut bytes = fs::read(&path).unwrap();
    // SQLite's database header: the user version is the number at offset 60.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&path, &bytes).unwrap();
    for arguments in LOOKING.into_iter().chain(CHANGING) {
        let (code, stdout, stderr) = place.run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(stderr.contains("delivery.db") && stderr.contains("format 99"), "{arguments:?}: {stderr}");
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_replay_that_is_stored_can_be_cancelled() {
    let place = Place::filled();
    let delivery = place.delivery();
    for sink in ["alerts", "alerts", "screen"] {
        delivery.add_replay(sink, Sequence(1), Sequence(2)).unwrap();
    }
    drop(delivery);
    assert_eq!(place.text(&["replay", "--sink", "alerts", "--cancel"]), "cancelled 2 replays to \"alerts\"\n");
    let left = place.delivery().replays(None).unwrap();
    assert_eq!(left.iter().map(|replay| replay.sink.as_str()).collect::<Vec<_>>(), ["screen"]);
    assert_eq!(place.text(&["replay", "--sink", "alerts", "--cancel"]), "there is no replay to cancel\n");
}

#[test]
fn a_replay_to_a_sink_that_is_not_configured_any_more_can_be_cancelled() {
    let place = Place::filled();
    place.delivery().add_replay("gone", Sequence(1), Sequence(2)).unwrap();
    let (code, stdout, stderr) = place.run(&["replay", "--sink", "gon", "--cancel"]);
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("did you mean \"gone\""), "{stderr}");
    assert_eq!(place.text(&["replay", "--sink", "gone", "--cancel"]), "cancelled 1 replay to \"gone\"\n");
    assert_eq!(place.delivery().replays(None).unwrap(), []);
}

#[test]
fn no_command_needs_the_password_of_a_connection_and_only_what_delivers_needs_a_secret() {
    const HOOK: &str = "
[[sink]]
name = \"hook\"
kind = \"webhook\"
url = \"http://127.0.0.1:9\"
secret = { file = \"absent\" }
headers = { Authorization = { env = \"HOOK_TOKEN\" } }
";
    let place = Place::filled();
    let without = |arguments: &[&str]| {
        let mut command = program(arguments);
        command.current_dir(place.0.path()).env_remove("SITE_PASSWORD").env_remove("HOOK_TOKEN");
        finish(command)
    };
    let delivering = [&["dead-letters", "retry", "--id", "1"][..], &["replay", "--sink", "alerts", "--since", "1h"]];
    for arguments in delivering {
        let (code, stdout, stderr) = without(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {stdout}{stderr}");
    }
    let path = place.0.path().join("watchpost.toml");
    fs::write(path, format!("{CONFIG}{HOOK}")).unwrap();
    let others: [&[&str]; 2] = [&["dead-letters", "drop", "--id", "2"], &["replay", "--sink", "alerts", "--cancel"]];
    for arguments in LOOKING.into_iter().chain(others) {
        let (code, stdout, stderr) = without(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}: {stdout}");
    }
    for arguments in delivering {
        let (code, _, stderr) = without(arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stderr.contains("HOOK_TOKEN") && stderr.contains("absent"), "{stderr}");
        assert!(!stderr.contains("SITE_PASSWORD"), "{stderr}");
    }
}

#[test]
fn a_sink_that_does_not_exist_is_wrong_usage_with_the_nearest_name_as_a_hint() {
    let place = Place::filled();
    for (arguments, hint) in [
        (&["dead-letters", "list", "--sink", "alert"][..], "alerts"),
        (&["dead-letters", "retry", "--sink", "sreen"], "screen"),
        (&["dead-letters", "drop", "--sink", "olt"], "old"),
        (&["replay", "--sink", "alerst", "--since", "1h"], "alerts"),
    ] {
        let (code, stdout, stderr) = place.run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let wrong = arguments.iter().skip_while(|argument| **argument != "--sink").nth(1).unwrap();
        assert!(stderr.contains(&format!("\"{wrong}\"")), "{stderr}");
        assert!(stderr.contains(&format!("did you mean \"{hint}\"")), "{stderr}");
    }
}

#[test]
fn wrong_usage_exits_with_2_and_changes_nothing() {
    let place = Place::filled();
    for (arguments, word) in [
        (&["dead-letters", "drop"][..], "--all"),
        (&["dead-letters", "retry"], "--all"),
        (&["dead-letters", "drop", "--all", "--id", "1"], "--id"),
        (&["dead-letters", "drop", "--id", "one"], "--id"),
        (&["dead-letters"], "retry"),
        (&["replay", "--since", "1h"], "--sink"),
        (&["replay", "--sink", "alerts", "--since", "yesterday"], "1h"),
        (&["replay", "--sink", "alerts", "--since", "1h", "--until", "2h"], "--until"),
        (&["replay", "--sink", "alerts", "--until", "2h"], "--since"),
        (&["replay", "--sink", "alerts", "--since", "1h", "--cancel"], "--cancel"),
        (&["sinks", "--config", "absent.toml"], "absent.toml"),
    ] {
        let (code, stdout, stderr) = place.run(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.contains(word), "{arguments:?}: {stderr}");
    }
    assert_eq!(place.letters(), [1, 2, 3]);
}

#[test]
fn every_command_shows_examples_in_its_help() {
    let place = Place::new();
    for command in [
        &["sinks"][..],
        &["dead-letters"],
        &["dead-letters", "list"],
        &["dead-letters", "retry"],
        &["dead-letters", "drop"],
        &["replay"],
    ] {
        let help = place.text(&[command, &["--help"]].concat());
        assert!(help.contains("Examples:") && help.contains(&format!("watchpost {}", command.join(" "))), "{help}");
    }
    for command in [&["sinks"][..], &["dead-letters", "list"]] {
        assert!(place.text(&[command, &["--help"]].concat()).contains("one array"));
    }
}
