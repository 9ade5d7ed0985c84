//! After a break: what comes is held back until the answers are there, and then told behind the gap, in one step.

use std::time::{Duration, Instant};

use bytestring::ByteString;
use jiff::Timestamp;

use super::answers::Received;
use super::{EenSession, Phase};
use crate::model::Cause;
use crate::vendors::een::wire::{Frame, Kept};
use crate::vendors::{Action, Now, SessionEnd, Todo};

/// So long the others are waited for behind the first that tells something: an alarm cannot wait longer.
pub(super) const HOLD_MOST: Duration = Duration::from_secs(5);
/// Held back are at most so many bytes: what is beyond is let go of in the same step, or ends the try.
const HOLD_BYTES: usize = 4 << 20;

/// Frames that are held back.
#[derive(Debug)]
pub(super) struct Held {
    frames: Vec<(Timestamp, Kept)>,
    bytes: usize,
    wait: Wait,
}

/// For whom frames are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// The first device that tells something: how long the cloud takes for that, nobody knows.
    First,
    /// The others, until then.
    Others(Instant),
    /// Nobody any more.
    Over,
}

impl Held {
    pub(super) fn new() -> Self {
        Self { frames: Vec::new(), bytes: 0, wait: Wait::First }
    }

    /// When to wait no longer.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        if let Wait::Others(until) = self.wait { Some(until) } else { None }
    }

    /// Nobody is waited for any more.
    pub(super) fn give_up(&mut self) {
        self.wait = Wait::Over;
    }
}

impl EenSession {
    /// Holds a frame back, and says whether that was to be done.
    pub(super) fn hold(&mut self, now: Now, text: &ByteString, frame: &Frame<'_>, todo: &mut Todo) -> bool {
        let Some(held) = &mut self.held else { return false };
        let took = self.devices.hold(frame);
        if took.has_data && held.wait == Wait::First {
            held.wait = Wait::Others(now.instant + HOLD_MOST);
        }
        if took.is_ours {
            let kept = Kept::of(text, frame);
            held.bytes += kept.weight();
            held.frames.push((now.wall, kept));
        }
        if let Some(since) = took.away_since {
            self.mark.extend_gap(since);
        }
        self.confirm(now, took, todo);
        self.release(now, todo);
        if self.held.as_ref().is_some_and(|held| held.bytes >= HOLD_BYTES) {
            // Refusals and nothing else, so many that they cannot be an answer to what was asked.
            let why = format!("the server sent more than {} MiB before it answered", HOLD_BYTES >> 20);
            self.end(SessionEnd::retry(Cause::Protocol, why), todo);
        }
        true
    }

    /// Lets go of what is held back, if it is time. As long as nothing has come, there is nothing to say that the gap is over.
    pub(super) fn release(&mut self, now: Now, todo: &mut Todo) {
        let Some(held) = &mut self.held else { return };
        if held.next_wake().is_some_and(|until| until <= now.instant) {
            held.give_up();
        }
        let is_time = held.wait == Wait::Over || held.bytes >= HOLD_BYTES || self.devices.awaited() == 0;
        if self.phase != Phase::Open || !self.online || !is_time {
            return;
        }
        let frames = self.held.take().map_or(Vec::new(), |held| held.frames);
        self.mark.tell_gap(now, todo);
        self.devices.tell_gone(&mut todo.entries);
        for (received, kept) in frames {
            self.tell(now, &Received::at(received), now.wall, &kept.frame(), todo);
        }
        // The gap that was told ends here; whoever has not answered yet is missed from here on.
        self.devices.leave_all(now.wall);
        self.devices.settle();
        self.mark.heard = Some(now.wall);
        self.mark.change_at_once();
        // Behind the gap, so that nobody takes the connection for whole before it is told.
        todo.act(Action::Online);
        self.relist(now, todo);
    }
}
