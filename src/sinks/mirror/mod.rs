//! The present, kept at a broker: what every item reads now, and how every connection is doing, as documents that the broker holds for
//! whoever comes later (retained messages, a key-value bucket).
//!
//! ```text
//! engine ─► engine.rs (what has changed) ─► ledger (what is due; what is at the broker) ─► work (documents, a few at a time) ─► board
//! ```
//!
//! - [`Board`]: what a broker's side must be able to do, and which documents there should be. It is asked for the documents of a [`Place`] as
//!   things are at that moment, so of many changes only the newest is put up, and what waits is bounded by the number of items.
//! - `ledger`: pure bookkeeping. Of each place it knows which documents are at the broker, puts those that differ and removes what should not be there.
//! - `mends`: what somebody else has touched at the broker is put up again, but two who fight over a key do not keep each other going.
//! - `work`: carries that out. With each new session everything is put up anew, as the broker may have lost it; keys that are found there, from a
//!   former run too, are removed when it is certain that nothing stands behind them any more.
//!
//! Events have their own way and never wait for any of this.

mod engine;
mod ledger;
mod mends;
#[cfg(test)]
mod tests;
mod work;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, value::to_raw_value};
use watchpost_actors::model::{ConnectionName, ConnectionState, State};

pub(super) use self::{engine::EnginePresent, work::run};
use super::outlet::Failure;

/// Whose documents.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Place {
    /// Those of the program itself.
    Program,
    /// Those of a connection as a whole.
    Connection(ConnectionName),
    /// Those of an item: `cameras/<guid>`.
    Item(ConnectionName, Arc<str>),
}

/// A connection that there is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) name: ConnectionName,
    pub(super) vendor: &'static str,
    /// What people call what it leads to, where the vendor told.
    pub(super) title: Option<String>,
    pub(super) state: ConnectionState,
}

/// What a board makes documents of.
#[derive(Clone, Copy, Debug)]
pub(super) enum About<'a> {
    Program,
    Connection(&'a Connection),
    /// A connection of which something is at the broker, and of which it is not known yet whether there still is one.
    Missing(&'a ConnectionName),
    /// An item and its states, by group; there is at least one, and not all of them are unknown.
    Item(&'a Connection, &'a [State]),
}

/// Something that is to be at the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) key: String,
    pub(super) body: Bytes,
}

/// What a board has heard of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) key: String,
    /// What is there; empty where there is nothing any more.
    pub(super) body: Bytes,
}

/// The broker's side. It lives on the sink's own thread, and shares the session with the events.
pub(super) trait Board: 'static {
    /// What should be there. The same key never belongs to two places.
    fn documents(&self, about: About<'_>) -> Vec<Document>;

    /// Whose a key is that was found at the broker; `None` if it is not one of this sink's.
    fn place(&self, key: &str) -> Option<Place>;

    /// Waits for a session with a number above `after`, and answers its number. Numbers begin with 1. May be dropped at any time.
    async fn session(&self, after: u64) -> u64;

    /// Waits for another document that was there when this session began, or that somebody has put there or removed since; for ever when there is none.
    /// It may be one that we have put there, but no older than the last of the same key that was acknowledged. May be dropped at any time, and loses
    /// nothing then.
    async fn heard(&self, session: u64) -> Heard;

    /// How long after a session has begun all is heard that was there.
    fn heard_after(&self) -> Duration;

    /// Puts a document in the place of the one that is there; comes back when the broker has it.
    ///
    /// # Errors
    /// [`Failure::Again`] when the session is over or a later try may help, [`Failure::Refused`] when the broker does not want this document.
    async fn put(&self, session: u64, document: &Document) -> Result<(), Failure>;

    /// Removes what is there under a key, if anything; comes back when it is gone.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    async fn remove(&self, session: u64, key: &str) -> Result<(), Failure>;

    /// Hears what became of a key: the broker has taken it, or `refused` says why not.
    fn settled(&self, _key: &str, _refused: Option<&str>) {}
}

/// What the engine knows now. The filter of the sink is applied to it already.
pub(super) trait Present: 'static {
    /// Every connection; `None` when the engine has ended.
    async fn connections(&self) -> Option<Vec<Connection>>;

    /// The items of a connection of which something is known.
    fn items(&self, connection: &ConnectionName) -> Vec<Arc<str>>;

    /// The states of an item, by group.
    fn states(&self, connection: &ConnectionName, item: &str) -> Vec<State>;
}

/// The states of an item, each with the name of its group in a key: the shared one, or the vendor's own where several have the same. No name is there
/// twice, as no item has a vendor's group twice.
pub(super) fn by_group(states: &[State]) -> Vec<(&str, &State)> {
    let mut named: Vec<_> = states.iter().map(|state| (state.group(), state)).collect();
    // A vendor may call one group as another is called by all: so until nothing changes any more.
    while let Some(at) = (0..named.len()).find(|&at| {
        let (name, state) = named[at];
        name != vendor_group(state) && named.iter().enumerate().any(|(other, (taken, _))| other != at && *taken == name)
    }) {
        let (name, _) = named[at];
        named.iter_mut().filter(|(same, _)| *same == name).for_each(|(name, state)| *name = vendor_group(state));
    }
    named
}

fn vendor_group(state: &State) -> &str {
    state.meaning.state.as_ref().map_or("", |state| &state.vendor_group)
}

/// A state as a document: what the API shows of it, but for `stale`, which is as long as its connection is not online: that would be another
/// document for each state whenever a connection breaks, and is told once for all of them.
pub(super) fn state_json(state: &State) -> Bytes {
    let Ok(Value::Object(mut row)) = serde_json::to_value(state) else { return Bytes::new() };
    row.remove("stale");
    to_raw_value(&row).map_or_else(|_| Bytes::new(), |text| String::from(Box::<str>::from(text)).into())
}
