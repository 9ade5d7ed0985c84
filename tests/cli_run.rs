//! `watchpost run`: the real program beside a simulated system.
#![cfg(all(unix, feature = "simulator"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use cli_support::{PASSWORD, PASSWORD_IN_FORM, Site, TOKEN, Watchpost, eventually, finish};
use serde_json::Value;
use watchpost::simulator::milestone::DropHow;

/// Two sinks. Nothing is asked over HTTP here, and programs side by side would want the same port.
const SINKS: &str = "[[sink]]\nname = \"screen\"\nkind = \"stdout\"\n\
                     [[sink]]\nname = \"file\"\nkind = \"file\"\npath = \"events.jsonl\"\n\
                     [engine]\nlisten = \"off\"\n";

/// The ids of the vendor's events, in order.
fn vendor_ids(events: &[Value]) -> Vec<String> {
    let of_vendor = events.iter().filter(|event| event["origin"] != "engine");
    of_vendor.map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn assert_cloud_event(event: &Value) {
    let members = event.as_object().unwrap();
    for required in
        ["specversion", "id", "source", "type", "connection", "vendor", "origin", "sequence", "recordedtime"]
    {
        assert!(members[required].as_str().is_some_and(|text| !text.is_empty()), "{required} in {event}");
    }
    assert_eq!(members["specversion"], "1.0");
    for name in members.keys() {
        // CloudEvents 1.0: names of attributes are lower-case letters and digits.
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
    }
    for time in ["time", "recordedtime"] {
        members[time].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
}

#[test]
fn every_event_reaches_every_sink_in_order_and_sigterm_drains_and_exits_with_0() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS));
    let mut program = site.spawn(&["run"], "info");
    site.wait_online("events.jsonl");
    site.simulator.emit(300);
    // A break in between, across which the session is resumed.
    eventually("the first events", || vendor_ids(&site.events("events.jsonl")).len() >= 300);
    site.simulator.drop_sockets(DropHow::Reset);
    site.simulator.emit(200);
    eventually("all events", || vendor_ids(&site.events("events.jsonl")).len() >= 500);
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0), "{}", site.read("stderr"));

    let file = site.events("events.jsonl");
    assert_eq!(file, site.events("stdout"), "both sinks tell the same");
    let emitted: Vec<_> = site.simulator.ledger().events.iter().map(|event| format!("hq:{}", event.id)).collect();
    assert_eq!(vendor_ids(&file), emitted);
    file.iter().for_each(assert_cloud_event);
    let sequences: Vec<_> = file.iter().map(|event| event["sequence"].as_str().unwrap()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b));
    let last = file.last().unwrap();
    assert_eq!(last["data"]["new"], "stopped", "what is stored while it ends is delivered too");
    assert!(!file.iter().any(|event| event["type"] == "gap"), "the break was short");
    if cfg!(feature = "sqlite") {
        assert!(site.path("watchpost-data/journal.db").exists(), "what was stored outlives the program");
    } else {
        assert!(site.read("stderr").contains("in memory only"));
    }
}

#[test]
fn neither_password_nor_token_is_shown_even_where_everything_is_logged() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS));
    let mut program = site.spawn(&["run", "--log-format", "json"], "trace");
    site.wait_online("events.jsonl");
    site.simulator.emit(10);
    eventually("the events", || vendor_ids(&site.events("events.jsonl")).len() >= 10);
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(0));

    let log = site.read("stderr");
    assert!(log.lines().count() > 20);
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string());
    }
    assert!(log.contains("Logged in."));
    for text in [&log, &site.read("stdout"), &site.read("events.jsonl")] {
        for secret in [PASSWORD, PASSWORD_IN_FORM, TOKEN] {
            let place = text.find(secret).map(|at| &text[at.saturating_sub(300)..at]);
            assert_eq!(place, None, "{secret} is shown behind this");
        }
    }
}

/// Starts the program, reads one line of its standard output, and goes away.
fn read_one_line(site: &Site) -> Watchpost {
    let mut command = site.command(&["run"]);
    let mut program = Watchpost(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut reader = BufReader::new(program.0.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"specversion\""), "{line}");
    program
}

#[test]
fn a_reader_of_stdout_that_has_had_enough_ends_a_program_without_another_sink() {
    let site = Site::start();
    site.write(
        "watchpost.toml",
        &(site.connection("hq", "\"*\"")
            + "[engine]\nlisten = \"off\"\n[[sink]]\nname = \"screen\"\nkind = \"stdout\"\n"),
    );
    let mut program = read_one_line(&site);
    site.simulator.emit(10);
    assert_eq!(program.wait().code(), Some(0));
    let stderr = std::io::read_to_string(program.0.stderr.take().unwrap()).unwrap();
    assert!(!stderr.contains("panicked") && !stderr.contains("ERROR"), "{stderr}");
}

#[test]
fn a_reader_of_stdout_that_has_had_enough_leaves_the_other_sinks_at_work() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS));
    let mut program = read_one_line(&site);
    site.wait_online("events.jsonl");
    for count in [10, 20] {
        site.simulator.emit(10);
        eventually("the file has them", || vendor_ids(&site.events("events.jsonl")).len() >= count);
    }
    program.signal("TERM");
    assert_eq!(program.wait().code(), Some(0));
    let stderr = std::io::read_to_string(program.0.stderr.take().unwrap()).unwrap();
    assert_eq!(stderr.matches("Nobody reads this sink").count(), 1, "{stderr}");
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one_signal() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS));
    let mut program = site.spawn(&["run"], "info");
    site.wait_online("events.jsonl");
    program.signal("TERM");
    program.signal("INT");
    assert_eq!(program.wait().code(), Some(0), "{}", site.read("stderr"));
    assert_eq!(site.events("events.jsonl").last().unwrap()["data"]["new"], "stopped");
}

#[test]
fn a_pipe_that_nobody_reads_holds_up_neither_the_start_nor_a_signal() {
    let site = Site::start();
    assert!(Command::new("mkfifo").arg(site.path("pipe")).status().unwrap().success());
    let pipe = "[[sink]]\nname = \"pipe\"\nkind = \"file\"\npath = \"pipe\"\n";
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS + pipe));
    let mut program = site.spawn(&["run"], "info");
    site.wait_online("events.jsonl");
    program.signal("TERM");
    let (code, log) = (program.wait().code(), site.read("stderr"));
    if cfg!(feature = "sqlite") {
        assert_eq!(code, Some(0), "what the pipe should have had is delivered after the next start: {log}");
        assert!(log.contains("it delivers after the next start. sink=\"pipe\""), "{log}");
    } else {
        assert_eq!(code, Some(1), "what the pipe should have had was given up: {log}");
        assert!(log.contains("sink=\"pipe\""), "{log}");
    }
}

#[test]
fn a_certificate_file_without_a_certificate_is_refused_by_check_and_run_alike() {
    let site = Site::start();
    site.write("ca.pem", "nothing\n");
    let connection = site.connection("hq", "\"*\"");
    let tls = "tls = { ca_file = \"ca.pem\" }\n";
    let hook = "[[sink]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://x\"\n";
    for (config, name) in [(connection.clone() + tls + SINKS, "\"hq\""), (connection + SINKS + hook + tls, "\"hook\"")]
    {
        site.write("watchpost.toml", &config);
        for command in ["check", "run"] {
            let (code, _, stderr) = finish(site.command(&[command]));
            assert_eq!(code, Some(2), "{command}: {stderr}");
            assert!(stderr.contains(name) && stderr.contains("ca.pem"), "{command}: {stderr}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_sink_on_a_full_disk_is_told_once_and_the_others_go_on() {
    let site = Site::start();
    let full = "[[sink]]\nname = \"full\"\nkind = \"file\"\npath = \"/dev/full\"\n";
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS + full));
    let mut program = site.spawn(&["run"], "info");
    site.wait_online("events.jsonl");
    for count in [10, 20] {
        site.simulator.emit(10);
        eventually("the other sink goes on", || vendor_ids(&site.events("events.jsonl")).len() >= count);
    }
    eventually("the full disk is told", || site.read("stderr").contains("The sink cannot deliver"));
    program.signal("TERM");
    let (code, log) = (program.wait().code(), site.read("stderr"));
    // What is stored is delivered after the next start; what is in memory is lost.
    assert_eq!(code, Some(i32::from(cfg!(not(feature = "sqlite")))), "{log}");
    assert_eq!(log.matches("The sink cannot deliver").count(), 1, "{log}");
    assert!(log.contains("No space left on device"), "{log}");
}

#[test]
fn a_second_signal_ends_at_once_with_1() {
    let site = Site::start();
    assert!(Command::new("mkfifo").arg(site.path("pipe")).status().unwrap().success());
    let pipe = "[[sink]]\nname = \"pipe\"\nkind = \"file\"\npath = \"pipe\"\n";
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS + pipe));
    let mut program = site.spawn(&["run"], "info");
    site.wait_online("events.jsonl");
    program.signal("TERM");
    eventually("the signal is heard", || site.read("stderr").contains("Ending"));
    // One that comes within a second of the first is the same.
    let mut status = None;
    eventually("a later signal ends it", || {
        program.signal("TERM");
        status = program.0.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(1));
    assert!(!site.read("stderr").contains("after the next start"), "it ended before its deadline");
}

#[test]
fn a_configuration_with_mistakes_does_not_start_and_exits_with_2() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + "[[sink]]\nname = \"x\"\nkind = \"flie\"\n"));
    let (code, stdout, stderr) = finish(site.command(&["run"]));
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    assert!(stderr.contains("flie") && stderr.contains("file"), "{stderr}");
    let (code, _, stderr) = finish(site.command(&["run", "--config", "absent.toml"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("absent.toml") && stderr.contains("hint:"), "{stderr}");
    assert!(site.simulator.counters().logins.is_empty());
}

#[test]
fn a_file_that_cannot_be_written_is_named_before_anything_is_watched() {
    let site = Site::start();
    let sink = "[engine]\nlisten = \"off\"\n[[sink]]\nname = \"lost\"\nkind = \"file\"\npath = \"no/such/folder/events.jsonl\"\n";
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + sink));
    let (code, _, stderr) = finish(site.command(&["check"]));
    assert_eq!(code, Some(2), "{stderr}");
    let (code, _, stderr) = finish(site.command(&["run"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("\"lost\"") && stderr.contains("folder"), "{stderr}");
    assert!(site.simulator.counters().logins.is_empty());
}

/// What Linux says of the descriptors that a process may have: soft limit and hard limit.
#[cfg(target_os = "linux")]
fn descriptors(program: &Watchpost) -> Vec<u64> {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.0.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn it_takes_as_many_descriptors_as_the_system_allows_and_warns_where_they_are_too_few() {
    let warning = "too few descriptors for all of its connections";
    for (hard, warned) in [(512, false), (64, true)] {
        let site = Site::start();
        site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINKS));
        let file = |name: &str| std::fs::File::create(site.path(name)).unwrap();
        let mut command = Command::new("prlimit");
        command.arg(format!("--nofile=64:{hard}")).arg(env!("CARGO_BIN_EXE_watchpost")).arg("run");
        command.current_dir(site.folder.path()).env("SITE_PASSWORD", PASSWORD).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let mut program = Watchpost(command.spawn().unwrap());
        site.wait_online("events.jsonl");
        assert_eq!(descriptors(&program), [hard, hard]);
        assert_eq!(site.read("stderr").contains(warning), warned, "{}", site.read("stderr"));
        program.signal("TERM");
        assert_eq!(program.wait().code(), Some(0), "{}", site.read("stderr"));
    }
}
