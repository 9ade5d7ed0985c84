//! What is known of a lane as of the oldest group in the ring, and how groups that leave the ring are brought into that.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::Timestamp;

use crate::journal::{Checkpoint, StateWrite};
use crate::model::event::Committed;
use crate::model::ids::{ConnectionName, Sequence};
use crate::model::state::{StateEntry, StateRef};
use crate::model::state_key::StateKey;

/// A stored group with the state changes that are not yet in the image.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) commit: Arc<Committed>,
    pub(super) states: Arc<[StateWrite]>,
    /// Events, and states that were set without one, as these take room too.
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// Checkpoint and states as of the oldest group in the ring.
#[derive(Debug, Clone)]
pub(super) struct LaneImage {
    pub(super) vendor: &'static str,
    /// Tells it from the others.
    number: usize,
    /// The number after the last event that has left the ring.
    pub(super) dropped: Sequence,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) heard: Option<Timestamp>,
    states: HashMap<StateKey, Brought, RandomState>,
}

/// A state, and which lump has brought it.
#[derive(Debug, Clone)]
struct Brought {
    entry: StateEntry,
    by: u64,
}

/// Where the lane, item and group of states that were met are in memory: that says nearly always that one was met before, without fetching it.
type Met = HashSet<(usize, usize, usize), RandomState>;

impl LaneImage {
    pub(super) fn new(vendor: &'static str, number: usize) -> Self {
        Self { vendor, number, dropped: Sequence(0), checkpoint: None, heard: None, states: HashMap::default() }
    }

    /// Brings a group in, those behind it in the same lump being here already.
    fn bring(&mut self, kept: &Kept, met: &mut Met, by: u64) {
        let Committed { first, events, .. } = &*kept.commit;
        for write in kept.states.iter().rev() {
            let Some((item, group)) = write.sets(events) else { continue };
            if !met.insert((self.number, Arc::as_ptr(item) as usize, group.as_ptr() as usize)) {
                continue;
            }
            let Some(entry) = write.state(*first, events).map(StateRef::to_entry) else { continue };
            let Some(key) = entry.key() else { continue };
            match self.states.get_mut(&key) {
                // The same item or group, elsewhere in memory.
                Some(newer) if newer.by == by => {}
                Some(older) => *older = Brought { entry, by },
                None => drop(self.states.insert(key, Brought { entry, by })),
            }
        }
    }

    /// The states when these groups, from the oldest to the newest, are brought in too.
    pub(super) fn with<'a>(&self, groups: impl DoubleEndedIterator<Item = &'a Kept>) -> Vec<StateEntry> {
        let (mut now, mut met) = (self.clone(), Met::default());
        for kept in groups.rev() {
            now.bring(kept, &mut met, u64::MAX);
        }
        now.states.into_values().map(|state| state.entry).collect()
    }
}

/// Groups that have left the ring together. They are brought in from the newest to the oldest, so that of a state that has changed many
/// times only the last value costs more than a look; and some at a time, so that nobody waits for all of them.
#[derive(Debug, Default)]
pub(super) struct Lump {
    number: u64,
    /// Not brought in yet, the oldest first.
    waiting: Vec<Kept>,
    /// Brought in. They stay until all are, for what was met is known by its place in memory.
    done: Vec<Kept>,
    met: Met,
}

impl Lump {
    /// The next lump, when the one before is done.
    pub(super) fn begin(&mut self, groups: Vec<Kept>) {
        (self.number, self.waiting) = (self.number + 1, groups);
    }

    /// Brings in groups with `most` state changes, and the rest of a group.
    pub(super) fn bring_in(&mut self, lanes: &mut HashMap<ConnectionName, LaneImage>, most: usize) {
        let mut changes = 0;
        while changes < most
            && let Some(kept) = self.waiting.pop()
        {
            changes += kept.states.len();
            if let Some(lane) = lanes.get_mut(&kept.commit.connection) {
                lane.bring(&kept, &mut self.met, self.number);
            }
            self.done.push(kept);
        }
        if self.waiting.is_empty() && !self.done.is_empty() {
            (self.done, self.met) = Default::default();
        }
    }
}
