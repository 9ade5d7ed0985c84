//! How a connection is doing, as users see it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// The state of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ConnectionState {
    /// It has never been online since it was started.
    #[default]
    Connecting,
    /// The vendor has confirmed the subscription.
    Online,
    /// It was lost and is being made again, or reading is held back.
    Delayed,
    /// It needs a person: refused credentials, say.
    Halted,
    /// It was stopped on purpose.
    Stopped,
}

impl ConnectionState {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Connecting, Self::Online, Self::Delayed, Self::Halted, Self::Stopped];

    /// The word that users see.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Online => "online",
            Self::Delayed => "delayed",
            Self::Halted => "halted",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ConnectionState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A connection's state, and what has come through it since the engine started.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionStatus {
    /// The state.
    pub state: ConnectionState,
    /// Since when.
    pub since: Timestamp,
    /// Why, in words; empty when nothing is to be said.
    pub reason: Arc<str>,
    /// Events stored.
    pub events: u64,
    /// Repeats left out.
    pub repeats: u64,
    /// Gaps recorded.
    pub gaps: u64,
    /// When the last event was stored.
    pub last_event: Option<Timestamp>,
    /// How long the last live event that tells its time took from then until it was stored; in JSON seconds. It holds what the clocks of system and
    /// machine differ by, and is zero where the system's is ahead.
    #[serde(serialize_with = "in_seconds")]
    pub lag: Option<Duration>,
}

fn in_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

impl Default for ConnectionStatus {
    fn default() -> Self {
        Self {
            state: ConnectionState::default(),
            since: Timestamp::now(),
            reason: "".into(),
            events: 0,
            repeats: 0,
            gaps: 0,
            last_event: None,
            lag: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_lag_is_told_in_seconds_and_one_that_is_not_known_is_null() {
        let told =
            |lag| serde_json::to_value(ConnectionStatus { lag, ..ConnectionStatus::default() }).unwrap()["lag"].clone();
        assert_eq!(told(Some(Duration::from_millis(1_500))), serde_json::json!(1.5));
        assert_eq!(told(None), serde_json::Value::Null);
    }
}
