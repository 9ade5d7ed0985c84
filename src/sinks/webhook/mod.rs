//! Delivery by HTTP POST, as CloudEvents 1.0, signed as Standard Webhooks has it.
//!
//! ```text
//! events ─► request (body, attributes as headers) ─► signature (webhook-* headers) ─► the engine's REST client ─► answer (Ok, or Failure)
//! ```
//!
//! One [`Webhook`] makes any number of requests at the same time, and keeps connections for the next ones. It makes one try and judges
//! it; what follows from that (waiting, trying again, giving up) is the caller's.

mod answer;
mod request;
mod signature;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use url::Url;
use watchpost_actors::{
    model::event::SharedEvent,
    settings::Secret,
    transport::{Body, HeaderText, Method, RestCall, RestClient, TlsError, Wanted, request::Fields},
};

use self::{answer::Judge, request::Request, signature::Signer};
use super::outlet::{Failure, Manner, Outlet};
use crate::config::{WebhookMode, WebhookSink};

/// What is read of an answer's body, in bytes. An end within it leaves the connection fit for the next request.
const MOST_OF_ANSWER: usize = 64 << 10;

/// Why there can be no deliveries. Trying again helps once the file is mended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The certificates that its `tls` names cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A receiver of events by HTTP POST.
pub(super) struct Webhook {
    client: RestClient,
    url: Url,
    /// What the settings add to each request.
    headers: Fields,
    signer: Option<Signer>,
    mode: WebhookMode,
    batch: usize,
    tries: u32,
    timeout: Duration,
    judge: Judge,
}

impl Webhook {
    /// Prepares deliveries, on the thread where they will be made; its runtime must be actix's.
    ///
    /// # Errors
    /// [`WebhookError`] when the settings name a file that cannot be used.
    pub(super) fn new(settings: &WebhookSink) -> Result<Self, WebhookError> {
        let secret = |(name, value): &(String, Secret)| (name.clone().into(), HeaderText::secret(value.expose()));
        Ok(Self {
            client: RestClient::new(&settings.tls.client_config()?),
            url: settings.url.clone(),
            headers: settings.headers.iter().map(secret).collect(),
            signer: settings.secret.as_ref().map(Signer::new),
            mode: settings.mode,
            batch: settings.batch,
            tries: settings.tries,
            timeout: settings.timeout,
            judge: Judge::new(settings),
        })
    }

    fn call(&self, request: Request, now: Timestamp) -> RestCall {
        let mut call = RestCall::new(Method::Post, self.url.clone());
        let signature = signature::headers(self.signer.as_ref(), request.id, now, &request.body);
        let signature = signature.into_iter().map(|(name, value)| (name.into(), value.into()));
        let ours = request.headers.into_iter().map(|(name, value)| (name, value.into()));
        call.headers = self.headers.iter().cloned().chain(ours).chain(signature).collect();
        call.body = Body::Json(request.body.into());
        (call.timeout, call.wanted, call.max_body) = (self.timeout, Wanted::Beginning, MOST_OF_ANSWER);
        call
    }
}

impl Outlet for Webhook {
    fn manner(&self) -> Manner {
        Manner { per_connection: true, batch: self.batch, slides: false, tries: self.tries }
    }

    /// Makes one request with all of `events`, which are of one connection and in order: one event, or in batch mode up to `batch`.
    ///
    /// `redelivery` marks them as sent on purpose once more. Dropping the future gives the request up; the receiver may have it nevertheless.
    ///
    /// # Errors
    /// [`Failure`] unless the receiver has acknowledged them, which every 2xx does. It is never [`Failure::ReaderGone`].
    async fn deliver(&self, events: &[SharedEvent], redelivery: bool) -> Result<(), Failure> {
        let request = Request::new(self.mode, self.batch, events, redelivery)?;
        let call = self.call(request, Timestamp::now());
        match self.client.call(&call).await {
            Ok(answer) => self.judge.answer(&answer),
            Err(error) => Err(answer::unanswered(error)),
        }
    }
}
