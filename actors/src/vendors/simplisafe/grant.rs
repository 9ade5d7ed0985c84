//! What a login yields.

use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::transport::request::{HeaderText, RestCall, WebSocketRequest};

/// The name under which SimpliSafe's own web page would call: some clients were refused without a browser's name (observed by one of them, denied by
/// another), so it is sent, and the socket's messages carry it as their `source` (simplipy).
pub const USER_AGENT: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                              Version/15.0 Safari/605.1.15";

/// A grant is not handed out any more when it has less left than this, or than half its life, see [`Grant::renew_at`].
const AHEAD: Duration = Duration::from_secs(30);

/// An access token, and whose it is.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Where to call, with a slash at the end: what comes behind begins with `v1/`.
    pub api: Url,
    /// Where to open the socket.
    pub socket: Url,
    /// Shown to REST as a bearer token, and to the socket in its first message.
    pub access_token: SecretString,
    /// Whose systems, by `authCheck`: the socket is joined as `uid:<user id>`.
    pub user_id: u64,
    /// Until when the token is good.
    pub good_until: Instant,
    /// When to ask for another, so that there is no moment without one: the engine's
    /// [`Authorize`](crate::vendors::Action::Authorize) without `refused` yields a new one from then on.
    pub renew_at: Instant,
}

impl Grant {
    /// When to ask for another token, of one that is good for `life` from `now` on.
    pub(super) fn renew_at(now: Instant, life: Duration) -> Instant {
        // The engine's own margin is a minute, or half the life; this is inside it, so that who asks then is given a new one.
        now + life - AHEAD.min(life / 4)
    }

    /// Adds to a call what every call carries.
    #[must_use]
    pub fn sign(&self, call: RestCall) -> RestCall {
        browse(call).header("authorization", self.bearer())
    }

    /// The bearer token as a header's value.
    #[must_use]
    pub fn bearer(&self) -> HeaderText {
        HeaderText::secret(format!("Bearer {}", self.access_token.expose_secret()))
    }

    /// The socket, at which nothing is shown: the token goes in the first message.
    #[must_use]
    pub fn open(&self) -> WebSocketRequest {
        WebSocketRequest::new(self.socket.clone())
    }
}

/// Adds the browser's name.
pub(super) fn browse(call: RestCall) -> RestCall {
    call.header("user-agent", USER_AGENT)
}
