//! A simulated Eagle Eye cloud, with a folder and configurations for it.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use tempfile::TempDir;
use watchpost::simulator::een::{Options, Simulator};

use super::{PASSWORD, finish, program};

/// The user of every connection.
pub const USER: &str = "ops@example.com";
/// The code that the cloud sends, where it sends one.
pub const CODE: &str = "4711";

/// Two-factor authentication is on.
pub fn two_factor() -> Options {
    Options { two_factor: Some(CODE.to_owned()), ..Options::default() }
}

/// A simulated cloud, and a folder with a configuration for it.
pub struct Cloud {
    pub simulator: Simulator,
    pub folder: TempDir,
}

impl Cloud {
    pub fn start(options: Options) -> Self {
        let options = Options { username: USER.to_owned(), password: PASSWORD.to_owned(), oddities: false, ..options };
        Self { simulator: Simulator::start(options).unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    /// A cloud, and a configuration with one connection `stores` with these keys besides the usual ones.
    pub fn with(options: Options, keys: &str) -> Self {
        let cloud = Self::start(options);
        cloud.configure(&cloud.connection("stores", keys));
        cloud
    }

    /// A `[[connection]]` to the cloud.
    pub fn connection(&self, name: &str, keys: &str) -> String {
        format!(
            "[[connection]]\nname = \"{name}\"\nvendor = \"een\"\nusername = \"{USER}\"\npassword = {{ env = \"EEN_PASSWORD\" }}\n\
             auth_url = \"{url}\"\n{keys}\n",
            url = self.simulator.url()
        )
    }

    /// Writes `watchpost.toml`, with a sink.
    pub fn configure(&self, connections: &str) {
        let sink = "[[sink]]\nname = \"screen\"\nkind = \"stdout\"\n";
        fs::write(self.folder.path().join("watchpost.toml"), connections.to_owned() + sink).unwrap();
    }

    /// The program with these arguments, in the folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.current_dir(self.folder.path()).env("EEN_PASSWORD", PASSWORD);
        command
    }

    /// Runs it to its end, with nobody at standard input.
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        finish(self.command(arguments))
    }

    /// Runs it to its end, with these lines typed.
    pub fn run_typing(&self, arguments: &[&str], lines: &str) -> (Option<i32>, String, String) {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Who ends early does not read them all.
        let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// How often an endpoint was called.
    pub fn tried(&self, endpoint: &str) -> u64 {
        self.simulator.counters().of(endpoint).tried
    }
}
