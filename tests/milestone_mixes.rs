//! Random mixes of faults, each from a seed. Whatever happens: once it is over, the audit is clean.
//!
//! `WATCHPOST_MIXES=5000` tries more of them, `WATCHPOST_MIX=17` only that one. A mix is of a basic user, a Windows user or a service, and of one gateway
//! or of three, by its seed.
#![cfg(feature = "simulator")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;
#[path = "common/milestone_deck.rs"]
mod milestone_deck;

use std::cell::Cell;
use std::collections::HashSet;
use std::time::Instant;
use std::{env, thread};

use common::{DEADLINE, MS, Plan, Rig, Rng, SECOND, eventually, expiring, pace, parallel};
use milestone_deck::FAULTS;
use watchpost::actors::model::ConnectionState;
#[cfg(feature = "windows-auth")]
use watchpost::actors::transport::WindowsUser;
use watchpost::actors::vendors::milestone::User;
use watchpost::simulator::milestone::{DropHow, Fault, Options};

/// Seeds tried by default.
const SEEDS: u64 = 200;
/// Mixes under way at a time. They wait for most of the time: so many keep one core busy.
const AT_A_TIME: usize = 20;
/// Things that happen in one mix.
const STEPS: u64 = 12;

/// Faults that only a Windows user meets.
const WINDOWS_FAULTS: &[&str] = &[
    "ntlm-close=2",
    "ntlm-close=all",
    "ntlm-hang-up=2",
    "ntlm-long-body=100KB",
    "ntlm-chunked",
    "ntlm-garbage",
    "ntlm-negotiate",
    "ntlm-unoffered",
];

/// Faults that strike one of several gateways.
const GATEWAY_FAULTS: &[&str] = &[
    "gateways-apart",
    "gateway-outage=1200ms",
    "gateway-hangs=1",
    "gateway-hangs=3",
    "gateway-busy=2",
    "gateway-busy=3",
    "gateway-refuses=1",
    "gateway-refuses=2",
    "gateway-alone=1",
    "gateway-alone=2",
];

/// Faults that are in no mix, and why.
const EXCEPTED: &[(&str, &str)] = &[
    (
        "stall",
        "a step of its own: a silent socket that ends before the window does, since a longer one nobody can notice",
    ),
    ("trigger-refused", "strikes what a person has made, not the stream of events: milestone_commands"),
    ("trigger-lost", "the same"),
    ("trigger-slow", "the same"),
    ("subscribe-lost", "strikes subscriptions that come and go: milestone_promises, in changes"),
    ("remove-refused", "the same"),
    ("remove-unknown", "the same"),
    ("remove-lost", "the same"),
    ("told-twice", "the same"),
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
    parallel(AT_A_TIME, trials, |seed| mix(*seed));
}

#[test]
fn every_fault_is_in_the_mixes_or_excepted_with_a_reason() {
    let kind = |text: &str| text.parse::<Fault>().unwrap_or_else(|error| panic!("{text}: {error}")).kind();
    let mixed: HashSet<_> = FAULTS.iter().chain(WINDOWS_FAULTS).chain(GATEWAY_FAULTS).map(|text| kind(text)).collect();
    let excepted: HashSet<_> = EXCEPTED.iter().map(|(text, _)| kind(text)).collect();
    for info in Fault::all() {
        let in_one = mixed.contains(&info.kind) != excepted.contains(&info.kind);
        assert!(in_one, "{:?} must be in the mixes or excepted, and not both", info.name);
    }
}

/// The user of a mix, and the faults that this user can meet.
fn user(seed: u64) -> (Option<User>, Vec<&'static str>) {
    match seed % 4 {
        #[cfg(feature = "windows-auth")]
        1 => {
            let user = WindowsUser::parse(&Options::default().windows_username).expect("a Windows user");
            // Logins are few: so that some meet what only they can meet, each of it stands there twice.
            let faults = [FAULTS, WINDOWS_FAULTS, WINDOWS_FAULTS].concat();
            (Some(User::Windows(user)), faults)
        }
        3 => (Some(User::Service(Options::default().username)), FAULTS.to_vec()),
        _ => (None, FAULTS.to_vec()),
    }
}

fn mix(seed: u64) {
    let mut rng = Rng::new(seed);
    let (user, mut faults) = user(seed);
    let mut options = Options { seed, ..expiring() };
    if seed % 5 == 2 {
        options.faults.push("several-gateways=3".parse().expect("a fault"));
        faults = [&faults[..], GATEWAY_FAULTS, GATEWAY_FAULTS].concat();
    }
    let plan = Plan::new(options);
    let plan = plan.vendor(move |vendor| {
        // Also the pause before the states are asked for again.
        vendor.snapshot_timeout = SECOND;
        if let Some(user) = &user {
            vendor.user = user.clone();
        }
    });
    let mut rig = plan.start();
    rig.walk(rng.between(20, 150) as f64);
    let mut told = Tell { seed, steps: Vec::new() };
    for _ in 0..STEPS {
        let what = step(&rig, &mut rng, &faults);
        told.steps.push(what);
        pace(rng.between(20, 400) as u32 * MS);
    }
    calm(&rig);
    let insisted = Cell::new(None);
    eventually(DEADLINE, "it is online", || {
        insist(&rig, &insisted);
        rig.state() == ConnectionState::Online
    });
    eventually(DEADLINE, "an event that is owed", || {
        insist(&rig, &insisted);
        rig.sim.emit(5);
        rig.report().sent > 0
    });
    // A login that was refused to a look-up halts the connection only when that needs one.
    rig.settle_while(|rig| insist(rig, &insisted));
    drop(told);
    rig.shut_down();
}

/// Tells what was done if it came to a bad end.
struct Tell {
    seed: u64,
    steps: Vec<String>,
}

impl Drop for Tell {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("WATCHPOST_MIX={}: {}", self.seed, self.steps.join("; "));
        }
    }
}

/// One thing happens.
fn step(rig: &Rig, rng: &mut Rng, faults: &[&str]) -> String {
    match rng.below(12) {
        0..=4 => {
            let fault: Fault = rng.pick(faults).parse().expect("a fault");
            rig.sim.inject(fault);
            format!("inject {fault}")
        }
        5..=6 => {
            let fault: Fault = rng.pick(faults).parse().expect("a fault");
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

/// What somebody does after a refused login, now and then: the engine does not try a password again by itself.
fn insist(rig: &Rig, insisted: &Cell<Option<Instant>>) {
    let is_due = insisted.get().is_none_or(|last| last.elapsed() >= SECOND);
    if is_due && rig.state() == ConnectionState::Halted {
        insisted.set(Some(Instant::now()));
        rig.restart_connection();
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
