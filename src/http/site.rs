//! What handlers reach.

use jiff::Timestamp;
use watchpost_actors::{ConnectionConfig, EngineHandle, settings::Secret};

use super::turns::Turns;
use crate::{
    config::SinkConfig,
    sinks::{Desk, delivery::Delivery},
};

/// A running watchpost, as its HTTP side sees it.
#[derive(Debug)]
pub struct Site {
    /// Connections, states and the journal.
    pub engine: EngineHandle,
    /// What is known of deliveries.
    pub delivery: Delivery,
    /// The sinks of the configuration, in its order.
    pub sinks: Vec<SinkConfig>,
    /// Where running sinks are asked for more than what comes.
    pub desk: Desk,
    /// The connections of the configuration.
    pub connections: Vec<ConnectionConfig>,
    /// What only some may do at the same time.
    pub turns: Turns,
    /// What a caller has to show. Without one, everybody who reaches the address may ask.
    pub token: Option<Secret>,
    /// Names by which it may be asked without a token, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// When it was started.
    pub started: Timestamp,
}

impl Site {
    /// An engine alone, without sinks and without a token.
    #[must_use]
    pub fn new(engine: EngineHandle) -> Self {
        Self {
            engine,
            delivery: Delivery::in_memory(),
            sinks: Vec::new(),
            desk: Desk::default(),
            connections: Vec::new(),
            turns: Turns::default(),
            token: None,
            hosts: Vec::new(),
            started: Timestamp::now(),
        }
    }
}
