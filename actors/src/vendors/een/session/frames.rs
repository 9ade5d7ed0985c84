//! What a frame means as a whole.

use std::time::Duration;

use bytestring::ByteString;

use super::answers::{Received, Took};
use super::mark::tell_gap;
use super::{EenSession, Phase};
use crate::vendors::een::wire::{self, Frame, Refusal, RefusalCode};
use crate::vendors::{Now, SessionEnd, Todo};

/// So many frames in a row that cannot be read, and another socket is tried.
const UNREADABLE_MOST: u32 = 10;
/// How long a server that is not ready is left alone (a guess).
const NOT_READY: Duration = Duration::from_secs(10);

const UNREADABLE: &str = "unreadable_frame";

impl EenSession {
    pub(super) fn frame(&mut self, now: Now, text: &ByteString, todo: &mut Todo) {
        // What a socket still brings that is being replaced belongs to the gap.
        if self.phase != Phase::Open {
            return;
        }
        let frame = match wire::decode(text) {
            Ok(frame) => frame,
            Err(error) => return self.unreadable(now, &error.to_string(), todo),
        };
        self.unreadable = 0;
        // By EEN's documentation access may be denied to one entity; should the whole frame say so, it names who is meant (inferred).
        let is_of_some =
            |code| matches!(code, RefusalCode::AccessDenied | RefusalCode::NotFound | RefusalCode::Dropped);
        if let Some(refusal) = &frame.refusal
            && !(is_of_some(refusal.code) && self.devices.are_named(&frame))
        {
            return self.request_refused(now, refusal, todo);
        }
        if self.hold(now, text, &frame, todo) {
            return;
        }
        self.mark.heard = Some(now.wall);
        self.tell(now, &Received::at(now.wall), &frame, todo);
    }

    /// Makes entries of a frame.
    pub(super) fn tell(&mut self, now: Now, received: &Received, frame: &Frame<'_>, todo: &mut Todo) {
        let awaited = self.devices.awaited();
        let took = self.devices.take(received, frame, &mut todo.entries);
        if took.is_urgent {
            self.mark.change_at_once();
        } else if took.is_changed {
            self.mark.change();
        }
        if took.is_relisted {
            self.relist_soon(now);
        }
        if awaited > 0 {
            self.devices.settle();
        }
        self.confirm(took, todo);
    }

    /// Whoever is told something of what it asked for is subscribed to it; so is who was refused all of it, one by one.
    pub(super) fn confirm(&mut self, took: Took, todo: &mut Todo) {
        if !self.online && took.is_ours && (took.has_data || self.devices.awaited() == 0) {
            self.go_online(todo);
        }
    }

    fn request_refused(&mut self, now: Now, refusal: &Refusal<'_>, todo: &mut Todo) {
        match refusal.code {
            RefusalCode::AuthLost | RefusalCode::AccessDenied => {
                self.mark.open_gap(self.mark.last_heard(now), "session_lost");
                self.held = None;
                // With a new login it was not the session, but perhaps the account's own events, that were too much to ask: without them, then.
                let asks_too_much = self.devices.asks_of_accounts() && !self.denied;
                if refusal.code == RefusalCode::AccessDenied && self.reauthorized && asks_too_much {
                    self.denied = true;
                    return self.proceed(todo);
                }
                self.reauthorize(format!("the server has ended the session, {refusal}"), todo);
            }
            RefusalCode::BadRequest if !self.worked && !self.mark.established => {
                let why = format!(
                    "the server refused what we ask for, {refusal}; check `resources` and `events` in the settings"
                );
                self.end(SessionEnd::Halt(why), todo);
            }
            RefusalCode::NotReady => {
                let why = format!("the server is not ready, {refusal}");
                self.end(SessionEnd::Retry { why, not_before: Some(NOT_READY) }, todo);
            }
            _ => self.end(SessionEnd::retry(format!("the server refused a request, {refusal}")), todo),
        }
    }

    /// A frame that cannot be read may have been an event: that is a gap. States come again with the next frame of their device, or with the
    /// answer to being asked again.
    fn unreadable(&mut self, now: Now, why: &str, todo: &mut Todo) {
        self.unreadable += 1;
        if self.unreadable >= UNREADABLE_MOST {
            self.mark.open_gap(self.mark.last_heard(now), UNREADABLE);
            let why = format!("the server sent {UNREADABLE_MOST} frames in a row that cannot be read ({why})");
            return self.end(SessionEnd::retry(why), todo);
        }
        // While frames are held back, the gap before them is still open.
        if self.online && self.held.is_none() {
            tell_gap(self.mark.last_heard(now), now.wall, UNREADABLE.to_owned(), todo);
        }
        self.ask_again(now, todo);
    }

    /// The socket has ended with something that cannot be read.
    pub(super) fn cut_off(&mut self, now: Now, why: &str, todo: &mut Todo) {
        if self.phase == Phase::Open {
            self.mark.open_gap(self.mark.last_heard(now), UNREADABLE);
        }
        self.end(SessionEnd::retry(why), todo);
    }
}
