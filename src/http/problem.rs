//! Errors as problem documents (RFC 9457).

use std::{fmt, io};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, HttpResponse, Resource, ResponseError, dev, error, guard,
    http::{StatusCode, header},
    web,
};
use futures_util::future::LocalBoxFuture;
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use watchpost_actors::journal::JournalError;

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Which kind, as a relative address.
    #[serde(rename = "type")]
    #[schema(example = "/problems/bad-request")]
    kind: String,
    /// The kind in words.
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What was wrong this time, and what to do.
    detail: String,
    /// Each mistake in what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Mistake>,
}

/// A mistake in what was sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Mistake {
    /// Where it is: a parameter of the query or the path, or a member of the body.
    parameter: String,
    detail: String,
}

impl Mistake {
    pub(super) fn new(parameter: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), detail: detail.into() }
    }
}

/// How soon to ask again where something cannot be answered now, in seconds.
const RETRY_AFTER: u32 = 5;

/// What a handler answers.
pub(super) type Answer<T> = Result<T, Problem>;

impl Problem {
    pub(super) fn new(status: StatusCode, slug: &str, title: &'static str, detail: impl Into<String>) -> Self {
        let kind = format!("/problems/{slug}");
        Self { kind, title, status: status.as_u16(), detail: detail.into(), errors: Vec::new() }
    }

    /// What was sent cannot be used; every mistake at once.
    pub(super) fn input(errors: Vec<Mistake>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("`{}`: {}", one.parameter, one.detail),
            several => format!("{} mistakes, see `errors`", several.len()),
        };
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be used", detail) }
    }

    /// One thing that was sent cannot be used.
    pub(super) fn wrong(parameter: &str, detail: impl Into<String>) -> Self {
        Self::input(vec![Mistake::new(parameter, detail)])
    }

    /// There is no such thing.
    pub(super) fn absent(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing", detail)
    }

    /// No token was shown, or another one.
    pub(super) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A token is needed", detail)
    }

    /// The request comes from a page of somebody else.
    pub(super) fn foreign(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "foreign-origin", "Not from another site", detail)
    }

    /// The request is for a host that this is not.
    pub(super) fn misdirected(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "This is not that host", detail)
    }

    /// It cannot be answered now.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now", detail)
    }

    /// It cannot be answered at all.
    pub(super) fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something is broken here", detail)
    }

    /// The same, with what is behind it one by one.
    pub(super) fn with(self, errors: Vec<Mistake>) -> Self {
        Self { errors, ..self }
    }

    fn of_status(status: StatusCode, detail: impl Into<String>) -> Self {
        let (slug, title) = match status {
            StatusCode::REQUEST_TIMEOUT => ("timeout", "It has not come in time"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "Too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("media-type", "This kind of content is not understood"),
            StatusCode::METHOD_NOT_ALLOWED => ("method", "Not this method"),
            _ => ("bad-request", "The request cannot be used"),
        };
        Self::new(status, slug, title, detail)
    }

    fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.code());
        answer.content_type("application/problem+json");
        if self.code() == StatusCode::UNAUTHORIZED {
            answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if self.code() == StatusCode::SERVICE_UNAVAILABLE {
            answer.insert_header((header::RETRY_AFTER, RETRY_AFTER.to_string()));
        }
        answer.body(serde_json::to_string(self).unwrap_or_default())
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Unavailable(_) | JournalError::Closed => Self::unavailable(error.to_string()),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<actix::MailboxError> for Problem {
    fn from(_: actix::MailboxError) -> Self {
        Self::unavailable("the engine is ending")
    }
}

/// A path that does not exist.
pub(super) async fn not_found(request: HttpRequest) -> Answer<HttpResponse> {
    let detail = format!("nothing is at {}; the API is described at /api/v1/openapi.json", request.path());
    // Not the same as a thing that is not there: an older version answers so.
    Err(Problem::new(StatusCode::NOT_FOUND, "no-endpoint", "There is no such endpoint", detail))
}

/// A resource at a path, also with a slash at its end.
pub(super) fn resource(path: &str) -> Resource {
    #[cfg(test)]
    super::openapi::tests::note(path);
    // What takes in whatever follows takes in the slash.
    let with_slash = (!path.ends_with('/') && !path.ends_with("+}")).then(|| format!("{path}/"));
    web::resource([Some(path.to_owned()), with_slash].into_iter().flatten().collect::<Vec<_>>())
}

/// A resource that is read; any other method is refused with a problem document.
pub(super) fn read<F, Args>(path: &str, handler: F) -> Resource
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    let reads = guard::Any(guard::Get()).or(guard::Head());
    resource(path).route(web::route().guard(reads).to(handler)).default_service(other_methods("GET, HEAD"))
}

/// A resource that does something.
pub(super) fn act<F, Args>(path: &str, handler: F) -> Resource
where
    F: actix_web::Handler<Args>,
    Args: actix_web::FromRequest + 'static,
    F::Output: actix_web::Responder + 'static,
{
    resource(path).route(web::post().to(handler)).default_service(other_methods("POST"))
}

/// Refuses what is left, and names what is not.
pub(super) fn other_methods(allowed: &'static str) -> actix_web::Route {
    web::route().to(move |request: HttpRequest| async move {
        let detail = format!("{} allows {allowed}, not {}", request.path(), request.method());
        let mut answer = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED, detail).error_response();
        answer.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
        answer
    })
}

/// How bodies of JSON are read.
pub(super) fn of_json(limit: usize) -> web::JsonConfig {
    web::JsonConfig::default().limit(limit).error_handler(|error, _| {
        let status = match &error {
            error::JsonPayloadError::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            error::JsonPayloadError::Overflow { .. } | error::JsonPayloadError::OverflowKnownLength { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            error::JsonPayloadError::Payload(error) => return of_payload(error).into(),
            _ => StatusCode::BAD_REQUEST,
        };
        Problem::of_status(status, format!("the body: {error}")).into()
    })
}

/// A body that has not come as it should.
pub(super) fn of_payload(error: &error::PayloadError) -> Problem {
    let status = match error {
        error::PayloadError::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            return Problem::of_status(StatusCode::REQUEST_TIMEOUT, "the body has not come in time");
        }
        error::PayloadError::Overflow => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::of_status(status, format!("the body: {error}"))
}

/// A body of JSON, or none: what may be left out.
pub(super) struct Optional<T>(pub(super) Option<T>);

impl<T: DeserializeOwned> FromRequest for Optional<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Answer<Self>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, body) = (request.clone(), web::Bytes::from_request(request, payload));
        Box::pin(async move {
            let body = body.await.map_err(|error| match error.as_error::<error::PayloadError>() {
                Some(error) => of_payload(error),
                None => Problem::of_status(error.as_response_error().status_code(), format!("the body: {error}")),
            })?;
            if body.is_empty() {
                return Ok(Self(None));
            }
            // A form of another site may send anything but this without being asked first.
            let kind = request.mime_type().ok().flatten();
            if !kind.is_some_and(|kind| kind.subtype() == "json" || kind.suffix().is_some_and(|end| end == "json")) {
                let detail = "the body: write it as JSON, and say so: `Content-Type: application/json`";
                return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
            }
            // One that cannot be read is not the same as none.
            serde_json::from_slice(&body).map(Self).map_err(|error| Problem::wrong("body", error.to_string()))
        })
    }
}

/// How paths are read.
pub(super) fn of_path() -> web::PathConfig {
    web::PathConfig::default()
        .error_handler(|error, _| Problem::of_status(StatusCode::BAD_REQUEST, format!("the path: {error}")).into())
}
