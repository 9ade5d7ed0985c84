//! One WebSocket as the hub sees it: whose it is, what is queued for it, and how it is to end.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::{DropHow, hub::Core, ledger::Shown, world::Place};
use crate::simulator::common::{
    line::{self, Line, Message, Voice},
    socket::Step,
};

/// An event on its way to sockets.
#[derive(Debug, Clone)]
pub(super) struct Push {
    pub(super) user: Place,
    pub(super) place: Place,
    pub(super) id: u64,
    pub(super) text: Arc<str>,
}

pub(super) type Out = line::Out<Push>;

pub(super) struct Link {
    /// Counts all sockets from 1.
    pub(super) number: u64,
    pub(super) opened: Instant,
    /// Whose token it has shown.
    pub(super) user: Option<Place>,
    pub(super) token: Option<Arc<str>>,
    /// Events come.
    pub(super) subscribed: bool,
    pub(super) line: Line<Push>,
}

impl Link {
    /// Whether the events of a user go to it.
    pub(super) fn gets(&self, user: Place) -> bool {
        self.subscribed && self.user == Some(user) && self.line.voice == Voice::Normal && self.line.end.is_none()
    }
}

impl Core {
    /// What the writer of a link does next. Notes what it hands out as shown.
    pub(super) fn next_step(&mut self, id: u64) -> Step {
        let Some(link) = self.links.get_mut(&id) else {
            return Step::End(DropHow::Fin);
        };
        let Some(out) = link.line.queue.pop_front() else {
            return Step::Wait;
        };
        link.line.busy = Instant::now();
        let message = match out {
            Out::Message(message) => message,
            Out::End(how) => {
                link.line.end = Some(how);
                return Step::End(how);
            }
            Out::Data(push) => {
                let shown = Shown { at: SystemTime::now(), socket: Some(link.number) };
                self.counters.pushed += 1;
                if let Some(record) = self.world.systems[push.place].record(push.id) {
                    record.shown.push(shown);
                }
                Message::Text(push.text.as_bytes().to_vec())
            }
        };
        Step::Send(vec![message])
    }
}
