//! The journal's own thread: it may block there without holding up a socket.

use std::sync::Arc;
use std::thread;

use tokio::sync::{mpsc, oneshot, watch};

use super::{Append, Journal, JournalError, Loaded, Page};
use crate::fatal::Fatal;
use crate::model::event::Committed;
use crate::model::ids::{ConnectionName, Sequence};

/// Commands waiting. Each connection has at most one append in flight, so this is reached only by thousands of connections
/// at once; who finds it full waits.
const QUEUE: usize = 1_024;
/// Appends stored as one group at most.
const GROUP: usize = 256;

type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

enum Command {
    Append(Append, Answer<Arc<Committed>>),
    Load(ConnectionName, Answer<Loaded>),
    Read { from: Sequence, limit: usize, answer: Answer<Page> },
    Close(Answer<()>),
}

/// The way to a journal's thread. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalHandle {
    commands: mpsc::Sender<Command>,
    next: watch::Receiver<Sequence>,
}

/// A journal on its thread.
#[derive(Debug)]
pub struct Writer {
    handle: JournalHandle,
}

impl Writer {
    /// Gives `journal` a thread. A panic there ends the process: nothing may go on half.
    ///
    /// # Errors
    /// Whatever the system says when it cannot start a thread, or [`JournalError`] when the journal cannot be read.
    pub fn start(mut journal: Box<dyn Journal>) -> Result<Self, JournalError> {
        let (commands, queue) = mpsc::channel(QUEUE);
        let now = journal.read(Sequence(u64::MAX), 0)?.next;
        let (next, follow) = watch::channel(now);
        thread::Builder::new()
            .name("watchpost-journal".to_owned())
            .spawn(move || {
                let fatal = Fatal::guard("journal");
                run(&mut *journal, queue, &next);
                fatal.disarm();
            })
            .map_err(|error| JournalError::Unavailable(error.to_string()))?;
        Ok(Self { handle: JournalHandle { commands, next: follow } })
    }

    /// The way to it.
    #[must_use]
    pub fn handle(&self) -> JournalHandle {
        self.handle.clone()
    }
}

fn run(journal: &mut dyn Journal, mut queue: mpsc::Receiver<Command>, next: &watch::Sender<Sequence>) {
    let (mut group, mut answers) = (Vec::new(), Vec::new());
    let mut pending = None;
    while let Some(command) = pending.take().or_else(|| queue.blocking_recv()) {
        match command {
            Command::Append(append, answer) => {
                group.push(append);
                answers.push(answer);
                // Whatever else is waiting to be stored goes with it: one group costs one write to the disk.
                while group.len() < GROUP {
                    match queue.try_recv() {
                        Ok(Command::Append(append, answer)) => {
                            group.push(append);
                            answers.push(answer);
                        }
                        Ok(other) => {
                            pending = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                store(journal, std::mem::take(&mut group), &mut answers, next);
            }
            // An asker that has gone away needs no answer.
            Command::Load(connection, answer) => drop(answer.send(journal.load(&connection))),
            Command::Read { from, limit, answer } => drop(answer.send(journal.read(from, limit))),
            Command::Close(answer) => {
                drop(answer.send(journal.close()));
                return;
            }
        }
    }
}

fn store(
    journal: &mut dyn Journal,
    group: Vec<Append>,
    answers: &mut Vec<Answer<Arc<Committed>>>,
    next: &watch::Sender<Sequence>,
) {
    let results = journal.append(group);
    let newest = results.iter().flatten().map(|commit| commit.next()).max();
    // Before the answers: who is told that an event is stored finds it below `next`.
    if let Some(newest) = newest {
        next.send_if_modified(|now| {
            let grown = newest > *now;
            *now = newest.max(*now);
            grown
        });
    }
    for (answer, result) in answers.drain(..).zip(results) {
        // The connection may be gone; what is stored stays stored.
        drop(answer.send(result));
    }
}

impl JournalHandle {
    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, JournalError> {
        let (answer, result) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| JournalError::Closed)?;
        result.await.map_err(|_| JournalError::Closed)?
    }

    /// Stores `append`, all of it or nothing of it. See [`Journal::append`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn append(&self, append: Append) -> Result<Arc<Committed>, JournalError> {
        self.ask(|answer| Command::Append(append, answer)).await
    }

    /// See [`Journal::load`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn load(&self, connection: ConnectionName) -> Result<Loaded, JournalError> {
        self.ask(|answer| Command::Load(connection, answer)).await
    }

    /// See [`Journal::read`].
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn read(&self, from: Sequence, limit: usize) -> Result<Page, JournalError> {
        self.ask(|answer| Command::Read { from, limit, answer }).await
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

    /// Writes out what is held back and ends the thread. What is asked later is answered with [`JournalError::Closed`].
    ///
    /// # Errors
    /// [`JournalError`] when the last of it could not be written.
    pub async fn close(&self) -> Result<(), JournalError> {
        self.ask(Command::Close).await
    }
}
