//! The settings of one connection to Eagle Eye Networks.

use std::num::NonZeroU32;
use std::time::Duration;

use url::Url;

use super::codes::{self, CODES, Role, States};
use super::status::Form;
use super::wire::{AccountId, FourCc, Resource};
use crate::settings::server::{HTTP, WEBSOCKET};
use crate::settings::{At, Fields, Mistake, Secret, Value, closest, mistake::shown};

/// The settings of one connection to Eagle Eye Networks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EenConfig {
    /// The user's mail address.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// The key that Eagle Eye gives to developers; several clients work without one (observed).
    pub api_key: Option<Secret>,
    /// The header that carries the key, `Authentication` unless set (Eagle Eye's own material names `Authorization` as well). With a colon at
    /// the end, the key is sent with one.
    pub api_key_header: String,
    /// Whose devices.
    pub accounts: Accounts,
    /// What to ask of each device: `status` and `event` unless set. At most one of them is a status word, for each has its own delays, so that
    /// two of them would tell every change twice. `event` asks for nothing without `events`.
    pub resources: Vec<Resource>,
    /// Which coded events to ask for: none unless set.
    pub events: Vec<FourCc>,
    /// How many logins may begin in a second, over all accounts of this user: 5 unless set.
    pub logins_per_second: NonZeroU32,
    /// How often accounts and devices are listed anew, 5 min unless set.
    pub relist_every: Duration,
    /// Where to log in: `https://login.eagleeyenetworks.com` unless set.
    pub auth_url: Url,
    /// Where to call after the login; unless set, the host that the login tells.
    pub api_url: Option<Url>,
    /// Where to open the socket (`wss`, `ws`); unless set, `api_url`, or the host that the login tells.
    pub socket_url: Option<Url>,
    /// Of a connection that a reseller's asked for: which account it is of.
    pub child: Option<ChildAccount>,
}

/// Whose devices a connection follows.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Accounts {
    /// The user's own account.
    #[default]
    Own,
    /// All accounts below the reseller's; the own one if it is no reseller's.
    All,
    /// These below the reseller's.
    Only(Vec<AccountId>),
}

/// An account below a reseller's, as the reseller's list told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildAccount {
    /// Its id.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// Why it is not connected to, if it is not: it is suspended, say.
    pub barred: Option<String>,
}

impl EenConfig {
    /// The default of `api_key_header`.
    pub const API_KEY_HEADER: &str = "Authentication";
    /// The default of `resources`.
    pub const RESOURCES: [Resource; 2] = [Resource::Status(Form::Status), Resource::Event];
    /// The default of `logins_per_second`.
    pub const LOGINS_PER_SECOND: NonZeroU32 = NonZeroU32::new(5).unwrap();
    /// The default of `relist_every`.
    pub const RELIST_EVERY: Duration = Duration::from_secs(300);

    /// Settings for the user's own account, with the default of everything that has one.
    #[must_use]
    pub fn new(username: impl Into<String>, password: Secret) -> Self {
        Self {
            username: username.into(),
            password,
            api_key: None,
            api_key_header: Self::API_KEY_HEADER.to_owned(),
            accounts: Accounts::Own,
            resources: Self::RESOURCES.to_vec(),
            events: Vec::new(),
            logins_per_second: Self::LOGINS_PER_SECOND,
            relist_every: Self::RELIST_EVERY,
            auth_url: login_host(),
            api_url: None,
            socket_url: None,
            child: None,
        }
    }

    /// The status word that is asked for, if one is.
    #[must_use]
    pub fn status_form(&self) -> Option<Form> {
        self.resources.iter().find_map(|resource| match resource {
            Resource::Status(form) => Some(*form),
            _ => None,
        })
    }

    /// Where `connection` and `enabled` come from: the status word, if one is asked for.
    #[must_use]
    pub fn states(&self) -> States {
        if self.status_form().is_some() { States::Words } else { States::Codes }
    }
}

/// `https://login.eagleeyenetworks.com/`, made without a parser that could fail.
fn login_host() -> Url {
    const TEXT: &str = "https://login.eagleeyenetworks.com/";
    #[allow(clippy::expect_used, reason = "a constant that a test reads")]
    Url::parse(TEXT).expect("an address")
}

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(86_400);

/// Headers that the transport or the protocol sets itself.
const TAKEN_HEADERS: [&str; 8] =
    ["cookie", "host", "content-type", "content-length", "transfer-encoding", "connection", "upgrade", "user-agent"];

const RESOURCES: [&str; 9] =
    ["status", "status64", "status_hex", "status_hex64", "status_masked", "event", "pre", "thumb", "video"];

/// Reads the keys of an Eagle Eye connection.
pub fn read(fields: &mut dyn Fields) -> Option<EenConfig> {
    fields.require("username", r#"username = "ops@example.com""#);
    fields.require("password", r#"password = { env = "EEN_PASSWORD" }"#);

    let username = fields.string("username");
    let password = fields.secret("password");
    let api_key = api_key(fields);
    let api_key_header = api_key_header(fields);
    let accounts = accounts(fields);
    let (resources, events) = wanted(fields);
    let logins_per_second = fields.integer("logins_per_second", 1..=1_000_u32);
    let relist_every = fields.duration("relist_every", 100 * MILLISECOND..=7 * DAY);
    let auth_url = fields.server("auth_url", HTTP, "the password", is_of_calls);
    let api_url = fields.server("api_url", HTTP, "the session's key", is_of_calls);
    let socket_url = fields.server("socket_url", WEBSOCKET, "the session's key", is_of_calls);

    let default = EenConfig::new(username?, password?);
    Some(EenConfig {
        api_key,
        api_key_header: api_key_header.unwrap_or(default.api_key_header),
        accounts: accounts.unwrap_or_default(),
        resources: resources.unwrap_or(default.resources),
        events: events.unwrap_or_default(),
        logins_per_second: logins_per_second.and_then(NonZeroU32::new).unwrap_or(default.logins_per_second),
        relist_every: relist_every.unwrap_or(default.relist_every),
        auth_url: auth_url.unwrap_or(default.auth_url),
        api_url,
        socket_url,
        ..default
    })
}

fn api_key(fields: &mut dyn Fields) -> Option<Secret> {
    let key = fields.secret("api_key")?;
    if key.expose().bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Some(key);
    }
    let mistake = Mistake::new("the key has a character in it that a header cannot hold").concealed();
    fields.error("api_key", mistake.hint("headers hold ASCII on one line: is there a line break in it?"));
    None
}

fn api_key_header(fields: &mut dyn Fields) -> Option<String> {
    let header = fields.string("api_key_header")?;
    let name = header.strip_suffix(':').unwrap_or(&header);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let mistake = if name.is_empty() || !name.bytes().all(is_token) {
        Mistake::new(format!("\"{}\" is not the name of a header", shown(&header)))
            .hint("\"Authentication\" or \"Authorization\"; with a colon at the end, the key is sent with one")
    } else if TAKEN_HEADERS.contains(&&*name.to_ascii_lowercase()) {
        Mistake::new("this header is set by watchpost itself").hint("\"Authentication\" or \"Authorization\"")
    } else {
        if !fields.contains("api_key") {
            let mistake = Mistake::new("a header for a key, but no key");
            fields.warn("api_key_header", mistake.hint("add api_key = { env = \"EEN_API_KEY\" }, or leave this out"));
        }
        return Some(header);
    };
    fields.error("api_key_header", mistake);
    None
}

fn accounts(fields: &mut dyn Fields) -> Option<Accounts> {
    const FORMS: &str = "\"all\", a list of account ids, or nothing for the user's own account";
    match fields.value("accounts")? {
        Value::Text(word) if word == "all" => Some(Accounts::All),
        Value::Text(word) => {
            let mistake = Mistake::new(format!("\"{}\" is not \"all\" and no list", shown(&word)));
            let hint = match word.parse::<AccountId>() {
                Ok(id) if word.bytes().any(|byte| byte.is_ascii_digit()) => format!("write accounts = [\"{id}\"]"),
                _ if closest(&word, ["all"]).is_some() || word == "*" => "write accounts = \"all\"".to_owned(),
                _ => format!("write {FORMS}"),
            };
            fields.error("accounts", mistake.hint(hint));
            None
        }
        Value::List(values) => {
            let mut known: Vec<AccountId> = Vec::with_capacity(values.len());
            let ids = fields.list("accounts", |text| {
                let id = account(text)?;
                if known.contains(&id) {
                    return Err(twice(text));
                }
                known.push(id.clone());
                Ok(id)
            })?;
            if ids.is_empty() {
                fields.error("accounts", Mistake::new("no account is named").hint(format!("write {FORMS}")));
                return None;
            }
            Some(Accounts::Only(ids))
        }
        other => {
            let mistake = Mistake::new(format!("expected \"all\" or a list of account ids, found {}", other.kind()));
            fields.error("accounts", mistake.hint(format!("write {FORMS}")));
            None
        }
    }
}

fn account(text: &str) -> Result<AccountId, Mistake> {
    match text {
        "all" | "*" => {
            Err(Mistake::new("all of them is no account").hint("write accounts = \"all\", without brackets"))
        }
        _ => text.parse().map_err(|_| {
            Mistake::new(format!("\"{}\" is no account id", shown(text)))
                .hint("an id is 8 hex digits, like \"00004206\"; the reseller's own pages show it")
        }),
    }
}

fn twice(text: &str) -> Mistake {
    Mistake::new(format!("\"{}\" is there already", shown(text))).hint("name each once")
}

/// `resources` and `events`, which depend on each other.
fn wanted(fields: &mut dyn Fields) -> (Option<Vec<Resource>>, Option<Vec<FourCc>>) {
    const EXAMPLE: &str = r#"add events = ["EMES", "EMEE"]"#;
    let names_events = fields.contains("events");
    let resources = resources(fields);
    let events = events(fields);
    // Without `resources` there is nothing that could contradict.
    match (resources.as_deref(), names_events) {
        (Some(resources), true) if !resources.contains(&Resource::Event) => {
            let mistake = Mistake::new("events are named, but `resources` does not ask for them");
            fields.error("resources", mistake.hint("add \"event\" to it, or leave `events` out"));
        }
        (Some([Resource::Event]), false) => {
            let mistake = Mistake::new("events are asked for, but none is named: nothing would come");
            fields.error("resources", mistake.hint(format!("{EXAMPLE}, or \"status\" here")));
        }
        (Some(resources), false) if resources.contains(&Resource::Event) => {
            let mistake = Mistake::new("events are asked for, but none is named: none will come");
            fields.warn("resources", mistake.hint(format!("{EXAMPLE}, or leave \"event\" out here")));
        }
        _ => {}
    }
    (resources, events)
}

fn resources(fields: &mut dyn Fields) -> Option<Vec<Resource>> {
    let mut known: Vec<Resource> = Vec::new();
    let resources = fields.list("resources", |name| {
        let resource = name.parse::<Resource>().map_err(|_| Mistake::unknown("resource", name, RESOURCES))?;
        if known.contains(&resource) {
            return Err(twice(name));
        }
        let word = known.iter().find(|one| matches!(one, Resource::Status(_)));
        if let (Resource::Status(_), Some(word)) = (resource, word) {
            let mistake = Mistake::new(format!("\"{name}\" is a status word, as \"{word}\" is"));
            return Err(
                mistake.hint("keep one of them: each has its own delays, so both would tell every change twice")
            );
        }
        known.push(resource);
        Ok(resource)
    })?;
    if resources.is_empty() {
        let mistake = Mistake::new("nothing is asked for, so nothing would come");
        fields.error("resources", mistake.hint(r#"write resources = ["status"], or leave it out"#));
        return None;
    }
    let is_media = |one: &Resource| matches!(one, Resource::Pre | Resource::Thumb | Resource::Video);
    for (index, media) in resources.iter().enumerate().filter(|(_, one)| is_media(one)) {
        let mistake = Mistake::new(format!("\"{media}\" tells of new pictures, and these are not published"));
        fields.warn(At::Item("resources", index), mistake.hint("leave it out: it only costs"));
    }
    Some(resources)
}

fn events(fields: &mut dyn Fields) -> Option<Vec<FourCc>> {
    let mut known: Vec<FourCc> = Vec::new();
    let events = fields.list("events", |text| {
        let code = text.parse::<FourCc>().map_err(|_| no_code(text))?;
        if known.contains(&code) {
            return Err(twice(text));
        }
        known.push(code);
        Ok(code)
    })?;
    if events.is_empty() {
        let mistake = Mistake::new("no event is named");
        fields.error("events", mistake.hint(r#"write events = ["EMES", "EMEE"], or leave it out"#));
        return None;
    }
    for (index, code) in events.iter().enumerate() {
        let mistake = match codes::find(code.as_str()) {
            Some(known) if known.code.role == Role::Heartbeat => Mistake::new(format!(
                "\"{code}\" ({}) only says that something goes on: it is not published",
                known.code.name
            ))
            .hint("leave it out"),
            Some(_) => continue,
            None => {
                let mistake = Mistake::new(format!("\"{code}\" is not among the documented codes"));
                mistake.hint(match closest(code.as_str(), CODES.iter().map(|code| code.code)) {
                    Some(near) => format!("did you mean \"{near}\"? it is asked for as it stands"),
                    None => "it is asked for as it stands, and published without a state".to_owned(),
                })
            }
        };
        fields.warn(At::Item("events", index), mistake);
    }
    Some(events)
}

/// People think in the types that they know from the events.
fn no_code(text: &str) -> Mistake {
    let mistake = Mistake::new(format!("\"{}\" is no event code", shown(text)));
    let of_type = |code: &&codes::Code| {
        [States::Words, States::Codes].iter().any(|states| code.kind(*states) == text)
            || code.name.eq_ignore_ascii_case(text)
    };
    match CODES.iter().find(of_type) {
        Some(code) => mistake.hint(format!("write \"{}\"", code.code)),
        None if text == "*" || text.eq_ignore_ascii_case("all") => {
            mistake.hint("Eagle Eye has no word for all: name each code")
        }
        None => mistake.hint("a code is four letters and digits, like \"EMES\"; docs/events.md has them all"),
    }
}

/// Whether a path has in it what calls have in theirs.
fn is_of_calls(path: &str) -> bool {
    path.contains("/g/") || path.contains("/api/v2/")
}

#[cfg(test)]
mod tests;
