//! The settings of one connection to SimpliSafe.

use std::path::PathBuf;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use url::Url;

use crate::settings::ids::{Chosen, IdWords};
use crate::settings::server::{HTTP, WEBSOCKET};
use crate::settings::{Fields, Mistake, Secret, is_loopback};
use crate::vendors::address::place;

/// The settings of one connection to SimpliSafe.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SimpliSafeConfig {
    /// What `watchpost login simplisafe` wrote. Newer ones that SimpliSafe gives in its place are kept in the journal.
    pub refresh_token: Secret,
    /// The file that it stands in, if it stands in one.
    pub token_file: Option<PathBuf>,
    /// Whose events and states.
    pub systems: Systems,
    /// How often to ask for what SimpliSafe does not push (entry sensors, temperatures, batteries): 60 s unless set.
    pub poll_every: Duration,
    /// Where to log in: `https://auth.simplisafe.com` unless set.
    pub auth_url: Url,
    /// Where to call: `https://api.simplisafe.com` unless set.
    pub api_url: Url,
    /// Where to open the socket: `wss://socketlink.prd.aser.simplisafe.com` unless set.
    pub socket_url: Url,
}

/// Which of the user's systems a connection follows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Systems {
    /// All that have a base station.
    #[default]
    All,
    /// Those with these ids (`sid`), in the order in which they were written.
    Only(Vec<u64>),
}

impl From<Chosen<u64>> for Systems {
    fn from(chosen: Chosen<u64>) -> Self {
        match chosen {
            Chosen::All => Self::All,
            Chosen::Only(ids) => Self::Only(ids),
        }
    }
}

impl Systems {
    /// Whether the system with this id is followed.
    #[must_use]
    pub fn contains(&self, sid: u64) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(&sid),
        }
    }
}

impl SimpliSafeConfig {
    /// The default of `poll_every`.
    pub const POLL_EVERY: Duration = Duration::from_secs(60);
    /// The least `poll_every` at SimpliSafe's own hosts: homebridge-simplisafe3 polls at this rate, and warns that SimpliSafe blocks the address of
    /// who polls faster. A server on this machine may be asked as often as one likes.
    pub const POLL_AT_LEAST: Duration = Duration::from_secs(15);

    /// Settings for all systems of a user, with the default of everything that has one.
    #[must_use]
    pub fn new(refresh_token: Secret) -> Self {
        Self {
            refresh_token,
            token_file: None,
            systems: Systems::All,
            poll_every: Self::POLL_EVERY,
            auth_url: default_url("https://auth.simplisafe.com/"),
            api_url: default_url("https://api.simplisafe.com/"),
            socket_url: default_url("wss://socketlink.prd.aser.simplisafe.com/"),
        }
    }

    /// Whose logins wait for each other: those with one refresh token at one login host.
    #[must_use]
    pub fn gate(&self) -> String {
        format!("simplisafe token {} at {}", self.fingerprint(), place(&self.auth_url))
    }

    /// What connections share an access token by: a grant leads where the settings of the login that got it say.
    #[must_use]
    pub fn account(&self) -> String {
        format!("{}, calls at {}, sockets at {}", self.gate(), place(&self.api_url), place(&self.socket_url))
    }

    /// What one brake is for, see [`transport::brake`](crate::transport::brake): all hosts of the cloud whose calls go there.
    #[must_use]
    pub fn service(&self) -> String {
        format!("SimpliSafe at {}", place(&self.api_url))
    }

    /// By what people tell one refresh token from another without seeing it: the first digits of its SHA-256. The token is long and random, so nothing
    /// leads back from them.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut full = fingerprint(self.refresh_token.expose());
        full.truncate(12);
        full
    }
}

/// The whole SHA-256 of a token, in hex.
pub(super) fn fingerprint(token: &str) -> String {
    fingerprint_bytes(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn fingerprint_bytes(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    bytes
}

/// An address that a test reads.
fn default_url(text: &'static str) -> Url {
    #[allow(clippy::expect_used, reason = "a constant that a test reads")]
    Url::parse(text).expect("an address")
}

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Refresh tokens have some 50 characters (observed); what is longer than this is a file of something else.
const LONGEST_TOKEN: usize = 4_096;

const SYSTEMS: IdWords = IdWords { key: "systems", one: "system", example: "1234567", shown: "those of the user" };

/// Reads the keys of a SimpliSafe connection.
pub fn read(fields: &mut dyn Fields) -> Option<SimpliSafeConfig> {
    fields.require(
        "refresh_token",
        r#"refresh_token = { file = "simplisafe.token" }, which `watchpost login simplisafe` writes"#,
    );

    let refresh_token = refresh_token(fields);
    let token_file = refresh_token.as_ref().and_then(|_| token_file(fields));
    let systems = fields.all_or_ids(SYSTEMS).map(Systems::from);
    let auth_url = fields.server("auth_url", HTTP, "the refresh token", is_of_calls);
    let api_url = fields.server("api_url", HTTP, "the access token", is_of_calls);
    let socket_url = fields.server("socket_url", WEBSOCKET, "the access token", is_of_calls);
    let poll_every = poll_every(fields, api_url.as_ref());

    let default = SimpliSafeConfig::new(refresh_token?);
    Some(SimpliSafeConfig {
        token_file,
        systems: systems.unwrap_or_default(),
        poll_every: poll_every.unwrap_or(default.poll_every),
        auth_url: auth_url.unwrap_or(default.auth_url),
        api_url: api_url.unwrap_or(default.api_url),
        socket_url: socket_url.unwrap_or(default.socket_url),
        ..default
    })
}

/// A token alone: files end with a line break, and what an editor or a shell left around it is no part of it.
fn refresh_token(fields: &mut dyn Fields) -> Option<Secret> {
    let read = fields.secret("refresh_token")?;
    let token = read.expose().trim();
    // What nobody needs now is not fetched, and empty; what is fetched is not.
    if is_token(token) || read.expose().is_empty() {
        return Some(token.into());
    }
    let what = match token {
        "" => "the refresh token is empty",
        _ if token.len() > LONGEST_TOKEN => "this is too long to be a refresh token",
        _ => "a refresh token has neither blanks nor line breaks in it",
    };
    let mistake = Mistake::new(what).concealed();
    fields.error("refresh_token", mistake.hint("`watchpost login simplisafe` writes the file: run it again"));
    None
}

/// Where `watchpost login` writes a new one.
fn token_file(fields: &mut dyn Fields) -> Option<PathBuf> {
    let read = |table: &mut dyn Fields| {
        // Whether all of it is as it should be, who fetched the secret has said.
        table.accept_rest();
        table.contains("file").then(|| table.path("file")).flatten()
    };
    fields.table("refresh_token", read).flatten()
}

/// Whether a text can be a refresh token: printable ASCII without blanks, of a sensible length.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn poll_every(fields: &mut dyn Fields, api_url: Option<&Url>) -> Option<Duration> {
    let every = fields.duration("poll_every", 100 * MILLISECOND..=DAY)?;
    let least = SimpliSafeConfig::POLL_AT_LEAST;
    if every >= least || api_url.is_some_and(is_loopback) {
        return Some(every);
    }
    let mistake = Mistake::new(format!(
        "{} is too often: SimpliSafe blocks addresses that poll so fast",
        humantime::format_duration(every)
    ));
    fields.error("poll_every", mistake.hint(format!("write \"{}\" or more", humantime::format_duration(least))));
    None
}

/// Whether a path has in it what calls have in theirs.
fn is_of_calls(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path.ends_with("/v1") || path.contains("/v1/") || path.ends_with("/oauth/token") || path.ends_with("/authorize")
}

#[cfg(test)]
mod tests;
