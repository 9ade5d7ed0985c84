//! Things that happen on the HTTP side: one type for each that is worth a log line or a counter.

use std::time::{Duration, Instant};

use actix_web::{
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
};
use metrics::{counter, gauge, histogram};
use tracing::debug;

/// A request was answered. Of a stream, its beginning.
pub(super) struct Answered {
    /// The pattern of the path, and not the path: there are few of them, whatever is asked for.
    pub(super) route: String,
    pub(super) method: &'static str,
    pub(super) status: StatusCode,
    pub(super) took: Duration,
}

impl Answered {
    pub(super) fn emit(self) {
        let Self { route, method, status, took } = self;
        debug!(route, method, status = status.as_u16(), ?took, "A request was answered.");
        histogram!("watchpost_http_request_duration_seconds", "route" => route.clone()).record(took);
        let class = match status.as_u16() / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        counter!("watchpost_http_requests_total", "route" => route, "method" => method, "status" => class).increment(1);
    }
}

/// Measures each request, also those that the guard turns away.
pub(super) async fn measure(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let begin = Instant::now();
    let method = word(request.method());
    let response = next.call(request).await?;
    let route = response.request().match_pattern();
    let route = route.map_or_else(|| "other".to_owned(), |route| route.trim_end_matches('/').to_owned());
    let route = if route.is_empty() { "/".to_owned() } else { route };
    Answered { route, method, status: response.status(), took: begin.elapsed() }.emit();
    Ok(response)
}

/// A client may make up methods.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A connection of a client is there, for as long as this is.
#[derive(Debug)]
pub(super) struct Connected(());

impl Connected {
    pub(super) fn begin() -> Self {
        gauge!("watchpost_http_connections").increment(1.0);
        Self(())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        gauge!("watchpost_http_connections").decrement(1.0);
    }
}

/// Why a client that kept us waiting is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutOff {
    /// Nothing was asked on its connection.
    Idle,
    /// A head was begun and not ended.
    Head,
    /// A body did not come.
    Body,
    /// Nothing of an answer was taken.
    Stalled,
}

impl CutOff {
    pub(super) fn emit(self) {
        let why = match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Body => "body",
            Self::Stalled => "stalled",
        };
        debug!(why, "A client kept us waiting for too long and is cut off.");
        counter!("watchpost_http_cut_off_total", "why" => why).increment(1);
    }
}

/// What kind of stream it is: `events`, `states` or `both`.
pub(super) type Kind = &'static str;

/// A client gets a stream.
pub(super) struct StreamOpened {
    pub(super) kind: Kind,
}

impl StreamOpened {
    pub(super) fn emit(self) {
        let kind = self.kind;
        debug!(kind, "A stream begins.");
        counter!("watchpost_http_streams_opened_total", "kind" => kind).increment(1);
        gauge!("watchpost_http_streams", "kind" => kind).increment(1.0);
    }
}

/// A stream has ended, however.
pub(super) struct StreamClosed {
    pub(super) kind: Kind,
}

impl StreamClosed {
    pub(super) fn emit(self) {
        let kind = self.kind;
        debug!(kind, "A stream has ended.");
        counter!("watchpost_http_streams_closed_total", "kind" => kind).increment(1);
        gauge!("watchpost_http_streams", "kind" => kind).decrement(1.0);
    }
}

/// A client did not keep up.
pub(super) struct StreamCutOff {
    pub(super) kind: Kind,
    /// `stalled`: it took nothing for too long. `behind`: what it would have to get next is not kept any more.
    pub(super) why: &'static str,
}

impl StreamCutOff {
    pub(super) fn emit(self) {
        let Self { kind, why } = self;
        debug!(kind, why, "A client of a stream is too slow and is cut off.");
        counter!("watchpost_http_streams_cut_off_total", "kind" => kind, "why" => why).increment(1);
    }
}

/// There are as many streams as there may be.
pub(super) struct StreamRefused {
    pub(super) kind: Kind,
}

impl StreamRefused {
    pub(super) fn emit(self) {
        let kind = self.kind;
        debug!(kind, "There are as many streams as there may be; one more was refused.");
        counter!("watchpost_http_streams_refused_total", "kind" => kind).increment(1);
    }
}

/// A client asked for events that are gone, and was told a gap.
pub(super) struct StreamGap {
    pub(super) reason: &'static str,
}

impl StreamGap {
    pub(super) fn emit(self) {
        let reason = self.reason;
        debug!(reason, "A client of a stream asked for events that are gone: it is told a gap.");
        counter!("watchpost_http_stream_gaps_total", "reason" => reason).increment(1);
    }
}
