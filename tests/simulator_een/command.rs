//! `watchpost simulate een`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use serde_json::json;
use watchpost::simulator::een::Fault;

use crate::{
    cli_support::{Watchpost, finish, program},
    client::post,
};

#[test]
fn it_says_where_it_is_shows_what_happens_and_ends_at_a_signal_with_0() {
    let arguments =
        ["--listen", "127.0.0.1:0", "--rate", "200", "--legacy-delay", "10ms", "--user", "ops", "--branded"];
    let mut command = program(&[&["simulate", "een"][..], &arguments].concat());
    let mut simulator = Watchpost(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(simulator.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap();
    assert!(first.starts_with("Eagle Eye Networks simulator on http://127.0.0.1:"), "{first}");
    let address = first.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
    let answer = post(address, "/g/aaa/authenticate", &json!({ "username": "ops", "password": "watchpost" }));
    assert_eq!(answer.status, 200);
    let branded = lines.next().unwrap();
    assert!(branded.starts_with("branded host: http://") && !branded.contains(&address.to_string()), "{branded}");
    for words in [" Camera: Recording", " Camera: Internet Offline", " Camera: Off"] {
        lines.by_ref().find(|line| line.ends_with(words)).expect(words);
    }
    simulator.signal("TERM");
    assert_eq!(simulator.wait().code(), Some(0));
}

#[test]
fn its_help_names_every_fault_and_wrong_usage_exits_with_2() {
    let (code, help, _) = finish(program(&["simulate", "een", "--help"]));
    assert_eq!(code, Some(0));
    for fault in Fault::all() {
        assert!(help.contains(&format!("\n  {}", fault.name)), "{}", fault.name);
    }
    for (arguments, part) in [
        (&["--fault", "rian"][..], "watchpost simulate een --help"),
        (&["--fault", "authenticate=200"], "from 400 to 599"),
        (&["--accounts", "0", "--cameras", "0"], "--cameras"),
        (&["--rate", "fast"], "--rate"),
    ] {
        let (code, stdout, stderr) = finish(program(&[&["simulate", "een"][..], arguments].concat()));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}
