//! A real nats-server, and what it holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]
#![allow(dead_code)]

// In one binary with another server it is there twice.
#[allow(clippy::duplicate_mod)]
#[path = "port.rs"]
mod port;

use std::{
    collections::BTreeMap,
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use async_nats::{
    Client, ConnectOptions,
    jetstream::{self, Context, consumer, kv::Store, stream},
};
use futures_util::StreamExt;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const DEADLINE: Duration = Duration::from_secs(20);

/// The server's program. Where there is none the test fails: what it promises was not tried.
fn program() -> PathBuf {
    if let Some(named) = env::var_os("WATCHPOST_TEST_NATS_SERVER") {
        return named.into();
    }
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/nats-server/usr/sbin");
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/bin".into(), unpacked]);
    let found = folders.map(|folder| folder.join("nats-server")).find(|program| program.is_file());
    found.expect(
        "there is no nats-server: run ./scripts/test, install it, or set WATCHPOST_TEST_NATS_SERVER to its path",
    )
}

/// A server that keeps its store, and its port, when it is started again. Killed with the test.
pub struct NatsServer {
    child: Option<Child>,
    pub port: u16,
    folder: TempDir,
    runtime: Runtime,
    login: Box<dyn Fn(ConnectOptions) -> ConnectOptions>,
}

/// A message of a stream.
#[derive(Debug, Clone)]
pub struct Kept {
    pub subject: String,
    pub headers: BTreeMap<String, String>,
    pub payload: String,
}

impl NatsServer {
    /// A server with JetStream that asks nobody who he is.
    pub fn start() -> Self {
        Self::with("")
    }

    /// The same with these lines in its configuration; whoever `login` makes may do everything.
    pub fn with(lines: &str) -> Self {
        Self::with_login(lines, |options| options)
    }

    pub fn with_login(lines: &str, login: impl Fn(ConnectOptions) -> ConnectOptions + 'static) -> Self {
        let mut server = Self::stopped(lines, login);
        server.restart();
        server
    }

    /// One that does not run yet.
    pub fn stopped(lines: &str, login: impl Fn(ConnectOptions) -> ConnectOptions + 'static) -> Self {
        let port = port::own();
        let server = Self {
            child: None,
            port,
            folder: tempfile::tempdir().unwrap(),
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            login: Box::new(login),
        };
        server.configure(&format!("jetstream {{ store_dir: \"{}\" }}\n{lines}", server.folder.path().display()));
        server
    }

    /// What its configuration says from the next start on, but for where it listens.
    pub fn configure(&self, lines: &str) {
        fs::write(self.path("nats.conf"), format!("listen: \"127.0.0.1:{}\"\n{lines}\n", self.port)).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it at once, as a power cut does; what it has acknowledged is in its store.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it with the store that it has, and waits until it listens.
    pub fn restart(&mut self) {
        self.kill();
        let log = fs::File::options().append(true).create(true).open(self.path("log")).unwrap();
        let mut command = Command::new(program());
        command.arg("-c").arg(self.path("nats.conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let until = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(self.path("log")).unwrap_or_default();
            assert!(Instant::now() < until, "nats-server does not listen:\n{}", log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Does something at the server.
    pub fn with_jetstream<T>(&self, work: impl AsyncFnOnce(Context) -> T) -> T {
        self.runtime.block_on(async { work(jetstream::new(self.client().await)).await })
    }

    async fn client(&self) -> Client {
        let until = Instant::now() + DEADLINE;
        loop {
            let options = (self.login)(ConnectOptions::new());
            match options.connect(self.url()).await {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Makes a stream.
    pub fn make_stream(&self, config: stream::Config) {
        self.with_jetstream(async |jetstream| drop(jetstream.create_stream(config).await.unwrap()));
    }

    /// Changes a stream.
    pub fn edit_stream(&self, config: stream::Config) {
        self.with_jetstream(async |jetstream| drop(jetstream.update_stream(config).await.unwrap()));
    }

    pub fn delete_stream(&self, name: &str) {
        let deleted = self.with_jetstream(async |jetstream| jetstream.delete_stream(name).await.unwrap());
        assert!(deleted.success);
    }

    /// What is said of a stream; `None` where it is not there.
    pub fn stream(&self, name: &str) -> Option<stream::Info> {
        self.with_jetstream(async |jetstream| {
            let found = jetstream.get_stream(name).await.ok()?;
            Some(found.cached_info().clone())
        })
    }

    /// How many messages a stream has; none where it is not there.
    pub fn count(&self, name: &str) -> u64 {
        self.stream(name).map_or(0, |info| info.state.messages)
    }

    /// All messages of a stream, in order.
    pub fn messages(&self, name: &str) -> Vec<Kept> {
        self.with_jetstream(async |jetstream| {
            let Ok(stream) = jetstream.get_stream(name).await else { return Vec::new() };
            let config = consumer::pull::Config { ack_policy: consumer::AckPolicy::None, ..Default::default() };
            let consumer = stream.create_consumer(config).await.unwrap();
            let count = usize::try_from(consumer.cached_info().num_pending).unwrap();
            if count == 0 {
                return Vec::new();
            }
            let batch = consumer.batch().max_messages(count).expires(DEADLINE).messages().await.unwrap();
            let kept = batch.map(|message| {
                let message = message.unwrap().message;
                let headers = message.headers.unwrap_or_default();
                let header = |(name, values): (&async_nats::HeaderName, &Vec<async_nats::HeaderValue>)| {
                    (name.to_string(), values[0].to_string())
                };
                Kept {
                    subject: message.subject.to_string(),
                    headers: headers.iter().map(header).collect(),
                    payload: String::from_utf8(message.payload.to_vec()).unwrap(),
                }
            });
            kept.take(count).collect().await
        })
    }

    /// What a bucket holds, by key.
    pub fn bucket(&self, name: &str) -> BTreeMap<String, String> {
        self.with_jetstream(async |jetstream| {
            let Ok(store) = jetstream.get_key_value(name).await else { return BTreeMap::new() };
            let mut all = BTreeMap::new();
            let keys: Vec<_> = store.keys().await.unwrap().collect().await;
            for key in keys.into_iter().map(Result::unwrap) {
                if let Some(value) = store.get(&key).await.unwrap() {
                    all.insert(key, String::from_utf8(value.to_vec()).unwrap());
                }
            }
            all
        })
    }

    /// Does something with a bucket that is there.
    pub fn with_bucket<T>(&self, name: &str, work: impl AsyncFnOnce(Store) -> T) -> T {
        self.with_jetstream(async |jetstream| work(jetstream.get_key_value(name).await.unwrap()).await)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}
