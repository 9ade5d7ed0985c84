//! The real program, its files, and a simulated system for it.
//!
//! [`Site`] is a system with a folder and a configuration; [`Watchpost`] is the program at work there. Both end with the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

pub mod cloud;

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use watchpost::simulator::milestone::{Options, Simulator};

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// A password that must be escaped in a form, and that nothing else looks like.
pub const PASSWORD: &str = "s3kret &p=ss%w+rd";
/// The same in a form.
pub const PASSWORD_IN_FORM: &str = "s3kret+%26p%3Dss%25w%2Brd";
/// How every token of the simulator begins.
pub const TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.";

/// Polls until something is so.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < until, "in vain for {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A simulated system, and a folder with a configuration for it.
pub struct Site {
    pub simulator: Simulator,
    pub folder: TempDir,
}

impl Site {
    pub fn start() -> Self {
        let options = Options { items: 10, password: PASSWORD.to_owned(), ..Options::default() };
        Self { simulator: Simulator::start(options).unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// A `[[connection]]` to the simulator.
    pub fn connection(&self, name: &str, events: &str) -> String {
        format!(
            "[[connection]]\nname = \"{name}\"\nvendor = \"milestone\"\nurl = \"{}\"\nusername = \"watchpost\"\n\
             password = {{ env = \"SITE_PASSWORD\" }}\nresume_window = \"2s\"\n\
             subscribe = [{{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [{events}] }}]\n",
            self.simulator.url()
        )
    }

    /// The program with these arguments, in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.current_dir(self.folder.path()).env("SITE_PASSWORD", PASSWORD);
        command
    }

    /// Starts the program; what it says goes to the files `stdout` and `stderr`.
    pub fn spawn(&self, arguments: &[&str], rust_log: &str) -> Watchpost {
        let file = |name: &str| File::create(self.path(name)).unwrap();
        let mut command = self.command(arguments);
        command.env("RUST_LOG", rust_log).stdout(file("stdout")).stderr(file("stderr"));
        Watchpost(command.spawn().unwrap())
    }

    /// The whole lines of a file of events.
    pub fn events(&self, name: &str) -> Vec<Value> {
        let text = self.read(name);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Waits until the file tells that the connection is online.
    pub fn wait_online(&self, name: &str) {
        eventually("online", || self.events(name).iter().any(|event| event["data"]["new"] == "online"));
    }
}

/// The program with these arguments, without the environment's say in what is logged and coloured.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_watchpost"));
    command.args(arguments).env_remove("RUST_LOG").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// A program that runs, and is killed at the end of the test at the latest.
pub struct Watchpost(pub Child);

impl Watchpost {
    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.0.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the program has not ended for {DEADLINE:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Watchpost {
    fn drop(&mut self) {
        // It has ended already, where all is well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end: exit status, standard output, standard error.
pub fn finish(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}
