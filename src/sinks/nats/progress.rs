//! How much of a delivery is acknowledged when it breaks off in its midst.
//!
//! Without it, what was acknowledged would be sent once more with the rest; after an outage that is longer than the server remembers ids, it
//! would then be in the stream twice.

use std::collections::HashMap;

use uuid::Uuid;
use watchpost_actors::model::{ConnectionName, Sequence, event::SharedEvent};

/// The deliveries under way, one a lane at most, and one a lane again for what is sent on purpose once more.
#[derive(Debug, Default)]
pub(super) struct Progress(HashMap<Lane, Begun>);

type Lane = (ConnectionName, bool);

#[derive(Debug)]
struct Begun {
    /// By these a delivery is known again: the numbers of its first and last event, and how many there are.
    events: (Sequence, Sequence, usize),
    done: usize,
    mark: Option<String>,
}

/// A delivery that begins, or goes on.
#[derive(Debug)]
pub(super) struct Resumed {
    lane: Lane,
    /// So many events at its beginning are acknowledged.
    pub(super) done: usize,
    /// What tells these events from those that were sent before, where they are sent on purpose once more.
    pub(super) mark: Option<String>,
}

impl Progress {
    /// Begins a delivery, or goes on with it; `None` where there is nothing to deliver.
    pub(super) fn resume(&mut self, events: &[SharedEvent], redelivery: bool) -> Option<Resumed> {
        let (first, last) = (events.first()?.get(), events.last()?.get());
        let lane = (first.commit.connection.clone(), redelivery);
        let events = (first.sequence, last.sequence, events.len());
        let fresh = || Begun { events, done: 0, mark: redelivery.then(|| Uuid::now_v7().to_string()) };
        let begun = self.0.entry(lane.clone()).or_insert_with(fresh);
        if begun.events != events {
            *begun = fresh();
        }
        Some(Resumed { lane, done: begun.done, mark: begun.mark.clone() })
    }

    /// One more event is acknowledged.
    pub(super) fn acknowledged(&mut self, resumed: &Resumed) {
        if let Some(begun) = self.0.get_mut(&resumed.lane) {
            begun.done += 1;
        }
    }

    /// All of them are.
    pub(super) fn done(&mut self, resumed: &Resumed) {
        self.0.remove(&resumed.lane);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{super::tests::events, *};

    #[test]
    fn a_delivery_that_broke_off_goes_on_behind_what_is_acknowledged() {
        let (mut progress, events) = (Progress::default(), events(3));
        let resumed = progress.resume(&events, false).unwrap();
        assert_eq!((resumed.done, &resumed.mark), (0, &None));
        progress.acknowledged(&resumed);
        progress.acknowledged(&resumed);
        assert_eq!(progress.resume(&events, false).unwrap().done, 2);
        assert_eq!(
            progress.resume(&events, true).unwrap().done,
            0,
            "sending it on purpose once more is another delivery"
        );
        progress.done(&resumed);
        assert_eq!(progress.resume(&events, false).unwrap().done, 0);
        assert!(progress.resume(&[], false).is_none());
    }

    #[test]
    fn another_delivery_begins_at_its_beginning() {
        let (mut progress, events) = (Progress::default(), events(3));
        let resumed = progress.resume(&events, false).unwrap();
        progress.acknowledged(&resumed);
        assert_eq!(progress.resume(&events[..1], false).unwrap().done, 0);
    }

    #[test]
    fn a_redelivery_keeps_its_mark_until_it_is_done_and_the_next_has_another() {
        let (mut progress, events) = (Progress::default(), events(2));
        let first = progress.resume(&events, true).unwrap();
        assert!(first.mark.is_some());
        assert_eq!(progress.resume(&events, true).unwrap().mark, first.mark);
        progress.done(&first);
        assert_ne!(progress.resume(&events, true).unwrap().mark, first.mark);
    }
}
