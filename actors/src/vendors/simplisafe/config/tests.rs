//! What a person may write, and what is said about a slip.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::settings::testing::{self, Table, text};
use crate::settings::{At, Severity, Value};

fn ids(ids: &[i64]) -> Value {
    Value::List(ids.iter().map(|id| Value::Integer(*id)).collect())
}

/// These, and a token behind them.
fn with(more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let mut values = more.to_vec();
    values.push(("refresh_token", text("t0ken")));
    values
}

#[track_caller]
fn sound(more: &[(&'static str, Value)]) -> SimpliSafeConfig {
    testing::sound(read, with(more))
}

#[track_caller]
fn finding(more: &[(&'static str, Value)]) -> (Severity, At, String, String) {
    testing::finding(read, with(more))
}

#[test]
fn what_is_not_written_is_as_for_an_embedder() {
    let read = sound(&[]);
    assert_eq!(format!("{read:?}"), format!("{:?}", SimpliSafeConfig::new("t0ken".into())));
    assert_eq!(read.refresh_token.expose(), "t0ken");
    let urls = [&read.auth_url, &read.api_url, &read.socket_url].map(Url::as_str);
    let expected =
        ["https://auth.simplisafe.com/", "https://api.simplisafe.com/", "wss://socketlink.prd.aser.simplisafe.com/"];
    assert_eq!(urls, expected);
}

#[test]
fn everything_that_can_be_written_is_read() {
    let config = sound(&[
        ("systems", ids(&[1234567, 42])),
        ("poll_every", text("200ms")),
        ("auth_url", text("http://127.0.0.1:9000")),
        ("api_url", text("http://127.0.0.1:9001/proxy")),
        ("socket_url", text("ws://[::1]:9002")),
    ]);
    assert_eq!(config.systems, Systems::Only(vec![1_234_567, 42]));
    assert!(config.systems.contains(42) && !config.systems.contains(43) && Systems::All.contains(43));
    assert_eq!(config.poll_every, Duration::from_millis(200));
    assert_eq!(config.api_url.as_str(), "http://127.0.0.1:9001/proxy");
    assert_eq!(sound(&[("systems", text("all"))]).systems, Systems::All);
    assert_eq!(sound(&[("systems", Value::List(vec![text("42")]))]).systems, Systems::Only(vec![42]));
}

#[test]
fn a_token_is_taken_without_what_stands_around_it_in_its_file_and_what_is_no_token_is_not_shown() {
    assert_eq!(sound(&[("refresh_token", text("  v1.MzY-token_x\r\n"))]).refresh_token.expose(), "v1.MzY-token_x");
    let long = "x".repeat(LONGEST_TOKEN + 1);
    for (token, what) in [
        ("\n", "empty"),
        ("two words", "neither blanks"),
        ("{\n}", "neither blanks"),
        ("schlüssel", "neither"),
        (&long, "too long"),
    ] {
        let (severity, at, message, hint) = finding(&[("refresh_token", text(token))]);
        assert_eq!((severity, at), (Severity::Error, "refresh_token".into()));
        assert!(message.contains(what) && hint.contains("watchpost login simplisafe"), "{message} {hint}");
        assert!(!message.contains("schl") && !message.contains("words"), "{message}");
    }
    let mut empty = Table::of(vec![]);
    assert!(read(&mut empty).is_none());
    assert_eq!(empty.messages(), [("refresh_token".into(), "required, but missing".to_owned())]);
}

#[test]
fn a_slip_is_told_where_it_is_with_what_to_write() {
    let cases: [(&'static str, Value, At, &str, &str); 12] = [
        ("systems", text("ALL"), "systems".into(), "no list", "systems = \"all\""),
        ("systems", text("42"), "systems".into(), "no list", "systems = [42]"),
        ("systems", Value::Integer(42), "systems".into(), "one number", "systems = [42]"),
        ("systems", Value::Boolean(true), "systems".into(), "a boolean", "a list of system ids"),
        ("systems", ids(&[]), "systems".into(), "no system", "\"all\""),
        ("systems", ids(&[42, 42]), At::Item("systems", 1), "there already", "once"),
        ("systems", ids(&[7, -1]), At::Item("systems", 1), "no system id", "whole number"),
        ("poll_every", text("14s"), "poll_every".into(), "too often", "\"15s\""),
        ("poll_every", text("0s"), "poll_every".into(), "", ""),
        (
            "api_url",
            text("https://api.simplisafe.com/v1/"),
            "api_url".into(),
            "adds itself",
            "\"https://api.simplisafe.com\"",
        ),
        (
            "auth_url",
            text("https://auth.simplisafe.com/oauth/token"),
            "auth_url".into(),
            "adds itself",
            "only the server",
        ),
        ("socket_url", text("wss://x.test/?token=abc"), "socket_url".into(), "`?`", "\"wss://x.test\""),
    ];
    for (key, value, place, what, hint_says) in cases {
        let (severity, at, message, hint) = finding(&[(key, value)]);
        assert_eq!((severity, at), (Severity::Error, place), "{key}");
        assert!(message.contains(what) && hint.contains(hint_says), "{key}: {message} ({hint})");
        assert!(!message.contains("abc"), "{message}");
    }
}

#[test]
fn a_server_elsewhere_may_be_asked_no_faster_than_simplisafe_and_one_on_this_machine_at_any_pace() {
    let fast = ("poll_every", text("200ms"));
    let (_, at, message, _) = finding(&[fast.clone(), ("api_url", text("https://proxy.test"))]);
    assert!(at == "poll_every".into() && message.contains("200ms"), "{message}");
    assert_eq!(sound(&[fast, ("api_url", text("http://localhost:1"))]).poll_every, 200 * MILLISECOND);
    assert_eq!(sound(&[("poll_every", text("15s"))]).poll_every, SimpliSafeConfig::POLL_AT_LEAST);
}

#[test]
fn a_token_in_the_clear_is_warned_about_except_on_this_machine() {
    for (key, url, risk) in [
        ("auth_url", "http://proxy.test", "refresh token"),
        ("api_url", "http://proxy.test", "access token"),
        ("socket_url", "ws://proxy.test", "access token"),
    ] {
        let (severity, at, message, hint) = finding(&[(key, text(url))]);
        assert_eq!((severity, at), (Severity::Warning, key.into()));
        assert!(message.contains(risk) && hint.contains("s://"), "{message} ({hint})");
    }
}

#[test]
fn a_fingerprint_tells_tokens_apart_and_shows_nothing_of_them() {
    let of = |token: &str| SimpliSafeConfig::new(token.into()).fingerprint();
    assert_eq!(of("t0ken"), of("t0ken"));
    assert_ne!(of("t0ken"), of("t0keN"));
    assert!(of("t0ken").len() == 12 && !of("t0ken").contains("t0ken"));
    // The example of FIPS 180.
    assert!(fingerprint("abc").starts_with("ba7816bf8f01cfea"), "{}", fingerprint("abc"));
}

#[test]
fn connections_share_a_login_by_token_and_hosts_and_no_name_shows_the_token() {
    let one = SimpliSafeConfig::new("t0ken".into());
    let mut elsewhere = one.clone();
    elsewhere.socket_url = "ws://127.0.0.1:9".parse().unwrap();
    let other = SimpliSafeConfig::new("an0ther".into());
    let only = SimpliSafeConfig { systems: Systems::Only(vec![7]), ..one.clone() };
    assert_eq!((one.gate(), one.account()), (only.gate(), only.account()));
    assert!(one.gate() == elsewhere.gate() && one.account() != elsewhere.account());
    assert!(one.gate() != other.gate() && one.account() != other.account() && one.service() == other.service());
    assert!(![one.gate(), one.account(), one.service()].concat().contains("t0ken"));
}
