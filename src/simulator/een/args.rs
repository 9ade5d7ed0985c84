//! `watchpost simulate een`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    thread,
    time::Duration,
};

use clap::Args;

use super::{Fault, Keep, Options, Simulator};
use crate::simulator::common::command::{RunError, fault_help, rate, until_signal};

/// How many happenings may wait to be shown.
const HAPPENINGS: usize = 256;

/// An Eagle Eye Networks cloud to connect to: a reseller with sub-accounts, bridges and cameras, login and poll WebSocket.
#[derive(Debug, Clone, Args)]
#[command(after_help = fault_help(Fault::all()))]
pub struct SimulateArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8091")]
    pub listen: SocketAddr,
    /// How many sub-accounts the reseller has; 0 is a plain account with cameras of its own
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub accounts: usize,
    /// How many cameras each account has; every twelve have a bridge
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub cameras: usize,
    /// How many events happen per second
    #[arg(long, value_name = "N", default_value_t = 2.0, value_parser = rate)]
    pub rate: f64,
    /// How much later the legacy half of a status follows the extended half
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = humantime::parse_duration)]
    pub legacy_delay: Duration,
    /// The user that can log in
    #[arg(long, value_name = "NAME", default_value = "watchpost")]
    pub user: String,
    /// The user's password; a simulator keeps no secrets
    #[arg(long, value_name = "PASSWORD", default_value = "watchpost")]
    pub password: String,
    /// Asks for a second factor, and takes this code for it
    #[arg(long, value_name = "CODE")]
    pub two_factor: Option<String>,
    /// Refuses requests without this API key
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
    /// How long a session lives; for ever without
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub session_life: Option<Duration>,
    /// How long a session lives without a request or an open socket; for ever without
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub inactive_life: Option<Duration>,
    /// Has the branded host on a port of its own
    #[arg(long)]
    pub branded: bool,
    /// What goes wrong, see below; may be given several times
    #[arg(long = "fault", value_name = "NAME[=VALUE]")]
    pub faults: Vec<Fault>,
    /// The same seed makes the same cloud
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
        Options {
            listen: self.listen,
            branded: self.branded,
            accounts: self.accounts,
            cameras: self.cameras,
            rate: self.rate,
            legacy_delay: self.legacy_delay,
            username: self.user,
            password: self.password,
            two_factor: self.two_factor,
            api_key: self.api_key,
            session_life: self.session_life,
            inactive_life: self.inactive_life,
            seed: self.seed,
            faults: self.faults,
            // Nobody would read them, and they would grow for ever.
            ledger: Keep::Nothing,
            calls: 0,
            workers: self.workers.max(1),
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
    let (user, password, quiet) = (args.user.clone(), args.password.clone(), args.quiet);
    let simulator = Simulator::start(args.options())?;
    let (url, branded) = (simulator.url(), simulator.branded_url());
    {
        let mut out = io::stdout().lock();
        writeln!(out, "Eagle Eye Networks simulator on {url} (user {user}, password {password})")?;
        if branded != url {
            writeln!(out, "branded host: {branded}")?;
        }
        writeln!(
            out,
            "log in: curl --data-urlencode 'username={user}' --data-urlencode 'password={password}' {url}/g/aaa/authenticate"
        )?;
        out.flush()?;
    }
    if !quiet {
        let happenings = simulator.happenings(HAPPENINGS);
        thread::Builder::new().name("happenings".to_owned()).spawn(move || {
            for happening in happenings {
                let shown = writeln!(io::stdout(), "{}, {}", happening.account, happening.words);
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
