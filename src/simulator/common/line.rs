//! A socket as the core sees it: what is queued for it, whether it still talks, and how it is to end.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use actix_web::web::Bytes;
use tokio::sync::Notify;

use super::socket::{DropHow, Step};

/// Whether a line still talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulator) enum Voice {
    Normal,
    /// Only pongs.
    PongsOnly,
    Mute,
}

/// A message ready to be framed.
pub(in crate::simulator) enum Message {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping,
    Pong(Bytes),
}

/// What waits to be sent, in order.
pub(in crate::simulator) enum Out<D> {
    /// What the vendor's room puts into words when it is sent, and notes as shown.
    Data(D),
    Message(Message),
    End(DropHow),
}

/// The core's end of a socket.
pub(in crate::simulator) struct Line<D> {
    pub(in crate::simulator) queue: VecDeque<Out<D>>,
    pub(in crate::simulator) wake: Arc<Notify>,
    /// It must end at once, whatever is queued.
    pub(in crate::simulator) end: Option<DropHow>,
    pub(in crate::simulator) voice: Voice,
    /// When something was last heard or said on it, or it was opened.
    pub(in crate::simulator) busy: Instant,
}

impl<D> Line<D> {
    pub(in crate::simulator) fn new(wake: Arc<Notify>) -> Self {
        Self { queue: VecDeque::new(), wake, end: None, voice: Voice::Normal, busy: Instant::now() }
    }

    pub(in crate::simulator) fn push(&mut self, out: Out<D>) {
        self.queue.push_back(out);
        self.wake.notify_one();
    }

    pub(in crate::simulator) fn say(&mut self, message: Message) {
        self.push(Out::Message(message));
    }

    pub(in crate::simulator) fn text(&mut self, text: impl Into<Vec<u8>>) {
        self.say(Message::Text(text.into()));
    }

    /// Closes it when all that is queued before is sent.
    pub(in crate::simulator) fn close(&mut self, code: u16) {
        self.push(Out::End(DropHow::Close(code)));
    }

    /// Breaks it. Nothing that is queued is sent any more, but the pongs of one that falls silent.
    pub(in crate::simulator) fn lose(&mut self, how: DropHow) {
        match how {
            // A socket that is half open already stays so.
            DropHow::Silent if self.voice == Voice::Mute => {}
            DropHow::Silent => self.voice = Voice::PongsOnly,
            DropHow::HalfOpen => self.voice = Voice::Mute,
            _ => self.end = Some(how),
        }
        self.queue.retain(|out| how == DropHow::Silent && matches!(out, Out::Message(Message::Pong(_))));
        self.wake.notify_one();
    }

    /// What the writer does next, if that does not depend on what is first in the queue.
    pub(in crate::simulator) fn ruled(&mut self) -> Option<Step> {
        if let Some(how) = self.end {
            return Some(Step::End(how));
        }
        match self.voice {
            Voice::Normal => None,
            Voice::PongsOnly => Some(self.take_pong().map_or(Step::Wait, |pong| Step::Send(vec![pong]))),
            Voice::Mute => Some(Step::Wait),
        }
    }

    /// The next pong in the queue, wherever it is.
    fn take_pong(&mut self) -> Option<Message> {
        let position = self.queue.iter().position(|out| matches!(out, Out::Message(Message::Pong(_))))?;
        match self.queue.remove(position) {
            Some(Out::Message(pong)) => Some(pong),
            _ => None,
        }
    }

    /// Whether the writer must stop in the middle of what it writes, and how.
    pub(in crate::simulator) fn interrupted(&self) -> Option<DropHow> {
        match self.voice {
            Voice::Mute => Some(DropHow::HalfOpen),
            Voice::Normal | Voice::PongsOnly => self.end,
        }
    }
}
