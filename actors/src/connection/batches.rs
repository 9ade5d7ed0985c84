//! Batches on their way into the journal: one is stored while the next collects.

use std::time::{Duration, Instant};

use actix::prelude::*;
use futures_util::future::LocalBoxFuture;

use crate::journal::{Checkpoint, JournalError};
use crate::model::ids::ConnectionName;
use crate::state_tracker::{Batch, StateTracker};
use crate::vendors::{Entries, Entry, Now};

/// A batch holds at most so many entries …
const MOST_ENTRIES: usize = 4_096;
/// … and so many bytes of messages, unless one step of a session yields more: that stays whole.
const MOST_BYTES: usize = 1 << 20;

/// When the batch that collects is full, and the one that is being stored.
#[derive(Default)]
pub(super) struct Batches<'a> {
    /// Of the messages that the one that collects was made of.
    bytes: usize,
    /// Something has happened since the checkpoint was last handed in.
    touched: bool,
    checkpoint: Option<Checkpoint>,
    /// How often a quiet connection stores that nothing was missing.
    heartbeat: Duration,
    /// The last such moment that was handed in.
    heard: Option<Instant>,
    /// Something was refused: what the session remembers since covers what is not stored.
    refused: bool,
    storing: Option<Storing<'a>>,
}

struct Storing<'a> {
    result: LocalBoxFuture<'a, Result<Result<(), JournalError>, MailboxError>>,
    since: Instant,
    statuses: usize,
}

/// What became of a batch.
pub(super) struct Stored {
    pub(super) result: Result<(), JournalError>,
    /// Changes of the connection's state that were in it.
    pub(super) statuses: usize,
}

impl Batches<'_> {
    /// Nothing collected yet; `checkpoint` is what is stored.
    pub(super) fn new(checkpoint: Option<Checkpoint>, heartbeat: Duration) -> Self {
        Self { checkpoint, heartbeat, ..Self::default() }
    }

    pub(super) fn count_bytes(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// The session has moved on, and its checkpoint perhaps with it.
    pub(super) fn touch(&mut self) {
        self.touched = true;
    }

    /// The next batch is full while the one before it is still being stored: nothing more can be taken in.
    pub(super) fn are_held(&self, entries: &Entries) -> bool {
        self.storing.is_some() && (entries.len() >= MOST_ENTRIES || self.bytes >= MOST_BYTES)
    }

    /// Since when a batch has been on its way, if one is.
    pub(super) fn storing_since(&self) -> Option<Instant> {
        self.storing.as_ref().map(|storing| storing.since)
    }

    /// Sends off what has collected, unless a batch is on its way, or there is nothing new. A checkpoint alone is worth a batch: repeats of
    /// events that are stored already still move it. So is, now and then, that nothing was missing at the moment `heard`.
    pub(super) fn submit(
        &mut self,
        entries: &mut Entries,
        checkpoint: impl FnOnce() -> Option<Checkpoint>,
        heard: Option<Now>,
        connection: &ConnectionName,
        tracker: &Addr<StateTracker>,
    ) {
        let heard = heard.filter(|_| !self.refused);
        let beats = heard.is_some_and(|now| self.heard.is_none_or(|last| now.instant >= last + self.heartbeat));
        let nothing_new = !self.touched && entries.is_empty() && !beats;
        if self.storing.is_some() || nothing_new {
            return;
        }
        self.touched = false;
        let checkpoint = if self.refused { None } else { checkpoint() };
        let checkpoint = checkpoint.filter(|new| Some(new) != self.checkpoint.as_ref());
        if entries.is_empty() && checkpoint.is_none() && !beats {
            return;
        }
        self.heard = heard.map(|now| now.instant).or(self.heard);
        if checkpoint.is_some() {
            self.checkpoint.clone_from(&checkpoint);
        }
        let entries = entries.take();
        self.bytes = 0;
        let statuses = entries.list.iter().filter(|entry| matches!(entry, Entry::Status(_))).count();
        let heard = heard.map(|now| now.wall);
        let result = tracker.send(Batch { connection: connection.clone(), entries, checkpoint, heard });
        self.storing = Some(Storing { result: Box::pin(result), since: Instant::now(), statuses });
    }

    /// Waits for the batch on its way; for ever if there is none.
    pub(super) async fn stored(&mut self) -> Stored {
        let Some(storing) = &mut self.storing else { return std::future::pending().await };
        let result = (&mut storing.result).await;
        let statuses = storing.statuses;
        self.storing = None;
        Stored { result: result.unwrap_or(Err(JournalError::Closed)), statuses }
    }

    /// Something was refused before.
    pub(super) fn were_refused(&self) -> bool {
        self.refused
    }

    /// Forgets what has collected: it builds on something that was refused. What is still handed over, the connection's own changes that
    /// are not stored, goes without a checkpoint: all of them, so that they are counted off in order.
    pub(super) fn discard(&mut self, entries: &mut Entries, own: impl Iterator<Item = Entry>) {
        self.refused = true;
        entries.clear();
        own.for_each(|entry| entries.enter(entry));
        self.bytes = 0;
        self.touched = false;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::changes::Changes;
    use super::*;
    use crate::journal::{Memory, Writer};
    use crate::model::status::ConnectionState;
    use crate::state_map::StateMap;
    use crate::vendors::StatusChange;

    fn change(old: ConnectionState, new: ConnectionState) -> Entry {
        Entry::Status(Box::new(StatusChange { old, new, reason: "".into() }))
    }

    #[actix_rt::test]
    async fn after_a_refusal_all_changes_of_the_connection_are_handed_over_again() {
        use ConnectionState::{Connecting, Delayed, Online};
        let journal = Writer::start(Box::new(Memory::default())).unwrap().handle();
        let tracker = StateTracker::start_on(&Arbiter::current(), 0, journal, StateMap::default(), Duration::ZERO);
        let name = ConnectionName::new("hq").unwrap();
        let (mut batches, mut entries) = (Batches::new(None, Duration::from_secs(10)), Entries::default());
        let mut own = Changes::default();
        own.push(StatusChange { old: Connecting, new: Online, reason: "".into() });
        own.entries().for_each(|entry| entries.enter(entry));
        batches.submit(&mut entries, || None, None, &name, &tracker);
        assert!(batches.stored().await.result.is_err());
        batches.discard(&mut entries, own.entries());
        entries.enter(change(Online, Delayed));
        batches.submit(&mut entries, || None, None, &name, &tracker);
        assert_eq!(batches.stored().await.statuses, 2, "online comes before delayed");
    }

    #[actix_rt::test]
    async fn after_a_refusal_nothing_moves_the_checkpoint() {
        let journal = Writer::start(Box::new(Memory::default())).unwrap().handle();
        let arbiter = Arbiter::current();
        // A lane that was never opened refuses everything.
        let tracker = StateTracker::start_on(&arbiter, 0, journal, StateMap::default(), Duration::ZERO);
        let name = ConnectionName::new("hq").unwrap();
        let (mut batches, mut entries) = (Batches::new(None, Duration::from_secs(10)), Entries::default());
        batches.touch();
        batches.submit(&mut entries, || Some(Checkpoint("with the first event".into())), None, &name, &tracker);
        // The second event comes while the first is being stored.
        batches.touch();
        assert!(batches.stored().await.result.is_err());
        batches.discard(&mut entries, [change(ConnectionState::Online, ConnectionState::Delayed)].into_iter());
        batches.submit(&mut entries, || panic!("it covers both events, and neither is stored"), None, &name, &tracker);
        assert!(batches.storing_since().is_some(), "the change itself is handed over");
    }
}
