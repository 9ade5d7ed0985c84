//! What happened, for a test that wants to know what a client must have seen and what it did.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Instant, SystemTime},
};

use serde_json::{Map, Value};

pub use super::token::Scheme;
pub use crate::simulator::common::ledger::Tally;

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The camera made it.
    Camera,
    /// The camera made it because it was asked to.
    Trigger,
    /// A client made it on the backend.
    Backend,
    /// It is a row that was put into the history as it is; it may be no event at all.
    Row,
}

/// An event, see [`Simulator::events`](super::Simulator::events).
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// Its id.
    pub id: i64,
    /// The camera's id.
    pub camera: i64,
    /// The name of its type.
    pub name: String,
    /// What it is shown as, where that is not its name.
    pub alias: Option<String>,
    /// Its `time`; a time with a fraction finer than microseconds is cut.
    pub time: SystemTime,
    /// Where it came from.
    pub origin: Origin,
    /// When it was made.
    pub arrived: SystemTime,
    /// How often a client was told of it, in a list or alone.
    pub shown: u32,
    /// When a client was first told of it.
    pub first_shown: Option<SystemTime>,
    /// Every meta that it had, in order; the last is that of now. Where a change was undone before anybody was told, it is there all the same.
    pub versions: Vec<VersionRecord>,
    /// When it was deleted, by retention or otherwise.
    pub gone: Option<SystemTime>,
}

/// A meta that an event had for some time.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRecord {
    /// Its tags; none where there is no meta.
    pub meta: Map<String, Value>,
    /// Since when.
    pub since: SystemTime,
    /// How often a client was told of the event while it had it, whether or not the meta was asked for.
    pub shown: u32,
}

/// How a camera is now, see [`Simulator::truth`](super::Simulator::truth).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its channel's status; `None` is told as null.
    pub status: Option<String>,
    /// The group token opens it.
    pub grouped: bool,
}

/// What was counted since the start.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// By endpoint: `types`, `add-type`, `type`, `set-type`, `trigger`, `events`, `event`, `create`, `tags`, `channels-v5`, `channels-v3`, `channel`,
    /// `camera`, `set-camera`, `other`.
    pub requests: BTreeMap<&'static str, Tally>,
    /// By how they said whom they are from.
    pub schemes: BTreeMap<Scheme, u64>,
    /// How often each fault struck, by its name, where it is one that strikes.
    pub struck: BTreeMap<&'static str, u64>,
    /// What a real server would not have liked, see [`Simulator::complaints`](super::Simulator::complaints).
    pub complaints: u64,
    /// Rows in lists of events.
    pub rows: u64,
    /// Events that happened, whether or not anybody was told; rows that are none do not count.
    pub happened: u64,
    /// Of these, those that a client created.
    pub created: u64,
    /// Triggers that were passed to a camera.
    pub triggered: u64,
    /// Triggers whose camera has made an event since, or will not.
    pub answered: u64,
}

impl Counters {
    /// The tally of an endpoint.
    pub fn of(&self, endpoint: &str) -> Tally {
        self.requests.get(endpoint).copied().unwrap_or_default()
    }

    /// How often a fault struck.
    pub fn struck(&self, fault: &str) -> u64 {
        self.struck.get(fault).copied().unwrap_or_default()
    }

    /// All requests.
    pub fn total(&self) -> u64 {
        self.requests.values().map(|tally| tally.tried).sum()
    }
}

/// One request, and the secret that it carried.
#[derive(Debug, Clone)]
pub struct Call {
    /// As in [`Counters::requests`].
    pub endpoint: &'static str,
    /// When, for measuring.
    pub at: Instant,
    /// When, by the clock.
    pub time: SystemTime,
    /// The HTTP status that was answered; 0: the connection was reset in place of an answer, or there never was one.
    pub status: u16,
    /// `GET`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The query's parameters, decoded, in order.
    pub query: Vec<(String, String)>,
    /// How it said whom it is from.
    pub scheme: Scheme,
    /// The token.
    pub token: Option<Arc<str>>,
    /// How many rows it was told.
    pub rows: usize,
    /// The header `User-Agent`.
    pub user_agent: String,
}

impl Call {
    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Something in a request that a real server would not like, or might not understand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// As in [`Counters::requests`].
    pub endpoint: &'static str,
    /// `GET`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// What is wrong.
    pub words: String,
}

/// Something that happened, in words, see [`Simulator::happenings`](super::Simulator::happenings).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: SystemTime,
    /// The camera's id.
    pub camera: i64,
    /// The camera's name.
    pub name: String,
    /// `motion`, or `is now inactive`.
    pub words: String,
    /// The event's id; `None`: it is none.
    pub event: Option<i64>,
}
