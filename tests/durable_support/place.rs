//! A folder with a configuration, simulated systems, and the program at work there.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use watchpost::simulator::milestone::{Options, Simulator};

use super::{KEY, Line, Receiver, Tail, Watchpost, eventually, program};

/// A simulated system and the connection to it.
pub struct System {
    pub name: String,
    pub simulator: Simulator,
}

/// The program at work.
pub type Program = Watchpost;

/// Everything that one test needs. The program itself is the test's.
pub struct Place {
    pub systems: Vec<System>,
    pub folder: TempDir,
    /// As the configuration says; the systems keep sessions for longer, but for those of [`Place::expiring`].
    window: Duration,
}

impl Place {
    /// So many systems of ten cameras each, named `a`, `b`, … Sessions are kept for long enough that no restart loses one.
    pub fn start(systems: usize) -> Self {
        Self::with_window(systems, Duration::from_secs(10), Duration::from_secs(60))
    }

    /// Systems that keep lost sessions just as long as the configuration says.
    pub fn expiring(systems: usize, window: Duration) -> Self {
        Self::with_window(systems, window, window)
    }

    fn with_window(systems: usize, window: Duration, kept: Duration) -> Self {
        let system = |nth: u8| {
            let options = Options { items: 10, window: kept, seed: u64::from(nth), ..Options::default() };
            System { name: char::from(b'a' + nth).to_string(), simulator: Simulator::start(options).unwrap() }
        };
        let systems = (0..u8::try_from(systems).unwrap()).map(system).collect();
        Self { systems, folder: tempfile::tempdir().unwrap(), window }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A file of events, to read as it grows.
    pub fn tail(&self, name: &str) -> Tail {
        Tail::new(self.path(name), 0)
    }

    /// The only system.
    pub fn simulator(&self) -> &Simulator {
        &self.systems[0].simulator
    }

    /// Writes the configuration: what is said of the engine, all systems, and these sinks.
    pub fn configure(&self, engine: &str, sinks: &str) {
        let window = humantime::format_duration(self.window);
        let connection = |system: &System| {
            format!(
                "[[connection]]\nname = \"{}\"\nvendor = \"milestone\"\nurl = \"{}\"\nusername = \"watchpost\"\n\
                 password = {{ env = \"SITE_PASSWORD\" }}\nresume_window = \"{window}\"\nping_after = \"200ms\"\n\
                 dead_after = \"3s\"\nsubscribe = [{{ modifier = \"include\", resource_types = [\"*\"], \
                 sources = [\"*\"], events = [\"*\"] }}]\n",
                system.name,
                system.simulator.url()
            )
        };
        let connections: String = self.systems.iter().map(connection).collect();
        let config = format!("[engine]\nlisten = \"off\"\n{engine}\n{connections}\n{sinks}");
        fs::write(self.path("watchpost.toml"), config).unwrap();
    }

    /// A file sink, with these lines added.
    pub fn file_sink(name: &str, more: &str) -> String {
        format!("[[sink]]\nname = \"{name}\"\nkind = \"file\"\npath = \"{name}.jsonl\"\n{more}\n")
    }

    /// A webhook sink that delivers to `receiver`, with these lines added.
    pub fn webhook_sink(name: &str, receiver: &Receiver, more: &str) -> String {
        format!(
            "[[sink]]\nname = \"{name}\"\nkind = \"webhook\"\nurl = \"{}\"\nsecret = {{ env = \"HOOK_SECRET\" }}\n{more}\n",
            receiver.url()
        )
    }

    /// Makes a command one that is run here.
    pub fn at_home(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path());
        command.env("SITE_PASSWORD", "watchpost").env("HOOK_SECRET", KEY).env("RUST_LOG", "info");
        command.stdin(Stdio::null()).stdout(self.append("stdout")).stderr(self.append("stderr"));
        command
    }

    /// A file of this name, to write behind what is there.
    fn append(&self, name: &str) -> File {
        File::options().append(true).create(true).open(self.path(name)).unwrap()
    }

    /// Starts the program. What it says is added to the files `stdout` and `stderr`.
    pub fn run(&self) -> Program {
        Watchpost(self.at_home(program(&["run"])).spawn().unwrap())
    }

    /// The program, such that a write beyond the largest allowed size of a file fails, and does not end it; see [`limit`].
    pub fn limited(&self, bytes: Option<u64>) -> Command {
        let run = format!("trap '' XFSZ; exec prlimit {} {} run", fsize(bytes), env!("CARGO_BIN_EXE_watchpost"));
        let mut command = Command::new("sh");
        command.args(["-c", &run]).env_remove("NO_COLOR");
        self.at_home(command)
    }

    /// Starts the program so.
    pub fn run_limited(&self, bytes: Option<u64>) -> Program {
        Watchpost(self.limited(bytes).spawn().unwrap())
    }

    /// Starts the program and waits until every connection is online, as a file sink tells.
    pub fn run_until_online(&self, file: &mut Tail) -> Program {
        let before = file.read().len();
        let program = self.run();
        self.wait_online(file, before);
        program
    }

    /// Waits until every connection was told to be online behind the first `before` lines.
    pub fn wait_online(&self, file: &mut Tail, before: usize) {
        eventually("every connection is online", || {
            let lines = &file.read()[before..];
            let online = |system: &System| {
                let of_it = lines.iter().filter(|line| line.connection == system.name);
                of_it
                    .rev()
                    .find(|line| line.kind == "engine.connection")
                    .is_some_and(|line| line.json()["data"]["new"] == "online")
            };
            self.systems.iter().all(online)
        });
    }

    /// Lets so many events happen in every system.
    pub fn emit(&self, count: usize) {
        self.systems.iter().for_each(|system| system.simulator.emit(count));
    }

    /// The ids that are owed by all systems together.
    pub fn owed(&self) -> usize {
        self.systems.iter().map(|system| super::owed(system).len()).sum()
    }

    /// Ends the program in an orderly way.
    #[track_caller]
    pub fn end(&self, mut program: Program) {
        program.signal("TERM");
        let status = program.wait();
        assert_eq!(status.code(), Some(0), "{}", self.read("stderr"));
    }
}

/// Ends a program at once.
pub fn kill(program: &mut Program) -> ExitStatus {
    program.0.kill().unwrap();
    program.0.wait().unwrap()
}

/// From now on a running program's writes beyond so many bytes into a file fail.
pub fn limit(program: &Program, bytes: Option<u64>) {
    let pid = program.0.id().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &fsize(bytes)]).status().unwrap();
    assert!(set.success());
}

fn fsize(bytes: Option<u64>) -> String {
    format!("--fsize={}:unlimited", bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string()))
}

/// How many different events of systems there are.
pub fn distinct(lines: &[Line]) -> usize {
    let ids: std::collections::HashSet<&str> =
        lines.iter().filter(|line| line.is_vendors()).map(|line| &*line.id).collect();
    ids.len()
}
