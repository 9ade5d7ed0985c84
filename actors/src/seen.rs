//! The ids lately seen of one connection, by which repeats are known.
//!
//! *Seen* means committed, or in flight; what was in flight is forgotten when its commit fails, so that a replay is new again.

use std::collections::{HashSet, VecDeque};

use crate::model::ids::EventId;

/// Ids remembered per connection: twice what a busy site sends in a resume window of 30 s.
const CAPACITY: usize = 65_536;

/// A bounded set of ids, the oldest forgotten first.
#[derive(Debug)]
pub(crate) struct Seen {
    ids: HashSet<u128, foldhash::fast::RandomState>,
    order: VecDeque<u128>,
    in_flight: usize,
    capacity: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Seen {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { ids: HashSet::default(), order: VecDeque::new(), in_flight: 0, capacity }
    }

    /// Notes an id; false if it was there already.
    pub(crate) fn insert(&mut self, id: &EventId) -> bool {
        let print = id.fingerprint();
        if !self.ids.insert(print) {
            return false;
        }
        self.order.push_back(print);
        self.in_flight += 1;
        true
    }

    #[cfg(test)]
    fn contains(&self, id: &EventId) -> bool {
        self.ids.contains(&id.fingerprint())
    }

    /// What was noted since the last commit is stored.
    pub(crate) fn commit(&mut self) {
        self.in_flight = 0;
        while self.order.len() > self.capacity {
            if let Some(oldest) = self.order.pop_front() {
                self.ids.remove(&oldest);
            }
        }
    }

    /// What was noted since the last commit was not stored.
    pub(crate) fn forget_in_flight(&mut self) {
        for _ in 0..std::mem::take(&mut self.in_flight) {
            if let Some(newest) = self.order.pop_back() {
                self.ids.remove(&newest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> EventId {
        EventId::new(format!("event-{n}"))
    }

    #[test]
    fn a_repeat_is_known_and_a_refused_commit_makes_it_new_again() {
        let mut seen = Seen::with_capacity(10);
        assert!(seen.insert(&id(1)));
        seen.commit();
        assert!(!seen.insert(&id(1)));
        assert!(seen.insert(&id(2)));
        assert!(!seen.insert(&id(2)), "in flight is seen");
        seen.forget_in_flight();
        assert!(!seen.contains(&id(2)));
        assert!(seen.insert(&id(2)));
        assert!(!seen.insert(&id(1)), "what was committed before stays");
    }

    #[test]
    fn it_stays_within_its_bound_and_forgets_the_oldest() {
        let mut seen = Seen::with_capacity(100);
        for n in 0..1_000 {
            seen.insert(&id(n));
            seen.commit();
        }
        assert_eq!((seen.ids.len(), seen.order.len()), (100, 100));
        assert!(seen.contains(&id(900)));
        assert!(!seen.contains(&id(899)));
    }
}
