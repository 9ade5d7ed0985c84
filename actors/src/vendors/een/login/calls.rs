//! The calls of a login, each sent on to where the server says it belongs.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::hosts::{is_redirect, redirected};
use crate::settings::mistake::shown;
use crate::transport::RestError;
use crate::transport::request::{Body, HeaderText, Method, RestAnswer, RestCall, Retry};
use crate::vendors::LoginError;
use crate::vendors::address::{place, under};
use crate::vendors::een::config::EenConfig;
use crate::vendors::een::grant::Grant;
use crate::vendors::een::rest::logout;
use crate::vendors::een::wire::AccountId;

/// How often one call is sent on. Where there is more than that, it goes in circles.
const MOST_HOPS: u8 = 2;
/// Without a code in it, an authorization is tried so often in all: its token is used once, whatever happens, so it cannot be made twice. That
/// takes longer than the second over which requests are counted (documented as "requests per second").
const AUTHORIZE_TRIES: u32 = 4;
/// Answers to a login are small.
const MAX_BODY: usize = 1 << 20;

const AUTHENTICATE: &str = "g/aaa/authenticate";
const SEND_CODE: &str = "g/aaa/two_factor_authenticate";
const AUTHORIZE: &str = "g/aaa/authorize";
const SWITCH: &str = "g/aaa/switch_account";
const IS_AUTHORIZED: &str = "g/aaa/isauth";

/// Makes the calls, and remembers the one under way.
#[derive(Debug)]
pub(super) struct Calls {
    pub(super) config: EenConfig,
    timeout: Duration,
    /// The login host, with a slash at the end: that of the settings, or where it sent us.
    pub(super) base: Url,
    sent: Option<Sent>,
}

#[derive(Debug)]
struct Sent {
    call: RestCall,
    path: &'static str,
    hops: u8,
}

/// What to do with what came.
#[derive(Debug)]
pub(super) enum Arrived {
    /// Make this call: the same one, elsewhere.
    Call(RestCall),
    /// Judge the answer.
    Answer {
        answer: RestAnswer,
        /// The root that the call was made under; none where a redirect has led to another path, which says nothing about other calls.
        root: Option<Url>,
    },
}

impl Calls {
    pub(super) fn new(config: EenConfig, timeout: Duration) -> Self {
        let base = under(&config.auth_url, "");
        Self { config, timeout, base, sent: None }
    }

    /// Begins anew at the login host of the settings.
    pub(super) fn reset(&mut self) {
        self.base = under(&self.config.auth_url, "");
        self.sent = None;
    }

    /// The login host is where the last call has found it.
    pub(super) fn moved(&mut self, root: Option<Url>) {
        self.base = root.unwrap_or_else(|| self.base.clone());
    }

    pub(super) fn authenticate(&mut self, device: Option<&SecretString>) -> RestCall {
        let body = json!({ "username": self.config.username, "password": self.config.password.expose() });
        let mut call = self.call(AUTHENTICATE, &body);
        // Of a known device the right password is enough.
        let cookie = device.map(|key| HeaderText::secret(format!("tfa_key={}", key.expose_secret())));
        call.headers.extend(cookie.map(|cookie| ("cookie".into(), cookie)));
        self.send(AUTHENTICATE, call)
    }

    /// Asks for a code, by `sms` or `email`.
    pub(super) fn send_code(&mut self, token: &SecretString, by: &str) -> RestCall {
        let body = json!({ "token": token.expose_secret(), "two_factor_authentication_type": by });
        let call = self.call(SEND_CODE, &body);
        self.send(SEND_CODE, call)
    }

    pub(super) fn authorize(&mut self, token: &SecretString, code: Option<&SecretString>) -> RestCall {
        let mut body = json!({ "token": token.expose_secret() });
        if let Some(code) = code {
            body["two_factor_authentication_code"] = code.expose_secret().into();
        }
        let mut call = self.call(AUTHORIZE, &body);
        if code.is_none() {
            call.retry = Retry::Safe { tries: AUTHORIZE_TRIES };
        }
        self.send(AUTHORIZE, call)
    }

    pub(super) fn switch(&mut self, grant: &Grant, account: &AccountId) -> RestCall {
        let mut call = self.limited(RestCall::new(Method::Post, under(&grant.rest, SWITCH)));
        call.body = Body::Json(json!({ "account_id": account.as_str() }).to_string().into());
        self.send(SWITCH, grant.sign(call))
    }

    /// Asks something harmless where the session is to be used.
    pub(super) fn locate(&mut self, grant: &Grant) -> RestCall {
        let call = self.limited(RestCall::new(Method::Get, under(&grant.rest, IS_AUTHORIZED)));
        self.send(IS_AUTHORIZED, grant.sign(call))
    }

    /// Ends a session. Whatever is answered, nothing follows from it.
    pub(super) fn log_out(&self, grant: &Grant) -> RestCall {
        self.limited(logout(grant))
    }

    fn call(&self, path: &str, body: &Value) -> RestCall {
        let mut call = self.limited(RestCall::new(Method::Post, under(&self.base, path)));
        call.body = Body::Json(body.to_string().into());
        call.headers.extend(api_key(&self.config).map(|(name, key)| (name.into(), key.into())));
        call
    }

    /// One try, unless more is said: each refused login counts towards a lock-out.
    fn limited(&self, mut call: RestCall) -> RestCall {
        (call.timeout, call.max_body) = (self.timeout, MAX_BODY);
        call
    }

    fn send(&mut self, path: &'static str, call: RestCall) -> RestCall {
        self.sent = Some(Sent { call: call.clone(), path, hops: 0 });
        call
    }

    /// Takes in what came for the call under way.
    ///
    /// # Errors
    /// Where nothing came, and where the server sends us to where we do not go. Trying again later can help.
    pub(super) fn arrived(&mut self, answer: Result<RestAnswer, RestError>) -> Result<Arrived, LoginError> {
        let Some(Sent { mut call, path, hops }) = self.sent.take() else {
            return Err(LoginError::unavailable("an answer came that no call was made for"));
        };
        let answer = answer.map_err(|error| LoginError::unavailable(error.to_string()))?;
        if !is_redirect(&answer) {
            let root = call.url.path().strip_suffix(path).map(|root| {
                let mut url = call.url.clone();
                url.set_path(root);
                url.set_query(None);
                url
            });
            return Ok(Arrived::Answer { answer, root });
        }
        if hops == MOST_HOPS {
            let why = format!("{} sends the call on again and again", place(&call.url));
            return Err(LoginError::unavailable(why));
        }
        call.url = redirected(&self.config, &call.url, &answer).map_err(LoginError::unavailable)?;
        self.sent = Some(Sent { call: call.clone(), path, hops: hops + 1 });
        Ok(Arrived::Call(call))
    }
}

/// The header that carries the API key, and its value.
pub(crate) fn api_key(config: &EenConfig) -> Option<(String, SecretString)> {
    let key = config.api_key.as_ref()?.expose();
    Some(match config.api_key_header.strip_suffix(':') {
        Some(name) => (name.to_owned(), format!("{key}:").into()),
        None => (config.api_key_header.clone(), key.to_owned().into()),
    })
}

/// What `authenticate` answers.
#[derive(Debug)]
pub(super) struct Authenticated {
    /// Good for one authorization, within 30 s, or 15 min where a code is wanted.
    pub(super) token: SecretString,
    /// Where a code can be sent to, if one is wanted.
    pub(super) wants_code: Option<Ways>,
}

/// Where a code can be sent to, as the server shows it: with most of it hidden.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ways {
    /// The telephone's number; none if the user has none.
    pub sms: Option<String>,
    /// The mail address.
    pub email: Option<String>,
}

impl Authenticated {
    /// Reads the answer; `None` if there is no token in it.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Members {
            token: SecretString,
            #[serde(default)]
            two_factor_authentication_code: Option<Value>,
        }
        let members: Members = serde_json::from_slice(body).ok()?;
        let ways = |ways: &Value| {
            // `No sms phone found` shows no number.
            let way = |name| {
                let text = ways.get(name)?.as_str()?;
                text.contains(|letter: char| letter == '*' || letter.is_ascii_digit()).then(|| shown(text))
            };
            Ways { sms: way("sms"), email: way("email") }
        };
        (!members.token.expose_secret().is_empty()).then(|| Self {
            token: members.token,
            wants_code: members.two_factor_authentication_code.as_ref().map(ways),
        })
    }
}
