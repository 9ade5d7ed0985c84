//! Event frames: what is handed over, and how far the conversation has come with it.

use bytestring::ByteString;
use jiff::Timestamp;

use super::baseline::UNREADABLE_BREAK;
use super::{MilestoneSession, Phase, Replay};
use crate::model::event::Origin;
use crate::model::ids::EventId;
use crate::vendors::milestone::checkpoint::OpenGap;
use crate::vendors::milestone::vocabulary::{SYSTEM_CONFIGURATION_CHANGED, meanwhile};
use crate::vendors::milestone::wire::WireEvent;
use crate::vendors::{Action, Entry, Forget, Gap, Kind, Now, Occurrence, SessionEnd, Todo};

impl MilestoneSession {
    pub(super) fn events(&mut self, now: Now, events: &[WireEvent], todo: &mut Todo) {
        for event in events {
            let origin = self.origin(now, event);
            if *event.kind == *SYSTEM_CONFIGURATION_CHANGED {
                todo.act(Action::Forget(changed_item(&event.raw)));
            }
            todo.enter(Entry::Occurrence(occurrence(event, event.event_id(), origin)));
        }
        // The array's order is the order of delivery; the last id is what the gateway resumes behind.
        let last = events.iter().rev().find_map(|event| Some((event.id.clone()?, self.happened(now, event))));
        if self.phase == Phase::Live {
            self.move_cursor(last);
        } else if last.is_some() {
            // Whose events these are is known when the answer is there.
            self.early = last;
        }
    }

    pub(super) fn move_cursor(&mut self, to: Option<(ByteString, Timestamp)>) {
        if let Some((id, happened)) = to {
            self.mark.cursor = Some(id.to_string());
            self.mark.heard = Some(happened);
            self.mark.unreadable_after = None;
        }
    }

    /// When an event happened, as far as its clock can be believed. It may have waited behind others, in the gateway or in the socket when
    /// we were slow, and those behind it happened before it came.
    fn happened(&self, now: Now, event: &WireEvent) -> Timestamp {
        let window = jiff::SignedDuration::try_from(self.config.resume_window).unwrap_or_default();
        let earliest = now.wall.checked_sub(window).unwrap_or(now.wall);
        event.time.parse::<Timestamp>().map_or(now.wall, |time| time.clamp(earliest, now.wall))
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
    pub(super) fn origin(&mut self, now: Now, event: &WireEvent) -> Origin {
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
        self.end(SessionEnd::retry(why), todo);
    }

    /// A frame that is no JSON may have been an event. The first time, the gateway is asked for everything behind the last event again;
    /// if the same comes again, going on is worth more than that frame.
    pub(super) fn unreadable(&mut self, now: Now, why: &str, todo: &mut Todo) {
        let place = self.mark.cursor.clone().unwrap_or_default();
        if self.phase == Phase::Live && self.mark.unreadable_after.as_ref() == Some(&place) {
            let (from, reason) = (self.last_heard(now), "unreadable_frame".to_owned());
            todo.enter(Entry::Gap(Box::new(Gap { from, to: now.wall, reason, recovered: "nothing" })));
            self.mark.unreadable_after = None;
            return;
        }
        self.mark.unreadable_after = Some(place);
        self.end(SessionEnd::retry(format!("the gateway sent a frame that is no JSON ({why})")), todo);
    }
}

pub(super) fn occurrence(event: &WireEvent, id: EventId, origin: Origin) -> Occurrence {
    Occurrence {
        id,
        origin,
        item: event.source.clone(),
        kind: Kind::Named { kind: event.kind.clone(), group: event.group.clone(), meanwhile },
        time: event.time.clone(),
        data: event.raw.clone(),
    }
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
