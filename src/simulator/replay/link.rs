//! One socket that is played.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    core::{Core, Hub},
    recording::{Said, Script},
};
use crate::simulator::common::{
    line::{Line, Message, Out},
    socket::{DropHow, Host, Manner, Step},
};

/// Messages that are sent in one go.
const AT_ONCE: usize = 256;

pub(super) struct Link {
    line: Line<()>,
    script: Script,
    /// How many of its messages were sent.
    sent: usize,
    /// How many messages the client has sent.
    heard: usize,
    opened: Instant,
    /// It was told that the client keeps this replay waiting.
    told: bool,
}

/// A message that is overdue by so much, for want of one of the client's, is told of.
const OVERDUE: f64 = 5.0;

impl Link {
    pub(super) fn new(script: Script, wake: Arc<Notify>) -> Self {
        Self { line: Line::new(wake), script, sent: 0, heard: 0, opened: Instant::now(), told: false }
    }

    /// How many messages are still to be sent.
    pub(super) fn left(&self) -> usize {
        self.script.frames.len() - self.sent
    }

    /// Whether something is due that was recorded after so many seconds and so many messages of the client.
    fn is_due(&self, after: f64, heard: usize, speed: f64) -> bool {
        let passed = self.opened.elapsed().as_secs_f64() * speed;
        self.heard >= heard && passed >= after
    }

    /// Lets the writer look if something is due.
    pub(super) fn wake_if_due(&mut self, speed: f64) {
        let next = self.script.frames.get(self.sent).map(|frame| (frame.after, frame.heard));
        let end = self.script.end.map(|end| (end.after, end.heard));
        if next.or(end).is_some_and(|(after, heard)| self.is_due(after, heard, speed)) {
            self.line.wake.notify_one();
        }
        let overdue = |after: f64| self.opened.elapsed().as_secs_f64() - after / speed > OVERDUE;
        if let Some((_, heard)) = next.filter(|(after, heard)| self.heard < *heard && overdue(*after) && !self.told) {
            self.told = true;
            tracing::warn!(
                missing = heard - self.heard,
                left = self.left(),
                "The replay of a WebSocket waits: by now the client had sent more messages when this was recorded."
            );
        }
    }

    fn step(&mut self, speed: f64, rewritten: impl Fn(&[u8]) -> Vec<u8>) -> Step {
        let mut messages = Vec::new();
        while let Some(out) = self.line.queue.pop_front() {
            match out {
                Out::Message(message) => messages.push(message),
                Out::Data(()) => {}
                Out::End(how) if messages.is_empty() => return Step::End(how),
                Out::End(how) => {
                    self.line.queue.push_front(Out::End(how));
                    break;
                }
            }
        }
        while messages.len() < AT_ONCE
            && let Some(frame) = self.script.frames.get(self.sent)
            && self.is_due(frame.after, frame.heard, speed)
        {
            messages.push(match &frame.said {
                Said::Text(text) => Message::Text(rewritten(text.as_bytes())),
                Said::Binary(bytes) => Message::Binary(bytes.clone()),
            });
            self.sent += 1;
        }
        if !messages.is_empty() {
            return Step::Send(messages);
        }
        match self.script.end {
            Some(end) if self.left() == 0 && self.is_due(end.after, end.heard, speed) => {
                Step::End(end.code.map_or(DropHow::Fin, DropHow::Close))
            }
            _ => Step::Wait,
        }
    }
}

impl Host for Core {
    type Data = ();

    const HALF: &'static [u8] = b"{";

    fn line(&mut self, link: u64) -> Option<&mut Line<()>> {
        self.links.get_mut(&link).map(|link| &mut link.line)
    }

    fn next(&mut self, _: &Arc<Hub>, id: u64) -> Step {
        let speed = self.speed;
        let Some(mut link) = self.links.remove(&id) else { return Step::End(DropHow::Fin) };
        let step = link.step(speed, |text| self.rewritten(text));
        self.links.insert(id, link);
        step
    }

    fn manner(&self) -> Manner {
        Manner::default()
    }

    fn said(&mut self, _: &Arc<Hub>, link: u64, _: &[u8]) {
        if let Some(link) = self.links.get_mut(&link) {
            link.heard += 1;
            link.line.wake.notify_one();
        }
    }

    fn pinged(&mut self) -> bool {
        true
    }

    fn closed(&mut self, link: u64) {
        self.links.remove(&link);
    }
}

impl Core {
    /// Time begins for this socket.
    pub(super) fn opened(&mut self, link: u64) {
        if let Some(link) = self.links.get_mut(&link) {
            link.opened = Instant::now();
        }
    }

    pub(super) fn tick_links(&mut self, _: Duration) {
        let speed = self.speed;
        self.links.values_mut().for_each(|link| link.wake_if_due(speed));
    }
}
