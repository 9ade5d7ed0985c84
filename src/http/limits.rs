//! What a client may hold: time, memory and places.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpMessage, ResponseError,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    middleware::Next,
    rt::time::Instant,
    web,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout_at,
};

use super::{
    line::{Answering, Line},
    problem::Problem,
    telemetry::CutOff,
};

/// Bytes that are handed over for sending at a time.
const PIECE: usize = 32 << 10;

/// What clients may hold of the server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long the head of a request may take from its first byte; 5 s unless set.
    pub head: Duration,
    /// How long a connection is kept on which nothing is asked; 30 s unless set.
    pub idle: Duration,
    /// How long the body of a request may take; 10 s unless set.
    pub body: Duration,
    /// For how long a client may take nothing of its answer; 30 s unless set. The system tells that some was taken only when about a
    /// third of the 128 KiB that it keeps to send is free. So one that reads steadily counts as one that takes nothing, too, where it is slower than some
    /// 43 KiB in this time: with 30 s, 1.5 KB/s (observed on Linux: 1.2 KB/s is cut off, 1.8 KB/s is not). Streams have
    /// [their own](super::streams::Settings::patience).
    pub patience: Duration,
    /// Connections at a time; 4,096 unless set. Further ones wait to be accepted.
    pub connections: usize,
    /// Bytes of ready answers larger than 32 KiB that wait for their clients to take them; 128 MiB unless set. One that is larger than what is left is
    /// not given.
    pub ready: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            body: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            connections: 4_096,
            ready: 128 << 20,
        }
    }
}

/// Keeps the limits for all connections.
#[derive(Debug)]
pub(super) struct Keeper {
    body: Duration,
    /// Room for ready answers, in bytes.
    room: Arc<Semaphore>,
}

impl Keeper {
    pub(super) fn new(limits: &Limits) -> Self {
        let room = Semaphore::new(limits.ready.min(Semaphore::MAX_PERMITS));
        Self { body: limits.body, room: Arc::new(room) }
    }

    /// Room for an answer; none where others hold too much already.
    fn room_for(&self, bytes: &Bytes) -> Option<OwnedSemaphorePermit> {
        let size = u32::try_from(bytes.len()).ok()?;
        Arc::clone(&self.room).try_acquire_many_owned(size).ok()
    }
}

/// Sees to it that a request and its answer keep to the limits.
pub(super) async fn keep(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let answering = request.conn_data::<Line>().map(Line::answering);
    let keeper = request.app_data::<web::Data<Keeper>>().cloned();
    if let Some(keeper) = &keeper {
        let payload = request.take_payload();
        request.set_payload(in_time(payload, keeper.body));
    }
    let (request, answer) = next.call(request).await?.into_parts();
    let (answer, body) = answer.into_parts();
    let body = match body.size() {
        BodySize::Sized(size) if size > PIECE as u64 => body.try_into_bytes().map_err(MessageBody::boxed),
        _ => Err(body.boxed()),
    };
    let body = match body {
        Ok(bytes) => match keeper.and_then(|keeper| keeper.room_for(&bytes)) {
            Some(room) => Pieces { bytes, _room: room }.boxed(),
            None => {
                let problem = Problem::unavailable("too many do not take what they have asked for");
                return Ok(ServiceResponse::new(request, problem.error_response()));
            }
        },
        Err(body) => body,
    };
    let body = Watched { body, _answering: answering }.boxed();
    Ok(ServiceResponse::new(request, answer.set_body(body)))
}

/// The same body, which fails when it has not come in time.
fn in_time(payload: Payload, within: Duration) -> Payload {
    if matches!(payload, Payload::None) {
        return payload;
    }
    let until = Instant::now() + within;
    let pieces = stream::unfold(payload, move |mut payload| async move {
        let late = |_| {
            CutOff::Body.emit();
            Some(Err(PayloadError::Io(io::ErrorKind::TimedOut.into())))
        };
        let piece = timeout_at(until, payload.next()).await.unwrap_or_else(late)?;
        Some((piece, payload))
    });
    Payload::Stream { payload: Box::pin(pieces) }
}

/// A ready answer that is handed over in pieces, so that it is not there twice.
struct Pieces {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl MessageBody for Pieces {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let piece = self.bytes.len().min(PIECE);
        Poll::Ready((piece > 0).then(|| Ok(self.bytes.split_to(piece))))
    }
}

/// The body of an answer, until whose end its request is under way.
struct Watched {
    body: BoxBody,
    _answering: Option<Answering>,
}

impl MessageBody for Watched {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
