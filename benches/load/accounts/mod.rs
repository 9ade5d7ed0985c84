//! The workload `accounts`: the sub-accounts of a reseller at Eagle Eye Networks, all in one process, each with a login and a socket of its own.
//!
//! ```text
//! accounts ─┬─ words ─► host: a simulated cloud, in a process of its own
//!           └─ words ─► engine: one connection, which makes one for each account; or floor: one bare loop for each
//! ```
//! First all come online; then each camera changes once while nothing else happens; then a random tenth of the sockets breaks, and a camera of every
//! account changes meanwhile. In the end whoever follows must know of every device what the cloud says of it. The same once more with three times as
//! many cameras, up to the moment at which all are online: what has come on top is what a camera's states cost. `http` is the floor's client.

mod engine;
mod floor;
mod host;
mod http;
mod words;

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::words::{Census, Cloud, HostOrder, HostWord, Known, Measured, MemberOrder, MemberWord, Online, Truth};
use crate::report::{Section, Spread};
use crate::words::{Other, PATIENCE, patience};
use crate::{Args, Consumer, Kind, Outcome, crowd};

/// The workload's name.
const NAME: &str = "accounts";
/// Rounds of it at most: a run takes minutes, and its figures vary little.
const MOST_ROUNDS: u32 = 3;
/// Cameras of an account. There is a bridge for every twelve.
const CAMERAS: usize = 10;
/// How many times as many the other run has.
const MORE: usize = 3;
/// The engine's pace; so fast that it is not what is measured.
const LOGINS_PER_SECOND: u32 = 500;
/// How long the last states may be on their way.
const LATE: Duration = Duration::from_secs(10);

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Dose {
    accounts: usize,
    /// Each camera changes once in this time.
    length: Duration,
    rounds: u32,
}

impl Dose {
    pub(crate) const TINY: Self = Self { accounts: 20, length: Duration::from_secs(1), rounds: 1 };

    pub(crate) fn new(args: &Args) -> Self {
        Self { accounts: args.accounts as usize, length: args.watch, rounds: args.rounds.min(MOST_ROUNDS) }
    }
}

/// What the harness starts itself as for this.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Part {
    Host { accounts: usize, cameras: usize },
    Engine,
    Floor,
}

impl Part {
    fn start(self) -> Outcome<Other> {
        let name = match self {
            Self::Host { .. } => "host",
            Self::Engine => Consumer::Engine.name(),
            Self::Floor => Consumer::Floor.name(),
        };
        Other::start(name, &["accounts".to_owned(), serde_json::to_string(&self)?])
    }

    /// Plays the part that a command line names.
    pub(crate) fn play(text: &str) -> Outcome<()> {
        crowd::raise_descriptors()?;
        match serde_json::from_str(text)? {
            Self::Host { accounts, cameras } => host::run(accounts, cameras),
            Self::Engine => engine::run(),
            Self::Floor => floor::run(),
        }
    }
}

/// One run of one consumer.
#[derive(Debug, Serialize)]
struct Run {
    accounts: usize,
    /// Before the first account, in bytes.
    base: Option<u64>,
    states: usize,
    online: Online,
    measured: Measured,
    /// Sockets that were broken.
    lost: usize,
    /// From then until all were online again.
    back_seconds: f64,
    /// Logins after the first of each account.
    further_logins: u64,
    census: Census,
    more: More,
}

/// What more cameras have come to.
#[derive(Debug, Serialize)]
struct More {
    base: Option<u64>,
    states: usize,
    online: Online,
    resident: Option<u64>,
}

/// Bytes that have come on top, if the system tells.
fn added(base: Option<u64>, resident: Option<u64>) -> f64 {
    resident.zip(base).map_or(f64::NAN, |(after, before)| after.saturating_sub(before) as f64)
}

impl Run {
    /// KiB that an account has added.
    fn kib(&self) -> f64 {
        added(self.base, self.measured.resident) / 1024.0 / self.accounts as f64
    }

    /// Bytes that a state has added, with its share of the camera that it is of.
    fn bytes_a_state(&self) -> f64 {
        let more = added(self.more.base, self.more.resident) - added(self.base, self.measured.resident);
        more / (self.more.states - self.states) as f64
    }

    fn cpu_share(&self) -> f64 {
        100.0 * self.measured.cpu_seconds / self.measured.seconds
    }
}

/// All runs of one consumer.
#[derive(Debug, Serialize)]
struct Runs {
    accounts_of: &'static str,
    runs: Vec<Run>,
}

/// Runs it, if it is wanted.
pub(crate) fn measure(dose: Dose, only: Option<Kind>) -> Outcome<Option<Section>> {
    only.is_none_or(|only| only == Kind::Accounts).then(|| run(dose)).transpose()
}

/// Runs both in turn.
fn run(dose: Dose) -> Outcome<Section> {
    const PARTS: [(&str, Part); 2] = [("engine", Part::Engine), ("floor", Part::Floor)];
    let mut all = PARTS.map(|(accounts_of, _)| Runs { accounts_of, runs: Vec::new() });
    for round in 1..=dose.rounds {
        for ((name, part), Runs { runs, .. }) in PARTS.into_iter().zip(&mut all) {
            let run = one(dose, part)?;
            let (kib, share, seconds, back, of) =
                (run.kib(), run.cpu_share(), run.online.seconds, run.back_seconds, dose.rounds);
            writeln!(
                io::stderr(),
                "round {round} of {of}, {NAME}: {name} {kib:.1} KiB an account, {share:.1} % of a core, online in {seconds:.1} s, a tenth \
                 back in {back:.2} s"
            )?;
            runs.push(run);
        }
    }
    let Dose { accounts, length, rounds } = dose;
    Ok(Section {
        name: NAME,
        heading: format!(
            "{NAME}: {accounts} accounts of {CAMERAS} cameras, a change of each camera in {length:?}, at most {LOGINS_PER_SECOND} logins/s of \
             the engine, {rounds} rounds"
        ),
        head: vec![
            "accounts of",
            "KiB an account",
            "base",
            "bytes a state",
            "% of a core",
            "online in s",
            "logins/s",
            "a tenth back in s",
            "logins for that",
            "descriptors",
        ],
        rows: all.iter().map(cells).collect(),
        figures: json!({
            "dose": dose, "cameras": CAMERAS, "logins_per_second": LOGINS_PER_SECOND, "more_cameras": CAMERAS * MORE, "kinds": all,
        }),
    })
}

fn cells(Runs { accounts_of, runs }: &Runs) -> Vec<String> {
    let spread = |figure: fn(&Run) -> f64| Spread::new(runs.iter().map(figure));
    let most = |figure: fn(&Run) -> u64| runs.iter().map(figure).max().unwrap_or(0).to_string();
    vec![
        (*accounts_of).to_owned(),
        spread(Run::kib).tenths(),
        spread(|run| run.base.map_or(f64::NAN, |base| base as f64 / f64::from(1 << 20))).tenths() + " MiB",
        spread(Run::bytes_a_state).whole(),
        spread(Run::cpu_share).tenths(),
        spread(|run| run.online.seconds).tenths(),
        most(|run| run.census.busiest_second as u64),
        spread(|run| run.back_seconds).ratio(),
        most(|run| run.further_logins),
        most(|run| run.online.descriptors.unwrap_or(0) as u64),
    ]
}

fn one(dose: Dose, part: Part) -> Outcome<Run> {
    let accounts = dose.accounts;
    let (mut stage, base, online) = Stage::gather(part, accounts, CAMERAS)?;
    let before = stage.census()?;
    // The reseller has a login as well.
    let logins = accounts as u64 + u64::from(matches!(part, Part::Engine));
    let once = |census: Census| census.logins == logins && census.tried == logins && census.sockets_open == accounts;
    if !once(before) || before.sockets != accounts as u64 {
        return Err(format!("each of {accounts} accounts should have one login and one socket, but: {before:?}").into());
    }
    let measured = stage.watch(dose.length)?;
    if measured.changes != stage.cloud.cameras as u64 || measured.gaps > 0 {
        return Err(format!(
            "{} changes should have been taken, and no gap told, but: {measured:?}",
            stage.cloud.cameras
        )
        .into());
    }
    let (lost, back_seconds, gaps) = stage.kill()?;
    stage.check(part)?;
    let census = stage.census()?;
    if !once(census) || census.sockets != (accounts + lost) as u64 || gaps != lost as u64 {
        return Err(format!(
            "{lost} of {accounts} sockets were broken: each should have come again once with its login and told one gap, but {gaps} were \
             told: {census:?}"
        )
        .into());
    }
    let states = stage.cloud.states;
    stage.finish()?;
    let more = more(dose, part)?;
    let further_logins = census.logins - before.logins;
    Ok(Run { accounts, base, states, online, measured, lost, back_seconds, further_logins, census, more })
}

/// The same with more cameras, up to the moment at which all are online.
fn more(dose: Dose, part: Part) -> Outcome<More> {
    let (mut stage, base, online) = Stage::gather(part, dose.accounts, CAMERAS * MORE)?;
    let Measured { resident, .. } = stage.quiet()?;
    stage.check(part)?;
    let states = stage.cloud.states;
    stage.finish()?;
    Ok(More { base, states, online, resident })
}

/// A cloud, and whoever follows its accounts.
struct Stage {
    host: Other,
    cloud: Cloud,
    members: Other,
}

impl Stage {
    /// Starts both and comes back when all accounts are online. Tells the memory before the first one, too.
    fn gather(part: Part, accounts: usize, cameras: usize) -> Outcome<(Self, Option<u64>, Online)> {
        let host = Part::Host { accounts, cameras }.start()?;
        let cloud: Cloud = host.hear(PATIENCE, |word| match word {
            HostWord::Listening(cloud) => Ok(cloud),
            other => Err(other),
        })?;
        let mut stage = Self { host, cloud, members: part.start()? };
        let base = stage.hear(PATIENCE, |word| match word {
            MemberWord::Base { resident } => Ok(resident),
            other => Err(other),
        })?;
        stage.order(&MemberOrder::Connect(stage.cloud.clone()))?;
        let online = stage.hear(PATIENCE + patience(accounts as u64 * 100), |word| match word {
            MemberWord::Online(online) => Ok(online),
            other => Err(other),
        })?;
        Ok((stage, base, online))
    }

    fn order(&mut self, order: &MemberOrder) -> Outcome<()> {
        self.members.order(order)
    }

    fn hear<T>(&self, patience: Duration, wanted: impl FnOnce(MemberWord) -> Result<T, MemberWord>) -> Outcome<T> {
        self.members.hear(patience, wanted)
    }

    /// What it takes to take one change of each camera, which come evenly over so long.
    fn watch(&mut self, length: Duration) -> Outcome<Measured> {
        self.begin(self.cloud.cameras as u64, length)?;
        self.host.order(&HostOrder::Changes { over: length })?;
        let measured = self.measured(length)?;
        self.host.hear(PATIENCE, |word| if matches!(word, HostWord::Done) { Ok(()) } else { Err(word) })?;
        Ok(measured)
    }

    /// How it is while nothing happens.
    fn quiet(&mut self) -> Outcome<Measured> {
        self.begin(0, Duration::ZERO)?;
        self.measured(Duration::ZERO)
    }

    fn begin(&mut self, changes: u64, length: Duration) -> Outcome<()> {
        self.order(&MemberOrder::Measure { changes, length })?;
        self.hear(PATIENCE, |word| if matches!(word, MemberWord::Ready) { Ok(()) } else { Err(word) })
    }

    fn measured(&self, length: Duration) -> Outcome<Measured> {
        self.hear(length + PATIENCE * 2, |word| match word {
            MemberWord::Measured(measured) => Ok(measured),
            other => Err(other),
        })
    }

    /// Breaks a tenth of the sockets; says how many, how many seconds later all were back, and how many gaps were told.
    fn kill(&mut self) -> Outcome<(usize, f64, u64)> {
        self.host.order(&HostOrder::Kill)?;
        let (lost, from) = self.host.hear(PATIENCE, |word| match word {
            HostWord::Killed { sockets, at } => Ok((sockets, at)),
            other => Err(other),
        })?;
        self.order(&MemberOrder::Recover { lost })?;
        let (at, gaps) = self.hear(PATIENCE * 2, |word| match word {
            MemberWord::Back { at, gaps } => Ok((at, gaps)),
            other => Err(other),
        })?;
        Ok((lost, Duration::from_millis(at.saturating_sub(from)).as_secs_f64(), gaps))
    }

    /// Compares what is known with how everything is. The last of it may be on its way yet.
    fn check(&mut self, part: Part) -> Outcome<()> {
        self.host.order(&HostOrder::Truth)?;
        let truth = self.host.hear(PATIENCE, |word| match word {
            HostWord::Truth(Truth { states, words }) => Ok(if matches!(part, Part::Floor) { words } else { states }),
            other => Err(other),
        })?;
        let limit = Instant::now() + LATE;
        loop {
            self.order(&MemberOrder::Tell)?;
            let known = self.hear(PATIENCE, |word| match word {
                MemberWord::Known(known) => Ok(known),
                other => Err(other),
            })?;
            if known == truth {
                return Ok(());
            }
            if Instant::now() > limit {
                return Err(difference(&truth, &known).into());
            }
        }
    }

    fn census(&mut self) -> Outcome<Census> {
        self.host.order(&HostOrder::Census)?;
        self.host.hear(PATIENCE, |word| match word {
            HostWord::Census(census) => Ok(census),
            other => Err(other),
        })
    }

    fn finish(self) -> Outcome<()> {
        self.members.finish()?;
        self.host.finish()
    }
}

/// What is wrong, in words.
fn difference(truth: &Known, known: &Known) -> String {
    let keys: std::collections::BTreeSet<_> = truth.keys().chain(known.keys()).collect();
    let wrong: Vec<_> = keys.into_iter().filter(|key| truth.get(*key) != known.get(*key)).collect();
    let example = wrong.first().map_or_else(String::new, |key| {
        let [is, should] = [known, truth].map(|all| all.get(*key).map_or("nothing", String::as_str));
        format!("{key} is {is} and should be {should}")
    });
    format!("{} of {} states are wrong: {example}", wrong.len(), truth.len())
}

fn milliseconds() -> u64 {
    crowd::milliseconds(SystemTime::now())
}
