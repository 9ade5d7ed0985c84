//! What cameras and the server are asked to do.
//!
//! ```text
//! item ─► camera (by its name: the list of cameras) ─► the types of event that it has ─► the work itself
//! ```
//! - `lookup`: which camera, and its types. Every command begins so: what the server would refuse without saying why is told in clear words, and with
//!   what there is. VXG's web client reads before it writes too.
//! - `types`: lists, adds and changes types. `create`: an event on the server, once. `trigger`: an event by the camera, and whether it came.
//! - `walk`: page after page of events.

mod create;
mod lookup;
mod trigger;
mod types;
mod walk;

use std::time::Duration;

use jiff::Timestamp;

use self::lookup::{Known, Lookup};
use super::grant::Grant;
use super::rest::CallError;
use super::wire::{Caps, Event, EventType};
use crate::messages::{self, CommandError};
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};
use crate::vendors::{Answered, BoxedJob, Commands, Job, JobStep, Now};

/// The commands of one connection.
#[derive(Debug, Clone, Copy)]
pub struct VxgCommands {
    timeout: Duration,
}

impl VxgCommands {
    /// Commands each of whose calls may take `timeout`.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self { timeout }
    }

    fn job<W: Work + 'static>(self, item: &str, work: W) -> Option<BoxedJob<Grant, W::Output>> {
        Some(Box::new(VxgJob { timeout: self.timeout, lookup: Lookup::new(item), work, failed: None }))
    }
}

impl Commands for VxgCommands {
    type Grant = Grant;

    fn list_event_types(&self, ask: &messages::ListEventTypes) -> Option<BoxedJob<Grant, Vec<messages::EventType>>> {
        self.job(&ask.item, types::List)
    }

    fn add_event_type(&self, ask: &messages::AddEventType) -> Option<BoxedJob<Grant, messages::AddedEventType>> {
        self.job(&ask.item, types::Add::new(ask))
    }

    fn set_event_type(&self, ask: &messages::SetEventType) -> Option<BoxedJob<Grant, messages::EventType>> {
        self.job(&ask.item, types::Set::new(ask))
    }

    fn create_event(
        &self,
        ask: &messages::CreateEvent,
        unique: &str,
    ) -> Option<BoxedJob<Grant, messages::VendorEvent>> {
        self.job(&ask.item, create::Create::new(ask, unique))
    }

    fn trigger_event(
        &self,
        ask: &messages::TriggerEvent,
        unique: &str,
    ) -> Option<BoxedJob<Grant, messages::Triggered>> {
        self.job(ask.item.as_deref().unwrap_or_default(), trigger::Trigger::new(ask, unique))
    }
}

/// What one command does when its camera is known.
trait Work: Send {
    /// What comes of it.
    type Output;

    /// What makes no sense whatever the camera is like.
    fn check(&self) -> Result<(), CommandError> {
        Ok(())
    }

    /// What may have been done already, while that is not known.
    fn doubt(&self) -> Option<String> {
        None
    }

    /// The next step.
    fn next(&mut self, now: Now, grant: &Grant, known: &Known) -> Result<Next<Self::Output>, CommandError>;

    /// Takes the answer to the last call.
    fn answer(
        &mut self,
        now: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop>;
}

/// A step of a [`Work`].
enum Next<T> {
    Call(RestCall),
    Wait(Duration),
    /// Read the camera's types once more.
    Relist,
    Done(T),
}

/// Why it does not go on.
enum Stop {
    Unauthorized,
    Failed(CommandError),
}

impl From<CommandError> for Stop {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

struct VxgJob<W> {
    timeout: Duration,
    lookup: Lookup,
    work: W,
    failed: Option<CommandError>,
}

impl<W: Work> VxgJob<W> {
    fn step(&mut self, now: Now, grant: &Grant) -> Result<JobStep<W::Output>, CommandError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if let Some(pause) = self.lookup.pause.take() {
            return Ok(JobStep::Wait(pause));
        }
        loop {
            let Some(known) = self.lookup.known() else {
                let call = self.lookup.call(grant)?;
                return Ok(self.call(call));
            };
            return Ok(match self.work.next(now, grant, known)? {
                Next::Call(call) => self.call(call),
                Next::Wait(pause) => JobStep::Wait(pause),
                Next::Done(output) => JobStep::Done(Ok(output)),
                Next::Relist => {
                    self.lookup.relist();
                    continue;
                }
            });
        }
    }

    fn call(&self, mut call: RestCall) -> JobStep<W::Output> {
        call.timeout = call.timeout.min(self.timeout);
        JobStep::Call(call)
    }
}

impl<W: Work> Job for VxgJob<W> {
    type Grant = Grant;
    type Output = W::Output;

    fn check(&self) -> Result<(), CommandError> {
        self.work.check().and_then(|()| self.lookup.check())
    }

    fn doubt(&self) -> Option<String> {
        self.work.doubt()
    }

    fn next(&mut self, now: Now, grant: &Grant) -> JobStep<W::Output> {
        self.step(now, grant).unwrap_or_else(|error| JobStep::Done(Err(error)))
    }

    fn answer(&mut self, now: Now, grant: &Grant, answer: Result<RestAnswer, RestError>) -> Answered {
        let answer = answer.as_ref();
        let taken = match self.lookup.known() {
            Some(known) => self.work.answer(now, grant, known, answer),
            None => self.lookup.answer(grant, answer),
        };
        match taken {
            Ok(()) => Answered::Taken,
            Err(Stop::Unauthorized) => Answered::Unauthorized,
            Err(Stop::Failed(error)) => {
                self.failed = Some(error);
                Answered::Taken
            }
        }
    }

    fn troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lookup.troubles)
    }
}

/// Reads an answer, if one came.
fn read<'a, T>(
    answer: Result<&'a RestAnswer, &RestError>,
    read: impl FnOnce(&'a RestAnswer) -> Result<T, CallError>,
) -> Result<T, CallError> {
    answer.map_err(CallError::from).and_then(read)
}

/// What a refused call means for a command about an item.
fn stop(item: &str, error: CallError) -> Stop {
    Stop::Failed(match error {
        CallError::Unauthorized(_) => return Stop::Unauthorized,
        CallError::Forbidden(_) => CommandError::NoPermission(format!(
            "{item}: {error}: use a token with access \"all\", which opens this camera"
        )),
        CallError::NotFound(_) => {
            let why = format!("there is no such camera for this token: {error}");
            CommandError::UnknownItem { item: item.to_owned(), why }
        }
        CallError::Bad { .. } => CommandError::Refused(format!("{item}: {error}")),
        CallError::Busy { .. } | CallError::Passing { .. } => CommandError::Unavailable(format!("{item}: {error}")),
    })
}

/// A type as everybody may see it.
fn shown(kind: &EventType) -> messages::EventType {
    let Caps { can_be_triggered, can_record, can_snapshot, is_periodic } = kind.caps;
    messages::EventType {
        name: kind.name.clone(),
        caps: messages::EventTypeCaps { can_be_triggered, can_record, can_snapshot, is_periodic },
        notify: kind.notify,
        receive: kind.receive,
        record: kind.record,
        snapshot: kind.snapshot,
        period: kind.period,
        custom: kind.custom,
    }
}

/// An event as everybody may see it.
fn told(item: &str, event: &Event<'_>) -> messages::VendorEvent {
    let meta = event.meta.and_then(|json| serde_json::from_str(json).ok());
    messages::VendorEvent {
        id: event.id.to_string(),
        item: item.to_owned(),
        name: event.name.clone().into_owned(),
        time: event.time,
        meta: meta.unwrap_or_default(),
    }
}

/// What is told besides must have names, and each only one text.
fn check_meta(meta: &[(String, String)]) -> Result<(), CommandError> {
    for (at, (name, _)) in meta.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(CommandError::Invalid("a part of meta has no name".to_owned()));
        }
        if meta.iter().take(at).any(|(before, _)| before == name) {
            return Err(CommandError::Invalid(format!("meta has \"{name}\" twice")));
        }
    }
    Ok(())
}

/// A time as VXG's pages show it in what is sent: in whole seconds.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_millisecond().div_euclid(1_000)).unwrap_or(time)
}

fn borrowed(meta: &[(String, String)]) -> Vec<(&str, &str)> {
    meta.iter().map(|(name, data)| (name.as_str(), data.as_str())).collect()
}

/// The server wants fewer calls: for how long to pause, if that is worth the while.
fn pause_for(not_before: Option<Duration>) -> Option<Duration> {
    const USUAL: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_secs(60);
    Some(not_before.unwrap_or(USUAL)).filter(|pause| *pause <= LONGEST)
}

/// What certainly has done nothing is tried once more where that `may` be, after this pause.
fn once_more(known: &Known, error: CallError, may: bool) -> Result<Duration, Stop> {
    let pause = pause_for(error.not_before()).filter(|_| may && error.is_retryable());
    match (stop(&known.item, error), pause) {
        (Stop::Failed(_), Some(pause)) => Ok(pause),
        (stopped, _) => Err(stopped),
    }
}

/// A request that was never sent has done nothing.
fn was_sent(answer: Result<&RestAnswer, &RestError>) -> bool {
    answer.err().is_none_or(RestError::may_have_been_sent)
}

#[cfg(test)]
mod tests;
