//! What an embedder may have a vendor do: list and change the types of event that an item has, make an event, have one triggered.
//!
//! Each goes out with the connection's login, whether the connection is online or not, and other messages are answered meanwhile. Not every vendor has each.

use std::time::Duration;

use actix::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::UnknownConnection;
use crate::gate::AuthorizeError;
use crate::model::ids::ConnectionName;
use crate::settings::closest;

/// The types of event that an item has.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<EventType>, CommandError>")]
pub struct ListEventTypes {
    /// The connection.
    pub connection: ConnectionName,
    /// The item: `cameras/237863`, its id alone, or its name, if no other item of the connection has the same.
    pub item: String,
}

/// Adds a type of event to an item. One that is there already stays as it is, and that is no error.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<AddedEventType, CommandError>")]
pub struct AddEventType {
    /// The connection.
    pub connection: ConnectionName,
    /// The item, as in [`ListEventTypes`].
    pub item: String,
    /// The type's name, in which the case of letters counts.
    pub name: String,
    /// Whether people's telephones are told of such events; `None`: yes.
    pub notify: Option<bool>,
}

/// Changes what happens with events of a type. What is `None` stays as it is.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<EventType, CommandError>")]
pub struct SetEventType {
    /// The connection.
    pub connection: ConnectionName,
    /// The item, as in [`ListEventTypes`].
    pub item: String,
    /// The type's name.
    pub name: String,
    /// Whether people's telephones are told of such events.
    pub notify: Option<bool>,
    /// Whether one begins a recording.
    pub record: Option<bool>,
    /// Whether one comes with a picture.
    pub snapshot: Option<bool>,
    /// How often a periodic one comes, in whole seconds.
    pub period: Option<Duration>,
}

impl SetEventType {
    /// A change of nothing, to be filled in.
    #[must_use]
    pub fn new(connection: ConnectionName, item: impl Into<String>, name: impl Into<String>) -> Self {
        let (item, name) = (item.into(), name.into());
        Self { connection, item, name, notify: None, record: None, snapshot: None, period: None }
    }
}

/// Makes an event at the vendor, of a type that the item has. It then comes back as every event does.
///
/// It is made once, also where an answer is lost on the way: a tag of its own in `meta`, `watchpost-` and a UUID, tells whether it is there already.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<VendorEvent, CommandError>")]
pub struct CreateEvent {
    /// The connection.
    pub connection: ConnectionName,
    /// The item, as in [`ListEventTypes`].
    pub item: String,
    /// The name of the type.
    pub name: String,
    /// When it happened; `None`: now.
    pub time: Option<Timestamp>,
    /// What is to be known of it besides, each with its name.
    pub meta: Vec<(String, String)>,
}

impl CreateEvent {
    /// One that happens now.
    #[must_use]
    pub fn new(connection: ConnectionName, item: impl Into<String>, name: impl Into<String>) -> Self {
        Self { connection, item: item.into(), name: name.into(), time: None, meta: Vec::new() }
    }
}

/// The types of event that a system has, whatever the item, with what is needed to subscribe to them. In order of their titles.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<SystemEventType>, CommandError>")]
pub struct ListSystemEventTypes {
    /// The connection.
    pub connection: ConnectionName,
}

/// Has an event made.
///
/// With VXG an item is asked to make it. That the vendor has taken it means that the item is asked; whether there is an event only
/// [`wait`](Self::wait) tells. It goes out with a tag of its own in `meta`, `watchpost-` and a UUID, by which the event is known when it comes.
///
/// With Milestone the system makes it, with an item as its source or with none; [`time`](Self::time), [`meta`](Self::meta) and
/// [`wait`](Self::wait) are refused. It is sent once: where the answer is lost, the error is [`CommandError::Unsure`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Triggered, CommandError>")]
pub struct TriggerEvent {
    /// The connection.
    pub connection: ConnectionName,
    /// The item. With VXG as in [`ListEventTypes`], and there must be one; with Milestone `cameras/<GUID>`, or `cameras/` and its name.
    pub item: Option<String>,
    /// The name of the type; with Milestone its id will do.
    pub name: String,
    /// The time that the event is to have; `None`: now.
    pub time: Option<Timestamp>,
    /// What is to be known of it besides, each with its name.
    pub meta: Vec<(String, String)>,
    /// For how long to wait for the event; `None`: not at all.
    pub wait: Option<Duration>,
}

impl TriggerEvent {
    /// One that happens now, and is not waited for.
    #[must_use]
    pub fn new(connection: ConnectionName, item: impl Into<String>, name: impl Into<String>) -> Self {
        Self { item: Some(item.into()), ..Self::of_system(connection, name) }
    }

    /// One of no item in particular, that happens now and is not waited for.
    #[must_use]
    pub fn of_system(connection: ConnectionName, name: impl Into<String>) -> Self {
        Self { connection, item: None, name: name.into(), time: None, meta: Vec::new(), wait: None }
    }
}

/// A type of event that a system has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SystemEventType {
    /// The vendor's id.
    pub id: String,
    /// What the vendor shows to people: `Motion Started`.
    pub title: String,
    /// The vendor's own name for it: `MotionStarted`.
    pub name: String,
    /// The type that its events have in the engine: `motion.started`.
    pub kind: String,
    /// The state that such an event sets, if it sets one.
    pub state: Option<SystemEventState>,
    /// The kinds of items that it comes from, in the vendor's words: `Camera`.
    pub sources: Vec<String>,
    /// What makes such events, in the vendor's words: `External`.
    pub generator: Option<String>,
    /// The heading that the vendor puts it under.
    pub category: Option<String>,
    /// Whether a user with the right to do so can trigger one; `None` where the vendor does not say.
    pub can_be_triggered: Option<bool>,
}

/// The state that events of a type set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SystemEventState {
    /// The group, as the engine calls it: `motion`.
    pub group: String,
    /// What it then reads in the engine: `detected`.
    pub value: String,
    /// The vendor's id of the group.
    pub group_id: String,
    /// What the vendor calls the group.
    pub group_title: Option<String>,
    /// What the vendor calls this state: `No Motion`.
    pub text: Option<String>,
    /// All states of the group, as the vendor calls them.
    pub states: Vec<String>,
}

/// A type of event that an item has. What the vendor does not tell is `None`; a type that can do no recordings, say, tells nothing of
/// [`record`](Self::record).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventType {
    /// Its name, in which the case of letters counts.
    pub name: String,
    /// What can be done with such events.
    pub caps: EventTypeCaps,
    /// Whether people's telephones are told.
    pub notify: Option<bool>,
    /// Whether the item sends such events at all.
    pub receive: Option<bool>,
    /// Whether one begins a recording.
    pub record: Option<bool>,
    /// Whether one comes with a picture.
    pub snapshot: Option<bool>,
    /// How often one comes, in seconds.
    pub period: Option<i64>,
    /// Whether somebody has added the type.
    pub custom: Option<bool>,
}

/// What can be done with events of a type; `None` where the vendor does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventTypeCaps {
    /// The item makes one when it is asked to.
    pub can_be_triggered: Option<bool>,
    /// One can begin a recording.
    pub can_record: Option<bool>,
    /// One can come with a picture.
    pub can_snapshot: Option<bool>,
    /// They come again and again by themselves.
    pub is_periodic: Option<bool>,
}

/// A type of event that was to be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AddedEventType {
    /// It was there already, and stays as it was.
    pub existed: bool,
    /// The type as it is now.
    #[serde(flatten)]
    pub event_type: EventType,
}

/// An event as the vendor has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VendorEvent {
    /// The id that the event has, or will have, in the engine too.
    pub id: String,
    /// The item: `cameras/237863`.
    pub item: String,
    /// The name of its type.
    pub name: String,
    /// When it happened.
    pub time: Timestamp,
    /// What is known of it besides.
    pub meta: Map<String, Value>,
}

/// What has come of a [`TriggerEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Triggered {
    /// The item was asked for an event of this time; with Milestone, when the event was asked for.
    pub asked: Timestamp,
    /// The event, if it was waited for; with Milestone, as the answer tells it, if it does.
    pub occurrence: Option<VendorEvent>,
    /// Whether that is certain to be the one that was asked for: it has the tag that went out with the trigger. If not, it is one of this type that has
    /// appeared since. `None` if there is none.
    pub confirmed: Option<bool>,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no such connection.
    #[error(transparent)]
    Unknown(#[from] UnknownConnection),
    /// The vendor has nothing of the kind.
    #[error("connection {connection} is of vendor \"{vendor}\", with which this cannot be done")]
    NotThisVendor {
        /// The connection.
        connection: ConnectionName,
        /// Its vendor.
        vendor: &'static str,
    },
    /// What is asked for makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The login leads to no such item.
    #[error("{item}: {why}")]
    UnknownItem {
        /// The item, as it was asked for.
        item: String,
        /// What is known of it.
        why: String,
    },
    /// The item has no events of this type.
    #[error("{item} has no event type \"{name}\": {}", listed(.name, .known))]
    UnsupportedType {
        /// The item.
        item: String,
        /// The name that was asked for.
        name: String,
        /// The names of the types that it has.
        known: Vec<String>,
    },
    /// The system has no events of this type.
    #[error("connection {connection} has no event type \"{name}\"{}", nearest(.near))]
    UnknownType {
        /// The connection.
        connection: ConnectionName,
        /// The name or id that was asked for.
        name: String,
        /// The names that are most like it.
        near: Vec<String>,
    },
    /// Events of this type cannot do that.
    #[error("{what} cannot be set for \"{name}\" of {item}: {why}")]
    NotCapable {
        /// The item.
        item: String,
        /// The name of the type.
        name: String,
        /// What was to be set: `record`.
        what: &'static str,
        /// Why it cannot.
        why: &'static str,
    },
    /// The item cannot be asked for events of this type.
    #[error("\"{name}\" of {item} cannot be triggered: {}", others(.triggerable))]
    NotTriggerable {
        /// The item.
        item: String,
        /// The name of the type.
        name: String,
        /// The names of the types that can.
        triggerable: Vec<String>,
    },
    /// The login may not do that.
    #[error("{0}")]
    NoPermission(String),
    /// The item was asked, and no event has come.
    #[error("{item} was asked for \"{name}\", and none has appeared within {waited:?}: is it online?")]
    NothingAppeared {
        /// The item.
        item: String,
        /// The name of the type.
        name: String,
        /// For how long it was waited.
        waited: Duration,
    },
    /// There is no login to do it with.
    #[error("{why}")]
    Login {
        /// What is wrong.
        why: String,
        /// Whether trying again later can help.
        again: bool,
    },
    /// The vendor refuses it, for a reason that is its own.
    #[error("{0}")]
    Refused(String),
    /// The vendor cannot be asked now. Nothing was done that would then be done twice.
    #[error("{0}")]
    Unavailable(String),
    /// Whether it was done is not known. Doing it again may do it twice.
    #[error("{0}")]
    Unsure(String),
    /// It was given up, as was asked for. What was on its way then may have been done.
    #[error("given up before it was done")]
    Stopped,
    /// The engine is ending.
    #[error("the engine is being shut down")]
    Stopping,
}

impl CommandError {
    /// Whether the same may succeed later, with nobody changing anything, and does no harm.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Login { again, .. } => *again,
            Self::Unknown(_)
            | Self::NotThisVendor { .. }
            | Self::Invalid(_)
            | Self::UnknownItem { .. }
            | Self::UnsupportedType { .. }
            | Self::UnknownType { .. }
            | Self::NotCapable { .. }
            | Self::NotTriggerable { .. }
            | Self::NoPermission(_)
            | Self::NothingAppeared { .. }
            | Self::Refused(_)
            | Self::Unsure(_)
            | Self::Stopped
            | Self::Stopping => false,
        }
    }
}

impl From<AuthorizeError> for CommandError {
    fn from(error: AuthorizeError) -> Self {
        Self::Login { why: error.to_string(), again: error.may_pass() }
    }
}

fn listed(name: &str, known: &[String]) -> String {
    let near = closest(name, known.iter().map(String::as_str));
    let hint = near.map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"));
    if known.is_empty() { "it has none at all".to_owned() } else { format!("it has {}{hint}", known.join(", ")) }
}

fn nearest(near: &[String]) -> String {
    let quoted: Vec<_> = near.iter().map(|name| format!("\"{name}\"")).collect();
    if quoted.is_empty() { String::new() } else { format!("; did you mean {}?", quoted.join(" or ")) }
}

fn others(triggerable: &[String]) -> String {
    match triggerable {
        [] => "no type of it can".to_owned(),
        names => format!("only {} can", names.join(", ")),
    }
}
