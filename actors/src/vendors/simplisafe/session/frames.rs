//! What the socket says.

use std::time::{Duration, Instant};

use super::opening::miss;
use super::systems::Happening;
use super::telling::is_due;
use super::{Phase, SimpliSafeSession};
use crate::vendors::simplisafe::wire::{Event, Frame, decode};
use crate::vendors::{Now, Todo};

/// A history that is asked because of a bad frame is asked again after this because of another one, and after twice as much each time until it is asked
/// for another reason.
pub(super) const LOOK_PAUSE: Duration = Duration::from_secs(3);
/// How long the history may take to tell an event whole of which a frame told a part.
const WHOLE_MOST: Duration = Duration::from_secs(5);
/// Parts of events that are kept at a time; one more is told as it is.
const DOUBTFUL_MOST: usize = 64;

/// An event that lacks what it cannot be understood without.
#[derive(Debug)]
pub(super) struct Doubtful {
    sid: Option<u64>,
    event: Happening,
    pub(super) until: Instant,
}

impl SimpliSafeSession {
    pub(super) fn frame(&mut self, now: Now, text: &str, todo: &mut Todo) {
        match decode(text) {
            Frame::Subscribed { .. } => self.subscribed(now, todo),
            Frame::Event { id, data, .. } => self.pushed(now, &id, data, todo),
            // What it was may stand in the history.
            Frame::Unreadable(_) => self.look_because_of_a_frame(now, todo),
            // An error among these is followed by the end of the socket.
            Frame::Hello { .. } | Frame::Registered | Frame::Other { .. } => {}
        }
    }

    fn pushed(&mut self, now: Now, envelope: &str, data: &str, todo: &mut Todo) {
        let Ok(read) = Event::read(data) else { return self.look_because_of_a_frame(now, todo) };
        let sid = read.sid.as_deref().and_then(|sid| sid.trim().parse::<u64>().ok());
        if sid.is_some_and(|sid| !self.config.systems.contains(sid)) {
            return;
        }
        let at = read.timestamp.unwrap_or_else(|| self.clock.at(now.wall).as_second());
        let event = Happening {
            at,
            number: read.number().unwrap_or(i64::MAX),
            id: (&*read.id(envelope)).into(),
            json: data.into(),
            is_pushed: true,
        };
        if sid.is_none() || read.timestamp.is_none() || read.cid.is_none() {
            return self.doubt(now, sid, event, todo);
        }
        let system_id = sid.unwrap_or_default();
        if !self.systems.contains_key(&system_id) {
            // A system that no list has told of yet.
            self.subscriptions.hurry(now.instant);
        }
        let system = self.known(now.wall, system_id);
        if !system.is_begun || system.missing > 0 {
            system.pushed_at = Some(now.instant);
        }
        if !system.is_begun && system.looked_at.is_none() && system.look_at.is_none() {
            // Lists may never have it; its history tells what else there was.
            (system.look_at, system.look_again) = (Some(now.instant), true);
        }
        if system.history.is_known(at, &event.id) {
            return;
        }
        match &mut system.held {
            Some(held) => {
                held.push(event);
                if held.is_over(now.instant) {
                    self.release_if_due(now, todo);
                }
            }
            None => self.tell_in_order(now, system_id, vec![event], todo),
        }
    }

    /// The history has it whole: it is told from there, or as it is if that takes too long.
    fn doubt(&mut self, now: Now, sid: Option<u64>, event: Happening, todo: &mut Todo) {
        if self.doubtful.len() >= DOUBTFUL_MOST || self.phase != Phase::Online {
            return self.tell(now, sid, &event, todo);
        }
        let until = now.instant + WHOLE_MOST;
        self.doubtful.push(Doubtful { sid, event, until });
        self.look_because_of_a_frame(now, todo);
    }

    /// Tells the parts of events of which nothing more has come.
    pub(super) fn tell_doubtful(&mut self, now: Now, todo: &mut Todo) {
        let systems = &self.systems;
        let is_told = |id: &str| systems.values().any(|system| system.history.has(id));
        self.doubtful.retain(|doubtful| !is_told(&doubtful.event.id));
        let due: Vec<_> = self.doubtful.extract_if(.., |doubtful| is_due(Some(doubtful.until), now)).collect();
        for Doubtful { sid, event, .. } in due {
            self.tell(now, sid, &event, todo);
        }
    }

    /// Something came that cannot be read: whatever it was, the histories are asked for it.
    fn look_because_of_a_frame(&mut self, now: Now, todo: &mut Todo) {
        for system in self.systems.values_mut() {
            miss(system, now.wall, now.wall, "unreadable_frame");
            let pause = LOOK_PAUSE * (1 << system.bad_frames.min(5));
            let soon = system.looked_at.map_or(now.instant, |last| now.instant.max(last + pause));
            if system.look_at.is_none_or(|at| soon < at) {
                system.look_at = Some(soon);
                system.bad_frames += 1;
            }
            system.look_again = true;
        }
        self.mark.change();
        self.look_if_due(now, todo);
    }
}
