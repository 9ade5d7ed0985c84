//! Hundreds of clients, some of whom never read.

use std::{
    collections::HashMap,
    fs,
    io::{BufRead, ErrorKind, Read},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use watchpost::http::streams::Settings;

use crate::{
    api::{Api, settings},
    common::{DEADLINE, MS, Rig, SECOND, eventually, options},
    sse::ask,
};

const CLIENTS: usize = 500;
const STALLED: usize = 50;
const RATE: f64 = 200.0;
/// What the clients who read may cost, of whom each holds two ends of a connection in this process; and what each other one may: less than the
/// events of the time before it is cut off would take, if they were kept for it.
const READERS: usize = 48 << 20;
const EACH_STALLED: usize = 256 << 10;

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
    /// An id of which it is not known yet whether it is an event's.
    id: Option<u64>,
}

impl Counter {
    fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        ask(&mut stream, "/api/v1/events/stream", "");
        stream.set_nonblocking(true).unwrap();
        Self { stream, rest: Vec::new(), last: None, events: 0, id: None }
    }

    /// Takes what has come. An event out of order fails the test.
    fn take(&mut self, buffer: &mut [u8]) -> bool {
        let read = match self.stream.read(buffer) {
            Ok(0) => panic!("a client that reads was cut off"),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        };
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

#[test]
#[cfg(target_os = "linux")]
fn five_hundred_clients_of_whom_fifty_never_read_cost_little_and_hold_up_nobody() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let mut rig = Rig::online(options());
    let api = Api::start(rig.engine(), Settings { patience: 5 * SECOND, heartbeat: SECOND, ..settings() });
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
    let (mut most, mut lag, mut rested) = (0, Duration::ZERO, None);
    let mut seen_at = HashMap::new();
    let mut end = None;
    while clients.iter().any(|client| client.last < end.or(Some(u64::MAX))) {
        let any = clients.iter_mut().map(|client| client.take(&mut buffer)).filter(|taken| *taken).count();
        if any == 0 {
            thread::sleep(5 * MS);
        }
        most = most.max(resident());
        // How long an event takes to a client.
        let next = journal.next().0;
        seen_at.entry(next - 1).or_insert_with(Instant::now);
        let last = clients[0].last.unwrap();
        seen_at.retain(|event, at| {
            let has_come = *event <= last;
            if has_come {
                lag = lag.max(at.elapsed());
            }
            !has_come
        });
        if rested.is_none() && begun.elapsed() > length() {
            rig.rest();
            rested = Some(Instant::now());
        }
        if let (Some(rested), None) = (rested, end) {
            // Clients go on meanwhile.
            if rig.report().is_clean() {
                end = Some(journal.next().0 - 1);
            }
            assert!(rested.elapsed() < 10 * SECOND, "ingestion was held up: {:?} behind", rested.elapsed());
        }
        assert!(begun.elapsed() < length() + DEADLINE, "clients are late: {} of {end:?}", clients[0].last.unwrap());
    }
    let stored = (end.unwrap() - begin) as f64;
    let rate = stored / length().as_secs_f64();
    let grown = most.saturating_sub(before);
    eprintln!(
        "{stored} events ({rate:.0}/s) to {} clients, up to {lag:?} late; {} MiB more",
        clients.len(),
        grown >> 20
    );
    assert!(rate > RATE * 0.8, "ingestion keeps its rate: {rate}");
    assert!(grown < READERS + STALLED * EACH_STALLED, "{grown} bytes");
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
