//! Exchanges the messages of NTLM on one connection.
//!
//! ```text
//! call ─► 401, which schemes ─► call + first message ─► 401 + challenge ─► call + answer ─► the server's own answer
//!                                └────────────── on one connection ──────────────┘
//! ```
//! Each body is read to its end, so that the connection can be used again. If it ends before the answer to the challenge was
//! judged, the handshake starts over, a few times. An answer that went out is not sent again when no reply comes: the server
//! may have judged the password, and counts towards a lock-out.

use std::{cell::Cell, rc::Rc, sync::Arc};

use awc::http::header::{AUTHORIZATION, CONNECTION, WWW_AUTHENTICATE};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::ClientConfig;
use tokio::time::Instant;

use super::{
    WindowsLogin,
    message::{Challenge, Moment, negotiate},
};
use crate::transport::{
    client,
    error::{Fault, RestError},
    request::{HeaderText, RestAnswer, RestCall},
    rest::{failed, send},
};

/// How often a handshake is begun.
const MOST_HANDSHAKES: u32 = 3;

/// By which name the server speaks NTLM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Ntlm,
    /// Windows takes bare NTLM under this name too.
    Negotiate,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Ntlm => "NTLM",
            Self::Negotiate => "Negotiate",
        }
    }

    /// What the server offers, best first.
    fn offered(answer: &RestAnswer) -> Option<Self> {
        [Self::Ntlm, Self::Negotiate].into_iter().find(|scheme| challenges(answer).any(|(name, _)| scheme.is(name)))
    }

    fn is(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name())
    }

    fn header(self, message: &[u8]) -> HeaderText {
        HeaderText::secret(format!("{} {}", self.name(), BASE64_STANDARD.encode(message)))
    }

    /// The message that the server sent.
    fn message(self, answer: &RestAnswer) -> Option<Vec<u8>> {
        let text = challenges(answer).find_map(|(name, text)| (self.is(name) && !text.is_empty()).then_some(text))?;
        BASE64_STANDARD.decode(text).ok()
    }
}

/// What the server wants for authentication: schemes, and what follows each. Several may stand in one header (RFC 9110, section
/// 11.6.1); a parameter of another scheme is then taken for a scheme that nobody knows.
fn challenges(answer: &RestAnswer) -> impl Iterator<Item = (&str, &str)> {
    let headers = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(WWW_AUTHENTICATE.as_str()));
    headers.flat_map(|(_, value)| value.split(',')).map(|challenge| {
        let challenge = challenge.trim();
        challenge.split_once(' ').map_or((challenge, ""), |(name, text)| (name, text.trim()))
    })
}

/// Makes a call as a Windows user. The answer is the server's own: 401 if it took the login for a wrong one.
pub(in crate::transport) async fn call(
    tls: &Arc<ClientConfig>,
    call: &RestCall,
    login: &WindowsLogin,
    started: Instant,
) -> Result<RestAnswer, RestError> {
    let opened = Rc::new(Cell::new(0));
    let client = client::single(tls, &opened);
    // The body goes along each time: a server may look at it to know what to ask for.
    let offer = send(&client, call, started).await?;
    if offer.status != 401 {
        return Ok(offer);
    }
    let unable = |why: String| failed(call, Fault::Windows(why));
    let Some(scheme) = Scheme::offered(&offer) else {
        let offered: Vec<&str> = challenges(&offer).map(|(name, _)| name).collect();
        return Err(unable(format!("it offers no NTLM{}", among(&offered))));
    };
    let with = |message: &[u8]| call.clone().header(AUTHORIZATION.as_str().to_owned(), scheme.header(message));
    for handshake in 1..=MOST_HANDSHAKES {
        let first = negotiate();
        let answer = match send(&client, &with(&first), started).await {
            // No password was shown yet.
            Err(RestError::Failed { fault: Fault::Lost(_), .. }) if handshake < MOST_HANDSHAKES => continue,
            answer => answer?,
        };
        if answer.status != 401 {
            return Ok(answer);
        }
        let message = scheme
            .message(&answer)
            .ok_or_else(|| unable(format!("it answers {} without a challenge", scheme.name())))?;
        let challenge =
            Challenge::read(&message).map_err(|error| unable(format!("its challenge cannot be read: {error}")))?;
        let connection = opened.get();
        if closes(&answer) {
            continue;
        }
        let third = challenge.answer(&first, login, &Moment::now());
        let answer = send(&client, &with(&third), started).await?;
        // On another connection nobody had asked for it, so it was not judged.
        if answer.status != 401 || opened.get() == connection {
            return Ok(answer);
        }
    }
    let ended = format!("the server ended the connection in the midst of the NTLM handshake, {MOST_HANDSHAKES} times");
    Err(failed(call, Fault::Lost(ended)))
}

/// Whether the server ends the connection behind this answer.
fn closes(answer: &RestAnswer) -> bool {
    let connection = answer.header(CONNECTION.as_str()).unwrap_or_default();
    connection.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// The schemes in words, for whoever has to change something at the server.
fn among(offered: &[&str]) -> String {
    let known = ["Basic", "Bearer", "Digest"];
    let told: Vec<&str> =
        known.into_iter().filter(|known| offered.iter().any(|name| known.eq_ignore_ascii_case(name))).collect();
    if told.is_empty() { String::new() } else { format!(", only {}", told.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(headers: &[&str]) -> RestAnswer {
        let headers = headers.iter().map(|value| ("www-authenticate".to_owned(), (*value).to_owned())).collect();
        RestAnswer { status: 401, headers, body: bytes::Bytes::new(), retry_after: None }
    }

    #[test]
    fn ntlm_is_taken_before_negotiate_however_they_are_offered() {
        for (headers, scheme) in [
            (&["Negotiate", "NTLM"] as &[&str], Some(Scheme::Ntlm)),
            (&["Negotiate, NTLM"], Some(Scheme::Ntlm)),
            (&["Bearer error=\"invalid\", negotiate"], Some(Scheme::Negotiate)),
            (&["ntlm"], Some(Scheme::Ntlm)),
            (&["Bearer", "Basic realm=\"NTLM\""], None),
            (&[], None),
        ] {
            assert_eq!(Scheme::offered(&offer(headers)), scheme, "{headers:?}");
        }
        assert_eq!(among(&["bearer", "x"]), ", only Bearer");
    }

    #[test]
    fn a_challenge_is_found_among_others() {
        let answer = offer(&["Negotiate", "Bearer", "NTLM TlRMTVNTUAA="]);
        assert_eq!(Scheme::Ntlm.message(&answer).as_deref(), Some(b"NTLMSSP\0" as &[u8]));
        assert_eq!(Scheme::Negotiate.message(&answer), None);
        assert_eq!(Scheme::Ntlm.message(&offer(&["NTLM not/base64!"])), None);
    }
}
