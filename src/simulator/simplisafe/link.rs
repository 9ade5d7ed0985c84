//! One WebSocket as the hub sees it: whose it is, what is queued for it, and how it is to end.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use tokio::sync::Notify;

use super::{DropHow, hub::Core, ledger::Shown, world::Place};
use crate::simulator::common::socket::{Message, Step, Voice};

/// An event on its way to sockets.
#[derive(Debug, Clone)]
pub(super) struct Push {
    pub(super) user: Place,
    pub(super) place: Place,
    pub(super) id: u64,
    pub(super) text: Arc<str>,
}

/// What waits to be sent, in order.
pub(super) enum Out {
    Text(Vec<u8>),
    Event(Push),
    Binary(Vec<u8>),
    Ping,
    Pong(Bytes),
    End(DropHow),
}

pub(super) struct Link {
    /// Counts all sockets from 1.
    pub(super) number: u64,
    pub(super) opened: Instant,
    /// Whose token it has shown.
    pub(super) user: Option<Place>,
    pub(super) token: Option<Arc<str>>,
    /// Events come.
    pub(super) subscribed: bool,
    pub(super) queue: VecDeque<Out>,
    pub(super) wake: Arc<Notify>,
    /// It must end at once, whatever is queued.
    pub(super) end: Option<DropHow>,
    pub(super) voice: Voice,
    /// When something was last heard or said.
    pub(super) busy: Instant,
}

impl Link {
    pub(super) fn push(&mut self, out: Out) {
        self.queue.push_back(out);
        self.wake.notify_one();
    }

    pub(super) fn say(&mut self, text: String) {
        self.push(Out::Text(text.into_bytes()));
    }

    /// Whether the events of a user go to it.
    pub(super) fn gets(&self, user: Place) -> bool {
        self.subscribed && self.user == Some(user) && self.voice == Voice::Normal && self.end.is_none()
    }

    /// The next pong in the queue, wherever it is.
    fn take_pong(&mut self) -> Option<Bytes> {
        let position = self.queue.iter().position(|out| matches!(out, Out::Pong(_)))?;
        match self.queue.remove(position) {
            Some(Out::Pong(payload)) => Some(payload),
            _ => None,
        }
    }
}

impl Core {
    /// What the writer of a link does next. Notes what it hands out as shown.
    pub(super) fn next_step(&mut self, id: u64) -> Step {
        let Some(link) = self.links.get_mut(&id) else {
            return Step::End(DropHow::Fin);
        };
        if let Some(how) = link.end {
            return Step::End(how);
        }
        match link.voice {
            Voice::Normal => {}
            Voice::Mute => return Step::Wait,
            Voice::PongsOnly => {
                return link.take_pong().map_or(Step::Wait, |payload| Step::Send(vec![Message::Pong(payload)]));
            }
        }
        let Some(out) = link.queue.pop_front() else {
            return Step::Wait;
        };
        link.busy = Instant::now();
        let message = match out {
            Out::Text(text) => Message::Text(text),
            Out::Binary(bytes) => Message::Binary(bytes),
            Out::Ping => Message::Ping,
            Out::Pong(payload) => Message::Pong(payload),
            Out::End(how) => {
                link.end = Some(how);
                return Step::End(how);
            }
            Out::Event(push) => {
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
