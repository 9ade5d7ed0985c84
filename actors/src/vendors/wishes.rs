//! Subscriptions besides that of the settings: what a session is told of them, and what it tells.

use std::collections::HashMap;

use super::milestone::config::FilterRow;
use crate::messages::SubscriptionError;
use crate::model::ids::SubscriptionId;

/// What to subscribe to, in the terms of one vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filters {
    /// Milestone's rows: at least one, and at least one that includes. Excludes take away from what is in the same list, and from nothing else.
    Milestone(Vec<FilterRow>),
}

impl From<Vec<FilterRow>> for Filters {
    fn from(rows: Vec<FilterRow>) -> Self {
        Self::Milestone(rows)
    }
}

/// What a connection shall be subscribed to besides its settings: all of it. What is not in here any more is to be removed.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Grows with each change.
    pub version: u64,
    /// In the order in which they were added.
    pub list: Vec<Wish>,
    /// How often in a row the session has ended while the server was asked to add or to remove one.
    pub breaks: HashMap<SubscriptionId, u32>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Ours.
    pub id: SubscriptionId,
    /// What it wants.
    pub filters: Filters,
}

impl Wishes {
    /// The wish of this id.
    #[must_use]
    pub fn get(&self, id: SubscriptionId) -> Option<&Wish> {
        self.list.iter().find(|wish| wish.id == id)
    }

    /// See [`breaks`](Self::breaks).
    #[must_use]
    pub fn breaks(&self, id: SubscriptionId) -> u32 {
        self.breaks.get(&id).copied().unwrap_or_default()
    }
}

/// What has come of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WishNews {
    /// The server is being asked to add or to remove it: should the session end now, that may be why.
    Asked(SubscriptionId),
    /// The server has it.
    Confirmed(SubscriptionId),
    /// The server does not have it.
    Refused(SubscriptionId, SubscriptionError),
    /// All is done that can be done towards the wishes of this version.
    Settled(u64),
}
