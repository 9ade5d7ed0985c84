//! What only some may do at the same time, however many ask.
//!
//! A turn lasts as long as the work that it is for, and not as long as somebody waits for the answer: who goes away and asks again would have the same
//! done twice at a time.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::rt;
use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use watchpost_actors::journal::JournalError;

use super::problem::{Answer, Problem};

/// Pictures and recordings that are fetched, or handed on, at the same time.
const FETCHES: usize = 4;
/// Who reads the journal at the same time, so that sinks that read it too wait for a few pages at most.
const READERS: usize = 4;
/// How many of them may be streams. They wait among themselves first, so that who asks for a page does not wait behind hundreds of them.
const STREAMS: usize = 2;
/// How long an answer waits for its turn to read.
const PATIENCE: Duration = Duration::from_secs(10);

/// What only some may do at the same time.
#[derive(Debug)]
pub struct Turns {
    /// Reading what the journal does not have in memory.
    reading: Arc<Semaphore>,
    /// The same for streams, before that.
    streaming: Arc<Semaphore>,
    /// Counting what is not delivered yet.
    pub(super) counting: Mutex<()>,
    /// Having something delivered again.
    pub(super) again: Arc<Mutex<()>>,
    /// Asking the journal whether it answers; when it last did.
    pub(super) ready: Arc<Mutex<Option<Instant>>>,
    /// Fetching pictures and recordings.
    pub(super) fetches: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let semaphore = |turns| Arc::new(Semaphore::new(turns));
        Self {
            reading: semaphore(READERS),
            streaming: semaphore(STREAMS),
            counting: Mutex::default(),
            again: Arc::default(),
            ready: Arc::default(),
            fetches: semaphore(FETCHES),
        }
    }
}

impl Turns {
    /// A turn to read, for an answer that can wait for a while.
    pub(super) async fn to_read(&self) -> Answer<Reading> {
        let turn = timeout(PATIENCE, self.reading.clone().acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok);
        let many = || Problem::unavailable("too many ask for past events at the same time");
        Ok(Reading(Arc::new([turn.ok_or_else(many)?].into())))
    }

    /// A turn to read, for a stream, which can wait for long.
    pub(super) async fn to_stream(&self) -> Option<Reading> {
        let among_streams = self.streaming.clone().acquire_owned().await.ok()?;
        let among_all = self.reading.clone().acquire_owned().await.ok()?;
        Some(Reading(Arc::new([among_streams, among_all].into())))
    }
}

/// A turn to read the journal.
pub(super) struct Reading(Arc<Vec<OwnedSemaphorePermit>>);

impl Reading {
    /// Asks the journal. What was asked for is read also when nobody waits for it any more; until then the turn is taken.
    pub(super) async fn ask<T: 'static>(
        &self,
        asked: impl Future<Output = Result<T, JournalError>> + 'static,
    ) -> Result<T, JournalError> {
        let turn = Arc::clone(&self.0);
        let asking = rt::spawn(async move {
            let _turn = turn;
            asked.await
        });
        asking.await.unwrap_or(Err(JournalError::Closed))
    }
}
