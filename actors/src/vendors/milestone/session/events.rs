//! Event frames: what is handed over, and how far the conversation has come with it.

use jiff::Timestamp;

use super::baseline::UNREADABLE_BREAK;
use super::{MilestoneSession, Phase, Replay};
use crate::model::Cause;
use crate::model::event::Origin;
use crate::vendors::milestone::checkpoint::{LastEvent, OpenGap};
use crate::vendors::milestone::vocabulary::{SYSTEM_CONFIGURATION_CHANGED, meanwhile};
use crate::vendors::milestone::wire::{self, EventList, WireEvent};
use crate::vendors::{Action, Entry, Forget, Gap, Kind, Now, Occurrence, SessionEnd, Todo};

impl MilestoneSession {
    /// Takes a frame in the shape in which gateways write events; false if it is of another.
    pub(super) fn scanned(&mut self, now: Now, frame: &str, todo: &mut Todo) -> bool {
        let (entries, actions, mut last) = (todo.entries.len(), todo.actions.len(), None);
        let whole = wire::scan(frame, |event| last = self.occurred(now, event, todo).or(last)).is_some();
        if whole {
            let told = todo.entries.len() > entries;
            self.move_to(now, told, last);
        } else {
            // What was handed out does not count. That a replay may have been found to be over is true all the same: time alone says so.
            todo.entries.truncate(entries);
            todo.actions.truncate(actions);
        }
        whole
    }

    pub(super) fn events(&mut self, now: Now, events: &EventList, todo: &mut Todo) {
        let (entries, mut last) = (todo.entries.len(), None);
        for event in events.iter() {
            last = self.occurred(now, event, todo).or(last);
        }
        let told = todo.entries.len() > entries;
        self.move_to(now, told, last);
    }

    /// Hands an event over, and says which it is if a session can be resumed behind it.
    fn occurred<'a>(&mut self, now: Now, event: WireEvent<'a>, todo: &mut Todo) -> Option<WireEvent<'a>> {
        let origin = self.origin(now, &event);
        event.with_lower_case(|event| {
            if *event.kind == *SYSTEM_CONFIGURATION_CHANGED {
                todo.act(Action::Forget(changed_item(event.raw)));
            }
            todo.entries.occur(occurrence(&event, &event.event_id(), origin));
        });
        (!event.id.is_empty()).then_some(event)
    }

    /// The array's order is the order of delivery; the last id is what the gateway resumes behind.
    fn move_to(&mut self, now: Now, told: bool, last: Option<WireEvent<'_>>) {
        // Whose events these are is not known before the answer is there.
        let to = if self.phase == Phase::Live { &mut self.last } else { &mut self.early };
        if let Some(WireEvent { id, time, .. }) = last {
            to.get_or_insert_default().is(id, time, now);
        }
        if told && self.mark.subscribed.is_empty() {
            // No subscription was ever confirmed. But who was told of an event misses those behind it, should this session be lost.
            self.mark.established = true;
            let happened = |last: &LastEvent| last.happened(self.config.resume_window);
            self.mark.heard = Some(self.early.as_ref().map_or(now.wall, happened));
        }
    }

    /// Moves the cursor behind the last event.
    pub(super) fn settle(&mut self) {
        if let Some(last) = self.last.take() {
            self.mark.moved_behind(&last, self.config.resume_window);
        }
    }

    /// From when on events may be missing if what is behind the cursor cannot be had: certainly not before the cursor happened. On a quiet site
    /// that may be long ago, while answers to pings said that nothing was missing; but such an answer may overtake events that
    /// the gateway still holds back, by how much is not known, so it proves something only up to one resume window before it.
    pub(super) fn last_heard(&self, now: Now) -> Timestamp {
        let window = jiff::SignedDuration::try_from(self.config.resume_window).unwrap_or_default();
        let proven = self.heard.and_then(|heard| heard.checked_sub(window).ok());
        self.mark.heard.max(proven).unwrap_or(now.wall).min(now.wall)
    }

    /// The gateway does not say where a replay ends and live events begin, so this is inferred; it changes nothing but a label.
    pub(super) fn origin(&mut self, now: Now, event: &WireEvent<'_>) -> Origin {
        match self.replay {
            None => Origin::Live,
            Some(replay) if now.instant >= replay.until => {
                self.replay = None;
                Origin::Live
            }
            Some(Replay { passed: false, .. }) => Origin::Resumed,
            Some(replay) if event.time.parse::<Timestamp>().is_ok_and(|time| time <= replay.resumed) => Origin::Resumed,
            Some(_) => Origin::Live,
        }
    }

    /// The socket has ended with something that cannot be read. If the same comes again behind the same event, resuming would bring
    /// it again and again: a new session is begun instead, with a gap.
    pub(super) fn cut_off(&mut self, now: Now, why: &str, todo: &mut Todo) {
        let place = self.mark.cursor.clone().unwrap_or_default();
        if self.phase == Phase::Live && self.mark.unreadable_after.as_ref() == Some(&place) {
            let from = self.last_heard(now);
            let reason = "unreadable_frame".to_owned();
            self.mark.gap.get_or_insert(OpenGap { from, to: now.wall, reason });
            (self.mark.session, self.mark.cursor, self.mark.unreadable_after) = (None, None, None);
        } else if self.mark.baseline_pending {
            self.mark.baseline_breaks = self.mark.baseline_breaks.saturating_add(UNREADABLE_BREAK);
        } else {
            self.mark.unreadable_after = Some(place);
        }
        self.end(SessionEnd::retry(Cause::Protocol, why), todo);
    }

    /// A frame that is no JSON may have been an event. The first time, the gateway is asked for everything behind the last event again;
    /// if the same comes again, going on is worth more than that frame.
    pub(super) fn unreadable(&mut self, now: Now, why: &str, todo: &mut Todo) {
        let place = self.mark.cursor.clone().unwrap_or_default();
        if self.phase == Phase::Live && self.mark.unreadable_after.as_ref() == Some(&place) {
            let (from, reason) = (self.last_heard(now), "unreadable_frame".to_owned());
            todo.enter(Entry::Gap(Box::new(Gap { item: None, from, to: now.wall, reason, recovered: "nothing" })));
            self.mark.unreadable_after = None;
            return;
        }
        self.mark.unreadable_after = Some(place);
        self.end(SessionEnd::retry(Cause::Protocol, format!("the gateway sent a frame that is no JSON ({why})")), todo);
    }
}

pub(super) fn occurrence<'a>(event: &WireEvent<'a>, id: &'a str, origin: Origin) -> Occurrence<'a> {
    let WireEvent { source: item, kind, group, time, raw: data, .. } = *event;
    Occurrence { id, origin, item, kind: Kind::Named { kind, group, meanwhile }, time, data }
}

/// The item that a change of the configuration is about, wherever in the event it is named (the casing on the wire is not documented).
fn changed_item(raw: &str) -> Forget {
    fn find(value: &serde_json::Value) -> Option<&str> {
        match value {
            serde_json::Value::Object(members) => members.iter().find_map(|(name, value)| {
                if name.eq_ignore_ascii_case("RelatedItemRestResource") { value.as_str() } else { find(value) }
            }),
            serde_json::Value::Array(elements) => elements.iter().find_map(find),
            _ => None,
        }
    }
    let value: serde_json::Value = serde_json::from_str(raw).unwrap_or_default();
    // A path may lead to the item through its parents: `recordingServers/<id>/cameras/<id>`.
    let mut segments = find(&value).unwrap_or_default().trim_matches('/').rsplit('/');
    match segments.next().zip(segments.next()) {
        Some((id, kind)) if !id.is_empty() && !kind.is_empty() => {
            Forget::Item(format!("{kind}/{}", id.to_ascii_lowercase()).into())
        }
        _ => Forget::Everything,
    }
}
