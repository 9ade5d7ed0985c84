//! A sink of kind `nats`: events into a JetStream stream, states into a key-value bucket.

use std::{net::IpAddr, ops::RangeInclusive, time::Duration};

use url::Url;
use watchpost_actors::settings::{ByteSize, ClientIdentity, Fields, Mistake, Secret, TlsSettings, mistake::shown};

use super::sink::broker_tls;

/// A NATS server with JetStream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NatsSink {
    /// The server: `nats://host:4222`, or `tls://host:4222` where the connection must be encrypted.
    pub url: Url,
    /// As whom to log in.
    pub login: NatsLogin,
    /// The stream that events go to, `WATCHPOST` unless set.
    pub stream: String,
    /// What their subjects begin with, `watchpost` unless set.
    pub subject: String,
    /// The key-value bucket that states go to, `watchpost-states` unless set.
    pub bucket: String,
    /// How an event becomes a message, binary unless set.
    pub mode: NatsMode,
    /// The limits of a stream that is made. Those of one that is there are left as they are.
    pub limits: NatsLimits,
    /// The time for one answer of the server, 10 s unless set.
    pub timeout: Duration,
    /// How the server's certificate is judged.
    pub tls: TlsSettings,
    /// The certificate that we show the server if it asks for one.
    pub identity: Option<ClientIdentity>,
    /// The connection must be encrypted; else the server decides.
    pub tls_required: bool,
    /// How often the bucket is looked at, whether it still holds what was put there; 30 s. No configuration sets it.
    pub look_every: Duration,
}

/// As whom to log in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NatsLogin {
    /// The server asks nobody.
    Nobody,
    /// A user with a password.
    User {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that many may share.
    Token(Secret),
    /// The text of a credentials file (`.creds`): a user's JWT and the seed of its key.
    Credentials(Secret),
}

/// How an event becomes a message (CloudEvents 1.0, NATS protocol binding).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatsMode {
    /// Its attributes as headers, its data as the payload.
    Binary,
    /// All of it in the payload.
    Structured,
}

/// What a stream may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatsLimits {
    /// How old an event gets there; 7 days unless set.
    pub max_age: Duration,
    /// Its size; what the server has unless set.
    pub max_bytes: Option<ByteSize>,
    /// On how many servers of a cluster it is kept, 1 to 5; 1 unless set.
    pub replicas: u8,
    /// For how long the server remembers an event's id, and drops the event if it comes once more; 10 minutes unless set, never more than
    /// `max_age`.
    pub duplicates: Duration,
}

impl NatsSink {
    /// The default of `stream`.
    pub const STREAM: &str = "WATCHPOST";
    /// The default of `subject`.
    pub const SUBJECT: &str = "watchpost";
    /// The default of `bucket`.
    pub const BUCKET: &str = "watchpost-states";
    /// The default of `timeout`.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
    /// The default of `look_every`.
    pub const LOOK_EVERY: Duration = Duration::from_secs(30);
}

impl Default for NatsLimits {
    fn default() -> Self {
        Self { max_age: 7 * DAY, max_bytes: None, replicas: 1, duplicates: Duration::from_secs(600) }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

const MODES: [(&str, NatsMode); 2] = [("binary", NatsMode::Binary), ("structured", NatsMode::Structured)];

/// Of the names of streams and buckets. A server takes longer ones, and cannot make a folder of each.
const LONGEST_NAME: usize = 200;
/// Of what subjects begin with. A line of the protocol has 4,096 bytes at most unless a server is told otherwise.
const LONGEST_SUBJECT: usize = 500;

/// Reads the keys of this kind.
pub(super) fn read(fields: &mut dyn Fields) -> Option<NatsSink> {
    fields.require("url", "url = \"nats://127.0.0.1:4222\"");
    let url = url(fields);
    let login = login(fields);
    let stream = word(fields, "stream", NatsSink::STREAM);
    let bucket = word(fields, "bucket", NatsSink::BUCKET);
    let subject = subject(fields);
    let mode = fields.choice("mode", &MODES).unwrap_or(NatsMode::Binary);
    let limits = limits(fields);
    let timeout = fields.duration("timeout", Duration::from_millis(100)..=600 * SECOND);
    let has_tls = fields.contains("tls");
    let (tls, identity) = fields.table("tls", broker_tls).unwrap_or_default();
    let url = url?;
    Some(NatsSink {
        tls_required: has_tls || url.scheme() == "tls",
        look_every: NatsSink::LOOK_EVERY,
        url,
        login: login?,
        stream: stream?,
        subject: subject?,
        bucket: bucket?,
        mode,
        limits,
        timeout: timeout.unwrap_or(NatsSink::TIMEOUT),
        tls,
        identity,
    })
}

fn url(fields: &mut dyn Fields) -> Option<Url> {
    let url = fields.url("url", &["nats", "tls"])?;
    let server = format!("{}://{}", url.scheme(), url.host_str().unwrap_or("host"));
    let url = fields.without_query("url", url, &server)?;
    if !matches!(url.path(), "" | "/") {
        let mistake = Mistake::new("the address of a NATS server has no path");
        fields.error("url", mistake.hint(format!("write only the server: \"{server}\"")));
        return None;
    }
    if url.scheme() == "nats" && !fields.contains("tls") && !is_here(&url) {
        let mistake =
            Mistake::new("nats carries the password and what is sent in the clear, unless the server insists on TLS");
        fields.warn("url", mistake.hint("write tls:// if the server has it"));
    }
    Some(url)
}

/// Whether the server is on this very machine. What stands between `//` and the port is a mere text in addresses of this kind.
fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn login(fields: &mut dyn Fields) -> Option<NatsLogin> {
    let given: Vec<_> = ["username", "token", "credentials"].into_iter().filter(|key| fields.contains(key)).collect();
    if let [first, second, ..] = given[..] {
        let mistake = Mistake::new(format!("`{first}` is given too, and a login is one of them"));
        fields.error(second, mistake.hint("leave out what the server does not ask for"));
    }
    let username = fields.string("username");
    let (password, token, credentials) =
        (fields.secret("password"), fields.secret("token"), fields.secret("credentials"));
    match given[..] {
        [] if fields.contains("password") => {
            fields.error("password", Mistake::new("there is no username").hint("add username = \"…\""));
            None
        }
        [] => Some(NatsLogin::Nobody),
        ["username"] => {
            fields.require("password", "password = { env = \"NATS_PASSWORD\" }");
            Some(NatsLogin::User { username: username?, password: password? })
        }
        ["token"] => token.map(NatsLogin::Token),
        ["credentials"] => {
            let credentials = credentials?;
            let text = credentials.expose();
            // An empty one was not fetched.
            if !text.is_empty() && !["NATS USER JWT", "USER NKEY SEED"].iter().all(|part| text.contains(part)) {
                let mistake =
                    Mistake::new("this is no credentials file: it has a user's JWT and the seed of its key in it");
                fields.error("credentials", mistake.hint("make one with: nsc generate creds").concealed());
                return None;
            }
            Some(NatsLogin::Credentials(credentials))
        }
        _ => None,
    }
}

/// The name of a stream or bucket.
fn word(fields: &mut dyn Fields, key: &'static str, default: &str) -> Option<String> {
    if !fields.contains(key) {
        return Some(default.to_owned());
    }
    let word = fields.string(key)?;
    if word.len() <= LONGEST_NAME && is_level(&word) {
        return Some(word);
    }
    let mistake = Mistake::new(format!("\"{}\" is no name of a {key}", shown(&word)));
    fields.error(key, mistake.hint(format!("a name has letters, digits, `-` and `_`, {LONGEST_NAME} at most")));
    None
}

fn subject(fields: &mut dyn Fields) -> Option<String> {
    if !fields.contains("subject") {
        return Some(NatsSink::SUBJECT.to_owned());
    }
    let subject = fields.string("subject")?;
    if subject.len() <= LONGEST_SUBJECT && subject.split('.').all(is_level) {
        return Some(subject);
    }
    let mistake = Mistake::new(format!("subjects cannot begin with \"{}\"", shown(&subject)));
    fields.error(
        "subject",
        mistake.hint("write levels of letters, digits, `-` and `_`, with dots between: \"site.watchpost\""),
    );
    None
}

fn is_level(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn limits(fields: &mut dyn Fields) -> NatsLimits {
    const TIMES: RangeInclusive<Duration> = SECOND..=Duration::from_secs(86_400 * 3650);
    let default = NatsLimits::default();
    let max_age = fields.duration("max_age", TIMES).unwrap_or(default.max_age);
    let duplicates = fields.duration("duplicates", TIMES);
    if duplicates.is_some_and(|duplicates| duplicates > max_age) {
        let age = humantime::format_duration(max_age);
        let mistake = Mistake::new(format!("ids cannot be remembered for longer than events are kept ({age})"));
        fields.error("duplicates", mistake.hint("make it shorter, or `max_age` longer"));
    }
    NatsLimits {
        max_age,
        max_bytes: fields.size("max_bytes", ByteSize::mib(1)..=ByteSize::gib(1 << 20)),
        replicas: fields.integer("replicas", 1..=5).unwrap_or(default.replicas),
        duplicates: duplicates.unwrap_or(default.duplicates).min(max_age),
    }
}
