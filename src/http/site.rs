//! What handlers reach.

use jiff::Timestamp;
use watchpost_actors::{EngineHandle, settings::Secret};

use crate::{config::SinkConfig, sinks::delivery::Delivery};

/// A running watchpost, as its HTTP side sees it.
#[derive(Debug)]
pub struct Site {
    /// Connections, states and the journal.
    pub engine: EngineHandle,
    /// What is known of deliveries.
    pub delivery: Delivery,
    /// The sinks of the configuration, in its order.
    pub sinks: Vec<SinkConfig>,
    /// What a caller has to show. Without one, everybody who reaches the address may ask.
    pub token: Option<Secret>,
    /// When it was started.
    pub started: Timestamp,
}
