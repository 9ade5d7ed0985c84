//! What is kept of deliveries.

use std::collections::HashMap;

use jiff::Timestamp;
use watchpost_actors::model::{ConnectionName, Sequence, event::Stored};

use crate::sinks::standing::Standing;

/// The most that is kept of an error, in characters.
const LONGEST_WHY: usize = 500;

/// From where a sink delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positions {
    /// Where the sink began: a lane that is not named begins here.
    pub start: Sequence,
    /// When the sink began.
    pub since: Timestamp,
    /// The next event of each lane, and when the one before it was stored. `None` is the one lane of a sink that keeps one order.
    pub lanes: HashMap<Option<ConnectionName>, (Sequence, Timestamp)>,
}

/// How far a lane has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The next event.
    pub position: Sequence,
    /// When the last event that was delivered was stored in the journal, if that has changed.
    pub stored: Option<Timestamp>,
}

impl From<Sequence> for Place {
    fn from(position: Sequence) -> Self {
        Self { position, stored: None }
    }
}

impl Positions {
    /// The next event of a lane, and when the one before it was stored. A sink that has changed its kind, and with it its lanes, goes on
    /// from those that it had.
    #[must_use]
    pub fn of(&self, lane: Option<&ConnectionName>) -> (Sequence, Timestamp) {
        let start = (self.start, self.since);
        let own = self.lanes.get(&lane.cloned()).copied().unwrap_or(start);
        let before = match lane {
            Some(_) => self.lanes.get(&None).copied(),
            None => self.lanes.iter().filter(|(lane, _)| lane.is_some()).map(|(_, place)| *place).min(),
        };
        own.max(before.unwrap_or(start))
    }
}

/// How a sink is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkInfo {
    /// Its name.
    pub name: String,
    /// Where it began.
    pub started: Sequence,
    /// When it began.
    pub started_at: Timestamp,
    /// The events that it has delivered, repeats counted.
    pub delivered: u64,
    /// When it last delivered any.
    pub last_delivered: Option<Timestamp>,
    /// Its lanes, by connection. One that has never moved is not among them.
    pub lanes: Vec<LanePosition>,
    /// How many dead letters it has.
    pub dead_letters: u64,
    /// How it stands with its broker, if it is of such a kind and runs.
    pub standing: Option<Standing>,
}

/// How far one lane of a sink has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanePosition {
    /// The connection; `None` for the one lane of a sink that keeps one order.
    pub connection: Option<ConnectionName>,
    /// The next event.
    pub position: Sequence,
    /// What keeps it from moving.
    pub failure: Option<Failure>,
}

/// Failures in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When the first happened.
    pub since: Timestamp,
    /// When the last happened.
    pub last: Timestamp,
    /// What was wrong the last time.
    pub why: String,
}

/// An event that a sink will not take.
#[derive(Debug, Clone, Copy)]
pub struct NewDeadLetter<'a> {
    /// The sink.
    pub sink: &'a str,
    /// The lane that moves on behind it.
    pub lane: Option<&'a ConnectionName>,
    /// The event.
    pub event: Stored<'a>,
    /// What the receiver said: status and words. The first 500 characters are kept.
    pub why: &'a str,
    /// How often it was tried.
    pub tries: u32,
    /// When it was first tried.
    pub first: Timestamp,
}

impl NewDeadLetter<'_> {
    /// As it is stored, but for the id.
    pub(super) fn record(&self, now: Timestamp) -> DeadLetter {
        let Stored { commit, event, sequence } = self.event;
        DeadLetter {
            id: 0,
            sink: self.sink.to_owned(),
            connection: commit.connection.clone(),
            vendor: commit.vendor.to_owned(),
            sequence,
            event_id: self.event.full_id(),
            kind: event.meaning.kind.to_string(),
            why: clip(self.why),
            tries: self.tries,
            first: Timestamp::from_microsecond(self.first.as_microsecond()).unwrap_or(now),
            last: now,
            line: self.event.to_line(),
        }
    }
}

/// An event that a sink would not take, laid aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its number, which no other dead letter of any sink ever has.
    pub id: i64,
    /// The sink.
    pub sink: String,
    /// The connection of the event.
    pub connection: ConnectionName,
    /// The vendor.
    pub vendor: String,
    /// The journal's number of the event.
    pub sequence: Sequence,
    /// The id that users see: `<connection>:<id>`.
    pub event_id: String,
    /// The type of the event.
    pub kind: String,
    /// What the receiver said the last time.
    pub why: String,
    /// How often it was tried in all.
    pub tries: u32,
    /// When it was first tried.
    pub first: Timestamp,
    /// When it was last tried.
    pub last: Timestamp,
    /// The event's line, from which [`event_of_line`](super::event_of_line) makes the event again, however long ago the journal dropped it.
    pub line: String,
}

/// Which dead letters somebody wants. The default is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this sink alone.
    pub sink: Option<String>,
    /// These alone.
    pub ids: Option<Vec<i64>>,
}

impl LetterFilter {
    pub(super) fn wants(&self, letter: &DeadLetter) -> bool {
        self.sink.as_ref().is_none_or(|sink| *sink == letter.sink)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&letter.id))
    }
}

/// A job: to deliver a stretch of the journal to a sink once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its number, which no other replay ever has.
    pub id: i64,
    /// The sink.
    pub sink: String,
    /// The first event.
    pub from: Sequence,
    /// Where it ends: the first event that is not part of it.
    pub until: Sequence,
    /// The next event.
    pub position: Sequence,
    /// The events that it has delivered so far.
    pub events: u64,
    /// When it was asked for.
    pub created: Timestamp,
}

/// The beginning of an error's text.
pub(super) fn clip(why: &str) -> String {
    why.chars().take(LONGEST_WHY).collect()
}
