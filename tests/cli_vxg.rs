//! `watchpost vxg`: the real program, and a simulated cloud.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    fs,
    process::Stdio,
    time::{Duration, Instant},
};

use cli_support::{Watchpost, eventually, finish, program};
use serde_json::Value;
use tempfile::TempDir;
use watchpost::simulator::vxg::{Fault, FaultKind, Options, Refusal, Simulator, Status, Times};

type Finished = (Option<i32>, String, String);

/// A simulated cloud, and a folder with a configuration of two connections to it: `cloud` with a group's token, `yard` with that of the first camera.
struct Cloud {
    simulator: Simulator,
    folder: TempDir,
    camera: i64,
}

impl Cloud {
    fn start(faults: Vec<Fault>) -> Self {
        let options = Options { faults, trigger_delay: Duration::from_millis(300), ..Options::default() };
        let simulator = Simulator::start(options).unwrap();
        let camera = simulator.cameras()[0];
        let folder = tempfile::tempdir().unwrap();
        let url = simulator.url();
        let connection = |name: &str, variable: &str| {
            format!(
                "[[connection]]\nname = \"{name}\"\nvendor = \"vxg\"\ntoken = {{ env = \"{variable}\" }}\nurl = \"{url}\"\n"
            )
        };
        let other = "[[connection]]\nname = \"hq\"\nvendor = \"milestone\"\nurl = \"http://127.0.0.1:9\"\nusername = \"u\"\n\
                     password = { env = \"PASSWORD\" }\n\
                     subscribe = [{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }]\n";
        let sink = "[engine]\nlisten = \"off\"\n[[sink]]\nname = \"screen\"\nkind = \"stdout\"\n";
        let text = connection("cloud", "GROUP") + &connection("yard", "CAMERA") + other + sink;
        fs::write(folder.path().join("watchpost.toml"), text).unwrap();
        Self { simulator, folder, camera }
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = program(arguments);
        let token = self.simulator.token(self.camera).unwrap_or_else(|| "none".to_owned());
        command.current_dir(self.folder.path()).env("PASSWORD", "secret").env("CAMERA", token);
        command.env("GROUP", self.simulator.group_token());
        command
    }

    /// `watchpost vxg …`, in which `CAMERA` stands for the first camera's id.
    fn run(&self, arguments: &str) -> Finished {
        let camera = self.camera.to_string();
        let words = arguments.split(' ').map(|word| if word == "CAMERA" { camera.as_str() } else { word });
        let words: Vec<_> = ["vxg"].into_iter().chain(words).collect();
        let secrets = self.simulator.secrets();
        let (exit, stdout, stderr) = finish(self.command(&words));
        for secret in secrets {
            assert!(!stdout.contains(&secret) && !stderr.contains(&secret), "{secret} in:\n{stdout}{stderr}");
        }
        (exit, stdout, stderr)
    }

    #[track_caller]
    fn done(&self, arguments: &str) -> String {
        let (exit, stdout, stderr) = self.run(arguments);
        assert_eq!((exit, stderr.as_str()), (Some(0), ""), "{arguments}: {stdout}");
        stdout
    }

    #[track_caller]
    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{arguments} --json"))).unwrap()
    }

    /// That it ends with this status, nothing on standard output, and these words.
    #[track_caller]
    fn fails(&self, arguments: &str, status: i32, words: &[&str]) {
        let (exit, stdout, stderr) = self.run(arguments);
        assert_eq!((exit, stdout.as_str()), (Some(status), ""), "{arguments}: {stderr}");
        for word in words {
            assert!(stderr.contains(word), "{arguments}: {word} in:\n{stderr}");
        }
    }
}

#[test]
fn types_are_listed_as_a_table_and_as_json() {
    let cloud = Cloud::start(vec![]);
    let table = cloud.done("types cloud CAMERA");
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines[0], "NAME         NOTIFY  RECORD  SNAPSHOT  PERIOD  TRIGGER  CUSTOM");
    assert!(lines.iter().any(|line| line.starts_with("motion       on      on      on             -  -")), "{table}");
    assert!(lines.iter().any(|line| line.starts_with("audio_event  on") && line.contains("yes")), "{table}");
    let types = cloud.json("types yard CAMERA");
    let motion = types.as_array().unwrap().iter().find(|kind| kind["name"] == "motion").unwrap();
    assert_eq!((&motion["caps"]["can_record"], &motion["record"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!((&motion["period"], &motion["custom"]), (&Value::Null, &Value::Null));
    cloud.simulator.rename(cloud.camera, "Yard");
    assert_eq!(cloud.done("types cloud Yard"), table);
    assert_eq!(cloud.done(&format!("types cloud cameras/{}", cloud.camera)), table);
    assert_eq!(cloud.simulator.complaints(), []);
}

#[test]
fn what_the_configuration_or_the_token_does_not_have_is_told_with_what_there_is() {
    let cloud = Cloud::start(vec![]);
    cloud.fails("types clowd CAMERA", 2, &["no connection \"clowd\"", "cloud, yard", "did you mean \"cloud\"?"]);
    cloud.fails("types hq CAMERA", 2, &["\"hq\" is of vendor \"milestone\"", "cloud, yard"]);
    cloud.fails("types cloud 0", 2, &["no camera id"]);
    cloud.fails("types cloud 42", 1, &["cameras/42", "no such camera"]);
    cloud.fails("types cloud Nowhere", 1, &["no camera of this name"]);
    let calls = cloud.simulator.counters().of("types").tried;
    cloud.fails("types yard 42", 1, &["the access token opens camera", "alone"]);
    assert_eq!(cloud.simulator.counters().of("types").tried, calls, "it is told without asking");
    cloud.fails("create cloud CAMERA lightning", 1, &["no event type \"lightning\"", "motion, net, snapshot"]);
    cloud.fails("create cloud CAMERA motion --time noon", 2, &["2021-09-23T16:30:00Z"]);
    cloud.fails("create cloud CAMERA motion --meta nothing", 2, &["KEY=VALUE"]);
    cloud.fails("trigger cloud CAMERA motion", 1, &["cannot be triggered", "only audio_event can"]);
    cloud.fails("set-type cloud CAMERA motion", 2, &["nothing is to be changed"]);
    cloud.fails("set-type cloud CAMERA net --record on", 1, &["record cannot be set", "no recording"]);
    cloud.fails("set-type cloud CAMERA snapshot --period 1500ms", 2, &["whole seconds"]);
    assert_eq!((cloud.simulator.counters().created, cloud.simulator.counters().triggered), (0, 0));
}

#[test]
fn a_type_is_added_once_and_changed_in_part() {
    for faults in [
        vec![],
        vec![Fault::Duplicate(Status(409)), Fault::Create200, Fault::SetEmpty],
        vec![Fault::SetPartial, Fault::NeedsNotify, Fault::WholeSecondTimes],
    ] {
        let cloud = Cloud::start(faults);
        let added = cloud.done("add-type cloud CAMERA custom_event --notify on");
        assert!(added.contains("is added") && added.contains("yes"), "{added}");
        let again = cloud.done("add-type cloud CAMERA custom_event --notify off");
        assert!(again.contains("is there already"), "{again}");
        let again = cloud.json("add-type cloud CAMERA custom_event");
        assert_eq!((&again["existed"], &again["notify"]), (&Value::Bool(true), &Value::Bool(true)));
        assert_eq!(cloud.simulator.counters().of("add-type").tried, 1);
        assert_eq!(cloud.json("add-type cloud CAMERA other_event")["notify"], true);
        cloud.done("create cloud CAMERA other_event");
        cloud.done("trigger cloud CAMERA audio_event");

        let set = cloud.json("set-type cloud CAMERA motion --record off");
        assert_eq!((&set["record"], &set["snapshot"]), (&Value::Bool(false), &Value::Bool(true)));
        assert_eq!(cloud.json("set-type cloud CAMERA snapshot --period 30s")["period"], 30);
        assert_eq!(cloud.json("set-type yard CAMERA custom_event --notify off")["notify"], false);
        assert_eq!(cloud.simulator.complaints(), []);
    }
}

#[test]
fn an_event_is_created_once_also_where_its_answer_is_lost() {
    let cloud = Cloud::start(vec![]);
    let event = cloud.json("create cloud CAMERA motion --time 2021-09-23T16:30:00 --meta order=4711 --meta dock=3");
    assert_eq!((&event["time"], &event["meta"]["order"]), (&"2021-09-23T16:30:00Z".into(), &"4711".into()));
    let id = |event: &Value| event["id"].as_str().unwrap().parse().unwrap();
    let record = cloud.simulator.event(id(&event)).unwrap();
    assert_eq!((Simulator::text(record.time), record.camera), ("2021-09-23T16:30:00".to_owned(), cloud.camera));
    let meta = &record.versions[0].meta;
    assert_eq!(meta["dock"], "3");
    assert_eq!(meta.keys().filter(|tag| tag.starts_with("watchpost-")).count(), 1);

    for (number, fault) in [
        Fault::CreateLost(Times(Some(1))),
        Fault::Create(Refusal { status: 503, count: Some(1) }),
        Fault::Create(Refusal { status: 401, count: Some(1) }),
    ]
    .into_iter()
    .enumerate()
    {
        cloud.simulator.inject(fault);
        let event = cloud.json("create yard CAMERA audio_event");
        assert_eq!(event["name"], "audio_event");
        assert!(cloud.simulator.event(id(&event)).is_some());
        assert_eq!(cloud.simulator.counters().created, number as u64 + 2, "{fault}: exactly one more");
    }
    let told = cloud.done("create cloud CAMERA motion");
    assert!(told.starts_with("Created: event ") && told.contains("\"motion\" of cameras/"), "{told}");
    assert_eq!(cloud.simulator.complaints(), []);
}

#[test]
fn an_event_that_may_have_been_made_is_never_said_not_to_be() {
    let cloud = Cloud::start(vec![Fault::CreateLost(Times(Some(1)))]);
    let camera = cloud.camera.to_string();
    let mut command = cloud.command(&["vxg", "create", "cloud", &camera, "motion"]);
    let creating = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it is made", || cloud.simulator.counters().created == 1);
    cloud.simulator.inject(Fault::Rest(Refusal { status: 401, count: None }));
    let output = creating.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(told.contains("401") && told.contains("whether the event was made is not known"), "{told}");
    assert!(told.contains("has the tag watchpost-"), "{told}");
}

#[test]
fn a_trigger_means_asked_and_only_waiting_tells_of_the_event() {
    let cloud = Cloud::start(vec![]);
    let asked = cloud.json("trigger cloud CAMERA audio_event --meta by=me");
    assert!(asked["asked"].is_string() && asked["occurrence"].is_null(), "{asked}");
    eventually("the first has come", || cloud.simulator.accepted(None).len() == 13);
    let before = cloud.simulator.accepted(None);
    for fault in [None, Some(Fault::TriggerEmpty), Some(Fault::TriggerOwnTime), Some(Fault::TriggerNoMeta)] {
        fault.into_iter().for_each(|fault| cloud.simulator.inject(fault));
        let keeps_meta = fault != Some(Fault::TriggerNoMeta);
        let wait = if keeps_meta { "20s" } else { "3s" };
        let came = cloud.json(&format!("trigger yard CAMERA audio_event --wait {wait}"));
        assert_eq!(came["confirmed"], keeps_meta, "{came}");
        let id: i64 = came["occurrence"]["id"].as_str().unwrap().parse().unwrap();
        assert!(!before.contains(&id) && cloud.simulator.accepted(None).last() == Some(&id), "{came}");
    }
    cloud.simulator.set_status(cloud.camera, Some("inactive"));
    let begun = Instant::now();
    cloud.fails("trigger cloud CAMERA audio_event --wait 1s", 3, &["none has appeared within 1s", "online?"]);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert!(cloud.done("trigger cloud CAMERA audio_event").contains("is asked"));
    assert_eq!(cloud.simulator.complaints(), []);
}

#[test]
fn a_token_that_is_refused_and_one_that_may_not_say_what_to_do() {
    let cloud = Cloud::start(vec![]);
    cloud.simulator.inject(Fault::Types(Refusal { status: 401, count: Some(1) }));
    assert!(cloud.done("types cloud CAMERA").contains("motion"), "one refusal is no end");
    cloud.simulator.inject(Fault::Types(Refusal { status: 401, count: None }));
    cloud.fails("types cloud CAMERA", 1, &["not taken here (401)"]);
    cloud.simulator.inject(Fault::Types(Refusal { status: 403, count: None }));
    cloud.fails("types cloud CAMERA", 1, &["may not do that (403", "access \"all\""]);
    cloud.simulator.clear(FaultKind::Types);
    cloud.simulator.inject(Fault::GroupLists);
    cloud.fails("create cloud CAMERA motion", 1, &["403", "access \"all\""]);
    assert!(cloud.done("create yard CAMERA motion").contains("Created"));
    cloud.simulator.inject(Fault::Rest(Refusal { status: 401, count: None }));
    cloud.fails("types cloud CAMERA", 1, &["does not take the token (401"]);
    cloud.simulator.stop();
    cloud.fails("types cloud CAMERA", 1, &["cannot connect"]);
    // Wrong usage is wrong whether there is a server or not.
    cloud.fails("types cloud 0", 2, &["no camera id"]);
    cloud.fails("set-type cloud CAMERA motion", 2, &["nothing is to be changed"]);
    cloud.fails("set-type cloud CAMERA snapshot --period 1500ms", 2, &["whole seconds"]);
}

#[test]
fn it_works_beside_a_running_watchpost_and_ends_at_a_signal() {
    let cloud = Cloud::start(vec![]);
    let mut command = cloud.command(&["run"]);
    let mut running = Watchpost(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("the events are followed", || cloud.simulator.counters().of("events").ok > 2);
    assert!(cloud.done("types cloud CAMERA").contains("motion"));
    running.signal("TERM");
    assert_eq!(running.wait().code(), Some(0));

    cloud.simulator.set_status(cloud.camera, Some("inactive"));
    let camera = cloud.camera.to_string();
    let mut command = cloud.command(&["vxg", "trigger", "cloud", &camera, "audio_event", "--wait", "10m"]);
    let mut waiting = Watchpost(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("the camera is asked", || cloud.simulator.counters().triggered == 1);
    waiting.signal("INT");
    assert_eq!(waiting.wait().code(), Some(3));
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in ["types", "add-type", "set-type", "create", "trigger"] {
        let (exit, stdout, _) = finish(program(&["vxg", command, "--help"]));
        assert_eq!(exit, Some(0));
        assert!(stdout.contains("Examples:") && stdout.contains(&format!("watchpost vxg {command} cloud")), "{stdout}");
    }
}
