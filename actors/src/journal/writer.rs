//! The journal's own thread: it may block there without holding up a socket. Reading has another, where the journal gives a reader. One that
//! never blocks has none (`inline`).

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout_at;

use super::command::{Command, Damaged, Keep, Question, TRIM_EVERY, answer, carry_out, store, trim};
use super::handle::{JournalHandle, Way};
use super::inline::Inline;
use super::recent::Recent;
use super::{Journal, JournalError, Reader};
use crate::fatal::Fatal;

/// Commands waiting. Each connection has at most one append in flight, so this is reached only by thousands of connections
/// at once; who finds it full waits.
const QUEUE: usize = 1_024;
/// Appends stored as one group at most.
const GROUP: usize = 256;

/// A journal at work.
#[derive(Debug)]
pub struct Writer {
    handle: JournalHandle,
}

impl Writer {
    /// Gives `journal` a thread, and its reader another; one that never blocks gets none. A panic in it ends the process: nothing may go on half.
    ///
    /// # Errors
    /// Whatever the system says when it cannot start a thread, or [`JournalError`] when the journal cannot be read.
    pub fn start(mut journal: Box<dyn Journal>) -> Result<Self, JournalError> {
        let now = journal.next()?;
        let (next, follow) = watch::channel(now);
        let recent = Arc::new(Mutex::new(Recent::new(now)));
        let (damaged, damage) = watch::channel(None);
        let damaged = Damaged::new(damaged);
        let (troubled, trouble) = watch::channel(None);
        let inline = journal.never_blocks();
        let reader = if inline { None } else { journal.reader()? };
        let questions = reader.map(|reader| start_reader(reader, damaged.clone())).transpose()?;
        let keep = Keep::new(Arc::clone(&recent), next, damaged, troubled);
        let way = if inline {
            Way::Inline(Arc::new(Mutex::new(Inline::new(journal, keep))))
        } else {
            let (commands, queue) = mpsc::channel(QUEUE);
            let clock = runtime::Builder::new_current_thread().enable_time().build().map_err(no_thread)?;
            spawn("watchpost-journal", move || clock.block_on(run(&mut *journal, queue, &keep)))?;
            Way::Thread(commands)
        };
        let appends = Arc::default();
        Ok(Self { handle: JournalHandle { way, questions, recent, next: follow, damage, trouble, appends } })
    }

    /// The way to it.
    #[must_use]
    pub fn handle(&self) -> JournalHandle {
        self.handle.clone()
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), JournalError> {
    let guarded = move || {
        let fatal = Fatal::guard("journal");
        work();
        fatal.disarm();
    };
    thread::Builder::new().name(name.to_owned()).spawn(guarded).map(drop).map_err(no_thread)
}

fn no_thread(error: std::io::Error) -> JournalError {
    JournalError::Unavailable(format!("the system gives no thread: {error}"))
}

fn start_reader(mut reader: Box<dyn Reader>, damaged: Damaged) -> Result<mpsc::Sender<Question>, JournalError> {
    let (questions, mut queue) = mpsc::channel(QUEUE);
    spawn("watchpost-reader", move || {
        while let Some(question) = queue.blocking_recv() {
            if matches!(question, Question::Close) {
                return;
            }
            answer(&mut *reader, question, &damaged);
        }
    })?;
    Ok(questions)
}

async fn run(journal: &mut dyn Journal, mut queue: mpsc::Receiver<Command>, keep: &Keep) {
    let mut pending = None;
    let mut trim_at = Instant::now() + TRIM_EVERY;
    loop {
        let command = match pending.take() {
            Some(command) => Ok(Some(command)),
            None => timeout_at(trim_at.into(), queue.recv()).await,
        };
        match command {
            Ok(Some(Command::Append(append, answer))) => {
                let (mut group, mut answers) = (vec![append], vec![answer]);
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
                store(journal, group, answers, keep);
            }
            Ok(Some(command)) => {
                if carry_out(journal, command, keep) {
                    return;
                }
            }
            // Nobody is left to hear how it went.
            Ok(None) => return drop(journal.close()),
            Err(_) => {}
        }
        if trim_at <= Instant::now() {
            trim_at = trim(journal, &keep.damaged);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::journal::{Append, Ask, LaneInfo, Loaded, Memory, Page};
    use crate::model::event::Committed;
    use crate::model::ids::{ConnectionName, Sequence};

    /// A journal whose reader finds everything damaged.
    struct Unreadable(Memory);

    struct Broken;

    fn damaged<T>() -> Result<T, JournalError> {
        Err(JournalError::Damaged("a page".to_owned()))
    }

    impl Reader for Broken {
        fn read(&mut self, _: &Ask) -> Result<Page, JournalError> {
            damaged()
        }

        fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
            damaged()
        }

        fn at(&mut self, _: Timestamp) -> Result<Sequence, JournalError> {
            damaged()
        }

        fn next(&mut self) -> Result<Sequence, JournalError> {
            damaged()
        }
    }

    impl Reader for Unreadable {
        fn read(&mut self, ask: &Ask) -> Result<Page, JournalError> {
            self.0.read(ask)
        }

        fn lanes(&mut self) -> Result<Vec<LaneInfo>, JournalError> {
            self.0.lanes()
        }

        fn at(&mut self, time: Timestamp) -> Result<Sequence, JournalError> {
            self.0.at(time)
        }

        fn next(&mut self) -> Result<Sequence, JournalError> {
            self.0.next()
        }
    }

    impl Journal for Unreadable {
        fn append(&mut self, group: Vec<Append>) -> Vec<Result<Arc<Committed>, JournalError>> {
            self.0.append(group)
        }

        fn load(&mut self, connection: &ConnectionName) -> Result<Loaded, JournalError> {
            self.0.load(connection)
        }

        fn reader(&mut self) -> Result<Option<Box<dyn Reader>>, JournalError> {
            Ok(Some(Box::new(Broken)))
        }

        fn note(&mut self, key: &str) -> Result<Option<String>, JournalError> {
            self.0.note(key)
        }

        fn set_note(&mut self, key: &str, note: Option<&str>) -> Result<(), JournalError> {
            self.0.set_note(key, note)
        }

        fn trim(&mut self) -> Result<bool, JournalError> {
            self.0.trim()
        }
    }

    #[actix_rt::test]
    async fn damage_that_only_a_reader_meets_is_told_to_whoever_owns_the_journal() {
        let journal = Writer::start(Box::new(Unreadable(Memory::default()))).unwrap().handle();
        let page = journal.read(Ask { from: Sequence(0), limit: 1, of: None }).await;
        assert!(matches!(page, Err(JournalError::Damaged(_))));
        let told = tokio::time::timeout(Duration::from_secs(10), journal.damaged()).await.unwrap();
        assert!(matches!(told, JournalError::Damaged(_)));
    }

    #[actix_rt::test]
    async fn who_waits_for_an_event_learns_that_the_journal_is_closed() {
        for journal in [Box::new(Memory::default()) as Box<dyn Journal>, Box::new(Unreadable(Memory::default()))] {
            let journal = Writer::start(journal).unwrap().handle();
            let waiting = journal.reached(journal.next());
            journal.close().await.unwrap();
            let told = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap();
            assert!(matches!(told, Err(JournalError::Closed)));
            assert!(matches!(journal.note("key".to_owned()).await, Err(JournalError::Closed)));
        }
    }

    #[actix_rt::test]
    async fn what_was_stored_lately_is_read_from_memory_alone() {
        let journal = Writer::start(Box::new(Unreadable(Memory::default()))).unwrap().handle();
        let page = journal.read(Ask { from: journal.next(), limit: 1, of: None }).await.unwrap();
        assert_eq!((page.commits.len(), page.end), (0, journal.next()));
    }
}
