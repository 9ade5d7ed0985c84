//! The calls of logins and look-ups, with one client however many accounts there are: they share its open connections, and its memory.

use std::sync::Arc;

use actix::prelude::*;
use rustls::ClientConfig;

use crate::transport::{Fault, RestAnswer, RestCall, RestClient, RestError};

/// The actor; one for each TLS configuration, on the arbiter of logins and look-ups.
pub(crate) struct Caller {
    client: RestClient,
}

impl Caller {
    /// To be made on the arbiter that it lives on.
    pub(crate) fn new(tls: &Arc<ClientConfig>) -> Self {
        Self { client: RestClient::new(tls) }
    }
}

impl Actor for Caller {
    type Context = Context<Self>;
}

/// Make this call.
#[derive(Debug, Message)]
#[rtype(result = "Result<RestAnswer, RestError>")]
struct Make(RestCall);

impl Handler<Make> for Caller {
    type Result = ResponseFuture<Result<RestAnswer, RestError>>;

    fn handle(&mut self, Make(call): Make, _: &mut Self::Context) -> Self::Result {
        let client = self.client.clone();
        Box::pin(async move { client.call(&call).await })
    }
}

/// Makes a call. It goes on if nobody waits for its answer any more, for as long as [`RestCall::timeout`] says.
///
/// # Errors
/// As [`RestClient::call`].
pub(crate) async fn make(caller: &Addr<Caller>, call: RestCall) -> Result<RestAnswer, RestError> {
    let at = call.shown();
    let stopped = |_| Err(RestError::Failed { at, fault: Fault::Lost("the engine is stopping".to_owned()) });
    caller.send(Make(call)).await.unwrap_or_else(stopped)
}
