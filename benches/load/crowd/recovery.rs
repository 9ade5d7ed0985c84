//! `recovery`: one server goes away under all of its sessions, and comes back before it has forgotten them.
//!
//! Each camera has events while the server is away, which a session gets when it is resumed, and one more afterwards. A run counts
//! only if every session was resumed, none began anew, no gap was told, and every event was taken, once. The floor is how long as many bare loops
//! take to open as many sessions at the same server, all at once, when nothing hinders them.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;

use super::words::{Census, HostOrder, HostWord, Online};
use super::{Crowd, peak};
use crate::report::{Section, Spread};
use crate::words::PATIENCE;
use crate::{Consumer, Outcome};

/// The workload's name.
const NAME: &str = "recovery";
/// Events of each camera while the server is away.
const MISSED: u32 = 2;
/// Each camera has an event in this time before the outage, and one in as long after it.
const AROUND: Duration = Duration::from_secs(1);
/// How often is looked whether all sessions are there again.
const LOOK: Duration = Duration::from_millis(250);

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Dose {
    pub(crate) sessions: usize,
    /// For how long the server is away; each is a run of its own.
    pub(crate) outages: &'static [Duration],
    pub(crate) rounds: u32,
}

/// One outage.
#[derive(Debug, Serialize)]
struct Run {
    outage_seconds: f64,
    /// From the server's return until the last session was resumed.
    resumed_seconds: f64,
    /// From the loss until then: it must be inside the window.
    since_loss_seconds: f64,
    /// The most WebSockets asked for within a second, as the server saw it.
    peak_connects: usize,
    /// Tries of each session while the server was away, on average: the server saw none of them.
    tries: f64,
    events: usize,
}

/// All outages of one length.
#[derive(Debug, Serialize)]
struct Outage {
    #[serde(skip)]
    length: Duration,
    engine: Vec<Run>,
    /// Seconds until as many bare loops have a session.
    floor: Vec<f64>,
}

/// Runs every outage in every round.
pub(crate) fn run(dose: Dose) -> Outcome<Section> {
    let outage = |length: &Duration| Outage { length: *length, engine: Vec::new(), floor: Vec::new() };
    let mut outages: Vec<_> = dose.outages.iter().map(outage).collect();
    for round in 0..dose.rounds {
        for Outage { length, engine, floor } in &mut outages {
            let run = one(dose, *length)?;
            floor.push(bare(dose)?);
            let (number, of) = (round + 1, dose.rounds);
            let Run { resumed_seconds, since_loss_seconds, peak_connects, .. } = run;
            writeln!(
                io::stderr(),
                "round {number} of {of}, {NAME}, away for {length:?}: resumed in {resumed_seconds:.2} s, {since_loss_seconds:.2} s after \
                 the loss, at most {peak_connects} connects in a second"
            )?;
            engine.push(run);
        }
    }
    let head = vec!["away", "all resumed in s", "after the loss", "floor in s", "connects/s", "tries", "events missed"];
    Ok(Section {
        name: NAME,
        heading: format!(
            "{NAME}: {} sessions at one server, {} rounds; none lost, none anew",
            dose.sessions, dose.rounds
        ),
        head,
        rows: outages.iter().map(cells).collect(),
        figures: json!({ "dose": dose, "outages": outages }),
    })
}

fn cells(outage: &Outage) -> Vec<String> {
    let spread = |figure: fn(&Run) -> f64| Spread::new(outage.engine.iter().map(figure)).ratio();
    let most = |figure: fn(&Run) -> usize| outage.engine.iter().map(figure).max().unwrap_or(0).to_string();
    vec![
        format!("{:?}", outage.length),
        spread(|run| run.resumed_seconds),
        spread(|run| run.since_loss_seconds),
        Spread::new(outage.floor.iter().copied()).ratio(),
        most(|run| run.peak_connects),
        spread(|run| run.tries),
        most(|run| run.events),
    ]
}

/// One outage under the engine's sessions.
fn one(dose: Dose, length: Duration) -> Outcome<Run> {
    let (mut crowd, ..) = Crowd::gather(Consumer::Engine, dose.sessions, 1, false)?;
    let sessions = dose.sessions;
    // A session is resumed behind an event, so there must have been one.
    let before = crowd.measure(AROUND)?;
    crowd.order_hosts(&HostOrder::Leave { length, events: MISSED })?;
    let host = crowd.hosts.first().ok_or("there is no server")?;
    let (left, back) = host.hear(length + PATIENCE, |word| match word {
        HostWord::Back { left, back } => Ok((left, back)),
        other => Err(other),
    })?;
    let limit = Instant::now() + PATIENCE;
    while crowd.census()?.resumed.len() < sessions && Instant::now() < limit {
        thread::sleep(LOOK);
    }
    let after = crowd.measure(AROUND)?;
    let census = crowd.census()?;
    let Census { begun, ended, resumed, upgrades, .. } = &census;
    if *begun != sessions || resumed.len() != sessions || *ended > 0 || after.gaps > 0 {
        let gaps = after.gaps;
        return Err(format!(
            "away for {length:?}: each of {sessions} sessions should have been begun once and resumed once, but {begun} were begun, {} \
             resumed, {ended} ended, and {gaps} gaps told",
            resumed.len()
        )
        .into());
    }
    crowd.check(&census)?;
    let last = resumed.iter().copied().max().unwrap_or(back);
    let seconds = |from: u64| Duration::from_millis(last.saturating_sub(from)).as_secs_f64();
    let upgrades = upgrades.iter().copied().filter(|asked| *asked >= left).collect();
    let run = Run {
        outage_seconds: Duration::from_millis(back - left).as_secs_f64(),
        resumed_seconds: seconds(back),
        since_loss_seconds: seconds(left),
        peak_connects: peak(upgrades),
        tries: (after.further_tries - before.further_tries) as f64 / sessions as f64,
        events: sessions * MISSED as usize,
    };
    crowd.finish()?;
    Ok(run)
}

/// How long bare loops take to open the sessions.
fn bare(dose: Dose) -> Outcome<f64> {
    let (crowd, _, Online { seconds, .. }) = Crowd::gather(Consumer::Floor, dose.sessions, 1, false)?;
    crowd.finish()?;
    Ok(seconds)
}
