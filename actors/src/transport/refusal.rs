//! Keeps what a server says when it refuses an upgrade.
//!
//! `awc` drops headers and body of such an answer and leaves the status. This layer sits between,
//! where the answer is still whole, so the server need not be asked a second time: a second refused
//! login would count towards a lock-out.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_http::h1::{ClientCodec, MessageType};
use actix_service::Service;
use awc::{
    BoxedSocket, ConnectRequest, ConnectResponse,
    error::SendRequestError,
    http::{StatusCode, header},
    middleware::Transform,
};
use bytes::BytesMut;
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::{io::AsyncReadExt, time::timeout};

use super::request::retry_after;

/// What is kept of the body, in bytes.
const MAX_BODY: usize = 4 * 1024;

/// How long to wait for the body. The refusal itself must not wait for it.
const BODY_TIMEOUT: Duration = Duration::from_secs(1);

/// A refused upgrade, as the server put it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) www_authenticate: Option<String>,
    pub(super) body: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused with status {}", self.status)
    }
}

impl std::error::Error for Refusal {}

/// The layer: an upgrade answered with anything but 101 becomes a [`Refusal`] inside
/// [`SendRequestError::Custom`].
pub(super) struct TellRefusals;

impl<S> Transform<S, ConnectRequest> for TellRefusals
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
    S::Future: 'static,
{
    type Transform = TellRefusalsService<S>;

    fn new_transform(self, service: S) -> Self::Transform {
        TellRefusalsService(service)
    }
}

pub(super) struct TellRefusalsService<S>(S);

impl<S> Service<ConnectRequest> for TellRefusalsService<S>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError>,
    S::Future: 'static,
{
    type Response = ConnectResponse;
    type Error = SendRequestError;
    type Future = Pin<Box<dyn Future<Output = Result<ConnectResponse, SendRequestError>>>>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), SendRequestError>> {
        self.0.poll_ready(cx)
    }

    fn call(&self, request: ConnectRequest) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            match answer.await? {
                ConnectResponse::Tunnel(head, framed) if head.status != StatusCode::SWITCHING_PROTOCOLS => {
                    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
                    let refusal = Refusal {
                        status: head.status.as_u16(),
                        retry_after: text(header::RETRY_AFTER).and_then(|text| retry_after(text, Timestamp::now())),
                        www_authenticate: text(header::WWW_AUTHENTICATE).map(str::to_owned),
                        body: body(framed, head.headers.contains_key(header::CONTENT_LENGTH)).await,
                    };
                    Err(SendRequestError::Custom(Box::new(refusal), Box::new("upgrade")))
                }
                answer => Ok(answer),
            }
        })
    }
}

/// The start of the body, as far as it comes in time.
async fn body(framed: actix_codec::Framed<BoxedSocket, ClientCodec>, has_length: bool) -> String {
    let mut body = BytesMut::new();
    let read = async {
        if framed.codec_ref().message_type() != MessageType::None {
            let mut chunks = framed.into_map_codec(ClientCodec::into_payload_codec);
            while body.len() < MAX_BODY
                && let Some(Ok(Some(chunk))) = chunks.next().await
            {
                body.extend_from_slice(&chunk);
            }
        } else if !has_length {
            // Neither a length nor chunks: the body goes on until the server hangs up (RFC 9112,
            // section 6.3).
            let parts = framed.into_parts();
            let mut socket = parts.io;
            body.extend_from_slice(&parts.read_buf);
            while body.len() < MAX_BODY && matches!(socket.read_buf(&mut body).await, Ok(1..)) {}
        }
    };
    // What has come until then is better than nothing.
    let _ = timeout(BODY_TIMEOUT, read).await;
    body.truncate(MAX_BODY);
    String::from_utf8_lossy(&body).trim().to_owned()
}
