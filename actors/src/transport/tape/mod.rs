//! Recording what goes over the wire: what a vendor sends, so that it can be played back elsewhere.
//!
//! A [`Tape`] is given to the clients of an engine and is told of each call with its outcome, and of each WebSocket and what is said on it; pings are not kept, nor what is
//! in pictures and recordings. `veil` takes out secrets (known by `names`, found by `find` and `json` in all `layers`, in any `spelling`) and hosts before anything is written; each `line` is an object
//! of JSON, written as it happens: what was written is good, however it ends.
//!
//! Writing blocks the thread for as long as the file does. A tape is for one connection that is looked at, and not for everyday use.

mod find;
mod json;
mod layers;
mod line;
mod names;
mod spelling;
mod tell;
mod veil;

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::watch;

use self::line::{Header, Line, What};
use self::veil::Veil;
use crate::settings::Secret;

pub(crate) use self::tell::SocketTape;

/// The version of what is written.
pub const VERSION: u32 = 1;

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// There is a file of this name, and it is not to be overwritten. Another name helps.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The file cannot be made, or nothing can be written to it.
    #[error("cannot write {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl TapeError {
    /// Whether the same may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// What was written so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls, with those that had no answer.
    pub calls: u64,
    /// WebSockets that have opened.
    pub sockets: u64,
    /// Messages on them, in both directions.
    pub messages: u64,
    /// Bytes.
    pub bytes: u64,
}

/// A recording that is being made. To be shared by all that is to be recorded.
pub struct Tape {
    inner: Mutex<Inner>,
    broken: watch::Sender<Option<String>>,
}

struct Inner {
    /// `None` after an error.
    out: Option<Box<dyn Write + Send>>,
    veil: Veil,
    started: Instant,
    counts: Counts,
    sockets: u64,
}

impl Tape {
    /// Begins a file that nobody but its owner can read.
    ///
    /// # Errors
    /// [`TapeError`]. Where there is a file already it is overwritten only if `force` is set.
    pub fn create(path: &Path, force: bool, vendor: &str) -> Result<Self, TapeError> {
        let failed = |source| TapeError::File { path: path.to_owned(), source };
        let file = match open(path, force) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(TapeError::Exists(path.to_owned()));
            }
            file => file.map_err(failed)?,
        };
        Self::to(Box::new(file), vendor).map_err(failed)
    }

    /// Begins a recording that is written to `out`, each line in one piece.
    ///
    /// # Errors
    /// What the first line ran into.
    pub fn to(mut out: Box<dyn Write + Send>, vendor: &str) -> io::Result<Self> {
        let recorded = format!("{:.3}", Timestamp::now());
        let by = concat!("watchpost ", env!("CARGO_PKG_VERSION"));
        let mut header = serde_json::to_vec(&Header { watchpost: "frames", version: VERSION, vendor, recorded, by })?;
        header.push(b'\n');
        out.write_all(&header)?;
        let counts = Counts { bytes: header.len() as u64, ..Counts::default() };
        let inner = Inner { out: Some(out), veil: Veil::default(), started: Instant::now(), counts, sockets: 0 };
        Ok(Self { inner: Mutex::new(inner), broken: watch::Sender::new(None) })
    }

    /// Takes this out of all that is written from here on.
    pub fn conceal(&self, secret: &Secret) {
        self.with(|inner| inner.veil.conceal(secret.expose()));
    }

    /// What was written so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.with(|inner| inner.counts)
    }

    /// Waits until nothing can be written any more, because the disk is full, say, and tells why. What was written before is good.
    pub async fn broken(&self) -> String {
        let mut broken = self.broken.subscribe();
        let told = broken.wait_for(Option::is_some).await;
        told.ok().and_then(|why| why.clone()).unwrap_or_default()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes a line.
    fn write(&self, line: impl FnOnce(&mut Veil) -> What) {
        let failure = self.with(|inner| {
            inner.out.as_ref()?;
            let what = line(&mut inner.veil);
            inner.write(what).err()
        });
        if let Some(error) = failure {
            self.broken.send_replace(Some(error.to_string()));
        }
    }
}

impl Inner {
    fn write(&mut self, what: What) -> io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        let (calls, sockets, messages) = match &what {
            What::Call(_) | What::Download(_) => (1, 0, 0),
            What::Open(open) => (0, u64::from(open.outcome.status == Some(101)), 0),
            What::Sent(_) | What::Got(_) => (0, 0, 1),
            What::Ended(_) => (0, 0, 0),
        };
        let mut line = serde_json::to_vec(&Line { at: tell::seconds(self.started.elapsed()), what })?;
        line.push(b'\n');
        let written = out.write_all(&line).and_then(|()| out.flush());
        if written.is_err() {
            self.out = None;
            return written;
        }
        let Counts { calls: c, sockets: s, messages: m, bytes } = &mut self.counts;
        (*c, *s, *m, *bytes) = (*c + calls, *s + sockets, *m + messages, *bytes + line.len() as u64);
        Ok(())
    }
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

fn open(path: &Path, force: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if force && error.kind() == io::ErrorKind::AlreadyExists => {
            // Made anew, so that whoever could read the old one cannot read this one. What is no file is left alone.
            if !std::fs::symlink_metadata(path)?.is_file() {
                return Err(io::Error::other("it is no file"));
            }
            std::fs::remove_file(path)?;
            options.open(path)
        }
        file => file,
    }
}

#[cfg(test)]
mod tests;
