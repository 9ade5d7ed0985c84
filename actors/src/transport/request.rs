//! What a vendor's protocol code asks the transport for, and what it is answered with.
//!
//! Pure data: nothing here opens a socket or reads a clock, so protocol code and its tests need no
//! network.

use std::{borrow::Cow, fmt, time::Duration};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

#[cfg(feature = "windows-auth")]
use super::windows::WindowsLogin;

/// How long one REST call may take, unless the call says otherwise.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is accepted, in bytes, unless the call says otherwise.
pub const DEFAULT_MAX_BODY: usize = 16 * 1024 * 1024;

/// How long opening a WebSocket may take, unless the request says otherwise.
pub const DEFAULT_OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// The largest WebSocket message that is accepted, in bytes, unless the request says otherwise.
pub const DEFAULT_MAX_MESSAGE: usize = 32 * 1024 * 1024;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or runs something.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        })
    }
}

/// The value of a header or of a form field, which may be a secret.
///
/// `Debug` never shows a secret.
#[derive(Clone)]
pub enum HeaderText {
    /// May be logged.
    Plain(Cow<'static, str>),
    /// Goes to the server and nowhere else.
    Secret(SecretString),
}

impl HeaderText {
    /// A secret value, such as a password or a bearer token.
    pub fn secret(text: impl Into<String>) -> Self {
        Self::Secret(SecretString::from(text.into()))
    }

    /// The text itself. For the wire only.
    pub(in crate::transport) fn expose(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(text) => text.expose_secret(),
        }
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => text.fmt(f),
            Self::Secret(_) => f.write_str("[secret]"),
        }
    }
}

impl From<&'static str> for HeaderText {
    fn from(text: &'static str) -> Self {
        Self::Plain(Cow::Borrowed(text))
    }
}

impl From<String> for HeaderText {
    fn from(text: String) -> Self {
        Self::Plain(Cow::Owned(text))
    }
}

impl From<SecretString> for HeaderText {
    fn from(text: SecretString) -> Self {
        Self::Secret(text)
    }
}

/// A list of named values: headers, or the fields of a form. Names may repeat; order is kept.
pub type Fields = Vec<(Cow<'static, str>, HeaderText)>;

/// What a request carries.
#[derive(Clone, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// Fields as `application/x-www-form-urlencoded`. They are percent-encoded when sent, so every
    /// character arrives as it is.
    Form(Fields),
    /// A document that is JSON already, as `application/json`.
    Json(Bytes),
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Form(fields) => f.debug_tuple("Form").field(fields).finish(),
            // A document may hold a secret anywhere.
            Self::Json(json) => write!(f, "Json({} bytes)", json.len()),
        }
    }
}

/// Whether a call may be made again when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retry {
    /// One try. For all that must not happen twice, and for logins: each refused one counts towards
    /// a lock-out.
    #[default]
    Never,
    /// The call changes nothing, or changes it to the same: up to `tries` tries in all.
    ///
    /// Tried again are lost connections and the statuses 429, 502, 503 and 504, after a growing
    /// pause or after what the server asks for in `Retry-After`. A pause that does not fit into the
    /// call's time is not begun: the last answer is given instead.
    Safe {
        /// Tries in all, the first one included. 0 counts as 1.
        tries: u32,
    },
}

/// How much of an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// All of it. An answer whose body is cut off, or larger than [`RestCall::max_body`], is an
    /// error.
    #[default]
    Whole,
    /// The status; of the body only the beginning. At most [`RestCall::max_body`] bytes of it are
    /// read, for a second at most: most bodies end by then, and the connection can be used again.
    /// What is missing is no error.
    Beginning,
}

/// One REST call.
#[derive(Clone)]
pub struct RestCall {
    /// The HTTP method.
    pub method: Method,
    /// Where to: `http` or `https`, without a user name or password in it.
    pub url: Url,
    /// Headers to send. `Content-Type` follows from the body unless it is given here.
    pub headers: Fields,
    /// What the request carries.
    pub body: Body,
    /// The Windows user that the call is made as. It then has a connection of its own, on which it is sent three times: what it
    /// carries must bear that. The answer has status 401 if the server did not take the password.
    #[cfg(feature = "windows-auth")]
    pub windows: Option<Box<WindowsLogin>>,
    /// How long the call may take from the look-up of the host name to the last byte of the answer,
    /// further tries and pauses included.
    pub timeout: Duration,
    /// Whether the call may be repeated.
    pub retry: Retry,
    /// How much of the answer is wanted.
    pub wanted: Wanted,
    /// The largest body that is accepted, in bytes; where only the beginning is wanted, the most
    /// that is read of it.
    pub max_body: usize,
}

impl RestCall {
    /// A call without headers and body: one try, 30 s, an answer of at most 16 MiB.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Fields::new(),
            body: Body::None,
            #[cfg(feature = "windows-auth")]
            windows: None,
            timeout: DEFAULT_CALL_TIMEOUT,
            retry: Retry::Never,
            wanted: Wanted::Whole,
            max_body: DEFAULT_MAX_BODY,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<HeaderText>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The call for logs and errors: method and address, without the query, which may hold a
    /// secret.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{} {}", self.method, shown(&self.url))
    }
}

impl fmt::Debug for RestCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RestCall");
        shown
            .field("method", &self.method)
            .field("url", &self::shown(&self.url))
            .field("headers", &self.headers)
            .field("body", &self.body);
        #[cfg(feature = "windows-auth")]
        shown.field("windows", &self.windows);
        shown
            .field("timeout", &self.timeout)
            .field("retry", &self.retry)
            .field("wanted", &self.wanted)
            .field("max_body", &self.max_body)
            .finish()
    }
}

/// What the server answered. Every status is an answer, a redirect too: the vendor judges it.
#[derive(Clone, PartialEq, Eq)]
pub struct RestAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers that are text, in the order of arrival. [`RestAnswer::header`] looks one up.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it was [wanted](Wanted). An answer that is cut off is an error, with one exception: `awc` takes a
    /// chunked body that ends too early for complete. A JSON document cut off does not parse.
    pub body: Bytes,
    /// For how long the server asks to be left alone (`Retry-After`, as seconds or as a date).
    pub retry_after: Option<Duration>,
}

impl RestAnswer {
    /// Whether the status is 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any case of letters.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for RestAnswer {
    /// Header values and body may hold tokens, so only names and the length are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestAnswer")
            .field("status", &self.status)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("retry_after", &self.retry_after)
            .finish()
    }
}

/// A WebSocket to open.
#[derive(Clone)]
pub struct WebSocketRequest {
    /// Where to: `ws` or `wss`, without a user name or password in it.
    pub url: Url,
    /// Headers of the upgrade.
    pub headers: Fields,
    /// How long DNS, TCP, TLS and the upgrade may take together.
    pub open_timeout: Duration,
    /// The largest message that is accepted, in bytes, all fragments together. A larger one ends
    /// the connection.
    pub max_message: usize,
}

impl WebSocketRequest {
    /// A request without headers: 15 s to open, messages of at most 32 MiB.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self { url, headers: Fields::new(), open_timeout: DEFAULT_OPEN_TIMEOUT, max_message: DEFAULT_MAX_MESSAGE }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<HeaderText>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The request for logs and errors: the address without the query, which may hold a secret.
    #[must_use]
    pub fn shown(&self) -> String {
        shown(&self.url)
    }
}

impl fmt::Debug for WebSocketRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketRequest")
            .field("url", &shown(&self.url))
            .field("headers", &self.headers)
            .field("open_timeout", &self.open_timeout)
            .field("max_message", &self.max_message)
            .finish()
    }
}

/// Scheme, host, port and path: no user name, no password, no query, no fragment.
fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// No server is left alone for longer than this, whatever it asks for.
const LONGEST_REST: Duration = Duration::from_secs(3_600);

/// Reads `Retry-After`: seconds, or an HTTP date, of which a past one means now (RFC 9110, section
/// 10.2.3). An hour at most.
pub(super) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Duration::try_from(until.duration_since(now).max(SignedDuration::ZERO)).ok()?
    };
    Some(wait.min(LONGEST_REST))
}
