//! Each mistake in a configuration is told with its place, its key and what to do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{ffi::OsString, fs, path::Path};

use watchpost::config::{ConfigErrors, Diagnostic, Surroundings, diagnostic::render, load, parse};
use watchpost_actors::settings::Severity;

/// A connection without a mistake; tests add to it or replace a line of it.
const CONNECTION: &str = r#"[[connection]]
name = "hq"
vendor = "milestone"
url = "https://xprotect.example.com"
username = "svc-watchpost"
password = { env = "HQ_PASSWORD" }
subscribe = [ { modifier = "include", resource_types = ["cameras"], sources = ["*"], events = ["*"] } ]
"#;

const WINDOWS_HINT: &str =
    r"write the domain's short name, or the name of the server that has the user: 'CORP\svc-watchpost'";
const WINDOWS_UNBUILT: &str =
    r#"5:12: [connection "hq"] username: DOMAIN\user is a Windows user, and this build has no feature `windows-auth`"#;
const WINDOWS_UNBUILT_HINT: &str = "build it with the feature `windows-auth`, or write the name of a basic user (Management Client: Security > Basic Users)";

const SINK: &str = "[[sink]]\nname = \"out\"\nkind = \"stdout\"\n";

fn variable(name: &str) -> Option<OsString> {
    match name {
        "HQ_PASSWORD" => Some("p&ss".into()),
        // {"camid":42,"token":"share.x","access":"all","api":"web.cloud.test"}
        "CAMERA_TOKEN" => {
            Some("eyJjYW1pZCI6NDIsInRva2VuIjoic2hhcmUueCIsImFjY2VzcyI6ImFsbCIsImFwaSI6IndlYi5jbG91ZC50ZXN0In0=".into())
        }
        "EMPTY" => Some("".into()),
        "HOOK_SECRET" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
        "HOOK_SHORT" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==".into()),
        "HOOK_LONG" => Some(format!("whsec_{}", "abcd".repeat(22)).into()),
        "HOOK_DAMAGED" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=".into()),
        "TWO_LINES" => Some("hunter2\nhunter2".into()),
        _ => None,
    }
}

fn check_in(folder: &Path, text: &str) -> Result<Vec<Diagnostic>, ConfigErrors> {
    parse(text, "w.toml", &Surroundings::new(folder, variable)).map(|config| config.warnings)
}

/// Errors and warnings, each as its first line without the file's name, and its hint.
fn findings(text: &str) -> Vec<(String, String)> {
    let diagnostics = match check_in(Path::new("/nowhere"), text) {
        Ok(warnings) => warnings,
        Err(errors) => errors.diagnostics().to_vec(),
    };
    diagnostics.iter().map(|one| (first_line(one), one.hint.clone().unwrap_or_default())).collect()
}

fn first_line(one: &Diagnostic) -> String {
    let text = one.to_string();
    text.lines().next().unwrap().strip_prefix("w.toml:").unwrap().trim_start().to_owned()
}

/// The one finding in a file of `connection` and a sink.
#[track_caller]
fn the_finding(text: &str) -> (String, String) {
    let mut all = findings(text);
    assert_eq!(all.len(), 1, "{all:#?}\nin\n{text}");
    all.remove(0)
}

/// The connection with one line replaced; the line is found by its key.
fn with_line(line: &str) -> String {
    let key = line.split(' ').next().unwrap();
    let mut found = false;
    let lines: Vec<&str> = CONNECTION
        .lines()
        .map(|old| {
            if old.split(' ').next() == Some(key) {
                found = true;
                line
            } else {
                old
            }
        })
        .collect();
    assert!(found, "{key} is no key of the connection");
    format!("{}\n{SINK}", lines.join("\n"))
}

fn with_added(line: &str) -> String {
    format!("{CONNECTION}{line}\n{SINK}")
}

fn with_row(row: &str) -> String {
    with_line(&format!("subscribe = [ {row} ]"))
}

#[track_caller]
fn assert_told(cases: &[(String, &str, &str)]) {
    for (text, message, hint) in cases {
        let found = the_finding(text);
        assert_eq!(found, ((*message).to_owned(), (*hint).to_owned()), "in\n{text}");
    }
}

#[test]
fn a_sound_configuration_has_no_finding() {
    assert_eq!(findings(&format!("{CONNECTION}{SINK}")), []);
}

#[test]
fn mistakes_in_a_milestone_connection_are_told() {
    let line = |text: &str| with_line(text);
    assert_told(&[
        (
            line("url = \"xprotect.example.com\""),
            r#"4:7: [connection "hq"] url: no address: relative URL without a base"#,
            r#"write it like "https://host""#,
        ),
        (
            line("url = \"ftp://x\""),
            r#"4:7: [connection "hq"] url: the address must start with http:// or https://"#,
            r#"write it like "https://host""#,
        ),
        (
            line("url = \"https://me:hunter2@x\""),
            r#"4:7: [connection "hq"] url: an address with a user or password in it is refused"#,
            "use the keys made for them",
        ),
        (
            line("url = \"https://x/?a=b\""),
            r#"4:7: [connection "hq"] url: the address of a server has no `?` or `#` part"#,
            r#"write only the server: "https://xprotect.example.com""#,
        ),
        (line("url = 5"), r#"4:7: [connection "hq"] url: expected an address in quotes, found an integer"#, ""),
        (
            line("username = '.\\svc'"),
            if cfg!(feature = "windows-auth") {
                r#"5:12: [connection "hq"] username: `.` means this machine, which is not the server"#
            } else {
                WINDOWS_UNBUILT
            },
            if cfg!(feature = "windows-auth") { WINDOWS_HINT } else { WINDOWS_UNBUILT_HINT },
        ),
        (
            line("username = 'CORP\\'"),
            if cfg!(feature = "windows-auth") {
                r#"5:12: [connection "hq"] username: a Windows user is written DOMAIN\user, with something on both sides of one backslash"#
            } else {
                WINDOWS_UNBUILT
            },
            if cfg!(feature = "windows-auth") { WINDOWS_HINT } else { WINDOWS_UNBUILT_HINT },
        ),
        (
            CONNECTION.replace("password =", "client_id = \"w\"\nclient_secret =") + SINK,
            r#"5:12: [connection "hq"] username: there is a client_id or client_secret too: who is to log in?"#,
            "write username and password for a user, client_id and client_secret for a service",
        ),
        (
            CONNECTION.replace("username = \"svc-watchpost\"", "").replace("password =", "client_secret =") + SINK,
            r#"1:1: [connection "hq"] client_id: required, but missing"#,
            "add client_id = \"watchpost\"",
        ),
        (line("username = \"\""), r#"5:12: [connection "hq"] username: must not be empty"#, ""),
        (
            line("subscribe = []"),
            r#"7:13: [connection "hq"] subscribe: the list is empty: the gateway accepts it and then sends nothing"#,
            r#"write subscribe = [ { modifier = "include", resource_types = ["cameras"], sources = ["*"], events = ["*"] } ]"#,
        ),
        (
            line("subscribe = \"*\""),
            r#"7:13: [connection "hq"] subscribe: expected an array of tables, found a string"#,
            "write subscribe = [ { … } ]",
        ),
        (
            CONNECTION.lines().take(6).collect::<Vec<_>>().join("\n") + "\n" + SINK,
            r#"1:1: [connection "hq"] subscribe: required, but missing"#,
            r#"add subscribe = [ { modifier = "include", resource_types = ["cameras"], sources = ["*"], events = ["*"] } ]"#,
        ),
        (
            with_row(r#"{ modifier = "exclude", resource_types = ["*"], sources = ["*"], events = ["*"] }"#),
            r#"7:13: [connection "hq"] subscribe: every row excludes, so nothing would be sent"#,
            r#"add a row with modifier = "include""#,
        ),
        (
            with_row(r#"{ modifier = "included", resource_types = ["*"], sources = ["*"], events = ["*"] }"#),
            r#"7:28: [connection "hq"] subscribe[0].modifier: unknown value "included""#,
            r#"did you mean "include"?"#,
        ),
        (
            with_row(r#"{ modifier = "include", resource_types = ["*"], sources = ["*"], events = [] }"#),
            r#"7:89: [connection "hq"] subscribe[0].events: the list is empty: the gateway accepts it and then sends nothing"#,
            r#"write events = ["*"] for all"#,
        ),
        (
            with_row(r#"{ modifier = "include", resource_types = ["*"], sources = ["*"] }"#),
            r#"7:15: [connection "hq"] subscribe[0].events: required, but missing"#,
            r#"add events = ["*"]"#,
        ),
        (
            with_row(r#"{ modifier = "include", resource_types = ["inputevents"], sources = ["*"], events = ["*"] }"#),
            r#"7:57: [connection "hq"] subscribe[0].resource_types[0]: "inputevents" is written in the wrong case"#,
            r#"write "inputEvents""#,
        ),
        (
            with_row(r#"{ modifier = "include", resource_types = ["cameras", "*"], sources = ["*"], events = ["*"] }"#),
            r#"7:56: [connection "hq"] subscribe[0].resource_types: "*" beside others already means all"#,
            r#"write resource_types = ["*"], or leave the "*" out"#,
        ),
        (
            with_row(r#"{ modifier = "include", resource_types = ["cameras/x"], sources = ["*"], events = ["*"] }"#),
            r#"7:57: [connection "hq"] subscribe[0].resource_types[0]: "cameras/x" is a single source, not a type"#,
            r#"write resource_types = ["cameras"] and put the GUID into sources"#,
        ),
        (
            with_row(
                r#"{ modifier = "include", resource_types = ["*"], sources = ["cameras/25d08c6a-cc08-4498-8772-242111f9840c"], events = ["*"] }"#,
            ),
            r#"7:74: [connection "hq"] subscribe[0].sources[0]: "cameras/25d08c6a-cc08-4498-8772-242111f9840c" names its type too"#,
            r#"write the GUID "25d08c6a-cc08-4498-8772-242111f9840c" alone, and "cameras" in resource_types"#,
        ),
        (
            with_row(r#"{ modifier = "include", resource_types = ["*"], sources = ["lobby"], events = ["*"] }"#),
            r#"7:74: [connection "hq"] subscribe[0].sources[0]: "lobby" is no GUID"#,
            r#"a GUID looks like "25d08c6a-cc08-4498-8772-242111f9840c"; "*" means all"#,
        ),
        (
            with_row(
                r#"{ modifier = "include", resource_types = ["*"], sources = ["*"], events = ["6eb95dd6-7ccc-4bce-99f8-af0d0b582d7"] }"#,
            ),
            r#"7:90: [connection "hq"] subscribe[0].events[0]: "6eb95dd6-7ccc-4bce-99f8-af0d0b582d7" is no GUID"#,
            r#"a GUID looks like "25d08c6a-cc08-4498-8772-242111f9840c"; "*" means all"#,
        ),
        (
            with_added("resume_window = \"1ms\""),
            r#"8:17: [connection "hq"] resume_window: 1ms is out of range"#,
            "from 100ms to 1h",
        ),
    ]);
}

#[test]
fn mistakes_in_any_connection_are_told() {
    assert_told(&[
        (
            with_line("name = \"HQ Main\""),
            r#"2:8: [connection "HQ Main"] name: a name is lower-case letters, digits, `_` and `-`, and starts with a letter or digit"#,
            r#"write "hq_main""#,
        ),
        (
            CONNECTION.replace("name = \"hq\"\n", "") + SINK,
            "1:1: [connection #1] name: required, but missing",
            "add name = \"hq\"",
        ),
        (
            format!("{CONNECTION}{CONNECTION}{SINK}"),
            r#"9:8: [connection "hq"] name: the name "hq" is taken by an earlier one"#,
            "give each its own name",
        ),
        (
            with_line("vendor = \"mielstone\""),
            r#"3:10: [connection "hq"] vendor: unknown vendor "mielstone""#,
            r#"did you mean "milestone"?"#,
        ),
        (
            with_line("vendor = \"genetec\""),
            r#"3:10: [connection "hq"] vendor: unknown vendor "genetec""#,
            r#"one of "milestone", "een", "simplisafe", "vxg""#,
        ),
        (
            CONNECTION.replace("vendor = \"milestone\"\n", "") + SINK,
            r#"1:1: [connection "hq"] vendor: required, but missing"#,
            "add vendor = \"milestone\"",
        ),
        (
            with_added("resume_windw = \"30s\""),
            r#"8:1: [connection "hq"] resume_windw: unknown key"#,
            "did you mean `resume_window`?",
        ),
        (
            with_added("ping_after = 5"),
            r#"8:14: [connection "hq"] ping_after: a duration needs a unit"#,
            "write \"5s\" for seconds",
        ),
        (
            with_added("request_timeout = \"soon\""),
            r#"8:19: [connection "hq"] request_timeout: "soon" is no duration"#,
            "write a number and a unit in quotes, like \"30s\", \"5m\", \"7d\"",
        ),
        (
            with_added("dead_after = \"5s\""),
            r#"8:14: [connection "hq"] dead_after: dead_after (5s) must be longer than ping_after (5s)"#,
            "leave time for the answer to a ping: twice ping_after is a good start",
        ),
        (
            with_added("ping_after = \"1m\""),
            r#"8:14: [connection "hq"] ping_after: dead_after (12s) must be longer than ping_after (1m)"#,
            "leave time for the answer to a ping: twice ping_after is a good start",
        ),
        (
            with_added("max_message = \"64M\""),
            r#"8:15: [connection "hq"] max_message: "64M" is no size: `M` is no unit of size"#,
            "write a whole number and a unit, like \"512KiB\", \"64MiB\", \"4GiB\"",
        ),
        (
            with_added("max_message = 9223372036854775808"),
            r#"8:15: [connection "hq"] max_message: expected a size like "64MiB", found an integer of more than 64 bits"#,
            "",
        ),
        (
            with_added("max_message = \"1GiB\""),
            r#"8:15: [connection "hq"] max_message: 1GiB is out of range"#,
            "from 4KiB to 256MiB",
        ),
        (
            with_added("tls = true"),
            r#"8:7: [connection "hq"] tls: expected a table, found a boolean"#,
            "write tls = { … }",
        ),
        (
            with_added("tls = { ca_file = \"nope.pem\" }"),
            r#"8:19: [connection "hq"] tls.ca_file: cannot read /nowhere/nope.pem: No such file or directory (os error 2)"#,
            "",
        ),
        (
            with_added("tls = { ca_fiel = \"x\" }"),
            r#"8:9: [connection "hq"] tls.ca_fiel: unknown key"#,
            "did you mean `ca_file`?",
        ),
        (
            CONNECTION.replace("[[connection]]", "[connection]") + SINK,
            "1:1: connection: expected an array of tables, found a table",
            "write [[connection]]",
        ),
    ]);
}

#[test]
fn mistakes_in_a_vxg_connection_are_told() {
    const YARD: &str = "[[connection]]\nname = \"yard\"\nvendor = \"vxg\"\ntoken = { env = \"CAMERA_TOKEN\" }\n";
    let with = |line: &str| format!("{YARD}{line}\n{SINK}");
    assert!(findings(&with("")).is_empty());
    assert_told(&[
        (
            format!("[[connection]]\nname = \"yard\"\nvendor = \"vxg\"\n{SINK}"),
            r#"1:1: [connection "yard"] token: required, but missing"#,
            r#"add token = { env = "VXG_TOKEN" }"#,
        ),
        (
            with("cameras = [43]"),
            r#"5:12: [connection "yard"] cameras[0]: the token opens camera 42 alone"#,
            "write cameras = [42], or leave it out",
        ),
        (
            with("scheme = \"Bearer\""),
            r#"5:10: [connection "yard"] scheme: unknown value "Bearer""#,
            r#"one of "Acc", "SI", "LKey""#,
        ),
        (
            with("poll_every = \"200ms\""),
            r#"5:14: [connection "yard"] poll_every: 200ms is too often for a server elsewhere"#,
            r#"write "1s" or more"#,
        ),
        (
            with("url = \"https://web.cloud.test/api/v2\""),
            r#"5:7: [connection "yard"] url: the address ends with a path that watchpost adds itself"#,
            r#"write only the server: "https://web.cloud.test""#,
        ),
        (
            with("scheme = \"LKey\"").replace("CAMERA_TOKEN", "HQ_PASSWORD"),
            r#"1:1: [connection "yard"] url: required here, for the token does not tell its server"#,
            r#"add url = "https://web.<installation>.cloud-vms.com", the address of VXG's dashboard"#,
        ),
        (
            with("pol_every = \"5s\""),
            r#"5:1: [connection "yard"] pol_every: unknown key"#,
            "did you mean `poll_every`?",
        ),
    ]);
}

#[test]
fn a_secret_that_cannot_be_fetched_is_told() {
    assert_told(&[
        (
            with_line("password = \"hunter2\""),
            r#"6:12: [connection "hq"] password: a literal secret is refused"#,
            r#"write password = { env = "HQ_PASSWORD" } or password = { file = "…" }"#,
        ),
        (
            with_line("password = 12345"),
            r#"6:12: [connection "hq"] password: expected a table, found an integer"#,
            r#"write password = { env = "HQ_PASSWORD" } or password = { file = "…" }"#,
        ),
        (
            with_line("password = { env = \"NOPE\" }"),
            r#"6:20: [connection "hq"] password.env: the environment variable NOPE is not set"#,
            "set it for the user or service that runs watchpost",
        ),
        (
            with_line("password = { env = \"EMPTY\" }"),
            r#"6:20: [connection "hq"] password.env: the environment variable EMPTY is empty"#,
            "",
        ),
        (
            with_line("password = { env = \"${HQ}\" }"),
            r#"6:20: [connection "hq"] password.env: this is no name of an environment variable"#,
            "write the name alone, of letters, digits and `_`, like env = \"HQ_PASSWORD\"",
        ),
        (
            with_line("password = {}"),
            r#"6:12: [connection "hq"] password: it is not said where the secret is"#,
            "write { env = \"NAME\" } or { file = \"…\" }",
        ),
        (
            with_line("password = { env = \"HQ_PASSWORD\", file = \"x\" }"),
            r#"6:12: [connection "hq"] password: both env and file are given"#,
            "write { env = \"NAME\" } or { file = \"…\" }",
        ),
        (
            with_line("password = { file = \"nope\" }"),
            r#"6:21: [connection "hq"] password.file: cannot read /nowhere/nope: No such file or directory (os error 2)"#,
            "",
        ),
        (
            with_line("password = { file = \"~/secret\" }"),
            r#"6:21: [connection "hq"] password.file: `~` is not expanded"#,
            "write the whole path, or one relative to this file",
        ),
    ]);
}

#[test]
fn mistakes_in_the_engine_section_are_told() {
    let engine = |line: &str| format!("[engine]\n{line}\n{CONNECTION}{SINK}");
    assert_told(&[
        (
            engine("listen = \"0.0.0.0:8780\""),
            "2:10: [engine] listen: 0.0.0.0:8780 can be reached from other machines, so a token is required",
            "add token = { env = \"WATCHPOST_TOKEN\" }, or listen at 127.0.0.1",
        ),
        (
            engine("listen = \"localhost\""),
            "2:10: [engine] listen: \"localhost\" is no address to listen at",
            "write an IP address and a port, like \"127.0.0.1:8780\", or \"off\"",
        ),
        (
            engine("hosts = [\"watch.example.com\", \"https://watch.example.com\"]"),
            "2:31: [engine] hosts[1]: \"https://watch.example.com\" is no name of a host",
            "write it as browsers show it, without scheme, port and path: \"watch.example.com\"",
        ),
        (
            engine("hosts = [\"*\"]"),
            "2:10: [engine] hosts[0]: \"*\" is no name of a host",
            "write it as browsers show it, without scheme, port and path: \"watch.example.com\"",
        ),
        (
            engine("listen = \"8780\""),
            "2:10: [engine] listen: \"8780\" is no address to listen at",
            "write an IP address and a port, like \"127.0.0.1:8780\", or \"off\"",
        ),
        (
            engine("http_tls = { cert = \"a.pem\", key = \"b.pem\" }"),
            "2:12: [engine] http_tls: not available yet",
            "put a proxy that speaks TLS in front of `listen`",
        ),
        (
            engine("synchronous = \"none\""),
            "2:15: [engine] synchronous: unknown value \"none\"",
            "one of \"full\", \"normal\"",
        ),
        (engine("retian = \"7d\""), "2:1: [engine] retian: unknown key", "did you mean `retain`?"),
        (
            engine("token = \"hunter2\""),
            "2:9: [engine] token: a literal secret is refused",
            r#"write token = { env = "WATCHPOST_TOKEN" } or token = { file = "…" }"#,
        ),
        (engine("data_dir = \"\""), "2:12: [engine] data_dir: must not be empty", ""),
        (format!("[[engine]]\n{CONNECTION}{SINK}"), "1:1: engine: expected a table, found an array", "write [engine]"),
    ]);
}

#[test]
fn mistakes_in_a_sink_are_told() {
    let sink = |lines: &str| format!("{CONNECTION}[[sink]]\nname = \"out\"\n{lines}\n");
    let filter = |inner: &str| sink(&format!("kind = \"stdout\"\nfilter = {{ {inner} }}"));
    assert_told(&[
        (
            sink("kind = \"mqtt\""),
            r#"8:1: [sink "out"] url: required, but missing"#,
            r#"add url = "mqtt://127.0.0.1:1883""#,
        ),
        (
            sink("kind = \"mqtt\"\nurl = \"http://broker\""),
            r#"11:7: [sink "out"] url: the address must start with mqtt:// or mqtts://"#,
            r#"write it like "mqtts://host""#,
        ),
        (
            sink("kind = \"mqtt\"\nurl = \"mqtts://broker/topic\""),
            r#"11:7: [sink "out"] url: the address of a broker has no path"#,
            r#"write only the broker: "mqtts://broker"; topics begin with `prefix`"#,
        ),
        (
            sink("kind = \"mqtt\"\nurl = \"mqtts://broker\"\nprefix = \"a/#\""),
            r##"12:10: [sink "out"] prefix: topics cannot begin with "a/#": `+` and `#` have a meaning of their own in MQTT"##,
            r#"write prefix = "site/watchpost", say"#,
        ),
        (
            sink("kind = \"mqtt\"\nurl = \"mqtts://broker\"\npassword = { env = \"HQ_PASSWORD\" }"),
            r#"12:12: [sink "out"] password: a password needs a name"#,
            r#"add username = "watchpost""#,
        ),
        (
            sink("kind = \"mqtt\"\nurl = \"mqtts://broker\"\nhome_asistant = true"),
            r#"12:1: [sink "out"] home_asistant: unknown key"#,
            "did you mean `home_assistant`?",
        ),
        (
            sink("kind = \"mqtt\"\nurl = \"mqtts://broker\"\ndiscovery = \"component\""),
            r#"12:13: warning: [sink "out"] discovery: only Home Assistant is told this"#,
            "add home_assistant = true, or leave this out",
        ),
        (
            sink("kind = \"mqtt\"\nurl = \"mqtts://broker\"\ntls = { client_key = \"/etc/passwd\" }"),
            r#"12:22: [sink "out"] tls.client_key: `client_cert` is missing: a certificate and its private key go together"#,
            r#"add client_cert = "client.pem""#,
        ),
        (
            sink(
                "kind = \"mqtt\"\nurl = \"mqtts://broker\"\ntls = { client_cert = \"nope.pem\", client_key = \"/etc/passwd\" }",
            ),
            r#"12:23: [sink "out"] tls.client_cert: cannot read /nowhere/nope.pem: No such file or directory (os error 2)"#,
            "",
        ),
        (
            sink(
                "kind = \"mqtt\"\nurl = \"mqtts://broker\"\ntls = { client_cert = \"/etc/passwd\", client_key = \"/etc/passwd\" }",
            ),
            r#"12:51: warning: [sink "out"] tls.client_key: /etc/passwd can be read by every user of this machine"#,
            "chmod 600 /etc/passwd",
        ),
        (sink("kind = \"fiel\""), r#"10:8: [sink "out"] kind: unknown value "fiel""#, r#"did you mean "file"?"#),
        (sink(""), r#"8:1: [sink "out"] kind: required, but missing"#, r#"add kind = "stdout""#),
        (sink("kind = \"file\""), r#"8:1: [sink "out"] path: required, but missing"#, r#"add path = "events.jsonl""#),
        (
            sink("kind = \"file\"\npath = \"a\"\nkeep = -1"),
            r#"12:8: [sink "out"] keep: -1 is out of range"#,
            "from 1 to 100000",
        ),
        (
            sink("kind = \"stdout\"\npath = \"a\""),
            r#"11:1: [sink "out"] path: unknown key"#,
            "known here: filter, kind, name",
        ),
        (
            format!("{CONNECTION}{SINK}{SINK}"),
            r#"12:8: [sink "out"] name: the name "out" is taken by an earlier one"#,
            "give each its own name",
        ),
        (
            sink("kind = \"file\"\npath = \"a\"\n[[sink]]\nname = \"b\"\nkind = \"file\"\npath = \"./a\""),
            r#"15:8: [sink "b"] path: another sink already writes this file"#,
            "give each sink its own file",
        ),
        (
            sink(
                "kind = \"mqtt\"\nurl = \"mqtt://127.0.0.1\"\n[[sink]]\nname = \"b\"\nkind = \"mqtt\"\nurl = \"mqtt://127.0.0.1\"\nprefix = \"watchpost\"",
            ),
            r#"16:10: [sink "b"] prefix: another sink has the prefix "watchpost" of this broker already"#,
            "give each sink a `prefix` of its own",
        ),
        (
            sink(
                "kind = \"nats\"\nurl = \"nats://127.0.0.1\"\nbucket = \"a\"\n[[sink]]\nname = \"b\"\nkind = \"nats\"\nurl = \"nats://127.0.0.1\"\nbucket = \"a\"",
            ),
            r#"17:10: [sink "b"] bucket: another sink has the bucket "a" of this broker already"#,
            "give each sink a `bucket` of its own",
        ),
        (
            filter("types = [\"motion.*\", \"[\"]"),
            r#"11:33: [sink "out"] filter.types[1]: "[" is no pattern: unclosed character class; missing ']'"#,
            "`*` stands for anything, `?` for one character, `[ab]` for one of several, `{x,y}` for either",
        ),
        (
            filter("types = []"),
            r#"11:20: [sink "out"] filter.types: the list is empty, so nothing can match"#,
            "leave the key out to match everything",
        ),
        (
            filter("types = \"gap\""),
            r#"11:20: [sink "out"] filter.types: expected an array of strings, found a string"#,
            "write [\"gap\"]",
        ),
        (filter("types = [1]"), r#"11:21: [sink "out"] filter.types[0]: expected a string, found an integer"#, ""),
        (
            filter("origins = [\"lve\"]"),
            r#"11:23: [sink "out"] filter.origins[0]: unknown origin "lve""#,
            r#"did you mean "live"?"#,
        ),
        (
            filter("not = {}"),
            r#"11:18: [sink "out"] filter.not: nothing is named here, so every event would be left out"#,
            "name what to leave out",
        ),
        (
            filter("not = { tpes = [\"gap\"], types = [\"x\"] }"),
            r#"11:20: [sink "out"] filter.not.tpes: unknown key"#,
            "did you mean `types`?",
        ),
        (
            filter("connections = [\"hqq\", \"stores/*\"]"),
            r#"11:27: warning: [sink "out"] filter.connections[0]: no connection is named "hqq""#,
            r#"did you mean "hq"?"#,
        ),
    ]);
}

#[cfg(feature = "nats")]
#[test]
fn mistakes_in_a_nats_sink_are_told() {
    let bare = |lines: &str| format!("{CONNECTION}[[sink]]\nname = \"out\"\nkind = \"nats\"\n{lines}\n");
    let nats = |lines: &str| bare(&format!("url = \"nats://localhost\"\n{lines}"));
    let password = r#"password = { env = "HQ_PASSWORD" }"#;
    assert_told(&[
        (bare(""), r#"8:1: [sink "out"] url: required, but missing"#, r#"add url = "nats://127.0.0.1:4222""#),
        (
            bare("url = \"http://x\""),
            r#"11:7: [sink "out"] url: the address must start with nats:// or tls://"#,
            r#"write it like "tls://host""#,
        ),
        (
            bare("url = \"nats://bus.example.com\""),
            r#"11:7: warning: [sink "out"] url: nats carries the password and what is sent in the clear, unless the server insists on TLS"#,
            "write tls:// if the server has it",
        ),
        (
            bare("url = \"tls://x/stream\""),
            r#"11:7: [sink "out"] url: the address of a NATS server has no path"#,
            r#"write only the server: "tls://x""#,
        ),
        (nats("streem = \"X\""), r#"12:1: [sink "out"] streem: unknown key"#, "did you mean `stream`?"),
        (
            nats("stream = \"my.stream\""),
            r#"12:10: [sink "out"] stream: "my.stream" is no name of a stream"#,
            "a name has letters, digits, `-` and `_`, 200 at most",
        ),
        (
            nats("subject = \"a..b\""),
            r#"12:11: [sink "out"] subject: subjects cannot begin with "a..b""#,
            r#"write levels of letters, digits, `-` and `_`, with dots between: "site.watchpost""#,
        ),
        (
            nats("username = \"w\""),
            r#"8:1: [sink "out"] password: required, but missing"#,
            r#"add password = { env = "NATS_PASSWORD" }"#,
        ),
        (nats(password), r#"12:12: [sink "out"] password: there is no username"#, r#"add username = "…""#),
        (
            nats(&format!("username = \"w\"\n{password}\ntoken = {{ env = \"HQ_PASSWORD\" }}")),
            r#"14:9: [sink "out"] token: `username` is given too, and a login is one of them"#,
            "leave out what the server does not ask for",
        ),
        (
            nats("credentials = { env = \"HQ_PASSWORD\" }"),
            r#"12:15: [sink "out"] credentials: this is no credentials file: it has a user's JWT and the seed of its key in it"#,
            "make one with: nsc generate creds",
        ),
        (
            nats("max_age = \"1m\"\nduplicates = \"2m\""),
            r#"13:14: [sink "out"] duplicates: ids cannot be remembered for longer than events are kept (1m)"#,
            "make it shorter, or `max_age` longer",
        ),
    ]);
}

#[test]
fn mistakes_in_a_webhook_are_told() {
    let bare = |lines: &str| format!("{CONNECTION}[[sink]]\nname = \"out\"\nkind = \"webhook\"\n{lines}\n");
    let hook = |lines: &str| bare(&format!("url = \"https://x\"\n{lines}"));
    let make_a_key = r#"copy the receiver's, or make one for both: echo "whsec_$(openssl rand -base64 32)""#;
    assert_told(&[
        (
            bare(""),
            r#"8:1: [sink "out"] url: required, but missing"#,
            r#"add url = "https://hooks.example.com/events""#,
        ),
        (
            bare("url = \"ws://x\""),
            r#"11:7: [sink "out"] url: the address must start with http:// or https://"#,
            r#"write it like "https://host""#,
        ),
        (
            bare("url = \"http://hooks.example.com\""),
            r#"11:7: warning: [sink "out"] url: http carries events and headers in the clear"#,
            "write https:// if the receiver has it",
        ),
        (
            hook("secret = \"whsec_hunter2\""),
            r#"12:10: [sink "out"] secret: a literal secret is refused"#,
            r#"write secret = { env = "OUT_SECRET" } or secret = { file = "…" }"#,
        ),
        (
            hook("secret = { env = \"HQ_PASSWORD\" }"),
            r#"12:10: [sink "out"] secret: a signing key begins with "whsec_""#,
            make_a_key,
        ),
        (
            hook("secret = { env = \"HOOK_DAMAGED\" }"),
            r#"12:10: [sink "out"] secret: what follows "whsec_" is not base64 (with the `=` at its end, if there is one)"#,
            make_a_key,
        ),
        (
            hook("secret = { env = \"HOOK_SHORT\" }"),
            r#"12:10: [sink "out"] secret: a signing key has 24 to 64 bytes, this one has 22"#,
            make_a_key,
        ),
        (
            hook("secret = { env = \"HOOK_LONG\" }"),
            r#"12:10: [sink "out"] secret: a signing key has 24 to 64 bytes, this one has 66"#,
            make_a_key,
        ),
        (hook("mode = \"binry\""), r#"12:8: [sink "out"] mode: unknown value "binry""#, r#"did you mean "binary"?"#),
        (
            hook("batch = 2"),
            r#"12:9: [sink "out"] batch: only in batch mode can a request hold more than one event"#,
            r#"add mode = "batch", or leave `batch` out"#,
        ),
        (hook("batch = 0"), r#"12:9: [sink "out"] batch: 0 is out of range"#, "from 1 to 1000"),
        (hook("mode = \"batch\"\nbatch = 1001"), r#"13:9: [sink "out"] batch: 1001 is out of range"#, "from 1 to 1000"),
        (hook("tries = 0"), r#"12:9: [sink "out"] tries: 0 is out of range"#, "from 1 to 1000"),
        (hook("timeout = 10"), r#"12:11: [sink "out"] timeout: a duration needs a unit"#, "write \"10s\" for seconds"),
        (
            hook("tls = { insecure = true }"),
            r#"12:20: warning: [sink "out"] tls.insecure: any certificate is accepted: who sits on the way can read what is sent"#,
            r#"name the server's own authority instead: tls = { ca_file = "ca.pem" }"#,
        ),
        (
            hook("path = \"a\""),
            r#"12:1: [sink "out"] path: unknown key"#,
            "known here: batch, filter, headers, kind, mode, name, secret, timeout, tls, tries, url",
        ),
    ]);
}

#[test]
fn mistakes_in_the_headers_of_a_webhook_are_told() {
    let headers = |inner: &str| {
        format!("{CONNECTION}[[sink]]\nname = \"out\"\nkind = \"webhook\"\nurl = \"https://x\"\nheaders = {inner}\n")
    };
    let header = |name: &str| headers(&format!("{{ {name} = {{ env = \"HQ_PASSWORD\" }} }}"));
    let ours = "leave it out; `mode` and `secret` decide about content-type, webhook-* and ce-*";
    let connection = "this header governs the connection, which is watchpost's own";
    let mut cases = vec![
        (
            headers("\"X-Key: hunter2\""),
            r#"12:11: [sink "out"] headers: expected a table, found a string"#.to_owned(),
            "write headers = { … }",
        ),
        (
            headers("{ X-Key = \"hunter2\" }"),
            r#"12:21: [sink "out"] headers.X-Key: a literal secret is refused"#.to_owned(),
            r#"write X-Key = { env = "OUT_X_KEY" } or X-Key = { file = "…" }"#,
        ),
        (
            headers("{ X-Key = { env = \"NOPE\" } }"),
            r#"12:29: [sink "out"] headers.X-Key.env: the environment variable NOPE is not set"#.to_owned(),
            "set it for the user or service that runs watchpost",
        ),
        (
            headers("{ X-Key = { env = \"TWO_LINES\" } }"),
            r#"12:21: [sink "out"] headers.X-Key: the secret has a character in it that a header cannot hold"#
                .to_owned(),
            "headers hold ASCII on one line: is there a line break in it?",
        ),
        (
            headers("{ X-Key = { env = \"HQ_PASSWORD\" }, x-key = { env = \"HQ_PASSWORD\" } }"),
            r#"12:46: [sink "out"] headers.x-key: this header is there already, in another case"#.to_owned(),
            "give each header once",
        ),
    ];
    for name in ["\"X Key\"", "\"\"", "\"é\"", "\"X:\""] {
        let name_alone = name.trim_matches('"');
        let message =
            format!(r#"12:13: [sink "out"] headers.{name_alone}: "{name_alone}" is not the name of a header"#);
        cases.push((header(name), message, "a name has letters, digits and `-`, like X-Api-Key"));
    }
    for name in ["Content-Type", "content-length", "Host", "webhook-id", "Webhook-Signature", "CE-Id", "ce-x"] {
        let message = format!(r#"12:13: [sink "out"] headers.{name}: this header is set by watchpost itself"#);
        cases.push((header(name), message, ours));
    }
    for name in ["Connection", "transfer-encoding", "Expect", "upgrade"] {
        cases.push((header(name), format!(r#"12:13: [sink "out"] headers.{name}: {connection}"#), "leave it out"));
    }
    let cases: Vec<_> = cases.iter().map(|(text, message, hint)| (text.clone(), message.as_str(), *hint)).collect();
    assert_told(&cases);

    // Each is told, and its neighbour too.
    let several = headers("{ \"a b\" = { env = \"NOPE\" }, Host = \"hunter2\", X-Fine = { env = \"HQ_PASSWORD\" } }");
    let told: Vec<_> = findings(&several).into_iter().map(|(message, _)| message).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
}

#[test]
fn text_that_is_no_toml_is_told_with_what_to_do() {
    let after = |line: &str| format!("{CONNECTION}{SINK}{line}\n");
    assert_told(&[
        (
            after("kind = \"file\""),
            "11:1: duplicate key",
            "a key or [section] may be there only once; several connections or sinks are written [[connection]], [[sink]]",
        ),
        (
            with_line("name = hq"),
            "2:8: string values must be quoted, expected literal string",
            "put the value into double quotes",
        ),
        (
            with_line("username = \"CORP\\svc\""),
            "5:18: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\\`, `\"`, `x`, `u`, `U`",
            "in double quotes a backslash starts an escape; write the value in single quotes, or the backslash twice",
        ),
    ]);
}

#[test]
fn warnings_do_not_stop_the_start() {
    let folder = Path::new("/nowhere");
    for (text, warning) in [
        (
            with_added("tls = { insecure = true }"),
            r#"8:20: warning: [connection "hq"] tls.insecure: any certificate is accepted: who sits on the way can read the password"#,
        ),
        (
            with_line("url = \"http://xprotect.example.com\""),
            r#"4:7: warning: [connection "hq"] url: http carries the password in the clear"#,
        ),
        (
            with_row(r#"{ modifier = "include", resource_types = ["camras"], sources = ["*"], events = ["*"] }"#),
            r#"7:57: warning: [connection "hq"] subscribe[0].resource_types[0]: "camras" is no resource type known here"#,
        ),
        (CONNECTION.to_owned(), "warning: there is no [[sink]]: nothing is delivered"),
        (SINK.to_owned(), "warning: there is no [[connection]]: nothing is watched"),
    ] {
        let warnings = check_in(folder, &text).unwrap();
        assert_eq!(warnings.iter().map(first_line).collect::<Vec<_>>(), [warning]);
        assert!(warnings.iter().all(|one| one.severity == Severity::Warning));
    }
}

#[test]
fn http_to_this_machine_is_no_reason_to_warn() {
    for host in ["127.0.0.1:8081", "localhost:8081", "[::1]:8081"] {
        assert_eq!(findings(&with_line(&format!("url = \"http://{host}\""))), [], "{host}");
    }
}

#[test]
fn several_mistakes_are_all_told_in_the_order_of_the_file() {
    let text = "[engine]
retain = 7

[[connection]]
name = \"hq\"
vendor = \"milestone\"
url = \"https://x\"
usrname = \"a\"
password = \"hunter2\"
subscribe = []

[[sink]]
name = \"out\"
kind = \"file\"
";
    let errors = check_in(Path::new("/nowhere"), text).unwrap_err();
    let places: Vec<_> =
        errors.diagnostics().iter().map(|one| (one.place.as_ref().unwrap().line, one.subject.as_str())).collect();
    assert_eq!(
        places,
        [
            (2, "[engine] retain"),
            (4, "[connection \"hq\"] username"),
            (8, "[connection \"hq\"] usrname"),
            (9, "[connection \"hq\"] password"),
            (10, "[connection \"hq\"] subscribe"),
            (12, "[sink \"out\"] path"),
        ]
    );
    assert_eq!(errors.count(), 6);
    assert!(errors.to_string().ends_with("\n6 errors"));
}

#[test]
fn broken_lines_are_told_together_with_mistakes_on_sound_lines_only() {
    let broken = with_line("url = https://x").replace("{ env = \"HQ_PASSWORD\" }", "hunter2");
    let lines: Vec<_> =
        findings(&format!("{broken}[engine]\nretain = 7\n")).into_iter().map(|(message, _)| message).collect();
    // The url is no url and the password is a literal, but first they have to be TOML.
    assert_eq!(
        lines,
        [
            "4:7: string values must be quoted, expected literal string",
            "6:12: string values must be quoted, expected literal string",
            "12:10: [engine] retain: a duration needs a unit",
        ]
    );
}

#[test]
fn a_key_lost_in_a_broken_line_is_not_called_missing() {
    let lines: Vec<_> = findings(&with_line("password = {").replace("password = {", "password {"))
        .into_iter()
        .map(|(message, _)| message)
        .collect();
    assert_eq!(lines, ["6:10: key with no value, expected `=`"]);
}

#[test]
fn a_mistake_is_shown_with_its_line_and_a_caret() {
    let errors = check_in(Path::new("/nowhere"), &with_added("\tping_after\t= 5  # é")).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "w.toml:8:15: [connection \"hq\"] ping_after: a duration needs a unit
 8 |  ping_after = 5  # é
   |               ^
   hint: write \"5s\" for seconds

1 error"
    );
    let coloured = render(errors.diagnostics(), true);
    assert!(coloured.contains("\x1b[1;31m^\x1b[0m"), "{coloured:?}");
}

#[test]
fn control_characters_of_the_file_do_not_reach_the_terminal() {
    let text = format!("{CONNECTION}{SINK}[\"a\\u001b[31m\u{7f}\"]\n# \u{1b}[31m\n");
    let shown = check_in(Path::new("/nowhere"), &text).unwrap_err().to_string();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let pad = "x".repeat(5_000);
    let text = with_added(&format!("tls = {{ a{pad} = 1, insecure = 5, b{pad} = 1 }}"));
    let errors = check_in(Path::new("/nowhere"), &text).unwrap_err();
    let one = errors.diagnostics().iter().find(|one| one.subject.ends_with("insecure")).unwrap();
    let shown = one.to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].contains("insecure = 5") && lines[1].chars().count() < 160, "{shown}");
    let caret = lines[2].chars().position(|c| c == '^').unwrap();
    assert_eq!(lines[1].chars().nth(caret), Some('5'), "{shown}");
    assert_eq!(one.place.as_ref().unwrap().column, "tls = { a = 1, insecure = 5".len() + 5_000);
}

#[test]
fn no_message_shows_a_secret() {
    let literal = "hunter2";
    for text in [
        with_line("password = \"hunter2\""),
        with_line("password = hunter2"),
        with_line("password = \"hunter2"),
        with_line("password = \"\"\"\n a\\q hunter2\n\"\"\""),
        with_line("password = \"\\q hunter2\""),
        with_line("password : hunter2").replace("password :", "password:"),
        with_line("url = \"https://me:hunter2@host/\""),
        with_line("url = \"me:hunter2@host\""),
        with_line("url = https://me:hunter2@host"),
        with_line("url = \"https://host/?token=hunter2\""),
        with_line("password = { env = \"hunter2!\" }"),
        with_line("password = { value = \"hunter2\" }"),
        with_line("password = [\"hunter2\"]"),
        with_added("pasword = \"hunter2\""),
        with_added("pw = \"hunter2\""),
        with_added("api_key = { x = \"hunter2\" }"),
        with_line("vendor = \"een\"").replace("{ env = \"HQ_PASSWORD\" }", "\"hunter2\""),
        format!("connection = [{{ name = 5, vendor = \"milestone\", password = \"hunter2\" }}]\n{SINK}"),
        format!("connection = [{{ name = 5, vendor = \"een\", api_key = \"hunter2\" }}]\n{SINK}"),
        format!(
            "{CONNECTION}[[sink]]\nname = \"a\"\nkind = \"webhook\"\nheaders = {{ Authorization = \"hunter2\", x = 1 }}\n"
        ),
        format!(
            "{CONNECTION}[[sink]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"https://x\"\n\
             headers = {{ X-A = \"hunter2\", \"b b\" = {{ env = \"TWO_LINES\" }} }}\nsecret = {{ env = \"TWO_LINES\" }}\n"
        ),
        format!("{CONNECTION}[[sink]]\nname = \"a\"\nkind = \"webhook\"\nurl = \"http://x/?k=hunter2\"\nbatch = 5\n"),
        format!("[engine]\ntoken = \"hunter2\"\nlisten = \"0.0.0.0:1\"\n{CONNECTION}{SINK}"),
    ] {
        let errors = check_in(Path::new("/nowhere"), &text).unwrap_err();
        for shown in [errors.to_string(), format!("{errors:?}"), render(errors.diagnostics(), true)] {
            assert!(!shown.contains(literal), "{shown}\nof\n{text}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.toml");
    let told = |path: &Path| load(path).unwrap_err().to_string().replace(&path.display().to_string(), "F");

    assert_eq!(
        told(&path),
        "F: there is no such file\n   hint: name the configuration with --config, or start in its folder\n\n1 error"
    );
    assert_eq!(told(folder.path()), "F: this is a folder\n   hint: name the file in it\n\n1 error");
    fs::write(&path, b"[engine]\nretain = \"\xff\"\n").unwrap();
    assert_eq!(told(&path), "F: line 2 is not UTF-8 text\n   hint: save the file with the encoding UTF-8\n\n1 error");
    fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(told(&path), "F: the file is larger than 1 MiB\n   hint: is it the right file?\n\n1 error");
}

#[test]
fn a_secret_file_that_is_no_good_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("s");
    let text = with_line("password = { file = \"s\" }");
    for (content, told) in [
        (&b""[..], "is empty"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (b"\xff", "is not UTF-8 text"),
        (&[b'a'; 70_000], "is larger than 64 KiB"),
    ] {
        fs::write(&secret, content).unwrap();
        let errors = check_in(folder.path(), &text).unwrap_err();
        assert!(errors.to_string().contains(told), "{errors}");
        assert_eq!(errors.count(), 1);
    }
}

#[cfg(unix)]
#[test]
fn a_secret_file_open_to_all_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("s");
    fs::write(&secret, "hunter2\n").unwrap();
    let text = with_line("password = { file = \"s\" }");

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = check_in(folder.path(), &text).unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].subject, "[connection \"hq\"] password.file");
    assert!(warnings[0].message.ends_with("can be read by every user of this machine"), "{}", warnings[0]);

    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(check_in(folder.path(), &text).unwrap(), []);
}
