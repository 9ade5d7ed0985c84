//! `watchpost simulate simplisafe`.

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

/// How much history a simulator without a test keeps, so that it does not grow for ever.
const HISTORY: usize = 5_000;

/// A SimpliSafe cloud to connect to: logins, systems with sensors, locks and cameras, their history, and the WebSocket.
#[derive(Debug, Clone, Args)]
#[command(after_help = fault_help(Fault::all()))]
pub struct SimulateArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8092")]
    pub listen: SocketAddr,
    /// How many systems the user has
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub systems: usize,
    /// How many sensors each system has
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub sensors: usize,
    /// How many cameras each system has
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub cameras: usize,
    /// How many events happen per second
    #[arg(long, value_name = "N", default_value_t = 0.5, value_parser = rate)]
    pub rate: f64,
    /// How many events each system has in its history already
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub past: usize,
    /// How long an access token is valid
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    pub token_life: Duration,
    /// How long a system counts down before it is armed
    #[arg(long, value_name = "DURATION", default_value = "45s", value_parser = humantime::parse_duration)]
    pub exit_delay: Duration,
    /// How long a system waits for a code before the alarm
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    pub entry_delay: Duration,
    /// How long the history reaches back
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = humantime::parse_duration)]
    pub timeline: Duration,
    /// What the faults `identify-error` and `server-error` say
    #[arg(long, value_name = "TEXT")]
    pub identify_error: Option<String>,
    /// What goes wrong, see below; may be given several times
    #[arg(long = "fault", value_name = "NAME[=VALUE]")]
    pub faults: Vec<Fault>,
    /// The same seed makes the same systems, and the same refresh token
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Does not show what happens
    #[arg(long)]
    pub quiet: bool,
    /// Threads that serve sockets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub workers: usize,
}

impl SimulateArgs {
    fn options(self) -> Options {
        let usual = Options::default();
        Options {
            listen: self.listen,
            systems: self.systems,
            sensors: self.sensors,
            cameras: self.cameras,
            rate: self.rate,
            past: self.past,
            token_life: self.token_life,
            exit_delay: self.exit_delay,
            entry_delay: self.entry_delay,
            timeline: self.timeline,
            identify_error: self.identify_error.unwrap_or(usual.identify_error),
            seed: self.seed,
            faults: self.faults,
            history: HISTORY,
            // Nobody would read them, and they would grow for ever.
            calls: 0,
            sockets: 0,
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
    let (url, socket_url, token) = (simulator.url(), simulator.socket_url(), simulator.refresh_token());
    {
        let mut out = io::stdout().lock();
        writeln!(out, "SimpliSafe simulator on {url}; for a configuration:")?;
        writeln!(out)?;
        writeln!(out, "[[connection]]")?;
        writeln!(out, "name = \"home\"")?;
        writeln!(out, "vendor = \"simplisafe\"")?;
        writeln!(out, "refresh_token = {{ file = \"simplisafe.token\" }}")?;
        writeln!(out, "auth_url = \"{url}\"")?;
        writeln!(out, "api_url = \"{url}\"")?;
        writeln!(out, "socket_url = \"{socket_url}\"")?;
        writeln!(out)?;
        writeln!(out, "refresh token: echo '{token}' > simplisafe.token")?;
        out.flush()?;
    }
    if !quiet {
        let happenings = simulator.happenings(HAPPENINGS);
        thread::Builder::new().name("happenings".to_owned()).spawn(move || {
            for happening in happenings {
                let code = happening.cid.map_or_else(|| "not pushed".to_owned(), |cid| cid.to_string());
                let shown = writeln!(io::stdout(), "{}, {} ({code})", happening.system, happening.words);
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
