//! Events of which a frame had but a part: what waits for the history to tell them whole, and what was told of them.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::history::print;
use super::systems::Happening;
use super::telling::is_due;
use super::{Phase, SimpliSafeSession};
use crate::vendors::simplisafe::wire::Event;
use crate::vendors::{Now, Todo};

/// How long the history is given to have an event that was pushed.
const WHOLE_SOON: SignedDuration = SignedDuration::from_secs(5);
/// How long it may take where it cannot be read, or not asked so soon.
const WHOLE_MOST: Duration = Duration::from_secs(60);
/// Parts of events that wait at a time; one more is told as it is.
const WAITING_MOST: usize = 64;
/// Ids that are remembered.
const TOLD_MOST: usize = 256;

/// An event that lacks what it cannot be understood without.
#[derive(Debug)]
pub(super) struct Doubtful {
    sid: Option<u64>,
    event: Happening,
    /// By our clock.
    came: Timestamp,
    /// When the history is asked once more, …
    again: Option<Instant>,
    /// … and when it is told as it is, whatever the history does.
    most: Instant,
}

impl Doubtful {
    pub(super) fn next_wake(&self) -> Instant {
        self.again.map_or(self.most, |again| again.min(self.most))
    }

    fn is_of(&self, sid: u64) -> bool {
        self.sid.is_none_or(|of| of == sid)
    }
}

/// Prints of the ids under which parts were told, the oldest first: what comes whole later must not be taken for told, nor told as what it was.
#[derive(Debug, Default)]
pub(super) struct Parts {
    told: VecDeque<u64>,
}

impl Parts {
    pub(super) fn read(kept: Vec<u64>) -> Self {
        Self { told: kept.into() }
    }

    /// For the checkpoint.
    pub(super) fn keep(&self) -> Vec<u64> {
        self.told.iter().copied().collect()
    }

    fn has(&self, id: &str) -> bool {
        !self.told.is_empty() && self.told.contains(&print(id))
    }

    fn insert(&mut self, id: &str) {
        if !self.has(id) {
            self.told.push_back(print(id));
            self.told.drain(..self.told.len().saturating_sub(TOLD_MOST));
        }
    }

    /// Under which id to tell what an event says first, or of that group besides; none if a part of it has said so.
    pub(super) fn name<'a>(
        &mut self,
        event: &'a str,
        is_first: bool,
        group: Option<&str>,
        is_part: bool,
    ) -> Option<Cow<'a, str>> {
        if is_first && !is_part && !self.has(event) {
            return Some(event.into());
        }
        let beside = group.map_or(Cow::Borrowed(event), |group| format!("{event}#{group}").into());
        if self.has(&beside) {
            return None;
        }
        if is_part {
            self.insert(event);
            self.insert(&beside);
        }
        Some(if is_first && is_part { event.into() } else { beside })
    }
}

/// Whether something is missing without which an event cannot be understood.
pub(super) fn is_part(sid: Option<u64>, event: &Event<'_>) -> bool {
    sid.is_none() || event.timestamp.is_none() || event.cid.is_none()
}

impl SimpliSafeSession {
    /// The history has it whole: it is told from there, or as it is if that takes too long.
    pub(super) fn doubt(&mut self, now: Now, sid: Option<u64>, read: &Event<'_>, event: Happening, todo: &mut Todo) {
        if self.parts.has(&event.id) || self.doubtful.iter().any(|doubtful| doubtful.event.id == event.id) {
            return;
        }
        if self.doubtful.len() >= WAITING_MOST || self.phase != Phase::Online {
            return self.tell(now, sid, &event, todo);
        }
        let again = now.instant + WHOLE_SOON.unsigned_abs();
        // What can set a state cannot wait.
        let is_urgent = sid.is_some() && (read.cid.is_some() || read.is_of_type("alarm"));
        let most = if is_urgent { again } else { now.instant + WHOLE_MOST };
        self.doubtful.push(Doubtful { sid, event, came: now.wall, again: Some(again), most });
        self.look_because_of_a_frame(now, todo);
    }

    /// Tells the parts of events of which nothing more has come, though the histories were read for them.
    pub(super) fn tell_doubtful(&mut self, now: Now, todo: &mut Todo) {
        let systems = &self.systems;
        let is_told = |id: &str| systems.values().any(|system| system.history.has(id));
        self.doubtful.retain(|doubtful| !is_told(&doubtful.event.id));
        let is_in_vain = |doubtful: &Doubtful| {
            let since = doubtful.came.checked_add(WHOLE_SOON).unwrap_or(doubtful.came);
            let mut of = systems.iter().filter(|(sid, _)| doubtful.is_of(**sid));
            now.wall >= since && of.all(|(_, system)| system.read_at.is_some_and(|at| at >= since))
        };
        let is_over = |doubtful: &mut Doubtful| is_due(Some(doubtful.most), now) || is_in_vain(doubtful);
        for Doubtful { sid, event, .. } in self.doubtful.extract_if(.., is_over).collect::<Vec<_>>() {
            self.tell(now, sid, &event, todo);
        }
        for doubtful in self.doubtful.iter_mut().filter(|doubtful| is_due(doubtful.again, now)) {
            doubtful.again = None;
            for system in self.systems.values_mut().filter(|system| doubtful.is_of(system.sid)) {
                system.look_soon(now.instant);
            }
        }
    }
}
