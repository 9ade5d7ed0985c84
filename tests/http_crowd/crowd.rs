//! Hundreds of clients, some of whom never read, of a watchpost whose journal is on the disk.

use std::{
    collections::VecDeque,
    fs,
    io::{BufRead, ErrorKind, Read},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use watchpost::{
    actors::{journal::Ask, model::Sequence},
    http::streams::Settings,
    journal::{DataDir, JournalOptions, SqliteJournal},
    simulator::milestone::audit::{Report, audit},
};

use crate::{
    api::Api,
    common::{DEADLINE, HQ, MS, Plan, Rig, SECOND, block_on, eventually, lines_of, options},
    sse::{Sse, ask},
};

const CLIENTS: usize = 500;
const STALLED: usize = 50;
const RATE: f64 = 200.0;
/// How late an event may come to a client who reads.
const LATEST: Duration = Duration::from_secs(5);
/// What the clients who read may cost, of whom each holds two ends of a connection in this process; and what each other one may.
const READERS: usize = 48 << 20;
const EACH_STALLED: usize = 128 << 10;

/// For how long; `WATCHPOST_STREAM_SECONDS` makes it longer.
fn length() -> Duration {
    let told = std::env::var("WATCHPOST_STREAM_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(10))
}

/// A client that counts ids and forgets everything else.
struct Counter {
    stream: TcpStream,
    /// The beginning of a line of which the rest has not come.
    rest: Vec<u8>,
    last: Option<u64>,
    events: usize,
    bytes: usize,
    /// An id of which it is not known yet whether it is an event's.
    id: Option<u64>,
}

impl Counter {
    fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        ask(&mut stream, "/api/v1/events/stream", "");
        stream.set_nonblocking(true).unwrap();
        Self { stream, rest: Vec::new(), last: None, events: 0, bytes: 0, id: None }
    }

    /// Takes what has come. An event out of order fails the test.
    fn take(&mut self, buffer: &mut [u8]) -> bool {
        let read = match self.stream.read(buffer) {
            Ok(0) => panic!("a client that reads was cut off"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        };
        self.bytes += read;
        let mut text = &buffer[..read];
        while !text.is_empty() {
            text.read_until(b'\n', &mut self.rest).unwrap();
            if self.rest.last() != Some(&b'\n') {
                break;
            }
            let line = std::mem::take(&mut self.rest);
            self.line(&line);
            self.rest = line;
            self.rest.clear();
        }
        true
    }

    fn line(&mut self, line: &[u8]) {
        if let Some(id) = line.strip_prefix(b"id: ") {
            self.id = Some(std::str::from_utf8(id).unwrap().trim().parse().unwrap());
            self.last = self.last.or(self.id);
        } else if line.starts_with(b"event: event") {
            assert_eq!(self.id, self.last.map(|last| last + 1), "each event, in order");
            self.last = self.id;
            self.events += 1;
        }
    }
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Compares what is stored with what has happened.
fn report(rig: &Rig) -> Report {
    let (journal, mut from, mut commits) = (rig.engine().journal(), Sequence(0), Vec::new());
    loop {
        let page = block_on(journal.read(Ask { from, limit: 4_096, of: None })).unwrap();
        if page.commits.is_empty() {
            return audit(HQ, &rig.sim.ledger(), &rig.sim.states(), &lines_of(&commits), &rig.states());
        }
        from = page.end;
        commits.extend(page.commits);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn five_hundred_clients_of_whom_fifty_never_read_cost_little_and_hold_up_nobody() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let journal = move || SqliteJournal::open(&DataDir::open(&path).unwrap(), JournalOptions::default()).unwrap();
    let mut rig = Plan::new(options()).engine(move |config| config.journal = Box::new(journal())).start();
    rig.wait_online();
    // Who never reads is there until the end, and in the way of others.
    let limits = Settings { patience: length(), heartbeat: SECOND, most: CLIENTS };
    let api = Api::start(rig.engine(), limits);
    let stalled: Vec<_> = (0..STALLED)
        .map(|_| {
            let mut stream = TcpStream::connect(api.address).unwrap();
            ask(&mut stream, "/api/v1/events/stream", "");
            stream
        })
        .collect();
    let mut clients: Vec<_> = (STALLED..CLIENTS).map(|_| Counter::open(api.address)).collect();
    let mut buffer = vec![0; 1 << 18];
    eventually(DEADLINE, "every client stands", || {
        for client in &mut clients {
            client.take(&mut buffer);
        }
        clients.iter().all(|client| client.last.is_some())
    });
    let begin = clients.iter().map(|client| client.last.unwrap()).min().unwrap();
    let journal = rig.engine().journal().clone();
    let (before, begun) = (resident(), Instant::now());
    rig.walk(RATE);
    let (mut most, mut lag, mut rested, mut looked) = (0, Duration::ZERO, None, begun);
    // Events that not every client has got, and when they were stored.
    let mut stored_at: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut end = None;
    loop {
        let any = clients.iter_mut().map(|client| client.take(&mut buffer)).filter(|taken| *taken).count();
        let slowest = clients.iter().map(|client| client.last.unwrap()).min().unwrap();
        if end.is_some_and(|end| slowest >= end) {
            break;
        }
        if any == 0 {
            thread::sleep(5 * MS);
        }
        if rested.is_none() {
            most = most.max(resident());
        }
        let newest = journal.next().0 - 1;
        if stored_at.back().is_none_or(|(event, _)| *event < newest) && newest > slowest {
            stored_at.push_back((newest, Instant::now()));
        }
        while let Some((event, at)) = stored_at.front() {
            lag = lag.max(at.elapsed());
            assert!(lag < LATEST, "a client waits for event {event} and has {slowest}");
            if *event > slowest {
                break;
            }
            stored_at.pop_front();
        }
        if rested.is_none() && begun.elapsed() > length() {
            rig.rest();
            rested = Some(Instant::now());
        }
        if let (Some(rested), None) = (rested, end) {
            assert!(rested.elapsed() < 10 * SECOND, "ingestion was held up: {:?} behind", rested.elapsed());
            // Clients go on meanwhile.
            if looked.elapsed() > SECOND / 5 {
                end = report(&rig).is_clean().then(|| journal.next().0 - 1);
                looked = Instant::now();
            }
        }
    }
    let stored = (end.unwrap() - begin) as f64;
    let rate = stored / length().as_secs_f64();
    let (grown, queued) = (most.saturating_sub(before), clients[0].bytes * STALLED);
    let bound = READERS + STALLED * EACH_STALLED;
    eprintln!(
        "{stored} events ({rate:.0}/s) to {} clients, up to {lag:?} late; {} KiB more, and queued for those who never read it were {} KiB",
        clients.len(),
        grown >> 10,
        queued >> 10
    );
    assert!(rate > RATE * 0.8, "ingestion keeps its rate: {rate}");
    assert!(queued > bound, "to queue for those who never read would be found out: {queued} bytes");
    assert!(grown < bound, "{grown} bytes");
    let mut others = Vec::new();
    eventually(DEADLINE, "who never reads makes room", || {
        let another = Sse::open(api.address, "/api/v1/events/stream");
        others.extend((another.status == 200).then_some(another));
        others.len() == STALLED
    });
    let mut cut = 0;
    let begun = Instant::now();
    for mut stream in stalled {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        cut += usize::from(loop {
            // One that was not cut off hears a heartbeat now and then, and never the end.
            assert!(begun.elapsed() < DEADLINE, "who never reads is cut off: {cut} of {STALLED} are");
            match stream.read(&mut buffer) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() == ErrorKind::ConnectionReset,
            }
        });
    }
    assert_eq!(cut, STALLED, "who never reads is cut off");
}
