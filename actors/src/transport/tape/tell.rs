//! What a tape is told, by those who make calls and hold sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::{Position, Url};

use super::Tape;
use super::line::{Call, Ended, Open, Outcome, Pairs, Said, What};
use super::veil::{Form, Veil};
use crate::transport::assembler::Incoming;
use crate::transport::error::{CloseReason, OpenError, RestError};
use crate::transport::request::{Body, Fields, HeaderText, RestAnswer, RestCall, WebSocketRequest};

/// Headers of answers that something may depend on.
const KEPT: [&str; 5] = ["content-type", "location", "retry-after", "www-authenticate", "date"];

pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

/// A call that is being made; nothing is told of one that is given up.
pub(crate) struct Taking<'a> {
    tape: &'a Tape,
    call: &'a RestCall,
    begun: Instant,
}

impl Tape {
    /// A call begins.
    pub(crate) fn call<'a>(&'a self, call: &'a RestCall) -> Taking<'a> {
        Taking { tape: self, call, begun: Instant::now() }
    }

    /// A WebSocket was asked for at `begun`. Where it has opened, what is said on it is told to what comes back.
    pub(crate) fn socket<T>(
        self: &Arc<Self>,
        request: &WebSocketRequest,
        begun: Instant,
        outcome: Result<&T, &OpenError>,
    ) -> Option<SocketTape> {
        if let Err(OpenError::Braked(_)) = outcome {
            return None;
        }
        let socket = self.with(|inner| {
            inner.sockets += 1;
            inner.sockets
        });
        self.write(|veil| {
            let Place { host, path, query } = place(veil, &request.url);
            let headers = headers(veil, &request.headers);
            let outcome = match outcome {
                Ok(_) => Outcome { status: Some(101), ..Outcome::default() },
                Err(error) => not_opened(veil, error),
            };
            What::Open(Open { socket, host, path, query, headers, took: seconds(begun.elapsed()), outcome })
        });
        outcome.is_ok().then(|| SocketTape { tape: Arc::clone(self), socket, ended: false })
    }
}

impl Taking<'_> {
    /// It was answered, or could not be made.
    pub(crate) fn answered(self, outcome: Result<&RestAnswer, &RestError>) {
        self.tell(outcome, What::Call, true);
    }

    /// A download was begun: the head of its answer is there.
    pub(crate) fn downloads(self, outcome: Result<&RestAnswer, &RestError>) {
        self.tell(outcome, What::Download, false);
    }

    fn tell(self, outcome: Result<&RestAnswer, &RestError>, what: fn(Call) -> What, whole: bool) {
        let Self { tape, call, begun } = self;
        tape.write(|veil| {
            let Place { host, path, query } = place(veil, &call.url);
            let headers = headers(veil, &call.headers);
            let (mut form, mut json) = (Pairs::new(), None);
            match &call.body {
                Body::None => {}
                Body::Form(fields) => form = self::form(veil, fields),
                Body::Json(bytes) => json = Some(veil.hide(&String::from_utf8_lossy(bytes), Form::Body)),
            }
            let outcome = match outcome {
                Ok(answer) => answered(veil, answer, whole),
                Err(error) => failed(veil, error),
            };
            let method = call.method.to_string();
            what(Call { method, host, path, query, headers, form, json, took: seconds(begun.elapsed()), outcome })
        });
    }
}

struct Place {
    host: String,
    path: String,
    query: Option<String>,
}

fn place(veil: &mut Veil, url: &Url) -> Place {
    let host = veil.host(&url[Position::BeforeHost..Position::AfterPort]);
    let query = url.query().map(|query| {
        // With the mark by which a query is known.
        let hidden = veil.hide(&format!("?{query}"), Form::Text);
        hidden.strip_prefix('?').map_or(hidden.clone(), str::to_owned)
    });
    Place { host: format!("{}://{host}", url.scheme()), path: veil.hide(url.path(), Form::Text), query }
}

fn headers(veil: &mut Veil, fields: &Fields) -> Pairs {
    let value = |(name, value): &(_, HeaderText)| {
        let name: &std::borrow::Cow<'static, str> = name;
        let hidden = match value {
            HeaderText::Secret(_) => veil.secret_value(value.expose()),
            HeaderText::Plain(text) => veil.value(name, text),
        };
        (name.to_string(), hidden)
    };
    fields.iter().map(value).collect()
}

fn form(veil: &mut Veil, fields: &Fields) -> Pairs {
    // Another field may hold what is a secret in this one.
    for (_, value) in fields {
        if let HeaderText::Secret(_) = value {
            veil.conceal(value.expose());
        }
    }
    let value = |(name, value): &(std::borrow::Cow<'static, str>, HeaderText)| {
        let hidden = match value {
            HeaderText::Secret(_) => veil.field("secret", value.expose()),
            HeaderText::Plain(text) => veil.field(name, text),
        };
        (name.to_string(), hidden)
    };
    fields.iter().map(value).collect()
}

fn answered(veil: &mut Veil, answer: &RestAnswer, whole: bool) -> Outcome {
    let mut kept = Pairs::new();
    for (name, value) in &answer.headers {
        let name = name.to_lowercase();
        if name == "set-cookie" {
            kept.push((name, veil.set_cookie(value)));
        } else if KEPT.contains(&&*name) {
            kept.push((name, veil.hide(value, Form::Text)));
        }
    }
    let (mut body, mut base64) = (None, None);
    if whole && !answer.body.is_empty() {
        let hidden = veil.hide_bytes(&answer.body, Form::Body);
        match String::from_utf8(hidden) {
            Ok(text) => body = Some(text),
            Err(error) => base64 = Some(STANDARD.encode(error.as_bytes())),
        }
    }
    Outcome { status: Some(answer.status), answer: kept, body, base64, failed: None }
}

fn failed(veil: &mut Veil, error: &RestError) -> Outcome {
    Outcome { failed: Some(veil.hide(&error.to_string(), Form::Text)), ..Outcome::default() }
}

fn not_opened(veil: &mut Veil, error: &OpenError) -> Outcome {
    let OpenError::Refused { status, retry_after, www_authenticate, body, .. } = error else {
        return Outcome { failed: Some(veil.hide(&error.to_string(), Form::Text)), ..Outcome::default() };
    };
    let mut answer = Pairs::new();
    answer.extend(retry_after.map(|time| ("retry-after".to_owned(), time.as_secs().to_string())));
    answer.extend(www_authenticate.as_ref().map(|text| ("www-authenticate".to_owned(), veil.hide(text, Form::Text))));
    let body = (!body.is_empty()).then(|| veil.hide(body, Form::Body));
    Outcome { status: Some(*status), answer, body, base64: None, failed: None }
}

/// What is told of one WebSocket. One that is dropped was given up by us.
pub(crate) struct SocketTape {
    tape: Arc<Tape>,
    socket: u64,
    ended: bool,
}

impl SocketTape {
    /// We say a text.
    pub(crate) fn sent(&self, text: &str) {
        self.say(text.as_bytes(), What::Sent);
    }

    /// The server has said something; pings and pongs are not kept.
    pub(crate) fn got(&self, message: &Incoming) {
        match message {
            Incoming::Text(text) | Incoming::LargeText(text, _) => self.say(text.as_bytes(), What::Got),
            Incoming::Binary(bytes) | Incoming::LargeBinary(bytes, _) => self.tape.write(|veil| {
                let base64 = Some(STANDARD.encode(veil.hide_bytes(bytes, Form::Body)));
                What::Got(Said { socket: self.socket, text: None, base64 })
            }),
            Incoming::Ping | Incoming::Pong(_) => {}
        }
    }

    fn say(&self, text: &[u8], what: fn(Said) -> What) {
        self.tape.write(|veil| {
            let text = String::from_utf8_lossy(&veil.hide_bytes(text, Form::Body)).into_owned();
            what(Said { socket: self.socket, text: Some(text), base64: None })
        });
    }

    /// It has ended.
    pub(crate) fn ended(&mut self, reason: &CloseReason) {
        let (by, code) = match reason {
            CloseReason::ByServer { code, .. } => ("server", *code),
            CloseReason::ByUs | CloseReason::TooLarge { .. } | CloseReason::Protocol(_) | CloseReason::NotUtf8 => {
                ("us", None)
            }
            CloseReason::Eof | CloseReason::Io { .. } => ("lost", None),
        };
        self.end(by, code, &reason.to_string());
    }

    fn end(&mut self, by: &'static str, code: Option<u16>, how: &str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.tape.write(|veil| What::Ended(Ended { socket: self.socket, by, code, how: veil.hide(how, Form::Text) }));
    }
}

impl Drop for SocketTape {
    fn drop(&mut self) {
        self.end("us", None, "given up by us");
    }
}
