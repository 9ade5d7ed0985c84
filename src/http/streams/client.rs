//! One client of a stream: the body that it is sent.
//!
//! actix-web asks a body for more only when what it gave before has gone to the socket (beyond 32 KiB). So a client that never reads costs 32
//! KiB, a block, and the system's buffers, until its [line](crate::http::line) is cut off. A task beside each body notices earlier that it was not asked
//! for a while, and gives back the page of the journal that it holds.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    convert::Infallible,
    future::ready,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use actix_web::{
    body::{BodySize, MessageBody},
    rt::{self, task::JoinHandle},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::MissedTickBehavior;
use watchpost_actors::model::event::Committed;

use super::{Ticket, frame::OPENING};
use crate::http::{line::Line, telemetry::StreamCutOff};

/// How often it is looked at within the time for which a client may take nothing.
const LOOKS: u32 = 16;

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
    line: Option<Line>,
    watch: JoinHandle<()>,
    ticket: Ticket,
}

impl Body {
    pub(super) fn new(
        source: impl Source + 'static,
        progress: Rc<Progress>,
        ticket: Ticket,
        patience: Duration,
        line: Option<Line>,
    ) -> Self {
        if let Some(line) = &line {
            // Behind a stream comes no other request, so it holds until the end.
            line.set_patience(patience);
        }
        let watch = rt::spawn(watch(Rc::clone(&progress), patience));
        let frames = stream::unfold(source, |mut source| async { Some((source.next().await?, source)) });
        let frames = stream::once(ready(Bytes::from_static(OPENING))).chain(frames);
        Self { frames: Box::pin(frames), progress, line, watch, ticket }
    }
}

impl MessageBody for Body {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        // Who has closed its sending side is most likely gone, and must not count as a client until a write fails.
        if self.line.as_ref().is_some_and(Line::has_ended) {
            return Poll::Ready(None);
        }
        let next = self.frames.as_mut().poll_next(context);
        self.progress.owed.set(next.is_ready().then(Instant::now));
        next.map(|frame| frame.map(Ok))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.watch.abort();
        if self.line.as_ref().is_some_and(Line::is_cut_off) {
            StreamCutOff { kind: self.ticket.kind, why: "stalled" }.emit();
        }
    }
}

/// Gives back the page of a client that takes nothing. What counts is how it was found twice, with time for everybody in between, and not the clock.
async fn watch(progress: Rc<Progress>, patience: Duration) {
    let mut often = rt::time::interval((patience / LOOKS).max(Duration::from_millis(10)));
    often.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        often.tick().await;
        let owed = progress.owed.get();
        if owed.is_some() && owed == before {
            // Read again when it goes on.
            progress.page.borrow_mut().clear();
        }
        before = owed;
    }
}
