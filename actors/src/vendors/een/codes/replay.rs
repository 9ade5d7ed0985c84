//! The states behind the events that a first answer replays: the newest event of every code, however old, in no order.

use jiff::Timestamp;

use super::{Known, Role, States, find};
use crate::vendors::een::wire::{Answer, EventMembers, een_time};

/// The event that set a state last.
#[derive(Debug)]
pub struct LastSet<'a> {
    /// Its code, and what that means.
    pub known: &'static Known,
    /// The event.
    pub members: EventMembers<'a>,
    time: Option<Timestamp>,
}

/// For each state that the events among `answers` set, the one that set it last.
///
/// The later one counts. Of one moment, the end counts against its own start, and the start against the end of another; a time that cannot
/// be read is before all others.
#[must_use]
pub fn last_set<'a>(states: States, answers: &[Answer<'a>]) -> Vec<LastSet<'a>> {
    let mut last: Vec<LastSet<'a>> = Vec::new();
    for answer in answers {
        let Answer::Event { code, json } = answer else { continue };
        let Some((known, group)) = find(code).and_then(|known| Some((known, known.group(states)?))) else { continue };
        let members = EventMembers::of(json, known.code.id);
        let time = een_time::parse(&members.timestamp).ok();
        let found = LastSet { known, members, time };
        match last.iter_mut().find(|one| one.known.group(states) == Some(group)) {
            Some(one) if found.is_behind(one) => *one = found,
            Some(_) => {}
            None => last.push(found),
        }
    }
    last
}

impl LastSet<'_> {
    fn is_behind(&self, other: &Self) -> bool {
        if self.time != other.time {
            return self.time > other.time;
        }
        match (self.known.code.role, other.known.code.role) {
            (Role::End, Role::Start) => self.members.id == other.members.id,
            (Role::Start, Role::End) => self.members.id != other.members.id,
            // Nothing says which: the frame's order.
            _ => true,
        }
    }
}

impl Known {
    /// The id of the state that it sets on such a connection.
    fn group(&self, states: States) -> Option<&str> {
        self.meaning(states).state.as_ref().map(|state| &*state.vendor_group)
    }
}
