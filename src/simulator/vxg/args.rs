//! `watchpost simulate vxg`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    thread,
    time::Duration,
};

use clap::Args;

use super::{Fault, Options, Simulator};
use crate::simulator::common::command::{RunError, fault_help, rate, until_signal};

/// How many happenings may wait to be shown.
const HAPPENINGS: usize = 256;

/// How many events a simulator without a test keeps, so that it does not grow for ever.
const HISTORY: usize = 100_000;

/// A VXG cloud to connect to: cameras with their types of events, the events they had, and channels; by access token, group token or licence key.
#[derive(Debug, Clone, Args)]
#[command(after_help = fault_help(Fault::all()))]
pub struct SimulateArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8093")]
    pub listen: SocketAddr,
    /// How many cameras there are
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub cameras: usize,
    /// How many events happen per second, over all cameras
    #[arg(long, value_name = "N", default_value_t = 0.5, value_parser = rate)]
    pub rate: f64,
    /// How many events each camera has in its history already
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub past: usize,
    /// How long events are kept; left out: for ever
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub retention: Option<Duration>,
    /// How long a camera takes to make an event that was triggered
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub trigger_delay: Duration,
    /// How far the server's clock is ahead
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, conflicts_with = "clock_behind")]
    pub clock_ahead: Option<Duration>,
    /// How far the server's clock is behind
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub clock_behind: Option<Duration>,
    /// What `Retry-After` tells, in whole seconds
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = humantime::parse_duration)]
    pub retry_after: Duration,
    /// What goes wrong, see below; may be given several times
    #[arg(long = "fault", value_name = "NAME[=VALUE]")]
    pub faults: Vec<Fault>,
    /// The same seed makes the same cameras and the same licence key
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Does not show what happens
    #[arg(long)]
    pub quiet: bool,
    /// Threads that serve requests
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub workers: usize,
}

fn millis(duration: Option<Duration>) -> i64 {
    duration.map_or(0, |duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

impl SimulateArgs {
    fn options(self) -> Options {
        Options {
            listen: self.listen,
            cameras: self.cameras,
            rate: self.rate,
            past: self.past,
            retention: self.retention,
            trigger_delay: self.trigger_delay,
            clock: millis(self.clock_ahead) - millis(self.clock_behind),
            retry_after: self.retry_after,
            seed: self.seed,
            faults: self.faults,
            history: HISTORY,
            // Nobody would read them, and they would grow for ever.
            calls: 0,
            workers: self.workers,
            ..Options::default()
        }
    }
}

/// Runs a simulator until Ctrl-C or SIGTERM, and shows what happens. Needs a tokio runtime.
///
/// # Errors
///
/// When it cannot listen, or standard output is closed.
pub async fn run(args: SimulateArgs) -> Result<(), RunError> {
    let quiet = args.quiet;
    let simulator = Simulator::start(args.options())?;
    let (url, group, licence) = (simulator.url(), simulator.group_token(), simulator.licence_key());
    let first = simulator.cameras().first().copied().unwrap_or_default();
    let token = simulator.token(first).unwrap_or_default();
    {
        let mut out = io::stdout().lock();
        writeln!(out, "VXG simulator on {url}; for a configuration:")?;
        writeln!(out)?;
        writeln!(out, "[[connection]]")?;
        writeln!(out, "name = \"yard\"")?;
        writeln!(out, "vendor = \"vxg\"")?;
        writeln!(out, "url = \"{url}\"")?;
        writeln!(out, "token = {{ file = \"vxg.token\" }}")?;
        writeln!(out)?;
        writeln!(out, "SI, all cameras: echo '{group}' > vxg.token")?;
        writeln!(out, "Acc, camera {first}: echo '{token}' > vxg.token")?;
        writeln!(out, "LKey, the account: echo '{licence}' > vxg.token")?;
        out.flush()?;
    }
    if !quiet {
        let happenings = simulator.happenings(HAPPENINGS);
        thread::Builder::new().name("happenings".to_owned()).spawn(move || {
            for happening in happenings {
                let event = happening.event.map_or_else(|| "no event".to_owned(), |event| event.to_string());
                let shown = writeln!(io::stdout(), "{}, {} ({event})", happening.name, happening.words);
                if shown.is_err() {
                    return;
                }
            }
        })?;
    }
    until_signal().await?;
    simulator.stop();
    Ok(())
}
