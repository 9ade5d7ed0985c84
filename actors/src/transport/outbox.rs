//! What waits to be written: masked frames, and the answer to the latest ping.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use awc::BoxedSocket;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::{
    error::{CloseReason, SendError},
    frame::{self, MAX_CONTROL, Opcode},
};

/// The most that may wait to be written, in bytes.
pub(super) const MAX_WAITING: usize = 1024 * 1024;

/// Frames that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: BytesMut,
    /// The latest ping that is not answered yet. Earlier ones need no answer (RFC 6455, section
    /// 5.5.3).
    ping: Option<Bytes>,
    /// Written, but perhaps still in the TLS layer.
    unflushed: bool,
    closing: bool,
    broken: Option<CloseReason>,
}

impl Outbox {
    pub(super) fn send(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        if self.closing || self.broken.is_some() {
            return Err(SendError::Closing);
        }
        let waiting = self.waiting.len();
        if waiting.saturating_add(payload.len()) > MAX_WAITING {
            return Err(SendError::Full { waiting, limit: MAX_WAITING });
        }
        self.write(opcode, payload);
        Ok(())
    }

    /// Queues the close frame, once. A close frame always finds room, and nothing is queued after
    /// it.
    pub(super) fn close(&mut self, code: Option<u16>, reason: &str) {
        if self.closing {
            return;
        }
        let mut payload = Vec::with_capacity(MAX_CONTROL);
        if let Some(code) = code {
            payload.extend_from_slice(&code.to_be_bytes());
            let reason = &reason[..reason.floor_char_boundary(MAX_CONTROL - payload.len())];
            payload.extend_from_slice(reason.as_bytes());
        }
        self.write(Opcode::Close, &payload);
        self.closing = true;
        self.ping = None;
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Remembers to answer this ping instead of an earlier one. The payload is copied: a slice
    /// would keep a whole read buffer alive.
    pub(super) fn answer(&mut self, ping: &[u8]) {
        if !self.closing {
            self.ping = Some(Bytes::copy_from_slice(ping));
        }
    }

    /// Writes until nothing waits.
    pub(super) fn poll_flush(
        &mut self,
        socket: &mut BoxedSocket,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), CloseReason>> {
        if let Some(reason) = &self.broken {
            return Poll::Ready(Err(reason.clone()));
        }
        match ready!(self.poll_write(socket, cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => {
                let reason = CloseReason::from(&error);
                self.broken = Some(reason.clone());
                self.waiting = BytesMut::new();
                Poll::Ready(Err(reason))
            }
        }
    }

    fn poll_write(&mut self, socket: &mut BoxedSocket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while !self.waiting.is_empty() {
                let count = ready!(Pin::new(&mut *socket).poll_write(cx, &self.waiting))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.waiting.advance(count);
                self.unflushed = true;
            }
            // Only now, so that many pings to a server that does not read leave one answer, not a
            // queue of them.
            match self.ping.take() {
                Some(ping) => self.write(Opcode::Pong, &ping),
                None => break,
            }
        }
        if self.unflushed {
            // An idle connection keeps no buffer.
            self.waiting = BytesMut::new();
            ready!(Pin::new(socket).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    fn write(&mut self, opcode: Opcode, payload: &[u8]) {
        frame::write_masked(&mut self.waiting, opcode, payload, rand::random());
    }
}
