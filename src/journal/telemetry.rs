//! Things that happen to the journal: one type for each that is worth a log line or a counter.

use std::{fmt, path::Path, time::Duration};

use jiff::Timestamp;
use metrics::{counter, gauge, histogram};
use tracing::{error, info, warn};
use watchpost_actors::model::Sequence;

/// The journal is open.
pub(super) struct JournalOpened<'a> {
    pub(super) file: &'a Path,
    /// About how many events it holds: the numbers between the first and the last.
    pub(super) events: u64,
    pub(super) next: Sequence,
}

impl JournalOpened<'_> {
    pub(super) fn emit(self) {
        info!(file = %self.file.display(), events = self.events, next = self.next.0, "The journal is open.");
    }
}

/// What is stored turned out to be damaged while it was used.
pub(super) struct JournalDamaged<'a> {
    pub(super) file: &'a Path,
    pub(super) error: &'a dyn fmt::Display,
}

impl JournalDamaged<'_> {
    pub(super) fn emit(self) {
        let file = self.file.display();
        error!(%file, error = %self.error, "The journal is damaged; at the next start it is checked, and set aside if need be.");
        counter!("watchpost_journal_damaged_total").increment(1);
    }
}

/// A damaged journal could not be marked as such, so that the next start will not check it.
pub(super) struct MarkFailed<'a> {
    pub(super) file: &'a Path,
    pub(super) error: &'a dyn fmt::Display,
}

impl MarkFailed<'_> {
    pub(super) fn emit(self) {
        let file = self.file.display();
        error!(%file, error = %self.error, "The damage could not be noted; create this file by hand to have the journal checked.");
    }
}

/// A journal that seemed damaged is sound.
pub(super) struct JournalSound<'a> {
    pub(super) file: &'a Path,
}

impl JournalSound<'_> {
    pub(super) fn emit(self) {
        warn!(file = %self.file.display(), "The journal was noted as damaged, but SQLite finds it sound; it is used on.");
    }
}

/// A damaged journal was put out of the way, and a new one begun.
pub(super) struct JournalSetAside<'a> {
    pub(super) file: &'a Path,
    pub(super) to: &'a Path,
    pub(super) why: &'a str,
    pub(super) written: Timestamp,
}

impl JournalSetAside<'_> {
    pub(super) fn emit(self) {
        let (file, to) = (self.file.display(), self.to.display());
        error!(%file, %to, why = self.why, last_written = %self.written,
            "The journal is damaged. It is kept under another name, and a new one begins; each connection will tell a gap.");
        counter!("watchpost_journal_set_aside_total").increment(1);
    }
}

/// A group was stored.
pub(super) struct GroupStored {
    pub(super) took: Duration,
}

impl GroupStored {
    pub(super) fn emit(self) {
        histogram!("watchpost_journal_commit_seconds").record(self.took.as_secs_f64());
    }
}

/// How large the journal is.
pub(super) struct JournalMeasured {
    /// Bytes in use, without what is free within the file.
    pub(super) bytes: u64,
    /// About how many events it holds.
    pub(super) events: u64,
}

impl JournalMeasured {
    #[expect(clippy::cast_precision_loss, reason = "sizes for a chart")]
    pub(super) fn emit(self) {
        gauge!("watchpost_journal_bytes").set(self.bytes as f64);
        gauge!("watchpost_journal_events").set(self.events as f64);
    }
}

/// Retention dropped events.
pub(super) struct EventsDropped {
    pub(super) events: u64,
    /// So many of them had not been delivered to every sink.
    pub(super) undelivered: u64,
    /// It had dropped none such for a while.
    pub(super) first: bool,
}

impl EventsDropped {
    pub(super) fn emit(self) {
        counter!("watchpost_journal_events_dropped_total").increment(self.events);
        if self.undelivered > 0 {
            counter!("watchpost_journal_undelivered_dropped_total").increment(self.undelivered);
        }
        if self.first {
            warn!(
                "A sink is so far behind that max_undelivered is reached: the oldest events are dropped undelivered, \
                 and it will be told of a gap."
            );
        }
    }
}
