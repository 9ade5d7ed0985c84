//! What a person may write, and what is said about a slip.

#![allow(clippy::unwrap_used, clippy::panic)]
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::*;
use crate::settings::testing::Table;
use crate::settings::{Severity, Value};

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn ids(ids: &[i64]) -> Value {
    Value::List(ids.iter().map(|id| Value::Integer(*id)).collect())
}

/// A token as VXG gives it: of one camera, or of a group.
fn token(camera: Option<i64>, api: &str) -> String {
    let mut told =
        json!({"cmngrid": 7, "access": "all", "token": "share.eyJzaSI6IDd9.63e0c0fft96601800.c0ffee", "api": api});
    if let Some(camera) = camera {
        told["camid"] = camera.into();
    }
    BASE64_STANDARD.encode(told.to_string())
}

fn acc() -> String {
    token(Some(42), "web.cloud.test")
}

fn si() -> String {
    token(None, "web.cloud.test")
}

/// Reads a token, and these beside it.
fn read_with(token: &str, more: &[(&'static str, Value)]) -> (Option<VxgConfig>, Vec<(Severity, At, Mistake)>) {
    let mut values = more.to_vec();
    values.push(("token", text(token)));
    let mut table = Table::of(values);
    let config = read(&mut table);
    (config, table.found)
}

/// The settings, of which nothing is said.
#[track_caller]
fn sound(token: &str, more: &[(&'static str, Value)]) -> VxgConfig {
    let (config, found) = read_with(token, more);
    assert_eq!(found, []);
    config.unwrap()
}

/// The one finding: whether it is an error, where, what, and the hint.
#[track_caller]
fn finding(token: &str, more: &[(&'static str, Value)]) -> (Severity, At, String, String) {
    let (_, mut found) = read_with(token, more);
    assert_eq!(found.len(), 1, "{more:?}: {found:?}");
    let (severity, at, mistake) = found.remove(0);
    (severity, at, mistake.message, mistake.hint.unwrap_or_default())
}

/// Scheme, address and camera that settings lead to.
fn leads(config: &VxgConfig) -> (Scheme, String, Option<i64>) {
    let grant = config.grant().unwrap();
    (grant.scheme(), grant.base.to_string(), grant.camera)
}

#[test]
fn what_is_not_written_is_as_for_an_embedder() {
    let read = sound(&acc(), &[]);
    assert_eq!(format!("{read:?}"), format!("{:?}", VxgConfig::new(acc().into())));
    assert_eq!(read.token.expose(), acc());
    assert!(!format!("{read:?} {:?}", read.grant()).contains(&acc()[..8]));
}

#[test]
fn everything_that_can_be_written_is_read() {
    let config = sound(
        "l1cense",
        &[
            ("scheme", text("lkey")),
            ("url", text("http://127.0.0.1:9000/proxy")),
            ("cameras", ids(&[237_863, 42])),
            ("poll_every", text("200ms")),
            ("poll_most", text("20s")),
            ("status_every", text("300ms")),
            ("overlap", text("3s")),
            ("sweep", text("1m")),
            ("sweep_every", text("400ms")),
        ],
    );
    assert_eq!(leads(&config), (Scheme::LKey, "http://127.0.0.1:9000/proxy/".to_owned(), None));
    assert_eq!(config.cameras, Cameras::Only(vec![237_863, 42]));
    assert!(config.cameras.contains(42) && !config.cameras.contains(43) && Cameras::All.contains(43));
    let millis =
        [config.poll_every, config.poll_most, config.status_every, config.overlap, config.sweep, config.sweep_every];
    assert_eq!(millis.map(|time| time.as_millis()), [200, 20_000, 300, 3_000, 60_000, 400]);
    assert_eq!(sound(&si(), &[("cameras", text("all"))]).cameras, Cameras::All);
    assert_eq!(sound(&si(), &[("cameras", Value::List(vec![text("42")]))]).cameras, Cameras::Only(vec![42]));
    let with_key = sound(&acc(), &[("license_key", text(" k3y\n"))]);
    assert_eq!(with_key.license_key.unwrap().expose(), "k3y");
}

#[test]
fn the_token_tells_scheme_server_and_camera_and_what_is_written_wins() {
    let at = |base: &str| base.to_owned();
    assert_eq!(leads(&sound(&acc(), &[])), (Scheme::Acc, at("https://web.cloud.test/"), Some(42)));
    assert_eq!(leads(&sound(&si(), &[])), (Scheme::Si, at("https://web.cloud.test/"), None));
    let url = ("url", text("https://elsewhere.test:8443"));
    assert_eq!(
        leads(&sound(&acc(), std::slice::from_ref(&url))),
        (Scheme::Acc, at("https://elsewhere.test:8443/"), Some(42))
    );
    assert_eq!(leads(&sound(&si(), &[("scheme", text("Acc"))])), (Scheme::Acc, at("https://web.cloud.test/"), None));
    let told = [("scheme", text("Acc")), ("cameras", ids(&[7]))];
    assert_eq!(leads(&sound(&si(), &told)), (Scheme::Acc, at("https://web.cloud.test/"), Some(7)));
    let opaque = [("scheme", text("SI")), url];
    assert_eq!(leads(&sound("0paque", &opaque)), (Scheme::Si, at("https://elsewhere.test:8443/"), None));
}

#[test]
fn a_token_is_taken_without_what_stands_around_it_in_its_file_and_what_is_no_token_is_not_shown() {
    assert_eq!(sound(&format!("  {}\r\n", acc()), &[]).token.expose(), acc());
    let long = "x".repeat(LONGEST_TOKEN + 1);
    let pasted = format!("acc  {}", acc());
    for (token, what, hint_says) in [
        ("\n", "empty", "dashboard"),
        ("two words", "neither blanks", "dashboard"),
        ("schlüssel", "neither blanks", "dashboard"),
        (&*long, "too long", "dashboard"),
        (&*pasted, "\"Acc\" and a blank", "scheme = \"Acc\""),
    ] {
        let (severity, at, message, hint) = finding(token, &[]);
        assert_eq!((severity, at), (Severity::Error, "token".into()), "{token}");
        assert!(message.contains(what) && hint.contains(hint_says), "{message} ({hint})");
        assert!(!message.contains("schl") && !message.contains("words"), "{message}");
        let (severity, at, message, _) = finding(&acc(), &[("license_key", Value::Text(token.to_owned()))]);
        assert_eq!((severity, at), (Severity::Error, "license_key".into()), "{message}");
    }
    let mut empty = Table::of(vec![]);
    assert!(read(&mut empty).is_none());
    assert_eq!(empty.messages(), [("token".into(), "required, but missing".to_owned())]);
}

#[test]
fn a_token_that_is_not_fetched_is_no_mistake_whatever_stands_beside_it() {
    let config = sound("", &[("poll_every", text("200ms")), ("cameras", ids(&[1, 2]))]);
    assert_eq!(config.grant().err(), Some(Pathless::NoToken));
    assert_eq!(config.account(), sound("", &[]).account());
    assert!(sound("", &[("license_key", text(""))]).license_key.is_none());
}

#[test]
fn an_opaque_token_is_taken_for_a_licence_key_and_that_is_said() {
    let url = ("url", text("https://web.cloud.test"));
    let (severity, at, message, hint) = finding("0paque", std::slice::from_ref(&url));
    assert_eq!((severity, at), (Severity::Warning, "token".into()));
    assert!(message.contains("licence key") && hint.contains("\"LKey\"") && !message.contains("0paque"), "{message}");
    let (config, _) = read_with("0paque", &[url]);
    assert_eq!(leads(&config.unwrap()).0, Scheme::LKey);
}

#[test]
fn a_token_that_does_not_tell_its_server_needs_an_address() {
    for scheme in ["LKey", "SI", "Acc"] {
        let (severity, at, message, hint) = finding("0paque", &[("scheme", text(scheme))]);
        assert_eq!((severity, at), (Severity::Error, "url".into()), "{scheme}");
        assert!(
            message.contains("does not tell its server") && hint.contains("url = \"https://"),
            "{message} ({hint})"
        );
    }
}

#[test]
fn a_slip_is_told_where_it_is_with_what_to_write() {
    let cases: [(&'static str, Value, At, &str, &str); 25] = [
        ("scheme", text("Bearer"), "scheme".into(), "unknown value", "\"Acc\", \"SI\", \"LKey\""),
        ("scheme", text("LKez"), "scheme".into(), "unknown value", "\"LKey\""),
        ("scheme", Value::Integer(1), "scheme".into(), "an integer", ""),
        ("cameras", text("ALL"), "cameras".into(), "no list", "cameras = \"all\""),
        ("cameras", text("42"), "cameras".into(), "no list", "cameras = [42]"),
        ("cameras", Value::Integer(42), "cameras".into(), "one number", "cameras = [42]"),
        ("cameras", Value::Boolean(true), "cameras".into(), "a boolean", "a list of camera ids"),
        ("cameras", ids(&[]), "cameras".into(), "no camera", "\"all\""),
        ("cameras", ids(&[42, 42]), At::Item("cameras", 1), "there already", "once"),
        ("cameras", ids(&[7, -1]), At::Item("cameras", 1), "no camera id", "whole number"),
        ("poll_every", text("999ms"), "poll_every".into(), "too often", "\"1s\""),
        ("poll_most", text("500ms"), "poll_most".into(), "", ""),
        ("status_every", text("200ms"), "status_every".into(), "too often", "\"1s\""),
        ("sweep_every", text("200ms"), "sweep_every".into(), "too often", "\"1s\""),
        ("poll_every", text("0s"), "poll_every".into(), "out of range", "from 100ms"),
        ("poll_most", text("4s"), "poll_most".into(), "shorter than poll_every (5s)", "\"5s\" or more"),
        ("status_every", Value::Integer(5), "status_every".into(), "needs a unit", "\"5s\""),
        ("overlap", text("2d"), "overlap".into(), "out of range", "1day"),
        ("sweep", text("8d"), "sweep".into(), "out of range", "7days"),
        ("sweep_every", text("2h"), "sweep_every".into(), "longer than sweep (1h)", "\"1h\" or less"),
        ("url", text("https://web.x.test/api/v2/"), "url".into(), "adds itself", "\"https://web.x.test\""),
        ("url", text("https://web.x.test/?token=abc"), "url".into(), "`?`", "\"https://web.x.test\""),
        ("url", text("https://Acc:abc@web.x.test"), "url".into(), "user or password", ""),
        ("url", text("web.x.test"), "url".into(), "", ""),
        ("url", text("wss://web.x.test"), "url".into(), "http", ""),
    ];
    for (key, value, place, what, hint_says) in cases {
        let (_, found) = read_with(&si(), &[(key, value)]);
        let [(severity, at, mistake), ..] = &found[..] else { panic!("{key}: nothing is said") };
        let hint = mistake.hint.clone().unwrap_or_default();
        assert_eq!((*severity, *at), (Severity::Error, place), "{key}");
        assert!(mistake.message.contains(what) && hint.contains(hint_says), "{key}: {} ({hint})", mistake.message);
        assert!(!mistake.message.contains("abc"), "{}", mistake.message);
    }
}

#[test]
fn times_that_do_not_go_together_are_told_and_defaults_give_way() {
    let (_, at, message, hint) = finding(&si(), &[("sweep", text("1m")), ("overlap", text("5m"))]);
    assert!(at == "sweep".into() && message.contains("overlap (5m)") && hint.contains("\"5m\""), "{message} ({hint})");
    let short = sound(&si(), &[("sweep", text("90s"))]);
    assert_eq!([short.overlap, short.sweep_every].map(|time| time.as_secs()), [90, 90]);
    assert_eq!(sound(&si(), &[("overlap", text("2h"))]).sweep.as_secs(), 7_200);
    assert_eq!(sound(&si(), &[("poll_every", text("1m"))]).poll_most.as_secs(), 60);
}

#[test]
fn a_server_on_this_machine_may_be_asked_at_any_pace_whoever_names_it() {
    let fast = ("poll_every", text("200ms"));
    assert_eq!(sound(&token(None, "127.0.0.1"), std::slice::from_ref(&fast)).poll_every, 200 * MILLISECOND);
    assert_eq!(sound(&si(), &[fast.clone(), ("url", text("http://[::1]:9"))]).poll_every, 200 * MILLISECOND);
    let (_, at, ..) = finding(&token(None, "127.0.0.1"), &[fast, ("url", text("https://web.cloud.test"))]);
    assert_eq!(at, "poll_every".into());
}

#[test]
fn a_token_of_one_camera_and_the_cameras_of_a_connection_must_agree() {
    assert_eq!(sound(&acc(), &[("cameras", ids(&[42]))]).cameras, Cameras::Only(vec![42]));
    let (severity, at, message, hint) = finding(&acc(), &[("cameras", ids(&[43]))]);
    assert_eq!((severity, at), (Severity::Error, At::Item("cameras", 0)));
    assert!(message.contains("camera 42 alone") && hint.contains("cameras = [42]"), "{message} ({hint})");
    for (token, more) in [(acc(), vec![]), (si(), vec![("scheme", text("Acc"))])] {
        let more: Vec<_> = more.into_iter().chain([("cameras", ids(&[42, 43]))]).collect();
        let (severity, at, message, hint) = finding(&token, &more);
        assert_eq!((severity, at), (Severity::Error, "cameras".into()));
        assert!(message.contains("one camera alone") && hint.contains("SI"), "{message} ({hint})");
    }
    let (severity, at, message, _) = finding(&acc(), &[("cameras", text("all"))]);
    assert_eq!((severity, at), (Severity::Warning, "cameras".into()));
    assert!(message.contains("one camera alone"), "{message}");
    let (severity, at, message, hint) = finding(&acc(), &[("scheme", text("SI"))]);
    assert_eq!((severity, at), (Severity::Warning, "scheme".into()));
    assert!(message.contains("one camera, 42") && hint.contains("leave it out"), "{message} ({hint})");
}

#[test]
fn a_licence_key_that_cannot_help_is_warned_about() {
    let key = ("license_key", text("k3y"));
    let url = ("url", text("https://web.cloud.test"));
    for (token, more, what) in [
        (si(), vec![], "no use"),
        ("0paque".to_owned(), vec![("scheme", text("LKey")), url.clone()], "no use"),
        ("0paque".to_owned(), vec![("scheme", text("Acc")), url.clone()], "`cameras`"),
    ] {
        let more: Vec<_> = more.into_iter().chain([key.clone()]).collect();
        let (severity, at, message, _) = finding(&token, &more);
        assert_eq!((severity, at), (Severity::Warning, "license_key".into()));
        assert!(message.contains(what), "{message}");
    }
    sound("0paque", &[("scheme", text("Acc")), url, ("cameras", ids(&[7])), key]);
}

#[test]
fn a_token_in_the_clear_is_warned_about_except_on_this_machine() {
    let (severity, at, message, hint) = finding(&si(), &[("url", text("http://proxy.test"))]);
    assert_eq!((severity, at), (Severity::Warning, "url".into()));
    assert!(message.contains("in the clear") && hint.contains("https://"), "{message} ({hint})");
}

#[test]
fn connections_share_a_login_by_token_and_server_and_no_name_shows_the_token() {
    let one = sound(&si(), &[]);
    let only = sound(&si(), &[("cameras", ids(&[7])), ("poll_every", text("9s"))]);
    assert_eq!(one.account(), only.account());
    let others = [
        sound(&token(None, "web.other.test"), &[]),
        sound(&acc(), &[]),
        sound(&acc(), &[("license_key", text("k3y"))]),
        sound(&acc(), &[("license_key", text("0ther"))]),
        sound(&si(), &[("url", text("https://web.other.test"))]),
        sound(&si(), &[("scheme", text("Acc"))]),
        sound(&si(), &[("scheme", text("Acc")), ("cameras", ids(&[7]))]),
    ];
    let mut names: Vec<_> = others.iter().chain([&one]).map(VxgConfig::account).collect();
    assert!(names.iter().all(|name| !name.contains("k3y") && !name.contains(&si()[..8])), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 8, "{names:?}");
}
