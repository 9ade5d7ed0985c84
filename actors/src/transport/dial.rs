//! Opening WebSockets.

use std::{pin::pin, rc::Rc, sync::Arc, time::Duration};

use awc::{
    Client,
    error::{SendRequestError, WsClientError},
};
use rustls::ClientConfig;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    budget::Budget,
    client,
    error::{Fault, OpenError},
    pace::Paces,
    refusal::Refusal,
    request::WebSocketRequest,
    tape::Tape,
    websocket::WebSocket,
};

/// Sockets whose opening has just begun, on one arbiter. A TLS handshake takes a millisecond or two of its
/// thread; were there thousands at a time, the connections that are open already would wait for
/// seconds.
const BEGINNING: usize = 32;

/// Who has not been answered by then waits for the server and not for the arbiter, and makes room.
const BEGINNING_MOST: Duration = Duration::from_millis(500);

/// Opens WebSockets. One for each arbiter is enough: it has no limit on connections. How many are
/// opened at the same time is a matter of [`Paces`].
#[derive(Clone)]
pub struct WebSocketClient {
    client: Client,
    budget: Arc<Budget>,
    paces: Arc<Paces>,
    beginning: Rc<Semaphore>,
    tape: Option<Arc<Tape>>,
}

impl WebSocketClient {
    /// A client for this arbiter. The TLS configuration, the budget and the paces are those of the
    /// whole process.
    ///
    /// To be used where an actix runtime is, as are the sockets that it opens.
    #[must_use]
    pub fn new(tls: &Arc<ClientConfig>, budget: Arc<Budget>, paces: Arc<Paces>) -> Self {
        let beginning = Rc::new(Semaphore::new(BEGINNING));
        Self { client: client::client(tls), budget, paces, beginning, tape: None }
    }

    /// Tells a tape of each socket, and of what is said on it, if there is one.
    #[must_use]
    pub fn taped(self, tape: Option<Arc<Tape>>) -> Self {
        Self { tape, ..self }
    }

    /// Opens a WebSocket, when its turn at the server has come: DNS, TCP, TLS, upgrade, all within
    /// the request's time from then on. One try.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says whether another try can help. A refused upgrade tells what the
    /// server answered, and the server is not asked twice for that.
    pub async fn open(&self, request: &WebSocketRequest) -> Result<WebSocket, OpenError> {
        let _turn = self.paces.turn(&request.url).await;
        // An error would mean that the semaphore is closed, and nobody closes it.
        let place = self.beginning.acquire().await.ok();
        let limit = request.open_timeout;
        let begun = std::time::Instant::now();
        let outcome = hold(place, BEGINNING_MOST, timeout(limit, self.connect(request))).await;
        let outcome =
            outcome.unwrap_or_else(|_| Err(OpenError::Failed { at: request.shown(), fault: Fault::Timeout(limit) }));
        let taped = self.tape.as_ref().and_then(|tape| tape.socket(request, begun, outcome.as_ref()));
        outcome.map(|socket| socket.taped(taped))
    }

    async fn connect(&self, request: &WebSocketRequest) -> Result<WebSocket, OpenError> {
        let failed = |fault| OpenError::Failed { at: request.shown(), fault };
        let uri = client::address(&request.url, ["ws", "wss"]).map_err(failed)?;
        let mut upgrade = self.client.ws(uri);
        for (name, value) in client::headers(&request.headers).map_err(failed)? {
            upgrade = upgrade.header(name, value);
        }
        let (_, framed) = upgrade.connect().await.map_err(|error| open_error(error, request))?;
        let parts = framed.into_parts();
        Ok(WebSocket::new(parts.io, &parts.read_buf, request.max_message, Arc::clone(&self.budget)))
    }
}

/// Keeps a place while the work is done, but no longer than `most`.
async fn hold<P, W: Future>(place: P, most: Duration, work: W) -> W::Output {
    let mut work = pin!(work);
    if let Ok(done) = timeout(most, work.as_mut()).await {
        return done;
    }
    drop(place);
    work.await
}

fn open_error(error: WsClientError, request: &WebSocketRequest) -> OpenError {
    let at = request.shown();
    let fault = match error {
        WsClientError::SendRequest(SendRequestError::Custom(error, layer)) => match error.downcast::<Refusal>() {
            Ok(refusal) => {
                let Refusal { status, retry_after, www_authenticate, body } = *refusal;
                return OpenError::Refused { at, status, retry_after, www_authenticate, body };
            }
            Err(error) => client::fault(SendRequestError::Custom(error, layer), request.open_timeout),
        },
        WsClientError::SendRequest(error) => client::fault(error, request.open_timeout),
        WsClientError::InvalidChallengeResponse(..) => {
            Fault::Protocol("its Sec-WebSocket-Accept does not match our key; a cache in between, perhaps".to_owned())
        }
        error => Fault::Protocol(error.to_string()),
    };
    OpenError::Failed { at, fault }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_keeps_no_other_from_being_asked() {
        let places = Semaphore::new(1);
        let mut dead = Box::pin(async {
            let place = places.acquire().await.ok();
            hold(place, BEGINNING_MOST, pending::<()>()).await;
        });
        assert!(dead.as_mut().now_or_never().is_none());
        assert_eq!(places.available_permits(), 0, "it has just begun");
        tokio::time::sleep(BEGINNING_MOST).await;
        assert!(dead.as_mut().now_or_never().is_none());
        assert_eq!(places.available_permits(), 1);
    }
}
