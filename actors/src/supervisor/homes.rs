//! On which arbiter a connection lives.

use std::collections::HashMap;

use crate::model::ids::ConnectionName;

/// The arbiter of each connection there ever was, by its number.
///
/// A new connection gets the arbiter that has the fewest. One that is removed and added again gets the one that it had: its lane may still be
/// closing there.
#[derive(Debug)]
pub(super) struct Homes {
    of: HashMap<ConnectionName, usize>,
    counts: Vec<usize>,
}

impl Homes {
    /// No connection yet, on so many arbiters; one at least.
    pub(super) fn new(arbiters: usize) -> Self {
        Self { of: HashMap::new(), counts: vec![0; arbiters.max(1)] }
    }

    /// The arbiter of this connection.
    pub(super) fn of(&mut self, name: &ConnectionName) -> usize {
        if let Some(home) = self.of.get(name) {
            return *home;
        }
        let fewest = self.counts.iter_mut().enumerate().min_by_key(|(_, count)| **count);
        let home = fewest.map_or(0, |(home, count)| {
            *count += 1;
            home
        });
        self.of.insert(name.clone(), home);
        home
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn connections_are_spread_evenly_and_each_comes_home() {
        let mut homes = Homes::new(2);
        let names: Vec<ConnectionName> = (0..8).map(|n| format!("site-{n}").parse().unwrap()).collect();
        let first: Vec<_> = names.iter().map(|name| homes.of(name)).collect();
        assert_eq!(first.iter().filter(|home| **home == 0).count(), 4, "{first:?}");
        let again: Vec<_> = names.iter().map(|name| homes.of(name)).collect();
        assert_eq!(first, again);
        assert_eq!(Homes::new(0).of(&names[0]), 0);
    }
}
