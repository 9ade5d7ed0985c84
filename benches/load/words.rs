//! What the processes of the harness say to each other: one JSON text a line, orders on standard input, answers on standard output.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Outcome;

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
    /// Floods the one session that is there.
    Flood { events: u64, per_frame: usize },
    /// Tells the states.
    States,
}

/// What generator and consumers say.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// The generator listens.
    Listening { url: String },
    /// The generator has begun a flood.
    Flooding,
    /// The generator's states: of all groups how many, of motion which.
    States { all: usize, motion: States },
    /// The consumer has subscribed and is ready for the first flood.
    Ready,
    /// The consumer has counted as many events as it was told to.
    Counted,
    /// What the consumer has to show, after the last flood.
    Taken(Taken),
    /// The rows of the flood are copied.
    Copied {
        taken: Taken,
        /// For the inserts and commits.
        wall_seconds: f64,
        /// The middle one of all commits.
        rows_per_commit: usize,
    },
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
pub(crate) fn say(word: &Word) -> Outcome<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, word)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// The harness itself in another role. It is ended when this is dropped.
pub(crate) struct Other {
    name: &'static str,
    process: Child,
    lines: Receiver<io::Result<String>>,
}

impl Other {
    pub(crate) fn start(name: &'static str, args: &[String]) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(args)
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

    pub(crate) fn order(&mut self, order: &Order) -> Outcome<()> {
        let pipe = self.process.stdin.as_mut().ok_or("the pipe is closed")?;
        let text = serde_json::to_string(order)? + "\n";
        Ok(pipe.write_all(text.as_bytes())?)
    }

    /// The next word; it must be one that `wanted` takes.
    pub(crate) fn hear<T>(&self, patience: Duration, wanted: impl FnOnce(Word) -> Result<T, Word>) -> Outcome<T> {
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
