//! Dead letters as they are shown, tried again and removed; and the stretch of the journal that a replay is asked for.

use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use watchpost_actors::{
    journal::{JournalError, JournalHandle},
    model::{Sequence, SharedEvent},
};

use super::delivery::{DeadLetter, Delivery, DeliveryError, Replay, event_of_line};
use crate::config::SinkConfig;

/// A dead letter, as it is shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct LetterReport {
    /// Its number.
    pub id: i64,
    /// The sink.
    pub sink: String,
    /// The connection of the event.
    pub connection: String,
    /// The vendor.
    pub vendor: String,
    /// The journal's number of the event.
    pub sequence: String,
    /// The id that users see.
    pub event_id: String,
    /// The type of the event.
    pub r#type: String,
    /// What the receiver said the last time.
    pub why: String,
    /// How often it was tried in all.
    pub tries: u32,
    /// When it was first tried.
    pub first: Timestamp,
    /// When it was last tried.
    pub last: Timestamp,
    /// The event as it would be delivered.
    #[cfg_attr(feature = "http", schema(value_type = Option<Object>))]
    pub event: Option<Box<RawValue>>,
}

impl From<DeadLetter> for LetterReport {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id,
            sink: letter.sink,
            connection: letter.connection.to_string(),
            vendor: letter.vendor,
            sequence: letter.sequence.to_string(),
            event_id: letter.event_id,
            r#type: letter.kind,
            why: letter.why,
            tries: letter.tries,
            first: letter.first,
            last: letter.last,
            event: RawValue::from_string(letter.line).ok(),
        }
    }
}

/// A dead letter that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Removed {
    /// Its number.
    pub id: i64,
    /// The sink.
    pub sink: String,
    /// The id that users see.
    pub event_id: String,
}

impl From<DeadLetter> for Removed {
    fn from(letter: DeadLetter) -> Self {
        Self { id: letter.id, sink: letter.sink, event_id: letter.event_id }
    }
}

/// What became of a dead letter that was tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "http", derive(utoipa::ToSchema))]
pub struct Retried {
    /// Its number.
    pub id: i64,
    /// The sink.
    pub sink: String,
    /// The id that users see.
    pub event_id: String,
    /// Whether it was taken, and removed then.
    pub delivered: bool,
    /// Why it was not.
    pub why: Option<String>,
}

impl std::fmt::Display for Retried {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, sink, event_id, why, .. } = self;
        match why {
            None => write!(f, "{id}  {sink}  {event_id}  delivered"),
            Some(why) => write!(f, "{id}  {sink}  {event_id}  not delivered: {why}"),
        }
    }
}

/// The event of a dead letter, to be delivered once more.
///
/// # Errors
/// In words, why that is not to be tried: then the letter stays as it is.
pub fn event(letter: &DeadLetter, sinks: &[SinkConfig]) -> Result<SharedEvent, String> {
    if sinks.iter().all(|sink| sink.name != letter.sink) {
        return Err("this sink is not in the configuration any more".to_owned());
    }
    event_of_line(&letter.line).map_err(|error| error.to_string())
}

/// Stores what came of a try: a letter that was taken is removed. This blocks.
///
/// # Errors
/// [`DeliveryError`] when that cannot be stored.
pub fn settle(delivery: &Delivery, letter: DeadLetter, outcome: Result<(), String>) -> Result<Retried, DeliveryError> {
    match &outcome {
        Ok(()) => drop(delivery.remove_dead_letters(&[letter.id])?),
        Err(why) => delivery.retried(letter.id, why)?,
    }
    Ok(Retried::of(letter, outcome))
}

impl Retried {
    /// What became of a letter.
    #[must_use]
    pub fn of(letter: DeadLetter, outcome: Result<(), String>) -> Self {
        let (delivered, why) = (outcome.is_ok(), outcome.err());
        Self { id: letter.id, sink: letter.sink, event_id: letter.event_id, delivered, why }
    }
}

/// What the journal holds of a time: from `since` until `until`, or until now.
///
/// # Errors
/// [`JournalError`] when it cannot be read.
pub async fn stretch(
    journal: &JournalHandle,
    since: Timestamp,
    until: Option<Timestamp>,
) -> Result<Range<Sequence>, JournalError> {
    let from = journal.at(since).await?;
    let until = match until {
        Some(until) => journal.at(until).await?,
        // All that is stored, whatever the clock says.
        None => journal.next(),
    };
    Ok(from..until)
}

/// Stores replays for those parts of a stretch that no replay to this sink covers yet, and answers with them.
///
/// # Errors
/// [`DeliveryError`] when they cannot be stored.
pub fn begin_replays(delivery: &Delivery, sink: &str, asked: Range<Sequence>) -> Result<Vec<Replay>, DeliveryError> {
    let parts = beyond(asked, &delivery.replays(Some(sink))?);
    parts.into_iter().map(|part| delivery.add_replay(sink, part.start, part.end)).collect()
}

/// The parts of a stretch that no replay covers yet.
fn beyond(asked: Range<Sequence>, known: &[Replay]) -> Vec<Range<Sequence>> {
    let mut parts = vec![asked];
    for Replay { from, until, .. } in known {
        let around = |part: Range<Sequence>| [part.start..part.end.min(*from), part.start.max(*until)..part.end];
        parts = parts.into_iter().flat_map(around).filter(|part| !part.is_empty()).collect();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_replay_covers_is_begun() {
        let job = |from, until| Replay {
            id: 1,
            sink: String::new(),
            from: Sequence(from),
            until: Sequence(until),
            position: Sequence(from),
            events: 0,
            created: Timestamp::UNIX_EPOCH,
        };
        let parts = |asked: Range<u64>, known: &[Replay]| {
            let parts = beyond(Sequence(asked.start)..Sequence(asked.end), known);
            parts.into_iter().map(|part| (part.start.0, part.end.0)).collect::<Vec<_>>()
        };
        assert_eq!(parts(0..10, &[]), [(0, 10)]);
        assert_eq!(parts(10..10, &[]), []);
        assert_eq!(parts(0..10, &[job(3, 5)]), [(0, 3), (5, 10)]);
        assert_eq!(parts(0..10, &[job(3, 5), job(4, 20)]), [(0, 3)]);
        assert_eq!(parts(3..5, &[job(0, 10)]), []);
        assert_eq!(parts(3..5, &[job(0, 2), job(8, 9)]), [(3, 5)]);
    }
}
