//! What happened, for a test that wants to know what a client must have seen and what it did.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Instant, SystemTime},
};

/// An event as the system raised it. All ids are in lower case, whatever a fault does to them on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// Counts all events of this simulator from 0; only grows.
    pub index: u64,
    /// The event's own id, a GUID.
    pub id: String,
    /// `cameras/<guid>`.
    pub source: Arc<str>,
    /// GUID of the event type.
    pub event_type: Arc<str>,
    /// GUID of the state group that it sets; `None` for a stateless event.
    pub group: Option<Arc<str>>,
    /// Event time as written on the wire; greater than that of every earlier event.
    pub time: String,
    /// The member `data`, as JSON.
    pub data: Option<Arc<str>>,
    /// When it was published.
    pub at: SystemTime,
    /// The member that is left out on the wire under the fault `missing-members`.
    pub missing: Option<&'static str>,
}

/// A consistent picture of all events and sessions so far.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Every event in order, except those of floods. Empty when the ledger is switched off in the options.
    pub events: Vec<Arc<Emitted>>,
    /// Every session in the order of their start.
    pub sessions: Vec<SessionRecord>,
    /// Every flood, one record for each session that it was sent to.
    pub floods: Vec<FloodRecord>,
}

/// The life of one session.
#[derive(Debug, Clone)]
pub struct SessionRecord {
    /// As told to the client.
    pub id: String,
    /// When it was started.
    pub opened: SystemTime,
    /// When the first subscription was confirmed.
    pub subscribed: Option<SystemTime>,
    /// Its subscriptions, those removed again too.
    pub subscriptions: Vec<SubscriptionRecord>,
    /// When its sockets were lost.
    pub lost: Vec<SystemTime>,
    /// When it was resumed.
    pub resumed: Vec<SystemTime>,
    /// Indexes of the events that matched a subscription of it while it existed: what the client must have got, or must
    /// have declared lost. Empty when the ledger is switched off.
    pub offered: Vec<u64>,
    /// Indexes of offered events that the capped buffer threw away, those too that had been sent by then.
    pub dropped: Vec<u64>,
    /// Whether its filters were ever taken in their order, the last matching one deciding: then it may know states that
    /// includes minus excludes would leave out.
    pub in_order: bool,
    /// When and why it ended.
    pub ended: Option<(SystemTime, Ended)>,
}

/// One subscription of a session.
#[derive(Debug, Clone)]
pub struct SubscriptionRecord {
    /// As told to the client.
    pub id: String,
    /// The filters as the client sent them.
    pub filters: serde_json::Value,
    /// The first event index that it could match.
    pub from: u64,
    /// The first event index that it could no longer match.
    pub until: Option<u64>,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Its socket was lost for longer than the window.
    Expired,
    /// [`Simulator::forget_sessions`](super::Simulator::forget_sessions).
    Forgotten,
    /// The client started another session on the same socket.
    Replaced,
    /// Its socket was lost in the middle of a flood, which is not kept for a replay.
    FloodCutOff,
}

/// One session's share of a flood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloodRecord {
    /// Counts floods from 1; part of the ids of its events.
    pub number: u32,
    /// The session.
    pub session: String,
    /// How many events it is made of.
    pub events: u64,
    /// How many were handed to the socket so far.
    pub sent: u64,
    /// When it began.
    pub started: SystemTime,
    /// When the last event was handed to the socket; `None` while it runs or when it was cut off.
    pub finished: Option<SystemTime>,
}

/// What clients asked and what they were given.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Requests by endpoint: `discovery`, `openid`, `token`, `ws`, `rest/<collection>`, `rest/<collection>/{id}`, `other`.
    pub requests: BTreeMap<String, u64>,
    /// Commands by name, `invalid` for those that closed the socket.
    pub commands: BTreeMap<String, u64>,
    /// Every login tried; of a Windows user's, when its answer to a challenge was judged.
    pub logins: Vec<LoginTry>,
    /// Challenges that Windows users were given.
    pub challenges: u64,
    /// Answers of Windows users to a challenge that was not given on their connection.
    pub answers_unasked: u64,
    /// Every WebSocket upgrade tried.
    pub upgrades: Vec<UpgradeTry>,
    /// Requests that one of several gateways did not serve, for it was in trouble.
    pub unserved: u64,
    /// Sockets that are open now.
    pub sockets_open: usize,
    /// Pings that clients sent.
    pub pings: u64,
    /// Events that happened, floods not counted.
    pub generated: u64,
    /// Those among them that clients have triggered.
    pub triggered: u64,
    /// Events handed to sockets, repeats included, floods not.
    pub sent: u64,
    /// Those among them that had been handed to a socket of the same session before.
    pub resent: u64,
    /// Events of floods handed to sockets.
    pub flooded: u64,
}

/// One attempt to log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginTry {
    /// When, for measuring.
    pub at: Instant,
    /// When, by the clock.
    pub time: SystemTime,
    /// The HTTP status that was answered.
    pub status: u16,
}

/// One attempt to open a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeTry {
    /// When, for measuring.
    pub at: Instant,
    /// When, by the clock.
    pub time: SystemTime,
    /// The HTTP status that was answered; 101 when accepted.
    pub status: u16,
    /// At which gateway, counted from 1.
    pub gateway: usize,
}

impl Counters {
    /// Logins that got a token.
    pub fn logins_accepted(&self) -> usize {
        self.logins.iter().filter(|login| login.status == 200).count()
    }

    /// Upgrades that were accepted.
    pub fn upgrades_accepted(&self) -> usize {
        self.upgrades.iter().filter(|upgrade| upgrade.status == 101).count()
    }
}
