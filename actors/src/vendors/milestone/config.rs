//! The settings of one connection to an XProtect system.

use std::{fmt, time::Duration};

use url::Url;
use uuid::Uuid;

use crate::settings::server::HTTP;
use crate::settings::{At, Fields, Mistake, Secret, closest, mistake::shown};
#[cfg(feature = "windows-auth")]
use crate::transport::WindowsUser;

/// The settings of one connection to an XProtect system.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MilestoneConfig {
    /// The management server or API gateway: `https://xprotect.example.com`.
    pub url: Url,
    /// Who logs in.
    pub user: User,
    /// The user's password, or the service's client secret.
    pub password: Secret,
    /// What to subscribe to: at least one row, and at least one that includes.
    pub subscribe: Vec<FilterRow>,
    /// How long the server keeps a session after its socket is gone, 30 s unless set. The Events and State API gives
    /// this as its default and does not say the value in force.
    pub resume_window: Duration,
    /// How long the answer to `getState` may take, 180 s unless set (one to two minutes were observed on a site with
    /// 2,500 cameras).
    pub snapshot_timeout: Duration,
}

impl MilestoneConfig {
    /// Settings for a basic user, with the default of everything that has one. For others, set [`user`](Self::user).
    #[must_use]
    pub fn new(url: Url, username: impl Into<String>, password: Secret, subscribe: Vec<FilterRow>) -> Self {
        Self {
            url,
            user: User::Basic(username.into()),
            password,
            subscribe,
            resume_window: Self::RESUME_WINDOW,
            snapshot_timeout: Self::SNAPSHOT_TIMEOUT,
        }
    }

    /// The default of `resume_window`.
    pub const RESUME_WINDOW: Duration = Duration::from_secs(30);
    /// The default of `snapshot_timeout`.
    pub const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(180);
}

/// Who logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum User {
    /// A basic user of XProtect, by name.
    Basic(String),
    /// A Windows user that has a role in XProtect.
    #[cfg(feature = "windows-auth")]
    Windows(WindowsUser),
    /// A service that is registered as a client of the identity provider, by its client id. It sees everything (Milestone's documentation).
    Service(String),
}

impl fmt::Display for User {
    /// Who it is, in words for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic(name) => write!(f, "basic user {name:?}"),
            #[cfg(feature = "windows-auth")]
            Self::Windows(user) => write!(f, "Windows user \"{}\"", shown(&user.to_string())),
            Self::Service(id) => write!(f, "service {id:?}"),
        }
    }
}

/// One row of a subscription's filter. An event fits if it fits all three selections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterRow {
    /// Whether fitting events are wanted or not.
    pub modifier: Modifier,
    /// Kinds of sources, as the Configuration API names its collections: `cameras`.
    pub resource_types: Selection<String>,
    /// Single sources.
    pub sources: Selection<Uuid>,
    /// Types of events.
    pub events: Selection<EventType>,
}

/// What a filter row does with the events that fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// They are sent.
    Include,
    /// They are left out of what other rows include.
    Exclude,
}

/// All of a kind, or some of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection<T> {
    /// All: `["*"]`.
    All,
    /// These, at least one.
    Only(Vec<T>),
}

/// A type of events, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventType {
    /// By its id, which is the same on all sites for built-in types (observed).
    Id(Uuid),
    /// By its name on this site, to be looked up there.
    Name(String),
}

/// The resource types that servers are known to use (Milestone's samples; observed on 2025 R2 sites).
const RESOURCE_TYPES: [&str; 13] = [
    "cameras",
    "hardware",
    "microphones",
    "speakers",
    "outputs",
    "inputEvents",
    "userDefinedEvents",
    "recordingServers",
    "sites",
    "services",
    "mipKinds",
    "storages",
    "servers",
];

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

const SUBSCRIBE_EXAMPLE: &str =
    r#"subscribe = [ { modifier = "include", resource_types = ["cameras"], sources = ["*"], events = ["*"] } ]"#;

/// Reads the keys of a Milestone connection.
pub fn read(fields: &mut dyn Fields) -> Option<MilestoneConfig> {
    fields.require("url", r#"url = "https://xprotect.example.com""#);
    let is_service = fields.contains("client_id") || fields.contains("client_secret");
    if is_service {
        fields.require("client_id", r#"client_id = "watchpost""#);
        fields.require("client_secret", r#"client_secret = { env = "XPROTECT_CLIENT_SECRET" }"#);
    } else {
        fields.require("username", r#"username = "svc-watchpost""#);
        fields.require("password", r#"password = { env = "XPROTECT_PASSWORD" }"#);
    }
    fields.require("subscribe", SUBSCRIBE_EXAMPLE);

    let url = server_url(fields);
    let (user, password) = if is_service {
        no_user_beside(fields);
        (fields.string("client_id").map(User::Service), fields.secret("client_secret"))
    } else {
        (user(fields), fields.secret("password"))
    };
    let subscribe = subscription(fields);
    let resume_window = fields.duration("resume_window", 100 * MILLISECOND..=HOUR);
    let snapshot_timeout = fields.duration("snapshot_timeout", 100 * MILLISECOND..=HOUR);

    Some(MilestoneConfig {
        url: url?,
        user: user?,
        password: password?,
        subscribe: subscribe?,
        resume_window: resume_window.unwrap_or(MilestoneConfig::RESUME_WINDOW),
        snapshot_timeout: snapshot_timeout.unwrap_or(MilestoneConfig::SNAPSHOT_TIMEOUT),
    })
}

fn server_url(fields: &mut dyn Fields) -> Option<Url> {
    let url = fields.url("url", &HTTP)?;
    let url = fields.without_query("url", url, "https://xprotect.example.com")?;
    fields.warn_of_clear_text("url", &url, HTTP, "the password");
    Some(url)
}

/// A service has no user name; which of the two is meant cannot be guessed.
fn no_user_beside(fields: &mut dyn Fields) {
    // Both are known keys, whichever is told of.
    let [username, password] = ["username", "password"].map(|key| fields.contains(key).then_some(key));
    if let Some(key) = username.or(password) {
        let mistake = Mistake::new("there is a client_id or client_secret too: who is to log in?");
        fields.error(
            key,
            mistake.hint("write username and password for a user, client_id and client_secret for a service"),
        );
    }
}

/// `DOMAIN\user` is a Windows user, anything else a basic user.
fn user(fields: &mut dyn Fields) -> Option<User> {
    let name = fields.string("username")?;
    if !name.contains('\\') {
        return Some(User::Basic(name));
    }
    match windows_user(&name) {
        Ok(user) => Some(user),
        Err(mistake) => {
            fields.error("username", mistake);
            None
        }
    }
}

#[cfg(feature = "windows-auth")]
fn windows_user(name: &str) -> Result<User, Mistake> {
    let mistake = |error: crate::transport::WindowsUserError| {
        Mistake::new(error.to_string())
            .hint("write the domain's short name, or the name of the server that has the user: 'CORP\\svc-watchpost'")
    };
    WindowsUser::parse(name).map(User::Windows).map_err(mistake)
}

#[cfg(not(feature = "windows-auth"))]
fn windows_user(_: &str) -> Result<User, Mistake> {
    Err(Mistake::new("DOMAIN\\user is a Windows user, and this build has no feature `windows-auth`")
        .hint("build it with the feature `windows-auth`, or write the name of a basic user (Management Client: Security > Basic Users)"))
}

fn subscription(fields: &mut dyn Fields) -> Option<Vec<FilterRow>> {
    let rows = fields.tables("subscribe", filter_row)?;
    if rows.is_empty() {
        fields.error("subscribe", nothing_is_sent().hint(format!("write {SUBSCRIBE_EXAMPLE}")));
        return None;
    }
    if rows.iter().all(|row| row.modifier == Modifier::Exclude) {
        fields.error(
            "subscribe",
            Mistake::new("every row excludes, so nothing would be sent").hint("add a row with modifier = \"include\""),
        );
        return None;
    }
    Some(rows)
}

/// What a subscription that comes from a program needs to bring anything.
///
/// # Errors
/// In words, what it lacks.
pub(super) fn check_rows(rows: &[FilterRow]) -> Result<(), String> {
    let is_empty = |row: &FilterRow| {
        let nothing = matches!(&row.resource_types, Selection::Only(kinds) if kinds.is_empty())
            || matches!(&row.sources, Selection::Only(sources) if sources.is_empty());
        nothing || matches!(&row.events, Selection::Only(events) if events.is_empty())
    };
    let is_blank = |row: &FilterRow| {
        let kinds =
            matches!(&row.resource_types, Selection::Only(kinds) if kinds.iter().any(|kind| kind.trim().is_empty()));
        let blank = |event: &EventType| matches!(event, EventType::Name(name) if name.trim().is_empty());
        kinds || matches!(&row.events, Selection::Only(events) if events.iter().any(blank))
    };
    if rows.is_empty() {
        return Err("there are no filters: the gateway accepts that and then sends nothing".to_owned());
    }
    if rows.iter().all(|row| row.modifier == Modifier::Exclude) {
        return Err("every filter excludes, so nothing would be sent".to_owned());
    }
    if rows.iter().any(is_empty) {
        return Err("a list of a filter is empty: the gateway accepts that and then sends nothing".to_owned());
    }
    if rows.iter().any(is_blank) {
        return Err("a resource type or event type of a filter is blank".to_owned());
    }
    Ok(())
}

fn filter_row(row: &mut dyn Fields) -> Option<FilterRow> {
    row.require("modifier", r#"modifier = "include""#);
    row.require("resource_types", r#"resource_types = ["cameras"], or ["*"] for all"#);
    row.require("sources", r#"sources = ["*"]"#);
    row.require("events", r#"events = ["*"]"#);

    let modifier = row.choice("modifier", &[("include", Modifier::Include), ("exclude", Modifier::Exclude)]);
    let resource_types = selection(row, "resource_types", resource_type);
    let sources = selection(row, "sources", source);
    let events = selection(row, "events", event_type);
    if let Some(Selection::Only(types)) = &resource_types {
        warn_of_unheard_types(row, types);
    }
    Some(FilterRow { modifier: modifier?, resource_types: resource_types?, sources: sources?, events: events? })
}

/// A list of single things, or `["*"]`.
fn selection<T>(
    row: &mut dyn Fields,
    key: &'static str,
    parse: fn(&str) -> Result<T, Mistake>,
) -> Option<Selection<T>> {
    let items = row.list(key, |text| if text == "*" { Ok(None) } else { parse(text).map(Some) })?;
    if items.is_empty() {
        row.error(key, nothing_is_sent().hint(format!("write {key} = [\"*\"] for all")));
        return None;
    }
    let count = items.len();
    let single: Vec<T> = items.into_iter().flatten().collect();
    match single.len() {
        0 => Some(Selection::All),
        some if some == count => Some(Selection::Only(single)),
        _ => {
            let mistake = Mistake::new("\"*\" beside others already means all");
            row.error(key, mistake.hint(format!("write {key} = [\"*\"], or leave the \"*\" out")));
            None
        }
    }
}

/// Observed on 2025 R2 sites: an empty list is answered with success.
fn nothing_is_sent() -> Mistake {
    Mistake::new("the list is empty: the gateway accepts it and then sends nothing")
}

fn resource_type(text: &str) -> Result<String, Mistake> {
    if let Some((kind, _)) = text.split_once('/') {
        return Err(Mistake::new(format!("\"{}\" is a single source, not a type", shown(text)))
            .hint(format!("write resource_types = [\"{}\"] and put the GUID into sources", shown(kind))));
    }
    if text.trim() != text || text.is_empty() {
        return Err(Mistake::new("a resource type has no blanks and is not empty"));
    }
    match RESOURCE_TYPES.iter().find(|known| known.eq_ignore_ascii_case(text)) {
        Some(known) if *known != text => {
            Err(Mistake::new(format!("\"{text}\" is written in the wrong case")).hint(format!("write \"{known}\"")))
        }
        _ => Ok(text.to_owned()),
    }
}

/// Servers accept any name and send nothing for one that does not exist (observed on 2025 R2 sites).
fn warn_of_unheard_types(row: &mut dyn Fields, types: &[String]) {
    for (index, name) in types.iter().enumerate().filter(|(_, name)| !RESOURCE_TYPES.contains(&name.as_str())) {
        let mistake = Mistake::new(format!("\"{}\" is no resource type known here", shown(name)));
        row.warn(
            At::Item("resource_types", index),
            match closest(name, RESOURCE_TYPES) {
                Some(near) => {
                    mistake.hint(format!("did you mean \"{near}\"? a server sends nothing for a type it does not have"))
                }
                None => mistake.hint("a server sends nothing for a type it does not have"),
            },
        );
    }
}

fn source(text: &str) -> Result<Uuid, Mistake> {
    if let Some((kind, id)) = text.split_once('/') {
        return Err(Mistake::new(format!("\"{}\" names its type too", shown(text))).hint(format!(
            "write the GUID \"{}\" alone, and \"{}\" in resource_types",
            shown(id),
            shown(kind)
        )));
    }
    guid(text)
}

fn guid(text: &str) -> Result<Uuid, Mistake> {
    Uuid::parse_str(text).map_err(|_| {
        Mistake::new(format!("\"{}\" is no GUID", shown(text)))
            .hint("a GUID looks like \"25d08c6a-cc08-4498-8772-242111f9840c\"; \"*\" means all")
    })
}

fn event_type(text: &str) -> Result<EventType, Mistake> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Mistake::new("an event is a GUID or a name, not blank"));
    }
    // No name is this long and all hexadecimal: it is a GUID with a slip in it, which would never be found as a name.
    if name.len() >= 30 && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return guid(name).map(EventType::Id);
    }
    Ok(Uuid::parse_str(name).map_or_else(|_| EventType::Name(name.to_owned()), EventType::Id))
}
