//! The way to a journal: each call is a [`Command`] or a [`Question`], and waits for its answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::command::{Answer, Command, Question};
use super::inline::Inline;
use super::recent::Recent;
use super::{Append, Ask, JournalError, LaneInfo, Loaded, Page};
#[cfg(doc)]
use super::{Journal, Reader};
use crate::model::event::Committed;
use crate::model::ids::{ConnectionName, Sequence};

/// The way to a journal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalHandle {
    pub(super) way: Way,
    /// To the reader's thread, if there is one.
    pub(super) questions: Option<mpsc::Sender<Question>>,
    pub(super) recent: Arc<Mutex<Recent>>,
    pub(super) next: watch::Receiver<Sequence>,
    pub(super) damage: watch::Receiver<Option<JournalError>>,
    pub(super) trouble: watch::Receiver<Option<JournalError>>,
    /// Appends that are not answered yet.
    pub(super) appends: Arc<AtomicUsize>,
}

/// What waits for a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// For its thread; none where it has no thread.
    pub(crate) commands: usize,
    /// For its reader.
    pub(crate) questions: usize,
    /// Appends that are not answered yet.
    pub(crate) appends: usize,
}

/// Counts an append until it is answered, or given up.
struct Under<'a>(&'a AtomicUsize);

impl<'a> Under<'a> {
    fn way(appends: &'a AtomicUsize) -> Self {
        appends.fetch_add(1, Ordering::Relaxed);
        Self(appends)
    }
}

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a journal works.
#[derive(Clone, Debug)]
pub(super) enum Way {
    /// On its own thread.
    Thread(mpsc::Sender<Command>),
    /// Where it is called, as it never blocks.
    Inline(Arc<Mutex<Inline>>),
}

impl JournalHandle {
    async fn tell<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, JournalError> {
        let (answer, result) = oneshot::channel();
        match &self.way {
            Way::Thread(commands) => commands.send(command(answer)).await.map_err(|_| JournalError::Closed)?,
            Way::Inline(inline) => inline.lock().unwrap_or_else(PoisonError::into_inner).call(command(answer)),
        }
        result.await.map_err(|_| JournalError::Closed)?
    }

    async fn ask<T>(&self, question: impl FnOnce(Answer<T>) -> Question) -> Result<T, JournalError> {
        let Some(questions) = &self.questions else {
            return self.tell(|answer| Command::Question(question(answer))).await;
        };
        let (answer, result) = oneshot::channel();
        questions.send(question(answer)).await.map_err(|_| JournalError::Closed)?;
        result.await.map_err(|_| JournalError::Closed)?
    }

    /// Stores `append`, all of it or nothing of it. See [`Journal::append`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn append(&self, append: Append) -> Result<Arc<Committed>, JournalError> {
        let _under_way = Under::way(&self.appends);
        self.tell(|answer| Command::Append(append, answer)).await
    }

    /// What waits now.
    pub(crate) fn waiting(&self) -> Waiting {
        fn length<T>(queue: &mpsc::Sender<T>) -> usize {
            queue.max_capacity() - queue.capacity()
        }
        let commands = match &self.way {
            Way::Thread(commands) => length(commands),
            Way::Inline(_) => 0,
        };
        let questions = self.questions.as_ref().map_or(0, length);
        Waiting { commands, questions, appends: self.appends.load(Ordering::Relaxed) }
    }

    /// See [`Journal::load`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(&self, connection: ConnectionName) -> Result<Loaded, JournalError> {
        self.tell(|answer| Command::Load(connection, answer)).await
    }

    /// See [`Journal::note`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn note(&self, key: String) -> Result<Option<String>, JournalError> {
        self.tell(|answer| Command::Note(key, answer)).await
    }

    /// See [`Journal::set_note`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn set_note(&self, key: String, note: Option<String>) -> Result<(), JournalError> {
        self.tell(|answer| Command::SetNote(key, note, answer)).await
    }

    /// See [`Reader::read`]. What was stored lately comes from memory.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn read(&self, ask: Ask) -> Result<Page, JournalError> {
        match self.recent(&ask) {
            Some(page) => Ok(page),
            None => self.ask(|answer| Question::Read(ask, answer)).await,
        }
    }

    /// What [`read`](Self::read) answers from memory, if all of it was stored lately: it asks nobody and waits for nothing.
    #[must_use]
    pub fn recent(&self, ask: &Ask) -> Option<Page> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).read(ask)
    }

    /// See [`Reader::lanes`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn lanes(&self) -> Result<Vec<LaneInfo>, JournalError> {
        self.ask(Question::Lanes).await
    }

    /// See [`Reader::at`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn at(&self, time: Timestamp) -> Result<Sequence, JournalError> {
        self.ask(|answer| Question::At(time, answer)).await
    }

    /// The sequence that the next event will get.
    #[must_use]
    pub fn next(&self) -> Sequence {
        *self.next.borrow()
    }

    /// Waits until the journal holds an event at or above `from`.
    ///
    /// # Errors
    /// [`JournalError::Closed`] when there will be none any more.
    pub async fn reached(&self, from: Sequence) -> Result<(), JournalError> {
        let mut next = self.next.clone();
        next.wait_for(|next| *next > from).await.map(drop).map_err(|_| JournalError::Closed)
    }

    /// Why nothing can be stored: what the last attempt to store something met with, or the damage that was found. `None` while all is well. Asks
    /// nobody and waits for nothing; a quiet connection stores a heartbeat now and then, so it is seldom older than that.
    #[must_use]
    pub fn trouble(&self) -> Option<JournalError> {
        self.damage.borrow().clone().or_else(|| self.trouble.borrow().clone())
    }

    /// Waits until the journal has found itself damaged. Then nothing can be stored any more, and whoever owns it should end: the next start
    /// sets it aside.
    pub async fn damaged(&self) -> JournalError {
        let mut damage = self.damage.clone();
        match damage.wait_for(Option::is_some).await.map(|error| error.clone()) {
            Ok(Some(error)) => error,
            // It has ended well.
            _ => std::future::pending().await,
        }
    }

    /// Writes out what is held back and ends the threads. What is asked later is answered with [`JournalError::Closed`].
    ///
    /// # Errors
    /// [`JournalError`] when the last of it could not be written.
    pub async fn close(&self) -> Result<(), JournalError> {
        let closed = self.tell(Command::Close).await;
        if let Some(questions) = &self.questions {
            // It may have ended already.
            let _ = questions.send(Question::Close).await;
        }
        closed
    }
}
