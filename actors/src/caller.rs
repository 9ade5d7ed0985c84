//! The calls of logins and look-ups, with one client however many accounts there are: they share its open connections, and its memory.

use std::sync::Arc;

use actix::prelude::*;
use rustls::ClientConfig;

use crate::transport::{Brake, Fault, RestAnswer, RestCall, RestClient, RestError, Tape, brake};

/// The actor; one for each TLS configuration, on the arbiter of logins and look-ups.
pub(crate) struct Caller {
    client: RestClient,
}

impl Caller {
    /// To be made on the arbiter that it lives on.
    pub(crate) fn new(tls: &Arc<ClientConfig>, tape: Option<Arc<Tape>>) -> Self {
        Self { client: RestClient::new(tls).taped(tape) }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::time::Duration;

    use actix_rt::Arbiter;
    use futures_util::future::join;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    use super::*;
    use crate::settings::TlsSettings;
    use crate::transport::Method;

    fn caller() -> Caller {
        Caller::new(&TlsSettings::default().client_config().unwrap(), None)
    }

    async fn server() -> (TcpListener, RestCall) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", server.local_addr().unwrap()).parse().unwrap();
        (server, RestCall::new(Method::Get, url))
    }

    /// Reads a request to its end.
    async fn read(peer: &mut TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(peer.read_buf(&mut request).await.unwrap(), 0, "it ends in the midst of a request");
        }
    }

    async fn within<F: Future>(future: F) -> F::Output {
        timeout(Duration::from_secs(20), future).await.unwrap()
    }

    #[actix_rt::test]
    async fn accounts_share_an_open_connection() {
        let (server, call) = server().await;
        let caller = caller().start();
        let serving = async {
            let (mut peer, _) = server.accept().await.unwrap();
            for _ in 0..3 {
                read(&mut peer).await;
                peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
        };
        let calling = async {
            for _ in 0..3 {
                let account = Calls::new(caller.clone(), None);
                assert_eq!(account.make(call.clone()).await.unwrap().status, 200);
            }
        };
        within(join(serving, calling)).await;
    }

    #[actix_rt::test]
    async fn a_call_goes_on_though_nobody_waits_for_it() {
        let (server, call) = server().await;
        let calls = Calls::new(caller().start(), None);
        let mut peer = within(async {
            tokio::select! {
                accepted = server.accept() => accepted.unwrap().0,
                answer = calls.make(call) => panic!("nobody has answered: {answer:?}"),
            }
        })
        .await;
        within(read(&mut peer)).await;
    }

    #[actix_rt::test]
    async fn a_call_behind_the_end_of_the_engine_says_so() {
        let (_server, call) = server().await;
        let arbiter = Arbiter::new();
        let calls = Calls::new(Actor::start_in_arbiter(&arbiter.handle(), |_| caller()), None);
        arbiter.stop();
        arbiter.join().unwrap();
        let error = within(calls.make(call)).await.unwrap_err();
        assert!(error.to_string().contains("the engine is stopping"), "{error}");
    }
}
