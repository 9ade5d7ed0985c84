//! REST calls.

use std::{sync::Arc, time::Duration};

use actix_http::error::PayloadError;
use awc::{
    Client, ClientResponse,
    http::{
        self, StatusCode,
        header::{self, CONTENT_TYPE, HeaderValue, USER_AGENT},
    },
};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;
use rustls::ClientConfig;
use tokio::time::{Instant, sleep, timeout};
use url::form_urlencoded;

use super::{
    client,
    error::{Fault, RestError},
    request::{Body, Fields, Method, RestAnswer, RestCall, Retry, Wanted, retry_after},
    tape::Tape,
};

/// The first pause between two tries. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause of our own.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The longest `Retry-After` that is waited for. A longer one is left to the caller, as part of the
/// answer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How long the body is read where only its beginning is wanted.
const BEGINNING: Duration = Duration::from_secs(1);

/// Makes REST calls. One for each arbiter is enough; any number of calls may run at the same time.
#[derive(Clone)]
pub struct RestClient {
    client: Client,
    /// For connections of their own.
    #[cfg(feature = "windows-auth")]
    tls: Arc<ClientConfig>,
    tape: Option<Arc<Tape>>,
}

impl RestClient {
    /// A client for this arbiter. The TLS configuration is that of the whole process. To be used
    /// where an actix runtime is.
    #[must_use]
    pub fn new(tls: &Arc<ClientConfig>) -> Self {
        Self {
            client: client::client(tls),
            tape: None,
            #[cfg(feature = "windows-auth")]
            tls: Arc::clone(tls),
        }
    }

    /// Tells a tape of each try of each call, if there is one.
    #[must_use]
    pub fn taped(self, tape: Option<Arc<Tape>>) -> Self {
        Self { tape, ..self }
    }

    /// Makes one call, and repeats it as [`RestCall::retry`] allows. Dropping the future gives the
    /// call up.
    ///
    /// # Errors
    ///
    /// [`RestError`] when there is no whole answer. Any status, a redirect too, is an answer.
    pub async fn call(&self, call: &RestCall) -> Result<RestAnswer, RestError> {
        let started = Instant::now();
        let mut tries = 1;
        loop {
            let outcome = self.told(call, started).await;
            let left = call.timeout.saturating_sub(started.elapsed());
            match pause(&outcome, call.retry, tries) {
                Some(pause) if pause < left => {
                    tracing::debug!(call = call.shown(), ?pause, tries, "trying again");
                    sleep(pause).await;
                }
                _ => return outcome,
            }
            tries += 1;
        }
    }

    /// One try, of which a tape is told.
    async fn told(&self, call: &RestCall, started: Instant) -> Result<RestAnswer, RestError> {
        let Some(tape) = &self.tape else { return self.once(call, started).await };
        let taking = tape.call(call);
        let outcome = self.once(call, started).await;
        taking.answered(outcome.as_ref());
        outcome
    }

    /// One try of a call that was begun at `started`.
    async fn once(&self, call: &RestCall, started: Instant) -> Result<RestAnswer, RestError> {
        #[cfg(feature = "windows-auth")]
        if let Some(login) = &call.windows {
            return super::windows::handshake::call(&self.tls, call, login, started).await;
        }
        send(&self.client, call, started).await
    }
}

/// Sends a call that was begun at `started` once, and reads the answer.
pub(super) async fn send(client: &Client, call: &RestCall, started: Instant) -> Result<RestAnswer, RestError> {
    let left = || call.timeout.saturating_sub(started.elapsed());
    let late = |_| failed(call, Fault::Timeout(call.timeout));
    let unsent = |fault| failed(call, fault);
    let uri = client::address(&call.url, ["http", "https"]).map_err(unsent)?;
    let mut request = client.request(method(call.method), uri).no_decompress();
    let (content_type, body) = encode(&call.body);
    if let Some(content_type) = content_type {
        request = request.insert_header((CONTENT_TYPE, HeaderValue::from_static(content_type)));
    }
    for (name, value) in client::headers(&call.headers).map_err(unsent)? {
        // Those that are there already are not doubled.
        request = if matches!(name, CONTENT_TYPE | USER_AGENT) {
            request.insert_header((name, value))
        } else {
            request.append_header((name, value))
        };
    }
    let sent = match body {
        Some(body) => request.send_body(body),
        None => request.send(),
    };
    let response = timeout(left(), sent).await.map_err(late)?;
    let response = response.map_err(|error| failed(call, client::fault(error, call.timeout)))?;
    match call.wanted {
        Wanted::Whole => timeout(left(), whole(response, call)).await.map_err(late)?,
        Wanted::Beginning => Ok(beginning(response, call.max_body, left()).await),
    }
}

pub(super) fn failed(call: &RestCall, fault: Fault) -> RestError {
    RestError::Failed { at: call.shown(), fault }
}

pub(super) fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
    }
}

fn encode(body: &Body) -> (Option<&'static str>, Option<Bytes>) {
    match body {
        Body::None => (None, None),
        Body::Form(fields) => (Some("application/x-www-form-urlencoded"), Some(form(fields).into())),
        Body::Json(json) => (Some("application/json"), Some(json.clone())),
    }
}

fn form(fields: &Fields) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        form.append_pair(name, value.expose());
    }
    form.finish()
}

/// The answer without its body.
pub(super) fn head(status: StatusCode, headers: &header::HeaderMap) -> RestAnswer {
    let headers = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let mut answer = RestAnswer { status: status.as_u16(), headers, body: Bytes::new(), retry_after: None };
    answer.retry_after = answer.header("retry-after").and_then(|text| retry_after(text, Timestamp::now()));
    answer
}

/// Reads of the answer what comes soon.
async fn beginning<S>(mut response: ClientResponse<S>, most: usize, left: Duration) -> RestAnswer
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut answer = head(response.status(), response.headers());
    let mut body = BytesMut::new();
    let read = async {
        while body.len() < most
            && let Some(Ok(chunk)) = response.next().await
        {
            body.extend_from_slice(&chunk);
        }
    };
    // What has come until then is all that is wanted.
    let _ = timeout(left.min(BEGINNING), read).await;
    body.truncate(most);
    answer.body = body.freeze();
    answer
}

/// Reads the answer to its end, as far as the call allows.
async fn whole<S>(mut response: ClientResponse<S>, call: &RestCall) -> Result<RestAnswer, RestError>
where
    S: Stream<Item = Result<Bytes, PayloadError>> + Unpin,
{
    let mut answer = head(response.status(), response.headers());
    let too_large = || RestError::BodyTooLarge { at: call.shown(), limit: call.max_body };
    let length: Option<usize> = answer.header("content-length").and_then(|text| text.trim().parse().ok());
    if length.is_some_and(|length| length > call.max_body) {
        return Err(too_large());
    }
    if length.is_none() && ends_with_connection(&response) {
        // `awc` takes such a body for empty, and a list for a list of nothing.
        return Err(failed(call, Fault::Protocol("its answer has neither a length nor chunks".to_owned())));
    }
    let mut body = BytesMut::with_capacity(length.unwrap_or_default());
    while let Some(chunk) = response.next().await {
        let chunk = chunk.map_err(|error| failed(call, client::body_fault(error)))?;
        if body.len() + chunk.len() > call.max_body {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    // `awc` does not notice when the server hangs up early.
    if let Some(length) = length
        && body.len() < length
    {
        let cut = format!("the answer was cut off after {} of {length} bytes", body.len());
        return Err(failed(call, Fault::Lost(cut)));
    }
    answer.body = body.freeze();
    Ok(answer)
}

/// Whether the body of a successful answer goes on until the server hangs up (RFC 9112, section
/// 6.3).
fn ends_with_connection<S>(response: &ClientResponse<S>) -> bool {
    let status = response.status();
    let closes =
        response.headers().get(header::CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
    status.is_success()
        && status != StatusCode::NO_CONTENT
        && response.version() == http::Version::HTTP_11
        && closes
        && !response.headers().contains_key(header::TRANSFER_ENCODING)
}

/// How long to wait before the next try, if there is to be one.
fn pause(outcome: &Result<RestAnswer, RestError>, retry: Retry, tries: u32) -> Option<Duration> {
    let Retry::Safe { tries: allowed } = retry else {
        return None;
    };
    if tries >= allowed {
        return None;
    }
    let asked = match outcome {
        Ok(answer) if matches!(answer.status, 429 | 502..=504) => answer.retry_after,
        Err(error) if error.is_retryable() => None,
        _ => return None,
    };
    match asked {
        Some(asked) => (asked <= LONGEST_RETRY_AFTER).then_some(asked),
        None => {
            let longest = FIRST_PAUSE.saturating_mul(1 << (tries - 1).min(16)).min(LONGEST_PAUSE);
            // Half of it at random, so that many clients do not come back at the same moment.
            Some(longest.mul_f64(rand::random_range(0.5..=1.0)))
        }
    }
}
