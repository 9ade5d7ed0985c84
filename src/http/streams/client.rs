//! One client of a stream: the body that it is sent, and the watch over whether it takes it.
//!
//! actix-web asks a body for more only when what it gave before has gone to the socket (beyond 32 KiB). So a client that never reads costs 32
//! KiB, a block, and the system's buffers, but its body is never asked again, and can neither end itself nor notice: the server waits for the socket
//! to take more, for as long as the other side keeps it open. Time-outs of the system are no help everywhere (`TCP_USER_TIMEOUT` is Linux's alone).
//! So a task beside each body looks at when it was asked last, and shuts the socket down through a second descriptor of it: then the server's write fails,
//! and it lets go of everything.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::VecDeque,
    convert::Infallible,
    net::Shutdown,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, MessageBody},
    dev::Extensions,
    rt::{self, net::TcpStream, task::JoinHandle},
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use socket2::{SockRef, Socket};
use tokio::time::MissedTickBehavior;
use watchpost_actors::model::event::Committed;

use super::Ticket;
use crate::http::telemetry::StreamCutOff;

/// Bytes that the system may keep for a client, so that those who read nothing do not hold megabytes each. Linux takes twice of it.
const SENDING: usize = 64 << 10;
/// How often it is looked at within the time for which a client may take nothing.
const LOOKS: u32 = 16;

/// The socket of a connection, to be shut down when its client takes nothing.
pub(super) struct Line(Arc<Socket>);

/// Keeps the socket of a connection at hand.
pub(in crate::http) fn keep_socket(io: &dyn Any, kept: &mut Extensions) {
    let Some(stream) = io.downcast_ref::<TcpStream>() else { return };
    // Without descriptors left there is none; then a client is not cut off.
    if let Ok(socket) = SockRef::from(stream).try_clone() {
        kept.insert(Line(Arc::new(socket)));
    }
}

/// Where frames come from.
pub(super) trait Source {
    /// The next of them, whenever there is one; `None` at the end.
    async fn next(&mut self) -> Option<Bytes>;
}

/// What is known of how a client takes what it gets.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Since when it has had something to take; `None` while it has taken all but what the server may keep back.
    owed: Cell<Option<Instant>>,
    /// Events read from the journal for it.
    pub(super) page: RefCell<VecDeque<Arc<Committed>>>,
}

/// The body of a stream.
pub(super) struct Body {
    frames: Pin<Box<dyn Stream<Item = Bytes>>>,
    progress: Rc<Progress>,
    watch: JoinHandle<()>,
    _ticket: Ticket,
}

impl Body {
    pub(super) fn new(
        source: impl Source + 'static,
        progress: Rc<Progress>,
        ticket: Ticket,
        patience: Duration,
        line: Option<&Line>,
    ) -> Self {
        let line = line.map(|line| Arc::clone(&line.0));
        if let Some(line) = &line {
            // Then it keeps what it has set by itself.
            let _ = line.set_send_buffer_size(SENDING);
        }
        let watch = rt::spawn(watch(Rc::clone(&progress), line, patience, ticket.kind));
        let frames = stream::unfold(source, |mut source| async { Some((source.next().await?, source)) });
        Self { frames: Box::pin(frames), progress, watch, _ticket: ticket }
    }
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let next = self.frames.as_mut().poll_next(context);
        self.progress.owed.set(next.is_ready().then(Instant::now));
        next.map(|frame| frame.map(Ok))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

/// Cuts a client off that has taken nothing for too long. What counts is how often that was found so, with time for everybody in between, and not the
/// clock: on a machine that had no time for this thread, a client may have been willing all along.
async fn watch(progress: Rc<Progress>, line: Option<Arc<Socket>>, patience: Duration, kind: &'static str) {
    let mut often = rt::time::interval((patience / LOOKS).max(Duration::from_millis(10)));
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut found) = (None, 0);
    loop {
        often.tick().await;
        let owed = progress.owed.get();
        found = if owed.is_some() && owed == before { found + 1 } else { 0 };
        before = owed;
        if found > 0 {
            // Read again when it goes on.
            progress.page.borrow_mut().clear();
        }
        if found >= LOOKS {
            if let Some(line) = &line {
                StreamCutOff { kind, why: "stalled" }.emit();
                // It may be gone already.
                let _ = line.shutdown(Shutdown::Both);
            }
            return;
        }
    }
}
