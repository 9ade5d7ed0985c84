//! Every message that an embedder may send, in one place. All go to the engine's front, the [`Supervisor`](crate::Supervisor), by
//! [`EngineHandle::send`](crate::EngineHandle::send) or to the address itself.

mod commands;
mod subscriptions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use serde::Serialize;

use crate::engine::ConnectionConfig;
use crate::gate::AuthorizeError;
use crate::model::event::Item;
use crate::model::filter::Filter;
use crate::model::ids::ConnectionName;
use crate::model::state::State;
use crate::model::status::{ConnectionState, ConnectionStatus};
use crate::transport::TlsError;
use crate::transport::download::{DownloadError, FileError};
use crate::watch::{Subject, WatchId, WatchUpdate};

pub use commands::{
    AddEventType, AddedEventType, CommandError, CreateEvent, EventType, EventTypeCaps, ListEventTypes,
    ListSystemEventTypes, SetEventType, SystemEventState, SystemEventType, TriggerEvent, Triggered, VendorEvent,
};
pub use subscriptions::{AddSubscription, AddedSubscription, RemoveSubscription, Standing, SubscriptionError};

/// Every connection, by name.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ConnectionInfo>")]
pub struct ListConnections;

/// Some connections, by name: a page of what [`ListConnections`] lists, which costs no more than what is in it.
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "ConnectionPage")]
pub struct PageConnections {
    /// Those whose names sort after this.
    pub after: Option<String>,
    /// Those in this state alone.
    pub state: Option<ConnectionState>,
    /// So many at most.
    pub limit: usize,
}

/// Some connections.
#[derive(Debug, Clone)]
pub struct ConnectionPage {
    /// By name.
    pub connections: Vec<ConnectionInfo>,
    /// There are others after these.
    pub has_more: bool,
    /// How many connections there are in all, wanted or not.
    pub total: usize,
}

/// One connection, or none of this name.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Option<ConnectionInfo>")]
pub struct GetConnection(pub ConnectionName);

/// How one connection is doing.
#[derive(Debug, Clone, Serialize)]
pub struct ConnectionInfo {
    /// Its name.
    #[serde(serialize_with = "as_text")]
    pub name: ConnectionName,
    /// What people call what it leads to, where the vendor told: the name of an account, say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its vendor.
    pub vendor: &'static str,
    /// State, since when, why; what came through.
    #[serde(flatten)]
    pub status: ConnectionStatus,
    /// How often it was started anew after a panic.
    pub restarts: u64,
    /// Tries to connect, good and bad.
    pub tries: u64,
    /// The last thing that went wrong.
    pub last_error: Option<Arc<str>>,
    /// States that are known of its items.
    pub states: usize,
}

fn as_text<S: serde::Serializer>(name: &ConnectionName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

/// Starts one more connection.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), AddError>")]
pub struct AddConnection(pub ConnectionConfig);

/// Why a connection could not be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// There is one of this name.
    #[error("there is a connection {0} already")]
    Exists(ConnectionName),
    /// Its TLS settings cannot be used.
    #[error("connection {name}: {source}")]
    Tls {
        /// The connection.
        name: ConnectionName,
        /// What is wrong.
        source: TlsError,
    },
    /// The engine is being shut down.
    #[error("the engine is being shut down")]
    Stopping,
}

/// Stops a connection, stores what it had read, and forgets its states. The answer comes when it is done.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), UnknownConnection>")]
pub struct RemoveConnection(pub ConnectionName);

/// Begins a connection anew at once: for one that is halted, and after its secret was changed at the server.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), UnknownConnection>")]
pub struct RestartConnection(pub ConnectionName);

/// There is no connection of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no connection {0}")]
pub struct UnknownConnection(pub ConnectionName);

/// One state: `group` is the shared group (`motion`) or the vendor's own id of it.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Option<State>")]
pub struct GetState {
    /// The connection.
    pub connection: ConnectionName,
    /// The item, `cameras/<guid>`.
    pub item: String,
    /// The state group.
    pub group: String,
}

/// All states that a filter wants, sorted by connection, item and group.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<State>")]
pub struct QueryStates {
    /// Which states.
    pub filter: Filter,
    /// At most so many.
    pub limit: usize,
}

/// Sends states or events to a recipient from now on, beginning with the present state. Its mailbox is the bound: a recipient
/// that is full is cut off with [`WatchUpdate::CutOff`].
#[derive(Clone, Message)]
#[rtype(result = "WatchId")]
pub struct Watch {
    /// States or events.
    pub subject: Subject,
    /// Which of them.
    pub filter: Filter,
    /// Who gets them. Hand over one that is not cloned per message: mailbox bounds count per clone.
    pub recipient: Recipient<WatchUpdate>,
}

/// Ends a watch. Updates that are in the recipient's mailbox already still come.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Unwatch(pub WatchId);

/// Names of items, asked of the vendor where they are not known. Items without a name are left out.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Vec<NamedItem>, UnknownConnection>")]
pub struct Resolve {
    /// The connection.
    pub connection: ConnectionName,
    /// Items, `cameras/<guid>`.
    pub items: Vec<String>,
}

/// An item with its name.
pub type NamedItem = Arc<Item>;

/// Fetches a picture or a recording to a file: what is behind a link in an event's data, see
/// [`media_links`](crate::vendors::VendorSettings::media_links). The connection may be online or not; other messages are answered meanwhile.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<FetchedMedia, MediaError>")]
pub struct FetchMedia {
    /// The connection with whose login it is fetched.
    pub connection: ConnectionName,
    /// The link as the event has it, a template too. It must lead to the vendor's own hosts: the login's token goes nowhere else.
    pub url: String,
    /// Where to put it. It appears there, or replaces what is there, when all of it has come.
    pub file: PathBuf,
    /// Of pictures that come in any size, how wide: in pixels.
    pub width: Option<u32>,
    /// The most that is taken, in bytes.
    pub max_bytes: u64,
    /// For how long to ask again where it is not ready, or the server cannot be reached.
    pub patience: Duration,
}

impl FetchMedia {
    /// Of the width that is usual with the vendor, at most 256 MiB, with 60 s of patience.
    #[must_use]
    pub fn new(connection: ConnectionName, url: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        let (url, file) = (url.into(), file.into());
        Self { connection, url, file, width: None, max_bytes: 256 << 20, patience: Duration::from_secs(60) }
    }
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedMedia {
    /// The size of the file.
    pub bytes: u64,
    /// What the server says that it is: `video/mp4`.
    pub content_type: Option<String>,
}

/// Why a picture or recording was not fetched. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// There is no such connection.
    #[error(transparent)]
    Unknown(#[from] UnknownConnection),
    /// The vendor has nothing to fetch.
    #[error("connection {connection} is of vendor \"{vendor}\", which has no pictures or recordings to fetch")]
    NotThisVendor {
        /// The connection.
        connection: ConnectionName,
        /// Its vendor.
        vendor: &'static str,
    },
    /// Nothing is fetched from this address.
    #[error("the link {0}")]
    Address(String),
    /// There is no login to fetch it with.
    #[error("{why}")]
    Login {
        /// What is wrong.
        why: String,
        /// Whether trying again later can help.
        again: bool,
    },
    /// It is not ready, or the server cannot give it now.
    #[error("{0}")]
    NotNow(String),
    /// The server does not give it.
    #[error("{0}")]
    Refused(String),
    /// It did not come, not all of it, or is too large; or it cannot be written.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// It was given up, as was asked for.
    #[error("given up before it was complete")]
    Stopped,
    /// The engine is ending.
    #[error("the engine is being shut down")]
    Stopping,
}

impl MediaError {
    /// Whether the same may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotNow(_) | Self::Stopped => true,
            Self::Login { again, .. } => *again,
            Self::Download(error) => error.is_retryable(),
            Self::Unknown(_) | Self::NotThisVendor { .. } | Self::Address(_) | Self::Refused(_) | Self::Stopping => {
                false
            }
        }
    }
}

impl From<FileError> for MediaError {
    fn from(error: FileError) -> Self {
        Self::Download(error.into())
    }
}

impl From<AuthorizeError> for MediaError {
    fn from(error: AuthorizeError) -> Self {
        Self::Login { why: error.to_string(), again: error.may_pass() }
    }
}

/// Makes a connection panic, as a defect would: for tests of what happens then.
#[doc(hidden)]
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), UnknownConnection>")]
pub struct PanicConnection(pub ConnectionName);

/// Stops every connection; the answer comes when the last has stored what it had read.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct StopAll;
