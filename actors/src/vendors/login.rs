//! What a vendor's login is to the engine.

use std::time::Duration;

use secrecy::SecretString;

use super::Now;
use crate::journal::JournalError;
use crate::settings::Secret;
use crate::transport::request::{RestAnswer, RestCall};
use crate::transport::{Braked, RestError};

/// One step of a login.
#[derive(Debug)]
pub enum LoginStep<G> {
    /// Make this call and come back with the answer.
    Call(RestCall),
    /// Make this what [`Login::note`] holds, and come back when it is durable: see [`Login::kept`].
    Keep(SecretString),
    /// Done.
    Granted {
        /// What was got.
        grant: G,
        /// How long it is good for, from now; `None` if it does not end.
        lifetime: Option<Duration>,
        /// In words, who is logged in where.
        who: String,
    },
    /// It did not work.
    Failed(LoginError),
}

/// Why a login did not work.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoginError {
    /// The server said no to these credentials. Trying again at once could lock the user out.
    #[error("login refused: {0}")]
    Refused(String),
    /// The credentials are good, and this connection alone is refused: others with the same secret go on. Trying again at an unhurried pace harms
    /// nothing, and helps once a person has changed something at the server.
    #[error("login refused for this connection alone: {0}")]
    NotThis(String),
    /// The server could not be asked, or was not able to answer. Trying again later can help.
    #[error("login not possible now: {why}")]
    Unavailable {
        /// What happened.
        why: String,
    },
    /// The server was asked, and wants fewer requests for now: the login comes again a little later, and others with the same secret more slowly.
    #[error("login not possible now: {why}")]
    TooMany {
        /// What happened.
        why: String,
        /// For how long the server asks to be left alone, if it says.
        not_before: Option<Duration>,
    },
    /// The server's answer may mean either [`Refused`](Self::Refused) or [`TooMany`](Self::TooMany). A refusal stays, and fewer requests are borne: the
    /// login comes again a little later, and alone. If the answer is the same then, and no login with the same secret was granted in between, it was a
    /// refusal.
    #[error("login not possible now: {why}")]
    Doubtful {
        /// What happened, and what to do in either case.
        why: String,
    },
    /// The service blocks this machine's address, and is left alone for a while: see [`Vendor::service`](super::Vendor::service).
    #[error(transparent)]
    Braked(#[from] Braked),
}

impl LoginError {
    /// Whether trying again later can help without a person.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TooMany { .. } | Self::Doubtful { .. } | Self::Braked(_))
    }

    /// The server was not able to answer, and may have asked to be left alone for so long.
    pub(crate) fn busy(why: String, not_before: Option<Duration>) -> Self {
        match not_before {
            Some(_) => Self::TooMany { why, not_before },
            None => Self::Unavailable { why },
        }
    }

    /// Trying again later can help.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable { why: why.into() }
    }
}

/// Gets a grant, one call after the other.
pub trait Login: 'static {
    /// What a login yields.
    type Grant: Send + Sync + 'static;
    /// What a person would change after a refusal.
    fn secret(&self) -> &Secret;
    /// The journal's note in which a step that a person took once may have left a secret that this login needs.
    fn note(&self) -> Option<String> {
        None
    }
    /// What that note holds, told before each login: another with the same secret may have written it since.
    fn recall(&mut self, _note: Option<SecretString>) {}
    /// Begins anew.
    fn begin(&mut self, now: Now) -> LoginStep<Self::Grant>;
    /// Whether the server has judged the credentials good, though there may be more to do; where they have changed with it, not before
    /// that is [kept](LoginStep::Keep). Until then no other login with the same secret is under way, so that a wrong one costs one request and not one
    /// for each connection, and one that is good for once is shown once.
    fn is_proven(&self) -> bool {
        false
    }
    /// Goes on after [`LoginStep::Keep`]. What could not be kept is still to be kept: nothing may depend on it yet.
    fn kept(&mut self, _now: Now, kept: Result<(), JournalError>) -> LoginStep<Self::Grant> {
        let why = kept.map_or_else(|error| error.to_string(), |()| "nothing follows what was kept".to_owned());
        LoginStep::Failed(LoginError::unavailable(why))
    }
    /// Goes on with the answer to the last call.
    fn answer(&mut self, now: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Self::Grant>;
}
