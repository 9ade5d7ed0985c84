//! Receivers that are not there, for a while or across restarts.

use std::time::{Duration, Instant};

use crate::durable_support::{Place, Receiver, Reply, SECOND, Walk, assert_all_in_order, assert_grows, eventually};

/// A sink beside one that fails has an event within this time. The machine may be busy.
const LAG: Duration = Duration::from_secs(4);
/// How long an orderly end may take in all, as `watchpost run --help` says, and a moment for the machine.
const END: Duration = Duration::from_secs(12);

#[test]
fn a_receiver_that_is_down_for_long_catches_up_and_no_other_sink_waits_for_it() {
    let place = Place::start(2);
    let receiver = Receiver::start();
    place.configure("", &(Place::file_sink("file", "") + &Place::webhook_sink("hook", &receiver, "timeout = \"1s\"")));
    let mut file = place.tail("file.jsonl");
    let program = place.run_until_online(&mut file);
    place.emit(10);
    eventually("the first events", || receiver.distinct() == 20);
    let mut count = 20;
    for _ in 0..2 {
        let walks: Vec<Walk> = place.systems.iter().map(|system| Walk::start(&system.simulator, 100.0)).collect();
        receiver.go_down();
        let down = Instant::now();
        while down.elapsed() < 2 * SECOND {
            let (owed, since) = (place.owed(), Instant::now());
            eventually("the file has what has happened", || file.distinct() >= owed);
            assert!(since.elapsed() < LAG, "the file had to wait for {:?}", since.elapsed());
        }
        assert_eq!(receiver.distinct(), count, "nobody was there");
        receiver.come_back();
        drop(walks);
        count = place.owed();
        eventually("it has caught up", || receiver.distinct() == count);
    }
    place.end(program);
    assert!(count > 400, "{count}");
    assert_all_in_order("file", file.read(), &place.systems);
    let accepted = receiver.accepted();
    assert_all_in_order("hook", &accepted, &place.systems);
    for system in &place.systems {
        assert_grows("hook, without a repeat", accepted.iter().filter(|line| line.connection == system.name));
    }
}

#[test]
fn a_receiver_that_is_down_across_restarts_holds_up_no_end_and_gets_everything_when_it_is_back() {
    let place = Place::start(2);
    let receiver = Receiver::start();
    place.configure("", &(Place::file_sink("file", "") + &Place::webhook_sink("hook", &receiver, "timeout = \"1s\"")));
    let mut file = place.tail("file.jsonl");
    receiver.go_down();
    for restart in 1..=3 {
        let program = place.run_until_online(&mut file);
        place.emit(30);
        eventually("events are stored", || file.distinct() == 2 * 30 * restart);
        let asked = Instant::now();
        place.end(program);
        assert!(asked.elapsed() < END, "the end took {:?}", asked.elapsed());
    }
    assert!(place.read("stderr").contains("it delivers after the next start"), "{}", place.read("stderr"));
    assert_eq!(receiver.count(), 0);
    receiver.come_back();
    let program = place.run_until_online(&mut file);
    eventually("it has caught up", || receiver.distinct() == 180);
    place.end(program);
    assert_all_in_order("hook", &receiver.accepted(), &place.systems);
    assert_grows("file", file.read());
    let (mut hook, mut file) = (receiver.accepted(), file.read().to_vec());
    hook.sort_by_key(|line| line.sequence);
    file.sort_by_key(|line| line.sequence);
    let texts = |lines: &[crate::durable_support::Line]| lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&hook), texts(&file), "what is told at each end is delivered too");
}

#[test]
fn a_receiver_that_never_answers_holds_up_an_end_no_longer_than_is_promised() {
    let place = Place::start(1);
    let receiver = Receiver::ruled(|_, _| Reply::Hang);
    place.configure("", &(Place::file_sink("file", "") + &Place::webhook_sink("hook", &receiver, "timeout = \"60s\"")));
    let mut file = place.tail("file.jsonl");
    let program = place.run_until_online(&mut file);
    place.emit(50);
    eventually("events are stored", || file.distinct() == 50);
    eventually("it was asked", || receiver.count() == 1);
    let asked = Instant::now();
    place.end(program);
    assert!(asked.elapsed() < END, "the end took {:?}", asked.elapsed());
    receiver.rule(|_, _| Reply::Accept);
    let program = place.run_until_online(&mut file);
    eventually("all of it comes after the next start", || receiver.distinct() == 50);
    place.end(program);
    assert_all_in_order("hook", &receiver.accepted(), &place.systems);
}
