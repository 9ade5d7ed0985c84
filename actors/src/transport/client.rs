//! The `awc` client that both REST and WebSocket stand on, and what its errors mean.

#[cfg(feature = "windows-auth")]
use std::{cell::Cell, rc::Rc};
use std::{sync::Arc, time::Duration};

use actix_http::error::{ParseError, PayloadError};
use actix_service::ServiceExt;
use actix_tls::connect::{ConnectInfo, Connection, Connector as TcpConnector, Resolver};
use awc::{
    Client, Connector,
    error::{ConnectError, SendRequestError},
    http::{
        Uri,
        header::{HeaderName, HeaderValue, USER_AGENT},
    },
};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use url::Url;

use super::{early::EarlyAnswer, error::Fault, refusal::TellRefusals, request::Fields};

/// How long TCP with its DNS look-up, and then TLS, may take each, so that a host which swallows
/// packets leaves time for another try.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// By which name requests go out that say no other.
pub(super) const OUR_NAME: &str = concat!("watchpost/", env!("CARGO_PKG_VERSION"));

/// Makes a client: no redirects, no time-outs but for connecting (the callers bound the whole), no
/// limit on connections, TCP without delay.
///
/// The TLS configuration is given to the connector and the HTTP version left alone:
/// `max_http_version` would build another configuration and lose ours. That HTTP/1.1 is spoken
/// follows from the ALPN list in it.
pub(super) fn client(tls: &Arc<ClientConfig>) -> Client {
    // Each open WebSocket holds a permit of the pool; 0 means no limit.
    limited(tls, 0, || ())
}

/// Makes such a client that has one connection at a time, and counts in `opened` how many it has opened.
#[cfg(feature = "windows-auth")]
pub(super) fn single(tls: &Arc<ClientConfig>, opened: &Rc<Cell<u32>>) -> Client {
    let opened = Rc::clone(opened);
    limited(tls, 1, move || opened.set(opened.get() + 1))
}

fn limited(tls: &Arc<ClientConfig>, limit: usize, on_open: impl Fn() + Clone + 'static) -> Client {
    let tcp = TcpConnector::new(Resolver::default()).service().map(move |connection: Connection<Uri, TcpStream>| {
        on_open();
        // Only latency is lost if this fails.
        let _ = connection.io_ref().set_nodelay(true);
        let (stream, connection) = connection.replace_io(());
        connection.replace_io(EarlyAnswer::new(stream)).1
    });
    let connector = Connector::new()
        .connector(fix_request_type(tcp))
        .rustls_0_23(Arc::clone(tls))
        .timeout(CONNECT_TIMEOUT)
        .handshake_timeout(CONNECT_TIMEOUT)
        .limit(limit);
    Client::builder()
        .connector(connector)
        .disable_redirects()
        .disable_timeout()
        .add_default_header((USER_AGENT, OUR_NAME))
        .wrap(TellRefusals)
        .finish()
}

/// Tells the compiler which requests the service is for.
fn fix_request_type<S: actix_service::Service<ConnectInfo<Uri>>>(service: S) -> S {
    service
}

/// The address for `awc`, if it has one of the schemes.
pub(super) fn address(url: &Url, schemes: [&str; 2]) -> Result<Uri, Fault> {
    if !schemes.contains(&url.scheme()) {
        return Err(Fault::Unsendable(format!("the address must begin with {}:// or {}://", schemes[0], schemes[1])));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::Unsendable("the address must not contain a user name or password".to_owned()));
    }
    url.as_str().parse().map_err(|error| Fault::Unsendable(format!("the address cannot be used in HTTP: {error}")))
}

/// The headers for `awc`. Secret ones are marked, so that no layer below shows them.
pub(super) fn headers(fields: &Fields) -> Result<Vec<(HeaderName, HeaderValue)>, Fault> {
    fields
        .iter()
        .map(|(name, text)| {
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Fault::Unsendable(format!("{name:?} is not the name of a header")))?;
            let mut value = HeaderValue::from_str(text.expose()).map_err(|_| {
                Fault::Unsendable(format!("header {name} has a character in it that HTTP does not allow"))
            })?;
            value.set_sensitive(matches!(text, super::HeaderText::Secret(_)));
            Ok((header, value))
        })
        .collect()
}

/// What an error of `awc` means.
pub(super) fn fault(error: SendRequestError, timeout: Duration) -> Fault {
    match error {
        SendRequestError::Connect(error) => connect_fault(error),
        SendRequestError::Send(error) | SendRequestError::Response(ParseError::Io(error)) => {
            Fault::from_io(&error, Fault::Lost)
        }
        SendRequestError::Response(error @ ParseError::Incomplete) => Fault::Lost(error.to_string()),
        SendRequestError::Response(error) => Fault::Protocol(format!("its answer is not HTTP/1.1: {error}")),
        SendRequestError::Timeout => Fault::Timeout(timeout),
        SendRequestError::Body(error) => Fault::Lost(error.to_string()),
        SendRequestError::Url(error) => Fault::Unsendable(error.to_string()),
        SendRequestError::Http(error) => Fault::Unsendable(error.to_string()),
        error => Fault::Protocol(error.to_string()),
    }
}

fn connect_fault(error: ConnectError) -> Fault {
    match error {
        ConnectError::Io(error) => Fault::from_io(&error, Fault::Connect),
        ConnectError::Resolver(error) => Fault::Connect(format!("the host name has no address: {error}")),
        ConnectError::NoRecords => Fault::Connect("the host name has no address".to_owned()),
        ConnectError::Timeout => Fault::Connect(format!("no connection within {CONNECT_TIMEOUT:?}")),
        ConnectError::Disconnected => Fault::Lost("the server hung up without an answer".to_owned()),
        error => Fault::Connect(error.to_string()),
    }
}

/// What an error while reading a body means.
pub(super) fn body_fault(error: PayloadError) -> Fault {
    match error {
        PayloadError::Io(error) | PayloadError::Incomplete(Some(error)) => Fault::from_io(&error, Fault::Lost),
        PayloadError::Incomplete(None) => Fault::Lost("the answer was cut off".to_owned()),
        error => Fault::Protocol(error.to_string()),
    }
}
