//! An open WebSocket, for a `tokio::select!` loop with one owner.

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use awc::BoxedSocket;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::{
    assembler::{Assembler, Incoming, Step},
    budget::{Budget, LARGE, Permit},
    buffer::{PROBE, ReadBuffer},
    error::{CloseReason, SendError},
    frame::{MAX_CONTROL, Opcode},
    outbox::Outbox,
    tape::SocketTape,
};

/// The most messages that one wake yields.
pub const MAX_BATCH: usize = 4096;

/// The most bytes that one wake yields; a single larger message comes alone.
pub const MAX_BATCH_BYTES: usize = LARGE;

/// How long [`WebSocket::shutdown`] may take.
pub const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// An open WebSocket.
///
/// Every method that waits is cancel-safe: what was read is kept, and the next call goes on from
/// there. So they can be branches of a `select!`. Reading and writing never wait for each other:
/// while [`wake`](Self::wake) or [`hold`](Self::hold) waits for the server, it also writes what is
/// queued.
///
/// # Holding back
///
/// Nothing is read while neither `wake` nor `hold` is polled; the kernel's buffers fill and TCP
/// slows the server down. But then its pings are not seen either, as they come after the data. So a
/// consumer that is busy should poll `hold`: it collects the next batch, which answers the pings up
/// to there, and then only writes. A server that goes on sending reaches the bound of a batch and
/// is slowed down; one that sends little but pings is answered for as long as it takes.
pub struct WebSocket {
    socket: BoxedSocket,
    buffer: ReadBuffer,
    assembler: Assembler,
    outbox: Outbox,
    budget: Arc<Budget>,
    permit: Option<PendingPermit>,
    /// Collected by `hold`, and its payloads' bytes.
    held: Vec<Incoming>,
    held_bytes: usize,
    /// The socket has ended; what was read before comes first.
    socket_end: Option<CloseReason>,
    /// All that came was given out.
    ended: Option<CloseReason>,
    last_byte: Instant,
    tape: Option<SocketTape>,
}

type PendingPermit = Pin<Box<dyn Future<Output = Permit>>>;

/// What to wait for when the buffer yields nothing.
enum Need {
    Bytes(usize),
    Permit(usize),
    Nothing,
}

impl WebSocket {
    /// Takes over a socket after the upgrade. `leftover` was read behind the upgrade's answer.
    pub(super) fn new(socket: BoxedSocket, leftover: &[u8], max_message: usize, budget: Arc<Budget>) -> Self {
        Self {
            socket,
            buffer: ReadBuffer::new(leftover),
            assembler: Assembler::new(max_message),
            outbox: Outbox::default(),
            budget,
            permit: None,
            held: Vec::new(),
            held_bytes: 0,
            socket_end: None,
            ended: None,
            last_byte: Instant::now(),
            tape: None,
        }
    }

    /// Tells a tape of what is said here, if there is one.
    pub(super) fn taped(self, tape: Option<SocketTape>) -> Self {
        Self { tape, ..self }
    }

    /// Waits for the next messages and appends them to `into`: at least one, and all that are whole
    /// in the buffer, in order, up to 4,096 messages or 1 MiB. A single larger message comes
    /// without other data.
    ///
    /// Pings are answered here and given out all the same; of several only the latest is answered.
    ///
    /// # Errors
    ///
    /// Why the connection ended, after all messages that came before. Further calls tell the same.
    /// A close frame, an answer or an accusation, has been queued where the protocol wants one, and
    /// written if the socket took it; [`shutdown`](Self::shutdown) does it for sure.
    pub async fn wake(&mut self, into: &mut Vec<Incoming>) -> Result<(), CloseReason> {
        poll_fn(|cx| self.poll_wake(cx, into)).await
    }

    /// Collects the next batch for a later [`wake`](Self::wake), answers pings, and writes what is
    /// queued, for as long as it is polled.
    ///
    /// Comes back only when the connection has ended; the batch is still there for `wake`.
    pub async fn hold(&mut self) -> CloseReason {
        poll_fn(|cx| self.poll_hold(cx)).await
    }

    /// Queues a text message. It is written while [`wake`](Self::wake), [`hold`](Self::hold) or
    /// [`flush`](Self::flush) is polled.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] when more than 1 MiB would wait; [`SendError::Closing`] after a close
    /// frame.
    pub fn send(&mut self, text: &str) -> Result<(), SendError> {
        self.outbox.send(Opcode::Text, text.as_bytes())?;
        if let Some(tape) = &self.tape {
            tape.sent(text);
        }
        Ok(())
    }

    /// Queues a ping. The answer comes as [`Incoming::Pong`] with the same payload.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`SendError::PingTooLong`] for more than 125 bytes.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        if payload.len() > MAX_CONTROL {
            return Err(SendError::PingTooLong(payload.len()));
        }
        self.outbox.send(Opcode::Ping, payload)
    }

    /// Queues a close frame behind what waits already; a second one is ignored. `reason` is cut to
    /// 123 bytes.
    ///
    /// Messages that the server sent before it answers are still given out, then
    /// [`CloseReason::ByUs`].
    pub fn close(&mut self, code: u16, reason: &str) {
        self.outbox.close(Some(code), reason);
    }

    /// Waits until everything queued is written, without reading.
    ///
    /// # Errors
    ///
    /// When the socket no longer takes bytes. What was received before can still be read.
    pub async fn flush(&mut self) -> Result<(), CloseReason> {
        poll_fn(|cx| self.outbox.poll_flush(&mut self.socket, cx)).await
    }

    /// Closes: sends a close frame if none was sent, writes what waits, and hangs up. Takes a
    /// second at most.
    ///
    /// The future is small: whoever may have to close a connection one day holds room for it until
    /// then.
    pub fn shutdown(self, code: u16) -> impl Future<Output = ()> {
        Box::pin(self.say_goodbye(code))
    }

    async fn say_goodbye(mut self, code: u16) {
        self.outbox.close(Some(code), "");
        let goodbye = async {
            self.flush().await.ok()?;
            self.socket.shutdown().await.ok()?;
            // A socket that is dropped with unread bytes is reset, and the reset may overtake the
            // close frame. So read until the server hangs up, but do not let it talk for ever.
            let mut scratch = [0; PROBE];
            let mut patience = 1024;
            while patience > 0 && self.socket.read(&mut scratch).await.ok()? > 0 {
                patience -= 1;
            }
            Some(())
        };
        // Late or not, the socket is dropped now.
        let _ = timeout(SHUTDOWN_TIMEOUT, goodbye).await;
    }

    /// When the last byte was read, be it part of an unfinished message; at first, when the
    /// connection opened.
    #[must_use]
    pub fn last_byte(&self) -> Instant {
        self.last_byte
    }

    /// Whether a large message waits for its share of the budget. Nothing is read meanwhile, so
    /// silence is not the server's.
    #[must_use]
    pub fn waits_for_budget(&self) -> bool {
        self.permit.is_some()
    }

    /// The memory that the read buffer holds, in bytes.
    #[cfg(test)]
    pub(super) fn buffer_held(&self) -> usize {
        self.buffer.held()
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>, into: &mut Vec<Incoming>) -> Poll<Result<(), CloseReason>> {
        if !self.held.is_empty() {
            into.append(&mut self.held);
            self.held = Vec::new();
            self.held_bytes = 0;
            // What cannot be written now is written by the next call, which also tells if the
            // socket is broken.
            let _ = self.outbox.poll_flush(&mut self.socket, cx);
            return Poll::Ready(Ok(()));
        }
        let start = into.len();
        self.poll_batch(cx, into, start, &mut 0)
    }

    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<CloseReason> {
        while self.held.len() < MAX_BATCH && self.held_bytes < MAX_BATCH_BYTES {
            let (mut held, mut bytes) = (mem::take(&mut self.held), self.held_bytes);
            let before = held.len();
            let batch = self.poll_batch(cx, &mut held, 0, &mut bytes);
            let grown = held.len() > before;
            (self.held, self.held_bytes) = (held, bytes);
            match batch {
                Poll::Ready(Ok(())) if grown => {}
                // The next message does not fit any more.
                Poll::Ready(Ok(())) => break,
                Poll::Ready(Err(reason)) => return Poll::Ready(reason),
                Poll::Pending => return Poll::Pending,
            }
        }
        match self.outbox.poll_flush(&mut self.socket, cx) {
            Poll::Ready(Err(reason)) => Poll::Ready(reason),
            _ => Poll::Pending,
        }
    }

    /// Reads until the batch has grown or is full. It begins at `start` in `into`, and has `bytes`
    /// of payload.
    fn poll_batch(
        &mut self,
        cx: &mut Context<'_>,
        into: &mut Vec<Incoming>,
        start: usize,
        bytes: &mut usize,
    ) -> Poll<Result<(), CloseReason>> {
        let before = into.len();
        loop {
            let need = self.take(into, start, bytes);
            let written = self.outbox.poll_flush(&mut self.socket, cx);
            if into.len() > before || matches!(need, Need::Nothing) && self.ended.is_none() {
                return Poll::Ready(Ok(()));
            }
            if let Some(reason) = &self.ended {
                if let Some(tape) = &mut self.tape {
                    tape.ended(reason);
                }
                return Poll::Ready(Err(reason.clone()));
            }
            if let Some(reason) = self.socket_end.take() {
                self.ended = Some(if self.outbox.is_closing() { CloseReason::ByUs } else { reason });
                continue;
            }
            let missing = match need {
                Need::Permit(size) => {
                    let budget = &self.budget;
                    let permit = self.permit.get_or_insert_with(|| {
                        let budget = Arc::clone(budget);
                        Box::pin(async move { budget.take(size).await })
                    });
                    match permit.as_mut().poll(cx) {
                        Poll::Ready(permit) => {
                            self.permit = None;
                            self.assembler.grant(permit);
                            continue;
                        }
                        Poll::Pending => return Poll::Pending,
                    }
                }
                Need::Bytes(missing) => missing,
                Need::Nothing => 0,
            };
            if self.poll_fill(cx, missing).is_pending() {
                // Reading may still tell why the server hung up; when there is nothing to read, the
                // failed write has the word.
                if let Poll::Ready(Err(reason)) = written {
                    self.socket_end = Some(reason);
                    continue;
                }
                self.buffer.rest();
                return Poll::Pending;
            }
        }
    }

    /// Reads what there is, at most twice: a quiet connection reads little at first.
    fn poll_fill(&mut self, cx: &mut Context<'_>, missing: usize) -> Poll<()> {
        ready!(self.poll_read(cx, missing));
        if self.buffer.probe_was_full() {
            // Whatever comes of it, there is something to parse.
            let _ = self.poll_read(cx, 0);
        }
        Poll::Ready(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, missing: usize) -> Poll<()> {
        match ready!(self.buffer.poll_read(&mut self.socket, cx, missing)) {
            Ok(0) => self.socket_end = Some(CloseReason::Eof),
            Ok(_) => self.last_byte = Instant::now(),
            Err(error) => self.socket_end = Some(CloseReason::from(&error)),
        }
        Poll::Ready(())
    }

    /// Takes whole messages from the buffer until the batch is full.
    fn take(&mut self, into: &mut Vec<Incoming>, start: usize, bytes: &mut usize) -> Need {
        while self.ended.is_none() {
            if into.len() - start >= MAX_BATCH || *bytes >= MAX_BATCH_BYTES {
                return Need::Nothing;
            }
            let room = if *bytes == 0 { usize::MAX } else { MAX_BATCH_BYTES - *bytes };
            match self.assembler.next(&mut self.buffer.bytes, room) {
                Ok(Step::Message(message)) => {
                    *bytes += message.len();
                    if let Some(tape) = &self.tape {
                        tape.got(&message);
                    }
                    into.push(message);
                }
                Ok(Step::Ping(payload)) => {
                    self.outbox.answer(&payload);
                    into.push(Incoming::Ping);
                }
                Ok(Step::NoRoom) => return Need::Nothing,
                Ok(Step::NeedsBytes(missing)) => return Need::Bytes(missing),
                Ok(Step::NeedsPermit(size)) => return Need::Permit(size),
                Ok(Step::Close { code, reason }) => self.ended = Some(self.closed_by_server(code, reason)),
                Err(reason) => {
                    self.outbox.close(Some(accusation(&reason)), &reason.to_string());
                    self.ended = Some(reason);
                }
            }
        }
        Need::Nothing
    }

    fn closed_by_server(&mut self, code: Option<u16>, reason: String) -> CloseReason {
        if self.outbox.is_closing() {
            return CloseReason::ByUs;
        }
        // 1004 to 1006, 1015 and the unassigned codes must not be sent (RFC 6455, section 7.4).
        let answer = code.map(|code| if matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) { code } else { 1002 });
        self.outbox.close(answer, "");
        CloseReason::ByServer { code, reason }
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("held", &self.held.len()).field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// The close code that tells the server what it did.
fn accusation(reason: &CloseReason) -> u16 {
    match reason {
        CloseReason::TooLarge { .. } => 1009,
        CloseReason::NotUtf8 => 1007,
        _ => 1002,
    }
}
