//! `GET /metrics` of the real program: simulated systems of all vendors, a sink, and the rules of Prometheus.
#![cfg(all(unix, feature = "simulator", feature = "sqlite", feature = "http"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../cli_support/mod.rs"]
mod cli_support;
mod lint;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use cli_support::{DEADLINE, Watchpost, eventually, program};
use lint::Exposition;
use serde_json::Value;
use tempfile::TempDir;
use watchpost::{
    http::metrics::table::{Kind, METRICS},
    simulator::{een, milestone, simplisafe, vxg},
};

/// What simulated users have as a password.
const PASSWORD: &str = "s3kret";
/// The connections, with their vendors.
const ALL: [(&str, &str); 4] = [("hq", "milestone"), ("stores", "een"), ("home", "simplisafe"), ("yard", "vxg")];

/// A folder with a configuration, and the program that runs there.
struct Running {
    folder: TempDir,
    program: Watchpost,
    address: String,
}

impl Running {
    /// Starts it, and waits until it says where it answers.
    fn start(folder: TempDir, connections: &str, variables: &[(&str, String)]) -> Self {
        let engine = "[engine]\nlisten = \"127.0.0.1:0\"\n";
        let sink = "[[sink]]\nname = \"file\"\nkind = \"file\"\npath = \"events.jsonl\"\n";
        fs::write(folder.path().join("watchpost.toml"), [engine, connections, sink].concat()).unwrap();
        let log = folder.path().join("stderr");
        let mut command = program(&["run"]);
        command.current_dir(folder.path()).envs(variables.iter().map(|(name, value)| (name, value)));
        command.env("RUST_LOG", "info").stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let program = Watchpost(command.spawn().unwrap());
        let told = || {
            let log = fs::read_to_string(&log).unwrap_or_default();
            let at = log.split_once("Dashboard and API are at http://")?.1;
            Some(at.split_once('/')?.0.to_owned())
        };
        eventually("it tells its address", || told().is_some());
        let address = told().unwrap();
        Self { folder, program, address }
    }

    /// A connection on which this was sent, and nothing more will be.
    fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.replace("HOST", &self.address).as_bytes()).unwrap();
        stream
    }

    /// The body of a good answer.
    fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
        (head.to_ascii_lowercase(), body.to_owned())
    }

    fn text(&self) -> String {
        self.get("/metrics").1
    }

    /// Reads the metrics until they are so.
    #[track_caller]
    fn wait(&self, patience: Duration, so: impl Fn(&Exposition) -> bool) {
        let until = Instant::now() + patience;
        loop {
            let text = self.text();
            if so(&Exposition::read(&text)) {
                return;
            }
            assert!(Instant::now() < until, "in vain for {patience:?}:\n{text}\n{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }
}

fn stores(cloud: &een::Simulator, keys: &str) -> String {
    format!(
        "[[connection]]\nname = \"stores\"\nvendor = \"een\"\nusername = \"ops@example.com\"\npassword = {{ env = \"PASSWORD\" }}\n\
         auth_url = \"{}\"\naccounts = \"all\"\n{keys}\n",
        cloud.url()
    )
}

fn cloud(accounts: usize, cameras: usize) -> een::Simulator {
    let (username, password) = ("ops@example.com".to_owned(), PASSWORD.to_owned());
    let options = een::Options { accounts, cameras, username, password, oddities: false, ..een::Options::default() };
    een::Simulator::start(options).unwrap()
}

/// `promtool`, where the machine has it: in the path, or where `scripts/test` puts it.
fn promtool() -> Option<PathBuf> {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/promtool/usr/bin/promtool"));
    [own, "promtool".into()].into_iter().find(|tool| Command::new(tool).arg("--version").output().is_ok())
}

#[track_caller]
fn assert_good(text: &str) {
    let all = Exposition::read(text);
    assert_eq!(all.lint(), [""; 0], "{text}");
    for (name, family) in &all.families {
        let metric =
            METRICS.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!(family.kind.as_deref(), Some(metric.kind.as_str()), "{name}");
        assert_eq!(family.help.as_deref(), Some(metric.help), "{name}");
        for sample in &family.samples {
            let labels: Vec<_> = sample.own_labels().into_keys().collect();
            assert_eq!(labels, metric.labels, "{name}");
        }
        if let Kind::Histogram(bounds) = metric.kind {
            let told: BTreeSet<_> = family.samples.iter().filter_map(|sample| sample.labels.get("le")).collect();
            assert_eq!(told.len(), bounds.len() + 1, "{name}: {told:?}");
        }
    }
    let Some(tool) = promtool() else { return };
    let mut check = Command::new(tool);
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().unwrap();
    check.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = check.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success() && said.is_empty(), "promtool: {said}");
}

#[test]
fn what_a_running_watchpost_tells_of_four_vendors_and_a_sink_keeps_to_the_rules() {
    let password = PASSWORD.to_owned();
    let site = milestone::Simulator::start(milestone::Options { items: 10, password, ..milestone::Options::default() })
        .unwrap();
    let cloud = cloud(3, 2);
    let house = simplisafe::Simulator::start(simplisafe::Options::default()).unwrap();
    let yard = vxg::Simulator::start(vxg::Options { past: 0, ..vxg::Options::default() }).unwrap();
    let connections = [
        format!(
            "[[connection]]\nname = \"hq\"\nvendor = \"milestone\"\nurl = \"{}\"\nusername = \"watchpost\"\n\
             password = {{ env = \"PASSWORD\" }}\nresume_window = \"2s\"\n\
             subscribe = [{{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }}]\n",
            site.url()
        ),
        stores(&cloud, ""),
        format!(
            "[[connection]]\nname = \"home\"\nvendor = \"simplisafe\"\nrefresh_token = {{ env = \"HOME_TOKEN\" }}\n\
             auth_url = \"{url}\"\napi_url = \"{url}\"\nsocket_url = \"{}\"\n",
            house.socket_url(),
            url = house.url()
        ),
        format!(
            "[[connection]]\nname = \"yard\"\nvendor = \"vxg\"\ntoken = {{ env = \"YARD_TOKEN\" }}\nscheme = \"SI\"\ncameras = \"all\"\nurl = \"{}\"\n",
            yard.url()
        ),
    ];
    let variables =
        [("PASSWORD", PASSWORD.to_owned()), ("HOME_TOKEN", house.refresh_token()), ("YARD_TOKEN", yard.group_token())];
    let mut running = Running::start(tempfile::tempdir().unwrap(), &connections.concat(), &variables);
    let (head, _) = running.get("/metrics");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    for (vendor, count) in [("milestone", 1.0), ("een", 4.0), ("simplisafe", 1.0), ("vxg", 1.0)] {
        let labels = [("vendor", vendor), ("state", "online")];
        running.wait(DEADLINE, |metrics| metrics.sum("watchpost_connections", &labels) == Some(count));
    }
    site.emit(300);
    running.wait(DEADLINE, |metrics| {
        metrics.sum("watchpost_events_total", &[("connection", "hq")]).is_some_and(|came| came >= 300.0)
    });
    site.drop_sockets(milestone::DropHow::Reset);
    // The journal is measured once a second.
    running.wait(DEADLINE, |metrics| {
        let lost = [("connection", "hq"), ("how", "lost"), ("reason", "closed")];
        let delivered = metrics.sum("watchpost_sink_events_delivered_total", &[("sink", "file")]);
        metrics.sum("watchpost_connection_tries_ended_total", &lost) == Some(1.0)
            && metrics.sum("watchpost_sink_backlog_events", &[("sink", "file")]) == Some(0.0)
            && delivered == metrics.sum("watchpost_events_total", &[])
            && metrics.sum("watchpost_journal_bytes", &[]) > Some(0.0)
    });
    let text = running.text();
    assert_good(&text);
    let metrics = Exposition::read(&text);
    for (connection, vendor) in ALL {
        let of = [("connection", connection), ("vendor", vendor)];
        assert!(metrics.sum("watchpost_events_total", &of) > Some(0.0), "{connection}: {text}");
        assert!(metrics.sum("watchpost_states", &[("vendor", vendor)]) > Some(0.0), "{vendor}: {text}");
        assert!(metrics.sum("watchpost_connection_online_total", &[("connection", connection)]) >= Some(1.0));
    }
    for some in [
        "watchpost_journal_bytes",
        "watchpost_journal_commit_seconds_count",
        "watchpost_lookup_seconds_count",
        "watchpost_large_messages_limit_bytes",
        "watchpost_sink_lag_seconds_count",
        "process_start_time_seconds",
    ] {
        assert!(metrics.sum(some, &[]) > Some(0.0), "{some}: {text}");
    }
    let lag = metrics.sum("watchpost_event_lag_seconds_count", &[("connection", "hq")]);
    assert!(lag > Some(0.0), "{text}");
    let list: Value = serde_json::from_str(&running.get("/api/v1/connections").1).unwrap();
    let list = list["items"].as_array().unwrap();
    let hq = list.iter().find(|connection| connection["name"] == "hq").unwrap().to_string();
    let tells_lag =
        hq.split_once("\"lag\":").is_some_and(|(_, lag)| lag.starts_with(|first: char| first.is_ascii_digit()));
    assert!(tells_lag, "{hq}");

    running.program.signal("TERM");
    assert_eq!(running.program.wait().code(), Some(0), "{}", running.log());
}

#[test]
fn clients_are_counted_while_they_are_there_and_by_why_they_were_cut_off() {
    let site = vxg::Simulator::start(vxg::Options { past: 0, ..vxg::Options::default() }).unwrap();
    let yard = format!(
        "[[connection]]\nname = \"yard\"\nvendor = \"vxg\"\ntoken = {{ env = \"TOKEN\" }}\ncameras = \"all\"\nurl = \"{}\"\n",
        site.url()
    );
    let variables = [("TOKEN", site.group_token())];
    let running = Running::start(tempfile::tempdir().unwrap(), &yard, &variables);
    let streams = [("events", "events/stream"), ("states", "states/stream"), ("both", "stream")];
    let open = streams.map(|(_, path)| running.send(&format!("GET /api/v1/{path} HTTP/1.1\r\nHost: HOST\r\n\r\n")));
    let late = [
        ("idle", ""),
        ("head", "GET /heal"),
        ("head", "GET /healthz HTTP/1.1\r\nHost: HOST\r\nX-More: "),
        (
            "body",
            "POST /api/v1/dead-letters/retry HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        ),
    ];
    let begun = Instant::now();
    let kept = late.map(|(_, request)| running.send(request));
    // A later head, too.
    let later = running.send("GET /healthz HTTP/1.1\r\nHost: HOST\r\n\r\n");
    (&later).read_exact(&mut [0]).unwrap();
    (&later).write_all(b"GET ").unwrap();
    // And the one that asks.
    let all = Some((open.len() + kept.len() + 2) as f64);
    running.wait(Duration::from_secs(4), |metrics| metrics.sum("watchpost_http_connections", &[]) == all);
    for (kind, _) in streams {
        let is_open = |metrics: &Exposition| metrics.sum("watchpost_http_streams", &[("kind", kind)]) == Some(1.0);
        running.wait(DEADLINE, is_open);
    }
    let counts = [("idle", 1.0), ("head", 3.0), ("body", 1.0)];
    let cut = |metrics: &Exposition, why| metrics.sum("watchpost_http_cut_off_total", &[("why", why)]);
    running.wait(DEADLINE, |metrics| counts.iter().all(|(why, count)| cut(metrics, why) >= Some(*count)));
    assert!(begun.elapsed() > Duration::from_secs(9), "a body has ten seconds");
    let left = Some(open.len() as f64 + 1.0);
    running.wait(DEADLINE, |metrics| metrics.sum("watchpost_http_connections", &[]) == left);
    let text = running.text();
    assert_good(&text);
    for (why, count) in counts {
        assert_eq!(cut(&Exposition::read(&text), why), Some(count), "{why}: {text}");
    }
    drop(open);
    running.wait(DEADLINE, |metrics| metrics.sum("watchpost_http_connections", &[]) == Some(1.0));
}

#[test]
fn two_thousand_sub_accounts_have_the_series_of_one_connection() {
    const ACCOUNTS: usize = 2_000;
    let cloud = cloud(ACCOUNTS, 1);
    let keys = "logins_per_second = 1000\nrequest_timeout = \"60s\"";
    let variables = [("PASSWORD", PASSWORD.to_owned())];
    let running = Running::start(tempfile::tempdir().unwrap(), &stores(&cloud, keys), &variables);
    let all = Some(ACCOUNTS as f64 + 1.0);
    let online = [("vendor", "een"), ("state", "online")];
    running.wait(Duration::from_secs(240), |metrics| metrics.sum("watchpost_connections", &online) == all);
    let text = running.text();
    assert_good(&text);
    let metrics = Exposition::read(&text);
    for sample in metrics.samples() {
        let connection = sample.labels.get("connection");
        assert!(connection.is_none_or(|connection| connection == "stores"), "{sample:?}");
        // A child's name has a slash, as the pattern of a route has.
        let is_child = |(label, value): (&String, &String)| label != "route" && value.contains('/');
        assert!(!sample.labels.iter().any(is_child), "{sample:?}");
    }
    assert!(metrics.sum("watchpost_connection_online_total", &[("connection", "stores")]) >= all, "{text}");
    assert!(metrics.samples().count() < 600, "{text}");
}
