//! The line that tells one sink what it has missed: events that retention dropped before the sink came to read them.

use std::sync::Arc;

use jiff::Timestamp;
use watchpost_actors::{
    journal::LaneInfo,
    model::{Event, EventId, Meaning, Origin, Sequence, event::Committed, vocabulary::GAP},
};

/// Events that a sink will never see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dropped {
    /// The first that it misses.
    pub(super) first: Sequence,
    /// The first that it still gets.
    pub(super) next: Sequence,
    /// When what it delivered last was stored, or when the sink began.
    pub(super) from: Timestamp,
    /// When what it delivers next was stored.
    pub(super) to: Timestamp,
}

impl Dropped {
    /// How many they are, of all connections, wanted by the sink or not.
    pub(super) fn events(&self) -> u64 {
        self.next.0.saturating_sub(self.first.0)
    }

    /// The gap as an event of one connection of which something is missing. How many events are gone is known only of all together.
    pub(super) fn event(&self, lane: &LaneInfo, of_all: bool) -> Committed {
        let mut data = serde_json::json!({
            "from": self.from.to_string(),
            "to": self.to.to_string(),
            "reason": if lane.lost { "journal_lost" } else { "retention" },
            "recovered": "nothing",
        });
        if of_all {
            data["events"] = self.events().into();
        }
        let event = Event {
            id: EventId::mint(),
            origin: Origin::Engine,
            meaning: Arc::new(Meaning { kind: GAP.into(), name: None, state: None }),
            item: None,
            time: Timestamp::now().to_string().into(),
            data: data.to_string().into(),
        };
        Committed {
            connection: lane.connection.clone(),
            vendor: lane.vendor,
            // In the place of the last that is missing, so that sequences still grow.
            first: Sequence(self.next.0.saturating_sub(1)),
            recorded: self.to,
            events: vec![event].into(),
        }
    }
}
