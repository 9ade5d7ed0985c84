//! Random mixes of faults, each from a seed. Whatever happens: once it is over, the audit is clean.
//!
//! `WATCHPOST_MIXES=200` tries more of them, `WATCHPOST_MIX=17` only that one.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;

use std::{env, thread};

use common::{DEADLINE, MS, Plan, Rig, Rng, SECOND, eventually, expiring, pace, parallel};
use watchpost::actors::model::ConnectionState;
use watchpost::simulator::milestone::{DropHow, Fault, Options};

/// Seeds tried by default.
const SEEDS: u64 = 20;
/// Things that happen in one mix.
const STEPS: u64 = 12;

/// Faults that may be on at any time, several at once.
const FAULTS: &[&str] = &[
    "interleave",
    "slow-state=300ms",
    "slow-state=900ms",
    "huge-state=2MiB",
    "state-refused=500",
    "recycle=700ms",
    "reset=700ms",
    "drop=600ms",
    "half-open=1500ms",
    "late-window=1s",
    "duplicates",
    "resume-refused",
    "buffer=20",
    "session-refused=503",
    "subscription-refused=500",
    "drop-after-subscribe",
    "reply-out-of-order",
    "fragments",
    "bytewise",
    "no-pong",
    "empty-events",
    "unknown-frames",
    "garbage=400ms",
    "unknown-members",
    "missing-members",
    "spec-version-case",
    "mixed-case",
    "big-events",
    "burst=600ms",
    "refuse-upgrade=503:2",
    "refuse-upgrade=401:1",
    "refuse-upgrade=500",
    "token-expires=500ms",
    "rest-down",
    "rest-slow=300ms",
    "rest-hang",
    "rest-403",
    "bulk-refused",
    "no-discovery",
    "internal-gateway",
];

const DROPS: &[DropHow] = &[
    DropHow::Close(1001),
    DropHow::Close(1011),
    DropHow::Fin,
    DropHow::Reset,
    DropHow::MidFrame,
    DropHow::HalfOpen,
    DropHow::Silent,
];

#[test]
fn no_mix_of_faults_loses_anything_in_silence() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("WATCHPOST_MIX") {
        Some(one) => one..one + 1,
        None => 1..1 + number("WATCHPOST_MIXES").unwrap_or(SEEDS),
    };
    let rerun = "cargo test --test milestone_mixes";
    let trials = seeds.map(|seed| (format!("WATCHPOST_MIX={seed} {rerun}"), seed)).collect();
    parallel(4, trials, |seed| mix(*seed));
}

fn mix(seed: u64) {
    let mut rng = Rng::new(seed);
    let plan = Plan::new(Options { seed, ..expiring() });
    // Also the pause before the states are asked for again.
    let mut rig = plan.vendor(|vendor| vendor.snapshot_timeout = SECOND).start();
    rig.walk(rng.between(20, 150) as f64);
    let mut log = Vec::new();
    for _ in 0..STEPS {
        let what = step(&rig, &mut rng);
        log.push(what);
        pace(rng.between(20, 400) as u32 * MS);
    }
    let told = Tell(&log);
    calm(&rig);
    rig.wait_for(ConnectionState::Online);
    eventually(DEADLINE, "an event that is owed", || {
        rig.sim.emit(5);
        rig.report().sent > 0
    });
    rig.settle();
    drop(told);
    rig.shut_down();
}

/// Tells what was done if it came to a bad end.
struct Tell<'a>(&'a [String]);

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.0.join("; "));
        }
    }
}

/// One thing happens.
fn step(rig: &Rig, rng: &mut Rng) -> String {
    match rng.below(12) {
        0..=4 => {
            let fault: Fault = rng.pick(FAULTS).parse().expect("a fault");
            rig.sim.inject(fault);
            format!("inject {fault}")
        }
        5..=6 => {
            let fault: Fault = rng.pick(FAULTS).parse().expect("a fault");
            rig.sim.clear(fault.kind());
            format!("clear {:?}", fault.kind())
        }
        7..=8 => {
            let how = *rng.pick(DROPS);
            rig.sim.drop_sockets(how);
            if how == DropHow::Silent {
                // For how long a gateway holds events back while it answers pings is not known; taken is: less than a window.
                pace(rng.between(100, 1_200) as u32 * MS);
                rig.sim.drop_sockets(DropHow::Fin);
            }
            format!("drop {how:?}")
        }
        9 => {
            rig.sim.forget_sessions();
            "forget sessions".to_owned()
        }
        10 => {
            let count = rng.between(1, 200);
            rig.sim.emit(usize::try_from(count).unwrap());
            format!("{count} events at once")
        }
        _ => {
            let away = rng.between(100, 2_600) as u32 * MS;
            rig.sim.pause_listening();
            pace(away);
            rig.sim.resume_listening().expect("listens again");
            format!("away for {away:?}")
        }
    }
}

/// Takes away whatever stands between the engine and a clean end.
fn calm(rig: &Rig) {
    for info in Fault::all() {
        rig.sim.clear(info.kind);
    }
    // What is stalled, only a new socket cures.
    rig.sim.drop_sockets(DropHow::Reset);
}
