//! What happens to sinks and is worth a log line or a counter: one struct for each, whose `emit` does both.

use std::fmt;

use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use tracing::{debug, error, info, warn};
use watchpost_actors::model::{
    ConnectionName,
    event::{SharedEvent, Stored},
};

/// The lane in a log line.
fn lane(connection: Option<&ConnectionName>) -> &str {
    connection.map_or("all", ConnectionName::as_str)
}

/// Events were acknowledged.
pub(super) struct Delivered<'a> {
    pub(super) sink: &'a str,
    pub(super) events: &'a [SharedEvent],
    /// By a replay, or out of the dead letters.
    pub(super) again: bool,
}

impl Delivered<'_> {
    pub(super) fn emit(self) {
        let Self { sink, events, again } = self;
        if again {
            counter!("watchpost_sink_events_redelivered_total", "sink" => sink.to_owned())
                .increment(events.len() as u64);
            return;
        }
        for ((connection, vendor, class), count) in counted(events) {
            let (connection, class) = (connection.to_owned(), class.to_owned());
            counter!(
                "watchpost_sink_events_delivered_total",
                "sink" => sink.to_owned(), "connection" => connection, "vendor" => vendor, "class" => class,
            )
            .increment(count);
        }
        // The first has waited longest.
        if let Some(first) = events.first() {
            let lag = Timestamp::now().duration_since(first.get().commit.recorded);
            histogram!("watchpost_sink_lag_seconds", "sink" => sink.to_owned()).record(lag.as_secs_f64().max(0.0));
        }
    }
}

/// By what events are counted: the configured connection, its vendor, and the class of the type.
type Labels<'a> = (&'a str, &'static str, &'a str);

/// How many events there are of each kind.
fn counted(events: &[SharedEvent]) -> Vec<(Labels<'_>, u64)> {
    let mut counts = Vec::<(Labels<'_>, u64)>::new();
    for event in events {
        let Stored { commit, event, .. } = event.get();
        let labels = (commit.connection.root(), commit.vendor, event.meaning.class());
        // They come in runs, so the one that is looked for is mostly the last.
        match counts.iter_mut().rev().find(|(known, _)| *known == labels) {
            Some((_, count)) => *count += 1,
            None => counts.push((labels, 1)),
        }
    }
    counts
}

/// A broker takes what this sink sends, for the first time or again.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) struct LinkUp<'a> {
    pub(super) sink: &'a str,
    pub(super) broker: &'a str,
    pub(super) was_away: bool,
}

#[cfg(any(feature = "mqtt", feature = "nats"))]
impl LinkUp<'_> {
    pub(super) fn emit(self) {
        let Self { sink, broker, was_away } = self;
        if was_away {
            info!(sink, broker, "The broker is back, and has admitted this sink.");
        } else {
            info!(sink, broker, "The broker has admitted this sink.");
        }
    }
}

/// A broker cannot be reached, refuses us, or was lost.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) struct LinkAway<'a> {
    pub(super) sink: &'a str,
    pub(super) broker: &'a str,
    pub(super) why: &'a str,
    /// A person must mend something.
    pub(super) is_refusal: bool,
    /// It was not so before.
    pub(super) is_news: bool,
}

#[cfg(any(feature = "mqtt", feature = "nats"))]
impl LinkAway<'_> {
    pub(super) fn emit(self) {
        let Self { sink, broker, why, is_refusal, is_news } = self;
        match (is_news, is_refusal) {
            (true, true) => {
                warn!(sink, broker, why, "The broker refuses this sink, which is halted; events wait in the journal.");
            }
            (true, false) => warn!(sink, broker, why, "The broker is away; events wait in the journal."),
            (false, _) => debug!(sink, broker, why, "The broker is still away."),
        }
        counter!("watchpost_sink_broker_failures_total", "sink" => sink.to_owned()).increment(1);
    }
}

/// How a sink stands with its broker.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) struct LinkMeasured<'a> {
    pub(super) sink: &'a str,
    pub(super) is_up: bool,
}

#[cfg(any(feature = "mqtt", feature = "nats"))]
impl LinkMeasured<'_> {
    pub(super) fn emit(self) {
        gauge!("watchpost_sink_broker_up", "sink" => self.sink.to_owned()).set(if self.is_up { 1.0 } else { 0.0 });
    }
}

/// Something at a broker is not as it should be, though events flow.
#[cfg(feature = "nats")]
pub(super) struct Remarked<'a> {
    pub(super) sink: &'a str,
    pub(super) broker: &'a str,
    pub(super) remark: &'a str,
}

#[cfg(feature = "nats")]
impl Remarked<'_> {
    pub(super) fn emit(self) {
        let Self { sink, broker, remark } = self;
        warn!(sink, broker, remark, "Something at the broker is not as it should be.");
    }
}

/// A broker does not want a document of the present.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) struct DocumentRefused<'a> {
    pub(super) sink: &'a str,
    pub(super) key: &'a str,
    pub(super) why: &'a str,
}

#[cfg(any(feature = "mqtt", feature = "nats"))]
impl DocumentRefused<'_> {
    pub(super) fn emit(self) {
        let Self { sink, key, why } = self;
        debug!(sink, key, why, "The broker does not take this document.");
        counter!("watchpost_sink_documents_refused_total", "sink" => sink.to_owned()).increment(1);
    }
}

/// Somebody else has put something in the place of documents of the present, or removed them.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) struct DocumentsSpoilt<'a> {
    pub(super) sink: &'a str,
    /// One of them.
    pub(super) key: &'a str,
    /// How often that was noticed since it was told last.
    pub(super) times: usize,
    /// It was not for a long time.
    pub(super) news: bool,
}

#[cfg(any(feature = "mqtt", feature = "nats"))]
impl DocumentsSpoilt<'_> {
    pub(super) fn emit(self) {
        let Self { sink, key, times, news } = self;
        if news {
            warn!(
                sink,
                key,
                times,
                "Somebody else writes where this sink keeps present states; it puts its own there again. If it is another watchpost, give each its \
                 own `prefix` (MQTT) or `bucket` (NATS); if it is not, find who publishes there"
            );
        } else {
            debug!(sink, key, times, "Somebody else has written where this sink keeps present states.");
        }
    }
}

/// A broker does not want documents of the present, all for the same reason: told once for all of them.
#[cfg(any(feature = "mqtt", feature = "nats"))]
pub(super) struct DocumentsRefused<'a> {
    pub(super) sink: &'a str,
    pub(super) documents: usize,
    /// The key of one of them.
    pub(super) example: &'a str,
    pub(super) why: &'a str,
}

#[cfg(any(feature = "mqtt", feature = "nats"))]
impl DocumentsRefused<'_> {
    pub(super) fn emit(self) {
        let Self { sink, documents, example, why } = self;
        warn!(
            sink,
            documents,
            example,
            why,
            "The broker does not take present states; they are put up again from time to time."
        );
    }
}

/// How far a sink is behind.
pub(super) struct BacklogMeasured<'a> {
    pub(super) sink: &'a str,
    /// Events in the journal from the first on that it still waits for.
    pub(super) events: u64,
}

impl BacklogMeasured<'_> {
    #[expect(clippy::cast_precision_loss, reason = "a count for a chart")]
    pub(super) fn emit(self) {
        gauge!("watchpost_sink_backlog_events", "sink" => self.sink.to_owned()).set(self.events as f64);
    }
}

/// A delivery has failed.
pub(super) struct SinkFailing<'a> {
    pub(super) sink: &'a str,
    pub(super) connection: Option<&'a ConnectionName>,
    pub(super) why: &'a str,
    /// The one before it had not.
    pub(super) news: bool,
}

impl SinkFailing<'_> {
    pub(super) fn emit(self) {
        let Self { sink, connection, why, news } = self;
        if news {
            error!(sink, connection = lane(connection), why, "The sink cannot deliver; it tries again until it can.");
        } else {
            debug!(sink, connection = lane(connection), why, "The sink still cannot deliver.");
        }
        counter!("watchpost_sink_failures_total", "sink" => sink.to_owned()).increment(1);
    }
}

/// A delivery has worked again.
pub(super) struct Recovered<'a> {
    pub(super) sink: &'a str,
    pub(super) connection: Option<&'a ConnectionName>,
}

impl Recovered<'_> {
    pub(super) fn emit(self) {
        info!(sink = self.sink, connection = lane(self.connection), "The sink delivers again.");
    }
}

/// An event was refused for good and is kept apart.
pub(super) struct DeadLetterWritten<'a> {
    pub(super) sink: &'a str,
    pub(super) event: &'a str,
    pub(super) why: &'a str,
}

impl DeadLetterWritten<'_> {
    pub(super) fn emit(self) {
        let Self { sink, event, why } = self;
        warn!(sink, event, why, "The receiver does not want an event: it is kept as a dead letter.");
        counter!("watchpost_sink_dead_letters_total", "sink" => sink.to_owned()).increment(1);
    }
}

/// Events are gone from the journal that the sink still had to deliver.
pub(super) struct EventsDropped<'a> {
    pub(super) sink: &'a str,
    pub(super) connection: Option<&'a ConnectionName>,
}

impl EventsDropped<'_> {
    pub(super) fn emit(self) {
        let Self { sink, connection } = self;
        warn!(
            sink,
            connection = lane(connection),
            "Events that this sink still had to deliver are gone from the journal: it is told a gap."
        );
        counter!("watchpost_sink_gaps_total", "sink" => sink.to_owned()).increment(1);
    }
}

/// The sink cannot do what it must do first: read the journal, or store its position.
pub(super) struct SinkStuck<'a> {
    pub(super) sink: &'a str,
    pub(super) doing: &'static str,
    pub(super) error: &'a dyn fmt::Display,
}

impl SinkStuck<'_> {
    pub(super) fn emit(self) {
        let Self { sink, doing, error } = self;
        warn!(sink, %error, "The sink cannot {doing}; it tries again.");
        counter!("watchpost_sink_stuck_total", "sink" => sink.to_owned()).increment(1);
    }
}

/// Nothing is known of how far sinks had come, though events are stored.
pub(super) struct PositionsUnknown;

impl PositionsUnknown {
    pub(super) fn emit(self) {
        warn!(
            "Nothing is known of how far the sinks had come: each begins with the oldest event, and repeats what it had."
        );
        counter!("watchpost_sink_positions_unknown_total").increment(1);
    }
}

/// The system gave no runtime for a sink's thread.
pub(super) struct NoRuntime<'a> {
    pub(super) error: &'a std::io::Error,
}

impl NoRuntime<'_> {
    pub(super) fn emit(self) {
        error!(error = %self.error, "The system gives no runtime for a sink.");
    }
}

/// Retention has dropped some of what a replay was to deliver.
pub(super) struct ReplayShortened<'a> {
    pub(super) sink: &'a str,
}

impl ReplayShortened<'_> {
    pub(super) fn emit(self) {
        error!(
            sink = self.sink,
            "Events that the replay was to deliver are gone from the journal; it goes on with what is left."
        );
        counter!("watchpost_sink_replays_shortened_total", "sink" => self.sink.to_owned()).increment(1);
    }
}

/// A replay has come to its end.
pub(super) struct ReplayEnded<'a> {
    pub(super) sink: &'a str,
    pub(super) delivered: u64,
    pub(super) refused: u64,
}

impl ReplayEnded<'_> {
    pub(super) fn emit(self) {
        let Self { sink, delivered, refused } = self;
        info!(sink, delivered, refused, "The replay is done.");
        counter!("watchpost_sink_replays_total", "sink" => sink.to_owned()).increment(1);
    }
}

/// A file could not be renamed to begin a new one.
pub(super) struct RotationFailed<'a> {
    pub(super) path: &'a std::path::Path,
    pub(super) error: &'a std::io::Error,
}

impl RotationFailed<'_> {
    pub(super) fn emit(self) {
        let (path, error) = (self.path.display(), self.error);
        warn!(%path, %error, "The file could not be renamed to begin a new one; it is written on.");
        counter!("watchpost_sink_rotations_failed_total").increment(1);
    }
}

/// A file ended in half an event, as a crash leaves it.
pub(super) struct FileMended<'a> {
    pub(super) path: &'a std::path::Path,
    pub(super) bytes: usize,
}

impl FileMended<'_> {
    pub(super) fn emit(self) {
        let (path, bytes) = (self.path.display(), self.bytes);
        warn!(%path, bytes, "The file ended in half an event, which was cut off.");
    }
}

/// The file under a sink's path is another one now, or there is none.
pub(super) struct FileMoved<'a> {
    pub(super) path: &'a std::path::Path,
}

impl FileMoved<'_> {
    pub(super) fn emit(self) {
        info!(path = %self.path.display(), "The file was moved or removed by another program; one of its name is opened.");
        counter!("watchpost_sink_files_moved_total").increment(1);
    }
}

/// The file system does not lock files.
pub(super) struct FileHasNoLock<'a> {
    pub(super) path: &'a std::path::Path,
    pub(super) error: &'a std::io::Error,
}

impl FileHasNoLock<'_> {
    pub(super) fn emit(self) {
        let (path, error) = (self.path.display(), self.error);
        debug!(%path, %error, "The file cannot be locked; that no other program writes it is not known.");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use watchpost_actors::model::{Event, EventId, Events, Meaning, Origin, Sequence, event::Committed};

    use super::*;

    fn commit(connection: &str, vendor: &'static str, kinds: &[&str]) -> Vec<SharedEvent> {
        let event = |kind: &&str| Event {
            id: EventId::mint(),
            origin: Origin::Live,
            meaning: Arc::new(Meaning { kind: (*kind).into(), name: None, state: None }),
            item: None,
            time: "".into(),
            data: "{}".into(),
        };
        let events: Events = kinds.iter().map(event).collect();
        let (connection, recorded) = (connection.parse().unwrap(), Timestamp::now());
        let commit = Arc::new(Committed { connection, vendor, first: Sequence(1), recorded, events });
        (0..kinds.len()).filter_map(|index| SharedEvent::new(Arc::clone(&commit), index)).collect()
    }

    #[test]
    fn what_is_delivered_is_counted_by_configured_connection_and_class() {
        let mut events = commit("stores/1", "een", &["recording.started", "recording.stopped", "een.own"]);
        events.extend(commit("hq", "milestone", &["motion.started"]));
        events.extend(commit("stores/2", "een", &["recording.started"]));
        let counts =
            [(("stores", "een", "recording"), 3), (("stores", "een", "een"), 1), (("hq", "milestone", "motion"), 1)];
        assert_eq!(counted(&events), counts);
    }
}
