//! What a state is known by within its connection.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::event::{Item, Meaning};

/// The item's id, and the vendor's id of the state group. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct StateKey {
    item: Arc<str>,
    group: Arc<str>,
}

impl StateKey {
    /// The key of the state that such an event of an item sets; `None` where it sets none.
    #[must_use]
    pub fn new(item: &Item, meaning: &Meaning) -> Option<Self> {
        let group = Arc::clone(&meaning.state.as_ref()?.vendor_group);
        Some(Self { item: Arc::clone(&item.id), group })
    }
}

/// Nearly always equal ids are one text in memory, and then that text need not be fetched.
pub(crate) fn same(one: &Arc<str>, other: &Arc<str>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}

impl PartialEq for StateKey {
    fn eq(&self, other: &Self) -> bool {
        same(&self.item, &other.item) && same(&self.group, &other.group)
    }
}

impl Eq for StateKey {}

impl Hash for StateKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.item.hash(state);
        self.group.hash(state);
    }
}

impl PartialOrd for StateKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for StateKey {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.item, &self.group).cmp(&(&other.item, &other.group))
    }
}
