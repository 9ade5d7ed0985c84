//! What the simulated system is like.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use super::Fault;

/// How the simulated system is made. [`Default`] is a small, quiet and healthy one.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// How many cameras. Hardware, recording servers, outputs, inputs and microphones follow from it. Default 16.
    pub items: usize,
    /// How many devices more, for load tests of large systems: each has a name and, until it has sent an event, no state, and takes part in
    /// floods. They are spread evenly over seven resource types, for a list of a million in one would be longer than clients accept.
    /// Default 0.
    pub crowd: usize,
    /// How many events happen by themselves, per second; 0 for only on demand. Default 0.
    pub rate: f64,
    /// How long a session outlives its socket. Default 30 s, as Milestone documents it.
    pub window: Duration,
    /// How many events are kept for a session that is away; `None` for all. Default `None`.
    pub buffer: Option<usize>,
    /// The basic user; as a service, its client id. Default `watchpost`.
    pub username: String,
    /// The Windows user, `DOMAIN\user`; without a backslash in it there is none. Default `SIMULATED\watchpost`.
    pub windows_username: String,
    /// The password of both; as a service, its client secret. No secret is kept here. Default `watchpost`.
    pub password: String,
    /// How long a token is valid, as told in `expires_in`. Default 1 h.
    pub token_life: Duration,
    /// After how many wrong passwords a user is locked out. Default 5, as Milestone documents it.
    pub lockout_after: u32,
    /// For how long a user is locked out. Default 5 min, as Milestone documents it.
    pub lockout_for: Duration,
    /// The same seed makes the same items, ids and walk. Default 1.
    pub seed: u64,
    /// Faults that are on from the start. Default none.
    pub faults: Vec<Fault>,
    /// Sends a flood to each session as soon as it has subscribed. Default `None`.
    pub flood: Option<FloodOptions>,
    /// Keeps every event for [`Simulator::ledger`](super::Simulator::ledger); about 400 bytes an event. Default true.
    pub ledger: bool,
    /// Threads that serve sockets. Default 1.
    pub workers: usize,
}

/// A load test, see [`Simulator::flood`](super::Simulator::flood).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodOptions {
    /// How many events each session gets.
    pub events: u64,
    /// How many events are in a frame.
    pub per_frame: usize,
    /// How many events are sent per second; `None` for as fast as the socket takes them.
    pub rate: Option<NonZeroU32>,
}

/// The schedule of a flood, see [`Simulator::paced_flood`](super::Simulator::paced_flood).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Events per second.
    pub rate: NonZeroU32,
    /// When the first event is due; a moment that has passed counts as now.
    pub begin: SystemTime,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            items: 16,
            crowd: 0,
            rate: 0.0,
            window: Duration::from_secs(30),
            buffer: None,
            username: "watchpost".to_owned(),
            windows_username: "SIMULATED\\watchpost".to_owned(),
            password: "watchpost".to_owned(),
            token_life: Duration::from_secs(3600),
            lockout_after: 5,
            lockout_for: Duration::from_secs(300),
            seed: 1,
            faults: Vec::new(),
            flood: None,
            ledger: true,
            workers: 1,
        }
    }
}
