//! What every vendor promises, and the table of those who do.

use std::thread;
use std::time::Instant;

use watchpost::actors::model::ConnectionState::{Delayed, Halted, Online};
use watchpost::actors::vendors::VENDORS;

use crate::common::{MS, pace};
use crate::kinds::{Een, InOrder, Kind, Milestone, SimpliSafe, Vxg};
use crate::replay::what_is_recorded_holds_no_secret;
use crate::telemetry::telemetry;
use crate::trial::Trial;

/// More than a batch holds.
const FLOOD: usize = 6_000;

/// How many events can happen meanwhile and are all held.
fn held<K: Kind>() -> usize {
    K::HELD.min(10)
}

/// Ends the engine while events are coming in, which go on for a while.
fn in_mid_flow<K: Kind>(mut trial: Trial<K>, end: fn(&mut Trial<K>)) -> Trial<K> {
    let maker = trial.maker();
    thread::scope(|scope| {
        let flood = scope.spawn(move || maker.flow(K::FLOW));
        trial.wait("some of it is told", || trial.told().len() > K::FLOW.0 / 20);
        end(&mut trial);
        flood.join().unwrap();
    });
    trial
}

fn a_refused_login_halts_with_a_reason_and_is_not_repeated_until_somebody_insists<K: Kind>() {
    let mut trial = Trial::<K>::new();
    trial.kind.refuse_logins(true);
    trial.start_engine();
    trial.wait_for(Halted);
    assert!(trial.info().status.reason.len() > 10, "{:?}", trial.info());
    assert_eq!(trial.kind.logins(), K::REFUSED_LOGIN);
    // Any back-off would be over.
    pace(1_500 * MS);
    assert_eq!(trial.kind.logins(), K::REFUSED_LOGIN, "it is repeated");
    // As a service manager does it.
    trial.shut_down();
    trial.start_engine();
    trial.wait_for(Halted);
    assert_eq!(trial.kind.logins(), K::REFUSED_LOGIN, "a restart repeats it");
    trial.assert_logged("ERROR", "The connection is halted and needs a person.");
    assert!(telemetry().count("watchpost_logins_total", &[("result", "failed")]) > 0);
    trial.kind.refuse_logins(false);
    trial.restart_connection();
    trial.wait_for(Online);
    trial.make(3);
    trial.wait_told();
    trial.end();
}

fn a_lost_channel_is_delayed_and_online_again_and_all_that_is_held_comes_once<K: Kind>() {
    let trial = Trial::<K>::online();
    trial.make(3);
    trial.wait_told();
    for (nth, how) in K::BREAKS.iter().enumerate() {
        let online = trial.changes().iter().filter(|change| *change == "online").count();
        (how.begin)(&trial.kind);
        trial.make(held::<K>());
        trial.wait(&format!("{} is noticed", how.name), || {
            trial.changes().iter().filter(|change| *change == "delayed").count() > nth
        });
        (how.end)(&trial.kind);
        trial.wait(&format!("it is online after {}", how.name), || {
            trial.changes().iter().filter(|change| *change == "online").count() > online
        });
        trial.make(3);
        trial.wait_told();
        let gaps = trial.gaps();
        assert_eq!(gaps.is_empty(), !K::BREAKS_ARE_GAPS, "{}: {gaps:?}", how.name);
        assert!(gaps.len() <= nth + 1, "a break is one gap at most: {gaps:?}");
    }
    let lost = trial.count("watchpost_connection_tries_ended_total", &[("how", "lost")]);
    assert!(lost >= K::BREAKS.len() as u64, "{lost}");
    trial.assert_logged("INFO", "The connection was lost.");
    trial.assert_in_order(InOrder::All);
    trial.end();
}

fn what_the_vendor_no_longer_holds_lies_in_a_gap<K: Kind>() {
    let trial = Trial::<K>::online();
    for _ in 0..2 {
        trial.make(3);
        trial.wait_told();
        // What was told at the very last may be no evidence yet.
        pace(K::EXACT_TO + 200 * MS);
    }
    trial.kind.go_away();
    trial.wait_for(Delayed);
    trial.make(K::TOO_MANY);
    trial.kind.forget();
    trial.kind.come_back();
    trial.wait("a gap is told", || !trial.gaps().is_empty());
    trial.wait_for(Online);
    trial.make(3);
    trial.wait_accounted();
    assert!(!trial.missing().is_empty(), "nothing was lost");
    for gap in trial.gaps() {
        assert!(gap.data["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{gap:?}");
    }
    trial.assert_logged("WARN", "Events may have been lost: a gap was recorded.");
    trial.end();
}

fn a_channel_that_falls_silent_is_noticed_in_time<K: Kind>() {
    let trial = Trial::<K>::online();
    trial.make(3);
    trial.wait_told();
    let (begun, online) = (Instant::now(), trial.changes().len());
    trial.kind.go_silent();
    trial.make(held::<K>());
    trial.wait("the silence is noticed", || trial.changes().len() > online);
    let noticed = begun.elapsed();
    assert!(noticed < K::noticed_within(), "after {noticed:?}");
    trial.kind.end_silence();
    trial.wait_for(Online);
    trial.make(3);
    trial.wait_told();
    assert!(trial.info().last_error.is_some_and(|error| !error.is_empty()), "{}", trial.story());
    trial.end();
}

fn garbage_is_told_of_and_harms_nothing<K: Kind>() {
    let trial = Trial::<K>::online();
    trial.make(3);
    trial.wait_told();
    trial.kind.say_garbage();
    // It may be read on, or end the channel; whoever looks for the reason finds it.
    trial.wait("the garbage is told of", || {
        let lost = trial.logged("INFO", "The connection was lost.");
        let odd = trial.logged("WARN", "The vendor has sent what cannot be used.");
        !lost.is_empty() || (!odd.is_empty() && trial.count("watchpost_oddities_total", &[]) > 0)
    });
    trial.kind.talk_garbage(true);
    for _ in 0..5 {
        trial.make(2);
        pace(100 * MS);
    }
    trial.kind.talk_garbage(false);
    trial.wait_accounted();
    trial.wait_for(Online);
    trial.make(3);
    trial.wait_accounted();
    assert!(trial.missing().len() < 13, "nothing came through");
    trial.end();
}

fn a_flood_comes_once_and_in_order<K: Kind>() {
    let trial = Trial::<K>::online();
    trial.make(FLOOD);
    trial.wait_flood();
    trial.assert_in_order(InOrder::Live);
    assert!(trial.largest_commit() <= K::AT_ONCE, "{}", trial.largest_commit());
    assert!(trial.gaps().is_empty() || K::FLOODS_ARE_GAPS, "{}", trial.story());
    trial.end();
}

fn a_journal_that_hangs_holds_reading_back_and_loses_nothing<K: Kind>() {
    let trial = Trial::<K>::online();
    trial.make(3);
    trial.wait_told();
    trial.store.hang(true);
    trial.make(FLOOD);
    // What is being stored may be as much as the vendor tells at once; what is read behind it is bounded.
    // Few at a time: on a slow machine, what comes here must not grow into a second flood, told at once.
    trial.wait("reading waits", || {
        trial.make(5);
        trial.count("watchpost_held_back_total", &[]) > 0
    });
    trial.make(10);
    trial.store.hang(false);
    trial.wait_flood();
    trial.assert_in_order(InOrder::Live);
    assert!(trial.largest_commit() <= K::AT_ONCE, "{}", trial.largest_commit());
    assert!(trial.gaps().is_empty() || K::FLOODS_ARE_GAPS, "{}", trial.story());
    assert_eq!(trial.changes(), ["online"], "{}", trial.story());
    trial.end();
}

fn what_could_not_be_stored_comes_again_once<K: Kind>() {
    let trial = Trial::<K>::online();
    trial.make(3);
    trial.wait_told();
    trial.store.refuse(2);
    trial.make(held::<K>());
    trial.wait("it is refused twice", || trial.store.refused() == 2);
    trial.wait_told();
    trial.wait_for(Online);
    trial.make(3);
    trial.wait_told();
    assert_eq!(trial.count("watchpost_batches_refused_total", &[]), 2);
    assert!(trial.count("watchpost_connection_tries_ended_total", &[("reason", "journal")]) > 0);
    trial.assert_logged("ERROR", "A batch could not be stored");
    assert!(trial.info().last_error.is_some_and(|error| error.contains("disk is full")), "{}", trial.story());
    assert_eq!(trial.gaps().is_empty(), !K::BREAKS_ARE_GAPS, "{}", trial.story());
    trial.end();
}

fn an_end_in_the_middle_of_a_flow_is_made_good_by_the_next_start<K: Kind>() {
    let mut trial = in_mid_flow(Trial::<K>::online(), Trial::shut_down);
    trial.start_engine();
    trial.wait_accounted();
    assert!(trial.missing().is_empty() || K::HELD < K::FLOW.0, "{}", trial.story());
    trial.assert_in_order(InOrder::All);
    trial.end();
}

fn a_kill_in_the_middle_of_a_flow_is_made_good_by_the_next_start<K: Kind>() {
    let mut trial = in_mid_flow(Trial::<K>::online(), Trial::kill);
    trial.start_engine();
    trial.wait_accounted();
    assert!(trial.missing().is_empty() || K::HELD < K::FLOW.0, "{}", trial.story());
    trial.assert_in_order(InOrder::All);
    trial.end();
}

fn a_restart_goes_on_where_it_was<K: Kind>() {
    let mut trial = Trial::<K>::online();
    for round in 0..3 {
        trial.make(3);
        trial.wait_told();
        let before: Vec<_> = trial.told().into_iter().map(|told| told.id).collect();
        trial.shut_down();
        trial.make(held::<K>());
        trial.start_engine();
        trial.wait_told();
        trial.wait_for(Online);
        let after: Vec<_> = trial.told().into_iter().map(|told| told.id).collect();
        assert_eq!(after[..before.len()], before, "what was told stays as it is");
        let gaps = trial.gaps();
        assert_eq!(gaps.is_empty(), !K::BREAKS_ARE_GAPS, "{gaps:?}");
        assert!(gaps.len() <= round + 1, "{gaps:?}");
    }
    trial.end();
}

fn an_event_of_an_unknown_type_is_told_under_the_vendor_s_name<K: Kind>() {
    let trial = Trial::<K>::online();
    let (id, kind) = trial.kind.happen_unknown();
    assert!(kind.starts_with(&format!("{}.", K::VENDOR)));
    let told = || trial.told().into_iter().find(|told| told.id.starts_with(&id));
    trial.wait("it is told", || told().is_some());
    let told = told().unwrap();
    assert_eq!(told.kind, kind);
    trial.expect(&told.id);
    trial.make(3);
    trial.wait_told();
    trial.end();
}

fn slow_answers_lose_nothing<K: Kind>() {
    let mut trial = Trial::<K>::new();
    trial.kind.answer_slowly(Some(300 * MS));
    trial.start_engine();
    trial.wait_for(Online);
    for _ in 0..3 {
        trial.make(3);
        trial.wait_told();
    }
    trial.kind.answer_slowly(None);
    trial.make(3);
    trial.wait_told();
    assert!(trial.gaps().is_empty(), "{}", trial.story());
    trial.end();
}

#[test]
fn every_vendor_that_there_is_has_a_row() {
    let vendors: Vec<&str> = VENDORS.iter().map(|vendor| vendor.name).collect();
    assert_eq!(ROWS, vendors);
}

macro_rules! promises {
    ($($promise:ident)*; $($name:ident: $kind:ty),*) => {
        const ROWS: &[&str] = &[$(<$kind>::VENDOR),*];
        promises!(@ [$($promise)*] $($name: $kind),*);
    };
    (@ $promises:tt $($name:ident: $kind:ty),*) => { $(mod $name { promises!(@@ $kind, $promises); })* };
    (@@ $kind:ty, [$($promise:ident)*]) => { use super::*; $(#[test] fn $promise() { super::$promise::<$kind>(); })* };
}

promises! {
    a_refused_login_halts_with_a_reason_and_is_not_repeated_until_somebody_insists
    a_lost_channel_is_delayed_and_online_again_and_all_that_is_held_comes_once
    what_the_vendor_no_longer_holds_lies_in_a_gap
    a_channel_that_falls_silent_is_noticed_in_time
    garbage_is_told_of_and_harms_nothing
    a_flood_comes_once_and_in_order
    a_journal_that_hangs_holds_reading_back_and_loses_nothing
    what_could_not_be_stored_comes_again_once
    an_end_in_the_middle_of_a_flow_is_made_good_by_the_next_start
    a_kill_in_the_middle_of_a_flow_is_made_good_by_the_next_start
    a_restart_goes_on_where_it_was
    an_event_of_an_unknown_type_is_told_under_the_vendor_s_name
    slow_answers_lose_nothing
    what_is_recorded_holds_no_secret;
    milestone: Milestone,
    een: Een,
    simplisafe: SimpliSafe,
    vxg: Vxg
}
