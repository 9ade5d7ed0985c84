//! Windows users at the identity provider: NTLM over HTTP, bound to the connection.

use std::{
    collections::HashMap,
    net::Shutdown,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use actix_web::{
    HttpRequest, HttpResponse,
    body::BodyStream,
    http::{StatusCode, header},
    web::Bytes,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::stream;
use serde_json::Value;
use socket2::Socket;

use super::{
    Fault, Size,
    faults::FaultKind,
    gateway,
    hub::{Core, Hub},
    ledger::LoginTry,
    ntlm::{self, Flaw, Known, Pending},
};
use crate::simulator::common::{running::ConnectionId, socket};

/// For how long a challenge waits on a connection.
const PATIENCE: Duration = Duration::from_secs(60);

/// Challenges that wait for an answer, by connection.
#[derive(Default)]
pub(super) struct Handshakes(HashMap<u64, (Instant, Pending)>);

/// What comes next on a connection.
enum Reply {
    /// A 401 that offers these.
    Offer(Vec<String>),
    /// A 401 with a challenge; the connection may end behind it.
    Challenge {
        text: String,
        announced: bool,
        hang_up: bool,
    },
    Granted(Value),
}

/// Answers a request for a token as a Windows user.
pub(super) fn token(request: &HttpRequest, hub: &Hub) -> HttpResponse {
    let mut core = hub.lock();
    let reply = core.ntlm_reply(request);
    let long = match core.switches.get(FaultKind::NtlmLongBody) {
        Some(Fault::NtlmLongBody(Size(size))) => *size,
        _ => 0,
    };
    let chunked = core.switches.on(FaultKind::NtlmChunked);
    drop(core);
    let mut response = HttpResponse::build(StatusCode::UNAUTHORIZED);
    match reply {
        Reply::Granted(body) => return gateway::json_response(200, &body),
        Reply::Offer(schemes) => {
            for scheme in schemes {
                response.append_header((header::WWW_AUTHENTICATE, scheme));
            }
        }
        Reply::Challenge { text, announced, hang_up } => {
            response.append_header((header::WWW_AUTHENTICATE, text.as_str()));
            if announced {
                response.force_close();
            }
            if let Some(socket) = request.conn_data::<Arc<Socket>>().filter(|_| hang_up) {
                hang_up_behind(socket, &text);
            }
        }
    }
    // As IIS does: a page for people.
    let page = format!("<html><body><h2>401 - Unauthorized</h2>{}</body></html>", " ".repeat(long));
    response.content_type("text/html");
    if chunked {
        let pieces: Vec<_> = page.into_bytes().chunks(1000).map(Bytes::copy_from_slice).collect();
        return response.body(BodyStream::new(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>))));
    }
    response.body(page)
}

/// Writes a challenge past the server, and the end of the connection in the same packet. Otherwise a client that is quick has its answer on the way before
/// it can see the end. What the server says then goes nowhere.
fn hang_up_behind(socket: &Socket, challenge: &str) {
    /// Linux: what follows belongs to it. Elsewhere the end comes as soon as it can.
    const MORE: i32 = if cfg!(target_os = "linux") { 0x8000 } else { 0 };
    let answer = format!("HTTP/1.1 401 Unauthorized\r\nwww-authenticate: {challenge}\r\ncontent-length: 0\r\n\r\n");
    // A connection that is gone already has ended, too.
    let _ = socket.send_with_flags(answer.as_bytes(), MORE);
    let _ = socket.shutdown(Shutdown::Both);
}

impl Core {
    fn ntlm_reply(&mut self, request: &HttpRequest) -> Reply {
        let schemes: &[&str] = if self.switches.on(FaultKind::NtlmUnoffered) {
            &["Bearer"]
        } else if self.switches.on(FaultKind::NtlmNegotiate) {
            &["Negotiate"]
        } else {
            &["Negotiate", "NTLM"]
        };
        let offer = || Reply::Offer(schemes.iter().map(|scheme| (*scheme).to_owned()).collect());
        let given = socket::header(request.headers(), "authorization").unwrap_or_default();
        let Some((scheme, text)) = given.split_once(' ') else { return offer() };
        if !schemes[..].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
            return offer();
        }
        let message = BASE64_STANDARD.decode(text.trim()).unwrap_or_default();
        let connection = request.conn_data::<ConnectionId>().map_or(0, |id| id.0);
        match ntlm::kind(&message) {
            Some(1) => self.challenge(connection, scheme, &message).unwrap_or_else(offer),
            Some(3) => self.judge(connection, &message).map_or_else(offer, Reply::Granted),
            _ => offer(),
        }
    }

    fn challenge(&mut self, connection: u64, scheme: &str, first: &[u8]) -> Option<Reply> {
        let (domain, _) = self.options.windows_username.split_once('\\')?;
        let pending = Pending::new(first, domain)?;
        self.counters.challenges += 1;
        let garbage = self.switches.on(FaultKind::NtlmGarbage);
        let message: &[u8] = if garbage { b"NTLMSSP\0\x02\0\0\0no challenge" } else { &pending.challenge };
        let text = format!("{scheme} {}", BASE64_STANDARD.encode(message));
        self.handshakes.0.retain(|_, (begun, _)| begun.elapsed() < PATIENCE);
        self.handshakes.0.insert(connection, (Instant::now(), pending));
        let announced = self.switches.strikes(FaultKind::NtlmClose);
        let hang_up = self.switches.strikes(FaultKind::NtlmHangUp);
        Some(Reply::Challenge { text, announced, hang_up })
    }

    /// A token, if the answer is right.
    fn judge(&mut self, connection: u64, third: &[u8]) -> Option<Value> {
        let Some((_, pending)) = self.handshakes.0.remove(&connection) else {
            // Nobody has asked on this connection, so there is nothing to judge.
            self.counters.answers_unasked += 1;
            return None;
        };
        let options = self.options.clone();
        let (domain, name) = options.windows_username.split_once('\\')?;
        let known = Known { domain, name, password: &options.password };
        let checked = pending.check(third, &known);
        if matches!(checked, Err(Flaw::Malformed | Flaw::Old)) {
            tracing::debug!(flaw = ?checked, "an answer to a challenge was of no use");
        }
        let is_right = checked.is_ok() && !self.switches.on(FaultKind::LockedOut);
        let (status, body) = self.identity.judge(&options.windows_username, is_right, &options);
        // Windows does not say why.
        let status = if status == 200 { 200 } else { 401 };
        self.counters.logins.push(LoginTry { at: Instant::now(), time: SystemTime::now(), status });
        (status == 200).then_some(body)
    }
}
