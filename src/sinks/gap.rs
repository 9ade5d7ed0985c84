//! The line that tells one sink what it has missed: events that retention dropped before the sink came to read them.

use std::sync::Arc;

use jiff::Timestamp;
use watchpost_actors::model::{
    ConnectionName, Event, EventId, Meaning, Origin, Sequence, event::Committed, vocabulary::GAP,
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

    /// The gap as an event of one connection. Whose events were dropped is not known any more, so every connection tells it.
    pub(super) fn event(&self, connection: ConnectionName, vendor: &'static str) -> Committed {
        let data = serde_json::json!({
            "from": self.from.to_string(),
            "to": self.to.to_string(),
            "reason": "retention",
            "recovered": "nothing",
            "events": self.events(),
        });
        let event = Event {
            id: EventId::mint(),
            origin: Origin::Engine,
            meaning: Arc::new(Meaning { kind: GAP.into(), name: None, state: None }),
            item: None,
            time: Timestamp::now().to_string().into(),
            data: data.to_string().into(),
        };
        Committed {
            connection,
            vendor,
            // In the place of the last that is missing, so that sequences still grow.
            first: Sequence(self.next.0.saturating_sub(1)),
            recorded: self.to,
            events: vec![event],
        }
    }
}
