//! TLS in front of a site, as a gateway has it: what comes is deciphered and passed on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::{io, thread};

use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

use crate::Outcome;

/// Bytes that are passed on at a time.
const BUFFER: usize = 4 << 10;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;

/// Listens on a thread of its own for as long as the process lives; answers where.
pub(super) fn front(site: SocketAddr) -> Outcome<SocketAddr> {
    let own = rcgen::generate_simple_self_signed([Ipv4Addr::LOCALHOST.to_string()])?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        socket.listen(BACKLOG)?
    };
    let address = listener.local_addr()?;
    thread::spawn(move || runtime.block_on(serve(listener, TlsAcceptor::from(Arc::new(config)), site)));
    Ok(address)
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, site: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // What goes wrong here is seen by both ends.
            let _: io::Result<_> = async {
                stream.set_nodelay(true)?;
                let mut inside = TcpStream::connect(site).await?;
                inside.set_nodelay(true)?;
                let mut outside = acceptor.accept(stream).await?;
                copy_bidirectional_with_sizes(&mut outside, &mut inside, BUFFER, BUFFER).await
            }
            .await;
        });
    }
}
