//! The journal's own thread: it may block there without holding up a socket. Reading has another, where the journal gives a reader. One that
//! never blocks has none (`inline`).

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout_at;

use super::inline::Inline;
use super::recent::Recent;
use super::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Page, Reader};
use crate::fatal::Fatal;
use crate::model::event::Committed;
use crate::model::ids::{ConnectionName, Sequence};
use crate::telemetry::TrimFailed;

/// Commands waiting. Each connection has at most one append in flight, so this is reached only by thousands of connections
/// at once; who finds it full waits.
const QUEUE: usize = 1_024;
/// Appends stored as one group at most.
const GROUP: usize = 256;
/// How often the journal may do its housekeeping while there is little of it.
pub(super) const TRIM_EVERY: Duration = Duration::from_secs(1);
/// How long it is left alone when that has failed.
const TRIM_PAUSE: Duration = Duration::from_secs(10);

pub(super) type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

pub(super) enum Command {
    Append(Append, Answer<Arc<Committed>>),
    Load(ConnectionName, Answer<Loaded>),
    Note(String, Answer<Option<String>>),
    SetNote(String, Option<String>, Answer<()>),
    Question(Question),
    Close(Answer<()>),
}

/// What a reader can answer.
pub(super) enum Question {
    Read(Ask, Answer<Page>),
    Lanes(Answer<Vec<LaneInfo>>),
    At(Timestamp, Answer<Sequence>),
    Close,
}

/// The way to a journal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JournalHandle {
    way: Way,
    /// To the reader's thread, if there is one.
    questions: Option<mpsc::Sender<Question>>,
    recent: Arc<Mutex<Recent>>,
    next: watch::Receiver<Sequence>,
    damage: watch::Receiver<Option<JournalError>>,
}

/// Where a journal works.
#[derive(Clone, Debug)]
enum Way {
    /// On its own thread.
    Thread(mpsc::Sender<Command>),
    /// Where it is called, as it never blocks.
    Inline(Arc<Mutex<Inline>>),
}

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
        let damaged = Damaged(Arc::new(damaged));
        let inline = journal.never_blocks();
        let reader = if inline { None } else { journal.reader()? };
        let questions = reader.map(|reader| start_reader(reader, damaged.clone())).transpose()?;
        let keep = Keep { recent: Arc::clone(&recent), next, damaged };
        let way = if inline {
            Way::Inline(Arc::new(Mutex::new(Inline::new(journal, keep))))
        } else {
            let (commands, queue) = mpsc::channel(QUEUE);
            let clock = runtime::Builder::new_current_thread().enable_time().build().map_err(no_thread)?;
            spawn("watchpost-journal", move || clock.block_on(run(&mut *journal, queue, &keep)))?;
            Way::Thread(commands)
        };
        Ok(Self { handle: JournalHandle { way, questions, recent, next: follow, damage } })
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

fn answer<R: Reader + ?Sized>(reader: &mut R, question: Question, damaged: &Damaged) {
    match question {
        Question::Read(ask, answer) => damaged.tell(answer, reader.read(&ask)),
        Question::Lanes(answer) => damaged.tell(answer, reader.lanes()),
        Question::At(time, answer) => damaged.tell(answer, reader.at(time)),
        Question::Close => {}
    }
}

/// Who is told that the journal is damaged: nothing may go on half.
#[derive(Clone)]
pub(super) struct Damaged(Arc<watch::Sender<Option<JournalError>>>);

impl Damaged {
    fn look_at<T>(&self, result: &Result<T, JournalError>) {
        if let Err(error @ JournalError::Damaged(_)) = result {
            self.0.send_if_modified(|known| known.is_none().then(|| *known = Some(error.clone())).is_some());
        }
    }

    /// Answers. An asker that has gone away needs no answer.
    fn tell<T>(&self, answer: Answer<T>, result: Result<T, JournalError>) {
        self.look_at(&result);
        drop(answer.send(result));
    }
}

/// What others see of what was stored.
pub(super) struct Keep {
    recent: Arc<Mutex<Recent>>,
    next: watch::Sender<Sequence>,
    pub(super) damaged: Damaged,
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

/// Does what it is told, and says whether that was the last.
pub(super) fn carry_out(journal: &mut dyn Journal, command: Command, keep: &Keep) -> bool {
    match command {
        Command::Append(append, answer) => store(journal, vec![append], vec![answer], keep),
        Command::Load(connection, answer) => keep.damaged.tell(answer, journal.load(&connection)),
        Command::Note(key, answer) => keep.damaged.tell(answer, journal.note(&key)),
        Command::SetNote(key, note, answer) => keep.damaged.tell(answer, journal.set_note(&key, note.as_deref())),
        Command::Question(question) => answer(journal, question, &keep.damaged),
        Command::Close(answer) => {
            drop(answer.send(journal.close()));
            return true;
        }
    }
    false
}

/// Does one step of housekeeping, and answers when the next is due. Appends that wait come in between.
pub(super) fn trim(journal: &mut dyn Journal, damaged: &Damaged) -> Instant {
    let trimmed = journal.trim();
    damaged.look_at(&trimmed);
    let pause = match trimmed {
        Ok(true) => Duration::ZERO,
        Ok(false) => TRIM_EVERY,
        Err(error) => {
            TrimFailed { error: &error }.emit();
            TRIM_PAUSE
        }
    };
    Instant::now() + pause
}

fn store(journal: &mut dyn Journal, group: Vec<Append>, answers: Vec<Answer<Arc<Committed>>>, keep: &Keep) {
    let Keep { recent, next, .. } = keep;
    let results = journal.append(group);
    results.iter().for_each(|result| keep.damaged.look_at(result));
    let mut newest = None;
    {
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        for commit in results.iter().flatten() {
            recent.push(commit);
            newest = newest.max(Some(commit.next()));
        }
    }
    // Before the answers: who is told that an event is stored finds it below `next`.
    if let Some(newest) = newest {
        next.send_if_modified(|now| {
            let grown = newest > *now;
            *now = newest.max(*now);
            grown
        });
    }
    for (answer, result) in answers.into_iter().zip(results) {
        // The connection may be gone; what is stored stays stored.
        drop(answer.send(result));
    }
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
        self.tell(|answer| Command::Append(append, answer)).await
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
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner).read(&ask);
        match recent {
            Some(page) => Ok(page),
            None => self.ask(|answer| Question::Read(ask, answer)).await,
        }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::journal::Memory;

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
