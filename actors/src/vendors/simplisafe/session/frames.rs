//! What the socket says.

use std::time::Duration;

use super::SimpliSafeSession;
use super::opening::miss;
use super::parts::is_part;
use super::systems::Happening;
use crate::vendors::simplisafe::wire::{Event, Frame, decode};
use crate::vendors::{Action, Now, Todo, loose};

/// A server that sends much of what cannot be read is warned of so often.
const WARN_EVERY: Duration = Duration::from_secs(60);

impl SimpliSafeSession {
    pub(super) fn frame(&mut self, now: Now, text: &str, todo: &mut Todo) {
        match decode(text) {
            Frame::Subscribed { .. } => self.subscribed(now, todo),
            Frame::Event { id, data, .. } => self.pushed(now, &id, data, todo),
            Frame::Unreadable(why) => self.unreadable(now, text, &why, todo),
            // An error among these is followed by the end of the socket.
            Frame::Hello { .. } | Frame::Registered | Frame::Other { .. } => {}
        }
    }

    fn pushed(&mut self, now: Now, envelope: &str, data: &str, todo: &mut Todo) {
        let read = match Event::read(data) {
            Ok(read) => read,
            Err(error) => return self.unreadable(now, data, &error.to_string(), todo),
        };
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
        if is_part(sid, &read) {
            return self.doubt(now, sid, &read, event, todo);
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

    /// Something came that cannot be read.
    fn unreadable(&mut self, now: Now, text: &str, why: &str, todo: &mut Todo) {
        if self.warned.is_none_or(|last| now.instant >= last + WARN_EVERY) {
            self.warned = Some(now.instant);
            let (bytes, head) = (text.len(), loose::head(text));
            let what = format!("a frame of {bytes} bytes cannot be read ({why}); it begins with {head:?}");
            todo.act(Action::Warn(what));
        }
        self.look_because_of_a_frame(now, todo);
    }

    /// Whatever it was that could not be read, the histories are asked for it.
    pub(super) fn look_because_of_a_frame(&mut self, now: Now, todo: &mut Todo) {
        for system in self.systems.values_mut() {
            miss(system, now.wall, now.wall, "unreadable_frame");
            system.look_soon(now.instant);
        }
        self.mark.change();
        self.look_if_due(now, todo);
    }
}
