//! What the simulated cloud is like.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::Fault;

/// How the simulated cloud is made. [`Default`] is a small, quiet and healthy one: a reseller with three sub-accounts of four cameras.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Listens on a second port, which is the branded host: [`Simulator::branded_url`](super::Simulator::branded_url). A simulator has no DNS, so a
    /// client must be told. Default false: one port is everything.
    pub branded: bool,
    /// What the user object tells as `active_brand_subdomain`. Default `c001`.
    pub subdomain: String,
    /// How many sub-accounts the user's account has; 0 makes it a plain account with devices of its own. Default 3.
    pub accounts: usize,
    /// How many attached cameras each account has. There is a bridge for every twelve. Default 4.
    pub cameras: usize,
    /// Gives every tenth account, from the first, rows that a client must be ready for: an unattached camera without an account, an idle one, one
    /// with an empty service status, and one that is shared from the next account. Default true.
    pub oddities: bool,
    /// How many events happen by themselves, per second; 0 for only on demand. Default 0.
    pub rate: f64,
    /// How much later the legacy half of a status word follows what happens; the extended half follows at once. Default 0.
    pub legacy_delay: Duration,
    /// The user, who belongs to the first account. Default `watchpost`. More by [`Simulator::add_user`](super::Simulator::add_user).
    pub username: String,
    /// The password; no secret is kept here. Default `watchpost`.
    pub password: String,
    /// The code for a login in two steps, in place of one that is sent by message; `None`: logins take one step. Default `None`.
    pub two_factor: Option<String>,
    /// After how many wrong passwords a user is locked (412, inferred); `None`: never. Default `None`.
    pub login_attempts: Option<u32>,
    /// The API key that every REST request must carry as `Authentication` or `Authorization`, with or without a colon; `None`: none is
    /// needed, and any is accepted. Default `None`.
    pub api_key: Option<String>,
    /// How long the token of a login in one step is valid. Default 30 s, as documented.
    pub token_life: Duration,
    /// The same with two factors. Default 15 min, as documented.
    pub two_factor_life: Duration,
    /// How long a session lives; `None` for ever. Default `None`.
    pub session_life: Option<Duration>,
    /// How long a session lives without a request; `None` for ever. An open socket counts as activity, unless the fault
    /// `idle-sockets` says otherwise. Default `None`.
    pub inactive_life: Option<Duration>,
    /// The same seed makes the same accounts, devices and walk. Default 1.
    pub seed: u64,
    /// Faults that are on from the start. Default none.
    pub faults: Vec<Fault>,
    /// What is kept for [`Simulator::ledger`](super::Simulator::ledger). Default everything.
    pub ledger: Keep,
    /// How many requests are kept for [`Simulator::calls`](super::Simulator::calls), the newest. Default 200,000.
    pub calls: usize,
    /// Threads that serve sockets. Default 1.
    pub workers: usize,
}

/// How much a ledger keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// For each device the newest so many statuses, and as many events.
    Newest(usize),
    /// Everything; about 150 bytes for each status and event.
    Everything,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            branded: false,
            subdomain: "c001".to_owned(),
            accounts: 3,
            cameras: 4,
            oddities: true,
            rate: 0.0,
            legacy_delay: Duration::ZERO,
            username: "watchpost".to_owned(),
            password: "watchpost".to_owned(),
            two_factor: None,
            login_attempts: None,
            api_key: None,
            token_life: Duration::from_secs(30),
            two_factor_life: Duration::from_secs(900),
            session_life: None,
            inactive_life: None,
            seed: 1,
            faults: Vec::new(),
            ledger: Keep::Everything,
            calls: 200_000,
            workers: 1,
        }
    }
}
