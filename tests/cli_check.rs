//! `watchpost check`: the real program, with and without a look at a simulated system.
#![cfg(all(unix, feature = "simulator"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cli_support;

use std::time::Duration;

use cli_support::{PASSWORD, Site, finish};
use watchpost::simulator::milestone::{Fault, Refusal, Status};

const SINK: &str = "[[sink]]\nname = \"screen\"\nkind = \"stdout\"\n";

#[test]
fn a_good_configuration_is_ok_and_nobody_is_asked() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINK));
    let (code, stdout, stderr) = finish(site.command(&["check"]));
    assert_eq!((code, stdout.as_str()), (Some(0), "watchpost.toml: ok (1 connection, 1 sink)\n"), "{stderr}");
    assert_eq!(stderr, "");
    assert!(site.simulator.counters().requests.is_empty());
}

#[test]
fn every_mistake_is_named_with_line_and_hint_and_the_exit_status_is_2() {
    let site = Site::start();
    site.write(
        "site.toml",
        "[[connection]]\nname = \"hq\"\nvendor = \"milstone\"\n\n[[sink]]\nname = \"hq\"\nkind = \"stdout\"\nfiltre = {}\n",
    );
    let (code, stdout, stderr) = finish(site.command(&["check", "--config", "site.toml", "--connect"]));
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
    for part in ["site.toml:3:10:", "milstone", "site.toml:8:1:", "filtre", "filter", "hint:", "2 errors"] {
        assert!(stderr.contains(part), "{part} in:\n{stderr}");
    }
    assert!(!stderr.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn warnings_are_told_and_do_not_fail() {
    let site = Site::start();
    site.write("watchpost.toml", &site.connection("hq", "\"*\""));
    let (code, stdout, stderr) = finish(site.command(&["check"]));
    assert_eq!((code, stdout.as_str()), (Some(0), "watchpost.toml: ok (1 connection, 0 sinks)\n"));
    assert!(stderr.contains("warning") && stderr.contains("[[sink]]"), "{stderr}");
}

#[test]
fn connecting_tells_who_it_is_what_it_sees_and_the_window_that_is_assumed() {
    let site = Site::start();
    let both = site.connection("hq", "\"*\"") + &site.connection("motion", "\"MotionStarted\"") + SINK;
    site.write("watchpost.toml", &both);
    let (code, stdout, stderr) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let outputs = site.simulator.sources("outputs").len();
    for part in [
        "hq: ok".to_owned(),
        "motion: ok".to_owned(),
        format!("basic user \"watchpost\" at {}", site.simulator.url()),
        "XProtect 25.2".to_owned(),
        "cameras 10,".to_owned(),
        format!("outputs {outputs},"),
        "2s, assumed: the server does not say".to_owned(),
    ] {
        assert!(stdout.contains(&part), "{part} in:\n{stdout}");
    }
    let counters = site.simulator.counters();
    assert_eq!(counters.logins.len(), 1, "one login serves both connections");
    assert_eq!(counters.upgrades.len(), 2, "each connection is tried out");
    assert_eq!((counters.commands["startSession"], counters.commands["addSubscription"]), (2, 2));
}

#[test]
fn a_wrong_password_is_tried_once_and_never_shown() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + &site.connection("yard", "\"*\"") + SINK));
    let wrong = "wr0ng-and-secret";
    let mut command = site.command(&["check", "--connect"]);
    command.env("SITE_PASSWORD", wrong).env("RUST_LOG", "trace");
    let (code, stdout, stderr) = finish(command);
    assert_eq!(code, Some(1));
    assert_eq!(stdout.matches("wrong user name or password for \"watchpost\"").count(), 2, "{stdout}");
    assert!(!stdout.contains(wrong) && !stderr.contains(wrong) && !stdout.contains(PASSWORD));
    assert_eq!(site.simulator.counters().logins.len(), 1);
}

#[test]
fn a_server_that_is_away_is_told_as_that() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINK));
    site.simulator.pause_listening();
    let (code, stdout, _) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(1));
    assert!(stdout.contains("hq: failed") && stdout.contains("cannot connect"), "{stdout}");
}

#[test]
fn one_connection_that_fails_does_not_hide_another() {
    let site = Site::start();
    let away = site.connection("away", "\"*\"").replace(&site.simulator.url(), "http://127.0.0.1:9");
    site.write("watchpost.toml", &(away + &site.connection("hq", "\"*\"") + SINK));
    let (code, stdout, _) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(1));
    assert!(stdout.contains("away: failed") && stdout.contains("hq: ok"), "{stdout}");
}

#[test]
fn an_event_type_that_the_system_does_not_have_is_named_with_one_that_it_has() {
    let site = Site::start();
    site.write("watchpost.toml", &(site.connection("hq", "\"Motion Startet\", \"MotionStopped\"") + SINK));
    let (code, stdout, _) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(1));
    assert!(stdout.contains("\"Motion Startet\"") && stdout.contains("motionstarted"), "{stdout}");
    assert_eq!(stdout.matches("names the event type").count(), 1, "{stdout}");
}

#[test]
fn a_user_without_any_rights_to_the_configuration_is_told_to_have_them_given() {
    let site = Site::start();
    site.simulator.inject(Fault::Rest403);
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINK));
    let (code, stdout, _) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("no items at all"), "{stdout}");
    assert!(stdout.contains("cameras not allowed") && stdout.contains("event types are not to be had"), "{stdout}");
    // A subscription by name cannot do without them.
    site.write("watchpost.toml", &(site.connection("hq", "\"MotionStarted\"") + SINK));
    let (code, stdout, _) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(1), "{stdout}");
}

#[test]
fn what_the_gateway_refuses_to_the_engine_it_refuses_here_too() {
    for (fault, part) in [
        (Fault::RefuseUpgrade(Refusal { status: 503, count: None }), "status 503"),
        (Fault::SubscriptionRefused(Status(400)), "refused the subscription, status 400"),
        (Fault::SessionRefused(Status(500)), "startSession"),
    ] {
        let site = Site::start();
        site.simulator.inject(fault);
        site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINK));
        let (code, stdout, _) = finish(site.command(&["check", "--connect"]));
        assert_eq!(code, Some(1), "{stdout}");
        assert!(stdout.contains("hq: failed") && stdout.contains(part), "{part} in:\n{stdout}");
    }
}

#[test]
fn a_token_that_is_refused_is_asked_for_once_more_and_then_it_is_a_failure() {
    let site = Site::start();
    site.simulator.inject(Fault::TokenExpires(Duration::from_millis(1)));
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINK));
    let (code, stdout, _) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("hq: failed") && stdout.contains("token"), "{stdout}");
    assert_eq!(site.simulator.counters().logins.len(), 2);
}
