//! What a person may write, and what is said about a slip.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::settings::Severity;
use crate::settings::testing::{self, Table, text};

fn list(words: &[&str]) -> Value {
    Value::List(words.iter().map(|word| text(word)).collect())
}

/// A user and a password, and these beside them.
fn with(more: &[(&'static str, Value)]) -> Vec<(&'static str, Value)> {
    let mut values = vec![("username", text("ops@example.com")), ("password", text("p&ss"))];
    values.extend(more.iter().cloned());
    values
}

#[track_caller]
fn sound(more: &[(&'static str, Value)]) -> EenConfig {
    testing::sound(read, with(more))
}

#[track_caller]
fn finding(more: &[(&'static str, Value)]) -> (Severity, At, String, String) {
    testing::finding(read, with(more))
}

#[test]
fn what_is_not_written_is_as_for_an_embedder() {
    let read = sound(&[]);
    let new = EenConfig::new("ops@example.com", "p&ss".into());
    assert_eq!(format!("{read:?}"), format!("{new:?}"));
    assert_eq!(read.auth_url.as_str(), "https://login.eagleeyenetworks.com/");
    assert_eq!(read.states(), States::Words);
}

#[test]
fn everything_that_can_be_written_is_read() {
    let config = sound(&[
        ("api_key", text("k")),
        ("api_key_header", text("Authorization:")),
        ("accounts", list(&["00004206", "00004207"])),
        ("resources", list(&["status64", "event"])),
        ("events", list(&["emes", "EMEE"])),
        ("logins_per_second", Value::Integer(20)),
        ("relist_every", text("1m")),
        ("auth_url", text("http://127.0.0.1:9000")),
        ("api_url", text("https://c001.eagleeyenetworks.com")),
        ("socket_url", text("ws://[::1]:9000")),
    ]);
    assert_eq!(config.accounts, Accounts::Only(vec!["00004206".parse().unwrap(), "00004207".parse().unwrap()]));
    assert_eq!(config.resources, [Resource::Status(Form::Status64), Resource::Event]);
    assert_eq!(config.events.iter().map(FourCc::as_str).collect::<Vec<_>>(), ["EMES", "EMEE"]);
    assert_eq!((config.logins_per_second.get(), config.relist_every), (20, Duration::from_secs(60)));
    assert_eq!(config.api_key_header, "Authorization:");
    assert_eq!(config.socket_url.unwrap().as_str(), "ws://[::1]:9000/");
    assert_eq!(sound(&[("accounts", text("all"))]).accounts, Accounts::All);
    let codes = sound(&[("resources", list(&["event"])), ("events", list(&["RCON", "RCOF"]))]);
    assert_eq!((codes.states(), codes.status_form()), (States::Codes, None));
}

#[test]
fn user_and_password_are_required() {
    let mut table = Table::default();
    assert!(read(&mut table).is_none());
    let found: Vec<_> = table.found.iter().map(|(_, at, mistake)| (*at, mistake.message.as_str())).collect();
    let missing = "required, but missing";
    assert_eq!(found, [(At::Key("username"), missing), (At::Key("password"), missing)]);
}

/// What is written, and what is said: how bad, where, words of the message and of the hint.
type Case<'a> = (&'a [(&'static str, Value)], Severity, At, &'a str, &'a str);

#[test]
fn a_mistake_is_told_at_its_place_with_what_to_write() {
    use Severity::{Error, Warning};
    let key = At::Key;
    let cases: [Case<'_>; 31] = [
        (&[("accounts", text("All"))], Error, key("accounts"), "not \"all\"", "accounts = \"all\""),
        (&[("accounts", text("*"))], Error, key("accounts"), "not \"all\"", "accounts = \"all\""),
        (&[("accounts", text("00004206"))], Error, key("accounts"), "no list", "accounts = [\"00004206\"]"),
        (&[("accounts", text("mine"))], Error, key("accounts"), "no list", "or nothing for the user's own"),
        (&[("accounts", list(&[]))], Error, key("accounts"), "no account is named", "\"all\", a list"),
        (&[("accounts", Value::Integer(4206))], Error, key("accounts"), "found an integer", "a list of account ids"),
        (&[("accounts", list(&["all"]))], Error, At::Item("accounts", 0), "is no account", "accounts = \"all\""),
        (&[("accounts", list(&["0", "a b"]))], Error, At::Item("accounts", 1), "no account id", "8 hex digits"),
        (&[("accounts", list(&["00", "00"]))], Error, At::Item("accounts", 1), "there already", "once"),
        (&[("resources", list(&["stauts"]))], Error, At::Item("resources", 0), "unknown resource", "\"status\"?"),
        (&[("resources", list(&[]))], Error, key("resources"), "nothing is asked for", "[\"status\"]"),
        (&[("resources", list(&["status", "status64"]))], Error, At::Item("resources", 1), "\"status\" is", "keep one"),
        (&[("resources", list(&["status", "status"]))], Error, At::Item("resources", 1), "there already", "once"),
        (
            &[("resources", list(&["status", "pre"]))],
            Warning,
            At::Item("resources", 1),
            "not published",
            "leave it out",
        ),
        (&[("resources", list(&["status", "event"]))], Warning, key("resources"), "none will come", "events = ["),
        (&[("resources", list(&["event"]))], Error, key("resources"), "nothing would come", "events = ["),
        (
            &[("resources", list(&["status"])), ("events", list(&["EMES"]))],
            Error,
            key("resources"),
            "does not ask for them",
            "\"event\"",
        ),
        (&[("events", list(&[]))], Error, key("events"), "no event is named", "[\"EMES\", \"EMEE\"]"),
        (&[("events", list(&["EMES", "emes"]))], Error, At::Item("events", 1), "there already", "once"),
        (&[("events", list(&["motion.started"]))], Error, At::Item("events", 0), "no event code", "\"EMES\""),
        (&[("events", list(&["*"]))], Error, At::Item("events", 0), "no event code", "name each code"),
        (&[("events", list(&["EMESX"]))], Error, At::Item("events", 0), "no event code", "docs/events.md"),
        (&[("events", list(&["EMSS"]))], Warning, At::Item("events", 0), "not among", "did you mean \""),
        (&[("events", list(&["EMEU"]))], Warning, At::Item("events", 0), "not published", "leave it out"),
        (&[("logins_per_second", Value::Integer(0))], Error, key("logins_per_second"), "out of range", "1 to 1000"),
        (&[("api_key_header", text("Authorization"))], Warning, key("api_key_header"), "no key", "api_key ="),
        (&[("api_key_header", text("Cookie"))], Error, key("api_key_header"), "by watchpost", "Authorization"),
        (&[("api_key_header", text("My Key"))], Error, key("api_key_header"), "not the name", "Authentication"),
        (&[("api_key", text("k\nk"))], Error, key("api_key"), "cannot hold", "line break"),
        (&[("auth_url", text("http://een.test"))], Warning, key("auth_url"), "password in the clear", "https://"),
        (
            &[("auth_url", text("https://een.test/g/aaa"))],
            Error,
            key("auth_url"),
            "adds itself",
            "only the server: \"https://een.test\"",
        ),
    ];
    for (more, severity, at, message, hint) in cases {
        let found = finding(more);
        assert_eq!((found.0, found.1), (severity, at), "{more:?}: {found:?}");
        assert!(found.2.contains(message) && found.3.contains(hint), "{more:?}: {found:?}");
    }
    let found = finding(&[("socket_url", text("https://c001.eagleeyenetworks.com"))]);
    assert!(found.2.contains("ws:// or wss://"), "{found:?}");
    let found = finding(&[("api_url", text("https://een.test/?A=c001~0"))]);
    assert!(found.2.contains("no `?`") && !found.3.contains("c001"), "{found:?}");
}
