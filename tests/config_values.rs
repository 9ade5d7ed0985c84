//! What a configuration says arrives as it was meant, and no text at all makes the reader fall over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use proptest::prelude::*;
use watchpost::config::{
    Config, FileSink, Listen, Secrets, SigningKey, SigningKeyError, SinkKind, Surroundings, Synchronous, WebhookMode,
    WebhookSink, load, parse,
};
#[cfg(feature = "nats")]
use watchpost::config::{NatsLimits, NatsLogin, NatsMode, NatsSink};
use watchpost_actors::{
    settings::{ByteSize, CommonSettings, FilterSettings, Heartbeat, TlsSettings},
    vendors::{
        VendorSettings,
        milestone::config::{EventType, FilterRow, MilestoneConfig, Modifier, Selection, User},
    },
};

const CONNECTION: &str = r#"
[[connection]]
name     = "hq"
vendor   = "milestone"
url      = "https://xprotect.example.com"
username = "svc-watchpost"           # DOMAIN\user is a Windows user, anything else a basic user
password = { env = "HQ_PASSWORD" }   # or { file = "/run/secrets/hq" }; a literal is refused with a hint
subscribe = [ { modifier = "include", resource_types = ["cameras"], sources = ["*"], events = ["*"] } ]
"#;

const PASSWORD: &str = " p&ss+w%rd é\t";

fn variable(name: &str) -> Option<OsString> {
    match name {
        "HQ_PASSWORD" => Some(PASSWORD.into()),
        "HOOK_SECRET" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()),
        "HOOK_TOKEN" => Some("Bearer t0ken".into()),
        _ => None,
    }
}

fn read(text: &str) -> Config {
    parse(text, "w.toml", &Surroundings::new("/etc/watchpost", variable)).unwrap_or_else(|errors| panic!("{errors}"))
}

fn milestone(config: &Config) -> &MilestoneConfig {
    match &config.connections[0].vendor {
        VendorSettings::Milestone(settings) => settings,
        other => panic!("{other:?}"),
    }
}

fn webhook(lines: &str) -> WebhookSink {
    let config = read(&format!("{CONNECTION}[[sink]]\nname = \"hook\"\nkind = \"webhook\"\n{lines}\n"));
    assert_eq!(config.warnings, []);
    match &config.sinks[0].kind {
        SinkKind::Webhook(settings) => settings.clone(),
        other => panic!("{other:?}"),
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_milestone_user_is_basic_of_windows_or_a_service() {
    let user = |lines: &str| {
        let text = CONNECTION.lines().filter(|line| !line.starts_with("username") && !line.starts_with("password"));
        let config = read(&format!("{}\n{lines}", text.collect::<Vec<_>>().join("\n")));
        let settings = milestone(&config).clone();
        assert_eq!(settings.password.expose(), PASSWORD);
        settings.user
    };
    let password = "password = { env = \"HQ_PASSWORD\" }";
    assert_eq!(user(&format!("username = \"a@b\"\n{password}")), User::Basic("a@b".to_owned()));
    let service = user("client_id = \"vms\"\nclient_secret = { env = \"HQ_PASSWORD\" }");
    assert_eq!(service, User::Service("vms".to_owned()));
    #[cfg(feature = "windows-auth")]
    {
        let windows = watchpost::actors::transport::WindowsUser::parse("CORP\\svc").unwrap();
        assert_eq!(user(&format!("username = 'CORP\\svc'\n{password}")), User::Windows(windows));
    }
}

#[test]
fn a_webhook_is_read_with_all_that_can_be_said() {
    let bare = webhook("url = \"https://hooks.example.com/vms?k=1\"");
    assert_eq!(bare.url.as_str(), "https://hooks.example.com/vms?k=1");
    assert!(bare.secret.is_none() && bare.headers.is_empty());
    assert_eq!((bare.mode, bare.batch, bare.tries), (WebhookMode::Structured, 1, 10));
    assert_eq!((bare.timeout, bare.tls), (10 * SECOND, TlsSettings::default()));

    // http to this machine is no reason to warn.
    let full = webhook(
        r#"
url     = "http://127.0.0.1:8080"
secret  = { env = "HOOK_SECRET" }
headers = { Authorization = { env = "HOOK_TOKEN" }, X-Site = { env = "HOOK_TOKEN" } }
mode    = "Batch"
batch   = 1000
timeout = "100ms"
tries   = 1
"#,
    );
    assert_eq!(full.secret.as_ref().map(|key| key.expose().len()), Some(24));
    let headers: Vec<_> = full.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    assert_eq!(headers, [("Authorization", "Bearer t0ken"), ("X-Site", "Bearer t0ken")]);
    assert_eq!((full.mode, full.batch, full.tries), (WebhookMode::Batch, 1_000, 1));
    assert_eq!(full.timeout, SECOND / 10);
    let shown = format!("{full:?}");
    assert!(shown.contains("Authorization") && !shown.contains("t0ken") && !shown.contains("MfKQ"), "{shown}");
}

#[cfg(feature = "nats")]
fn nats(lines: &str) -> NatsSink {
    let config = read(&format!("{CONNECTION}[[sink]]\nname = \"bus\"\nkind = \"nats\"\n{lines}\n"));
    assert_eq!(config.warnings, []);
    match &config.sinks[0].kind {
        SinkKind::Nats(settings) => settings.clone(),
        other => panic!("{other:?}"),
    }
}

#[cfg(feature = "nats")]
#[test]
fn a_nats_sink_is_read_with_all_that_can_be_said() {
    // In the clear to this machine is no reason to warn, however it is written.
    for url in ["nats://127.0.0.1:4222", "nats://localhost", "nats://[::1]:4222"] {
        let bare = nats(&format!("url = \"{url}\""));
        assert!(matches!(bare.login, NatsLogin::Nobody) && !bare.tls_required, "{bare:?}");
        assert_eq!((&*bare.stream, &*bare.subject, &*bare.bucket), ("WATCHPOST", "watchpost", "watchpost-states"));
        assert_eq!((bare.mode, bare.timeout, bare.limits), (NatsMode::Binary, 10 * SECOND, NatsLimits::default()));
    }
    let full = nats(
        r#"
url        = "tls://bus.example.com"
username   = "w"
password   = { env = "HOOK_TOKEN" }
stream     = "SITE_1"
subject    = "site-1.watchpost"
bucket     = "site-1"
mode       = "structured"
max_age    = "5m"
max_bytes  = "1GiB"
replicas   = 3
timeout    = "1s"
"#,
    );
    assert!(full.tls_required);
    assert_eq!((&*full.stream, &*full.subject, &*full.bucket), ("SITE_1", "site-1.watchpost", "site-1"));
    assert_eq!((full.limits.max_age, full.limits.replicas), (300 * SECOND, 3));
    assert_eq!(full.limits.max_bytes.map(|size| size.as_u64()), Some(1 << 30));
    assert_eq!(full.limits.duplicates, 300 * SECOND, "no longer than events are kept");
    let shown = format!("{full:?}");
    assert!(shown.contains("\"w\"") && !shown.contains("t0ken"), "{shown}");
}

#[test]
fn a_signing_key_has_24_to_64_bytes() {
    let key = |bytes: usize| {
        // Without padding, so that each length in bytes is one of text.
        assert_eq!(bytes % 3, 0);
        SigningKey::parse(&format!("whsec_{}", "abcd".repeat(bytes / 3))).map(|key| key.expose().len())
    };
    assert_eq!((key(24), key(63)), (Ok(24), Ok(63)));
    assert_eq!((key(21), key(66)), (Err(SigningKeyError::Length(21)), Err(SigningKeyError::Length(66))));
    let longest = SigningKey::parse(&format!("whsec_{}AA==", "abcd".repeat(21)));
    assert_eq!(longest.map(|key| key.expose().len()), Ok(64));
}

#[test]
fn the_documented_example_is_read() {
    let config = read(&format!(
        r#"
[engine]
data_dir = "watchpost-data"          # journal and checkpoints
listen   = "127.0.0.1:8780"          # API and dashboard; "off" to disable
retain   = "7d"                      # how long the journal keeps events
# token  = {{ env = "WATCHPOST_TOKEN" }}   required when `listen` is not loopback
{CONNECTION}
[[sink]]
name   = "alerts"
kind   = "stdout"
filter = {{ connections = ["hq", "stores/*"], types = ["motion.*", "gap"], items = ["cameras/*"], names = ["Lobby*"] }}
"#
    ));
    assert_eq!(config.warnings, []);
    assert_eq!(config.engine.data_dir, Path::new("/etc/watchpost/watchpost-data"));
    let connection = &config.connections[0];
    assert_eq!((connection.name.as_str(), connection.vendor.name()), ("hq", "milestone"));
    let settings = milestone(&config);
    assert_eq!(settings.url.as_str(), "https://xprotect.example.com/");
    assert_eq!(settings.user, User::Basic("svc-watchpost".to_owned()));
    assert_eq!(settings.password.expose(), PASSWORD);
    assert_eq!(
        settings.subscribe,
        [FilterRow {
            modifier: Modifier::Include,
            resource_types: Selection::Only(vec!["cameras".into()]),
            sources: Selection::All,
            events: Selection::All,
        }]
    );
    let sink = &config.sinks[0];
    assert_eq!(sink.name, "alerts");
    assert!(matches!(sink.kind, SinkKind::Stdout));
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        sink.filter,
        FilterSettings {
            connections: strings(&["hq", "stores/*"]),
            types: strings(&["motion.*", "gap"]),
            items: strings(&["cameras/*"]),
            names: strings(&["Lobby*"]),
            ..FilterSettings::default()
        }
    );
}

#[test]
fn every_default_is_the_documented_one() {
    let config = read(&format!("{CONNECTION}[[sink]]\nname = \"f\"\nkind = \"file\"\npath = \"events.jsonl\"\n"));
    let engine = &config.engine;
    assert_eq!(engine.data_dir, Path::new("/etc/watchpost/watchpost-data"));
    assert_eq!(engine.listen, Listen::At("127.0.0.1:8780".parse().unwrap()));
    assert!(engine.token.is_none());
    assert!(engine.hosts.is_empty());
    assert_eq!(engine.retain, 7 * 86_400 * SECOND);
    assert_eq!(engine.synchronous, Synchronous::Full);
    assert_eq!(engine.max_journal, ByteSize::gib(4));
    assert_eq!(engine.max_undelivered, ByteSize::gib(2));
    assert_eq!(engine.name_wait, 2 * SECOND);

    let common = &config.connections[0].common;
    assert_eq!(common.backfill_on_first_start, Duration::ZERO);
    assert_eq!((common.ping_after, common.dead_after), (5 * SECOND, 12 * SECOND));
    assert_eq!(common.max_message, ByteSize::mib(32));
    assert_eq!(common.request_timeout, 20 * SECOND);
    assert_eq!(common.tls, TlsSettings { ca_file: None, insecure: false });
    let others = CommonSettings::new(Heartbeat::UNHURRIED);
    assert_eq!((others.ping_after, others.dead_after), (20 * SECOND, 50 * SECOND));

    assert_eq!(milestone(&config).resume_window, 30 * SECOND);
    assert_eq!(milestone(&config).snapshot_timeout, 180 * SECOND);

    let SinkKind::File(file) = &config.sinks[0].kind else { panic!("{:?}", config.sinks[0]) };
    assert_eq!(file.path, Path::new("/etc/watchpost/events.jsonl"));
    assert_eq!((file.rotate_size, file.rotate_every, file.keep), (ByteSize::mib(100), 86_400 * SECOND, 10));
    assert_eq!(
        (FileSink::ROTATE_SIZE, FileSink::ROTATE_EVERY, FileSink::KEEP),
        (ByteSize::mib(100), 86_400 * SECOND, 10)
    );
    assert!(config.sinks[0].filter.is_empty());
}

#[test]
fn every_key_arrives_as_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), "").unwrap();
    fs::write(folder.path().join("token"), "t0ken \r\n").unwrap();
    let path = folder.path().join("watchpost.toml");
    let text = r#"
        [engine]
        data_dir = "/var/lib/watchpost"
        listen = "[::]:80"
        token = { file = "token" }
        hosts = ["Watch.Example.com.", "watch"]
        retain = "36h"
        synchronous = "normal"
        max_journal = "10GiB"
        max_undelivered = "512MiB"
        name_wait = "0s"
        [[connection]]
        name = "hq"
        vendor = "milestone"
        url = "https://x/base/"
        username = "user@site"
        password = { file = "token" }
        backfill_on_first_start = "1h"
        ping_after = "200ms"
        dead_after = "500ms"
        max_message = "1MiB"
        request_timeout = "3s"
        tls = { ca_file = "ca.pem" }
        resume_window = "2s"
        snapshot_timeout = "1m"
        [[connection.subscribe]]
        modifier = "Include"
        resource_types = ["*"]
        sources = ["{25D08C6A-CC08-4498-8772-242111F9840C}"]
        events = ["6EB95DD6-7ccc-4bce-99f8-af0d0b582d77", "Motion Started"]
        [[connection.subscribe]]
        modifier = "exclude"
        resource_types = ["cameras", "inputEvents"]
        sources = ["*"]
        events = ["*"]
        [[sink]]
        name = "f"
        kind = "file"
        path = "/tmp/e.jsonl"
        rotate_size = "1MB"
        rotate_every = "1h"
        keep = 3
        [sink.filter]
        vendors = ["milestone"]
        groups = ["recording"]
        origins = ["live", "re*"]
        not = { names = ["Test*"] }
    "#;
    fs::write(&path, text).unwrap();
    let config = load(&path).unwrap_or_else(|errors| panic!("{errors}"));

    let engine = &config.engine;
    assert_eq!(engine.data_dir, Path::new("/var/lib/watchpost"));
    assert_eq!(engine.listen, Listen::At("[::]:80".parse().unwrap()));
    // One line break at the end is the editor's; a blank before it is the secret's.
    assert_eq!(engine.token.as_ref().unwrap().expose(), "t0ken ");
    assert_eq!(engine.hosts, ["watch.example.com", "watch"]);
    assert_eq!(engine.retain, 36 * 3_600 * SECOND);
    assert_eq!(engine.synchronous, Synchronous::Normal);
    assert_eq!((engine.max_journal, engine.max_undelivered), (ByteSize::gib(10), ByteSize::mib(512)));
    assert_eq!(engine.name_wait, Duration::ZERO);

    let common = &config.connections[0].common;
    assert_eq!(common.backfill_on_first_start, 3_600 * SECOND);
    assert_eq!((common.ping_after, common.dead_after), (SECOND / 5, SECOND / 2));
    assert_eq!((common.max_message, common.request_timeout), (ByteSize::mib(1), 3 * SECOND));
    assert_eq!(common.tls, TlsSettings { ca_file: Some(folder.path().join("ca.pem")), insecure: false });

    let settings = milestone(&config);
    assert_eq!((settings.resume_window, settings.snapshot_timeout), (2 * SECOND, 60 * SECOND));
    assert_eq!(settings.subscribe.len(), 2);
    let row = &settings.subscribe[0];
    assert_eq!(row.modifier, Modifier::Include);
    assert_eq!(row.resource_types, Selection::All);
    let Selection::Only(sources) = &row.sources else { panic!("{row:?}") };
    assert_eq!(sources[0].to_string(), "25d08c6a-cc08-4498-8772-242111f9840c");
    let Selection::Only(events) = &row.events else { panic!("{row:?}") };
    assert!(matches!(&events[0], EventType::Id(id) if id.to_string() == "6eb95dd6-7ccc-4bce-99f8-af0d0b582d77"));
    assert_eq!(events[1], EventType::Name("Motion Started".into()));
    assert_eq!(settings.subscribe[1].modifier, Modifier::Exclude);

    let SinkKind::File(file) = &config.sinks[0].kind else { panic!("{:?}", config.sinks[0]) };
    assert_eq!(file.path, Path::new("/tmp/e.jsonl"));
    assert_eq!((file.rotate_size, file.rotate_every, file.keep), (ByteSize::bytes(1_000_000), 3_600 * SECOND, 3));
    let filter = &config.sinks[0].filter;
    assert_eq!(
        (&filter.vendors[..], &filter.groups[..]),
        (&["milestone".to_owned()][..], &["recording".to_owned()][..])
    );
    assert_eq!(filter.origins, ["live", "re*"]);
    assert_eq!(filter.not.as_ref().unwrap().names, ["Test*"]);
}

#[test]
fn several_connections_are_kept_in_the_order_of_the_file() {
    let second = CONNECTION.replace("\"hq\"", "\"branch\"");
    let config = read(&format!("{CONNECTION}{second}"));
    assert_eq!(config.connections.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["hq", "branch"]);
}

#[test]
fn listening_can_be_turned_off() {
    assert_eq!(read(&format!("[engine]\nlisten = \"off\"\n{CONNECTION}")).engine.listen, Listen::Off);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_do_no_harm() {
    let text = format!("\u{feff}{CONNECTION}").replace('\n', "\r\n");
    assert_eq!(read(&text).connections.len(), 1);
    let errors = parse(&text.replace("svc-watchpost", ""), "w.toml", &Surroundings::new("", variable)).unwrap_err();
    let place = errors.diagnostics()[0].place.clone().unwrap();
    assert_eq!((place.line, place.column), (6, 12));
    let errors = parse("\u{feff}x = 1", "w.toml", &Surroundings::new("", variable)).unwrap_err();
    let place = errors.diagnostics()[0].place.clone().unwrap();
    assert_eq!((place.line, place.column, place.text.starts_with("x = ")), (1, 1, true));
}

#[test]
fn a_password_arrives_intact_and_is_never_printed() {
    let config = read(&format!("{CONNECTION}[engine]\ntoken = {{ env = \"HQ_PASSWORD\" }}\n"));
    assert_eq!(milestone(&config).password.expose(), PASSWORD);
    for shown in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(!shown.contains("ss+w") && shown.contains("[secret]"), "{shown}");
    }
}

#[test]
fn the_default_data_folder_is_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.toml");
    fs::write(&path, "").unwrap();
    assert_eq!(load(&path).unwrap().engine.data_dir, folder.path().join("watchpost-data"));
    assert_eq!(
        parse("", "w", &Surroundings::new("", variable)).unwrap().engine.data_dir,
        PathBuf::from("watchpost-data")
    );
}

#[test]
fn a_large_file_of_another_kind_is_judged_in_good_time() {
    for piece in
        ["=", "a", "[", "x=\n", "[[connection]]\n", "{a=1,", "\"", "\u{1b}", "a.b.", "[[sink]]\nname=1\n", "x='\n"]
    {
        let text = piece.repeat((128 << 10) / piece.len());
        let start = Instant::now();
        let shown = parse(&text, "w.toml", &Surroundings::new("", variable)).unwrap_err().to_string();
        assert!(start.elapsed() < 30 * SECOND, "{piece:?} took {:?}", start.elapsed());
        assert!(shown.len() < 100_000, "{piece:?} gives {} bytes of messages", shown.len());
    }
}

/// Pieces of configurations, put together at random: nearer to what a person gets wrong than random bytes are.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("[[connection]]\n".to_owned()),
        Just("[[sink]]\n".to_owned()),
        Just("[engine]\n".to_owned()),
        Just("[connection.tls]\n".to_owned()),
        Just("[[connection.subscribe]]\n".to_owned()),
        Just("vendor = \"milestone\"\n".to_owned()),
        Just("kind = \"file\"\n".to_owned()),
        (
            prop_oneof![
                "name|url|username|password|subscribe|tls|filter|listen|token|retain|path|keep|max_message|ping_after|not",
                "[a-z_.]{1,8}"
            ],
            prop_oneof![
                Just("=".to_owned()),
                Just(" = ".to_owned()),
                Just(":".to_owned()),
                Just("".to_owned())
            ],
            value()
        )
            .prop_map(|(key, sign, value)| format!("{key}{sign}{value}\n")),
        ".{0,12}",
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "\"[a-z0-9:/.*@\\\\é]{0,12}\"",
        "'[^'\n]{0,8}'",
        "-?[0-9]{1,22}",
        "[0-9]{1,3}(s|ms|d|MiB|GiB)".prop_map(|text| format!("\"{text}\"")),
        Just("true".to_owned()),
        Just("1979-05-27".to_owned()),
        Just("nan".to_owned()),
        Just("\"\"\"\nx\n\"\"\"".to_owned()),
        Just("{ env = \"HQ_PASSWORD\" }".to_owned()),
        Just("{ file = \"/dev/null\" }".to_owned()),
        ".{0,6}",
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            proptest::collection::vec(("[a-z_]{1,8}|modifier|sources|events|types|not", inner), 0..4).prop_map(
                |items| {
                    let items: Vec<_> = items.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
                    format!("{{ {} }}", items.join(", "))
                }
            ),
        ]
    })
}

#[test]
fn secrets_that_nobody_needs_are_not_fetched_and_the_rest_of_the_file_is_checked() {
    let text = format!(
        "[engine]\ntoken = {{ env = \"API_TOKEN\" }}\n{CONNECTION}[[sink]]\nname = \"hook\"\nkind = \"webhook\"\n\
         url = \"https://x\"\nsecret = {{ env = \"HOOK_SECRET\" }}\nheaders = {{ X-Key = {{ env = \"HOOK_TOKEN\" }} }}\n"
    );
    let asked = |secrets, text: &str| {
        let asked = std::cell::RefCell::new(Vec::new());
        let surroundings = Surroundings::new("/nowhere", |name| {
            asked.borrow_mut().push(name.to_owned());
            variable(name)
        });
        let outcome = parse(text, "w.toml", &surroundings.with_secrets(secrets));
        (outcome, asked.take())
    };
    let (outcome, names) = asked(Secrets::All, &text);
    assert!(outcome.unwrap_err().to_string().contains("API_TOKEN"));
    assert_eq!(names, ["API_TOKEN", "HQ_PASSWORD", "HOOK_SECRET", "HOOK_TOKEN"]);
    let (outcome, names) = asked(Secrets::OfSinks, &text);
    let config = outcome.unwrap();
    assert_eq!(names, ["HOOK_SECRET", "HOOK_TOKEN"]);
    assert_eq!(milestone(&config).password.expose(), "");
    let SinkKind::Webhook(hook) = &config.sinks[0].kind else { panic!("{:?}", config.sinks) };
    assert!(hook.secret.is_some() && hook.headers[0].1.expose() == "Bearer t0ken");

    let with_file = text.replace("{ env = \"HOOK_SECRET\" }", "{ file = \"absent\" }");
    let (outcome, names) = asked(Secrets::Unfetched, &with_file);
    assert_eq!((outcome.unwrap().sinks.len(), names), (1, vec![]));
    for (old, new) in
        [("{ env = \"HQ_PASSWORD\" }", "\"literal\""), ("HQ_PASSWORD", "no name"), ("username", "usrname")]
    {
        let (outcome, _) = asked(Secrets::Unfetched, &text.replacen(old, new, 1));
        assert!(outcome.is_err(), "{new}");
    }
}

fn judge(text: &str) -> Result<(), TestCaseError> {
    let Err(errors) = parse(text, "w.toml", &Surroundings::new("/nowhere", variable)) else {
        return Ok(());
    };
    prop_assert!(errors.count() > 0);
    prop_assert!(!errors.to_string().is_empty());
    let lines: Vec<&str> = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').collect();
    for place in errors.diagnostics().iter().filter_map(|one| one.place.as_ref()) {
        let (before, marked) = place.caret;
        prop_assert!(marked > 0 && before + marked <= place.text.chars().count() + 1, "{place:?}");
        let line = lines.get(place.line - 1);
        prop_assert!(line.is_some_and(|line| place.column <= line.chars().count() + 1), "{place:?} in {text:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        judge(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}") {
        judge(&text)?;
    }

    #[test]
    fn no_mixture_of_configurations_makes_the_reader_panic(text in pieces()) {
        judge(&text)?;
    }
}
