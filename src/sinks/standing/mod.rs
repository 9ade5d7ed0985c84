//! How a sink stands with its broker: known without an event, and told to everybody who asks.
//!
//! ```text
//! link (up, lost, refused), board (documents that are not taken), stream (its own limits) ─► Herald ─► log, metrics, Delivery ─► report
//! ```
//!
//! What is kept of it belongs to a running system: with the sink it goes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[cfg(any(feature = "mqtt", feature = "nats"))]
mod herald;

#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) use self::herald::Herald;

/// How a sink stands with its broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The way there.
    pub link: Link,
    /// What is not as it should be there, though events flow, in words.
    pub remarks: Vec<String>,
}

/// The way to a broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = SinkLink))]
pub struct Link {
    /// How it is.
    pub state: LinkState,
    /// Since when.
    pub since: Timestamp,
    /// Why it is not up, in words.
    pub why: Option<String>,
    /// Tries in vain since it was up the last time.
    pub tries: u64,
    /// When it is tried again, at the latest.
    pub next_try: Option<Timestamp>,
}

/// How the way to a broker is. `halted` needs a person; the others mend themselves as soon as the broker is there and fit
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema), schema(as = SinkLinkState))]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It was not tried to its end yet.
    Connecting,
    /// The broker has admitted this sink, and has what it needs (NATS: the stream).
    Up,
    /// It is not there, or takes no events now.
    Down,
    /// It refuses us: a person must mend something. It is tried again, more and more seldom.
    Halted,
}

impl LinkState {
    /// Whether events cannot go.
    #[must_use]
    pub fn is_away(self) -> bool {
        matches!(self, Self::Down | Self::Halted)
    }
}

impl Default for Standing {
    fn default() -> Self {
        let (state, since) = (LinkState::Connecting, Timestamp::now());
        Self { link: Link { state, since, why: None, tries: 0, next_try: None }, remarks: Vec::new() }
    }
}
