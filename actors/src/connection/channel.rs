//! The socket of a try: what goes out over it, what comes in, and whether it is alive. A try that has no socket, not yet or because its vendor is
//! only asked for answers, sends nothing, hears nothing and loses nothing here.

use std::time::Instant;

use super::liveness::{Due, Liveness};
use super::reading::read;
use crate::settings::CommonSettings;
use crate::transport::{CloseReason, Incoming, SendError, WebSocket};

/// The socket, if there is one, and the watch over it.
pub(super) struct Channel<'a> {
    common: &'a CommonSettings,
    socket: Option<WebSocket>,
    /// The socket ended while it was held; what it has collected is still to be read.
    over: bool,
    liveness: Liveness,
    barriers: u32,
}

impl<'a> Channel<'a> {
    /// No socket yet.
    pub(super) fn new(common: &'a CommonSettings) -> Self {
        Self { common, socket: None, over: false, liveness: watch(common, Instant::now()), barriers: 0 }
    }

    /// The socket has opened.
    pub(super) fn open(&mut self, socket: WebSocket, now: Instant) {
        self.socket = Some(socket);
        self.liveness = watch(self.common, now);
    }

    /// The socket, which is not the try's any more.
    pub(super) fn take(&mut self) -> Option<WebSocket> {
        self.over = false;
        self.socket.take()
    }

    /// See [`read`].
    pub(super) async fn read(&mut self, held: bool, into: &mut Vec<Incoming>) -> Result<(), CloseReason> {
        let result = read(self.socket.as_mut(), held, &mut self.over, into).await;
        if let (Ok(()), Some(socket)) = (&result, &self.socket) {
            self.liveness.heard(socket.last_byte().into_std());
        }
        result
    }

    /// We were not listening; the server gets its full time from here.
    pub(super) fn listen_again(&mut self, now: Instant) {
        self.liveness.heard(now);
    }

    /// A slow answer is awaited until then, or has come.
    pub(super) fn set_patience(&mut self, until: Option<Instant>, now: Instant) {
        self.liveness.set_patience(until, now);
    }

    pub(super) fn send(&mut self, text: &str) -> Result<(), SendError> {
        self.write(|socket| socket.send(text))
    }

    pub(super) fn ping(&mut self) -> Result<(), SendError> {
        self.write(|socket| socket.ping(b""))
    }

    /// Sends a ping whose answer comes behind all that the server has sent before it.
    pub(super) fn set_barrier(&mut self) -> Result<(), SendError> {
        self.barriers += 1;
        let payload = barrier(self.barriers);
        self.write(|socket| socket.ping(&payload))
    }

    /// Whether this is the answer to the last barrier.
    pub(super) fn is_barrier(&self, payload: &[u8]) -> bool {
        *payload == *barrier(self.barriers)
    }

    /// A socket that is over is lost when it is read empty, not before.
    fn write(&mut self, write: impl FnOnce(&mut WebSocket) -> Result<(), SendError>) -> Result<(), SendError> {
        let written = self.socket.as_mut().map_or(Ok(()), write);
        if self.over { Ok(()) } else { written }
    }

    /// The next moment at which a silent server is to be looked at.
    pub(super) fn next(&self) -> Option<Instant> {
        self.socket.as_ref().map(|_| self.liveness.next())
    }

    /// What is due, where it is known that there is nothing to read.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let Some(socket) = &self.socket else { return Due::Nothing };
        self.liveness.heard(if socket.waits_for_budget() { now } else { socket.last_byte().into_std() });
        self.liveness.due(now)
    }
}

fn watch(common: &CommonSettings, now: Instant) -> Liveness {
    Liveness::new(common.ping_after, common.dead_after, now)
}

fn barrier(number: u32) -> Vec<u8> {
    format!("watchpost-{number}").into_bytes()
}
