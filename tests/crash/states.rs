//! What was shown, and what a crash has left.

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    fs::File,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    thread,
};

use actix::prelude::*;
use watchpost::{
    actors::{
        ConnectionConfig, Engine, EngineConfig,
        journal::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Page, Reader},
        messages::Watch,
        model::{ConnectionName, Sequence, StateMeaning, event::Committed, filter::Filter, state::State},
        settings::{CommonSettings, Secret},
        vendors::{
            Vendor, VendorSettings,
            milestone::{
                Milestone,
                config::{FilterRow, MilestoneConfig, Modifier, Selection},
            },
        },
        watch::{Subject, WatchUpdate},
    },
    journal::{DataDir, JournalOptions, SqliteJournal},
    simulator::milestone::{Options, Simulator},
};

use crate::durable_support::{MS, Rng, SECOND, Walk, Watchpost, eventually, kill, pace};

/// Where the child keeps its journal, and whom it connects to.
const FOLDER: &str = "WATCHPOST_TEST_FOLDER";
const SYSTEM: &str = "WATCHPOST_TEST_SYSTEM";
const ROUNDS: u64 = 12;
const HQ: &str = "hq";

/// A state as it is compared: sequence, item, group and value in the vendor's words.
type Shown = (u64, String, String, String);

fn shown(sequence: Sequence, item: &str, meaning: &StateMeaning) -> Shown {
    (sequence.0, item.to_owned(), meaning.vendor_group.to_string(), meaning.vendor_value.to_string())
}

fn of(state: &State) -> Shown {
    shown(state.sequence, &state.item.id, state.meaning.state.as_ref().unwrap())
}

/// Prints a state at once: what is written when the process is killed stays written.
fn print(mut out: &File, state: &Shown) {
    let line = serde_json::to_string(state).unwrap() + "\n";
    out.write_all(line.as_bytes()).unwrap();
}

struct Watcher(File);

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(100_000);
    }
}

impl Handler<WatchUpdate> for Watcher {
    type Result = ();

    fn handle(&mut self, update: WatchUpdate, _: &mut Self::Context) {
        match update {
            WatchUpdate::Present { states, .. } | WatchUpdate::Changed(states) => {
                states.iter().for_each(|state| print(&self.0, &of(state)));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn open(folder: &Path) -> SqliteJournal {
    SqliteJournal::open(&DataDir::open(folder).unwrap(), JournalOptions::default()).unwrap()
}

/// A journal on a slow disk, so that a kill often comes while something is being stored.
struct Slow(SqliteJournal);

impl Journal for Slow {
    fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>> {
        pace(20 * MS);
        self.0.append(group)
    }

    fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError> {
        self.0.load(connection)
    }

    fn reader(&mut self) -> Result<Option<Box<dyn Reader>>, JournalError> {
        self.0.reader()
    }

    fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
        self.0.note(key)
    }

    fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
        self.0.set_note(key, note)
    }

    fn trim(&mut self) -> Result<bool, JournalError> {
        self.0.trim()
    }

    fn close(&mut self) -> Result<(), JournalError> {
        self.0.close()
    }
}

impl Reader for Slow {
    fn read(&mut self, ask: &Ask) -> Result<Page, JournalError> {
        self.0.read(ask)
    }

    fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
        self.0.lanes()
    }

    fn at(&mut self, time: jiff::Timestamp) -> Result<Sequence, JournalError> {
        self.0.at(time)
    }

    fn next(&mut self) -> Result<Sequence, JournalError> {
        self.0.next()
    }
}

fn connection(url: &str) -> ConnectionConfig {
    let usual = Options::default();
    let everything = FilterRow {
        modifier: Modifier::Include,
        resource_types: Selection::All,
        sources: Selection::All,
        events: Selection::All,
    };
    let url = url.parse().unwrap();
    let mut vendor = MilestoneConfig::new(url, usual.username, Secret::from(usual.password), vec![everything]);
    vendor.resume_window = 2 * SECOND;
    let mut common = CommonSettings::new(Milestone::HEARTBEAT);
    common.request_timeout = SECOND;
    ConnectionConfig { name: HQ.parse().unwrap(), common, vendor: VendorSettings::Milestone(vendor) }
}

/// The process that is killed: it prints every state that it is shown, as a watcher and as a reader of the map.
fn child(folder: &Path, url: &str) {
    let out = |name: &str| File::options().append(true).create(true).open(folder.join(name)).unwrap();
    let engine = Engine::start(EngineConfig {
        connections: vec![connection(url)],
        journal: Box::new(Slow(open(&folder.join("data")))),
        arbiters: 1,
        ..EngineConfig::default()
    });
    let engine = engine.unwrap();
    let watched = out("watched");
    let watching = engine.clone();
    thread::spawn(move || {
        System::new().block_on(async move {
            let recipient = Watcher(watched).start().recipient();
            let watch = Watch { subject: Subject::States, filter: Filter::everything(), recipient };
            watching.send(watch).await.unwrap();
            std::future::pending::<()>().await;
        });
    });
    let sampled = out("sampled");
    let mut before: HashSet<Shown> = HashSet::new();
    loop {
        let now: HashSet<Shown> = engine.states().query(&Filter::everything()).iter().map(of).collect();
        now.difference(&before).for_each(|state| print(&sampled, state));
        before = now;
        pace(2 * MS);
    }
}

/// Everything that was printed so far, but for half a line at the end.
fn printed(folder: &Path, name: &str) -> Vec<Shown> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every state that the journal holds now, as an event that sets it or as a row.
fn stored(folder: &Path) -> HashSet<Shown> {
    let mut journal = open(&folder.join("data"));
    let mut all = HashSet::new();
    let mut from = Sequence(0);
    loop {
        let page = journal.read(&Ask { from, limit: 4_096, of: None }).unwrap();
        for stored in page.commits.iter().flat_map(|commit| commit.iter()) {
            if let (Some(item), Some(state)) = (&stored.event.item, &stored.event.meaning.state) {
                all.insert(shown(stored.sequence, &item.id, state));
            }
        }
        if page.end <= from {
            break;
        }
        from = page.end;
    }
    let states = journal.load(&HQ.parse().unwrap()).unwrap().states;
    all.extend(states.iter().map(|state| shown(state.sequence, &state.item.id, state.meaning.state.as_ref().unwrap())));
    all
}

#[test]
fn no_state_is_shown_that_a_crash_took_back() {
    if let (Some(folder), Ok(url)) = (env::var_os(FOLDER), env::var(SYSTEM)) {
        return child(Path::new(&folder), &url);
    }
    let simulator = Simulator::start(Options { items: 30, window: 60 * SECOND, ..Options::default() }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let path = folder.path();
    let spawn = || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "states::no_state_is_shown_that_a_crash_took_back", "--nocapture"]);
        command.env(FOLDER, path).env(SYSTEM, simulator.url());
        let said = File::options().append(true).create(true).open(path.join("said")).unwrap();
        Watchpost(command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap())
    };
    let said = || fs::read_to_string(path.join("said")).unwrap_or_default();
    // The first values are no events: they are compared with the rows before anything overwrites those.
    let mut first = spawn();
    eventually("the first states are shown", || {
        assert!(first.0.try_wait().unwrap().is_none(), "{}", said());
        !printed(path, "watched").is_empty() && !printed(path, "sampled").is_empty()
    });
    kill(&mut first);
    let mut known = stored(path);
    let mut checked: HashMap<&str, usize> = HashMap::new();
    let mut rng = Rng::new(u64::from(std::process::id()));
    for round in 0..=ROUNDS {
        for name in ["watched", "sampled"] {
            let printed = printed(path, name);
            let lost: Vec<_> = printed.iter().filter(|state| !known.contains(*state)).collect();
            assert!(lost.is_empty(), "round {round}, {name}: shown and not stored: {lost:#?}");
            checked.insert(name, printed.len());
        }
        if round == ROUNDS {
            break;
        }
        let walk = Walk::start(&simulator, 1_500.0);
        let mut child = spawn();
        let before = checked["watched"];
        eventually("states change", || {
            assert!(child.0.try_wait().unwrap().is_none(), "{}", said());
            printed(path, "watched").len() > before + 300
        });
        pace(rng.between(0, 60) as u32 * MS);
        kill(&mut child);
        drop(walk);
        known.extend(stored(path));
    }
    assert!(checked.values().all(|count| *count > 1_000), "{checked:?}");
}
