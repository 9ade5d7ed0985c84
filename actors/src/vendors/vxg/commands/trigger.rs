//! A camera is asked for an event, and it is seen whether that comes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::super::grant::Grant;
use super::super::rest::{self, CallError};
use super::super::wire::Event;
use super::lookup::Known;
use super::types::unaddressable;
use super::walk::Walk;
use super::{Next, Stop, Work, borrowed, check_meta, once_more, read, told, was_sent, whole};
use crate::messages::{CommandError, TriggerEvent, Triggered, VendorEvent};
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::Now;

/// How often the list is read.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How far behind the asked time the camera may put the event: clocks differ.
const BEHIND: SignedDuration = SignedDuration::from_secs(120);
/// Tries of what is certain to have done nothing.
const TRIES: u32 = 3;
/// How long the list may take, whatever is left of the wait.
const LEAST: Duration = Duration::from_secs(5);
/// What the tag says.
const DATA: &str = "triggered";

pub(super) struct Trigger {
    name: String,
    time: Option<Timestamp>,
    meta: Vec<(String, String)>,
    /// By which the event is known, if the camera keeps it.
    tag: String,
    wait: Option<Duration>,
    tries: u32,
    pause: Option<Duration>,
    /// Events that were there before.
    before: HashSet<i64>,
    stage: Stage,
}

enum Stage {
    Begin,
    /// What is there already.
    Before(Walk),
    Post,
    /// The camera is asked, if there is no doubt about that.
    Watch {
        walk: Walk,
        until: Instant,
        doubt: Option<String>,
        blind: Option<String>,
        /// One that is new and has no tag, the nearest to the asked time.
        like: Option<VendorEvent>,
    },
    /// The event, and whether it has the tag.
    Done(Option<(VendorEvent, bool)>),
}

impl Trigger {
    pub(super) fn new(ask: &TriggerEvent, unique: &str) -> Self {
        Self {
            name: ask.name.clone(),
            time: ask.time,
            meta: ask.meta.clone(),
            tag: format!("watchpost-{unique}"),
            wait: ask.wait,
            tries: 0,
            pause: None,
            before: HashSet::new(),
            stage: Stage::Begin,
        }
    }

    fn time(&mut self, now: Now) -> Timestamp {
        *self.time.get_or_insert(whole(now.wall))
    }

    /// From the asked time on, or from now on where the camera goes by its own clock.
    fn walk(&self, now: Now, time: Timestamp) -> Walk {
        let start = time.min(now.wall);
        Walk::from(&self.name, start.saturating_sub(BEHIND).unwrap_or(start))
    }

    fn triggerable(&self, known: &Known) -> Result<(), CommandError> {
        let can = |can: Option<bool>| can == Some(true);
        if can(known.supported(&self.name)?.caps.can_be_triggered) {
            return Ok(());
        }
        let names = known.types.iter().filter(|kind| can(kind.caps.can_be_triggered)).map(|kind| kind.name.clone());
        let (item, name) = (known.item.clone(), self.name.clone());
        Err(CommandError::NotTriggerable { item, name, triggerable: names.collect() })
    }

    /// Nothing is done yet: the same once more after a pause, or not at all.
    fn later(&mut self, known: &Known, error: CallError) -> Result<(), Stop> {
        self.tries += 1;
        self.pause = Some(once_more(known, error, self.tries < TRIES)?);
        Ok(())
    }

    fn posted(
        &mut self,
        now: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop> {
        let doubt = match read(answer, |answer| rest::succeeded(grant, answer).and_then(|()| no_page(answer))) {
            Ok(()) => None,
            Err(CallError::Passing { why, .. }) if was_sent(answer) => Some(why),
            Err(error) => return self.later(known, error),
        };
        let time = self.time(now);
        self.stage = match (self.wait, doubt) {
            (Some(wait), doubt) => {
                let until = now.instant.checked_add(wait).unwrap_or(now.instant);
                Stage::Watch { walk: self.walk(now, time), until, doubt, blind: None, like: None }
            }
            (None, None) => Stage::Done(None),
            (None, Some(why)) => {
                let why = format!("{}: whether the camera was asked is not known: {why}", known.item);
                return Err(CommandError::Unsure(why).into());
            }
        };
        Ok(())
    }

    fn watched(
        &mut self,
        now: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop> {
        let time = self.time(now);
        let mut ours = None;
        let Stage::Watch { walk, until, doubt, blind, like } = &mut self.stage else { return Ok(()) };
        let taken = walk.take(grant, known.camera, answer, |event| {
            if self.before.contains(&event.id) {
                return;
            }
            let is_ours = event.has_tag(&self.tag);
            let event = told(&known.item, &event);
            let away = |event: &VendorEvent| event.time.duration_since(time).unsigned_abs();
            if is_ours {
                ours = Some(event);
            } else if like.as_ref().is_none_or(|like| away(&event) < away(like)) {
                *like = Some(event);
            }
        });
        if let Some(event) = ours {
            self.stage = Stage::Done(Some((event, true)));
            return Ok(());
        }
        match taken {
            Ok(false) => return Ok(()),
            Ok(true) => *blind = None,
            Err(CallError::Unauthorized(_)) => return Err(Stop::Unauthorized),
            Err(error) if error.is_retryable() => *blind = Some(error.to_string()),
            Err(error) => {
                let why = format!("{}: whether the event has come is not known: {error}", known.item);
                return Err(CommandError::Unsure(why).into());
            }
        }
        walk.restart();
        if now.instant < *until {
            self.pause = Some(POLL_EVERY.min(*until - now.instant));
            return Ok(());
        }
        // Whether cameras keep the tag is not documented: without it, it may be the one, if it is certain that there is one.
        if let (Some(event), None) = (like.take(), &doubt) {
            self.stage = Stage::Done(Some((event, false)));
            return Ok(());
        }
        Err(match (doubt.take(), blind.take()) {
            (None, None) => {
                let (item, name) = (known.item.clone(), self.name.clone());
                CommandError::NothingAppeared { item, name, waited: self.wait.unwrap_or_default() }
            }
            (Some(why), _) => CommandError::Unsure(format!(
                "{}: whether the camera was asked is not known, and no event with the tag {} has appeared: {why}",
                known.item, self.tag
            )),
            (None, Some(why)) => CommandError::Unsure(format!(
                "{}: the camera is asked, and whether the event has come is not known: {why}",
                known.item
            )),
        }
        .into())
    }
}

impl Work for Trigger {
    type Output = Triggered;

    fn check(&self) -> Result<(), CommandError> {
        check_meta(&self.meta)
    }

    fn doubt(&self) -> Option<String> {
        match &self.stage {
            Stage::Watch { doubt: Some(why), .. } => Some(format!(
                "whether the camera was asked is not known ({why}); an event of it has the tag {} in meta, if the camera keeps that",
                self.tag
            )),
            _ => None,
        }
    }

    fn next(&mut self, now: Now, grant: &Grant, known: &Known) -> Result<Next<Triggered>, CommandError> {
        if let Some(pause) = self.pause.take() {
            return Ok(Next::Wait(pause));
        }
        let time = self.time(now);
        if matches!(self.stage, Stage::Begin) {
            self.triggerable(known)?;
            self.stage = if self.wait.is_some() { Stage::Before(self.walk(now, time)) } else { Stage::Post };
        }
        Ok(match &self.stage {
            Stage::Before(walk) => Next::Call(walk.call(grant, known.camera)),
            Stage::Begin | Stage::Post => {
                let meta: Vec<_> = borrowed(&self.meta).into_iter().chain([(self.tag.as_str(), DATA)]).collect();
                let call = rest::trigger_event(grant, known.camera, &self.name, time, &meta);
                Next::Call(call.ok_or_else(|| unaddressable(&self.name))?)
            }
            Stage::Watch { walk, until, .. } => {
                let mut call = walk.call(grant, known.camera);
                call.timeout = until.saturating_duration_since(now.instant).max(LEAST);
                Next::Call(call)
            }
            Stage::Done(found) => {
                let (occurrence, confirmed) = found.clone().unzip();
                Next::Done(Triggered { asked: time, occurrence, confirmed })
            }
        })
    }

    fn answer(
        &mut self,
        now: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop> {
        let Stage::Before(walk) = &mut self.stage else {
            return match self.stage {
                Stage::Watch { .. } => self.watched(now, grant, known, answer),
                _ => self.posted(now, grant, known, answer),
            };
        };
        let before = &mut self.before;
        let note = |event: Event<'_>| {
            before.insert(event.id);
        };
        match walk.take(grant, known.camera, answer, note) {
            Ok(false) => Ok(()),
            Ok(true) => {
                (self.stage, self.tries) = (Stage::Post, 0);
                Ok(())
            }
            Err(error) => {
                walk.restart();
                self.later(known, error)
            }
        }
    }
}

/// What a trigger is answered with is not documented; a page of a proxy's it is not.
fn no_page(answer: &RestAnswer) -> Result<(), CallError> {
    if answer.body.trim_ascii_start().starts_with(b"<") {
        let why = "the server's answer is a page, and none of VXG's API".to_owned();
        return Err(CallError::Passing { why, not_before: None });
    }
    Ok(())
}
