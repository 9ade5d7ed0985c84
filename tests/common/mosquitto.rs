//! A real MQTT broker, mosquitto, and who listens to it: programs that know nothing of ours.
#![allow(dead_code, unreachable_pub)]

// In one binary with another server it is there twice.
#[allow(clippy::duplicate_mod)]
#[path = "port.rs"]
mod port;

use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

const DEADLINE: Duration = Duration::from_secs(30);

/// A program of mosquitto's: where `WATCHPOST_TEST_MOSQUITTO` says (the broker; its clients are looked for beside it and in `../bin`), on the
/// path, or where `scripts/test` unpacks it.
fn program(name: &str) -> Command {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mosquitto");
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Some(broker) = env::var_os("WATCHPOST_TEST_MOSQUITTO").map(PathBuf::from) {
        let folder = broker.parent().unwrap();
        folders.extend([folder.to_owned(), folder.join("../bin")]);
    }
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders.extend(["/usr/sbin".into(), unpacked.join("usr/sbin"), unpacked.join("usr/bin")]);
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file());
    let found = found.unwrap_or_else(|| {
        panic!("there is no {name}: run scripts/test, install mosquitto and mosquitto-clients, or set WATCHPOST_TEST_MOSQUITTO")
    });
    let mut command = Command::new(&found);
    if found.starts_with(&unpacked) {
        let libraries = glob_libraries(&unpacked.join("usr/lib"));
        command.env("LD_LIBRARY_PATH", env::join_paths(libraries).unwrap());
    }
    command
}

fn glob_libraries(lib: &Path) -> Vec<PathBuf> {
    fs::read_dir(lib).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
}

#[track_caller]
fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !so() {
        assert!(Instant::now() < until, "in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The broker. What it holds outlives it; it ends with this.
pub struct Mosquitto {
    pub port: u16,
    folder: TempDir,
    broker: Option<Child>,
}

impl Mosquitto {
    /// Starts one on a port of its own, to which anybody is admitted.
    pub fn start() -> Self {
        Self::with("allow_anonymous true")
    }

    /// Starts one with these lines in its configuration; `@` stands for its folder.
    pub fn with(lines: &str) -> Self {
        let mut broker = Self::prepared(lines);
        broker.begin();
        broker
    }

    /// One that is yet to begin.
    pub fn prepared(lines: &str) -> Self {
        let port = port::own();
        let folder = tempfile::tempdir().unwrap();
        let broker = Self { port, folder, broker: None };
        broker.configure(lines);
        broker
    }

    /// Other lines from the next start on.
    pub fn configure(&self, lines: &str) {
        let folder = self.folder.path().display().to_string();
        let user = if rustix::process::getuid().is_root() { "user root\n" } else { "" };
        let text = format!(
            "listener {} 127.0.0.1\npersistence true\npersistence_location {folder}/\nautosave_interval 1\n\
             autosave_on_changes true\nlog_dest file {folder}/log\nlog_type all\n{user}{}\n",
            self.port,
            lines.replace('@', &folder)
        );
        fs::write(self.folder.path().join("mosquitto.conf"), text).unwrap();
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets who is admitted, with which password.
    pub fn set_password(&self, user: &str, password: &str) {
        let mut set = program("mosquitto_passwd");
        let done = set.args(["-b", "-c"]).arg(self.path("users")).args([user, password]).status().unwrap();
        assert!(done.success());
    }

    pub fn begin(&mut self) {
        assert!(self.broker.is_none());
        let mut command = program("mosquitto");
        command
            .arg("-c")
            .arg(self.path("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.broker = Some(command.spawn().unwrap());
        eventually("the broker listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Ends it at once, without a word to anybody.
    pub fn kill(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            broker.kill().unwrap();
            broker.wait().unwrap();
        }
    }

    /// Ends it in an orderly way: what it holds for clients that are away is written down.
    pub fn end(&mut self) {
        if let Some(mut broker) = self.broker.take() {
            let pid = rustix::process::Pid::from_child(&broker);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            broker.wait().unwrap();
        }
    }

    /// A client for which the broker keeps what it misses: each message of this topic in hexadecimal digits on a line of its own.
    pub fn subscriber(port: u16, client: &str, topic: &str) -> Command {
        let mut command = program("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-V", "311", "-c", "-i", client, "-q", "1"]);
        command.args(["-F", "%x", "-t", topic]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    /// Reads anew who is admitted.
    pub fn reload(&self) {
        let broker = self.broker.as_ref().unwrap();
        let pid = rustix::process::Pid::from_child(broker);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }

    /// What it has written down of what has happened.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Listens to topics; comes back when that has begun, and what is retained may have come.
    pub fn listen(&self, arguments: &[&str]) -> Listener {
        Listener::start(self.port, arguments)
    }

    /// Publishes one message.
    pub fn publish(&self, arguments: &[&str]) {
        let mut command = program("mosquitto_pub");
        let port = self.port.to_string();
        let status = command.args(["-h", "127.0.0.1", "-p", &port, "-V", "5", "-q", "1"]).args(arguments).status();
        assert!(status.unwrap().success());
    }
}

/// Retains messages at a broker over one connection (MQTT 3.1.1), whatever is in them.
pub fn retain(port: u16, messages: impl IntoIterator<Item = (String, Vec<u8>)>) {
    let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
    line.write_all(b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02hx").unwrap();
    let mut answer = [0; 4];
    line.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0]);
    let mut all = Vec::new();
    for (topic, body) in messages {
        all.push(0x31);
        let mut left = 2 + topic.len() + body.len();
        loop {
            let digit = u8::try_from(left % 128).unwrap();
            left /= 128;
            all.push(if left > 0 { digit | 0x80 } else { digit });
            if left == 0 {
                break;
            }
        }
        all.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
        all.extend(topic.as_bytes());
        all.extend(body);
    }
    // Answered when all that is before it is done.
    all.extend([0xc0, 0]);
    line.write_all(&all).unwrap();
    line.read_exact(&mut answer[..2]).unwrap();
    line.write_all(&[0xe0, 0]).unwrap();
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A message as somebody else got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub body: String,
    pub retained: bool,
}

/// Somebody who listens.
pub struct Listener {
    client: Child,
    heard: Arc<Mutex<Vec<Message>>>,
}

/// What a listener hears first, to know that it listens.
const PROBE: &str = "probe/of/a/test";

impl Listener {
    fn start(port: u16, arguments: &[&str]) -> Self {
        let port = port.to_string();
        let mut command = program("mosquitto_sub");
        // QoS 0, so that nothing waits in the broker for us; each message in hexadecimal digits on a line of its own.
        command.args(["-h", "127.0.0.1", "-p", &port, "-V", "5", "-q", "0", "-F", "%r %t %x"]);
        command.args(arguments).args(["-t", PROBE]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut client = command.spawn().unwrap();
        let lines = BufReader::new(client.stdout.take().unwrap()).lines();
        let heard = Arc::<Mutex<Vec<Message>>>::default();
        let told = Arc::clone(&heard);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut parts = line.splitn(3, ' ');
                let (retained, topic, hex) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or(""));
                let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
                let body = String::from_utf8_lossy(&bytes).into_owned();
                told.lock().unwrap().push(Message { topic: topic.to_owned(), body, retained: retained == "1" });
            }
        });
        let listener = Self { client, heard };
        eventually("somebody listens", || {
            let mut probe = program("mosquitto_pub");
            probe.args(["-h", "127.0.0.1", "-p", &port, "-t", PROBE, "-m", "?"]).stderr(Stdio::null());
            let login = arguments.windows(2).filter(|pair| matches!(pair[0], "-u" | "-P"));
            probe.args(login.flatten());
            let _ = probe.status();
            listener.heard.lock().unwrap().iter().any(|message| message.topic == PROBE)
        });
        listener
    }

    /// Everything that was heard, in order.
    pub fn all(&self) -> Vec<Message> {
        self.heard.lock().unwrap().iter().filter(|message| message.topic != PROBE).cloned().collect()
    }

    /// It reads nothing any more, and stays there.
    pub fn pause(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// It reads on.
    pub fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.client), signal).unwrap();
    }

    /// The last message of each topic that was not cleared.
    pub fn last(&self) -> HashMap<String, String> {
        let mut last = HashMap::new();
        for message in self.all() {
            if message.body.is_empty() {
                last.remove(&message.topic);
            } else {
                last.insert(message.topic, message.body);
            }
        }
        last
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

/// A way to a broker that can be closed, and on which everything can be made to take its time.
pub struct Way {
    pub port: u16,
    open: Arc<AtomicBool>,
    /// Milliseconds that each piece takes.
    dawdle: Arc<AtomicU64>,
    /// What the broker says is lost.
    mute: Arc<AtomicBool>,
    lines: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    pub fn to(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = Self {
            port: listener.local_addr().unwrap().port(),
            open: Arc::new(AtomicBool::new(true)),
            dawdle: Arc::default(),
            mute: Arc::default(),
            lines: Arc::default(),
        };
        let (open, dawdle, lines) = (Arc::clone(&way.open), Arc::clone(&way.dawdle), Arc::clone(&way.lines));
        let (never, mute) = (Arc::<AtomicBool>::default(), Arc::clone(&way.mute));
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Some(far) = TcpStream::connect(("127.0.0.1", broker)).ok().filter(|_| open.load(Ordering::SeqCst))
                else {
                    continue;
                };
                for (from, to, mute) in [(&near, &far, &never), (&far, &near, &mute)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (dawdle, mute) = (Arc::clone(&dawdle), Arc::clone(mute));
                    thread::spawn(move || carry(from, to, &dawdle, &mute));
                }
                lines.lock().unwrap().extend([near, far]);
            }
        });
        way
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Breaks every line, and lets no more through.
    pub fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        for line in self.lines.lock().unwrap().drain(..) {
            let _ = line.shutdown(Shutdown::Both);
        }
    }

    pub fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Whether what the broker says is lost from now on.
    pub fn mute(&self, is_mute: bool) {
        self.mute.store(is_mute, Ordering::SeqCst);
    }

    /// From now on each piece takes so long.
    pub fn dawdle(&self, time: Duration) {
        self.dawdle.store(time.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, dawdle: &AtomicU64, mute: &AtomicBool) {
    // Small pieces, so that much of it takes long.
    let mut piece = [0; 2_048];
    while let Ok(size @ 1..) = from.read(&mut piece) {
        let time = dawdle.load(Ordering::SeqCst);
        if time > 0 {
            thread::sleep(Duration::from_millis(time));
        }
        if !mute.load(Ordering::SeqCst) && to.write_all(&piece[..size]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
