//! Delivery to NATS JetStream, as CloudEvents 1.0.
//!
//! ```text
//! events ─► message (subject, headers, payload) ─► session ─► link (published, one after another, each acknowledged) ─► Ok, or Failure
//!                                                    └─► stream (made if it is missing, and whether it takes our subjects)
//! states ─► mirror ─► board ─► the key-value bucket, over the same connection
//! ```
//!
//! All lanes share one connection. Within a lane an event is sent when the one before it is acknowledged, so that their order is kept
//! whatever is refused in between; lanes do not wait for each other. An event has the same `Nats-Msg-Id` however often it is sent: what the
//! server has got already, it drops. `progress` remembers how much of a delivery is acknowledged when it breaks off in its midst.

mod board;
mod link;
mod message;
mod progress;
mod session;
mod stream;
#[cfg(test)]
mod tests;
mod trial;
mod trouble;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use tokio::{
    select,
    task::{AbortHandle, spawn_local},
};
use watchpost_actors::{
    EngineHandle,
    model::{Filter, event::SharedEvent},
    transport::TlsError,
};

pub(super) use self::trial::look;
use self::{board::Buckets, message::Message, progress::Progress, session::Session};
use super::{
    delivery::Delivery,
    mirror::{self, EnginePresent},
    outlet::{Failure, Manner, Outlet},
};
use crate::config::{NatsMode, NatsSink};

/// Events between two times that the position is stored; so many may be sent once more after a crash.
const BATCH: usize = 64;

/// Why there can be no deliveries. Trying again helps once the file is mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NatsError {
    /// The certificates that its `tls` names cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its `credentials` cannot be used.
    #[error(
        "the credentials cannot be used: they need a user's JWT and the seed of its key, as in a file that `nsc generate creds` makes"
    )]
    Credentials,
}

/// A stream of a NATS server.
pub(super) struct Nats {
    session: Rc<Session>,
    mode: NatsMode,
    stream: String,
    prefix: String,
    progress: RefCell<Progress>,
    /// What keeps the bucket.
    mirror: Cell<Option<AbortHandle>>,
    /// What keeps the connection.
    keeper: Cell<Option<AbortHandle>>,
}

impl Nats {
    /// Prepares deliveries; the server need not be there yet. `sink` is what the server is told of who this is.
    ///
    /// # Errors
    /// [`NatsError`] when the settings name something that cannot be used.
    pub(super) fn new(sink: &str, settings: &NatsSink) -> Result<Self, NatsError> {
        Ok(Self {
            session: Rc::new(Session::new(sink, settings)?),
            mode: settings.mode,
            stream: settings.stream.clone(),
            prefix: settings.subject.clone(),
            progress: RefCell::default(),
            mirror: Cell::default(),
            keeper: Cell::default(),
        })
    }

    fn message(&self, event: &SharedEvent, redelivery: Option<&str>) -> Result<Message, Failure> {
        Message::new(self.mode, &self.stream, &self.prefix, &event.get(), redelivery)
    }
}

impl Outlet for Nats {
    fn manner(&self) -> Manner {
        // What the server refuses, it refuses for reasons that do not pass.
        Manner { per_connection: true, batch: BATCH, slides: false, tries: 1 }
    }

    fn report_to(&self, delivery: &Delivery) {
        self.session.herald().report_to(delivery);
        let session = Rc::clone(&self.session);
        self.keeper.set(Some(spawn_local(async move { session.keep().await }).abort_handle()));
    }

    fn accompany(&self, sink: &str, engine: Option<&EngineHandle>, filter: &Filter) {
        let Some(engine) = engine else { return };
        let (sink, board) = (sink.to_owned(), Rc::new(Buckets::new(Rc::clone(&self.session))));
        let (present, changed) = EnginePresent::new(engine.clone(), filter.clone());
        let mirror = async move {
            select! {
                () = mirror::run(&sink, Rc::clone(&board), Rc::new(present), &changed) => {}
                () = board.keep(&sink) => {}
            }
        };
        self.mirror.set(Some(spawn_local(mirror).abort_handle()));
    }

    async fn close(&self) {
        for task in [self.mirror.take(), self.keeper.take()].into_iter().flatten() {
            task.abort();
        }
        self.session.herald().end();
    }

    /// Publishes events of one connection in order, and comes back when the stream has acknowledged all of them.
    ///
    /// # Errors
    /// [`Failure::Again`] where they may be taken later, [`Failure::Refused`] where one is too large. It is never [`Failure::ReaderGone`].
    async fn deliver(&self, events: &[SharedEvent], redelivery: bool) -> Result<(), Failure> {
        let Some(resumed) = self.progress.borrow_mut().resume(events, redelivery) else { return Ok(()) };
        let left = events.iter().skip(resumed.done);
        let messages = left.map(|event| self.message(event, resumed.mark.as_deref())).collect::<Result<Vec<_>, _>>()?;
        let link = self.session.link().await?;
        for message in &messages {
            // Looked at before the first is sent: of a delivery that is refused, every event is tried by itself.
            link.check_size(message)?;
        }
        for message in messages {
            link.publish(message).await?;
            self.progress.borrow_mut().acknowledged(&resumed);
        }
        self.progress.borrow_mut().done(&resumed);
        Ok(())
    }
}
