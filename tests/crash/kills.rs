//! Killed at random moments in the middle of a flood, and started again at once: the systems keep everything meanwhile.
//!
//! `WATCHPOST_KILLS=500` kills more often, `WATCHPOST_SEED=17` at the same moments as the trial that told this number.

use std::{
    env,
    time::{Duration, Instant},
};

use crate::durable_support::{
    DEADLINE, Line, MS, Place, Post, Receiver, Reply, Rng, Tail, Walk, assert_all_in_order, eventually, have, kill,
    newest, pace, steps_back, within,
};

/// Kills by default, those before the first event included.
const KILLS: u64 = 60;
/// Kills while there is no system to connect to: the files are just being made.
const EARLY: u64 = 6;
/// Events of each of the two systems, per second.
const RATE: f64 = 510.0;
/// On a busy machine the lives of the program can be too short to catch up. Beyond so many events it may live until it has: what the
/// systems keep, and for how long, is not what is tried here.
const PILE: u64 = 5_000;
/// The webhook sink is told to put so many events into a request at most.
const EVENTS_OF_ONE_REQUEST: usize = 4;
/// A file sink writes so many lines at a time at most.
const LINES_OF_ONE_WRITE: usize = 1_024;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Accepts nearly everything, and sometimes late.
fn moody(seed: u64) -> impl FnMut(&Post, usize) -> Reply + Send + 'static {
    let mut rng = Rng::new(seed);
    move |_, _| match rng.below(3_000) {
        0 => Reply::Status(500, String::new()),
        1 => Reply::HangUp,
        2..60 => Reply::AcceptAfter(rng.between(1, 10) as u32 * MS),
        _ => Reply::Accept,
    }
}

/// How long the program lives until it is killed.
fn life(rng: &mut Rng) -> Duration {
    let ms = match rng.below(10) {
        // Right after the start, or in the middle of it.
        0 => rng.between(0, 20),
        1..3 => rng.between(20, 150),
        _ => rng.between(150, 900),
    };
    ms as u32 * MS
}

/// How many events have happened that are not in the file.
fn behind(place: &Place, file: &mut Tail) -> u64 {
    let happened: u64 = place.systems.iter().map(|system| system.simulator.counters().generated).sum();
    happened.saturating_sub(file.distinct() as u64)
}

#[test]
fn no_kill_loses_or_reorders_an_event_and_each_repeats_little() {
    let seed = number("WATCHPOST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let kills = number("WATCHPOST_KILLS").unwrap_or(KILLS);
    eprintln!("WATCHPOST_SEED={seed} WATCHPOST_KILLS={kills}");
    let mut rng = Rng::new(seed);
    let place = Place::start(2);
    let receiver = Receiver::ruled(moody(seed));
    let hook = format!("timeout = \"1s\"\nmode = \"batch\"\nbatch = {EVENTS_OF_ONE_REQUEST}");
    place.configure(
        "",
        &(Place::file_sink("file", "rotate_size = \"100GiB\"") + &Place::webhook_sink("hook", &receiver, &hook)),
    );
    let mut file = place.tail("file.jsonl");

    for system in &place.systems {
        system.simulator.pause_listening();
    }
    for _ in 0..EARLY.min(kills) {
        let mut program = place.run();
        pace(rng.between(0, 150) as u32 * MS);
        kill(&mut program);
    }
    for system in &place.systems {
        system.simulator.resume_listening().unwrap();
    }
    let mut program = place.run_until_online(&mut file);
    // What happens before the first event is stored is a start anew, and no crash.
    place.emit(1);
    eventually("the first events", || file.distinct() == 2);

    let begun = Instant::now();
    let walks: Vec<Walk> = place.systems.iter().map(|system| Walk::start(&system.simulator, RATE)).collect();
    let (mut productive, mut seen) = (0, 0);
    for _ in EARLY..kills {
        pace(life(&mut rng));
        if behind(&place, &mut file) > PILE {
            eventually("it catches up", || behind(&place, &mut file) < PILE / 4);
        }
        kill(&mut program);
        let now = file.read().len();
        productive += u64::from(now > seen + 10);
        seen = now;
        program = place.run();
    }
    drop(walks);
    eprintln!("{kills} kills, {productive} of them behind deliveries, in {:?}", begun.elapsed());
    eprintln!("the file has {} events, the receiver {}", file.distinct(), receiver.distinct());
    let newest = newest(&place.systems);
    // What has piled up grows with the kills.
    let deadline = DEADLINE * u32::try_from(kills.div_ceil(KILLS)).unwrap();
    within(deadline, "both sinks have everything", || have(file.read(), &newest) && receiver.has(&newest));
    place.end(program);
    eprintln!("at the end after {:?}", begun.elapsed());

    assert!(productive * 10 > kills - EARLY, "it was hardly ever at work when it was killed: {productive}");
    for system in &place.systems {
        let sessions = system.simulator.ledger().sessions;
        assert_eq!(sessions.len(), 1, "{}: each restart resumed the session", system.name);
    }
    assert_all_in_order("file", file.read(), &place.systems);
    let accepted = receiver.accepted();
    assert_all_in_order("hook", &accepted, &place.systems);
    assert!(place.read("file.jsonl").ends_with("}\n"), "the file is whole lines");

    let steps = steps_back(file.read());
    eprintln!("the file steps back by {steps:?}");
    assert!(steps.len() as u64 <= kills, "{} repeats for {kills} kills", steps.len());
    assert!(steps.iter().all(|events| *events <= LINES_OF_ONE_WRITE), "{steps:?}");
    for system in &place.systems {
        let lane = |line: &&Line| line.connection == system.name;
        let steps = steps_back(accepted.iter().filter(lane));
        eprintln!("lane {} steps back by {steps:?}", system.name);
        assert!(steps.len() as u64 <= kills, "{}: {} repeats for {kills} kills", system.name, steps.len());
        let one_request = |steps: &[usize]| steps.iter().all(|events| *events <= EVENTS_OF_ONE_REQUEST);
        assert!(one_request(&steps), "{}: {steps:?}", system.name);
        // What was not acknowledged, too, is delivered again before anything else.
        let all: Vec<Line> = receiver.posts().into_iter().flat_map(|post| post.lines).collect();
        let steps = steps_back(all.iter().filter(lane));
        assert!(one_request(&steps), "{}: {steps:?}", system.name);
    }
}
