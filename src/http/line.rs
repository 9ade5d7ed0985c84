//! The connection of one client, with limits on how long it may keep us waiting.
//!
//! actix-http has a time limit for the first head of a connection alone: neither a later head nor a client that takes nothing ever ends one. So the
//! socket itself knows since when it waits. Between two requests it waits for a head; while the system takes no more bytes, for the client to read.
//! When either has taken too long, writing fails, and the server lets go of everything. What the client has sent, or taken, in the meantime is looked
//! at first: so on a machine that had no time for this thread nobody is blamed who was willing.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::rt::{
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    limits::Limits,
    telemetry::{Connected, CutOff},
};

/// Bytes that the system may keep for a client, so that those who read nothing do not hold megabytes each. Linux takes twice of it.
const SENDING: usize = 64 << 10;
/// What actix-http answers to a first head that is late, which is why it never comes to us.
const LATE: &[u8] = b"HTTP/1.1 408 ";

/// What is known of a connection, for whoever answers there.
#[derive(Debug, Clone)]
pub(super) struct Line(Rc<State>);

#[derive(Debug)]
struct State {
    head: Duration,
    idle: Duration,
    /// For how long nothing may be taken.
    patience: Cell<Duration>,
    /// Since when the next head is waited for; none while a request is answered.
    waiting: Cell<Option<Instant>>,
    /// When the first byte of that head came.
    begun: Cell<Option<Instant>>,
    /// Nothing has been answered yet.
    is_fresh: Cell<bool>,
    /// Since when the system takes no more bytes.
    stalled: Cell<Option<Instant>>,
    /// The client will send no more.
    has_ended: Cell<bool>,
    is_cut_off: Cell<bool>,
}

impl Line {
    /// A request is answered from now on, until what is given back is dropped.
    pub(super) fn answering(&self) -> Answering {
        self.0.waiting.set(None);
        self.0.begun.set(None);
        self.0.is_fresh.set(false);
        Answering(Rc::clone(&self.0))
    }

    /// For how long nothing may be taken, from now on.
    pub(super) fn set_patience(&self, patience: Duration) {
        self.0.patience.set(patience);
    }

    /// Whether the client will send no more: it has closed its sending side, or is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.0.has_ended.get()
    }

    /// Whether the client had taken nothing for too long.
    pub(super) fn is_cut_off(&self) -> bool {
        self.0.is_cut_off.get()
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(super) struct Answering(Rc<State>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.waiting.set(Some(Instant::now()));
    }
}

impl State {
    /// When the client will have kept us waiting for too long, and with what.
    fn due(&self) -> Option<(Instant, CutOff)> {
        let head = match (self.waiting.get(), self.begun.get()) {
            (None, _) => None,
            (Some(_), Some(begun)) => Some((begun + self.head, CutOff::Head)),
            (Some(since), None) => Some((since + self.idle, CutOff::Idle)),
        };
        let taken = self.stalled.get().map(|since| (since + self.patience.get(), CutOff::Stalled));
        head.into_iter().chain(taken).min_by_key(|(due, _)| *due)
    }
}

/// The socket of a client.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    state: Rc<State>,
    timer: Pin<Box<Sleep>>,
    _connected: Connected,
    /// Reading waits until the client has taken what it was sent.
    is_held: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, limits: &Limits) -> Self {
        // Where it is refused, the system keeps what it keeps.
        let _ = SockRef::from(&stream).set_send_buffer_size(SENDING);
        let now = Instant::now();
        let state = State {
            head: limits.head,
            idle: limits.idle,
            patience: Cell::new(limits.patience),
            waiting: Cell::new(Some(now)),
            begun: Cell::new(None),
            is_fresh: Cell::new(true),
            stalled: Cell::new(None),
            has_ended: Cell::new(false),
            is_cut_off: Cell::new(false),
        };
        let timer = Box::pin(sleep_until(now));
        Self { stream, state: Rc::new(state), timer, _connected: Connected::begin(), is_held: false }
    }

    pub(super) fn line(&self) -> Line {
        Line(Rc::clone(&self.state))
    }

    /// Fails when the client has kept us waiting for too long; otherwise looks again in time.
    fn look(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some((due, why)) = self.state.due() else { return Ok(()) };
        if self.timer.deadline() != due {
            self.timer.as_mut().reset(due);
        }
        if self.timer.as_mut().poll(context).is_pending() {
            return Ok(());
        }
        why.emit();
        self.state.is_cut_off.set(why == CutOff::Stalled);
        if why == CutOff::Stalled {
            // Then the system, too, drops at once what nobody takes.
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.state.stalled.get().is_some() {
            // Who takes no answers may not ask for more of them.
            this.is_held = true;
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let state = &this.state;
        if buffer.filled().len() == before {
            state.has_ended.set(true);
        } else if state.waiting.get().is_some() && state.begun.get().is_none() {
            state.begun.set(Some(Instant::now()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.state.is_fresh.replace(false) && bytes.starts_with(LATE) {
            let why = if this.state.begun.get().is_some() { CutOff::Head } else { CutOff::Idle };
            why.emit();
        }
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        if written.is_pending() {
            let since = this.state.stalled.get().unwrap_or_else(Instant::now);
            this.state.stalled.set(Some(since));
            this.look(context)?;
            return Poll::Pending;
        }
        this.state.stalled.set(None);
        if this.state.waiting.get().is_some() {
            // The end of an answer is still on its way.
            this.state.waiting.set(Some(Instant::now()));
        }
        if std::mem::take(&mut this.is_held) {
            context.waker().wake_by_ref();
        }
        written
    }

    // The server comes here whenever it has read and written what it could, and so whenever the timer wakes it.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        Poll::Ready(this.look(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
