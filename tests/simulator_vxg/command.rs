//! `watchpost simulate vxg`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use watchpost::simulator::vxg::Fault;

use crate::{
    cli_support::{Watchpost, finish, program},
    client::{EVENTS, http},
};

#[test]
fn it_says_what_to_configure_shows_what_happens_and_ends_at_a_signal_with_0() {
    let arguments = ["--listen", "127.0.0.1:0", "--rate", "200", "--cameras", "3", "--clock-behind", "1h"];
    let mut command = program(&[&["simulate", "vxg"][..], &arguments].concat());
    let mut simulator = Watchpost(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(simulator.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let head: Vec<String> = lines.by_ref().take(11).collect();
    let url = head[0].strip_prefix("VXG simulator on ").and_then(|rest| rest.split(';').next()).unwrap().to_owned();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    let config: toml::Table = head[2..7].join("\n").parse().unwrap();
    let connection = &config["connection"][0];
    // Which scheme it is, each of the tokens below tells.
    assert_eq!((connection["vendor"].as_str(), connection.get("scheme")), (Some("vxg"), None));
    assert_eq!(connection["url"].as_str(), Some(url.as_str()));
    for (line, scheme) in [(8, "SI"), (9, "Acc"), (10, "LKey")] {
        let token = head[line].split('\'').nth(1).unwrap();
        assert!(head[line].starts_with(scheme));
        let authorization = format!("{scheme} {token}");
        assert_eq!(http(address, "GET", EVENTS, &[("Authorization", &authorization)], "").status, 200, "{scheme}");
    }
    for words in [", motion (", ", object_and_scene_detection (", ", is now inactive (no event)"] {
        lines.by_ref().find(|line| line.contains(words)).expect(words);
    }
    simulator.signal("TERM");
    assert_eq!(simulator.wait().code(), Some(0));
}

#[test]
fn its_help_names_every_fault_and_wrong_usage_exits_with_2() {
    let (code, help, _) = finish(program(&["simulate", "vxg", "--help"]));
    assert_eq!(code, Some(0));
    for fault in Fault::all() {
        assert!(help.contains(&format!("\n  {}", fault.name)), "{}", fault.name);
    }
    for (arguments, part) in [
        (&["--fault", "rian"][..], "watchpost simulate vxg --help"),
        (&["--fault", "events=200"], "from 400 to 599"),
        (&["--fault", "cut=0"], "or `all`"),
        (&["--cameras", "0"], "--cameras"),
        (&["--rate", "fast"], "--rate"),
        (&["--clock-ahead", "1s", "--clock-behind", "1s"], "--clock-behind"),
    ] {
        let (code, stdout, stderr) = finish(program(&[&["simulate", "vxg"][..], arguments].concat()));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}
