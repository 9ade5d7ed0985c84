//! What the simulated cloud is like.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use super::Fault;

/// What a server might say to an `identify` that it refuses. What SimpliSafe says is not known; its old service said `Not authorized`.
const IDENTIFY_ERROR: &str = r#"{"id":"ts:1639683575581","time":"2021-12-16T19:52:55.000Z","type":"com.simplisafe.service.error","source":"service","specversion":"1.0","datacontenttype":"application/json","data":{"code":401,"message":"Not authorized"}}"#;

/// How the simulated cloud is made. [`Default`] is a small, quiet and healthy one: one user with two systems of twelve sensors and two cameras.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen, for logins, calls, media and sockets alike; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// How many users there are, each with a refresh token and systems of its own. Default 1.
    pub users: usize,
    /// How many systems each user has. Default 2.
    pub systems: usize,
    /// How many sensors each system has, the keypad first, then a door lock with its pin pad, entry sensors and others in turn. Default 12.
    pub sensors: usize,
    /// How many cameras each system has: a doorbell, an outdoor camera, indoor cameras. Default 2.
    pub cameras: usize,
    /// How many events each system has in its history at the start, an hour between them, the newest an hour old. Default 3.
    pub past: usize,
    /// How many things happen by themselves, per second; 0 for only on demand. Default 0.
    pub rate: f64,
    /// How long a system counts down before it is armed; nothing: it is armed at once, without an event for the delay. Default 45 s.
    pub exit_delay: Duration,
    /// How long a system waits for a code before it raises the alarm. Default 30 s.
    pub entry_delay: Duration,
    /// How long a lock takes to do what a call asked of it. Default 5 s, as captured on a live account (2026).
    pub lock_delay: Duration,
    /// How long an access token is valid; `expires_in` tells it in whole seconds. Default 1 h.
    pub token_life: Duration,
    /// How long a login's code is good for. Default 10 min, Auth0's usual.
    pub code_life: Duration,
    /// How long the history reaches back. Default 7 days: the `timeline.maxAge` of a basic plan.
    pub timeline: Duration,
    /// What the fault `identify-error` says.
    pub identify_error: String,
    /// For how long the fault `block-above` blocks. Default 30 min.
    pub block_for: Duration,
    /// The same seed makes the same systems and the same walk. Default 1.
    pub seed: u64,
    /// Faults that are on from the start. Default none.
    pub faults: Vec<Fault>,
    /// How many events of each system are kept, the newest: history and ledger. Default 100,000; some 3 KB each.
    pub history: usize,
    /// How many requests are kept for [`Simulator::calls`](super::Simulator::calls), the newest. Default 200,000.
    pub calls: usize,
    /// How many sockets are kept for [`Simulator::sockets`](super::Simulator::sockets), the newest. Default 200,000.
    pub sockets: usize,
    /// Threads that serve sockets. Default 1.
    pub workers: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            users: 1,
            systems: 2,
            sensors: 12,
            cameras: 2,
            past: 3,
            rate: 0.0,
            exit_delay: Duration::from_secs(45),
            entry_delay: Duration::from_secs(30),
            lock_delay: Duration::from_secs(5),
            token_life: Duration::from_secs(3600),
            code_life: Duration::from_secs(600),
            timeline: Duration::from_secs(7 * 24 * 3600),
            identify_error: IDENTIFY_ERROR.to_owned(),
            block_for: Duration::from_secs(1800),
            seed: 1,
            faults: Vec::new(),
            history: 100_000,
            calls: 200_000,
            sockets: 200_000,
            workers: 1,
        }
    }
}
