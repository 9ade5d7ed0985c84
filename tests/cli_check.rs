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
#[cfg(feature = "windows-auth")]
fn a_windows_user_and_a_service_are_told_as_what_they_are() {
    let site = Site::start();
    let basic = site.connection("hq", "\"*\"");
    let windows = basic.replace("\"watchpost\"", "'SIMULATED\\watchpost'");
    let service =
        basic.replace("username", "client_id").replace("password", "client_secret").replace("\"hq\"", "\"svc\"");
    site.write("watchpost.toml", &(windows + &service + SINK));
    let (code, stdout, stderr) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    for part in
        ["Windows user \"SIMULATED\\watchpost\" at http://", "service \"watchpost\" at http://", "hq: ok", "svc: ok"]
    {
        assert!(stdout.contains(part), "{part} in:\n{stdout}");
    }
    assert_eq!(site.simulator.counters().logins.len(), 2);
    let mut command = site.command(&["check", "--connect"]);
    command.env("SITE_PASSWORD", "wr0ng");
    let (code, stdout, _) = finish(command);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("wrong domain, user name or password for Windows user"), "{stdout}");
    assert!(stdout.contains("wrong client_id or client_secret for service"), "{stdout}");
    assert_eq!(site.simulator.counters().logins.len(), 4, "one try each");
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

/// Eagle Eye: the same promises, and those that its accounts ask for.
#[cfg(feature = "sqlite")]
mod een {
    use watchpost::simulator::een::{Fault, FaultKind, Options, Refusal};

    use crate::cli_support::{PASSWORD, cloud::Cloud, finish};

    const CHECK: [&str; 2] = ["check", "--connect"];

    fn refusal(status: u16) -> Refusal {
        Refusal { status, count: None }
    }

    #[test]
    fn a_reseller_is_told_how_its_accounts_stand_and_what_would_be_followed() {
        let keys = "accounts = \"all\"\nresources = [\"status64\", \"event\"]\nevents = [\"EMES\", \"EMEE\"]";
        let cloud = Cloud::with(Options { accounts: 5, cameras: 13, ..Options::default() }, keys);
        let ids = cloud.simulator.holders();
        cloud.simulator.suspend_account(&ids[0]);
        cloud.simulator.deactivate_account(&ids[1]);
        let (code, stdout, stderr) = cloud.run(&CHECK);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        for part in [
            "stores: ok".to_owned(),
            format!("user \"ops@example.com\" at {}, account {}", cloud.simulator.url(), cloud.simulator.own_account()),
            "a reseller with 5 below it: 3 active, 1 suspended, 1 inactive".to_owned(),
            format!("account {} \"", ids[2]),
            "13 cameras and 2 bridges attached; 0 cameras and 0 bridges not".to_owned(),
            "3 connections, each with a login of its own, at most 5 logins".to_owned(),
            format!("the poll service answers for account {}", ids[2]),
            "status64, event (EMES, EMEE) of each attached device".to_owned(),
        ] {
            assert!(stdout.contains(&part), "{part} in:\n{stdout}");
        }
        assert_eq!(cloud.simulator.counters().logins(), 1);
        assert!(cloud.simulator.sessions().is_empty(), "no session is left behind");
    }

    #[test]
    fn devices_that_are_not_followed_are_counted_apart() {
        let cloud = Cloud::start(Options::default());
        let plain = Options {
            accounts: 0,
            oddities: true,
            username: "o".into(),
            password: PASSWORD.into(),
            ..Options::default()
        };
        let simulator = watchpost::simulator::een::Simulator::start(plain).unwrap();
        let connection = cloud.connection("own", "").replace(&cloud.simulator.url(), &simulator.url());
        cloud.configure(&connection.replace("ops@example.com", "o"));
        let (code, stdout, stderr) = cloud.run(&CHECK);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(stdout.contains("5 cameras and 1 bridge attached; 2 cameras and 0 bridges not"), "{stdout}");
    }

    #[test]
    fn a_plain_account_needs_no_list_unless_others_are_wanted() {
        let cloud = Cloud::with(Options { accounts: 0, ..Options::default() }, "");
        let own = cloud.simulator.own_account();
        let (code, stdout, stderr) = cloud.run(&CHECK);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(stdout.contains("4 cameras and 1 bridge attached") && !stdout.contains("reseller"), "{stdout}");
        assert_eq!(cloud.tried("accounts"), 0);
        for keys in ["accounts = \"all\"".to_owned(), format!("accounts = [\"{own}\"]")] {
            cloud.configure(&cloud.connection("stores", &keys));
            let (code, stdout, stderr) = cloud.run(&CHECK);
            assert_eq!(code, Some(0), "{keys}: {stdout}{stderr}");
            assert!(stdout.contains("4 cameras and 1 bridge attached"), "{stdout}");
        }
        cloud.configure(&cloud.connection("stores", "accounts = [\"0000ffff\"]"));
        let (code, stdout, _) = cloud.run(&CHECK);
        assert_eq!(code, Some(1), "{stdout}");
        assert!(stdout.contains("names 0000ffff") && stdout.contains(&own), "{stdout}");
    }

    #[test]
    fn a_resellers_own_account_has_nothing_to_follow() {
        let cloud = Cloud::with(Options::default(), "");
        let (code, stdout, _) = cloud.run(&CHECK);
        assert_eq!(code, Some(1), "{stdout}");
        assert!(stdout.contains("write accounts = \"all\""), "{stdout}");
    }

    #[test]
    fn each_named_account_is_looked_at_and_one_that_is_not_there_is_named_with_one_that_is() {
        let cloud = Cloud::start(Options { accounts: 4, ..Options::default() });
        let ids = cloud.simulator.holders();
        let mut near = ids[0].clone();
        near.replace_range(7.., if near.ends_with('f') { "e" } else { "f" });
        cloud.simulator.suspend_account(&ids[3]);
        let accounts = format!("accounts = [\"{}\", \"{}\", \"{near}\", \"{}\"]", ids[0], ids[1], ids[3]);
        let connection = cloud.connection("stores", &accounts);
        cloud.configure(&connection);
        let (code, stdout, _) = cloud.run(&CHECK);
        assert_eq!(code, Some(1), "{stdout}");
        for id in &ids[..2] {
            assert!(stdout.contains(&format!("devices  account {id} \"")), "{id} in:\n{stdout}");
        }
        assert!(stdout.contains(&format!("names {near}, which is not among")), "{stdout}");
        assert!(stdout.contains("did you mean"), "{stdout}");
        assert!(stdout.contains(&format!("account {}", ids[3])) && stdout.contains("is suspended"), "{stdout}");
        assert!(stdout.contains("2 connections, each with a login"), "{stdout}");
        assert_eq!(cloud.simulator.counters().logins(), 1);
        assert!(cloud.simulator.sessions().is_empty());
    }

    #[test]
    fn one_login_serves_all_connections_of_a_user() {
        let cloud = Cloud::start(Options::default());
        let second = format!("accounts = [\"{}\"]", cloud.simulator.holders()[1]);
        let both = cloud.connection("stores", "accounts = \"all\"") + &cloud.connection("second", &second);
        cloud.configure(&both);
        let (code, stdout, stderr) = cloud.run(&CHECK);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(stdout.contains("stores: ok") && stdout.contains("second: ok"), "{stdout}");
        assert_eq!((cloud.simulator.counters().logins(), cloud.tried("accounts"), cloud.tried("logout")), (1, 1, 1));
    }

    #[test]
    fn a_wrong_password_is_tried_once_and_never_shown() {
        let cloud = Cloud::start(Options::default());
        cloud.configure(&(cloud.connection("stores", "accounts = \"all\"") + &cloud.connection("own", "")));
        let wrong = "wr0ng-and-secret";
        let mut command = cloud.command(&CHECK);
        command.env("EEN_PASSWORD", wrong).env("RUST_LOG", "trace");
        let (code, stdout, stderr) = finish(command);
        assert_eq!(code, Some(1));
        assert_eq!(stdout.matches("wrong user name or password").count(), 2, "{stdout}");
        assert!(!stdout.contains(wrong) && !stderr.contains(wrong));
        assert_eq!(cloud.tried("authenticate"), 1);
    }

    #[test]
    fn no_secret_is_told_however_much_is_logged() {
        let cloud = Cloud::with(Options::default(), "accounts = \"all\"\napi_key = { env = \"EEN_KEY\" }");
        let mut command = cloud.command(&CHECK);
        command.env("EEN_KEY", "k3y-and-secret").env("RUST_LOG", "trace");
        let (code, stdout, stderr) = finish(command);
        assert_eq!(code, Some(0), "{stdout}");
        for secret in ["k3y-and-secret", PASSWORD, "c001~"] {
            assert!(!stdout.contains(secret) && !stderr.contains(secret), "{secret} in:\n{stdout}\n{stderr}");
        }
    }

    #[test]
    fn every_refusal_is_told_as_the_login_tells_it() {
        for (fault, part) in [
            (Fault::Authenticate(refusal(402)), "suspended (402)"),
            (Fault::Authenticate(refusal(460)), "inactive (460)"),
            (Fault::Authenticate(refusal(412)), "disabled, or locked"),
            (Fault::Authenticate(refusal(465)), "address"),
            (Fault::Accounts(refusal(500)), "the accounts could not be listed"),
            (Fault::Switch(refusal(404)), "(404)"),
            (Fault::Switch(refusal(402)), "is suspended (402)"),
            (Fault::Devices(refusal(503)), "cannot answer now (503)"),
            (Fault::GarbageBody, "no token"),
            (Fault::RefuseUpgrade(refusal(503)), "status 503"),
            (Fault::RefuseUpgrade(refusal(404)), "socket_url"),
            (Fault::RefuseUpgrade(refusal(401)), "the poll service does not know the session"),
        ] {
            let text = fault.to_string();
            let cloud = Cloud::with(Options { faults: vec![fault], ..Options::default() }, "accounts = \"all\"");
            let (code, stdout, _) = cloud.run(&CHECK);
            assert_eq!(code, Some(1), "{text}: {stdout}");
            assert!(stdout.contains("stores: failed") && stdout.contains(part), "{text}: {part} in:\n{stdout}");
            assert!(cloud.simulator.sessions().is_empty(), "{text}: a session is left behind");
            assert!(cloud.tried("authenticate") == 1, "{text}");
        }
    }

    #[test]
    fn rows_that_cannot_be_used_are_told_and_do_not_fail() {
        let cloud = Cloud::with(Options { faults: vec![Fault::OddRows], ..Options::default() }, "accounts = \"all\"");
        let (code, stdout, stderr) = cloud.run(&CHECK);
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        assert!(stdout.contains("of the list cannot be used"), "{stdout}");
        cloud.simulator.clear(FaultKind::OddRows);
    }
}

#[test]
fn of_several_gateways_it_says_which_is_in_use_and_which_do_not_answer() {
    let site = Site::start();
    site.simulator.inject("several-gateways=2".parse().unwrap());
    site.simulator.inject("dead-gateways=1".parse().unwrap());
    site.write("watchpost.toml", &(site.connection("hq", "\"*\"") + SINK));
    let (code, stdout, stderr) = finish(site.command(&["check", "--connect"]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let told = stdout.lines().find(|line| line.contains("gateways")).unwrap_or_else(|| panic!("{stdout}"));
    assert!(told.contains("3, using http://127.0.0.1:"), "{told}");
    assert_eq!(told.matches("does not answer").count(), 1, "{told}");
}
