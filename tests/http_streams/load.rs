//! What it costs what is received that many ask how everything is.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use watchpost::actors::settings::ByteSize;

use crate::{
    api::{Api, settings},
    common::{DEADLINE, HQ, MS, Plan, Rig, eventually, options},
    sse::ask,
};

const OPENED: usize = 20;

/// Items of the system, each with several states; `WATCHPOST_STREAM_ITEMS` makes them more.
fn items() -> usize {
    let told = std::env::var("WATCHPOST_STREAM_ITEMS").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(200)
}

/// Opens a stream, and counts the states until all have come. Nothing is made of them, so that this costs little.
fn told(address: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    ask(&mut stream, "/api/v1/states/stream", "");
    let (mut lines, mut line, mut count) = (BufReader::with_capacity(1 << 16, stream), Vec::new(), 0);
    while line != b"event: present\n" {
        line.clear();
        assert!(lines.read_until(b'\n', &mut line).unwrap() > 0, "the stream goes on");
        count += usize::from(line == b"event: state\n");
    }
    count
}

/// How long it takes until so many events have happened and are stored.
fn take_in(rig: &Rig, count: usize) -> Duration {
    let (begun, before) = (Instant::now(), rig.info().status.events);
    rig.sim.emit(count);
    while rig.info().status.events < before + count as u64 {
        assert!(begun.elapsed() < 10 * DEADLINE, "events are received");
        thread::sleep(2 * MS);
    }
    begun.elapsed()
}

#[test]
fn who_opens_a_stream_of_states_again_and_again_gets_all_each_time_while_events_are_received() {
    let mut plan = options();
    plan.items = items();
    let rig = Plan::new(plan).connection(|connection| connection.common.max_message = ByteSize::mib(256)).start();
    eventually(10 * DEADLINE, "all states", || rig.engine().states().count(HQ) > 2 * items());
    let known = rig.engine().states().clone();
    let states = || known.count(HQ);
    let api = Api::start(rig.engine(), settings());
    let address = api.address;
    let count = 2_000;
    // The first time is for caches.
    take_in(&rig, count);
    let alone = take_in(&rig, count);
    let (begun, is_done) = (Instant::now(), AtomicBool::new(false));
    let (opened, beside) = thread::scope(|scope| {
        let opening = scope.spawn(|| {
            for _ in 0..OPENED {
                let before = states();
                let told = told(address);
                assert!((before..=states()).contains(&told), "{told} of {}", states());
            }
            let took = begun.elapsed();
            is_done.store(true, Ordering::Release);
            took
        });
        let mut beside = Vec::new();
        while !is_done.load(Ordering::Acquire) {
            beside.push(take_in(&rig, count));
        }
        (opening.join().unwrap(), beside)
    });
    let mean = beside.iter().sum::<Duration>() / u32::try_from(beside.len()).unwrap();
    let rate = |took: Duration| count as f64 / took.as_secs_f64();
    eprintln!(
        "{} states, told {OPENED} times in {opened:?}; {:.0} events/s alone, {:.0} beside it",
        states(),
        rate(alone),
        rate(mean)
    );
}
