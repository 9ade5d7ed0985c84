//! What happened, for a test that wants to know what a client must have seen and what it did.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Instant, SystemTime},
};

use serde_json::Value;

use super::codes::{Alarm, Bolt};
pub use crate::simulator::common::ledger::Tally;

/// An event, see [`Simulator::events`](super::Simulator::events).
#[derive(Debug, Clone)]
pub struct EventRecord {
    /// `eventId`.
    pub id: u64,
    /// The system.
    pub sid: u64,
    /// `eventCid`.
    pub cid: i64,
    /// `eventTimestamp`: seconds since 1970.
    pub timestamp: i64,
    /// When it was made.
    pub at: SystemTime,
    /// As the history tells it.
    pub row: Value,
    /// Whether the history has it now; it has not yet with the fault `history-lag`, and has no more when it is older than the timeline.
    pub in_history: bool,
    /// To whom it was shown, in order.
    pub shown: Vec<Shown>,
}

/// One time that an event was handed out. What is lost with a socket right after that was handed to it all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// When.
    pub at: SystemTime,
    /// The socket that it was pushed to, counted from 1; `None`: it was in a page of the history.
    pub socket: Option<u64>,
}

/// The life of one WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketRecord {
    /// Counts all sockets from 1.
    pub socket: u64,
    /// The user (`uid`), once it has identified itself.
    pub user: Option<u64>,
    /// How often it was accepted as that user.
    pub identified: u32,
    /// The access token of its last `identify`, accepted or not.
    pub token: Option<Arc<str>>,
    /// When the handshake was accepted.
    pub opened: SystemTime,
    /// When it was broken or had ended.
    pub closed: Option<SystemTime>,
}

/// How a system is now, see [`Simulator::truth`](super::Simulator::truth).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// Its id.
    pub sid: u64,
    /// The user whose it is (`uid`).
    pub user: u64,
    /// Its street.
    pub name: String,
    /// How armed it is.
    pub alarm: Alarm,
    /// Since when, in seconds since 1970.
    pub alarm_since: i64,
    /// It has power.
    pub mains: bool,
    /// It has WiFi.
    pub wifi: bool,
    /// Something jams its radio.
    pub jammed: bool,
    /// SimpliSafe does not reach it.
    pub offline: bool,
    /// Degrees Fahrenheit.
    pub temperature: i64,
    /// Its sensors by serial number, and its cameras by uuid.
    pub devices: BTreeMap<String, Device>,
}

/// A sensor or camera as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The vendor's number for its type; a camera has that of its events.
    pub kind: i64,
    /// It is a camera.
    pub camera: bool,
    /// The name by which events call it: the serial number; for a camera, the end of its uuid.
    pub serial: String,
    /// What people call it.
    pub name: String,
    /// Out of reach.
    pub offline: bool,
    /// Its battery is low.
    pub low_battery: bool,
    /// Its case is open. `None`: no such thing is told of its type.
    pub tampered: Option<bool>,
    /// Something is open, burns, leaks …. `None`: no such thing is told of its type.
    pub triggered: Option<bool>,
    /// Degrees Fahrenheit. `None`: its type has none.
    pub temperature: Option<i64>,
    /// How a door lock is.
    pub bolt: Option<Bolt>,
    /// It raised the alarm that is not canceled yet. Only events tell.
    pub alarm_memory: bool,
    /// A smoke detector is suspicious. Only events tell, and `status.preSmokeAlarm` of a combined one.
    pub suspicious: bool,
}

/// What clients asked and what they were given.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Requests by endpoint: `authorize`, `token`, `authCheck`, `subscriptions`, `subscription`, `sensors`, `settings`, `pins`, `events`, `state`,
    /// `locks`, `lock`, `messages`, `media`, `ws`, `other`.
    pub requests: BTreeMap<&'static str, Tally>,
    /// Refreshes that were accepted.
    pub refreshes: u64,
    /// Refresh tokens that were used again after they were spent.
    pub reused: u64,
    /// Times that the base station announced that a lock does not respond, since it was asked for its devices right after it was armed or disarmed.
    pub complaints: u64,
    /// Those of them for a call that came a second or more after that. A call that crosses the push of an arming is nobody's fault.
    pub avoidable_complaints: u64,
    /// Requests that brought a token to the host of `foreign-media`.
    pub tokens_abroad: u64,
    /// Requests that were answered as to a blocked address.
    pub blocked: u64,
    /// Sockets that are open now.
    pub sockets_open: usize,
    /// Those of them that get events.
    pub sockets_subscribed: usize,
    /// The most that one user had open at a time.
    pub sockets_of_one_user: usize,
    /// Sockets that were ever open.
    pub sockets_opened: u64,
    /// `identify` accepted.
    pub identified: u64,
    /// `identify` refused.
    pub refused: u64,
    /// Other messages of clients.
    pub other_messages: u64,
    /// Pings of clients.
    pub pings: u64,
    /// Events handed to sockets.
    pub pushed: u64,
    /// Events that happened, whether or not anybody was told.
    pub happened: u64,
}

impl Counters {
    /// The tally of an endpoint.
    pub fn of(&self, endpoint: &str) -> Tally {
        self.requests.get(endpoint).copied().unwrap_or_default()
    }
}

/// One request, upgrades too, and the secrets that it carried.
#[derive(Debug, Clone)]
pub struct Call {
    /// As in [`Counters::requests`].
    pub endpoint: &'static str,
    /// When, for measuring.
    pub at: Instant,
    /// When, by the clock.
    pub time: SystemTime,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The host that the client asked, with its port: the header `Host`.
    pub host: String,
    /// Where it came in: the simulator's own address, or that of [`Simulator::foreign_url`](super::Simulator::foreign_url).
    pub door: std::net::SocketAddr,
    /// The path with its query.
    pub path: String,
    /// The access token.
    pub bearer: Option<Arc<str>>,
    /// The refresh token, of a refresh.
    pub refresh_token: Option<Arc<str>>,
    /// The system that it is about.
    pub sid: Option<u64>,
    /// Whether it made the base station answer, `forceUpdate=true`.
    pub forced: bool,
    /// The header `User-Agent`.
    pub user_agent: String,
}

/// Something that happened, in words, see [`Simulator::happenings`](super::Simulator::happenings).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: SystemTime,
    /// The system.
    pub sid: u64,
    /// Its street.
    pub system: String,
    /// `System Disarmed by Master PIN`.
    pub words: String,
    /// The code of its event; `None`: nothing is pushed of it.
    pub cid: Option<i64>,
}
