//! The workload `latency`: how long an event takes from the moment at which it was due at the site until somebody has it.
//!
//! ```text
//!                            ┌─► engine ─► watcher      (`watch`)
//! sites (`sites`) ─► sockets ┼─► engine ─► journal ─► webhook (`webhook`) ─► receiver (`receiver`)
//!                            └─► bare client            (`bare`, the floor)
//! ```
//!
//! The sites send by a schedule, whatever becomes of what they have sent: each event tells the moment at which it was due, and its delay counts
//! from then, so that nothing is hidden by a consumer that stops for a while. All are processes of one machine, and share its clock
//! (`moment`). Who takes events puts their delays into a `tally`, which also sees to it that every event has come, once. `commit` measures what
//! one commit costs on the same disk; `figures` sets all of it side by side.

mod bare;
mod commit;
mod figures;
mod moment;
mod receiver;
mod sites;
mod tally;
mod watch;
mod webhook;

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::commit::CommitTask;
use self::figures::{Figures, Round};
use self::moment::Steps;
pub(crate) use self::sites::Schedule;
pub(crate) use self::tally::Delays;
use self::tally::Expected;
use self::webhook::{Manner, WebhookTask};
use crate::report::Section;
use crate::rounds::Dose;
use crate::words::{Order, Other, PATIENCE, Word};
use crate::{Mode, Outcome};

/// Sites that the webhook has events of; together they send as much as the one of the watcher.
const SITES: usize = 8;

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Load {
    /// Events per second, of all sites together.
    pub(crate) rate: NonZeroU32,
    /// Milliseconds that are measured.
    pub(crate) millis: u32,
    /// Milliseconds before them, by the same schedule.
    pub(crate) warm_up: u32,
}

/// What the harness starts itself as for this.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Part {
    Sites(usize),
    Bare(Expected),
    Watch(Expected),
    Webhook(WebhookTask),
    Receiver(Expected),
    Commit(CommitTask),
}

impl Part {
    fn start(&self) -> Outcome<Other> {
        let name = match self {
            Self::Sites(_) => "sites",
            Self::Bare(_) => "floor",
            Self::Watch(_) => "watcher",
            Self::Webhook(_) => "engine",
            Self::Receiver(_) => "receiver",
            Self::Commit(_) => "commit",
        };
        Other::start(name, &["latency".to_owned(), serde_json::to_string(self)?])
    }

    /// Plays the part that a command line names.
    pub(crate) fn play(text: &str) -> Outcome<()> {
        match serde_json::from_str(text)? {
            Self::Sites(count) => sites::run(count),
            Self::Bare(expected) => bare::run(&expected),
            Self::Watch(expected) => watch::run(&expected),
            Self::Webhook(task) => webhook::run(&task),
            Self::Receiver(expected) => receiver::run(expected),
            Self::Commit(task) => commit::run(&task),
        }
    }
}

/// What is compared with a floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// One site, journal in memory, a watcher.
    Watch,
    /// Eight sites, journal on disk, a webhook.
    Webhook(Mode, Manner),
}

const WAYS: [Way; 5] = [
    Way::Watch,
    Way::Webhook(Mode::Full, Manner::Default),
    Way::Webhook(Mode::Full, Manner::Batch),
    Way::Webhook(Mode::Normal, Manner::Default),
    Way::Webhook(Mode::Normal, Manner::Batch),
];

impl Way {
    fn name(self) -> String {
        match self {
            Self::Watch => "watch".to_owned(),
            Self::Webhook(mode, manner) => format!("webhook-{}-{}", mode.name(), manner.name()),
        }
    }

    const fn sites(self) -> usize {
        match self {
            Self::Watch => 1,
            Self::Webhook(..) => SITES,
        }
    }
}

/// Runs all of it.
pub(crate) fn run(dose: Dose) -> Outcome<Section> {
    let mut stage = Stage::build(dose.latency)?;
    let mut rounds = Vec::new();
    for number in 1..=dose.rounds {
        let round = stage.round()?;
        writeln!(io::stderr(), "round {number} of {}, latency: {}", dose.rounds, round.line())?;
        rounds.push(round);
    }
    stage.sites.finish()?;
    Figures::new(dose.latency, &rounds).section()
}

/// The sites, for all runs to come.
struct Stage {
    load: Load,
    sites: Other,
    urls: Vec<String>,
}

impl Stage {
    fn build(load: Load) -> Outcome<Self> {
        let sites = Part::Sites(SITES).start()?;
        let urls = sites.hear(PATIENCE, |word| match word {
            Word::Sites { urls } => Ok(urls),
            other => Err(other),
        })?;
        Ok(Self { load, sites, urls })
    }

    fn round(&mut self) -> Outcome<Round> {
        let mut round = Round::default();
        for sites in [1, SITES] {
            round.floors.push((sites, self.bare(sites)?));
        }
        for mode in [Mode::Full, Mode::Normal] {
            round.commits.push((mode, commit::measure(mode)?));
        }
        for way in WAYS {
            let delays = match way {
                Way::Watch => self.watch()?,
                Way::Webhook(mode, manner) => self.webhook(mode, manner)?,
            };
            round.ways.push((way, delays));
        }
        Ok(round)
    }

    fn expected(&self, sites: usize) -> Outcome<Expected> {
        let Load { rate, millis, warm_up } = self.load;
        let events_in = |millis: u32| u64::from(rate.get()) / sites as u64 * u64::from(millis) / 1_000;
        let warm_up = events_in(warm_up);
        let urls = self.urls.get(..sites).ok_or("there are not so many sites")?;
        Ok(Expected { urls: urls.to_vec(), warm_up, events: warm_up + events_in(millis) })
    }

    fn bare(&mut self, sites: usize) -> Outcome<Delays> {
        let expected = self.expected(sites)?;
        let bare = Part::Bare(expected.clone()).start()?;
        ready(&bare)?;
        let delays = self.send(&expected, &bare)?;
        bare.finish()?;
        Ok(delays)
    }

    fn watch(&mut self) -> Outcome<Delays> {
        let expected = self.expected(1)?;
        let watcher = Part::Watch(expected.clone()).start()?;
        ready(&watcher)?;
        let delays = self.send(&expected, &watcher)?;
        watcher.finish()?;
        Ok(delays)
    }

    fn webhook(&mut self, synchronous: Mode, manner: Manner) -> Outcome<Delays> {
        let expected = self.expected(SITES)?;
        let receiver = Part::Receiver(expected.clone()).start()?;
        let hook = receiver.hear(PATIENCE, |word| match word {
            Word::Listening { url } => Ok(url),
            other => Err(other),
        })?;
        let folder = scratch()?;
        let task = WebhookTask { expected, hook, folder: folder.path().to_owned(), synchronous, manner };
        let engine = Part::Webhook(task.clone()).start()?;
        ready(&engine)?;
        let delays = self.send(&task.expected, &receiver)?;
        // Its last words are requests too.
        engine.finish()?;
        receiver.finish()?;
        Ok(delays)
    }

    /// Lets the sites send, and hears from whoever takes the events how long they took.
    fn send(&mut self, expected: &Expected, taker: &Other) -> Outcome<Delays> {
        let steps = Steps::watch();
        let Expected { urls, events, .. } = expected;
        let schedule = Schedule { sites: urls.len(), events: *events, rate: self.load.rate };
        self.sites.order(&Order::Pace(schedule))?;
        self.sites.hear(PATIENCE, |word| if matches!(word, Word::Flooding { .. }) { Ok(()) } else { Err(word) })?;
        let patience = PATIENCE + Duration::from_secs(*events * urls.len() as u64 / u64::from(self.load.rate.get()));
        let delays = taker.hear(patience, |word| match word {
            Word::Delays(delays) => Ok(delays),
            other => Err(other),
        })?;
        steps.check()?;
        Ok(delays)
    }
}

fn ready(other: &Other) -> Outcome<()> {
    other.hear(PATIENCE, |word| if matches!(word, Word::Ready) { Ok(()) } else { Err(word) })
}

/// A folder beside what is built, since a temporary folder may be in memory.
fn scratch() -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("load-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))
}
