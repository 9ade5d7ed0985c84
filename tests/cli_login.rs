//! `watchpost login een`: the real program, and a simulated cloud that sends codes.
#![cfg(all(unix, feature = "simulator", feature = "sqlite"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::{fs, os::unix::fs::PermissionsExt as _};

use cli_support::{
    PASSWORD,
    cloud::{CODE, Cloud, USER, two_factor},
};
use watchpost::{
    journal::{DataDir, SqliteJournal},
    simulator::een::{Fault, FaultKind, Options, Refusal},
};

const LOGIN: [&str; 2] = ["login", "een"];

/// What a run has kept for the user.
fn kept(cloud: &Cloud) -> Option<String> {
    let note = format!("een tfa_key of {USER} at {}", cloud.simulator.url());
    SqliteJournal::note_beside(&cloud.folder.path().join("watchpost-data"), &note).unwrap()
}

#[test]
fn a_typed_code_makes_the_machine_known_and_no_other_login_needs_one() {
    let cloud = Cloud::with(two_factor(), "accounts = \"all\"");
    let (code, stdout, stderr) = cloud.run(&["check", "--connect"]);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stdout.contains("watchpost login een"), "{stdout}");

    let (code, stdout, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n{CODE}\n"));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    for part in ["1  sms    *** *** 779", "2  email  ***********@gmail.com", "sent by sms", USER, "knows this machine"]
    {
        assert!(stdout.contains(part), "{part} in:\n{stdout}");
    }
    let key = kept(&cloud).unwrap();
    for secret in [key.as_str(), PASSWORD, "c001~"] {
        assert!(!stdout.contains(secret), "{stdout}");
    }
    assert!(cloud.simulator.sessions().is_empty(), "no session is left behind");

    let (code, stdout, stderr) = cloud.run(&["check", "--connect"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("two-factor authentication is on, and Eagle Eye knows this machine"), "{stdout}");
    let calls = cloud.simulator.calls();
    let last = calls.iter().rfind(|call| call.endpoint == "authenticate").unwrap();
    assert_eq!(last.tfa_key.as_deref(), Some(key.as_str()));
    assert_eq!(cloud.tried("two_factor"), 1, "one code was sent in all");
}

#[test]
fn what_is_kept_belongs_to_its_owner_alone() {
    let cloud = Cloud::with(two_factor(), "");
    let (code, stdout, stderr) = cloud.run_typing(&LOGIN, &format!("2\n{CODE}\n"));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let folder = cloud.folder.path().join("watchpost-data");
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    for file in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn no_secret_is_told_however_much_is_logged() {
    let cloud = Cloud::with(two_factor(), "");
    fs::write(cloud.folder.path().join("lines"), format!("email\n{CODE}\n")).unwrap();
    let mut command = cloud.command(&LOGIN);
    command.env("RUST_LOG", "trace").stdin(fs::File::open(cloud.folder.path().join("lines")).unwrap());
    let (code, stdout, stderr) = cli_support::finish(command);
    assert_eq!(code, Some(0), "{stdout}");
    let key = kept(&cloud).unwrap();
    // Four digits are in many a time and port; in a request they stand in quotes.
    let code = format!("{CODE}\"");
    for secret in [key.as_str(), PASSWORD, &code, "c001~"] {
        assert!(!stdout.contains(secret) && !stderr.contains(secret), "{secret} in:\n{stdout}\n{stderr}");
    }
}

#[test]
fn the_only_way_to_send_a_code_is_not_asked_for() {
    let cloud = Cloud::with(Options { faults: vec![Fault::TwoFactorNoSms], ..two_factor() }, "");
    let (code, stdout, stderr) = cloud.run_typing(&LOGIN, &format!("{CODE}\n"));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("sent by email to ***********@gmail.com") && !stdout.contains("Which?"), "{stdout}");
    let (code, _, stderr) = cloud.run_typing(&["login", "een", "--by", "sms"], &format!("{CODE}\n"));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("can be sent no code by sms"), "{stderr}");
    assert_eq!(cloud.tried("two_factor"), 1);
}

#[test]
fn a_user_without_two_factor_authentication_is_told_that_nothing_has_to_be_done() {
    let cloud = Cloud::with(Options::default(), "");
    let (code, stdout, stderr) = cloud.run(&LOGIN);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.contains(&format!("Two-factor authentication is not needed for user \"{USER}\"")), "{stdout}");
    assert_eq!(kept(&cloud), None);
    assert!(cloud.simulator.sessions().is_empty());
}

#[test]
fn a_wrong_code_is_asked_for_twice_more_and_what_is_no_code_costs_nothing() {
    let cloud = Cloud::with(two_factor(), "");
    let lines = format!("fax\nsms\n12\n0000\nabcd\n\n0001\n{CODE}\n");
    let (code, stdout, stderr) = cloud.run_typing(&LOGIN, &lines);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(stdout.matches("That code was wrong.").count(), 2, "{stdout}");
    assert_eq!(stdout.matches("A code has four digits.").count(), 3, "{stdout}");
    assert_eq!(stdout.matches("Please type the number or the word.").count(), 1, "{stdout}");
    assert_eq!(cloud.tried("authorize"), 3);
    assert!(kept(&cloud).is_some());
}

#[test]
fn a_fourth_wrong_code_is_never_tried_in_this_run_or_the_next() {
    let cloud = Cloud::with(two_factor(), "");
    let (code, stdout, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n0000\n0001\n0002\n{CODE}\n"));
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stderr.contains("the code was wrong"), "{stdout}{stderr}");
    assert_eq!((cloud.tried("authorize"), cloud.tried("two_factor")), (3, 1));
    // The next run does not even have a code sent.
    let (code, _, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n{CODE}\n"));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("3 codes were tried in vain") && stderr.contains("--insist"), "{stderr}");
    assert_eq!((cloud.tried("authorize"), cloud.tried("two_factor")), (3, 1));
    // A person who has made sure may try one more, and if it is right all is forgotten.
    let (code, _, stderr) = cloud.run_typing(&["login", "een", "--insist"], &format!("sms\n{CODE}\n"));
    assert_eq!(code, Some(0), "{stderr}");
    let (code, _, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n0000\n{CODE}\n"));
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn wrong_codes_of_several_runs_count_together() {
    let cloud = Cloud::with(two_factor(), "");
    let (code, _, stderr) = cloud.run_typing(&LOGIN, "sms\n0000\n0001\n");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("nobody has typed the code"), "{stderr}");
    let (code, _, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n0002\n{CODE}\n"));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("3 codes were tried in vain"), "{stderr}");
    assert_eq!(cloud.tried("authorize"), 3);
}

#[test]
fn a_locked_user_is_told_who_can_help() {
    let cloud = Cloud::with(two_factor(), "");
    cloud.simulator.inject(Fault::Authorize(Refusal { status: 429, count: None }));
    let (code, _, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n{CODE}\n{CODE}\n"));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("locked") && stderr.contains("support"), "{stderr}");
    assert_eq!(cloud.tried("authorize"), 1);
}

#[test]
fn without_a_person_no_code_is_sent() {
    let cloud = Cloud::with(two_factor(), "");
    let (code, stdout, stderr) = cloud.run(&LOGIN);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stderr.contains("nobody has said how"), "{stderr}");
    assert_eq!(cloud.tried("two_factor"), 0);
    assert_eq!(kept(&cloud), None);
}

#[test]
fn a_wrong_password_is_tried_once_and_never_shown() {
    let cloud = Cloud::with(two_factor(), "");
    let wrong = "wr0ng-and-secret";
    let mut command = cloud.command(&LOGIN);
    command.env("EEN_PASSWORD", wrong).env("RUST_LOG", "trace");
    let (code, stdout, stderr) = cli_support::finish(command);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("wrong user name or password"), "{stderr}");
    assert!(!stdout.contains(wrong) && !stderr.contains(wrong));
    assert_eq!(cloud.tried("authenticate"), 1);
}

#[test]
fn a_folder_that_a_running_watchpost_has_is_left_alone_and_nobody_is_asked() {
    let cloud = Cloud::with(two_factor(), "");
    let _taken = DataDir::open(cloud.folder.path().join("watchpost-data")).unwrap();
    let (code, _, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n{CODE}\n"));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("in use by process") && stderr.contains("stop that one first"), "{stderr}");
    assert_eq!(cloud.tried("authenticate"), 0);
}

#[test]
fn a_refusal_for_want_of_a_code_is_forgotten_with_the_code() {
    let cloud = Cloud::with(two_factor(), "accounts = \"all\"");
    // A run that is refused remembers it, for the password is the same at the next start.
    let halted = |cloud: &Cloud| {
        let folder = cloud.folder.path().join("watchpost-data");
        let note = format!("refused een {USER} at {}/", cloud.simulator.url());
        SqliteJournal::note_beside(&folder, &note).ok().flatten().is_some()
    };
    let spawn = || cli_support::Watchpost(cloud.command(&["run"]).stdout(std::process::Stdio::null()).spawn().unwrap());
    let mut running = spawn();
    cli_support::eventually("the refusal is kept", || halted(&cloud));
    running.signal("TERM");
    assert_eq!(running.wait().code(), Some(0));
    let (code, _, stderr) = cloud.run_typing(&LOGIN, &format!("sms\n{CODE}\n"));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(!halted(&cloud));
    let mut running = spawn();
    cli_support::eventually("all accounts are followed", || cloud.simulator.counters().sockets_open == 3);
    running.signal("TERM");
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn the_connection_may_be_left_out_where_there_is_one_user() {
    let cloud = Cloud::start(Options::default());
    let two = cloud.connection("stores", "accounts = \"all\"") + &cloud.connection("own", "");
    cloud.configure(&two);
    let (code, stdout, stderr) = cloud.run(&LOGIN);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    cloud.configure(&(two + &cloud.connection("other", "").replace(USER, "other@example.com")));
    let (code, _, stderr) = cloud.run(&LOGIN);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("stores, own, other"), "{stderr}");
    let (code, _, stderr) = cloud.run(&["login", "een", "stors"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean \"stores\"?"), "{stderr}");
    let (code, stdout, stderr) = cloud.run(&["login", "een", "own"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(cloud.simulator.counters().logins(), 2);
}

#[test]
fn a_connection_of_another_vendor_has_no_such_step() {
    let site = cli_support::Site::start();
    site.write("watchpost.toml", &site.connection("hq", "\"*\""));
    for (arguments, part) in [
        (&["login", "een"][..], "no connection of vendor \"een\""),
        (&["login", "een", "hq"], "of vendor \"milestone\""),
    ] {
        let (code, _, stderr) = cli_support::finish(site.command(arguments));
        assert_eq!(code, Some(2));
        assert!(stderr.contains(part), "{stderr}");
    }
    assert!(!site.path("watchpost-data").exists());
}

#[test]
fn a_way_that_is_refused_is_told_with_the_other() {
    let cloud = Cloud::with(two_factor(), "");
    cloud.simulator.inject(Fault::SendCode(Refusal { status: 412, count: Some(1) }));
    let (code, _, stderr) = cloud.run_typing(&LOGIN, "sms\n");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("choose the other one"), "{stderr}");
    cloud.simulator.clear(FaultKind::SendCode);
}

#[test]
fn the_command_explains_itself_and_says_what_is_wrong_with_its_use() {
    for arguments in [&["login", "--help"][..], &["login", "een", "--help"]] {
        let (code, stdout, _) = cli_support::finish(cli_support::program(arguments));
        assert_eq!(code, Some(0));
        assert!(stdout.contains("Examples:") && stdout.contains("watchpost login een"), "{stdout}");
    }
    for (arguments, part) in [(&["login"][..], "een"), (&["login", "een", "--by", "pigeon"], "pigeon")] {
        let (code, stdout, stderr) = cli_support::finish(cli_support::program(arguments));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(stderr.contains(part), "{arguments:?}: {stderr}");
    }
}
