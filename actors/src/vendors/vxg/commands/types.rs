//! The types of event that a camera has: listed, added, changed.

use std::time::Duration;

use super::super::grant::Grant;
use super::super::rest::{self, CallError, TypeChange};
use super::super::wire::EventType;
use super::lookup::Known;
use super::{Next, Stop, Work, pause_for, read, shown, stop, was_sent};
use crate::messages::{self, AddEventType, AddedEventType, CommandError, SetEventType};
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::Now;

/// How often a type is added, where the answer does not come.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Lists them.
pub(super) struct List;

impl Work for List {
    type Output = Vec<messages::EventType>;

    fn next(&mut self, _: Now, _: &Grant, known: &Known) -> Result<Next<Self::Output>, CommandError> {
        Ok(Next::Done(known.types.iter().map(shown).collect()))
    }

    fn answer(&mut self, _: Now, _: &Grant, _: &Known, _: Result<&RestAnswer, &RestError>) -> Result<(), Stop> {
        Ok(())
    }
}

/// Adds one that is not there.
///
/// What the server answers to one that is there already VXG does not say. So the list is read before, as VXG's web client does, and once more after every
/// answer but a good one: somebody else may have been faster, and an answer may have been lost.
pub(super) struct Add {
    name: String,
    notify: bool,
    tries: u32,
    pause: Option<Duration>,
    /// What the last try was answered with, if the type.
    added: Option<EventType>,
    /// What it was answered with else, and whether it may have added the type all the same.
    doubt: Option<(CommandError, bool)>,
    /// The list was read after that.
    relisted: bool,
}

impl Add {
    pub(super) fn new(ask: &AddEventType) -> Self {
        let (name, notify) = (ask.name.clone(), ask.notify.unwrap_or(true));
        Self { name, notify, tries: 0, pause: None, added: None, doubt: None, relisted: false }
    }
}

impl Work for Add {
    type Output = AddedEventType;

    fn check(&self) -> Result<(), CommandError> {
        let is_usable = !matches!(&*self.name, "." | "..") && !self.name.trim().is_empty();
        if !is_usable || self.name.chars().any(char::is_control) {
            let name = crate::settings::mistake::shown(&self.name);
            return Err(CommandError::Invalid(format!("\"{name}\" cannot be the name of an event type")));
        }
        Ok(())
    }

    fn next(&mut self, _: Now, grant: &Grant, known: &Known) -> Result<Next<Self::Output>, CommandError> {
        if let Some(kind) = self.added.take() {
            return Ok(Next::Done(AddedEventType { existed: false, event_type: shown(&kind) }));
        }
        if let Some(pause) = self.pause.take() {
            return Ok(Next::Wait(pause));
        }
        if self.doubt.is_some() && !std::mem::replace(&mut self.relisted, true) {
            return Ok(Next::Relist);
        }
        let doubt = self.doubt.take();
        if let Some(kind) = known.kind(&self.name) {
            let is_ours = doubt.is_some_and(|(_, may_be)| may_be);
            return Ok(Next::Done(AddedEventType { existed: !is_ours, event_type: shown(kind) }));
        }
        if let Some((error, _)) = doubt
            && (!error.is_retryable() || self.tries >= TRIES)
        {
            return Err(error);
        }
        self.tries += 1;
        Ok(Next::Call(rest::add_event_type(grant, known.camera, &self.name, self.notify)))
    }

    fn answer(
        &mut self,
        _: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop> {
        let error = match read(answer, |answer| rest::read_event_type(grant, answer)) {
            Ok(kind) if kind.name == self.name => {
                self.added = Some(kind);
                return Ok(());
            }
            Ok(kind) => CallError::Passing {
                why: format!("the server has answered with another type, \"{}\"", kind.name),
                not_before: None,
            },
            Err(error) => error,
        };
        let may_be_added = matches!(error, CallError::Passing { .. }) && was_sent(answer);
        let pause = if error.is_retryable() { pause_for(error.not_before().or(Some(PAUSE))) } else { None };
        match (stop(&known.item, error), pause) {
            (Stop::Failed(error), pause) if pause.is_some() || matches!(error, CommandError::Refused(_)) => {
                (self.doubt, self.relisted, self.pause) = (Some((error, may_be_added)), false, pause);
                Ok(())
            }
            (stopped, _) => Err(stopped),
        }
    }
}

/// Changes one.
pub(super) struct Set {
    name: String,
    change: TypeChange,
    /// The period is none in whole seconds.
    odd_period: bool,
    stage: SetStage,
}

enum SetStage {
    Put,
    Relist,
    Relisted,
}

impl Set {
    pub(super) fn new(ask: &SetEventType) -> Self {
        let SetEventType { notify, record, snapshot, period, .. } = *ask;
        let odd_period = period.is_some_and(|period| period.subsec_nanos() != 0);
        let change = TypeChange { notify, record, snapshot, period: period.map(|period| period.as_secs()) };
        Self { name: ask.name.clone(), change, odd_period, stage: SetStage::Put }
    }

    /// What a type says that it cannot. Where it says nothing, the server is asked.
    fn capable(&self, known: &Known) -> Result<(), CommandError> {
        let kind = known.supported(&self.name)?;
        let (change, caps) = (&self.change, kind.caps);
        let wanted = [
            ("record", change.record.is_some(), caps.can_record, "such events can begin no recording"),
            ("snapshot", change.snapshot.is_some(), caps.can_snapshot, "such events come without a picture"),
            ("period", change.period.is_some(), caps.is_periodic, "such events do not come by themselves"),
        ];
        match wanted.into_iter().find(|(_, is_wanted, can, _)| *is_wanted && *can == Some(false)) {
            Some((what, .., why)) => {
                let (item, name) = (known.item.clone(), self.name.clone());
                Err(CommandError::NotCapable { item, name, what, why })
            }
            None => Ok(()),
        }
    }
}

impl Work for Set {
    type Output = messages::EventType;

    fn check(&self) -> Result<(), CommandError> {
        if self.change.is_empty() {
            return Err(CommandError::Invalid(
                "nothing is to be changed: say what, of notify, record, snapshot and period".to_owned(),
            ));
        }
        if self.odd_period {
            return Err(CommandError::Invalid("a period has whole seconds".to_owned()));
        }
        Ok(())
    }

    fn next(&mut self, _: Now, grant: &Grant, known: &Known) -> Result<Next<Self::Output>, CommandError> {
        match &self.stage {
            SetStage::Put => {
                self.capable(known)?;
                let call = rest::set_event_type(grant, known.camera, &self.name, &self.change);
                call.map(Next::Call).ok_or_else(|| unaddressable(&self.name))
            }
            SetStage::Relist => {
                self.stage = SetStage::Relisted;
                Ok(Next::Relist)
            }
            SetStage::Relisted => known.supported(&self.name).map(|kind| Next::Done(shown(kind))),
        }
    }

    fn answer(
        &mut self,
        _: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop> {
        read(answer, |answer| rest::succeeded(grant, answer)).map_err(|error| stop(&known.item, error))?;
        // What a change is answered with is not documented, nor that it is the whole type: the list tells.
        self.stage = SetStage::Relist;
        Ok(())
    }
}

/// A type of this name is there, and no address can name it.
pub(super) fn unaddressable(name: &str) -> CommandError {
    CommandError::Invalid(format!("the event type \"{name}\" has a name that cannot be asked for"))
}
