//! What a vendor's login is to the engine.

use std::time::Duration;

use super::Now;
use crate::settings::Secret;
use crate::transport::RestError;
use crate::transport::request::{RestAnswer, RestCall};

/// One step of a login.
#[derive(Debug)]
pub enum LoginStep<G> {
    /// Make this call and come back with the answer.
    Call(RestCall),
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
    /// The server could not be asked, or was not able to answer. Trying again later can help.
    #[error("login not possible now: {0}")]
    Unavailable(String),
}

impl LoginError {
    /// Whether trying again later can help without a person.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Gets a grant, one call after the other.
pub trait Login: 'static {
    /// What a login yields.
    type Grant;
    /// What a person would change after a refusal.
    fn secret(&self) -> &Secret;
    /// Begins anew.
    fn begin(&mut self, now: Now) -> LoginStep<Self::Grant>;
    /// Goes on with the answer to the last call.
    fn answer(&mut self, now: Now, answer: Result<RestAnswer, RestError>) -> LoginStep<Self::Grant>;
}
