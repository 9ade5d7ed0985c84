//! Positions that are lost, left behind, or of another kind of sink.

use std::fs;

use crate::durable_support::{MS, Place, Receiver, SECOND, Walk, eventually, ids, kill, pace};

#[test]
fn positions_that_are_lost_repeat_and_lose_nothing() {
    let place = Place::start(1);
    let receiver = Receiver::start();
    place.configure("", &(Place::file_sink("file", "") + &Place::webhook_sink("hook", &receiver, "timeout = \"1s\"")));
    let mut file = place.tail("file.jsonl");
    receiver.go_down();
    let mut program = place.run_until_online(&mut file);
    place.emit(40);
    eventually("events are stored", || file.distinct() == 40);
    kill(&mut program);
    for suffix in ["", "-wal", "-shm"] {
        // A killed program leaves them all; that one is missing is all the same.
        let _ = fs::remove_file(place.path(&format!("watchpost-data/delivery.db{suffix}")));
    }
    receiver.come_back();
    let program = place.run_until_online(&mut file);
    eventually("the receiver has what it never had", || receiver.distinct() == 40);
    place.end(program);
    assert!(receiver.accepted().iter().all(|line| line.kind != "gap"), "nothing was missed");
}

#[test]
fn a_sink_that_wants_little_is_told_no_gap_after_a_crash_though_retention_was_at_work() {
    let place = Place::start(1);
    let gaps = Place::file_sink("gaps", "filter = { types = [\"gap\"] }");
    place.configure("retain = \"1s\"", &(Place::file_sink("file", "") + &gaps));
    let mut file = place.tail("file.jsonl");
    let mut program = place.run_until_online(&mut file);
    let walk = Walk::start(&place.systems[0].simulator, 200.0);
    // Long enough that retention takes what was at the beginning.
    pace(4 * SECOND);
    kill(&mut program);
    drop(walk);
    let mut program = place.run_until_online(&mut file);
    pace(500 * MS);
    kill(&mut program);
    assert_eq!(place.read("gaps.jsonl"), "");
}

#[test]
fn a_sink_that_changes_its_kind_goes_on_where_it_was() {
    let place = Place::start(1);
    let receiver = Receiver::start();
    let beside = Place::file_sink("beside", "");
    place.configure("", &(Place::file_sink("sink", "") + &beside));
    let mut file = place.tail("beside.jsonl");
    let program = place.run_until_online(&mut file);
    place.emit(20);
    eventually("the first events", || file.distinct() == 20);
    place.end(program);
    let had = file.read().len();
    place.configure("", &(Place::webhook_sink("sink", &receiver, "") + &beside));
    let program = place.run_until_online(&mut file);
    place.emit(20);
    eventually("the next events", || receiver.distinct() == 20);
    place.end(program);
    let since: Vec<_> = ids(&file.read()[had..]);
    assert_eq!(ids(&receiver.accepted()), since);
}
