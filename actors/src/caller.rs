//! The calls of logins and look-ups, with one client however many accounts there are: they share its open connections, and its memory.

use std::sync::Arc;

use actix::prelude::*;
use rustls::ClientConfig;

use crate::transport::{Brake, Fault, RestAnswer, RestCall, RestClient, RestError, brake};

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

/// The way on which the calls of an account go: through the caller, if the brake of the service lets them.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    caller: Addr<Caller>,
    brake: Option<Arc<Brake>>,
}

impl Calls {
    pub(crate) fn new(caller: Addr<Caller>, brake: Option<Arc<Brake>>) -> Self {
        Self { caller, brake }
    }

    /// Makes a call. It goes on if nobody waits for its answer any more, for as long as [`RestCall::timeout`] says.
    ///
    /// # Errors
    /// As [`RestClient::call`] and [`Brake::call`].
    pub(crate) async fn make(&self, call: RestCall) -> Result<RestAnswer, RestError> {
        let (at, sent) = (call.shown(), self.caller.send(Make(call.clone())));
        let stopped = |_| Err(RestError::Failed { at, fault: Fault::Lost("the engine is stopping".to_owned()) });
        brake::call(self.brake.as_deref(), &call, async { sent.await.unwrap_or_else(stopped) }).await
    }
}
