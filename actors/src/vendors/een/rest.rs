//! Calls within a session, and what their statuses mean.

use std::time::Duration;

use super::accounts::AccountList;
use super::devices::{DeviceList, ListError};
use super::grant::Grant;
use super::wire::loose;
use crate::transport::request::{Method, RestAnswer, RestCall, Retry};
use crate::vendors::address::{place, under};

/// The time that a list may take: a reseller's has thousands of rows, each with counts.
const LIST_TIMEOUT: Duration = Duration::from_secs(180);
/// The size that a list may have, 32 MiB: a row of either list has some hundred bytes.
const MAX_LIST: usize = 32 << 20;
/// Tries of a device list in all.
const DEVICE_TRIES: u32 = 3;
/// Other answers are small.
const MAX_BODY: usize = 1 << 20;

/// Asks for the accounts below a reseller's; only in the reseller's own context. One try: who lists accounts has a pace of its own.
#[must_use]
pub fn list_accounts(grant: &Grant) -> RestCall {
    list(grant, "g/account/list")
}

/// Asks for the cameras and bridges of the account. A few tries: an account cannot begin without them, and where a thousand begin, some are
/// told that there are too many requests in this second.
#[must_use]
pub fn list_devices(grant: &Grant) -> RestCall {
    RestCall { retry: Retry::Safe { tries: DEVICE_TRIES }, ..list(grant, "g/device/list") }
}

/// Asks whether the session is still known, see [`read_is_authorized`].
#[must_use]
pub fn is_authorized(grant: &Grant) -> RestCall {
    let mut call = grant.sign(RestCall::new(Method::Get, under(&grant.rest, "g/aaa/isauth")));
    call.max_body = MAX_BODY;
    call
}

/// Ends the session; 204 says that it has ended.
#[must_use]
pub fn logout(grant: &Grant) -> RestCall {
    let mut call = grant.sign(RestCall::new(Method::Post, under(&grant.rest, "g/aaa/logout")));
    call.max_body = MAX_BODY;
    call
}

fn list(grant: &Grant, path: &str) -> RestCall {
    let mut call = grant.sign(RestCall::new(Method::Get, under(&grant.rest, path)));
    (call.timeout, call.max_body) = (LIST_TIMEOUT, MAX_LIST);
    call
}

/// Why a call within a session was not answered with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// 401, and 412: the session has ended. A new login helps.
    #[error("the session is not known any more ({status})")]
    SessionLost {
        /// Which of the two.
        status: u16,
    },
    /// 301 and its like: the session's host is another now. A new login tells which.
    #[error("Eagle Eye has moved the account to {to} ({status}); if a new login does not help, look at api_url")]
    Moved {
        /// The status.
        status: u16,
        /// Scheme and host that the answer names; `another host` where it names none.
        to: String,
    },
    /// 403: not with these permissions, or not in this context. The session is good.
    #[error("the user may not ask for that here (403)")]
    Forbidden,
    /// 402, 460, 461: so is the account.
    #[error("the account is {standing} ({status})")]
    Barred {
        /// The status.
        status: u16,
        /// `suspended`, `inactive`, `pending`.
        standing: &'static str,
    },
    /// 429 and 5xx, and no status of success or refusal at all. Trying again later helps.
    #[error("Eagle Eye cannot answer now ({status})")]
    Busy {
        /// The status.
        status: u16,
        /// For how long the server asks to be left alone.
        not_before: Option<Duration>,
    },
    /// Any other status.
    #[error("Eagle Eye refused the call ({status})")]
    Refused {
        /// The status.
        status: u16,
    },
    /// A success that is no list: proxies are known to answer with pages of their own.
    #[error("{0}")]
    NoList(#[from] ListError),
}

impl CallError {
    /// Whether another session is needed: the one in hand, or its host, is no good any more.
    #[must_use]
    pub fn wants_login(&self) -> bool {
        matches!(self, Self::SessionLost { .. } | Self::Moved { .. })
    }

    /// Whether the same call may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::NoList(_))
    }
}

/// The list of accounts.
///
/// # Errors
/// [`CallError`]; of these [`Forbidden`](CallError::Forbidden) says that the session is not a reseller's, or has been switched to a sub-account.
pub fn read_accounts(answer: &RestAnswer) -> Result<AccountList, CallError> {
    succeeded(answer)?;
    Ok(AccountList::read(&answer.body)?)
}

/// The list of devices.
///
/// # Errors
/// [`CallError`].
pub fn read_devices(answer: &RestAnswer) -> Result<DeviceList, CallError> {
    succeeded(answer)?;
    Ok(DeviceList::read(&answer.body)?)
}

/// Whether the session is still known: `true` is a third party's observation, the documentation speaks of the status alone.
///
/// # Errors
/// [`CallError`] where it could not be asked.
pub fn read_is_authorized(answer: &RestAnswer) -> Result<bool, CallError> {
    match succeeded(answer) {
        Ok(()) => Ok(loose::flag(str::from_utf8(&answer.body).unwrap_or_default().trim()) != Some(false)),
        Err(CallError::SessionLost { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn succeeded(answer: &RestAnswer) -> Result<(), CallError> {
    let (status, not_before) = (answer.status, answer.retry_after);
    Err(match status {
        200..=299 => return Ok(()),
        301 | 302 | 307 | 308 => {
            let to = answer.header("location").and_then(|text| text.parse().ok()).map(|url| place(&url));
            CallError::Moved { status, to: to.unwrap_or_else(|| "another host".to_owned()) }
        }
        401 | 412 => CallError::SessionLost { status },
        402 => CallError::Barred { status, standing: "suspended" },
        460 => CallError::Barred { status, standing: "inactive" },
        461 => CallError::Barred { status, standing: "pending" },
        403 => CallError::Forbidden,
        400..=428 | 430..=499 if !matches!(status, 408 | 425) => CallError::Refused { status },
        _ => CallError::Busy { status, not_before },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use secrecy::ExposeSecret;

    use super::*;
    use crate::transport::request::HeaderText;
    use crate::vendors::een::accounts::User;
    use crate::vendors::een::config::EenConfig;
    use crate::vendors::een::login::api_key;

    fn answer(status: u16, body: &str) -> RestAnswer {
        RestAnswer { status, headers: vec![], body: body.to_owned().into(), retry_after: None }
    }

    fn grant() -> Grant {
        let mut config = EenConfig::new("ops@example.com", "p".into());
        (config.api_key, config.api_key_header) = (Some("topsecret".into()), "Authorization:".to_owned());
        Grant {
            rest: "https://c001.een.test/x/".parse().unwrap(),
            socket: "wss://c001.een.test/x/".parse().unwrap(),
            auth_key: "c001~secret".to_owned().into(),
            api_key: api_key(&config),
            account: "00004206".parse().unwrap(),
            user: User::read(br#"{"owner_account_id":"00004206"}"#).unwrap(),
        }
    }

    #[test]
    fn every_call_carries_the_session_and_the_key_and_shows_neither() {
        type Make = fn(&Grant) -> RestCall;
        let calls: [(Make, &str); 4] = [
            (list_accounts, "GET https://c001.een.test/x/g/account/list"),
            (list_devices, "GET https://c001.een.test/x/g/device/list"),
            (is_authorized, "GET https://c001.een.test/x/g/aaa/isauth"),
            (logout, "POST https://c001.een.test/x/g/aaa/logout"),
        ];
        for (call, expected) in calls {
            let call = call(&grant());
            assert_eq!(call.shown(), expected);
            let secret = |value: &HeaderText| match value {
                HeaderText::Secret(text) => text.expose_secret().to_owned(),
                HeaderText::Plain(text) => panic!("{text} could be logged"),
            };
            let headers: Vec<_> = call.headers.iter().map(|(name, value)| (&**name, secret(value))).collect();
            assert_eq!(
                headers,
                [("cookie", "auth_key=c001~secret".to_owned()), ("Authorization", "topsecret:".to_owned())]
            );
            assert!(!format!("{call:?}").contains("c001~") && !format!("{call:?}").contains("topsecret"));
        }
    }

    #[test]
    fn every_status_has_its_own_meaning() {
        let cases: [(u16, &str, bool, bool); 15] = [
            (401, "not known any more (401)", true, false),
            (412, "not known any more (412)", true, false),
            (301, "to another host (301)", true, false),
            (308, "to another host (308)", true, false),
            (402, "suspended (402)", false, false),
            (460, "inactive (460)", false, false),
            (461, "pending (461)", false, false),
            (403, "may not", false, false),
            (400, "refused the call (400)", false, false),
            (404, "refused the call (404)", false, false),
            (408, "cannot answer now (408)", false, true),
            (429, "cannot answer now (429)", false, true),
            (500, "cannot answer now (500)", false, true),
            (503, "cannot answer now (503)", false, true),
            (304, "cannot answer now (304)", false, true),
        ];
        for (status, words, wants_login, is_retryable) in cases {
            let mut answer = answer(status, "secret page");
            answer.retry_after = Some(Duration::from_secs(7));
            let error = read_accounts(&answer).unwrap_err();
            assert!(error.to_string().contains(words) && !error.to_string().contains("secret"), "{error}");
            assert_eq!((error.wants_login(), error.is_retryable()), (wants_login, is_retryable), "{status}");
            assert_eq!(read_devices(&answer).unwrap_err(), error);
            if let CallError::Busy { not_before, .. } = error {
                assert_eq!(not_before, Some(Duration::from_secs(7)));
            }
        }
        let mut moved = answer(301, "");
        moved.headers.push(("Location".into(), "https://c002.een.test/g/device/list?A=c001~secret".into()));
        let error = read_devices(&moved).unwrap_err().to_string();
        assert!(error.contains("https://c002.een.test (301)") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn lists_are_read_and_pages_of_a_proxy_are_not() {
        assert_eq!(read_accounts(&answer(200, r#"[["00004207","Store"]]"#)).unwrap().accounts.len(), 1);
        assert_eq!(read_devices(&answer(200, r#"[["00004207","1000f60d","Cam","camera"]]"#)).unwrap().devices.len(), 1);
        for page in ["<html>", "", "{}", "true"] {
            assert!(read_devices(&answer(200, page)).unwrap_err().is_retryable(), "{page}");
            assert!(read_accounts(&answer(200, page)).unwrap_err().is_retryable(), "{page}");
        }
    }

    #[test]
    fn a_session_is_known_by_the_status_and_denied_by_false() {
        for (status, body, expected) in
            [(200, "true", true), (200, "", true), (200, "false\n", false), (401, "true", false), (412, "", false)]
        {
            assert_eq!(read_is_authorized(&answer(status, body)), Ok(expected), "{status} {body}");
        }
        assert!(read_is_authorized(&answer(502, "")).is_err());
    }
}
