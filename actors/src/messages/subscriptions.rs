//! What an embedder may have a connection subscribe to besides its settings, while it lives. Milestone alone has this.
//!
//! What was added is wanted until it is removed, or the engine or the connection ends: with each new session it is made again, in a resumed one it is still
//! there. It is not kept across a restart of the program, which adds again what it wants; what a session that outlives the restart still has of it is
//! removed there.

use actix::prelude::*;

use super::UnknownConnection;
use crate::model::ids::{ConnectionName, SubscriptionId};
use crate::vendors::Filters;

/// Subscribes to more than the settings do. The answer comes when the server has confirmed or refused it, or at once where the connection is not online.
///
/// Events come from then on. The states of what is newly covered are taken behind the answer, and begin as those of a first session do: they are known, and no
/// event tells of them. An event that several subscriptions want is told once.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<AddedSubscription, SubscriptionError>")]
pub struct AddSubscription {
    /// The connection.
    pub connection: ConnectionName,
    /// What to subscribe to. Event types may be given by name, as in the settings.
    pub filters: Filters,
}

/// A subscription that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddedSubscription {
    /// By which it can be removed.
    pub id: SubscriptionId,
    /// Whether the server has it already.
    pub standing: Standing,
}

/// How far a change of what is subscribed to has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The server has confirmed it.
    Confirmed,
    /// The connection is not online, or its socket broke before the server had answered. It is done as soon as there is a session again, and nobody has to ask
    /// for it once more. Should the server refuse it then, the log says so, and it is tried again with the next new session.
    Pending,
}

/// Ends a subscription that was added. States that nothing else covers become `unknown`, each with an event.
///
/// The answer comes when the server has confirmed it, or at once where the connection is not online. A server that does not remove it costs the session: a new
/// one is begun without it, which is one gap, and the answer is [`Standing::Pending`].
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Standing, SubscriptionError>")]
pub struct RemoveSubscription {
    /// The connection.
    pub connection: ConnectionName,
    /// Of [`AddedSubscription`].
    pub id: SubscriptionId,
}

/// Why a subscription was not added or removed. Everything is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubscriptionError {
    /// There is no such connection.
    #[error(transparent)]
    Unknown(#[from] UnknownConnection),
    /// The vendor has nothing of the kind.
    #[error("connection {connection} is of vendor \"{vendor}\", which has no subscriptions to add or remove")]
    NotThisVendor {
        /// The connection.
        connection: ConnectionName,
        /// Its vendor.
        vendor: &'static str,
    },
    /// The connection has no subscription of this id that was added, or not any more.
    #[error("connection {connection} has no subscription {id} that was added")]
    UnknownSubscription {
        /// The connection.
        connection: ConnectionName,
        /// The id that was asked for.
        id: SubscriptionId,
    },
    /// Nothing would be delivered. It was not sent.
    #[error("{0}")]
    Invalid(String),
    /// The system has no event type of this name.
    #[error("there is no event type \"{name}\"{}", .near.as_ref().map_or_else(String::new, |near| format!("; did you mean \"{near}\"?")))]
    UnknownType {
        /// The name that was asked for.
        name: String,
        /// The name that is most like it.
        near: Option<String>,
    },
    /// The server has refused it, in its own words.
    #[error("{0}")]
    Refused(String),
    /// The server cannot do it now.
    #[error("{0}")]
    Unavailable(String),
    /// The engine is ending, or the connection was removed meanwhile.
    #[error("the connection or the engine has ended")]
    Stopping,
}

impl SubscriptionError {
    /// Whether the same may succeed later, with nobody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Unknown(_)
            | Self::NotThisVendor { .. }
            | Self::UnknownSubscription { .. }
            | Self::Invalid(_)
            | Self::UnknownType { .. }
            | Self::Refused(_)
            | Self::Stopping => false,
        }
    }
}
