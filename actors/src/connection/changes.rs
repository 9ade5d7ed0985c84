//! The changes of a connection's state that are not stored yet, oldest first. A pure value.

use crate::vendors::{Entry, StatusChange};

/// More than so many become one: a journal may refuse for days, with every try adding two.
const MOST: usize = 8;

/// The changes.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<StatusChange>);

impl Changes {
    pub(super) fn push(&mut self, change: StatusChange) {
        self.0.push(change);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.0.iter().map(|change| Entry::Status(Box::new(change.clone())))
    }

    /// The first `count` are stored.
    pub(super) fn stored(&mut self, count: usize) {
        self.0.drain(..count.min(self.0.len()));
    }

    /// Makes one change of many, or none if they lead back to where they began. Not while some of them are on their way to be stored:
    /// those are counted.
    pub(super) fn shorten(&mut self) {
        if self.0.len() <= MOST {
            return;
        }
        let old = self.0.first().map(|first| first.old);
        let last = self.0.pop();
        self.0.clear();
        if let (Some(old), Some(last)) = (old, last)
            && old != last.new
        {
            self.0.push(StatusChange { old, ..last });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::status::ConnectionState::{self, Delayed, Halted, Online};

    fn change(old: ConnectionState, new: ConnectionState, reason: &str) -> StatusChange {
        StatusChange { old, new, reason: reason.into() }
    }

    fn refused(tries: usize) -> Changes {
        let mut changes = Changes::default();
        for _ in 0..tries {
            changes.push(change(Delayed, Online, ""));
            changes.push(change(Online, Delayed, "journal"));
        }
        changes
    }

    #[test]
    fn changes_that_cannot_be_stored_become_one_from_the_first_state_to_the_last() {
        let mut changes = refused(MOST);
        changes.push(change(Delayed, Halted, "fenced"));
        changes.shorten();
        let left = &changes.0;
        assert_eq!((left.len(), left[0].old, left[0].new, &*left[0].reason), (1, Delayed, Halted, "fenced"));
    }

    #[test]
    fn changes_that_lead_back_are_none() {
        let mut changes = refused(MOST);
        changes.shorten();
        assert_eq!(changes.len(), 0);
    }

    #[test]
    fn a_few_changes_are_all_told() {
        let mut changes = refused(2);
        changes.shorten();
        assert_eq!(changes.len(), 4);
    }
}
