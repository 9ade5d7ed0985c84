//! `connections`: what a session costs that has little to do.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::words::{Census, Measured, Online};
use super::{Crowd, peak};
use crate::report::{Section, Spread};
use crate::{Consumer, Outcome};

/// The workload's name.
const NAME: &str = "connections";

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Dose {
    pub(crate) sessions: usize,
    /// Over so many simulated sites.
    pub(crate) sites: usize,
    /// Each session has one event in this time.
    pub(crate) length: Duration,
    pub(crate) rounds: u32,
}

/// One run of one consumer.
#[derive(Debug, Serialize)]
struct Run {
    /// Before the first session, in bytes.
    base: Option<u64>,
    online: Online,
    measured: Measured,
    /// The most WebSockets asked for within a second, as the sites saw it.
    peak_connects: usize,
    /// Pings that the sites got.
    pings: u64,
    sessions: usize,
}

impl Run {
    /// KiB that a session has added.
    fn kib(&self) -> f64 {
        match (self.measured.resident, self.base) {
            (Some(after), Some(before)) => after.saturating_sub(before) as f64 / 1024.0 / self.sessions as f64,
            _ => f64::NAN,
        }
    }

    fn cpu_share(&self) -> f64 {
        100.0 * self.measured.cpu_seconds / self.measured.seconds
    }
}

/// Who holds the sessions, and whether through TLS.
const KINDS: [(&str, Consumer, bool); 3] =
    [("engine", Consumer::Engine, false), ("engine, TLS", Consumer::Engine, true), ("floor", Consumer::Floor, false)];

/// All runs of one kind.
#[derive(Debug, Serialize)]
struct Runs {
    sessions_of: &'static str,
    runs: Vec<Run>,
}

/// Runs all kinds in turn.
pub(crate) fn run(dose: Dose) -> Outcome<Section> {
    let mut all = KINDS.map(|(sessions_of, ..)| Runs { sessions_of, runs: Vec::new() });
    for round in 1..=dose.rounds {
        for ((name, consumer, tls), Runs { runs, .. }) in KINDS.into_iter().zip(&mut all) {
            let run = one(dose, consumer, tls)?;
            let (kib, share, seconds, of) = (run.kib(), run.cpu_share(), run.online.seconds, dose.rounds);
            writeln!(
                io::stderr(),
                "round {round} of {of}, {NAME}: {name} {kib:.1} KiB a session, {share:.1} % of a core, online in {seconds:.1} s"
            )?;
            runs.push(run);
        }
    }
    let Dose { sessions, sites, length, rounds } = dose;
    Ok(Section {
        name: NAME,
        heading: format!(
            "{NAME}: {sessions} sessions on {sites} sites, an event for each in {length:?}, {rounds} rounds"
        ),
        head: vec!["sessions of", "KiB a session", "base", "% of a core", "online in s", "connects/s", "descriptors"],
        rows: all.iter().map(cells).collect(),
        figures: json!({ "dose": dose, "kinds": all }),
    })
}

fn cells(Runs { sessions_of, runs }: &Runs) -> Vec<String> {
    let spread = |figure: fn(&Run) -> f64| Spread::new(runs.iter().map(figure)).tenths();
    let most = |figure: fn(&Run) -> Option<usize>| {
        runs.iter().filter_map(figure).max().map_or_else(|| "?".to_owned(), |most| most.to_string())
    };
    vec![
        (*sessions_of).to_owned(),
        spread(Run::kib),
        spread(|run| run.base.map_or(f64::NAN, |base| base as f64 / f64::from(1 << 20))) + " MiB",
        spread(Run::cpu_share),
        spread(|run| run.online.seconds),
        most(|run| Some(run.peak_connects)),
        most(|run| run.online.descriptors),
    ]
}

fn one(dose: Dose, consumer: Consumer, tls: bool) -> Outcome<Run> {
    let (mut crowd, base, online) = Crowd::gather(consumer, dose.sessions, dose.sites, tls)?;
    let measured = crowd.measure(dose.length)?;
    let census = crowd.census()?;
    let Census { begun, ended, upgrades, pings, .. } = &census;
    let (gaps, tries) = (measured.gaps, measured.further_tries);
    if *begun != dose.sessions || *ended > 0 || gaps > 0 || tries > 0 {
        return Err(format!(
            "each of {} sessions should have been begun once and lived on, but {begun} were begun, {ended} ended, {gaps} gaps told, \
             and {tries} further tries made",
            dose.sessions
        )
        .into());
    }
    crowd.check(&census)?;
    let (peak_connects, pings) = (peak(upgrades.clone()), *pings);
    crowd.finish()?;
    Ok(Run { base, online, measured, peak_connects, pings, sessions: dose.sessions })
}
