//! What `watchpost simulate` does for every system.

use std::io;

use super::{faults::FaultInfo, running::StartError};

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The simulator did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Standard output or the signals failed.
    #[error("cannot talk to the terminal: {0}")]
    Io(#[from] io::Error),
}

/// Events per second, as on the command line.
pub(in crate::simulator) fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.0..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err("it must be a number from 0 to 1000000".to_owned()),
    }
}

/// One line for each fault.
pub(in crate::simulator) fn fault_help<K>(faults: &[FaultInfo<K>]) -> String {
    let mut help = String::from("Faults:\n");
    for info in faults {
        let usage = info.value.map_or_else(|| info.name.to_owned(), |value| format!("{}[={value}]", info.name));
        help.push_str(&format!("  {usage}\n          {}\n", info.help));
    }
    help
}

#[cfg(unix)]
pub(in crate::simulator) async fn until_signal() -> io::Result<()> {
    use std::pin::pin;

    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let (interrupt, terminate) = (pin!(tokio::signal::ctrl_c()), pin!(terminate.recv()));
    futures_util::future::select(interrupt, terminate).await;
    Ok(())
}

#[cfg(not(unix))]
pub(in crate::simulator) async fn until_signal() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
