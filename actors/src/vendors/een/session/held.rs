//! After a break: what comes is held back until the answers are there, and then told behind the gap, in one step.

use std::time::{Duration, Instant};

use bytestring::ByteString;
use jiff::Timestamp;

use super::answers::Received;
use super::{EenSession, Phase};
use crate::vendors::een::wire::{self, Frame};
use crate::vendors::{Now, Todo};

/// An alarm cannot wait longer.
const HOLD_MOST: Duration = Duration::from_secs(5);
/// Held back are at most so many bytes.
const HOLD_BYTES: usize = 4 << 20;

/// Frames that are held back.
#[derive(Debug)]
pub(super) struct Held {
    frames: Vec<(Timestamp, ByteString)>,
    bytes: usize,
    /// When to wait no longer; `None` when that has come.
    until: Option<Instant>,
}

impl Held {
    pub(super) fn until(now: Now) -> Self {
        Self { frames: Vec::new(), bytes: 0, until: Some(now.instant + HOLD_MOST) }
    }

    /// When to wait no longer.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.until
    }
}

impl EenSession {
    /// Holds a frame back, and says whether that was to be done.
    pub(super) fn hold(&mut self, now: Now, text: &ByteString, frame: &Frame<'_>, todo: &mut Todo) -> bool {
        let Some(held) = &mut self.held else { return false };
        let took = self.devices.hold(frame);
        if took.is_ours {
            held.bytes += text.len();
            held.frames.push((now.wall, text.clone()));
        }
        self.confirm(took, todo);
        self.release(now, todo);
        true
    }

    /// Lets go of what is held back, if it is time. As long as nothing has come, there is nothing to say that the gap is over.
    pub(super) fn release(&mut self, now: Now, todo: &mut Todo) {
        let Some(held) = &mut self.held else { return };
        held.until = held.until.filter(|until| *until > now.instant);
        let is_time = held.until.is_none() || held.bytes >= HOLD_BYTES || self.devices.awaited() == 0;
        if self.phase != Phase::Open || !self.online || !is_time {
            return;
        }
        let frames = self.held.take().map_or(Vec::new(), |held| held.frames);
        self.mark.tell_gap(now, todo);
        self.devices.tell_gone(&mut todo.entries);
        for (received, text) in frames {
            // They were read before.
            if let Ok(frame) = wire::decode(&text) {
                self.tell(now, &Received::at(received), &frame, todo);
            }
        }
        self.devices.settle();
        self.mark.heard = Some(now.wall);
        self.mark.change_at_once();
        self.relist(now, todo);
    }
}
