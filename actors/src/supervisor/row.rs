//! A row of the table: one connection, desired and actual.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use rustls::ClientConfig;
use tokio::sync::oneshot;

use super::AccountKey;
use crate::connection::Control;
use crate::engine::ConnectionConfig;
use crate::lookup::ResolveNames;
use crate::model::ids::ConnectionName;
use crate::model::status::ConnectionState;
use crate::retry::RetryClock;
use crate::wanted::Wanted;

/// One connection.
pub(super) struct Row {
    pub(super) config: ConnectionConfig,
    pub(super) parent: Option<ConnectionName>,
    pub(super) account: AccountKey,
    pub(super) gate: AccountKey,
    /// How many logins may begin in a second, as its settings say.
    pub(super) rate: Option<NonZeroU32>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) lookup: Recipient<ResolveNames>,
    pub(super) shard: usize,
    pub(super) generation: u64,
    pub(super) started: Instant,
    pub(super) phase: Phase,
    /// Somebody has asked for a restart before its actor was there to be told.
    pub(super) insisted: bool,
    /// It shall end and be started anew, with the settings that are in the table then.
    pub(super) anew: bool,
    /// Of a child: what it depends on, if that was told.
    pub(super) mark: Option<String>,
    /// It shall end, and these want to know when it has.
    pub(super) leaving: Option<Vec<oneshot::Sender<()>>>,
    pub(super) state: ConnectionState,
    pub(super) tries: u64,
    pub(super) earlier_tries: u64,
    pub(super) restarts: u64,
    pub(super) last_error: Option<Arc<str>>,
    pub(super) clock: RetryClock,
    /// What it subscribes to besides its settings, as long as the row is there.
    pub(super) wanted: Arc<Wanted>,
}

/// Where a connection's actor is.
pub(super) enum Phase {
    /// It is being started.
    Launching,
    /// It runs.
    Running(Recipient<Control>),
    /// It has panicked and will be started again.
    Waiting,
    /// It has ended by itself, fenced off by another owner, and stays in the table for people to see.
    Ended,
}
