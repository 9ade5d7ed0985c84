//! What the client of a stream is told, and it alone, where events that it asked for are gone.

use jiff::Timestamp;
use serde::Serialize;
use watchpost_actors::{
    journal::LaneInfo,
    model::{
        EventId, Filter, Sequence,
        event::{Committed, Event, Meaning, Origin},
        vocabulary::GAP,
    },
};

/// Events that a client will never see.
#[derive(Debug, Serialize)]
pub(super) struct Gap {
    /// From when on, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<Timestamp>,
    /// When what comes next was stored, or now.
    pub(super) to: Timestamp,
    pub(super) reason: &'static str,
    pub(super) recovered: &'static str,
    /// How many numbers are gone, of all connections, wanted or not, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<u64>,
    /// Of which connections; empty where that is not known.
    pub(super) connections: Vec<String>,
}

/// The journal no longer has them.
pub(super) const RETENTION: &str = "retention";
/// They went with a damaged journal.
pub(super) const JOURNAL_LOST: &str = "journal_lost";
/// The id is of no event of this journal, so what its owner has missed cannot be known.
pub(super) const UNKNOWN_ID: &str = "unknown_id";

#[derive(Serialize)]
struct Line<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    time: Timestamp,
    datacontenttype: &'static str,
    origin: &'static str,
    sequence: String,
    recordedtime: Timestamp,
    data: &'a Gap,
}

impl Gap {
    /// The gap as a frame: a CloudEvent, in the place of the last event that is missing.
    pub(super) fn frame(&self, next: Sequence) -> bytes::Bytes {
        let at = Sequence(next.0.saturating_sub(1));
        let id = EventId::mint();
        let line = Line {
            specversion: "1.0",
            id: id.as_str(),
            source: "/watchpost",
            kind: GAP,
            time: Timestamp::now(),
            datacontenttype: "application/json",
            origin: Origin::Engine.as_str(),
            sequence: at.to_string(),
            recordedtime: self.to,
            data: self,
        };
        super::frame::one_at(at, "event", &line)
    }
}

/// Whether a filter that tests connections and vendors alone wants what is of this connection.
pub(super) fn concerns(filter: &Filter, lane: &LaneInfo) -> bool {
    // The engine's own events are tested by little more than that.
    let event = Event {
        id: EventId::new(""),
        origin: Origin::Engine,
        meaning: Meaning { kind: GAP.into(), name: None, state: None }.into(),
        item: None,
        time: "".into(),
        data: "".into(),
    };
    let commit = Committed {
        connection: lane.connection.clone(),
        vendor: lane.vendor,
        first: Sequence(0),
        recorded: Timestamp::UNIX_EPOCH,
        events: vec![event].into(),
    };
    commit.get(0).is_some_and(|stored| filter.wants(&stored))
}
