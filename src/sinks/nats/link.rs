//! One connection to a server, for as long as it holds.

use std::{cell::Cell, future::Future, sync::Arc, time::Duration};

use async_nats::{
    Client, Event, ServerError, ServerInfo,
    jetstream::{self, Context, context::ContextBuilder, message::PublishMessage},
};
use tokio::{select, sync::watch};

use super::{
    message::Message,
    stream::Room,
    trouble::{Trouble, lost, of_publish, unauthorized},
};
use crate::config::NatsSink;

/// What the server has said by itself.
#[derive(Debug, Default, Clone)]
struct Heard {
    /// The connection is gone.
    lost: bool,
    /// The login does not count any more.
    unauthorized: bool,
    /// What was not permitted last, and how many times something was not.
    forbidden: (u64, String),
}

/// Hears what the server says by itself.
#[derive(Debug, Clone)]
pub(super) struct Ear(Arc<watch::Sender<Heard>>);

impl Ear {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    /// Takes what the client tells.
    pub(super) fn hear(&self, event: &Event) {
        self.0.send_modify(|heard| match event {
            Event::Disconnected | Event::Closed => heard.lost = true,
            Event::ServerError(ServerError::AuthorizationViolation) => heard.unauthorized = true,
            Event::ServerError(ServerError::Other(text)) => {
                let lower = text.to_lowercase();
                if lower.contains("permissions violation") {
                    heard.forbidden = (heard.forbidden.0 + 1, text.clone());
                } else if lower.contains("authentication expired") || lower.contains("authentication revoked") {
                    heard.unauthorized = true;
                }
            }
            _ => {}
        });
    }
}

/// A connection that was made. Dropped, it is closed.
pub(super) struct Link {
    client: Client,
    /// JetStream as it is reached over it.
    pub(super) jetstream: Context,
    heard: watch::Receiver<Heard>,
    timeout: Duration,
    stream: String,
    /// What the stream takes, as far as it was looked at.
    room: Cell<Option<Room>>,
}

impl Link {
    pub(super) fn new(client: Client, ear: &Ear, settings: &NatsSink) -> Self {
        let timeout = settings.timeout;
        let jetstream = ContextBuilder::new().timeout(timeout).ack_timeout(timeout).build(client.clone());
        let (stream, heard) = (settings.stream.clone(), ear.0.subscribe());
        Self { client, jetstream, heard, timeout, stream, room: Cell::new(None) }
    }

    /// Whether the connection still holds, as far as is known.
    pub(super) fn holds(&self) -> bool {
        !self.heard.borrow().lost
    }

    /// Whether it ended because the login does not count any more.
    pub(super) fn unauthorized(&self) -> bool {
        self.heard.borrow().unauthorized
    }

    /// Waits until the connection is lost.
    pub(super) async fn lost(&self) {
        let mut heard = self.heard.clone();
        // Whoever tells is gone: that is the same.
        let _ = heard.wait_for(|heard| heard.lost).await;
    }

    /// The time for one answer.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What the server tells of itself.
    pub(super) fn server(&self) -> ServerInfo {
        self.client.server_info()
    }

    pub(super) fn knows_stream(&self) -> bool {
        self.room.get().is_some()
    }

    pub(super) fn knows(&self, room: Room) {
        self.room.set(Some(room));
    }

    /// It is looked at again before the next event.
    pub(super) fn knows_no_stream(&self) {
        self.room.set(None);
    }

    /// Does something over the connection; breaks off when that is lost, or the server says that it is not permitted to use `subject`.
    pub(super) async fn within<T>(&self, subject: &str, work: impl Future<Output = T>) -> Result<T, Trouble> {
        let mut heard = self.heard.clone();
        let before = heard.borrow().forbidden.0;
        let quoted = format!("\"{subject}\"");
        let ours = |heard: &Heard| {
            heard.lost || heard.unauthorized || (heard.forbidden.0 > before && heard.forbidden.1.contains(&quoted))
        };
        select! {
            done = work => Ok(done),
            heard = heard.wait_for(ours) => Err(match heard {
                Ok(heard) if heard.unauthorized => unauthorized(),
                Ok(heard) if !heard.lost => Trouble::Later(format!(
                    "the server does not permit this user to use the subject {subject}: give the user the right to publish there"
                )),
                _ => Trouble::Later(lost()),
            }),
        }
    }

    /// Refuses what the server would not take.
    pub(super) fn check_size(&self, message: &Message) -> Result<(), Trouble> {
        let room = self.room.get().unwrap_or_default();
        let (most, whose) = match room.most {
            Some(most) if most < self.client.max_payload() => (most, "the stream takes (`max_msg_size`, `max_bytes`)"),
            _ => (self.client.max_payload(), "the server takes (`max_payload`)"),
        };
        if message.size <= most {
            return Ok(());
        }
        Err(Trouble::Refused(format!("it has {} bytes, more than the {most} that {whose}", message.size)))
    }

    /// Publishes a message; comes back when the stream has acknowledged it.
    pub(super) async fn publish(&self, message: Message) -> Result<(), Trouble> {
        let Message { subject, headers, payload, .. } = message;
        let publish = PublishMessage::build().payload(payload).headers(headers);
        let acknowledged = async {
            let acknowledgement = self.jetstream.send_publish(subject.clone(), publish).await?;
            acknowledgement.await
        };
        let acknowledged = self.within(&subject, acknowledged).await?;
        let outcome = acknowledged.map(drop).map_err(|error| of_publish(&error, &self.stream, self.timeout));
        if let Err(Trouble::NoStream(_)) = outcome {
            self.knows_no_stream();
        }
        outcome
    }

    /// Asks for the stream; `None` where there is none.
    ///
    /// # Errors
    /// [`Trouble`] where that cannot be known.
    pub(super) async fn stream(&self) -> Result<Option<jetstream::stream::Info>, Trouble> {
        super::stream::find(self, &self.stream).await
    }
}
