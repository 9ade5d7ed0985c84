//! Every message that an embedder may send, in one place. All go to the engine's front, the [`Supervisor`](crate::Supervisor), by
//! [`EngineHandle::send`](crate::EngineHandle::send) or to the address itself.

use std::sync::Arc;

use actix::prelude::*;
use serde::Serialize;

use crate::engine::ConnectionConfig;
use crate::model::event::Item;
use crate::model::filter::Filter;
use crate::model::ids::ConnectionName;
use crate::model::state::State;
use crate::model::status::ConnectionStatus;
use crate::transport::TlsError;
use crate::watch::{Subject, WatchId, WatchUpdate};

/// Every connection, by name.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Vec<ConnectionInfo>")]
pub struct ListConnections;

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

/// Makes a connection panic, as a defect would: for tests of what happens then.
#[doc(hidden)]
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), UnknownConnection>")]
pub struct PanicConnection(pub ConnectionName);

/// Stops every connection; the answer comes when the last has stored what it had read.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(crate) struct StopAll;
