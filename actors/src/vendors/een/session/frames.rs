//! What a frame means as a whole.

use std::time::Duration;

use bytestring::ByteString;
use jiff::Timestamp;

use super::answers::{Received, Took};
use super::{EenSession, Phase};
use crate::model::Cause;
use crate::vendors::een::wire::{self, Frame, Kept, Refusal, RefusalCode};
use crate::vendors::{Action, Now, SessionEnd, Todo};

/// So many frames in a row that cannot be read, and another socket is tried.
const UNREADABLE_MOST: u32 = 10;
/// How long a server that is not ready is left alone (a guess).
const NOT_READY: Duration = Duration::from_secs(10);

/// The log tells of frames that cannot be read at most so often.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// Of a frame that cannot be read the log gets so many characters.
const HEAD: usize = 80;

const UNREADABLE: &str = "unreadable_frame";
const UNANSWERED: &str = "device_unanswered";
const SESSION_LOST: &str = "session_lost";

/// A giant frame, taken apart on another thread.
#[derive(Debug)]
pub struct Decoded(Result<Kept, Unreadable>);

/// A frame that cannot be read.
#[derive(Debug)]
struct Unreadable {
    why: String,
    bytes: usize,
    /// How it begins.
    head: String,
}

impl Decoded {
    pub(super) fn of(text: ByteString) -> Self {
        Self(match wire::decode(&text) {
            Ok(frame) => Ok(Kept::of(&text, &frame)),
            Err(error) => Err(Unreadable::of(&text, &error)),
        })
    }
}

impl Unreadable {
    fn of(text: &str, error: &wire::FrameError) -> Self {
        Self { why: error.to_string(), bytes: text.len(), head: text.chars().take(HEAD).collect() }
    }
}

impl EenSession {
    pub(super) fn frame(&mut self, now: Now, text: &ByteString, todo: &mut Todo) {
        // What a socket still brings that is being replaced belongs to the gap.
        if self.phase != Phase::Open {
            return;
        }
        match wire::decode(text) {
            Ok(frame) => self.read(now, text, &frame, todo),
            Err(error) => self.unreadable(now, &Unreadable::of(text, &error), todo),
        }
    }

    /// The same of a giant.
    pub(super) fn decoded(&mut self, now: Now, decoded: &Decoded, todo: &mut Todo) {
        match &decoded.0 {
            _ if self.phase != Phase::Open => {}
            Ok(kept) => self.read(now, kept.text(), &kept.frame(), todo),
            Err(unreadable) => self.unreadable(now, unreadable, todo),
        }
    }

    fn read(&mut self, now: Now, text: &ByteString, frame: &Frame<'_>, todo: &mut Todo) {
        self.unreadable = 0;
        // By EEN's documentation access may be denied to one entity; should the whole frame say so, it names who is meant (inferred).
        let is_of_some =
            |code: RefusalCode| matches!(code, RefusalCode::AccessDenied | RefusalCode::Dropped) || code.may_pass();
        if let Some(refusal) = &frame.refusal
            && !(is_of_some(refusal.code) && self.devices.are_named(frame))
        {
            return self.request_refused(now, refusal, todo);
        }
        if self.devices.note_denied(frame) && self.devices.are_all_denied() && self.session_may_be_lost(now, todo) {
            return;
        }
        if self.hold(now, text, frame, todo) {
            return;
        }
        let followed_until = self.mark.last_heard(now);
        self.mark.heard = Some(now.wall);
        if let Some(since) = self.devices.away_since(frame) {
            self.mark.miss(now, since, UNANSWERED);
            self.mark.tell_late(now, todo);
        }
        self.tell(now, &Received::at(now.wall), followed_until, frame, todo);
        self.tell_late_gap(now, todo);
    }

    /// Access is denied to every single device. How the service says of a session that it has ended is not documented beyond its own message for that,
    /// so a new login is tried once; with that one too, it is how it is.
    fn session_may_be_lost(&mut self, now: Now, todo: &mut Todo) -> bool {
        if self.reauthorized && !self.proven {
            return false;
        }
        self.mark.open_gap(self.mark.last_heard(now), SESSION_LOST);
        self.held = None;
        self.reauthorize("access is denied to every device: the session may have ended", todo);
        true
    }

    /// Makes entries of a frame. Whoever is not followed any more because of it was followed until then.
    pub(super) fn tell(
        &mut self,
        now: Now,
        received: &Received,
        followed_until: Timestamp,
        frame: &Frame<'_>,
        todo: &mut Todo,
    ) {
        let awaited = self.devices.awaited();
        let took = self.devices.take(now.instant, received, followed_until, frame, &mut todo.entries);
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
        self.confirm(now, took, todo);
    }

    /// Tells the gap that has waited because another one was told right before it, once it is over.
    pub(super) fn tell_late_gap(&mut self, now: Now, todo: &mut Todo) {
        if self.phase == Phase::Open && self.online && self.held.is_none() && self.unreadable == 0 {
            self.mark.tell_late(now, todo);
        }
    }

    /// Whoever is told something of what it asked for is subscribed to it; so is who was refused all of it, one by one.
    pub(super) fn confirm(&mut self, now: Now, took: Took, todo: &mut Todo) {
        self.proven |= took.has_data;
        if !self.online && took.is_ours && (took.has_data || self.devices.awaited() == 0) {
            self.subscribed(now, todo);
        }
        self.confirm_if_due(now, todo);
    }

    fn request_refused(&mut self, now: Now, refusal: &Refusal<'_>, todo: &mut Todo) {
        match refusal.code {
            RefusalCode::AuthLost | RefusalCode::AccessDenied => {
                self.mark.open_gap(self.mark.last_heard(now), SESSION_LOST);
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
                self.end(SessionEnd::Retry { why, cause: Cause::Unavailable, not_before: Some(NOT_READY) }, todo);
            }
            _ => self.end(SessionEnd::retry(Cause::Refused, format!("the server refused a request, {refusal}")), todo),
        }
    }

    /// A frame that cannot be read may have been an event: that is a gap. States come again with the next frame of their device, or with the
    /// answer to being asked again.
    fn unreadable(&mut self, now: Now, Unreadable { why, bytes, head }: &Unreadable, todo: &mut Todo) {
        self.unreadable += 1;
        if self.unreadable >= UNREADABLE_MOST {
            self.mark.open_gap(self.mark.last_heard(now), UNREADABLE);
            let why = format!("the server sent {UNREADABLE_MOST} frames in a row that cannot be read ({why})");
            return self.end(SessionEnd::retry(Cause::Protocol, why), todo);
        }
        if self.warned.is_none_or(|last| now.instant >= last + WARN_EVERY) {
            self.warned = Some(now.instant);
            let what = format!("a frame of {bytes} bytes cannot be read ({why}); it begins with {head:?}");
            todo.act(Action::Warn(what));
        }
        // While frames are held back, the gap before them is still open.
        if self.online && self.held.is_none() {
            self.mark.miss(now, self.mark.last_heard(now), UNREADABLE);
            // One stretch, however many such frames are in it: its end is told when a frame can be read again.
            if self.unreadable == 1 {
                self.mark.tell_late(now, todo);
            }
        }
        self.ask_again(now, todo);
    }

    /// The socket has ended with something that cannot be read.
    pub(super) fn cut_off(&mut self, now: Now, why: &str, todo: &mut Todo) {
        if self.phase == Phase::Open {
            self.mark.open_gap(self.mark.last_heard(now), UNREADABLE);
        }
        self.end(SessionEnd::retry(Cause::Protocol, why), todo);
    }
}
