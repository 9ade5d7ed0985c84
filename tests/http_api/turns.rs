//! Work that only some may do at the same time: it keeps its turn to its end, also when whoever asked for it has gone.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::oneshot;
use watchpost::{
    actors::{
        ConnectionConfig, Engine, EngineHandle,
        model::ConnectionState,
        settings::{CommonSettings, Heartbeat, Secret},
        vendors::{MediaKind, VendorSettings, simplisafe::SimpliSafeConfig},
    },
    config::{SinkConfig, Surroundings, parse},
    http::{Bound, Site},
    simulator::{milestone, simplisafe},
    sinks::{
        Ground, Sinks,
        delivery::{Delivery, NewDeadLetter},
    },
};

use super::{
    asking::{Answer, Caller},
    common::{self, HQ, MS, SECOND, Store, eventually, pace},
    place::Place,
};

/// What a server stands on.
struct Footing {
    engine: EngineHandle,
    sinks: Vec<SinkConfig>,
    delivery: Delivery,
    connections: Vec<ConnectionConfig>,
}

/// A server, and sinks that run.
struct Served {
    engine: EngineHandle,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn start(footing: Footing) -> Self {
        let (bound, engine) = (Bound::at(([127, 0, 0, 1], 0).into()).unwrap(), footing.engine.clone());
        let ((stop, stopped), (started, wait)) = (oneshot::channel::<()>(), mpsc::channel());
        let address = bound.address();
        let serve = move || {
            actix_rt::System::new().block_on(async move {
                let Footing { engine, sinks, delivery, connections } = footing;
                let journal = engine.journal().clone();
                let ground =
                    Ground { journal, delivery: delivery.clone(), engine: Some(engine.clone()), durable_files: false };
                let running = Sinks::start(&sinks, &ground).await.unwrap();
                let site = Site { desk: running.desk(), sinks, delivery, connections, ..Site::new(engine) };
                let server = bound.serve(site).unwrap();
                started.send(()).unwrap();
                let _ = stopped.await;
                server.stop().await;
            });
        };
        let thread = thread::Builder::new().name("server".to_owned()).spawn(serve).unwrap();
        wait.recv().unwrap();
        Self { engine, address, stop: Some(stop), thread: Some(thread) }
    }

    /// Posts, and waits for nothing.
    fn post(&self, target: &str, body: &serde_json::Value) -> Caller {
        let body = body.to_string();
        let mut caller = Caller::to(self.address);
        caller.send(format!(
            "POST {target} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        ));
        caller
    }

    fn act(&self, target: &str, body: &serde_json::Value) -> Answer {
        self.post(target, body).answer(true).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        let engine = self.engine.clone();
        common::block_on(async move { engine.shutdown(5 * SECOND).await });
        assert!(thread::panicking() || ended.is_some_and(|ended| ended.is_ok()));
    }
}

fn sinks(text: &str) -> Vec<SinkConfig> {
    let connection = "[[connection]]\nname = \"hq\"\nvendor = \"milestone\"\nurl = \"http://127.0.0.1:9\"\n\
                      username = \"u\"\npassword = { env = \"P\" }\n\
                      subscribe = [{ modifier = \"include\", resource_types = [\"*\"], sources = [\"*\"], events = [\"*\"] }]\n";
    let surroundings = Surroundings::new(".", |_| Some("p".into()));
    parse(&format!("{connection}{text}"), "watchpost.toml", &surroundings).unwrap().sinks
}

/// An engine with a simulated system, of which some events are stored.
fn engine() -> (milestone::Simulator, EngineHandle, Store) {
    let (sim, store) = (milestone::Simulator::start(common::options()).unwrap(), Store::default());
    let connections = vec![common::connection(HQ, common::vendor(&sim))];
    let engine = Engine::start(common::engine(&store, connections)).unwrap();
    let is_online = || engine.states().status(HQ).unwrap_or_default().state == ConnectionState::Online;
    eventually(20 * SECOND, "online", is_online);
    let before = engine.journal().next().0;
    sim.emit(20);
    eventually(20 * SECOND, "stored", || engine.journal().next().0 >= before + 20);
    (sim, engine, store)
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn a_replay_that_is_stored_and_does_not_run_begins_when_it_is_asked_for_again() {
    let (sim, engine, store) = engine();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    let delivery = Delivery::in_memory();
    let sinks = sinks(&format!("[[sink]]\nname = \"siem\"\nkind = \"file\"\npath = {file:?}\n"));
    let served = Served::start(Footing { engine, sinks, delivery: delivery.clone(), connections: Vec::new() });
    // It has delivered something, so it has begun and knows of no replay. Then one is stored, and whoever would tell the
    // sink of it ends.
    eventually(20 * SECOND, "its place is kept", || delivery.sinks().unwrap().iter().any(|sink| sink.name == "siem"));
    sim.emit(1);
    eventually(20 * SECOND, "it is at work", || lines(&file) >= 1);
    let count: usize = store.commits().iter().map(|commit| commit.events.len()).sum();
    let (from, until) = (store.commits()[0].first, served.engine.journal().next());
    let delivered = lines(&file);
    let job = delivery.add_replay("siem", from, until).unwrap();
    let again = |expected: usize| {
        let answer = served.act("/api/v1/sinks/siem/replays", &json!({"since": "1h"}));
        assert_eq!(answer.status, 202, "{answer:?}");
        let list: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(list["items"].as_array().unwrap().len(), expected, "{list}");
        list["items"][0]["id"].clone()
    };
    assert_eq!(again(1), job.id);
    eventually(20 * SECOND, "delivered again", || {
        lines(&file) >= delivered + count && delivery.replays(None).unwrap().is_empty()
    });
    // And each is done once.
    assert!(lines(&file) < delivered + 2 * count);
}

/// A receiver that takes requests one by one, and answers each when it is told to.
struct Receiver {
    url: String,
    taken: Arc<AtomicUsize>,
    answer: mpsc::Sender<()>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (taken, (answer, told)) = (Arc::new(AtomicUsize::new(0)), mpsc::channel::<()>());
        let count = Arc::clone(&taken);
        let told = Arc::new(std::sync::Mutex::new(told));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (count, told) = (Arc::clone(&count), Arc::clone(&told));
                thread::spawn(move || Self::take(stream, &count, &told));
            }
        });
        Self { url, taken, answer }
    }

    fn take(mut stream: TcpStream, count: &AtomicUsize, told: &std::sync::Mutex<mpsc::Receiver<()>>) {
        let (mut reader, mut line, mut length) = (BufReader::new(stream.try_clone().unwrap()), String::new(), 0);
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = told.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        count.fetch_add(1, Ordering::SeqCst);
        // The test may have ended.
        if told.lock().unwrap().recv().is_ok() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

#[test]
fn a_dead_letter_is_not_tried_twice_at_a_time_because_whoever_had_it_tried_has_gone() {
    let (_sim, engine, store) = engine();
    let receiver = Receiver::start();
    let delivery = Delivery::in_memory();
    // What comes by itself is none of its business.
    let sinks = sinks(&format!(
        "[[sink]]\nname = \"siem\"\nkind = \"webhook\"\nurl = {:?}\nfilter = {{ types = [\"none\"] }}\n",
        receiver.url
    ));
    let served = Served::start(Footing { engine, sinks, delivery: delivery.clone(), connections: Vec::new() });
    let commits = store.commits();
    // A commit may be a checkpoint alone.
    let event = commits.iter().rev().find_map(|commit| commit.get(0)).unwrap();
    let letter = NewDeadLetter { sink: "siem", lane: None, event, why: "no", tries: 1, first: Timestamp::now() };
    delivery.lay_aside(&letter).unwrap();
    let retry = || served.post("/api/v1/dead-letters/retry", &json!({"all": true}));
    let gone = retry();
    eventually(20 * SECOND, "it is tried", || receiver.taken() == 1);
    drop(gone);
    let mut second = retry();
    // Time for the second to do what it must not.
    pace(500 * MS);
    assert_eq!(receiver.taken(), 1);
    (0..2).for_each(|_| receiver.answer.send(()).unwrap());
    let (items, _) = second.answer(true).unwrap().list();
    assert!(items.is_empty(), "it was delivered to the first: {items:?}");
    assert_eq!(receiver.taken(), 1);
    assert_eq!(delivery.dead_letters(&Default::default(), 0, 10).unwrap(), []);
}

#[test]
fn fetches_keep_their_turns_when_those_who_asked_have_gone() {
    const PATIENCE: Duration = Duration::from_secs(3);
    let faults = vec![simplisafe::Fault::MediaPending(1_000)];
    let sim = simplisafe::Simulator::start(simplisafe::Options { faults, ..simplisafe::Options::default() }).unwrap();
    let mut config = SimpliSafeConfig::new(Secret::from(sim.refresh_token()));
    config.auth_url = sim.url().parse().unwrap();
    config.api_url = sim.url().parse().unwrap();
    config.socket_url = sim.socket_url().parse().unwrap();
    let vendor = VendorSettings::SimpliSafe(Box::new(config));
    let common = CommonSettings::new(Heartbeat::UNHURRIED);
    let connections = vec![ConnectionConfig { name: "home".parse().unwrap(), common, vendor: vendor.clone() }];
    let engine = Engine::start(common::engine(&Store::default(), connections.clone())).unwrap();
    let is_online = || engine.states().status("home").unwrap_or_default().state == ConnectionState::Online;
    eventually(40 * SECOND, "online", is_online);
    let served = Served::start(Footing { engine, sinks: Vec::new(), delivery: Delivery::in_memory(), connections });
    let link = |wanted| {
        let sid = sim.systems()[0];
        let event = sim.camera_motion(sid, &sim.cameras(sid)[0]).unwrap();
        let record = sim.events(sid).into_iter().find(|record| record.id == event).unwrap();
        let links = vendor.media_links(&record.row.to_string()).unwrap();
        links.into_iter().find(|(kind, _)| *kind == wanted).unwrap().1
    };
    let calls = || sim.calls().into_iter().filter(|call| call.endpoint == "media").collect::<Vec<_>>();
    let fetch = |patience: Duration| {
        let (url, patience) = (link(MediaKind::Clip), format!("{patience:?}"));
        served.post("/api/v1/media", &json!({"connection": "home", "url": url, "patience": patience}))
    };
    let gone: Vec<_> = (0..4).map(|_| fetch(PATIENCE)).collect();
    let asked = || calls().into_iter().map(|call| call.path).collect::<HashSet<_>>();
    eventually(20 * SECOND, "all four are asked for", || asked().len() == 4);
    let before = asked();
    drop(gone);
    // That one is given up with its first try, for which it has to wait until one of the others is given up, after some tries.
    fetch(MS).answer(true).unwrap().problem(504);
    let tries = calls().iter().take_while(|call| before.contains(&call.path)).count();
    assert!(tries > 4, "{tries} tries of the others");
}

#[test]
fn many_who_ask_whether_it_is_ready_cost_the_journal_a_note_a_second() {
    let place = Place::start();
    let before = place.store.notes();
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(place.get("/readyz").status, 200);
                }
            });
        }
    });
    let notes = place.store.notes() - before;
    assert!(notes > 0 && notes as u64 <= 1 + begun.elapsed().as_secs(), "{notes} in {:?}", begun.elapsed());
}
