//! The flood: the Milestone simulator, in a process of its own. Its frames are made beforehand, so it is faster than any consumer.

use std::io::{self, BufRead};
use std::thread;
use std::time::{Duration, Instant};

use watchpost::simulator::milestone::{Options, Simulator};

use crate::Outcome;
use crate::words::{MOTION, Order, PATIENCE, Word, say};

/// Cameras of the simulated site; about nine in ten have a motion state and take part in the flood.
const CAMERAS: usize = 1_000;

/// Obeys orders until standard input ends.
pub(crate) fn run() -> Outcome<()> {
    let simulator = Simulator::start(Options { items: CAMERAS, ledger: false, ..Options::default() })?;
    say(&Word::Listening { url: simulator.url() })?;
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Order::Flood { events, per_frame } => {
                flood(&simulator, events, per_frame)?;
                say(&Word::Flooding)?;
            }
            Order::States => {
                let states = simulator.states();
                let all = states.len();
                let motion = states.into_iter().filter(|((_, group), _)| group == MOTION);
                let motion = motion.map(|((source, _), state)| (source, state.event_type)).collect();
                say(&Word::States { all, motion })?;
            }
        }
    }
    Ok(())
}

/// Floods the one session there is. The one before may have been counted by its consumer and not yet be over here.
fn flood(simulator: &Simulator, events: u64, per_frame: usize) -> Outcome<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match simulator.flood(events, per_frame) {
            1 => return Ok(()),
            0 if Instant::now() < deadline => thread::sleep(Duration::from_millis(1)),
            0 => return Err("no session wants the flood".into()),
            several => {
                return Err(format!("{several} sessions take the flood; a figure would be of none of them").into());
            }
        }
    }
}
