//! `watchpost demo`: the real program in a pipe.
#![cfg(all(unix, feature = "simulator"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use cli_support::{Watchpost, finish, program};

/// The number behind a line of the summary.
fn number(stdout: &str, what: &str) -> u64 {
    let line = stdout.lines().find_map(|line| line.trim().strip_prefix(what)).unwrap_or_else(|| panic!("{stdout}"));
    line.trim().parse().unwrap_or_else(|_| panic!("{what}: {line}"))
}

#[test]
fn a_short_demo_shows_resumed_sessions_and_a_gap_and_loses_nothing_in_silence() {
    let (code, stdout, stderr) = finish(program(&["demo", "--for", "15s", "--rate", "40"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(stderr, "");
    assert_eq!(number(&stdout, "lost silently"), 0);
    assert_eq!(number(&stdout, "states different"), 0);
    assert!(number(&stdout, "states equal") > 0);
    assert!(number(&stdout, "sessions resumed") >= 1);
    assert!(number(&stdout, "repeats left out") >= 1);
    let gaps = number(&stdout, "gaps");
    assert!(gaps >= 1);
    let [sent, received, in_gaps] =
        ["events sent", "received", "in gaps that were told"].map(|what| number(&stdout, what));
    assert_eq!(sent, received + in_gaps);
    assert!(received > 100, "{received}");

    // The lines before the summary say the same.
    let count = |part: &str| stdout.lines().filter(|line| line.contains(part)).count() as u64;
    assert_eq!(count(" ** gap: "), gaps);
    let of_gateway = |what: &str| count(&format!(" hq ** engine.connection: {what}"));
    assert!(of_gateway("connecting -> online") == 1 && of_gateway("online -> delayed") >= 2);
    assert!(count(" stores ** engine.connection: connecting -> online") == 1 && count("-- the cloud: ") >= 1);

    // A day in the house: what is pushed, what only a poll tells, and what was read out of the history after a break.
    let of_house = |what: &str| count(&format!(" home {what}"));
    assert!(
        of_house("** engine.connection: connecting -> online") == 1
            && of_house("** engine.connection: online -> ") >= 1
    );
    for (item, state, origin) in [
        ("Front Door Lock", "lock unlocked", ""),
        ("Front Door", "contact open", "  (snapshot)"),
        ("1234 Main Street", "alarm exit_delay_away", ""),
        ("1234 Main Street", "alarm armed_away", ""),
        ("1234 Main Street", "alarm entry_delay", "  (backfill)"),
        ("1234 Main Street", "alarm off", "  (backfill)"),
        ("1234 Main Street", "power battery", ""),
    ] {
        let is_it =
            |line: &&str| line.contains(&format!(" home {item} ")) && line.ends_with(&format!("{state}{origin}"));
        assert!(stdout.lines().any(|line| is_it(&line)), "{item} {state}{origin}\n{stdout}");
    }
    assert!(count("-- the house: System Armed (Away) by Keypad") == 1);
    assert!(number(&stdout, "house: events told") >= 9);
    assert_eq!(number(&stdout, "house: recovered from history"), 3, "{stdout}");
    assert_eq!(number(&stdout, "house: changes found by polls"), 2, "{stdout}");
    for what in ["house: events missing or twice", "house: gaps", "house: states different"] {
        assert_eq!(number(&stdout, what), 0, "{stdout}");
    }
    assert!(number(&stdout, "house: states equal") > 20);

    // A yard of which nothing is pushed: what polls find, what comes too late for them, and a camera that goes and comes back.
    let of_yard = |what: &str| count(&format!(" yard {what}"));
    assert_eq!(of_yard("** engine.connection: "), 1, "nothing breaks there\n{stdout}");
    for (item, kind, rest) in [
        ("Gate", "vxg.motion", ""),
        ("Loading Yard", "vxg.object_and_scene_detection", ""),
        ("North Fence", "vxg.linecross", ""),
        ("Loading Yard", "vxg.motion", "(backfill)"),
        ("North Fence", "connection.lost", "connection offline"),
        ("North Fence", "connection.restored", "connection online"),
        ("Gate", "vxg.motion.updated", ""),
    ] {
        let is_it = |line: &str| {
            line.contains(&format!(" yard {item} ")) && line.contains(&format!(" {kind} ")) && line.ends_with(rest)
                || line.contains(&format!(" yard {item} ")) && rest.is_empty() && line.ends_with(kind)
        };
        assert!(stdout.lines().any(is_it), "{item} {kind} {rest}\n{stdout}");
    }
    assert!(number(&stdout, "yard: events told") >= 5);
    assert_eq!(number(&stdout, "yard: late ones found"), 1, "{stdout}");
    assert_eq!(number(&stdout, "yard: states equal"), 3);
    for what in ["yard: events missing or twice", "yard: gaps", "yard: states different"] {
        assert_eq!(number(&stdout, what), 0, "{stdout}");
    }
    assert!(count("the simulator resumes the session") >= 1);
    assert!(count("motion.started") > 10);
    assert!(!stdout.contains('\x1b'), "no steering of terminals in a pipe");
}

#[test]
fn a_signal_ends_a_demo_with_its_summary() {
    let mut command = program(&["demo", "--items", "4"]);
    let mut demo = Watchpost(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut out = BufReader::new(demo.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("-> online") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended too early");
    }
    demo.signal("INT");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(demo.wait().code(), Some(0), "{rest}");
    assert_eq!(number(&rest, "lost silently"), 0);
}

#[test]
fn a_reader_that_has_had_enough_ends_a_demo_quietly() {
    let mut command = program(&["demo"]);
    let mut demo = Watchpost(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut out = BufReader::new(demo.0.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    drop(out);
    assert_eq!(demo.wait().code(), Some(0));
    assert_eq!(std::io::read_to_string(demo.0.stderr.take().unwrap()).unwrap(), "");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = finish(program(&["demo", "--listen", &address, "--for", "10s"]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&address) && stderr.contains("--listen"), "{stderr}");
}
