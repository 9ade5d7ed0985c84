//! Faults of all kinds at a time: in the end nothing is missing, and nothing was told twice.

use std::time::{Duration, Instant};

use serde_json::Value;
use watchpost::actors::settings::Secret;
use watchpost::simulator::vxg::{Fault, FaultKind, Options, Refusal, Simulator, Times};

use crate::cloud::{By, Cloud, options};
use crate::common::{DEADLINE, Rng, pace, parallel};

/// Faults of one trial.
const HAND: usize = 5;

const fn few(status: u16) -> Refusal {
    Refusal { status, count: Some(3) }
}

const SOME: Times = Times(Some(3));

/// Each fault under which everything can be had in the end.
const DECK: &[Fault] = &[
    Fault::StartExclusive,
    Fault::EndExclusive,
    Fault::NewestFirst,
    Fault::WholeSeconds,
    Fault::HiddenMicros,
    Fault::ZonedTimes,
    Fault::MetaAlways,
    Fault::MetaNull,
    Fault::MetaEmpty,
    Fault::TextIds,
    Fault::RandomIds,
    Fault::NeedsCamid,
    Fault::V5GroupOnly,
    Fault::LimitCap(7),
    Fault::Down(few(503)),
    Fault::Rest(few(500)),
    Fault::Events(few(503)),
    Fault::Channels(few(500)),
    Fault::NoChannels(SOME),
    Fault::Hiccups(10),
    Fault::TooMany(SOME),
    Fault::TooManyDate(SOME),
    // A login that it strikes waits for half a minute, and the next time for longer.
    Fault::TooManyBare(Times(Some(1))),
    Fault::Slow(Duration::from_millis(200)),
    Fault::Hang(Times(Some(2))),
    Fault::Reset(SOME),
    Fault::Cut(SOME),
    Fault::BareErrors,
    Fault::HtmlErrors,
    Fault::EmptyErrors,
    Fault::Html200(SOME),
    Fault::EmptyBody(SOME),
    Fault::OtherJson(SOME),
    Fault::NullObjects(SOME),
    Fault::NoMeta,
    Fault::NextDrops,
    Fault::NextForever,
    Fault::NextNever,
    Fault::TotalAbsent,
    Fault::TotalLarge(6),
    Fault::TotalSmall(4),
    Fault::OutOfOrder,
    Fault::NoThumb,
    Fault::UnknownMembers,
    Fault::OddRows(Duration::from_millis(200)),
    Fault::OddDate,
    Fault::DriftInsert(SOME),
    Fault::DriftDelete(SOME),
    Fault::Late(Duration::from_millis(1_500)),
    Fault::Straggler(3),
    Fault::SameTime(6),
    Fault::ListLag(Duration::from_millis(700)),
    Fault::MetaChange(Duration::from_millis(150)),
    Fault::Rotate(Duration::from_millis(2_000)),
    Fault::Flap(Duration::from_millis(300)),
];

/// Pages in no order, while rows arrive: nobody can say that none is missing, and so a gap is due, though none may be.
const APART: &[(FaultKind, FaultKind)] = &[(FaultKind::LimitCap, FaultKind::OutOfOrder)];

/// All faults, in hands of a few, each in one of them.
fn deal(rng: &mut Rng) -> Vec<Vec<Fault>> {
    let mut deck = DECK.to_vec();
    for at in (1..deck.len()).rev() {
        deck.swap(at, usize::try_from(rng.below(at as u64 + 1)).unwrap());
    }
    let mut hands: Vec<Vec<Fault>> = vec![Vec::new(); DECK.len().div_ceil(HAND)];
    for fault in deck {
        let is_apart =
            |one: FaultKind, other: FaultKind| APART.contains(&(one, other)) || APART.contains(&(other, one));
        let fits = |hand: &&mut Vec<Fault>| hand.iter().all(|known| !is_apart(known.kind(), fault.kind()));
        let hand = hands.iter_mut().filter(fits).min_by_key(|hand| hand.len()).unwrap();
        hand.push(fault);
    }
    hands
}

struct Trial {
    by: By,
    faults: Vec<Fault>,
    seed: u64,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn whatever_goes_wrong_together_no_event_is_missing_or_told_twice() {
    // `WATCHPOST_VXG_SEED` deals otherwise, and `WATCHPOST_VXG_ROUNDS` more than once.
    let first = number("WATCHPOST_VXG_SEED").unwrap_or(1);
    let rounds = number("WATCHPOST_VXG_ROUNDS").unwrap_or(1);
    let mut trials = Vec::new();
    for seed in first..first + rounds {
        for (nth, faults) in deal(&mut Rng::new(seed)).into_iter().enumerate() {
            let by = [By::Group, By::Licence, By::Camera][(nth + seed as usize) % 3];
            let words: Vec<_> = faults.iter().map(ToString::to_string).collect();
            let name = format!("WATCHPOST_VXG_SEED={seed}, hand {nth}, by {by:?}: {}", words.join(" "));
            trials.push((name, Trial { by, faults, seed: seed * 1_000 + nth as u64 }));
        }
    }
    // They wait for most of the time.
    parallel(11, trials, run);
}

fn run(trial: &Trial) {
    let Trial { by, faults, seed } = trial;
    let mut rng = Rng::new(*seed);
    let options = Options { seed: *seed, ..options() };
    let key = Simulator::start(options.clone()).unwrap().licence_key();
    let by_camera = *by == By::Camera;
    let mut cloud = Cloud::with(options, *by, move |config| {
        config.license_key = by_camera.then(|| Secret::from(key.clone()));
    });
    cloud.wait_online();
    let began = Instant::now();
    for fault in faults {
        cloud.sim.inject(*fault);
    }
    for _ in 0..14 {
        cloud.sim.emit(usize::try_from(rng.between(1, 12)).unwrap());
        pace(Duration::from_millis(rng.between(50, 600)));
        match rng.below(12) {
            0 => cloud.kill(),
            1 => cloud.shut_down(),
            2 => {
                cloud.store.refuse(1);
                continue;
            }
            _ => continue,
        }
        cloud.sim.emit(3);
        cloud.start_engine();
    }
    for fault in faults {
        cloud.sim.clear(fault.kind());
    }
    cloud.store.refuse(0);
    // A login that was asked for fewer calls waits for half a minute, and longer the next time.
    cloud.settle_within(4 * DEADLINE);
    cloud.wait_online();
    assert_eq!(cloud.gaps(), Vec::<Value>::new(), "all of it could be had");
    let calls = cloud.sim.calls().len() as f64;
    // Ten polls and seven lists of cameras a second, a sweep every second, and pages of seven rows where those are capped.
    let most = 60.0 + 30.0 * began.elapsed().as_secs_f64() + cloud.sim.counters().rows as f64;
    assert!(calls < most, "{calls} calls in {:?}", began.elapsed());
}
