//! `watchpost record`, and `watchpost simulate … --replay`: the real program beside a simulated system.
#![cfg(all(unix, feature = "simulator"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Output, Stdio},
};

use cli_support::{PASSWORD, PASSWORD_IN_FORM, Site, TOKEN, Watchpost, eventually};
use serde_json::Value;
use watchpost::simulator::milestone::DropHow;

const ENGINE: &str =
    "[engine]\nlisten = \"off\"\n[[sink]]\nname = \"file\"\nkind = \"file\"\npath = \"events.jsonl\"\n";

fn site() -> Site {
    let site = Site::start();
    site.write("watchpost.toml", &format!("{}{ENGINE}", site.connection("hq", "\"MotionStarted\"")));
    site
}

fn record(site: &Site, arguments: &[&str]) -> Output {
    site.command(&[&["record"], arguments].concat()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn ids(events: &[Value]) -> BTreeSet<String> {
    let of_vendor = events.iter().filter(|event| !matches!(event["origin"].as_str(), Some("engine" | "snapshot")));
    of_vendor.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_recorded_is_played_back_to_another_watchpost() {
    let site = site();
    let mut recording = site.spawn(&["record", "--connection", "hq", "-o", "hq.frames"], "");
    let online = |count: usize| site.read("stderr").matches("hq: online").count() >= count;
    eventually("it is online", || online(1));
    let camera = site.simulator.sources("cameras").remove(0);
    let mut made = BTreeSet::new();
    let mut emit = || {
        for _ in 0..3 {
            made.insert(format!("hq:{}", site.simulator.emit_one(&camera, "MotionStarted").unwrap().id));
        }
    };
    emit();
    let got = |least: usize| {
        site.read("hq.frames")
            .matches("MotionStarted")
            .count()
            .max(site.read("hq.frames").matches("\"what\":\"got\"").count())
            >= least
    };
    eventually("they are written", || got(4));
    site.simulator.drop_sockets(DropHow::Fin);
    eventually("it is online again", || online(2));
    emit();
    eventually("all are written", || {
        let text = site.read("hq.frames");
        made.iter().all(|id| text.contains(id.strip_prefix("hq:").unwrap()))
    });
    recording.signal("INT");
    assert!(recording.wait().success(), "{}", site.read("stderr"));
    let told = site.read("stderr");
    for word in ["Recording hq to hq.frames", "2 sockets", "look it through before you give it away"] {
        assert!(told.contains(word), "{word:?} in {told}");
    }
    let text = site.read("hq.frames");
    let port = site.simulator.url().rsplit(':').next().unwrap().to_owned();
    for secret in [PASSWORD, PASSWORD_IN_FORM, TOKEN, &format!(":{port}"), "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert_eq!(site.path("hq.frames").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!site.path("events.jsonl").exists(), "nothing is delivered");
    site.simulator.stop();

    let arguments = ["simulate", "milestone", "--replay", "hq.frames", "--speed", "4", "--listen", "127.0.0.1:0"];
    let mut command = site.command(&arguments);
    let mut replay = Watchpost(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(replay.0.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    while !printed.last().is_some_and(|line: &String| line.starts_with("any secret will do")) {
        printed.push(lines.next().expect("a line").unwrap());
    }
    let config: Vec<&str> = printed
        .iter()
        .map(String::as_str)
        .skip_while(|line| !line.starts_with('['))
        .take_while(|line| !line.is_empty())
        .collect();
    // As somebody would who is given the file: what is printed, and the name that the recording had.
    site.write(
        "watchpost.toml",
        &format!("{}\n{ENGINE}", config.join("\n").replace("\"replay\"\nvendor", "\"hq\"\nvendor")),
    );
    site.write("replay.secret", "secret-1\n");
    let mut run = site.spawn(&["run"], "info");
    eventually("all of it is told again", || ids(&site.events("events.jsonl")).is_superset(&made));
    run.signal("TERM");
    assert!(run.wait().success(), "{}", site.read("stderr"));
    assert_eq!(ids(&site.events("events.jsonl")), made);
    replay.signal("TERM");
    assert!(replay.wait().success());
}

#[test]
fn a_file_that_is_there_is_not_overwritten_unasked() {
    let site = site();
    site.write("hq.frames", "mine");
    let refused = record(&site, &["--connection", "hq", "-o", "hq.frames", "--for", "1s"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("hq.frames exists already") && said(&refused).contains("--force"), "{refused:?}");
    assert_eq!(site.read("hq.frames"), "mine");
    let forced = record(&site, &["--connection", "hq", "-o", "hq.frames", "--for", "1s", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{forced:?}");
    assert!(site.read("hq.frames").starts_with("{\"watchpost\":\"frames\",\"version\":1,\"vendor\":\"milestone\""));
}

#[test]
fn a_connection_that_is_not_there_is_named_with_those_that_are() {
    let site = site();
    let unknown = record(&site, &["--connection", "warehouse", "-o", "hq.frames"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        said(&unknown).contains("there is no connection \"warehouse\"") && said(&unknown).contains("hq"),
        "{unknown:?}"
    );
    let near = record(&site, &["--connection", "hk", "-o", "hq.frames"]);
    assert!(said(&near).contains("hq"), "{near:?}");
    assert!(!site.path("hq.frames").exists());
}

#[test]
fn a_recording_that_cannot_be_played_says_why() {
    let site = site();
    let header =
        r#"{"watchpost":"frames","version":1,"vendor":"een","recorded":"2026-06-11T09:00:00Z","by":"watchpost 0.1.0"}"#;
    site.write("damaged.frames", &format!("{header}\n{{\"at\":1,\"what\":\"call\"}}\n"));
    site.write("newer.frames", &header.replace("\"version\":1", "\"version\":2"));
    site.write("other.frames", &format!("{header}\n"));
    site.write("no.frames", "[[connection]]\n");
    let call = |path: &str, answer: &str| {
        format!("{header}\n{{\"at\":1,\"what\":\"call\",\"method\":\"GET\",\"path\":{path:?},{answer}}}\n")
    };
    site.write("status.frames", &call("/", "\"status\":100"));
    site.write("header.frames", &call("/", r#""status":200,"answer":[["a b","c"]]"#));
    site.write("path.frames", &call("/p\"\n[[sink]]\n", "\"status\":200"));
    site.write("large.frames", &format!("{header}\n"));
    std::fs::File::options().write(true).open(site.path("large.frames")).unwrap().set_len((1 << 30) + 1).unwrap();
    for (file, words) in [
        ("damaged.frames", "damaged: line 2"),
        ("newer.frames", "version 2"),
        ("other.frames", "watchpost simulate een --replay"),
        ("no.frames", "no recording"),
        ("absent.frames", "cannot read"),
        ("status.frames", "damaged: line 2: 100 is no status"),
        ("header.frames", "is no header"),
        ("path.frames", "is no path"),
        ("large.frames", "leave out lines"),
    ] {
        let output =
            site.command(&["simulate", "milestone", "--replay", file, "--listen", "127.0.0.1:0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{file}");
        assert!(said(&output).contains(words), "{file}: {output:?}");
    }
    let speed = site.command(&["simulate", "milestone", "--speed", "2"]).output().unwrap();
    assert_eq!(speed.status.code(), Some(2), "a speed is of a replay");
}

#[test]
fn a_recording_leaves_the_data_folder_free_for_a_watchpost_that_starts_meanwhile() {
    let site = site();
    let mut recording = site.spawn(&["record", "--connection", "hq", "-o", "hq.frames"], "");
    let online = |count: usize| site.read("stderr").matches("hq: online").count() >= count;
    eventually("the recording is online", || online(1));
    let mut run = site.spawn(&["run"], "info");
    site.wait_online("events.jsonl");
    for process in [&mut run, &mut recording] {
        process.signal("TERM");
        assert_eq!(process.wait().code(), Some(0), "{}", site.read("stderr"));
    }
}

#[test]
fn a_recording_that_is_large_enough_ends_in_good_order() {
    let site = site();
    let output = record(&site, &["--connection", "hq", "-o", "hq.frames", "--max-size", "2KiB", "--for", "60s"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(said(&output).contains("--max-size"), "{output:?}");
    assert!(site.read("hq.frames").ends_with('\n'));
    let wrong = record(&site, &["--connection", "hq", "-o", "b.frames", "--max-size", "much"]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}
