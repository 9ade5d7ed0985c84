//! What is answered, and how it is written.

use std::{io, sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    body::{BodyStream, SizedStream},
    http::{StatusCode, header},
    rt, web,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use socket2::Socket;

/// A body.
#[derive(Debug, Default)]
pub(super) enum Body {
    #[default]
    None,
    Json(Value),
    Html(String),
}

/// How much of an answer is given.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    #[default]
    Whole,
    /// The connection ends in the middle.
    Cut,
    /// The connection is reset in place of it.
    Reset,
    /// There is none.
    Never,
}

/// What is answered.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Body,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) fate: Fate,
    /// How many rows it tells.
    pub(super) rows: usize,
}

/// The middle of a handler's way out: what is wrong with a request is its answer.
pub(super) type Answered = Result<Answer, Answer>;

impl Answer {
    pub(super) fn of(status: u16, body: Body) -> Self {
        Self { status, body, ..Self::default() }
    }

    pub(super) fn json(status: u16, body: Value) -> Self {
        Self::of(status, Body::Json(body))
    }

    /// In the shape that VXG's clients read.
    pub(super) fn error(status: u16, detail: &str) -> Self {
        Self::json(status, json!({ "status": status, "errorDetail": detail }))
    }

    pub(super) fn bad(detail: &str) -> Self {
        Self::error(400, detail)
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "Not found")
    }

    /// As a proxy in front of everything answers.
    pub(super) fn page(status: u16) -> Self {
        Self::of(status, Body::Html(page(status)))
    }

    pub(super) fn with(mut self, header: &'static str, value: String) -> Self {
        self.headers.push((header, value));
        self
    }

    pub(super) fn fated(fate: Fate) -> Self {
        Self { fate, ..Self::default() }
    }
}

fn page(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Refused");
    format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the simulator breaks this connection")
}

/// Writes an answer.
pub(super) async fn respond(answer: Answer, request: &HttpRequest) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    match answer.fate {
        Fate::Whole | Fate::Cut => {}
        Fate::Never => std::future::pending().await,
        Fate::Reset => {
            if let Some(socket) = request.conn_data::<Arc<Socket>>() {
                // With a linger time of zero, closing a socket resets it.
                let _ = socket.set_linger(Some(Duration::ZERO));
            }
            return response.body(BodyStream::new(stream::once(async { Err::<web::Bytes, _>(broken()) })));
        }
    }
    for (name, value) in &answer.headers {
        response.insert_header((*name, value.as_str()));
    }
    let text = match answer.body {
        Body::None => String::new(),
        Body::Json(body) => {
            response.content_type("application/json");
            body.to_string()
        }
        Body::Html(page) => {
            response.content_type("text/html");
            page
        }
    };
    if answer.fate == Fate::Cut {
        let (size, half) = (text.len().max(2), text.len() / 2);
        let half = web::Bytes::from(text).slice(..half);
        let rest = stream::once(async {
            // What was written has gone by then.
            rt::time::sleep(Duration::from_millis(20)).await;
            Err(broken())
        });
        return response.body(SizedStream::new(size as u64, stream::iter([Ok(half)]).chain(rest)));
    }
    if answer.status == 204 {
        return response.finish();
    }
    response.insert_header((header::VARY, "Accept, Authorization"));
    response.body(text)
}
