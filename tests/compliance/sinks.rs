//! What every sink promises. Beside the one under test a file sink, `all`, tells what there was to deliver.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use serde_json::Value;
use watchpost::simulator::milestone::{DropHow, Fault, FaultKind};

use crate::{
    durable_support::{
        Line, Place, Program, Tail, Walk, assert_all_in_order, assert_grows, assert_same, distinct, eventually, have,
        kill, newest, steps_back,
    },
    kinds::{Batch, Binary, Hook, Kind, Lines, Stdout, Structured},
};

/// A sink beside one that takes nothing has an event within this time. The machine may be busy.
const LAG: Duration = Duration::from_secs(4);

/// A place with a sink under test.
struct Trial<K> {
    place: Place,
    kind: K,
    all: Tail,
}

impl<K: Kind> Trial<K> {
    fn new(systems: usize, engine: &str, more: &str) -> Self {
        let place = Place::start(systems);
        let kind = K::start(&place);
        place.configure(engine, &(Place::file_sink("all", "") + &kind.config(more)));
        let all = place.tail("all.jsonl");
        Self { place, kind, all }
    }

    fn run(&mut self) -> Program {
        let before = self.all.read().len();
        let program = self.kind.run(&self.place);
        self.place.wait_online(&mut self.all, before);
        program
    }

    /// Waits until the other sink has everything that has happened.
    fn wait_all(&mut self) {
        let newest = newest(&self.place.systems);
        eventually("the other sink has everything", || have(self.all.read(), &newest));
    }

    /// Waits until the sink has everything that has happened.
    fn wait_received(&mut self) {
        let newest = newest(&self.place.systems);
        eventually("the sink has everything", || have(&self.kind.received(), &newest));
    }

    /// Everything came in order, and nothing twice.
    #[track_caller]
    fn assert_once(&mut self) {
        let received = self.kind.received();
        assert_all_in_order("the sink", &received, &self.place.systems);
        for system in &self.place.systems {
            assert_grows("the sink", received.iter().filter(|line| line.connection == system.name));
        }
    }

    /// Everything came in order; at most so many times some of it came again, each time no more than is delivered at a time.
    #[track_caller]
    fn assert_repeats(&mut self, times: usize) {
        let received = self.kind.received();
        assert_all_in_order("the sink", &received, &self.place.systems);
        for system in &self.place.systems {
            let steps = steps_back(received.iter().filter(|line| line.connection == system.name));
            assert!(
                steps.len() <= times && steps.iter().all(|events| *events <= K::UNIT),
                "{}: {steps:?}",
                system.name
            );
        }
    }
}

fn everything_is_delivered_in_order_and_once<K: Kind>() {
    let mut trial = Trial::<K>::new(2, "", "");
    let program = trial.run();
    trial.place.emit(150);
    trial.wait_received();
    for system in &trial.place.systems {
        system.simulator.drop_sockets(DropHow::Reset);
    }
    trial.place.emit(150);
    trial.wait_received();
    trial.wait_all();
    trial.place.end(program);
    trial.assert_once();
    let (received, all) = (trial.kind.received(), trial.all.read());
    for system in &trial.place.systems {
        let of_it = |line: &&Line| line.connection == system.name;
        let json = |lines: &[Line]| lines.iter().filter(of_it).map(Line::json).collect::<Vec<Value>>();
        assert_eq!(json(&received), json(all), "all members are those of the journal");
    }
}

fn an_orderly_end_delivers_all_that_is_stored<K: Kind>() {
    let mut trial = Trial::<K>::new(2, "", "");
    let program = trial.run();
    let sent =
        |trial: &Trial<K>| trial.place.systems.iter().map(|system| system.simulator.counters().sent).sum::<u64>();
    trial.place.emit(400);
    eventually("half of it is on its way", || sent(&trial) > 400);
    trial.place.end(program);
    let (received, all) = (trial.kind.received(), trial.all.read());
    for system in &trial.place.systems {
        let of_it = |line: &&Line| line.connection == system.name;
        let all: Vec<&Line> = all.iter().filter(of_it).collect();
        let received: Vec<&Line> = received.iter().filter(of_it).collect();
        let ids = |lines: &[&Line]| lines.iter().map(|line| line.id.clone()).collect::<Vec<_>>();
        assert_same("the sink", &ids(&received), &ids(&all));
        let last = received.last().unwrap().json();
        assert_eq!(last["data"]["new"], "stopped", "what is stored at the very end, too: {last}");
    }
}

fn an_orderly_restart_neither_loses_nor_repeats<K: Kind>() {
    let mut trial = Trial::<K>::new(2, "", "");
    for _ in 0..3 {
        let program = trial.run();
        trial.place.emit(50);
        trial.wait_received();
        trial.place.end(program);
        // The systems go on meanwhile.
        trial.place.emit(20);
    }
    let program = trial.run();
    trial.wait_received();
    trial.wait_all();
    trial.place.end(program);
    trial.assert_once();
}

fn a_kill_loses_nothing_and_repeats_what_was_under_way_at_most<K: Kind>() {
    const KILLS: usize = 5;
    let mut trial = Trial::<K>::new(2, "", "");
    let mut program = trial.run();
    trial.place.emit(5);
    trial.wait_received();
    let walks: Vec<Walk> = trial.place.systems.iter().map(|system| Walk::start(&system.simulator, 250.0)).collect();
    for _ in 0..KILLS {
        let before = distinct(&trial.kind.received());
        eventually("it is at work", || distinct(&trial.kind.received()) > before + 50);
        kill(&mut program);
        program = trial.kind.run(&trial.place);
    }
    drop(walks);
    trial.wait_received();
    trial.place.end(program);
    trial.assert_repeats(KILLS);
}

fn one_that_takes_nothing_delays_no_other_and_catches_up<K: Kind>() {
    let mut trial = Trial::<K>::new(2, "", "");
    let program = trial.run();
    trial.place.emit(10);
    trial.wait_received();
    trial.kind.stop_taking(&program);
    for _ in 0..3 {
        // More than a pipe holds.
        trial.place.emit(100);
        let emitted = Instant::now();
        trial.wait_all();
        assert!(emitted.elapsed() < LAG, "the other sink had to wait for {:?}", emitted.elapsed());
    }
    assert!(distinct(&trial.kind.received()) < trial.place.owed(), "it has taken everything");
    trial.kind.take_again(&program);
    trial.wait_received();
    trial.place.end(program);
    trial.assert_once();
}

fn one_that_takes_nothing_holds_up_no_end_and_gets_the_rest_after_the_next_start<K: Kind>() {
    let mut trial = Trial::<K>::new(2, "", "");
    let program = trial.run();
    trial.place.emit(10);
    trial.wait_received();
    trial.kind.stop_taking(&program);
    trial.place.emit(300);
    trial.wait_all();
    trial.place.end(program);
    let program = trial.run();
    trial.kind.take_again(&program);
    trial.place.emit(10);
    trial.wait_received();
    trial.place.end(program);
    trial.assert_repeats(1);
    assert!(trial.place.read("stderr").contains("it delivers after the next start. sink=\"tested\""));
}

fn what_retention_took_is_a_gap_to_this_sink_alone<K: Kind>() {
    let mut trial = Trial::<K>::new(1, "retain = \"1s\"\nmax_undelivered = \"1MiB\"", "");
    let program = trial.run();
    trial.place.emit(10);
    trial.wait_received();
    trial.kind.stop_taking(&program);
    // Much more than is waited with, and than is kept in memory anyway.
    trial.place.simulator().inject(Fault::BigEvents);
    for _ in 0..10 {
        trial.place.emit(100);
        trial.wait_all();
    }
    trial.place.simulator().clear(FaultKind::BigEvents);
    let dropped = "the oldest events are dropped undelivered";
    eventually("retention drops what it must", || trial.place.read("stderr").contains(dropped));
    trial.kind.take_again(&program);
    trial.place.emit(10);
    trial.wait_received();
    trial.wait_all();
    trial.place.end(program);

    let received = trial.kind.received();
    assert_grows("the sink", &received);
    assert_all_in_order("the other sink", trial.all.read(), &trial.place.systems);
    let all: Vec<&Line> = trial.all.read().iter().collect();
    let came: HashSet<&str> = received.iter().map(|line| &*line.id).collect();
    let missing: Vec<u64> = all.iter().filter(|line| !came.contains(&*line.id)).map(|line| line.sequence).collect();
    assert!(missing.len() > 100, "{} are missing", missing.len());
    // What is missing lies right before a gap, and ends where the gap stands.
    let gaps = received.iter().enumerate().filter(|(_, line)| line.kind == "gap");
    let mut explained = 0;
    for (at, gap) in gaps {
        let before = received[at - 1].sequence;
        explained += missing.iter().filter(|sequence| before < **sequence && **sequence <= gap.sequence).count();
        let data = &gap.json()["data"];
        assert_eq!(data["reason"], "retention", "{}", gap.text);
        let [from, to] = ["from", "to"].map(|end| data[end].as_str().unwrap().parse::<jiff::Timestamp>().unwrap());
        let stored = |line: &Line| line.json()["recordedtime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(from <= stored(&received[at - 1]) && to >= stored(&received[at + 1]), "{}", gap.text);
    }
    assert_eq!(explained, missing.len(), "each missing event lies in a gap");
}

fn a_filter_passes_what_it_wants_in_order_and_one_of_items_hides_no_gap<K: Kind>() {
    let filter = "filter = { connections = [\"b\"], items = [\"cameras/*\"], not = { types = [\"motion.stopped\"] } }";
    let mut trial = Trial::<K>::new(2, "", filter);
    let program = trial.run();
    trial.place.emit(150);
    trial.wait_all();
    for system in &trial.place.systems {
        system.simulator.pause_listening();
        system.simulator.forget_sessions();
        system.simulator.emit(30);
        system.simulator.resume_listening().unwrap();
    }
    eventually("a gap each", || trial.all.read().iter().filter(|line| line.kind == "gap").count() == 2);
    trial.place.end(program);
    let wanted = |line: &&Line| {
        let camera = || line.json()["subject"].as_str().is_some_and(|subject| subject.starts_with("cameras/"));
        line.connection == "b" && (!line.is_vendors() || camera()) && line.kind != "motion.stopped"
    };
    let wanted: Vec<Value> = trial.all.read().iter().filter(wanted).map(Line::json).collect();
    let received: Vec<Value> = trial.kind.received().iter().map(Line::json).collect();
    assert!(received == wanted, "{} came, {} are wanted", received.len(), wanted.len());
    assert!(wanted.len() > 50 && wanted.iter().any(|event| event["type"] == "gap"));
}

macro_rules! promises {
    ($($promise:ident)*; $($name:ident: $kind:ty),*) => { promises!(@ [$($promise)*] $($name: $kind),*); };
    (@ $promises:tt $($name:ident: $kind:ty),*) => { $(mod $name { promises!(@@ $kind, $promises); })* };
    (@@ $kind:ty, [$($promise:ident)*]) => { use super::*; $(#[test] fn $promise() { super::$promise::<$kind>(); })* };
}

promises! {
    everything_is_delivered_in_order_and_once
    an_orderly_end_delivers_all_that_is_stored
    an_orderly_restart_neither_loses_nor_repeats
    a_kill_loses_nothing_and_repeats_what_was_under_way_at_most
    one_that_takes_nothing_delays_no_other_and_catches_up
    one_that_takes_nothing_holds_up_no_end_and_gets_the_rest_after_the_next_start
    what_retention_took_is_a_gap_to_this_sink_alone
    a_filter_passes_what_it_wants_in_order_and_one_of_items_hides_no_gap;
    stdout: Stdout,
    file: Lines,
    webhook_structured: Hook<Structured>,
    webhook_binary: Hook<Binary>,
    webhook_batch: Hook<Batch>
}
