//! What a tape is told, by those who make calls and hold sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use url::{Position, Url};

use super::Tape;
use super::line::{Call, Ended, Open, Outcome, Pairs, Said, What};
use super::veil::{Form, Veil};
use crate::transport::assembler::Incoming;
use crate::transport::error::{CloseReason, Fault, OpenError, RestError};
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
                Err(error) => self::failed(veil, error),
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
            let value = header(veil, &name, value);
            kept.push((name, value));
        }
    }
    let (mut body, mut omitted) = (None, None);
    if whole && !answer.body.is_empty() {
        let is_packed =
            answer.header("content-encoding").is_some_and(|how| !how.trim().eq_ignore_ascii_case("identity"));
        match str::from_utf8(&answer.body) {
            Ok(text) if !is_packed && !text.contains('\0') => body = Some(veil.hide(text, Form::Body)),
            _ => omitted = Some(answer.body.len()),
        }
    }
    Outcome { status: Some(answer.status), answer: kept, body, omitted, failed: None }
}

/// The value of a header of an answer.
fn header(veil: &mut Veil, name: &str, value: &str) -> String {
    match name {
        // What stands behind the schemes may name machines and domains, and be part of a handshake.
        "www-authenticate" => schemes(value),
        // It may begin with a host and no scheme.
        "location" if value.starts_with("//") => {
            let hidden = veil.hide(&format!("http:{value}"), Form::Text);
            hidden.strip_prefix("http:").map_or(hidden.clone(), str::to_owned)
        }
        _ => veil.hide(value, Form::Text),
    }
}

/// The schemes of a challenge, without what belongs to them: `Basic, NTLM`.
fn schemes(challenges: &str) -> String {
    const KNOWN: [&str; 5] = ["Basic", "Bearer", "Digest", "Negotiate", "NTLM"];
    let words: Vec<_> = challenges.split([' ', ',']).collect();
    let named = KNOWN.into_iter().filter(|known| words.iter().any(|word| word.eq_ignore_ascii_case(known)));
    named.collect::<Vec<_>>().join(", ")
}

fn failed(veil: &mut Veil, error: &RestError) -> Outcome {
    let told = match error {
        RestError::Failed { at, fault } => faulty(at, fault),
        error => error.to_string(),
    };
    Outcome { failed: Some(veil.hide(&told, Form::Text)), ..Outcome::default() }
}

/// In our own words where the others' may quote a certificate, and so the names in it.
fn faulty(at: &str, fault: &Fault) -> String {
    match fault {
        Fault::Tls { lasting: true, .. } => {
            format!("{at}: TLS failed: the certificate, or the way it is offered, is not accepted")
        }
        Fault::Tls { lasting: false, .. } => format!("{at}: TLS failed"),
        fault => format!("{at}: {fault}"),
    }
}

fn not_opened(veil: &mut Veil, error: &OpenError) -> Outcome {
    let OpenError::Refused { status, retry_after, www_authenticate, body, .. } = error else {
        let told = match error {
            OpenError::Failed { at, fault } => faulty(at, fault),
            error => error.to_string(),
        };
        return Outcome { failed: Some(veil.hide(&told, Form::Text)), ..Outcome::default() };
    };
    let mut answer = Pairs::new();
    answer.extend(retry_after.map(|time| ("retry-after".to_owned(), time.as_secs().to_string())));
    answer.extend(www_authenticate.as_ref().map(|text| ("www-authenticate".to_owned(), schemes(text))));
    let body = (!body.is_empty()).then(|| veil.hide(body, Form::Body));
    Outcome { status: Some(*status), answer, body, omitted: None, failed: None }
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
            Incoming::Binary(bytes) | Incoming::LargeBinary(bytes, _) => self.tape.write(|_| {
                What::Got(Said {
                    socket: self.socket,
                    text: None,
                    base64: Some(String::new()),
                    omitted: Some(bytes.len()),
                })
            }),
            Incoming::Ping | Incoming::Pong(_) => {}
        }
    }

    fn say(&self, text: &[u8], what: fn(Said) -> What) {
        self.tape.write(|veil| {
            let text = String::from_utf8_lossy(&veil.hide_bytes(text, Form::Body)).into_owned();
            what(Said { socket: self.socket, text: Some(text), base64: None, omitted: None })
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
