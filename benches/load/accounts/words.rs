//! What the processes say to each other.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(super) use crate::crowd::Online;

/// The simulated cloud.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Cloud {
    /// Where it listens, `http://127.0.0.1:port`.
    pub(super) url: String,
    /// The ids of the sub-accounts.
    pub(super) accounts: Vec<String>,
    /// Cameras of them all.
    pub(super) cameras: usize,
    /// States that their devices have together.
    pub(super) states: usize,
}

/// What the host is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum HostOrder {
    /// One status change of each camera, evenly over so long.
    Changes { over: Duration },
    /// Breaks a random tenth of the sockets, and lets a camera of every account change at once.
    Kill,
    /// Tells how everything is.
    Truth,
    /// Tells what clients have asked for.
    Census,
}

/// What the host says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum HostWord {
    Listening(Cloud),
    /// The changes have happened.
    Done,
    Killed {
        sockets: usize,
        /// In milliseconds since 1970.
        at: u64,
    },
    Truth(Truth),
    Census(Census),
}

/// How everything is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Truth {
    /// As the engine knows it, see [`Known`].
    pub(super) states: Known,
    /// As the bare loop does.
    pub(super) words: Known,
}

/// `<account>/<item> <group>` to the state's value; or of a bare loop, device to status word.
pub(super) type Known = BTreeMap<String, String>;

/// What clients have asked for since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Census {
    /// Logins that came to their end.
    pub(super) logins: u64,
    /// Those that were tried.
    pub(super) tried: u64,
    /// The most that were begun within a second.
    pub(super) busiest_second: usize,
    pub(super) device_lists: u64,
    pub(super) sockets: u64,
    pub(super) sockets_open: usize,
    pub(super) pings: u64,
}

/// What whoever follows the accounts is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum MemberOrder {
    /// Follows every account.
    Connect(Cloud),
    /// Measures from now until so many changes more are taken, and at least so long.
    Measure { changes: u64, length: Duration },
    /// Says when so many are back that were lost.
    Recover { lost: usize },
    /// Tells what it knows.
    Tell,
}

/// What whoever follows them says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum MemberWord {
    /// It is there and follows none; its memory in bytes, where the system tells.
    Base {
        resident: Option<u64>,
    },
    /// Every account is online, with all states.
    Online(Online),
    /// The measurement has begun.
    Ready,
    Measured(Measured),
    /// All are online again: since when, in milliseconds since 1970.
    Back {
        at: u64,
        gaps: u64,
    },
    Known(Known),
}

/// What accounts took that had little to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    /// Processor time of the whole process.
    pub(super) cpu_seconds: f64,
    /// Changes that were taken.
    pub(super) changes: u64,
    /// Memory before it, in bytes.
    pub(super) resident: Option<u64>,
    /// Memory after it.
    pub(super) resident_after: Option<u64>,
    /// The most memory that the process ever had.
    pub(super) peak: Option<u64>,
    /// Gaps told, since the start.
    pub(super) gaps: u64,
}
