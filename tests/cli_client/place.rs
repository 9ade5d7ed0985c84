//! A running watchpost with its systems, and commands that ask it.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use serde_json::Value;
use tempfile::TempDir;
use watchpost::simulator::{milestone, simplisafe, vxg};

use crate::cli_support::{DEADLINE, PASSWORD, Watchpost, eventually, finish, program};

/// The token of a running watchpost that has one.
pub const TOKEN: &str = "correct horse battery staple";

/// A port that nobody has now.
pub fn free_port() -> u16 {
    crate::port::own()
}

/// A running watchpost, its folder, and the systems behind it.
pub struct Place {
    pub folder: TempDir,
    pub port: u16,
    pub milestone: milestone::Simulator,
    pub running: Option<Watchpost>,
}

impl Place {
    /// A connection `hq` to a simulated XProtect with ten cameras, and what is given besides; it runs, and `hq` is online.
    pub fn start(engine: &str, more: &str) -> Self {
        let mut place = Self::stopped(engine, more);
        place.run();
        place
    }

    pub fn stopped(engine: &str, more: &str) -> Self {
        let options = milestone::Options { items: 10, password: PASSWORD.to_owned(), ..milestone::Options::default() };
        let simulator = milestone::Simulator::start(options).unwrap();
        let place =
            Self { folder: tempfile::tempdir().unwrap(), port: free_port(), milestone: simulator, running: None };
        place.configure(engine, more);
        place
    }

    pub fn configure(&self, engine: &str, more: &str) {
        let hq = format!(
            "[engine]\nlisten = \"127.0.0.1:{}\"\n{engine}\n\
             [[connection]]\nname = \"hq\"\nvendor = \"milestone\"\nurl = \"{}\"\nusername = \"watchpost\"\n\
             password = {{ env = \"SITE_PASSWORD\" }}\nresume_window = \"2s\"\n\
             subscribe = [{{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }}]\n",
            self.port,
            self.milestone.url()
        );
        fs::write(self.path("watchpost.toml"), hq + more).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts it, and waits until `hq` is online.
    pub fn run(&mut self) {
        let mut command = self.command(&["run"]);
        command.env("TOKEN", TOKEN).stdout(Stdio::null()).stderr(File::create(self.path("log")).unwrap());
        self.running = Some(Watchpost(command.spawn().unwrap()));
        eventually("hq is online", || {
            let (code, stdout, _) = self.ask(&["connections", "--json"]);
            code == Some(0) && rows(&stdout).iter().any(|row| row["name"] == "hq" && row["state"] == "online")
        });
    }

    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.signal("TERM");
            assert_eq!(running.wait().code(), Some(0), "{}", fs::read_to_string(self.path("log")).unwrap());
        }
    }

    /// The program with these arguments, in the folder, which has a configuration.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.current_dir(self.folder.path()).env("SITE_PASSWORD", PASSWORD);
        command.env_remove("WATCHPOST_URL").env_remove("WATCHPOST_TOKEN");
        command
    }

    /// The program with these arguments, which asks the one that runs by its address.
    pub fn asking(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("WATCHPOST_TOKEN", TOKEN).arg("--url").arg(self.url());
        command
    }

    pub fn ask(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        finish(self.asking(arguments))
    }

    /// What a command answers that must succeed.
    #[track_caller]
    pub fn text(&self, arguments: &[&str]) -> String {
        let (code, stdout, stderr) = self.ask(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}: {stdout}");
        stdout
    }

    /// That it ends with this status, nothing on standard output, and these words.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str], status: i32, words: &[&str]) {
        let (code, stdout, stderr) = self.ask(arguments);
        assert_eq!((code, stdout.as_str()), (Some(status), ""), "{arguments:?}: {stderr}");
        for word in words {
            assert!(stderr.contains(word), "{arguments:?}: {word} in:\n{stderr}");
        }
    }

    /// A command that follows something, line by line.
    pub fn follow(&self, arguments: &[&str]) -> Follower {
        Follower::new(self.asking(arguments))
    }

    /// Ids of what the vendor has sent, in order.
    pub fn emitted(&self) -> Vec<String> {
        self.milestone.ledger().events.iter().map(|event| format!("hq:{}", event.id)).collect()
    }
}

/// An array of JSON.
pub fn rows(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

/// A command whose lines are read as they come.
pub struct Follower {
    pub process: Watchpost,
    lines: mpsc::Receiver<String>,
    pub seen: Vec<String>,
}

impl Follower {
    pub fn new(mut command: Command) -> Self {
        let mut process = Watchpost(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let (sender, lines) = mpsc::channel();
        let stdout: ChildStdout = process.0.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                if line.map_or(true, |line| sender.send(line).is_err()) {
                    return;
                }
            }
        });
        Self { process, lines, seen: Vec::new() }
    }

    /// Reads until a line is as it should be.
    #[track_caller]
    pub fn until(&mut self, what: &str, so: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.lines.recv_timeout(DEADLINE);
            let line = line.unwrap_or_else(|error| panic!("{what}: {error} after:\n{}", self.seen.join("\n")));
            self.seen.push(line.clone());
            if so(&line) {
                return line;
            }
        }
    }

    /// Ends it as a person does, and answers what it has said on standard error.
    pub fn end(mut self) -> String {
        self.process.signal("INT");
        assert_eq!(self.process.wait().code(), Some(0));
        self.seen.extend(self.lines.iter());
        std::io::read_to_string(self.process.0.stderr.take().unwrap()).unwrap()
    }
}

/// A receiver of webhooks that answers with the status that it is told to.
pub struct Receiver {
    pub port: u16,
    status: Arc<AtomicU16>,
    pub accepted: Arc<AtomicUsize>,
}

impl Receiver {
    pub fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            status: Arc::new(AtomicU16::new(status)),
            accepted: Arc::default(),
        };
        let (status, accepted) = (Arc::clone(&receiver.status), Arc::clone(&receiver.accepted));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (status, accepted) = (Arc::clone(&status), Arc::clone(&accepted));
                thread::spawn(move || serve(stream.unwrap(), &status, &accepted));
            }
        });
        receiver
    }

    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// A `[[sink]]` that delivers motion to it, and gives up at once what is refused.
    pub fn sink(&self) -> String {
        format!(
            "[[sink]]\nname = \"alerts\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/\"\ntries = 1\n\
             filter = {{ types = [\"motion.*\"] }}\n",
            self.port
        )
    }
}

fn serve(stream: TcpStream, status: &AtomicU16, accepted: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let status = status.load(Ordering::SeqCst);
        accepted.fetch_add(usize::from(status < 300), Ordering::SeqCst);
        if write!(stream, "HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n").is_err() {
            return;
        }
    }
}

/// A cloud of VXG, as a connection `cloud`.
pub fn vxg_cloud() -> (vxg::Simulator, String) {
    let options = vxg::Options { trigger_delay: std::time::Duration::from_millis(200), ..vxg::Options::default() };
    let simulator = vxg::Simulator::start(options).unwrap();
    let url = simulator.url();
    let text = format!(
        "[[connection]]\nname = \"cloud\"\nvendor = \"vxg\"\ntoken = {{ file = \"vxg.token\" }}\nurl = \"{url}\"\npoll_every = \"1s\"\n"
    );
    (simulator, text)
}

/// A house of SimpliSafe, as a connection `home`.
pub fn house() -> (simplisafe::Simulator, String) {
    let options = simplisafe::Options { faults: vec![simplisafe::Fault::OneUse], ..simplisafe::Options::default() };
    let simulator = simplisafe::Simulator::start(options).unwrap();
    let (url, socket) = (simulator.url(), simulator.socket_url());
    let text = format!(
        "[[connection]]\nname = \"home\"\nvendor = \"simplisafe\"\nrefresh_token = {{ file = \"simplisafe.token\" }}\n\
         auth_url = \"{url}\"\napi_url = \"{url}\"\nsocket_url = \"{socket}\"\n"
    );
    (simulator, text)
}

/// Writes a secret that its owner alone may read.
pub fn keep_secret(place: &Place, name: &str, secret: &str) {
    fs::write(place.path(name), secret).unwrap();
    fs::set_permissions(place.path(name), fs::Permissions::from_mode(0o600)).unwrap();
}
