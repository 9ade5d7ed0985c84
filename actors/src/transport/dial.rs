//! Opening WebSockets.

use std::sync::Arc;

use awc::{
    Client,
    error::{SendRequestError, WsClientError},
};
use rustls::ClientConfig;
use tokio::time::timeout;

use super::{
    budget::Budget,
    client,
    error::{Fault, OpenError},
    refusal::Refusal,
    request::WebSocketRequest,
    websocket::WebSocket,
};

/// Opens WebSockets. One for each arbiter is enough: it has no limit on connections, and opens any
/// number at the same time.
#[derive(Clone)]
pub struct WebSocketClient {
    client: Client,
    budget: Arc<Budget>,
}

impl WebSocketClient {
    /// A client for this arbiter. The TLS configuration and the budget are those of the whole
    /// process.
    ///
    /// To be used where an actix runtime is, as are the sockets that it opens.
    #[must_use]
    pub fn new(tls: &Arc<ClientConfig>, budget: Arc<Budget>) -> Self {
        Self { client: client::client(tls), budget }
    }

    /// Opens a WebSocket: DNS, TCP, TLS, upgrade, all within the request's time. One try.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says whether another try can help. A refused upgrade tells what the
    /// server answered, and the server is not asked twice for that.
    pub async fn open(&self, request: &WebSocketRequest) -> Result<WebSocket, OpenError> {
        let limit = request.open_timeout;
        match timeout(limit, self.connect(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OpenError::Failed { at: request.shown(), fault: Fault::Timeout(limit) }),
        }
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
