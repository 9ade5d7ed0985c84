//! What a journal is told, and how that is carried out, on whatever thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::recent::Recent;
use super::{Append, Ask, Journal, JournalError, LaneInfo, Loaded, Page, Reader};
use crate::model::event::Committed;
use crate::model::ids::{ConnectionName, Sequence};
use crate::telemetry::TrimFailed;

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

/// Has a reader answer.
pub(super) fn answer<R: Reader + ?Sized>(reader: &mut R, question: Question, damaged: &Damaged) {
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
    pub(super) fn new(damaged: watch::Sender<Option<JournalError>>) -> Self {
        Self(Arc::new(damaged))
    }

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
    /// Why nothing could be stored the last time that something should have been.
    trouble: watch::Sender<Option<JournalError>>,
}

impl Keep {
    pub(super) fn new(
        recent: Arc<Mutex<Recent>>,
        next: watch::Sender<Sequence>,
        damaged: Damaged,
        trouble: watch::Sender<Option<JournalError>>,
    ) -> Self {
        Self { recent, next, damaged, trouble }
    }

    /// Notes whether something could be stored.
    fn note_trouble<T>(&self, result: &Result<T, JournalError>) {
        let trouble = match result {
            Ok(_) => None,
            // That one connection has another owner says nothing about the disk.
            Err(JournalError::Fenced { .. }) => return,
            Err(error) => Some(error.clone()),
        };
        self.trouble.send_if_modified(|known| {
            let differs = known.is_some() || trouble.is_some();
            *known = trouble;
            differs
        });
    }

    /// Answers whoever wanted something stored.
    fn tell<T>(&self, answer: Answer<T>, result: Result<T, JournalError>) {
        self.note_trouble(&result);
        self.damaged.tell(answer, result);
    }
}

/// Does what it is told, and says whether that was the last.
pub(super) fn carry_out(journal: &mut dyn Journal, command: Command, keep: &Keep) -> bool {
    match command {
        Command::Append(append, answer) => store(journal, vec![append], vec![answer], keep),
        Command::Load(connection, answer) => keep.tell(answer, journal.load(&connection)),
        Command::Note(key, answer) => keep.damaged.tell(answer, journal.note(&key)),
        Command::SetNote(key, note, answer) => keep.tell(answer, journal.set_note(&key, note.as_deref())),
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

/// Stores appends as one group, and answers each.
pub(super) fn store(journal: &mut dyn Journal, group: Vec<Append>, answers: Vec<Answer<Arc<Committed>>>, keep: &Keep) {
    let Keep { recent, next, .. } = keep;
    let results = journal.append(group);
    for result in &results {
        keep.damaged.look_at(result);
        keep.note_trouble(result);
    }
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
