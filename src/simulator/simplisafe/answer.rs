//! What is answered, in the forms that were seen, and how it is written.

use actix_web::{
    HttpResponse,
    body::BodyStream,
    http::{StatusCode, header},
    web,
};
use futures_util::stream;
use serde_json::{Value, json};

use super::media::{self, Cut};

/// A body.
#[derive(Debug, Default)]
pub(super) enum Body {
    #[default]
    None,
    Json(Value),
    Text(&'static str, String),
    /// A file of a type and so many bytes, which begins so.
    File {
        content_type: &'static str,
        start: &'static [u8],
        size: usize,
        cut: Option<Cut>,
    },
}

/// What is answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
    location: Option<String>,
    /// The connection breaks in place of it.
    pub(super) lost: bool,
}

const PAGE: &str = "text/html";

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), ..Self::default() }
    }

    pub(super) fn of(status: u16, body: Body) -> Self {
        Self { status, body, ..Self::default() }
    }

    pub(super) fn moved(location: String) -> Self {
        let page = format!("<html><body><a href=\"{location}\">Continue to the app</a></body></html>\n");
        Self { status: 302, location: Some(location), body: Body::Text(PAGE, page), lost: false }
    }

    /// A failure in the form that was seen with its status.
    pub(super) fn failure(status: u16) -> Self {
        let typed = |kind: &str, message: &str, code: &str| json!({ "type": kind, "message": message, "code": code, "statusCode": status, "props": {} });
        let body = match status {
            400 => json!({ "errorType": "InvalidParameter", "param": "unknown" }),
            401 => json!("Unauthorized"),
            403 => return Self::blocked(403),
            404 => typed("NotFound", "Not found", "004"),
            409 => typed(
                "SettingsInProgress",
                "The Settings Requested are already being modified and cannot be accessed at this time",
                "200",
            ),
            504 => typed("GatewayTimeout", "The message timed out connecting to the base station.", "009"),
            500 => typed("UnknownError", "An unknown error occurred", "06X"),
            _ => return Self::blocked(status),
        };
        Self::json(status, body)
    }

    /// As a proxy in front of everything answers.
    pub(super) fn blocked(status: u16) -> Self {
        let reason =
            StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Refused");
        let page = format!(
            "<html>\n<head><title>{status} {reason}</title></head>\n<body>\n<center><h1>{status} {reason}</h1></center>\n</body>\n</html>\n"
        );
        Self::of(status, Body::Text(PAGE, page))
    }

    pub(super) fn no_plan() -> Self {
        let message = "Subscription does not support remote management";
        Self::json(
            403,
            json!({ "type": "NoRemoteManagement", "message": message, "code": "078", "statusCode": 403, "props": {} }),
        )
    }

    pub(super) fn invalid(parameter: &str) -> Self {
        Self::json(400, json!({ "errorType": "InvalidParameter", "param": parameter }))
    }
}

/// Writes an answer.
pub(super) fn respond(answer: Answer) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    if answer.lost {
        // The head says more than comes.
        let cut =
            stream::once(async { Err::<web::Bytes, _>(std::io::Error::other("the simulator loses this answer")) });
        return response.body(BodyStream::new(cut));
    }
    if let Some(location) = &answer.location {
        response.insert_header((header::LOCATION, location.as_str()));
    }
    // The real one has a load balancer in front of it, whose cookies newer clients refuse to send back.
    response.append_header((header::SET_COOKIE, "AWSALB=simulated; Path=/"));
    match answer.body {
        Body::None => response.finish(),
        Body::Json(body) => response.content_type("application/json; charset=utf-8").body(body.to_string()),
        Body::Text(content_type, text) => response.content_type(content_type).body(text),
        Body::File { content_type, start, size, cut } => {
            response.content_type(content_type).no_chunking(size as u64).body(media::file(start, size, cut))
        }
    }
}
