//! The ids lately seen of one connection, by which repeats are known.
//!
//! *Seen* means committed, or in flight; what was in flight is forgotten when its commit fails, so that a replay is new again.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::model::ids::{EventId, Print};

/// Ids remembered per connection at least, and twice as many at most, and one batch: what a site of 800 events a second sends in a resume
/// window of 30 s. So many and a batch fill a table of 2^15 places, of which two stay in the processor's own memory.
const CAPACITY: usize = 24_576;

/// Fingerprints in flight for which room is kept.
const SPARE: usize = 4_096;

/// A print is a hash already.
type Prints = HashTable<Print>;

/// A bounded set of ids, by their prints. When as many as it must remember are new, those before them are forgotten together: to take
/// them out one by one, the oldest first, costs more than all the rest.
#[derive(Debug)]
pub(crate) struct Seen {
    new: Prints,
    old: Prints,
    in_flight: Vec<Print>,
    capacity: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Seen {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { new: Prints::default(), old: Prints::default(), in_flight: Vec::new(), capacity }
    }

    /// Notes an id; false if it was there already.
    pub(crate) fn insert(&mut self, print: Print) -> bool {
        if self.old.find(print.0, |other| *other == print).is_some() {
            return false;
        }
        let Entry::Vacant(place) = self.new.entry(print.0, |other| *other == print, |other| other.0) else {
            return false;
        };
        place.insert(print);
        self.in_flight.push(print);
        true
    }

    /// What was noted since the last commit is stored.
    pub(crate) fn commit(&mut self) {
        self.in_flight.clear();
        if self.new.len() >= self.capacity {
            std::mem::swap(&mut self.new, &mut self.old);
            self.new.clear();
            // A giant frame may have held more.
            self.new.shrink_to(self.capacity, |print| print.0);
        }
        // A quiet connection keeps no room for a flood.
        self.in_flight.shrink_to(SPARE);
    }

    /// What was noted since the last commit was not stored.
    pub(crate) fn forget_in_flight(&mut self) {
        for print in self.in_flight.drain(..) {
            if let Ok(place) = self.new.find_entry(print.0, |other| *other == print) {
                place.remove();
            }
        }
    }
}

impl Extend<EventId> for Seen {
    /// Notes ids that are stored.
    fn extend<I: IntoIterator<Item = EventId>>(&mut self, ids: I) {
        for id in ids {
            self.insert(id.print());
        }
        self.commit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> Print {
        Print::of(&format!("event-{n}"))
    }

    #[test]
    fn a_repeat_is_known_and_a_refused_commit_makes_it_new_again() {
        let mut seen = Seen::with_capacity(10);
        assert!(seen.insert(id(1)));
        seen.commit();
        assert!(!seen.insert(id(1)));
        assert!(seen.insert(id(2)));
        assert!(!seen.insert(id(2)), "in flight is seen");
        seen.forget_in_flight();
        assert!(seen.new.find(id(2).0, |other| *other == id(2)).is_none());
        assert!(seen.insert(id(2)));
        assert!(!seen.insert(id(1)), "what was committed before stays");
    }

    #[test]
    fn it_stays_within_its_bound_and_forgets_the_oldest() {
        let mut seen = Seen::with_capacity(100);
        for n in 0..1_050 {
            assert!(seen.insert(id(n)));
            seen.commit();
            assert!(seen.old.len() + seen.new.len() < 200);
        }
        for n in 950..1_050 {
            assert!(!seen.insert(id(n)), "the last hundred are known");
        }
        assert!(seen.insert(id(0)));
    }
}
