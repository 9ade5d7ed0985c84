//! What a login yields.

use url::Url;

use super::token::{Credential, Scheme};
use crate::transport::request::RestCall;

/// A token that a server has accepted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Where to call: what comes behind begins with `api/`.
    pub base: Url,
    /// The token, and what it is.
    pub credential: Credential,
    /// The camera that an `Acc` token is of, where it says so.
    pub camera: Option<i64>,
}

impl Grant {
    /// What kind of token it is.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.credential.scheme()
    }

    /// Adds to a call what every call carries.
    #[must_use]
    pub fn sign(&self, call: RestCall) -> RestCall {
        call.header("authorization", self.credential.header()).header("accept", "application/json")
    }
}
