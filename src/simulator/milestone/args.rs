//! `watchpost simulate milestone`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    num::NonZeroU32,
    time::Duration,
};

use clap::Args;

use super::{Fault, FloodOptions, Options, Simulator};
use crate::simulator::common::command::{RunError, fault_help, rate, until_signal};

/// A Milestone XProtect system to connect to: API Gateway, identity provider, Configuration REST API and event stream.
#[derive(Debug, Clone, Args)]
#[command(after_help = fault_help(Fault::all()))]
pub struct SimulateArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// How many cameras there are; all other items follow from it
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub items: usize,
    /// How many events happen per second
    #[arg(long, value_name = "N", default_value_t = 5.0, value_parser = rate)]
    pub rate: f64,
    /// How long a session outlives its socket
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    pub window: Duration,
    /// The user that can log in
    #[arg(long, value_name = "NAME", default_value = "watchpost")]
    pub user: String,
    /// The Windows user that can log in
    #[arg(long, value_name = "DOMAIN\\NAME", default_value = "SIMULATED\\watchpost")]
    pub windows_user: String,
    /// The users' password; a simulator keeps no secrets
    #[arg(long, value_name = "PASSWORD", default_value = "watchpost")]
    pub password: String,
    /// What goes wrong, see below; may be given several times
    #[arg(long = "fault", value_name = "NAME[=VALUE]")]
    pub faults: Vec<Fault>,
    /// The same seed makes the same system
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Sends so many events to each session that wants all motion, as fast as it takes them
    #[arg(long, value_name = "N")]
    pub flood: Option<u64>,
    /// How many events of a flood are in a frame
    #[arg(long, value_name = "N", default_value_t = 100, requires = "flood")]
    pub per_frame: usize,
    /// Sends so many events of a flood per second instead
    #[arg(long, value_name = "N", requires = "flood")]
    pub flood_rate: Option<NonZeroU32>,
    /// Threads that serve sockets
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub workers: usize,
}

impl SimulateArgs {
    fn options(self) -> Options {
        Options {
            listen: self.listen,
            items: self.items,
            rate: self.rate,
            window: self.window,
            username: self.user,
            windows_username: self.windows_user,
            password: self.password,
            seed: self.seed,
            faults: self.faults,
            flood: self.flood.map(|events| FloodOptions { events, per_frame: self.per_frame, rate: self.flood_rate }),
            // Nobody would read it, and it would grow for ever.
            ledger: false,
            workers: self.workers.max(1),
            ..Options::default()
        }
    }
}

/// Runs a simulator until Ctrl-C or SIGTERM. Needs a tokio runtime.
///
/// # Errors
///
/// When it cannot listen, or standard output is closed.
pub async fn run(args: SimulateArgs) -> Result<(), RunError> {
    let (user, password) = (args.user.clone(), args.password.clone());
    let windows_user = args.windows_user.clone();
    let simulator = Simulator::start(args.options())?;
    let url = simulator.url();
    {
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "Milestone XProtect simulator on {url} (user {user}, Windows user {windows_user}, password {password})"
        )?;
        writeln!(
            out,
            "log in: curl -d grant_type=password -d client_id=GrantValidatorClient \
             --data-urlencode 'username={user}' --data-urlencode 'password={password}' {url}/API/IDP/connect/token"
        )?;
        out.flush()?;
    }
    until_signal().await?;
    simulator.stop();
    Ok(())
}
