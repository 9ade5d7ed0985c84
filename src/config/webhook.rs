//! A sink of kind `webhook`: events by HTTP POST.

use std::{collections::HashSet, fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretSlice};
use url::Url;
use watchpost_actors::settings::{Fields, Mistake, Secret, TlsSettings, is_loopback, mistake::shown};

/// A receiver of events by HTTP POST.
#[derive(Clone)]
#[non_exhaustive]
pub struct WebhookSink {
    /// Where to. Its path and query may be as good as a password, so `Debug` shows the host alone.
    pub url: Url,
    /// The key that requests are signed with.
    pub secret: Option<SigningKey>,
    /// Headers to send with every request, each name once in whatever case.
    pub headers: Vec<(String, Secret)>,
    /// How an event becomes a request.
    pub mode: WebhookMode,
    /// The most events in one request, 1 to 1000; more than 1 only in batch mode.
    pub batch: usize,
    /// The time for one try, from the look-up of the host name to the answer; 10 s unless set.
    pub timeout: Duration,
    /// How often an event that the receiver refuses is tried in all, 10 unless set.
    pub tries: u32,
    /// How the receiver's certificate is judged.
    pub tls: TlsSettings,
}

/// How an event becomes a request (CloudEvents 1.0, HTTP protocol binding).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookMode {
    /// One event, all of it in the body.
    Structured,
    /// One event: its attributes as headers, its data as the body.
    Binary,
    /// A list of events in the body.
    Batch,
}

/// A key of Standard Webhooks: 24 to 64 bytes, written `whsec_` and base64. `Debug` does not show it.
#[derive(Clone)]
pub struct SigningKey(SecretSlice<u8>);

/// Why a text is no [`SigningKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// It does not begin as one.
    #[error("a signing key begins with \"whsec_\"")]
    Prefix,
    /// It is not base64, or not all of it.
    #[error("what follows \"whsec_\" is not base64 (with the `=` at its end, if there is one)")]
    Encoding,
    /// It is too short to be safe, or longer than receivers accept.
    #[error("a signing key has 24 to 64 bytes, this one has {0}")]
    Length(usize),
}

impl SigningKey {
    /// Reads a key.
    ///
    /// # Errors
    /// [`SigningKeyError`]; none of them shows a part of the key.
    pub fn parse(text: &str) -> Result<Self, SigningKeyError> {
        let encoded = text.strip_prefix("whsec_").ok_or(SigningKeyError::Prefix)?;
        let key = SecretSlice::from(BASE64_STANDARD.decode(encoded).map_err(|_| SigningKeyError::Encoding)?);
        match key.expose_secret().len() {
            24..=64 => Ok(Self(key)),
            length => Err(SigningKeyError::Length(length)),
        }
    }

    /// The bytes, for the one place that signs with them.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSink")
            .field("url", &self.url.host_str().unwrap_or_default())
            .field("secret", &self.secret)
            .field("headers", &self.headers)
            .field("mode", &self.mode)
            .field("batch", &self.batch)
            .field("timeout", &self.timeout)
            .field("tries", &self.tries)
            .field("tls", &self.tls)
            .finish()
    }
}

impl WebhookSink {
    /// The default of `mode`.
    pub const MODE: WebhookMode = WebhookMode::Structured;
    /// The default of `batch`.
    pub const BATCH: usize = 1;
    /// The default of `timeout`.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// The default of `tries`.
    pub const TRIES: u32 = 10;
}

const MODES: [(&str, WebhookMode); 3] =
    [("structured", WebhookMode::Structured), ("binary", WebhookMode::Binary), ("batch", WebhookMode::Batch)];

/// Reads the keys of this kind.
pub(super) fn read(fields: &mut dyn Fields) -> Option<WebhookSink> {
    fields.require("url", "url = \"https://hooks.example.com/events\"");
    let url = url(fields);
    let secret = signing_key(fields);
    let mut names = HashSet::new();
    let headers = fields.secrets("headers", &mut |name| check_name(name, &mut names), &check_value);
    let mode = fields.choice("mode", &MODES).unwrap_or(WebhookSink::MODE);
    let batch = fields.integer("batch", 1..=1_000_u16).map_or(WebhookSink::BATCH, usize::from);
    if batch > 1 && mode != WebhookMode::Batch {
        let mistake = Mistake::new("only in batch mode can a request hold more than one event");
        fields.error("batch", mistake.hint("add mode = \"batch\", or leave `batch` out"));
    }
    let timeout = fields.duration("timeout", Duration::from_millis(100)..=Duration::from_secs(600));
    let tries = fields.integer("tries", 1..=1_000_u32);
    let tls = fields.table("tls", |fields| TlsSettings::read(fields, "what is sent"));
    Some(WebhookSink {
        url: url?,
        secret,
        headers: headers.unwrap_or_default(),
        mode,
        batch,
        timeout: timeout.unwrap_or(WebhookSink::TIMEOUT),
        tries: tries.unwrap_or(WebhookSink::TRIES),
        tls: tls.unwrap_or_default(),
    })
}

fn url(fields: &mut dyn Fields) -> Option<Url> {
    let url = fields.url("url", &["http", "https"])?;
    if url.scheme() == "http" && !is_loopback(&url) {
        // Many receivers know their senders by a word in the address.
        let mistake = Mistake::new("http carries events and headers in the clear").concealed();
        fields.warn("url", mistake.hint("write https:// if the receiver has it"));
    }
    Some(url)
}

fn signing_key(fields: &mut dyn Fields) -> Option<SigningKey> {
    // An empty one was not fetched: nothing is delivered with these settings.
    let secret = fields.secret("secret").filter(|secret| !secret.expose().is_empty())?;
    let key = SigningKey::parse(secret.expose());
    let told = |error: SigningKeyError| {
        let hint = "copy the receiver's, or make one for both: echo \"whsec_$(openssl rand -base64 32)\"";
        fields.error("secret", Mistake::new(error.to_string()).hint(hint));
    };
    key.map_err(told).ok()
}

/// What a person may not set: what each request gets of its own, and what decides where one ends.
const OURS: [&str; 3] = ["content-type", "content-length", "host"];
const OUR_PREFIXES: [&str; 2] = ["webhook-", "ce-"];
const CONNECTION: [&str; 8] =
    ["connection", "expect", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// What a name may have besides letters and digits (RFC 9110, section 5.6.2).
const SIGNS: &[u8] = b"!#$%&'*+-.^_`|~";

fn check_name(name: &str, taken: &mut HashSet<String>) -> Result<(), Mistake> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || SIGNS.contains(&byte)) {
        return Err(Mistake::new(format!("\"{}\" is not the name of a header", shown(name)))
            .hint("a name has letters, digits and `-`, like X-Api-Key"));
    }
    let lower = name.to_ascii_lowercase();
    if OURS.contains(&&*lower) || OUR_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(Mistake::new("this header is set by watchpost itself")
            .hint("leave it out; `mode` and `secret` decide about content-type, webhook-* and ce-*"));
    }
    if CONNECTION.contains(&&*lower) {
        return Err(Mistake::new("this header governs the connection, which is watchpost's own").hint("leave it out"));
    }
    if !taken.insert(lower) {
        return Err(Mistake::new("this header is there already, in another case").hint("give each header once"));
    }
    Ok(())
}

fn check_value(value: &Secret) -> Result<(), Mistake> {
    if value.expose().bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Ok(());
    }
    Err(Mistake::new("the secret has a character in it that a header cannot hold")
        .hint("headers hold ASCII on one line: is there a line break in it?"))
}
