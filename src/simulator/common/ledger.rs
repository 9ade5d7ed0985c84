//! What the ledgers of the vendors' rooms are made of.

use std::collections::VecDeque;

/// How often something was tried, and how often it went well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub tried: u64,
    /// Those answered with a status below 400; upgrades: with 101.
    pub ok: u64,
}

impl Tally {
    /// Counts one that was answered with this HTTP status.
    pub(in crate::simulator) fn count(&mut self, status: u16) {
        self.tried += 1;
        self.ok += u64::from(status < 400);
    }
}

/// Adds to a list of which only the newest `most` are kept.
pub(in crate::simulator) fn keep<T>(list: &mut VecDeque<T>, most: usize, one: T) {
    if most > 0 {
        if list.len() >= most {
            list.pop_front();
        }
        list.push_back(one);
    }
}
