//! `watchpost simulate simplisafe`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::json;
use watchpost::simulator::simplisafe::Fault;

use crate::{
    cli_support::{Watchpost, finish, program},
    client::{CLIENT_ID, http},
};

#[test]
fn it_says_what_to_configure_shows_what_happens_and_ends_at_a_signal_with_0() {
    let arguments = ["--listen", "127.0.0.1:0", "--rate", "200", "--systems", "3", "--exit-delay", "1s"];
    let mut command = program(&[&["simulate", "simplisafe"][..], &arguments].concat());
    let mut simulator = Watchpost(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(simulator.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let head: Vec<String> = lines.by_ref().take(11).collect();
    let url =
        head[0].strip_prefix("SimpliSafe simulator on ").and_then(|rest| rest.split(';').next()).unwrap().to_owned();
    let address = url.strip_prefix("http://").unwrap().parse().unwrap();
    for line in
        [format!("auth_url = {url:?}"), format!("api_url = {url:?}"), format!("socket_url = \"ws://{address}\"")]
    {
        assert!(head.contains(&line), "{line} in {head:?}");
    }
    let config: toml::Table = head[2..9].join("\n").parse().unwrap();
    assert_eq!(config["connection"][0]["vendor"].as_str(), Some("simplisafe"));
    let token = head[10].split('\'').nth(1).unwrap();
    let body = json!({ "grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": token }).to_string();
    let answer = http(address, "POST", "/oauth/token", &[("Content-Type", "application/json")], &body);
    assert_eq!(answer.status, 200);
    for words in ["Camera Detected Motion (1170)", " opened (not pushed)", " Unlocked (9700)"] {
        lines.by_ref().find(|line| line.ends_with(words)).expect(words);
    }
    simulator.signal("TERM");
    assert_eq!(simulator.wait().code(), Some(0));
}

#[test]
fn its_help_names_every_fault_and_wrong_usage_exits_with_2() {
    let (code, help, _) = finish(program(&["simulate", "simplisafe", "--help"]));
    assert_eq!(code, Some(0));
    for fault in Fault::all() {
        assert!(help.contains(&format!("\n  {}", fault.name)), "{}", fault.name);
    }
    for (arguments, part) in [
        (&["--fault", "rian"][..], "watchpost simulate simplisafe --help"),
        (&["--fault", "token=200"], "from 400 to 599"),
        (&["--systems", "0"], "--systems"),
        (&["--rate", "fast"], "--rate"),
    ] {
        let (code, stdout, stderr) = finish(program(&[&["simulate", "simplisafe"][..], arguments].concat()));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}
