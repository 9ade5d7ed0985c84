//! One WebSocket, byte by byte: the upgrade, a task that reads, and a task that writes.
//!
//! The response body is a stream of raw bytes, so that a frame can be cut in half, split, or never come.

use std::{io, pin::pin, sync::Arc, time::Duration};

use actix_http::ws::{self, Codec, Frame, Item};
use actix_web::{
    HttpRequest, HttpResponse,
    body::BodyStream,
    http::header,
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
    DropHow,
    commands::Outcome,
    faults::FaultKind,
    gateway,
    hub::Hub,
    link::{Message, Out, Step, Voice},
    wire,
};

/// Larger messages of clients are refused with a close.
const MAX_COMMAND: usize = 16 << 20;

/// How long a reply waits to be overtaken by a later one.
const HOLD: Duration = Duration::from_millis(150);

/// How long a closing server waits for the client to close too, and for a blocked socket to take what is left.
const PATIENCE: Duration = Duration::from_secs(1);

/// Answers a WebSocket handshake.
pub(super) fn upgrade(request: &HttpRequest, payload: web::Payload, hub: web::Data<Hub>) -> HttpResponse {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let authorized = {
        let mut core = hub.lock();
        let refusal = match (core.switches.refuse_upgrade(), bearer) {
            (Some(status), _) => Some((status, "Token validation failed: the token is not valid.")),
            (None, None) if core.switches.on(FaultKind::HeaderRequired) => {
                Some((401, "Token validation failed: no token was given."))
            }
            // Without a token the client has to say `authenticate`.
            (None, None) => None,
            (None, bearer) => core.verify(bearer).err().map(|fault| (401, fault.text())),
        };
        if let Some((status, text)) = refusal {
            core.count_upgrade(status);
            return gateway::refused(status, text);
        }
        bearer.is_some()
    };
    let mut response = match ws::handshake(request.head()) {
        Ok(response) => response,
        Err(error) => {
            let response = HttpResponse::from(actix_http::Response::from(error));
            hub.lock().count_upgrade(response.status().as_u16());
            return response;
        }
    };
    hub.lock().count_upgrade(101);
    let wake = Arc::new(Notify::new());
    let id = hub.lock().open_link(authorized, wake.clone());
    let (chunks, mut body) = mpsc::channel(2);
    let writer = Writer {
        hub: hub.clone().into_inner(),
        id,
        wake,
        gone: Arc::new(Notify::new()),
        chunks,
        socket: request.conn_data::<Arc<Socket>>().cloned(),
    };
    rt::spawn(read(hub.into_inner(), id, payload, writer.gone.clone()));
    rt::spawn(writer.run());
    let body = stream::poll_fn(move |context| body.poll_recv(context));
    HttpResponse::from(response.body(BodyStream::new(body)).map_into_boxed_body())
}

/// Reads what the client says until it is gone.
async fn read(hub: Arc<Hub>, id: u64, mut payload: web::Payload, gone: Arc<Notify>) {
    let mut codec = Codec::new().max_size(MAX_COMMAND);
    let mut buffer = BytesMut::new();
    let mut partial = BytesMut::new();
    'socket: while let Some(Ok(bytes)) = payload.next().await {
        buffer.extend_from_slice(&bytes);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => heard(&hub, id, frame, &mut partial),
                Ok(None) => break,
                Err(_) => {
                    push(&hub, id, Out::Close(1002));
                    break 'socket;
                }
            }
        }
    }
    // Whatever else comes is of no interest, but the end of it is.
    while let Some(Ok(_)) = payload.next().await {}
    hub.lock().close_link(id);
    gone.notify_one();
}

fn push(hub: &Hub, id: u64, out: Out) {
    if let Some(link) = hub.lock().links.get_mut(&id) {
        link.push(out);
    }
}

fn heard(hub: &Arc<Hub>, id: u64, frame: Frame, partial: &mut BytesMut) {
    if hub.lock().links.get(&id).is_none_or(|link| link.voice == Voice::Mute) {
        return;
    }
    match frame {
        Frame::Text(text) => command(hub, id, &text),
        Frame::Continuation(Item::FirstText(part)) => {
            partial.clear();
            partial.extend_from_slice(&part);
        }
        Frame::Continuation(Item::Continue(part)) if partial.len() + part.len() <= MAX_COMMAND => {
            partial.extend_from_slice(&part);
        }
        Frame::Continuation(Item::Last(part)) => {
            partial.extend_from_slice(&part);
            command(hub, id, &partial.split());
        }
        Frame::Ping(payload) => {
            let mut core = hub.lock();
            core.counters.pings += 1;
            let answer = !core.switches.on(FaultKind::NoPong);
            if let (true, Some(link)) = (answer, core.links.get_mut(&id)) {
                link.push(Out::Pong(payload));
            }
        }
        Frame::Pong(_) => {}
        Frame::Close(reason) => push(hub, id, Out::Close(reason.map_or(1000, |reason| reason.code.into()))),
        // Everything is text in this protocol. That the connection is closed is documented for malformed commands; the code is inferred.
        Frame::Binary(_) | Frame::Continuation(_) => push(hub, id, Out::Close(1003)),
    }
}

fn command(hub: &Arc<Hub>, id: u64, text: &[u8]) {
    let outcome = hub.lock().command(id, text);
    let (wait, reply) = match outcome {
        Outcome::Done => return,
        // The vendor documents no close code; this one is inferred.
        Outcome::Malformed => return push(hub, id, Out::Close(1008)),
        Outcome::Later(wait, reply) => (wait, Some(reply)),
        Outcome::Held => (HOLD, None),
    };
    let hub = hub.clone();
    rt::spawn(async move {
        rt::time::sleep(wait).await;
        hub.lock().release(id, reply);
    });
}

struct Writer {
    hub: Arc<Hub>,
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

impl Drop for Writer {
    fn drop(&mut self) {
        self.hub.lock().close_link(self.id);
    }
}

impl Writer {
    async fn run(self) {
        loop {
            let step = self.hub.lock().next(self.id);
            let written = match step {
                Step::Wait => {
                    self.wait().await;
                    Ok(())
                }
                Step::Send(messages) => self.send_all(messages).await,
                Step::Flood(mut job) => match job.chunk() {
                    None => Ok(()),
                    Some((chunk, events)) => {
                        let written = self.write(chunk).await;
                        if written.is_ok() {
                            self.hub.lock().flooded(self.id, job, events);
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

    /// Waits until there is something to do, or the connection is gone.
    async fn wait(&self) {
        let wake = pin!(self.wake.notified());
        let closed = pin!(self.chunks.closed());
        if let Either::Right(_) = select(wake, closed).await {
            self.hub.lock().close_link(self.id);
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
                    if let Some(how) = self.hub.lock().interrupted(self.id) {
                        return Err(Stop::Interrupted(how));
                    }
                }
            }
        }
    }

    async fn send_all(&self, messages: Vec<Message>) -> Result<(), Stop> {
        let (fragments, bytewise) = {
            let core = self.hub.lock();
            (core.switches.on(FaultKind::Fragments), core.switches.on(FaultKind::Bytewise))
        };
        for message in messages {
            let bytes = match message {
                Message::Text(text) if fragments => wire::fragments(&text),
                Message::Text(text) => wire::text(&text),
                Message::Pong(payload) => wire::pong(&payload),
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
                let sent = rt::time::timeout(PATIENCE, self.chunks.send(Ok(wire::close(code).into()))).await;
                if matches!(sent, Ok(Ok(()))) {
                    let _ = rt::time::timeout(PATIENCE, self.gone.notified()).await;
                }
            }
            DropHow::MidFrame => {
                let mut half = Vec::new();
                wire::write_header(&mut half, true, wire::TEXT, 5000);
                half.extend_from_slice(br#"{"events":[{"specversion":"1.0","id":"#);
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
