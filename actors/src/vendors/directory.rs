//! What a vendor's directory of names is to the engine.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytestring::ByteString;

use super::Now;
use crate::model::event::{Item, Meaning};
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};

/// An id of the vendor's that somebody wants named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NameKey {
    /// An item, by the subject of its events.
    Item(ByteString),
    /// An event type, with the state group that the event named.
    Kind {
        /// The vendor's id of the type.
        kind: ByteString,
        /// The vendor's id of the state group; empty for an event without state.
        group: ByteString,
    },
}

/// What a directory has learned.
#[derive(Clone, Debug, Default)]
pub struct Learned {
    /// Items with their names.
    pub items: Vec<Arc<Item>>,
    /// Types with their meanings.
    pub meanings: Vec<LearnedMeaning>,
    /// What could not be learned now; nothing should wait for it for a while.
    pub failed: Vec<NameKey>,
}

/// The meaning of one (type, group).
#[derive(Clone, Debug)]
pub struct LearnedMeaning {
    /// The vendor's id of the type.
    pub kind: ByteString,
    /// The vendor's id of the state group; empty for none.
    pub group: ByteString,
    /// What it means.
    pub meaning: Arc<Meaning>,
}

impl Learned {
    /// What items alone tell of these keys: event types are in a table.
    pub(crate) fn of_items(keys: &[NameKey], items: &HashMap<ByteString, Arc<Item>>) -> Self {
        let known = keys.iter().filter_map(|key| match key {
            NameKey::Item(id) => items.get(id).cloned(),
            NameKey::Kind { .. } => None,
        });
        Self { items: known.collect(), ..Self::default() }
    }

    /// Nothing learned, nothing failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.meanings.is_empty() && self.failed.is_empty()
    }
}

/// Turns ids into names, as pure code: it says which calls it wants and is told the answers.
///
/// Calls are known by an [`Ask`](Self::Ask): the same question is not asked twice at a time.
pub trait Directory: 'static {
    /// What a login yields.
    type Grant;
    /// What sessions may want to know as a whole (event types by name, say).
    type Catalog: Send + Sync + 'static;
    /// One question to the server.
    type Ask: Clone + Eq + std::hash::Hash + fmt::Debug + Send + Unpin + 'static;

    /// The questions to be answered before subscribing: types and groups in bulk.
    fn prepare(&self) -> Vec<Self::Ask>;
    /// What is known as a whole, once [`prepare`](Self::prepare) has been answered well enough. It is another `Arc` whenever that has happened
    /// again, even if nothing has changed: so it is known whether a catalog that was asked for anew has come.
    fn catalog(&self) -> Option<Arc<Self::Catalog>>;
    /// What is known of these keys.
    fn known(&self, now: Now, keys: &[NameKey]) -> Learned;
    /// The questions whose answers would tell these keys, of which none is known.
    fn asks(&self, now: Now, keys: &[NameKey]) -> Vec<Self::Ask>;
    /// The call that asks it.
    fn call(&self, grant: &Self::Grant, ask: &Self::Ask) -> RestCall;
    /// Whether an answer says that the grant is not good any more: then the question is put once more, with a new one.
    fn refuses_grant(&self, answer: &RestAnswer) -> bool {
        answer.status == 401
    }
    /// Takes an answer in and says what was learned from it, and what to ask next.
    fn learn(&mut self, now: Now, ask: &Self::Ask, answer: Result<RestAnswer, RestError>) -> Taken<Self::Ask>;
    /// Forgets an item, or everything, so that it is asked for again; says what to ask at once.
    fn forget(&mut self, what: &Forget) -> Vec<Self::Ask>;
}

/// What came of an answer.
#[derive(Debug)]
pub struct Taken<A> {
    /// New names and meanings.
    pub learned: Learned,
    /// Further questions (the next page, or single items where the list was refused).
    pub next: Vec<A>,
    /// The token was refused: ask again with a new one, once.
    pub unauthorized: bool,
    /// What went wrong, for the log.
    pub trouble: Option<String>,
}

impl<A> Default for Taken<A> {
    fn default() -> Self {
        Self { learned: Learned::default(), next: Vec::new(), unauthorized: false, trouble: None }
    }
}

/// What a directory should forget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forget {
    /// One item, by the subject of its events.
    Item(ByteString),
    /// Everything: the configuration has changed, and the vendor did not say where.
    Everything,
}
