//! The command line itself.
#![cfg(all(unix, feature = "simulator"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use cli_support::{Watchpost, finish, program};

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_wrong() {
    for (arguments, part) in [
        (&["rnu"][..], "'rnu'"),
        (&["run", "--confg", "x"], "--config"),
        (&["check", "--log-format", "xml"], "json"),
        (&["demo", "--for", "soon"], "soon"),
        (&["simulate", "milestone", "--fault", "rian"], "rian"),
        (&["simulate", "milestone", "--items", "0"], "--items"),
        (&["simulate", "simplisafe", "--systems", "0"], "--systems"),
        (&["simulate", "vxg", "--cameras", "0"], "--cameras"),
        (&[], "Usage"),
    ] {
        let (code, stdout, stderr) = finish(program(arguments));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
    let mut command = program(&["check"]);
    command.env("RUST_LOG", "watchpost=loud");
    let (code, _, stderr) = finish(command);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("RUST_LOG"), "{stderr}");
}

#[test]
fn every_command_explains_itself_with_an_example() {
    for command in ["run", "check", "demo", "media", "vxg", "simulate", "completions"] {
        let (code, stdout, _) = finish(program(&[command, "--help"]));
        assert_eq!(code, Some(0));
        assert!(stdout.contains("Examples:") && stdout.contains(&format!("watchpost {command}")), "{stdout}");
    }
}

#[test]
fn completions_are_written_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, stdout, _) = finish(program(&["completions", shell]));
        assert_eq!(code, Some(0));
        assert!(stdout.contains("watchpost") && stdout.contains("simulate"), "{shell}");
    }
}

#[test]
fn a_simulator_says_where_it_is_and_ends_at_a_signal_with_0() {
    let mut command = program(&["simulate", "milestone", "--listen", "127.0.0.1:0", "--fault", "slow-state=1s"]);
    let mut simulator = Watchpost(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(simulator.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    std::net::TcpStream::connect(address).unwrap();
    simulator.signal("TERM");
    assert_eq!(simulator.wait().code(), Some(0));
}
