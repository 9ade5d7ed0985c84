//! What the processes of the harness say to each other: one JSON text a line, orders on standard input, answers on standard output.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{self, BufRead, BufReader, Write};
use std::num::NonZeroU32;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::latency::{Delays, Schedule};
use crate::states::Reads;

/// How long anything but a flood may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a flood may take before it counts as stalled: no consumer that works is slower than 10,000 events a second.
pub(crate) fn patience(events: u64) -> Duration {
    PATIENCE + Duration::from_secs(events / 10_000)
}

/// The user that the simulator knows unless it is told another.
pub(crate) const USER: &str = "watchpost";
/// The state group that floods are about: motion (the same on all sites observed).
pub(crate) const MOTION: &str = "720ef62a-78be-418a-8e4c-ee04ffca6429";

/// Source to event type: the motion states at the end of a flood.
pub(crate) type States = BTreeMap<String, String>;

/// What the generator is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Floods the sessions that are there, which must be so many; each gets all events, so many per second or as fast as it takes them.
    Flood { events: u64, per_frame: usize, sessions: usize, rate: Option<NonZeroU32> },
    /// Tells the states.
    States,
    /// Lets several sites send by a schedule.
    Pace(Schedule),
}

/// What generator and consumers say.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// The generator listens.
    Listening { url: String },
    /// The sites listen.
    Sites { urls: Vec<String> },
    /// The generator has begun a flood, after so much processor time.
    Flooding { cpu_seconds: f64 },
    /// The generator's states: of all groups how many, of motion which; and its processor time so far.
    States { all: usize, motion: States, cpu_seconds: f64 },
    /// The consumer has subscribed and is ready for the first flood.
    Ready,
    /// The consumer has counted as many events as it was told to.
    Counted,
    /// What the consumer has to show, after the last flood.
    Taken(Taken),
    /// How long it took to read states, after what was taken.
    Read(Box<Reads>),
    /// The rows of the flood are copied.
    Copied {
        taken: Taken,
        /// For the inserts and commits.
        wall_seconds: f64,
        /// The middle one of all commits.
        rows_per_commit: usize,
    },
    /// All events of a schedule have come.
    Delays(Delays),
}

/// What a consumer has taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Events of the measured flood.
    pub(crate) events: u64,
    /// Processor time of the whole process during it, in seconds.
    pub(crate) cpu_seconds: f64,
    /// Memory when it began, in bytes; `None` where the system does not tell.
    pub(crate) resident: Option<u64>,
    /// The most memory that the process ever had, in bytes.
    pub(crate) peak: Option<u64>,
    /// Bytes that the system had to write to a disk for it; `None` where it does not tell.
    pub(crate) written: Option<u64>,
    /// The journal's number of the first event, where there is a journal.
    pub(crate) first: Option<u64>,
    /// The motion states at its end.
    pub(crate) motion: States,
}

/// Says a word on standard output.
pub(crate) fn say(word: &impl Serialize) -> Outcome<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, word)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// A process that speaks these words: the harness itself in another role, or a peer. It is ended when this is dropped.
pub(crate) struct Other {
    name: &'static str,
    process: Child,
    lines: Receiver<io::Result<String>>,
}

impl Other {
    /// The harness itself.
    pub(crate) fn start(name: &'static str, args: &[String]) -> Outcome<Self> {
        Self::spawn(name, Command::new(std::env::current_exe()?).args(args))
    }

    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Outcome<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the {name} cannot be started: {error}"))?;
        let (sender, lines) = mpsc::channel();
        if let Some(out) = process.stdout.take() {
            // A thread, since a pipe cannot be read with a deadline.
            thread::spawn(move || BufReader::new(out).lines().try_for_each(|line| sender.send(line)));
        }
        Ok(Self { name, process, lines })
    }

    pub(crate) fn order(&mut self, order: &impl Serialize) -> Outcome<()> {
        let pipe = self.process.stdin.as_mut().ok_or("the pipe is closed")?;
        let text = serde_json::to_string(order)? + "\n";
        Ok(pipe.write_all(text.as_bytes())?)
    }

    /// The next word; it must be one that `wanted` takes.
    pub(crate) fn hear<W: DeserializeOwned + Debug, T>(
        &self,
        patience: Duration,
        wanted: impl FnOnce(W) -> Result<T, W>,
    ) -> Outcome<T> {
        let name = self.name;
        let line = match self.lines.recv_timeout(patience) {
            Ok(line) => line?,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                return Err(format!("the {name} said nothing for {patience:?}").into());
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(format!("the {name} has ended before its time, see above").into());
            }
        };
        let word = serde_json::from_str(&line).map_err(|error| format!("the {name} said {line:?}: {error}"))?;
        wanted(word).map_err(|word| format!("the {name} said {word:?} out of turn").into())
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn finish(mut self) -> Outcome<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the {} has failed: {status}", self.name).into()) }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
