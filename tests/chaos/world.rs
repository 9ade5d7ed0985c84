//! The simulators, the brokers and receivers, and the program with its folder.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;
use tempfile::TempDir;
use watchpost::{
    actors::{
        journal::{Ask, Reader as _},
        model::Sequence,
    },
    journal::{DataDir, JournalOptions, SqliteJournal},
    simulator::{een, milestone, simplisafe, vxg},
};

use crate::{
    auditor::{Evidence, Got, Verdict},
    durable_support::{KEY, Line, MS, Receiver, SECOND, Watchpost, eventually, pace},
    http,
    mosquitto::Mosquitto,
    nats::NatsServer,
    plan::Plan,
    readers::Reader,
    troubles::Tally,
    truth,
};

/// How long everything may take to come to rest when the trouble is over: pauses between tries reach a minute.
const REST: Duration = Duration::from_secs(240);
pub(crate) const CODES: [&str; 6] = ["EMES", "EMEE", "EMEU", "AEDC", "AEDD", "AEDH"];

/// What one run has.
pub(crate) struct World {
    pub(crate) milestone: milestone::Simulator,
    pub(crate) een: een::Simulator,
    pub(crate) simplisafe: simplisafe::Simulator,
    pub(crate) vxg: vxg::Simulator,
    pub(crate) hook: Receiver,
    pub(crate) mqtt: Mosquitto,
    pub(crate) nats: NatsServer,
    broker: Reader,
    stream: Reader,
    pub(crate) port: u16,
    pub(crate) program: Option<Watchpost>,
    /// When it was started last.
    pub(crate) started: Instant,
    folder: TempDir,
}

/// Who wants what: a filter as the configuration has it, and the same for the auditor.
type Filter = (&'static str, fn(&Line) -> bool);

const EVERYTHING: Filter = ("", |_| true);
/// A filter of types leaves the engine's own events out unless it names them.
const NO_STATES: Filter =
    ("filter = { vendors = [\"milestone\", \"vxg\"] }", |line| ["hq", "yard"].contains(&&*line.connection));

impl World {
    pub(crate) fn start(plan: &Plan) -> Self {
        let seed = plan.seed;
        let milestone = milestone::Options { items: 12, window: plan.window(), seed, ..milestone::Options::default() };
        let een = een::Options { accounts: 2, cameras: 3, oddities: false, seed, ..een::Options::default() };
        let simplisafe = simplisafe::Options {
            past: 0,
            sensors: 5,
            exit_delay: SECOND,
            entry_delay: SECOND,
            seed,
            faults: vec![simplisafe::Fault::FromOlder],
            ..simplisafe::Options::default()
        };
        let vxg = vxg::Options { past: 0, seed, ..vxg::Options::default() };
        let mqtt = Mosquitto::with("allow_anonymous true\nmax_queued_messages 0\nmax_queued_bytes 0");
        let broker = Reader::of_broker(mqtt.port);
        eventually("somebody listens at the broker", || mqtt.log().contains("chaos 1 watchpost/"));
        let port = free_port();
        let mut world = Self {
            milestone: milestone::Simulator::start(milestone).unwrap(),
            een: een::Simulator::start(een).unwrap(),
            simplisafe: simplisafe::Simulator::start(simplisafe).unwrap(),
            vxg: vxg::Simulator::start(vxg).unwrap(),
            hook: Receiver::start(),
            mqtt,
            nats: NatsServer::start(),
            broker,
            stream: Reader::of_stream(port),
            port,
            program: None,
            started: Instant::now(),
            folder: tempfile::Builder::new().prefix("watchpost-chaos-").tempdir().unwrap(),
        };
        fs::write(world.path("watchpost.toml"), world.configuration(plan)).unwrap();
        world.run();
        eventually("everything is online", || world.are_online());
        eventually("the states are those of the simulators", || {
            world.evidence(plan, world.file()).wrong_states().is_empty()
        });
        eventually("the stream has begun", || world.stream.begin().is_some());
        world
    }

    fn configuration(&self, plan: &Plan) -> String {
        let (file, hook) = (EVERYTHING.0, NO_STATES.0);
        format!(
            r#"[engine]
listen = "127.0.0.1:{port}"
name_wait = "300ms"

[[connection]]
name = "hq"
vendor = "milestone"
url = "{milestone}"
username = "watchpost"
password = {{ env = "SITE_PASSWORD" }}
resume_window = "{window}s"
snapshot_timeout = "1s"
ping_after = "200ms"
dead_after = "1200ms"
request_timeout = "1s"
subscribe = [{{ modifier = "include", resource_types = ["*"], sources = ["*"], events = ["*"] }}]

[[connection]]
name = "stores"
vendor = "een"
username = "watchpost"
password = {{ env = "SITE_PASSWORD" }}
accounts = "all"
resources = ["status", "event"]
events = ["EMES", "EMEE", "EMEU", "AEDC", "AEDD", "AEDH"]
logins_per_second = 500
relist_every = "300ms"
auth_url = "{een}"
api_url = "{branded}"
ping_after = "200ms"
dead_after = "1200ms"
request_timeout = "2s"

[[connection]]
name = "home"
vendor = "simplisafe"
refresh_token = {{ env = "HOME_TOKEN" }}
auth_url = "{simplisafe}"
api_url = "{simplisafe}"
socket_url = "{socket}"
poll_every = "300ms"
ping_after = "200ms"
dead_after = "1200ms"
request_timeout = "3s"

[[connection]]
name = "yard"
vendor = "vxg"
token = {{ env = "YARD_TOKEN" }}
url = "{vxg}"
poll_every = "100ms"
poll_most = "400ms"
status_every = "150ms"
overlap = "2s"
sweep = "10m"
sweep_every = "1s"
request_timeout = "1s"

[[sink]]
name = "file"
kind = "file"
path = "events.jsonl"
rotate_size = "100GiB"
{file}

[[sink]]
name = "hook"
kind = "webhook"
url = "{receiver}"
secret = {{ env = "HOOK_SECRET" }}
mode = "batch"
batch = 20
timeout = "1s"
{hook}

[[sink]]
name = "mqtt"
kind = "mqtt"
url = "{mqtt}"
timeout = "2s"

[[sink]]
name = "nats"
kind = "nats"
url = "{nats}"
mode = "structured"
timeout = "2s"
"#,
            port = self.port,
            window = plan.window().as_secs(),
            milestone = self.milestone.url(),
            een = self.een.url(),
            branded = self.een.branded_url(),
            simplisafe = self.simplisafe.url(),
            socket = self.simplisafe.socket_url(),
            vxg = self.vxg.url(),
            receiver = self.hook.url(),
            mqtt = self.mqtt.url(),
            nats = self.nats.url(),
        )
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the program. A write beyond the largest allowed size of a file fails, and does not end it.
    pub(crate) fn run(&mut self) {
        let run = format!("trap '' XFSZ; exec {} run", env!("CARGO_BIN_EXE_watchpost"));
        let append = |name: &str| File::options().append(true).create(true).open(self.path(name)).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &run]).current_dir(self.folder.path()).stdin(Stdio::null());
        command
            .env("SITE_PASSWORD", "watchpost")
            .env("HOOK_SECRET", KEY)
            .env("RUST_LOG", "info")
            .env_remove("NO_COLOR");
        command.env("HOME_TOKEN", self.simplisafe.refresh_token()).env("YARD_TOKEN", self.vxg.group_token());
        command.stdout(append("stdout")).stderr(append("stderr"));
        self.program = Some(Watchpost(command.spawn().unwrap()));
        self.started = Instant::now();
    }

    /// How connections are, by name; empty while nobody answers.
    fn connections(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = http::list(self.port, "/api/v1/connections").unwrap_or_default();
        all.iter().map(|one| (text(&one["name"]), text(&one["state"]))).collect()
    }

    fn are_online(&self) -> bool {
        let all = self.connections();
        // Two accounts and the reseller's own are connections of their own.
        all.len() == 6 && all.iter().all(|(_, state)| state == "online")
    }

    /// What somebody does after a refused login: the program does not show a secret again by itself.
    pub(crate) fn insist(&self) {
        for (name, _) in self.connections().iter().filter(|(_, state)| state == "halted") {
            let name = name.replace('/', "%2F");
            http::ask(self.port, "POST", &format!("/api/v1/connections/{name}/restart"));
        }
    }

    /// Lets a little happen everywhere.
    pub(crate) fn happen(&self, much: usize) {
        self.milestone.emit(much);
        self.een.emit(1 + much / 4);
        self.vxg.emit(1);
        if much.is_multiple_of(3) {
            self.simplisafe.emit(1);
        }
    }

    fn file(&self) -> Vec<Line> {
        let text = fs::read_to_string(self.path("events.jsonl")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| Line::read(line).unwrap()).collect()
    }

    /// What there is to judge, with these lines for the journal.
    fn evidence(&self, plan: &Plan, journal: Vec<Line>) -> Evidence {
        let states = http::list(self.port, "/api/v1/states").unwrap_or_default();
        truth::evidence(self, plan, journal, &states)
    }

    /// Waits for rest, ends the program, and collects what is to be judged.
    pub(crate) fn settle(&mut self, plan: &Plan, tally: &Tally) -> (Evidence, Duration) {
        let began = Instant::now();
        let mut asked: Option<Instant> = None;
        let mut happened = false;
        let evidence = loop {
            if asked.is_none_or(|at| at.elapsed() > SECOND) {
                asked = Some(Instant::now());
                self.insist();
            }
            let is_online = self.are_online();
            if is_online && !happened {
                // Something that comes in the ordinary way, so that there is a last event.
                self.happen(12);
                happened = true;
            }
            let evidence = self.evidence(plan, distinct(self.file()));
            if is_online && happened && evidence.judge().is_clean() && self.is_delivered() || began.elapsed() > REST {
                break evidence;
            }
            pace(300 * MS);
        };
        let waited = began.elapsed();
        let mut odd = tally.died.clone();
        if waited > REST {
            odd.push(format!("no rest after {waited:?}: {:?} {:?}", self.connections(), self.sinks()));
        }
        let ended = SystemTime::now();
        let program = self.program.as_mut().unwrap();
        program.signal("TERM");
        let status = program.wait();
        odd.extend(self.stream.odd());
        odd.extend(self.broker.odd());
        if status.code() != Some(0) {
            odd.push(format!("the program ended with {status}"));
        }
        let (file, hook, nats) = (self.file(), self.hook.accepted(), self.kept());
        let journal = journal(&self.path("watchpost-data"));
        let last = self.last_of(&journal);
        eventually("the broker has passed on what it has taken", || {
            self.broker.lines().iter().rev().take(400).any(|line| line.sequence >= last)
                || began.elapsed() > REST + Duration::from_secs(30)
        });
        let before: u64 = journal.iter().rfind(|line| line.recorded() < ended).map_or(0, |line| line.sequence);
        let begin = self.stream.begin().unwrap_or(u64::MAX);
        let sinks = vec![
            Got::of("file", EVERYTHING.1, file),
            Got::of("hook", NO_STATES.1, hook),
            Got::of("mqtt", EVERYTHING.1, self.broker.lines()),
            Got::of("nats", EVERYTHING.1, nats),
            // A stream ends with the program, and need not tell its last words.
            Got { from: begin, to: before, ..Got::of("stream", EVERYTHING.1, self.stream.lines()) },
        ];
        (Evidence { journal, sinks, odd, ..evidence }, waited)
    }

    fn last_of(&self, journal: &[Line]) -> u64 {
        journal.last().map_or(0, |line| line.sequence)
    }

    /// Whether every sink says that it has everything.
    fn is_delivered(&self) -> bool {
        self.sinks().is_some_and(|sinks| {
            sinks.len() == 4 && sinks.iter().all(|sink| sink["behind"]["events"].as_u64() == Some(0))
        })
    }

    fn sinks(&self) -> Option<Vec<Value>> {
        http::list(self.port, "/api/v1/sinks")
    }

    fn kept(&self) -> Vec<Line> {
        self.nats.messages("WATCHPOST").iter().map(|kept| Line::read(&kept.payload).unwrap()).collect()
    }

    /// Keeps the folder of a run that failed, with what was done and what was found.
    pub(crate) fn keep(&mut self, tally: &Tally, verdict: &Verdict) {
        self.folder.disable_cleanup(true);
        fs::write(self.path("steps"), tally.steps.join("\n")).unwrap();
        fs::write(self.path("verdict"), verdict.in_full()).unwrap();
        eprintln!("all of it is kept in {}", self.folder.path().display());
    }

    /// Takes everything down.
    pub(crate) fn end(self) {
        self.milestone.stop();
        self.een.stop();
        self.simplisafe.stop();
        self.vxg.stop();
    }
}

/// The first of each line.
fn distinct(lines: Vec<Line>) -> Vec<Line> {
    let mut seen = std::collections::HashSet::new();
    lines.into_iter().filter(|line| seen.insert(line.sequence)).collect()
}

/// Everything that the journal holds, in order.
fn journal(folder: &Path) -> Vec<Line> {
    let mut journal = SqliteJournal::open(&DataDir::open(folder).unwrap(), JournalOptions::default()).unwrap();
    let (mut lines, mut from) = (Vec::new(), Sequence(0));
    loop {
        let page = journal.read(&Ask { from, limit: 4_096, of: None }).unwrap();
        for commit in &page.commits {
            lines.extend(commit.iter().map(|stored| Line::read(stored.to_line().trim_end()).unwrap()));
        }
        if page.end <= from {
            return lines;
        }
        from = page.end;
    }
}

fn free_port() -> u16 {
    // That of a server of the test, which knows how to find one that stays free.
    NatsServer::stopped("", |options| options).port
}
