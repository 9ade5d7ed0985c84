//! Where a vendor's events overtake each other, the one with the later time sets the state.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::wording::Build;
use crate::model::StateKey;
use crate::model::vocabulary::UNKNOWN;
use crate::state_map::ConnectionStates;
use crate::vendors::{Noted, Order};

/// When each state was set that a batch speaks of.
pub(super) struct Latest {
    order: Order,
    stored: Arc<ConnectionStates>,
    /// By this batch, or before it.
    times: HashMap<StateKey, Option<Timestamp>>,
}

impl Latest {
    pub(super) fn new(order: Order, stored: Arc<ConnectionStates>) -> Self {
        Self { order, stored, times: HashMap::new() }
    }

    /// Whether the state that an occurrence tells of has been set by a later one already. What is without a time, or has one that cannot be read, is
    /// never late. To be asked once of each occurrence, in their order.
    pub(super) fn is_late(&mut self, noted: &Noted, build: &mut Build<'_>) -> bool {
        if self.order == Order::Arrival {
            return false;
        }
        let Some(item) = build.item(noted) else { return false };
        let meaning = build.meaning(noted);
        let Some(key) = StateKey::new(&item, &meaning) else { return false };
        let time: Option<Timestamp> = build.text(noted.time).parse().ok();
        let stored = || {
            let state = self.stored.entries(Some(&item.id)).into_iter().find(|state| state.is_of_group(&meaning))?;
            // When it became unknown is our own time; and what was last heard is better than nothing.
            let is_known = state.meaning.state.as_ref().is_some_and(|state| *state.value != *UNKNOWN);
            state.time.parse().ok().filter(|_| is_known)
        };
        let last = self.times.entry(key).or_insert_with(stored);
        let late = time.is_some_and(|time| last.is_some_and(|last| time < last));
        if !late && time.is_some() {
            *last = time;
        }
        late
    }
}
