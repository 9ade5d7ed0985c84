//! What the simulated cloud is like.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::Fault;

/// How the simulated cloud is made. [`Default`] is a small, quiet and healthy one of four cameras.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// A path before `/api`, without slashes around it, as a token tells it in `path`. Default none.
    pub path: String,
    /// How many cameras there are, each with a token of its own, all in one group. Default 4.
    pub cameras: usize,
    /// The id of the first camera; each further one has the next. Default 237863, that of VXG's page *Working with events*.
    pub first_camera: i64,
    /// How many events each camera has at the start, an hour between them, the newest an hour old. Default 3.
    pub past: usize,
    /// How many events happen by themselves, per second, over all cameras; 0 for only on demand. Default 0.
    pub rate: f64,
    /// How long a camera takes to make an event that was triggered. Default 500 ms.
    pub trigger_delay: Duration,
    /// How long events are kept, by their `time`; `None`: for ever. Default `None`.
    pub retention: Option<Duration>,
    /// How many rows a page has when no limit is asked for. Default 20, as on VXG's page.
    pub page: usize,
    /// The most rows of a page; a larger limit is clamped. Default 1000, the most that VXG's clients ask for.
    pub most: usize,
    /// How many milliseconds the server's clock is ahead; negative: behind. Default 0.
    pub clock: i64,
    /// What `Retry-After` tells with the faults `too-many`, `too-many-date` and `per-minute`, in whole seconds. Default 1 s.
    pub retry_after: Duration,
    /// The same seed makes the same cameras, tokens and walk. Default 1.
    pub seed: u64,
    /// Faults that are on from the start. Default none.
    pub faults: Vec<Fault>,
    /// How many events are kept, the newest by arrival. Default 1,000,000; about 1 KB each.
    pub history: usize,
    /// How many requests are kept for [`Simulator::calls`](super::Simulator::calls), the newest. Default 200,000.
    pub calls: usize,
    /// Threads that serve requests. Default 1.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            path: String::new(),
            cameras: 4,
            first_camera: 237_863,
            past: 3,
            rate: 0.0,
            trigger_delay: Duration::from_millis(500),
            retention: None,
            page: 20,
            most: 1000,
            clock: 0,
            retry_after: Duration::from_secs(1),
            seed: 1,
            faults: Vec::new(),
            history: 1_000_000,
            calls: 200_000,
            workers: 1,
        }
    }
}
