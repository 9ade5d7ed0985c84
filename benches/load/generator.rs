//! The flood: the Milestone simulator, in a process of its own. Its frames are made beforehand, so it is faster than any consumer.

use std::io::{self, BufRead};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use watchpost::simulator::milestone::{Options, Pace, Simulator};

use crate::meter::cpu_seconds;
use crate::words::{MOTION, Order, PATIENCE, Word, say};
use crate::{Outcome, Site};

/// How often is looked whether a flood is over.
const LOOK: Duration = Duration::from_millis(1);

/// Obeys orders until standard input ends.
pub(crate) fn run(site: Site) -> Outcome<()> {
    let Site { cameras: items, crowd } = site;
    let simulator = Simulator::start(Options { items, crowd, ledger: false, ..Options::default() })?;
    say(&Word::Listening { url: simulator.url() })?;
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Order::Flood { events, per_frame, sessions, rate } => {
                let cpu_seconds = cpu_seconds()?;
                let flood = || match rate {
                    Some(rate) => simulator.paced_flood(events, per_frame, Pace { rate, begin: SystemTime::now() }),
                    None => simulator.flood(events, per_frame),
                };
                begin(&simulator, sessions, flood)?;
                say(&Word::Flooding { cpu_seconds })?;
            }
            Order::States => {
                let cpu_seconds = cpu_seconds()?;
                let states = simulator.states();
                let all = states.len();
                let motion = states.into_iter().filter(|((_, group), _)| group == MOTION);
                let motion = motion.map(|((source, _), state)| (source, state.event_type)).collect();
                say(&Word::States { all, motion, cpu_seconds })?;
            }
            Order::Pace(_) => return Err("the generator knows no schedules".into()),
        }
    }
    Ok(())
}

/// Floods the sessions that are there. The flood before may have been counted by its consumer and not yet be over here.
fn begin(simulator: &Simulator, sessions: usize, flood: impl Fn() -> usize) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    // Only one session can be told to be free by trying.
    while sessions > 1 && !is_over(simulator, sessions) && Instant::now() < deadline {
        thread::sleep(LOOK);
    }
    loop {
        match flood() {
            0 if Instant::now() < deadline => thread::sleep(LOOK),
            0 => return Err("no session wants the flood".into()),
            takers if takers == sessions => return Ok(()),
            takers => {
                let trouble = "a figure would be of something else";
                return Err(format!("{takers} sessions take the flood and not {sessions}; {trouble}").into());
            }
        }
    }
}

/// Whether nothing of the last flood is under way any more.
fn is_over(simulator: &Simulator, sessions: usize) -> bool {
    simulator.ledger().floods.iter().rev().take(sessions).all(|flood| flood.finished.is_some())
}
