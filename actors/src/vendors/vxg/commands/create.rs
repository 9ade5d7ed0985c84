//! An event on the server, once.
//!
//! ```text
//! POST ─► an id: done        ─► no answer, 5xx …: look for the tag ─► there: done
//!                                                                  ─► not there for half a minute: POST again
//! ```
//! VXG has no way to make a call safe to repeat. So each event has a tag of its own in `meta`, by which the list tells whether it is there.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::super::grant::Grant;
use super::super::rest::{self, CallError};
use super::lookup::Known;
use super::walk::Walk;
use super::{Next, Stop, Work, borrowed, check_meta, once_more, pause_for, read, told, was_sent, whole};
use crate::messages::{CommandError, CreateEvent, VendorEvent};
use crate::transport::RestError;
use crate::transport::request::RestAnswer;
use crate::vendors::Now;

/// How often the event is sent.
const MOST_POSTS: u32 = 3;
/// When it is looked for: so long after the answer failed to come, and after each look that has not found it. A list may lag behind.
const LOOKS: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];
/// Looks that may fail in a row.
const MOST_FAILED: u32 = 6;
/// Around the event's time, to which the server may give another precision.
const AROUND: SignedDuration = SignedDuration::from_secs(2);
/// What the tag says.
const DATA: &str = "created";

pub(super) struct Create {
    name: String,
    time: Option<Timestamp>,
    meta: Vec<(String, String)>,
    tag: String,
    posts: u32,
    /// Why it is not known of an earlier try whether it made the event.
    doubt: Option<String>,
    pause: Option<Duration>,
    stage: Stage,
}

enum Stage {
    Post,
    /// One answer was none, and the event may be there.
    Look {
        walk: Walk,
        looks: usize,
        failed: u32,
    },
    Done(VendorEvent),
}

impl Create {
    pub(super) fn new(ask: &CreateEvent, unique: &str) -> Self {
        let (name, time, tag) = (ask.name.clone(), ask.time, format!("watchpost-{unique}"));
        Self { name, time, meta: ask.meta.clone(), tag, posts: 0, doubt: None, pause: None, stage: Stage::Post }
    }

    /// What the event is to have as `meta`.
    fn tags(&self) -> Vec<(&str, &str)> {
        borrowed(&self.meta).into_iter().chain([(self.tag.as_str(), DATA)]).collect()
    }

    /// As the answer tells it, and of what it does not tell, as it was sent.
    fn made(&self, id: i64, known: &Known, time: Timestamp, answered: Option<VendorEvent>) -> VendorEvent {
        let answered = answered.filter(|event| event.id == id.to_string());
        let time = answered.as_ref().map_or(time, |event| event.time);
        if let Some(event) = answered.filter(|event| !event.meta.is_empty()) {
            return VendorEvent { name: self.name.clone(), ..event };
        }
        let meta = self.tags().into_iter().map(|(tag, data)| (tag.to_owned(), Value::from(data)));
        let (item, name) = (known.item.clone(), self.name.clone());
        VendorEvent { id: id.to_string(), item, name, time, meta: Map::from_iter(meta) }
    }

    /// The time is that of the first try: the event is then the same however often it is sent.
    fn time(&mut self, now: Now) -> Timestamp {
        *self.time.get_or_insert(whole(now.wall))
    }

    fn posted(
        &mut self,
        now: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop> {
        let time = self.time(now);
        let error = match read(answer, |answer| rest::read_id(grant, answer)) {
            Ok(id) => {
                let event = read(answer, |answer| rest::read_event(grant, answer)).ok();
                let event = event.map(|event| told(&known.item, &event));
                self.stage = Stage::Done(self.made(id, known, time, event));
                self.doubt = None;
                return Ok(());
            }
            Err(error) => error,
        };
        let (why, not_before) = (error.to_string(), error.not_before());
        let is_doubtful = matches!(error, CallError::Passing { .. }) && was_sent(answer);
        let is_unauthorized = matches!(error, CallError::Unauthorized(_));
        // What an earlier try has made may have come to light meanwhile.
        if is_doubtful || (self.doubt.is_some() && !is_unauthorized) {
            let mut walk = Walk::from(&self.name, time.saturating_sub(AROUND).unwrap_or(time));
            walk.end = Some(time.saturating_add(AROUND).unwrap_or(time));
            walk.tag = Some(self.tag.clone());
            self.doubt = Some(why);
            self.stage = Stage::Look { walk, looks: 0, failed: 0 };
            self.pause = Some(not_before.and_then(|pause| pause_for(Some(pause))).unwrap_or_default().max(LOOKS[0]));
            return Ok(());
        }
        self.pause = Some(once_more(known, error, self.posts < MOST_POSTS)?);
        Ok(())
    }
}

impl Work for Create {
    type Output = VendorEvent;

    fn check(&self) -> Result<(), CommandError> {
        check_meta(&self.meta)
    }

    fn doubt(&self) -> Option<String> {
        let why = self.doubt.as_ref()?;
        let tag = &self.tag;
        Some(format!("whether the event was made is not known ({why}); it has the tag {tag} in meta, if it is there"))
    }

    fn next(&mut self, now: Now, grant: &Grant, known: &Known) -> Result<Next<VendorEvent>, CommandError> {
        if let Some(pause) = self.pause.take() {
            return Ok(Next::Wait(pause));
        }
        let time = self.time(now);
        match &self.stage {
            Stage::Post => {
                known.supported(&self.name)?;
                self.posts += 1;
                Ok(Next::Call(rest::create_event(grant, known.camera, &self.name, time, &self.tags())))
            }
            Stage::Look { walk, .. } => Ok(Next::Call(walk.call(grant, known.camera))),
            Stage::Done(event) => Ok(Next::Done(event.clone())),
        }
    }

    fn answer(
        &mut self,
        now: Now,
        grant: &Grant,
        known: &Known,
        answer: Result<&RestAnswer, &RestError>,
    ) -> Result<(), Stop> {
        let Stage::Look { walk, looks, failed } = &mut self.stage else {
            return self.posted(now, grant, known, answer);
        };
        let mut found = None;
        let taken = walk.take(grant, known.camera, answer, |event| {
            if found.is_none() && event.has_tag(&self.tag) {
                found = Some(told(&known.item, &event));
            }
        });
        if let Some(event) = found {
            (self.stage, self.doubt) = (Stage::Done(event), None);
            return Ok(());
        }
        match taken {
            Ok(false) => {}
            Ok(true) => {
                walk.restart();
                (*looks, *failed) = (*looks + 1, 0);
                if let Some(pause) = LOOKS.get(*looks) {
                    self.pause = Some(*pause);
                } else if self.posts < MOST_POSTS {
                    self.stage = Stage::Post;
                } else {
                    let (item, posts, tag) = (&known.item, self.posts, &self.tag);
                    let why = self.doubt.as_deref().unwrap_or_default();
                    return Err(CommandError::Unsure(format!(
                        "{item}: {why}; the event was sent {posts} times and is not listed yet; it has the tag {tag} in \
                         meta, if it was made"
                    ))
                    .into());
                }
            }
            Err(CallError::Unauthorized(_)) => return Err(Stop::Unauthorized),
            Err(error) => {
                walk.restart();
                *failed += 1;
                let pause = pause_for(error.not_before().or(LOOKS.get(*looks).copied()));
                if !error.is_retryable() || *failed > MOST_FAILED || pause.is_none() {
                    return Err(CommandError::Unsure(format!(
                        "{}: whether the event was made is not known: {}; and the list does not tell: {error}. It \
                         has the tag {} in meta, if it is there",
                        known.item,
                        self.doubt.as_deref().unwrap_or_default(),
                        self.tag
                    ))
                    .into());
                }
                self.pause = pause;
            }
        }
        Ok(())
    }
}
