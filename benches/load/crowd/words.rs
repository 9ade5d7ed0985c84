//! What the processes of a crowd say to each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A simulated site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Site {
    /// Where it listens, `http://127.0.0.1:port` or `https://…`.
    pub(super) url: String,
    /// The GUIDs of its cameras; there is to be a session for each.
    pub(super) cameras: Vec<String>,
    /// How many states these have together.
    pub(super) states: usize,
}

/// What a host is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum HostOrder {
    /// One event of each camera, evenly over so long.
    Events { over: Duration },
    /// Goes away, and refuses connections for so long; each camera has so many events meanwhile.
    Leave { length: Duration, events: u32 },
    /// Tells what it has seen.
    Census,
}

/// What a host says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum HostWord {
    Listening(Site),
    /// The order is carried out.
    Done,
    /// It is back: when it left and when it came back, in milliseconds since 1970.
    Back {
        left: u64,
        back: u64,
    },
    Census(Census),
}

/// What a host has seen since it started.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Census {
    /// Every event.
    pub(super) events: Vec<Event>,
    /// Sessions that were begun.
    pub(super) begun: usize,
    /// Sessions that have ended, and cannot be resumed.
    pub(super) ended: usize,
    /// When sessions were resumed, in milliseconds since 1970.
    pub(super) resumed: Vec<u64>,
    /// When WebSockets were asked for, in the same way.
    pub(super) upgrades: Vec<u64>,
    pub(super) logins: usize,
    pub(super) pings: u64,
}

impl Census {
    pub(super) fn add(&mut self, other: Self) {
        self.events.extend(other.events);
        self.begun += other.begun;
        self.ended += other.ended;
        self.resumed.extend(other.resumed);
        self.upgrades.extend(other.upgrades);
        self.logins += other.logins;
        self.pings += other.pings;
    }
}

/// An event, and the camera's GUID: as it happened, or the event's id and the camera of the session that has taken it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) camera: String,
    pub(super) id: String,
}

/// What whoever holds the sessions is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum MemberOrder {
    /// Begins a session for each camera.
    Connect(Vec<Site>),
    /// Measures from now until so many events more are taken, and at least so long.
    Measure { events: u64, length: Duration },
    /// Tells what was taken.
    Tell,
}

/// What whoever holds the sessions says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum MemberWord {
    /// It is there and has no session; its memory in bytes, where the system tells.
    Base {
        resident: Option<u64>,
    },
    /// Every session is there, subscribed, with its states.
    Online(Online),
    /// The measurement has begun.
    Ready,
    /// What it took to take the events.
    Measured(Measured),
    Taken(Vec<Event>),
}

/// All sessions, or accounts, are there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Online {
    /// Since the order.
    pub(crate) seconds: f64,
    /// Processor time of the whole process for it.
    pub(crate) cpu_seconds: f64,
    /// Descriptors that the process has; `None` where the system does not tell.
    pub(crate) descriptors: Option<usize>,
}

/// What sessions took that had little to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    /// Processor time of the whole process.
    pub(super) cpu_seconds: f64,
    /// Memory before it, in bytes.
    pub(super) resident: Option<u64>,
    /// Memory after it.
    pub(super) resident_after: Option<u64>,
    /// The most memory that the process ever had.
    pub(super) peak: Option<u64>,
    /// Tries to connect beyond the first of each session, since the start.
    pub(super) further_tries: u64,
    /// Gaps told, since the start.
    pub(super) gaps: u64,
}
