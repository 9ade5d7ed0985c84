//! One WebSocket, byte by byte: the upgrade, a task that reads, and a task that writes.
//!
//! The response body is a stream of raw bytes, so that a frame can be cut in half, split, or never come.

use std::{
    io,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use actix_http::ws::{self, Codec, Frame, Item};
use actix_web::{
    HttpRequest, HttpResponse,
    body::BodyStream,
    http::header::HeaderMap,
    rt,
    web::{self, Bytes, BytesMut},
};
use futures_util::{
    StreamExt,
    future::{Either, select},
    stream,
};
use socket2::Socket;
use tokio::sync::{Notify, mpsc};
use tokio_util::codec::Decoder;

use super::{
    frames,
    hub::Hub,
    line::{Line, Message, Voice},
};

/// Larger messages of clients are refused with a close.
const MAX_MESSAGE: usize = 16 << 20;

/// How long a closing server waits for the client to close too, and for a blocked socket to take what is left.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a socket is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropHow {
    /// A WebSocket close with this code, then the end of the TCP connection.
    Close(u16),
    /// The TCP connection ends (FIN) without a WebSocket close.
    Fin,
    /// The TCP connection is reset (RST).
    Reset,
    /// Half a frame is sent, and then the TCP connection is reset.
    MidFrame,
    /// Nothing is read or written any more, and no FIN is sent, as if a cable were cut; only the kernel still acknowledges what the
    /// client sends. The session counts as lost from now.
    HalfOpen,
    /// Pings are still answered, but nothing else is sent. The session lives on, for the server sees nothing wrong.
    Silent,
}

/// What a client said.
enum Heard<'a> {
    Text(&'a [u8]),
    Ping(Bytes),
    Pong,
    /// It closes, with this code.
    Close(u16),
    /// What no text protocol allows: a binary message, or one that is too long.
    Unusable,
    /// No WebSocket frame.
    Broken,
}

/// What the writer of a link does next.
pub(in crate::simulator) enum Step {
    Wait,
    Send(Vec<Message>),
    Bulk(Box<dyn Bulk>),
    End(DropHow),
}

/// Frames that are made by the chunk, when the socket takes them.
pub(in crate::simulator) trait Bulk {
    /// The next bytes; `None` when none are due.
    fn chunk(&mut self) -> Option<Bytes>;
    /// They were handed to the socket.
    fn written(self: Box<Self>);
}

/// How frames are put on the wire.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::simulator) struct Manner {
    /// Each text in several continuation frames.
    pub(in crate::simulator) fragments: bool,
    /// A few bytes at a time.
    pub(in crate::simulator) bytewise: bool,
}

/// Whose sockets they are. The lock of the hub is held while any of these is called.
pub(in crate::simulator) trait Host: Send + Sized + 'static {
    /// What is queued besides messages.
    type Data;

    /// How a text begins that is cut off.
    const HALF: &'static [u8];

    fn line(&mut self, link: u64) -> Option<&mut Line<Self::Data>>;

    /// What the writer does next, unless the line is broken or silent. It is asked again when the link is woken.
    fn next(&mut self, hub: &Arc<Hub<Self>>, link: u64) -> Step;

    fn manner(&self) -> Manner;

    /// The client said a text.
    fn said(&mut self, hub: &Arc<Hub<Self>>, link: u64, text: &[u8]);

    /// The client sent a ping. Says whether it is answered.
    fn pinged(&mut self) -> bool;

    /// The connection is gone. May be told twice.
    fn closed(&mut self, link: u64);
}

/// The answer to a handshake, unless the client's is none.
pub(in crate::simulator) fn handshake(
    request: &HttpRequest,
) -> Result<actix_http::ResponseBuilder, ws::HandshakeError> {
    ws::handshake(request.head())
}

/// Accepts a handshake: from now on the core of `hub` is asked what to say on `link`, whenever that is woken.
pub(in crate::simulator) fn accept<H: Host>(
    request: &HttpRequest,
    payload: web::Payload,
    mut response: actix_http::ResponseBuilder,
    hub: Arc<Hub<H>>,
    link: u64,
    wake: Arc<Notify>,
) -> HttpResponse {
    let (chunks, mut body) = mpsc::channel(2);
    let writer = Writer {
        hub: hub.clone(),
        id: link,
        wake,
        gone: Arc::new(Notify::new()),
        chunks,
        socket: request.conn_data::<Arc<Socket>>().cloned(),
    };
    rt::spawn(read(hub, link, payload, writer.gone.clone()));
    rt::spawn(writer.run());
    let body = stream::poll_fn(move |context| body.poll_recv(context));
    HttpResponse::from(response.body(BodyStream::new(body)).map_into_boxed_body())
}

/// A header's text, when it is there and is text.
pub(in crate::simulator) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Reads what the client says until it is gone.
async fn read<H: Host>(hub: Arc<Hub<H>>, id: u64, mut payload: web::Payload, gone: Arc<Notify>) {
    let mut codec = Codec::new().max_size(MAX_MESSAGE);
    let mut buffer = BytesMut::new();
    let mut partial = BytesMut::new();
    'socket: while let Some(Ok(bytes)) = payload.next().await {
        buffer.extend_from_slice(&bytes);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => heard(&hub, id, frame, &mut partial),
                Ok(None) => break,
                Err(_) => {
                    answer(&hub, id, Heard::Broken);
                    break 'socket;
                }
            }
        }
    }
    // Whatever else comes is of no interest, but the end of it is.
    while let Some(Ok(_)) = payload.next().await {}
    hub.lock().closed(id);
    gone.notify_one();
}

fn heard<H: Host>(hub: &Arc<Hub<H>>, id: u64, frame: Frame, partial: &mut BytesMut) {
    let say = |heard: Heard<'_>| answer(hub, id, heard);
    match frame {
        Frame::Text(text) => say(Heard::Text(&text)),
        Frame::Continuation(Item::FirstText(part)) => {
            partial.clear();
            partial.extend_from_slice(&part);
        }
        Frame::Continuation(Item::Continue(part)) if partial.len() + part.len() <= MAX_MESSAGE => {
            partial.extend_from_slice(&part);
        }
        Frame::Continuation(Item::Last(part)) => {
            partial.extend_from_slice(&part);
            say(Heard::Text(&partial.split()));
        }
        Frame::Ping(payload) => say(Heard::Ping(payload)),
        Frame::Pong(_) => say(Heard::Pong),
        Frame::Close(reason) => say(Heard::Close(reason.map_or(1000, |reason| reason.code.into()))),
        Frame::Binary(_) | Frame::Continuation(_) => say(Heard::Unusable),
    }
}

fn answer<H: Host>(hub: &Arc<Hub<H>>, id: u64, heard: Heard<'_>) {
    let mut core = hub.lock();
    let Some(line) = core.line(id).filter(|line| line.voice != Voice::Mute) else {
        return;
    };
    line.busy = Instant::now();
    match heard {
        Heard::Text(text) => core.said(hub, id, text),
        Heard::Ping(payload) => {
            if core.pinged()
                && let Some(line) = core.line(id)
            {
                line.say(Message::Pong(payload));
            }
        }
        Heard::Pong => {}
        Heard::Close(code) => line.close(code),
        Heard::Broken => line.close(1002),
        // Everything is text in these protocols; the code is inferred.
        Heard::Unusable => line.close(1003),
    }
}

struct Writer<H: Host> {
    hub: Arc<Hub<H>>,
    id: u64,
    /// Something is queued for this link, or it must end.
    wake: Arc<Notify>,
    /// The reader has seen the end of the connection.
    gone: Arc<Notify>,
    chunks: mpsc::Sender<io::Result<Bytes>>,
    /// The TCP connection itself, for a reset. Closed only when the last copy is dropped.
    socket: Option<Arc<Socket>>,
}

/// The socket takes no more.
enum Stop {
    Gone,
    Interrupted(DropHow),
}

impl<H: Host> Drop for Writer<H> {
    fn drop(&mut self) {
        self.hub.lock().closed(self.id);
    }
}

impl<H: Host> Writer<H> {
    async fn run(self) {
        loop {
            let step = self.next();
            let written = match step {
                Step::Wait => {
                    self.wait().await;
                    Ok(())
                }
                Step::Send(messages) => self.send_all(messages).await,
                Step::Bulk(mut bulk) => match bulk.chunk() {
                    None => Ok(()),
                    Some(chunk) => {
                        let written = self.write(chunk).await;
                        if written.is_ok() {
                            bulk.written();
                        }
                        written
                    }
                },
                Step::End(how) => Err(Stop::Interrupted(how)),
            };
            match written {
                Ok(()) => {}
                Err(Stop::Gone) => return,
                // What was begun is never finished; from now on the next step is to wait until the client gives up.
                Err(Stop::Interrupted(DropHow::HalfOpen)) => {}
                Err(Stop::Interrupted(how)) => return self.end(how).await,
            }
        }
    }

    fn next(&self) -> Step {
        let mut core = self.hub.lock();
        let Some(line) = core.line(self.id) else {
            return Step::End(DropHow::Fin);
        };
        line.ruled().unwrap_or_else(|| core.next(&self.hub, self.id))
    }

    /// Whether it must stop in the middle of what it writes, and how.
    fn interrupted(&self) -> Option<DropHow> {
        self.hub.lock().line(self.id).map_or(Some(DropHow::Fin), |line| line.interrupted())
    }

    /// Waits until there is something to do, or the connection is gone.
    async fn wait(&self) {
        let wake = pin!(self.wake.notified());
        let closed = pin!(self.chunks.closed());
        if let Either::Right(_) = select(wake, closed).await {
            self.hub.lock().closed(self.id);
        }
    }

    /// Hands bytes to the socket when it takes them, unless the link is broken meanwhile.
    async fn write(&self, chunk: Bytes) -> Result<(), Stop> {
        loop {
            let room = pin!(self.chunks.reserve());
            let wake = pin!(self.wake.notified());
            match select(room, wake).await {
                Either::Left((Ok(room), _)) => {
                    room.send(Ok(chunk));
                    return Ok(());
                }
                Either::Left((Err(_), _)) => return Err(Stop::Gone),
                Either::Right(_) => {
                    if let Some(how) = self.interrupted() {
                        return Err(Stop::Interrupted(how));
                    }
                }
            }
        }
    }

    async fn send_all(&self, messages: Vec<Message>) -> Result<(), Stop> {
        let Manner { fragments, bytewise } = self.hub.lock().manner();
        for message in messages {
            let bytes = match message {
                Message::Text(text) if fragments => frames::fragments(&text),
                Message::Text(text) => frames::text(&text),
                Message::Binary(bytes) => frames::binary(&bytes),
                Message::Ping => frames::ping(b""),
                Message::Pong(payload) => frames::pong(&payload),
            };
            if bytewise {
                self.trickle(bytes.into()).await?;
            } else {
                self.write(bytes.into()).await?;
            }
        }
        Ok(())
    }

    /// Writes the first bytes, where the frame's header is, in ones to fives, and the rest in pieces of 4 KiB.
    async fn trickle(&self, mut bytes: Bytes) -> Result<(), Stop> {
        const SLOW: usize = 48;
        let mut written = 0;
        while !bytes.is_empty() {
            let piece = if written < SLOW { written % 5 + 1 } else { 4096 };
            let piece = bytes.split_to(piece.min(bytes.len()));
            written += piece.len();
            self.write(piece).await?;
            // Gives the kernel time to send the piece on its own.
            rt::time::sleep(Duration::from_millis(u64::from(written < SLOW))).await;
        }
        Ok(())
    }

    async fn end(mut self, how: DropHow) {
        match how {
            DropHow::Close(code) => {
                let sent = rt::time::timeout(PATIENCE, self.chunks.send(Ok(frames::close(code).into()))).await;
                if matches!(sent, Ok(Ok(()))) {
                    let _ = rt::time::timeout(PATIENCE, self.gone.notified()).await;
                }
            }
            DropHow::MidFrame => {
                let mut half = Vec::new();
                frames::write_header(&mut half, true, frames::TEXT, 5000);
                half.extend_from_slice(H::HALF);
                let _ = rt::time::timeout(PATIENCE, self.chunks.send(Ok(half.into()))).await;
                // A reset overtakes what the kernel has not sent yet.
                rt::time::sleep(Duration::from_millis(20)).await;
                self.reset().await;
            }
            DropHow::Reset => self.reset().await,
            // The end of the body is the end of the connection.
            DropHow::Fin | DropHow::HalfOpen | DropHow::Silent => {}
        }
    }

    /// With a linger time of zero, closing a socket resets it.
    async fn reset(&mut self) {
        let Some(socket) = self.socket.take() else {
            return;
        };
        if let Err(error) = socket.set_linger(Some(Duration::ZERO)) {
            tracing::warn!(%error, "a connection cannot be reset, it will be closed");
        }
        let cut = Err(io::Error::new(io::ErrorKind::ConnectionReset, "the simulator resets this connection"));
        let cut = rt::time::timeout(Duration::from_millis(100), self.chunks.send(cut)).await;
        if cut.is_err() {
            // The client does not read, so the server is stuck in a write; this makes the write fail.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}
