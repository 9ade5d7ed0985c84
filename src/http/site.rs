//! What handlers reach.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use tokio::sync::{Mutex, Semaphore};
use watchpost_actors::{ConnectionConfig, EngineHandle, settings::Secret};

use crate::{
    config::SinkConfig,
    sinks::{Desk, delivery::Delivery},
};

/// Pictures and recordings that are fetched, or handed on, at the same time.
const FETCHES: usize = 4;

/// Answers that read the journal at the same time, so that sinks that read it too wait for a few pages at most.
const READERS: usize = 4;

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

/// What only some may do at the same time, however many ask.
#[derive(Debug)]
pub struct Turns {
    /// Reading past events.
    pub(super) reading: Semaphore,
    /// Counting what is not delivered yet.
    pub(super) counting: Mutex<()>,
    /// Having something delivered again.
    pub(super) again: Arc<Mutex<()>>,
    /// Asking the journal whether it answers; when it last did.
    pub(super) ready: Arc<Mutex<Option<Instant>>>,
    /// Fetching pictures and recordings.
    pub(super) fetches: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let (reading, fetches) = (Semaphore::new(READERS), Arc::new(Semaphore::new(FETCHES)));
        Self { reading, counting: Mutex::default(), again: Arc::default(), ready: Arc::default(), fetches }
    }
}
