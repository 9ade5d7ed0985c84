//! Which servers are trusted, and what is spoken with them.

use std::{fs, path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::ring};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::{
    super::{
        Budget, ClientIdentity, Downloads, Fault, Method, OpenError, RestCall, RestClient, RestError, TlsError,
        TlsSettings, WebSocketClient, WebSocketRequest,
        download::{Limits, Part},
    },
    server::{Peer, Server, TEXT, frame, receive, within},
};

/// A server with a certificate of its own authority for these names, which would rather speak
/// HTTP/2.
struct TlsServer {
    server: Server,
    acceptor: TlsAcceptor,
    directory: TempDir,
}

impl TlsServer {
    async fn start(names: &[&str]) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let root = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let leaf =
            CertificateParams::new(names).unwrap().signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("ca.pem"), root.pem()).unwrap();
        Self { server: Server::start().await, acceptor: TlsAcceptor::from(Arc::new(config)), directory }
    }

    fn settings(&self) -> TlsSettings {
        TlsSettings { ca_file: Some(self.directory.path().join("ca.pem")), insecure: false }
    }

    fn port(&self) -> u16 {
        self.server.url("wss", "/").port().unwrap()
    }

    fn wss(&self) -> WebSocketRequest {
        WebSocketRequest::new(self.server.url("wss", "/events"))
    }

    /// Answers one upgrade, if the client trusts us, and tells what ALPN gave.
    async fn serve(&self) -> Option<(Option<Vec<u8>>, Peer<impl Sized + use<>>)> {
        let tcp = self.server.accept().await.stream;
        let stream = within(self.acceptor.accept(tcp)).await.ok()?;
        let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let mut peer = Peer { stream };
        peer.upgrade(&frame(TEXT, "x".repeat(100_000))).await;
        Some((alpn, peer))
    }

    async fn open(
        &self,
        settings: &TlsSettings,
        request: &WebSocketRequest,
    ) -> (Result<usize, OpenError>, Option<Vec<u8>>) {
        let client =
            WebSocketClient::new(&settings.client_config().unwrap(), Arc::new(Budget::default()), Arc::default());
        let read = async {
            let mut socket = client.open(request).await?;
            Ok(receive(&mut socket, 1).await[0].len())
        };
        let (read, served) = within(async { tokio::join!(read, self.serve()) }).await;
        (read, served.and_then(|(alpn, _peer)| alpn))
    }
}

#[actix_rt::test]
async fn http_1_1_is_negotiated_with_a_server_that_offers_h2_first() {
    let server = TlsServer::start(&["localhost", "127.0.0.1"]).await;
    let (read, alpn) = server.open(&server.settings(), &server.wss()).await;
    assert_eq!((read, alpn.as_deref()), (Ok(100_000), Some(&b"http/1.1"[..])));
}

#[actix_rt::test]
async fn an_unknown_authority_is_refused_with_a_remedy() {
    let server = TlsServer::start(&["127.0.0.1"]).await;
    let other = TlsServer::start(&["127.0.0.1"]).await;
    for settings in [other.settings(), TlsSettings::default()] {
        let (read, _) = server.open(&settings, &server.wss()).await;
        let error = read.unwrap_err();
        assert!(matches!(&error, OpenError::Failed { fault: Fault::Tls { lasting: true, .. }, .. }), "{error:?}");
        assert!(error.to_string().contains("ca_file"), "{error}");
        assert!(!error.is_retryable());
    }
}

#[actix_rt::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = TlsServer::start(&["vms.example.com"]).await;
    let (read, _) = server.open(&server.settings(), &server.wss()).await;
    let error = read.unwrap_err();
    assert!(error.to_string().contains("vms.example.com"), "the names that it has are told: {error}");
    assert!(!error.is_retryable());
}

#[actix_rt::test]
async fn insecure_trusts_anyone() {
    let server = TlsServer::start(&["vms.example.com"]).await;
    let (read, _) = server.open(&TlsSettings { ca_file: None, insecure: true }, &server.wss()).await;
    assert_eq!(read, Ok(100_000));
}

#[actix_rt::test]
async fn rest_shares_the_settings() {
    let server = TlsServer::start(&["localhost"]).await;
    let call = RestCall::new(Method::Get, format!("https://localhost:{}/", server.port()).parse().unwrap());
    let serve = async {
        let tcp = server.server.accept().await.stream;
        let mut peer = Peer { stream: within(server.acceptor.accept(tcp)).await.ok()? };
        peer.request().await;
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine").await;
        Some(peer)
    };
    let client = RestClient::new(&server.settings().client_config().unwrap());
    let (answer, _peer) = within(async { tokio::join!(client.call(&call), serve) }).await;
    assert_eq!(answer.unwrap().body, "fine");

    let stranger = RestClient::new(&TlsSettings::default().client_config().unwrap());
    let accept = async { server.acceptor.accept(server.server.accept().await.stream).await.is_ok() };
    let (answer, _) = within(async { tokio::join!(stranger.call(&call), accept) }).await;
    assert!(matches!(answer, Err(RestError::Failed { fault: Fault::Tls { lasting: true, .. }, .. })), "{answer:?}");
}

#[actix_rt::test]
async fn tls_to_a_server_without_it_says_so() {
    let server = Server::start().await;
    let request = WebSocketRequest::new(server.url("wss", "/"));
    let client = WebSocketClient::new(
        &TlsSettings::default().client_config().unwrap(),
        Arc::new(Budget::default()),
        Arc::default(),
    );
    let serve = async { server.accept().await.write("HTTP/1.1 400 Bad Request\r\n\r\n").await };
    let (opened, ()) = within(async { tokio::join!(client.open(&request), serve) }).await;
    let error = opened.unwrap_err();
    assert!(matches!(&error, OpenError::Failed { fault: Fault::Tls { .. }, .. }), "{error:?}");
}

#[test]
fn a_bad_certificate_file_is_named_with_what_is_wrong() {
    let directory = TempDir::new().unwrap();
    let error =
        |path: &Path| TlsSettings { ca_file: Some(path.to_owned()), insecure: false }.client_config().unwrap_err();

    let missing = directory.path().join("missing.pem");
    assert!(matches!(error(&missing), TlsError::Unreadable { .. }));
    assert!(error(&missing).to_string().contains("missing.pem"));

    let file = directory.path().join("ca.pem");
    fs::write(&file, b"\x30\x82\x01\x0a not PEM").unwrap();
    assert!(matches!(error(&file), TlsError::NoCertificate { .. }));
    assert!(error(&file).to_string().contains("openssl x509"), "{}", error(&file));

    let good = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    fs::write(&file, format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")).unwrap();
    assert!(matches!(error(&file), TlsError::BadCertificate { number: 2, .. }), "{}", error(&file));

    fs::write(&file, format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n")).unwrap();
    assert!(matches!(error(&file), TlsError::BadCertificate { number: 2, .. }), "{}", error(&file));
}

#[test]
fn a_bad_certificate_or_key_of_our_own_is_named_with_what_is_wrong() {
    let directory = TempDir::new().unwrap();
    let [certificate, key] = ["client.pem", "client.key"].map(|name| directory.path().join(name));
    let identity = ClientIdentity { certificate: certificate.clone(), key: key.clone() };
    let set_up = || TlsSettings::default().client_config_as(Some(&identity)).map(drop);
    let error = || set_up().unwrap_err();

    assert!(matches!(error(), TlsError::Unreadable { .. }));
    let ours = rcgen::generate_simple_self_signed(["watchpost".to_owned()]).unwrap();
    let others = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
    fs::write(&certificate, ours.cert.pem()).unwrap();
    assert!(matches!(error(), TlsError::KeyUnreadable { .. }), "{}", error());
    fs::write(&key, ours.cert.pem()).unwrap();
    assert!(matches!(error(), TlsError::NoKey { .. }), "{}", error());
    fs::write(&key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n").unwrap();
    assert!(matches!(error(), TlsError::KeyEncrypted { .. }) && error().to_string().contains("openssl pkey"));
    fs::write(&key, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n").unwrap();
    assert!(matches!(error(), TlsError::BadKey { .. }), "{}", error());
    assert!(!error().to_string().contains("c2VjcmV0") && !error().to_string().contains("secret"));
    // As a variable of a CI or a container often has it.
    let (pem, bytes) = (ours.signing_key.serialize_pem(), "77, 73, 71"); // MIG
    fs::write(&key, pem.replace('\n', "\\n")).unwrap();
    let told = format!("{} {:?}", error(), error());
    assert!(matches!(error(), TlsError::BadKey { .. }) && !told.contains(bytes) && !told.contains("MIG"), "{told}");
    fs::write(&key, others.signing_key.serialize_pem()).unwrap();
    assert!(matches!(error(), TlsError::KeyMismatch { .. }), "{}", error());
    assert!(error().to_string().contains("client.key") && error().to_string().contains("client.pem"));
    fs::write(&key, ours.signing_key.serialize_pem()).unwrap();
    set_up().unwrap();
    fs::write(&certificate, ours.signing_key.serialize_pem()).unwrap();
    assert!(matches!(error(), TlsError::NoCertificate { .. }), "{}", error());
}

#[actix_rt::test]
async fn a_download_shares_the_settings_and_takes_a_connection_cut_off_for_what_it_is() {
    let server = TlsServer::start(&["localhost"]).await;
    let call = RestCall::new(Method::Get, format!("https://localhost:{}/clip", server.port()).parse().unwrap());
    let stranger = Downloads::new(&TlsSettings::default().client_config().unwrap());
    let accept = async { server.acceptor.accept(server.server.accept().await.stream).await.is_ok() };
    let (opened, _) = within(async { tokio::join!(stranger.open(&call), accept) }).await;
    let error = opened.err().unwrap();
    assert!(matches!(&error, RestError::Failed { fault: Fault::Tls { lasting: true, .. }, .. }), "{error:?}");

    let client = Downloads::new(&server.settings().client_config().unwrap());
    for (answer, whole) in [("3\r\nall\r\n0\r\n\r\n", true), ("3\r\nall\r\n", false)] {
        let serve = async {
            let tcp = server.server.accept().await.stream;
            let mut peer = Peer { stream: within(server.acceptor.accept(tcp)).await.unwrap() };
            peer.request().await;
            peer.write(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{answer}")).await;
        };
        let file = server.directory.path().join("clip");
        let read = async {
            let mut part = Part::beside(&file).await?;
            client.open(&call).await?.save(&mut part, &Limits::default(), &mut |_, _| {}).await
        };
        let (outcome, ()) = within(async { tokio::join!(read, serve) }).await;
        assert_eq!(outcome.is_ok(), whole, "{outcome:?}");
    }
}
