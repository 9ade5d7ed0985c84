//! The sites: Milestone simulators in a process of their own, that send by one schedule, in turn.

use std::io::{self, BufRead};
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use watchpost::simulator::milestone::{Options, Pace, Simulator};

use crate::Outcome;
use crate::meter::cpu_seconds;
use crate::words::{Order, Word, say};

/// Cameras of a site; about nine in ten take part.
const CAMERAS: usize = 100;
/// How long after the order the first event is due.
const LEAD: Duration = Duration::from_millis(100);

/// What is to be sent.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// The first so many sites.
    pub(crate) sites: usize,
    /// Events of each of them.
    pub(crate) events: u64,
    /// Events per second of all of them together.
    pub(crate) rate: NonZeroU32,
}

/// Obeys orders until standard input ends.
pub(crate) fn run(count: usize) -> Outcome<()> {
    let site = || Simulator::start(Options { items: CAMERAS, ledger: false, ..Options::default() });
    let sites = (0..count).map(|_| site()).collect::<Result<Vec<_>, _>>()?;
    say(&Word::Sites { urls: sites.iter().map(Simulator::url).collect() })?;
    for line in io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Order::Pace(schedule) => send(&sites, schedule)?,
            order => return Err(format!("the sites do not understand {order:?}").into()),
        }
        say(&Word::Flooding { cpu_seconds: cpu_seconds()? })?;
    }
    Ok(())
}

fn send(sites: &[Simulator], schedule: Schedule) -> Outcome<()> {
    let Schedule { sites: count, events, rate } = schedule;
    let rate_of_one = u32::try_from(count).ok().and_then(|count| NonZeroU32::new(rate.get() / count));
    let rate_of_one = rate_of_one.ok_or("each site must send at least one event per second")?;
    let begin = SystemTime::now() + LEAD;
    for (site, turn) in sites.iter().take(count).zip(0..) {
        let pace = Pace { rate: rate_of_one, begin: begin + Duration::from_secs(1) * turn / rate.get() };
        match site.paced_flood(events, 1, pace) {
            1 => {}
            takers => return Err(format!("{takers} sessions take the events of a site, and not one").into()),
        }
    }
    Ok(())
}
