//! What was stored lately, in memory: who keeps up with the journal reads from here and never from the disk.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Ask, Page};
use crate::model::event::Committed;
use crate::model::ids::Sequence;

/// Events kept at most.
const EVENTS: usize = 8_192;
/// Bytes of their texts kept at most: 8 MiB.
const BYTES: usize = 8 << 20;

/// The last groups of events, without a hole between them.
#[derive(Debug)]
pub(super) struct Recent {
    commits: VecDeque<Arc<Committed>>,
    events: usize,
    bytes: usize,
    /// The sequence that the next event will get.
    next: Sequence,
}

impl Recent {
    /// Nothing stored yet; the next event will get this sequence.
    pub(super) fn new(next: Sequence) -> Self {
        Self { commits: VecDeque::new(), events: 0, bytes: 0, next }
    }

    /// A group was stored.
    pub(super) fn push(&mut self, commit: &Arc<Committed>) {
        if commit.first != self.next {
            // A journal may leave a hole; what is before it is not asked for here.
            *self = Self::new(commit.first);
        }
        self.next = commit.next();
        if commit.events.is_empty() {
            return;
        }
        self.events += commit.events.len();
        self.bytes += commit.events.bytes();
        self.commits.push_back(Arc::clone(commit));
        while self.events > EVENTS || self.bytes > BYTES {
            let Some(oldest) = self.commits.pop_front() else { break };
            self.events -= oldest.events.len();
            self.bytes -= oldest.events.bytes();
        }
    }

    /// What was asked for, if all of it is here.
    pub(super) fn read(&self, ask: &Ask) -> Option<Page> {
        let begin = self.commits.front().map_or(self.next, |commit| commit.first);
        if ask.from < begin {
            return None;
        }
        let start = self.commits.partition_point(|commit| commit.next() <= ask.from);
        let page = Page::of(ask, self.commits.range(start..), ask.from, self.next);
        Some(Page { end: page.end.max(ask.from), ..page })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::event::{Event, Meaning, Origin};
    use crate::model::ids::{ConnectionName, EventId};

    fn commit(connection: &str, first: u64, count: usize, data: &str) -> Arc<Committed> {
        let event = Event {
            id: EventId::new("x"),
            origin: Origin::Live,
            meaning: Arc::new(Meaning { kind: "motion.started".into(), name: None, state: None }),
            item: None,
            time: "t".into(),
            data: data.to_owned().into(),
        };
        Arc::new(Committed {
            connection: ConnectionName::new(connection).unwrap(),
            vendor: "test",
            first: Sequence(first),
            recorded: jiff::Timestamp::UNIX_EPOCH,
            events: vec![event; count].into(),
        })
    }

    fn ask(from: u64, limit: usize, of: Option<&str>) -> Ask {
        Ask { from: Sequence(from), limit, of: of.map(|of| ConnectionName::new(of).unwrap()) }
    }

    #[test]
    fn a_page_is_whole_or_not_given_at_all() {
        let mut recent = Recent::new(Sequence(10));
        assert_eq!(recent.read(&ask(10, 5, None)).unwrap().end, Sequence(10));
        assert!(recent.read(&ask(9, 5, None)).is_none());
        recent.push(&commit("a", 10, 3, "{}"));
        recent.push(&commit("b", 13, 2, "{}"));
        let page = recent.read(&ask(11, 1, None)).unwrap();
        assert_eq!((page.commits.len(), page.end), (1, Sequence(13)));
        let page = recent.read(&ask(10, 9, Some("b"))).unwrap();
        assert_eq!((page.commits.len(), page.end), (1, Sequence(15)));
        assert_eq!(recent.read(&ask(15, 9, None)).unwrap().end, Sequence(15));
    }

    #[test]
    fn a_hole_before_an_event_is_never_read_over() {
        let mut recent = Recent::new(Sequence(10));
        recent.push(&commit("a", 10, 3, "{}"));
        recent.push(&commit("a", 20, 1, "{}"));
        assert!(recent.read(&ask(11, 5, None)).is_none());
        assert_eq!(recent.read(&ask(20, 5, None)).unwrap().commits.len(), 1);
    }

    #[test]
    fn it_stays_within_its_bounds() {
        let mut recent = Recent::new(Sequence(0));
        for n in 0..100 {
            recent.push(&commit("a", n * 100, 100, "{}"));
        }
        assert!(recent.events <= EVENTS && recent.events > EVENTS - 100);
        let giant = "x".repeat(BYTES + 1);
        recent.push(&commit("a", 10_000, 1, &giant));
        assert_eq!((recent.commits.len(), recent.bytes, recent.events), (0, 0, 0));
        assert!(recent.read(&ask(10_000, 1, None)).is_none());
    }
}
