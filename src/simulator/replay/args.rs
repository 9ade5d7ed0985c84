//! `watchpost simulate … --replay`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
};

use clap::Args;

use super::{Played, ReadError, Recording, Replay, StartError, hint};
use crate::simulator::common::command::until_signal;

/// What a replay is asked for with.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Plays back a recording of `watchpost record` in place of a system of its own; of the other options --listen alone counts then
    #[arg(long, value_name = "FILE")]
    pub replay: Option<PathBuf>,
    /// So many times as fast as it was
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed, requires = "replay")]
    pub speed: f64,
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be played.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is of another vendor.
    #[error("{} is a recording of {vendor}: watchpost simulate {vendor} --replay {}", path.display(), path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// Its vendor.
        vendor: String,
    },
    /// It cannot listen.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Standard output or the signals failed.
    #[error("cannot talk to the terminal: {0}")]
    Io(#[from] io::Error),
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.01..=10_000.0).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 0.01 to 10000".to_owned()),
    }
}

/// Plays a recording of this vendor until Ctrl-C or SIGTERM. Needs a tokio runtime.
///
/// # Errors
///
/// [`ReplayError`].
pub async fn run(vendor: &str, path: PathBuf, listen: SocketAddr, speed: f64) -> Result<(), ReplayError> {
    let recording = Recording::read(&path)?;
    if recording.vendor != vendor {
        return Err(ReplayError::Other { path, vendor: recording.vendor });
    }
    let head = head(&recording, &path);
    let listed = recording.clone();
    let replay = Replay::start(recording, listen, speed)?;
    {
        let mut out = io::stdout().lock();
        writeln!(out, "{head}")?;
        writeln!(out, "Played back on {}, {speed} times as fast; for a configuration:", replay.url())?;
        writeln!(out)?;
        write!(out, "{}", hint::lines(&listed, &replay.url(), &replay.socket_url()))?;
        out.flush()?;
    }
    drop(listed);
    until_signal().await?;
    let Played { calls, unknown, sockets, left } = replay.played();
    tracing::info!(calls, unknown, sockets, left, "The replay has ended.");
    replay.stop();
    Ok(())
}

fn head(recording: &Recording, path: &std::path::Path) -> String {
    let frames = recording.frames();
    let cut = if recording.cut { "; its last line is cut off, and left out" } else { "" };
    format!(
        "{}: {} recorded {} by {}, {:.0} s, {} calls, {} sockets, {frames} messages{cut}",
        path.display(),
        recording.vendor,
        recording.recorded,
        recording.by,
        recording.length,
        recording.calls.len(),
        recording.sockets.len(),
    )
}

impl Recording {
    fn frames(&self) -> usize {
        self.sockets.iter().map(super::core::frames).sum()
    }
}
