//! The TLS configuration that every connection of the process shares.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    AlertDescription, ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, UnixTime,
    pem::{self, PemObject},
};
use rustls_platform_verifier::Verifier;

/// Which servers to trust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TlsSettings {
    /// A PEM file with certificates of authorities to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Trust any certificate for any name. Anybody on the way can then read passwords: for tests
    /// only.
    pub insecure: bool,
}

/// With what we prove to a server who we are (mutual TLS).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// A PEM file with our certificate, and behind it those that lead from it to its authority.
    pub certificate: PathBuf,
    /// A PEM file with the private key of the first certificate, not encrypted.
    pub key: PathBuf,
}

/// Why there is no TLS configuration. A retry does not help until somebody mends the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read the certificate file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error(
        "there is no certificate in {}; it must be PEM (from DER: openssl x509 -inform der -in FILE)",
        path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something that is not a certificate, or damaged PEM.
    #[error("certificate {number} in {} is damaged: {detail}", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Which of the certificates in the file, from 1.
        number: usize,
        /// What is wrong with it.
        detail: String,
    },
    /// The private key cannot be read.
    #[error("cannot read the private key {}: {source}", path.display())]
    KeyUnreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file holds no private key.
    #[error("there is no private key in {}; it must be PEM (`BEGIN PRIVATE KEY`)", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key has a passphrase, for which nobody could be asked.
    #[error("the private key in {} is encrypted; write it without its passphrase: openssl pkey -in FILE -out NEW", path.display())]
    KeyEncrypted {
        /// The file.
        path: PathBuf,
    },
    /// The private key is damaged, or of a kind that is not known here.
    #[error("the private key in {} cannot be used: {detail}", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; nothing of the key.
        detail: String,
    },
    /// The private key is that of another certificate.
    #[error(
        "the private key in {} does not belong to the certificate in {}, or not to the first one there",
        key.display(),
        certificate.display()
    )]
    KeyMismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// The TLS library refuses.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] RustlsError),
}

/// What a server says of the certificate that we have shown it, or have not, if that is why a connection came to nothing; in words.
///
/// By TLS 1.3 it says so after its own part of the handshake, so it is found where the first answer is read.
#[must_use]
pub fn refused_identity(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(RustlsError::AlertReceived(alert)) = error.downcast_ref() {
            return match alert {
                AlertDescription::CertificateRequired => Some("it wants a certificate of ours, and none is set"),
                // Servers that are older, or written in Go, say this for want of one.
                AlertDescription::BadCertificate => {
                    Some("it wants a certificate of ours, and has got none or a bad one")
                }
                AlertDescription::UnknownCA => Some("it does not know the authority of our certificate"),
                AlertDescription::CertificateExpired => Some("our certificate has expired"),
                AlertDescription::CertificateRevoked => Some("our certificate is revoked"),
                AlertDescription::CertificateUnknown | AlertDescription::UnsupportedCertificate => {
                    Some("it does not take our certificate")
                }
                _ => None,
            };
        }
        // What an I/O error is made of is not its source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

impl TlsSettings {
    /// Builds the configuration: the system's authorities and those of the file, TLS 1.2 and 1.3,
    /// HTTP/1.1 by ALPN.
    ///
    /// Reads files, so call it once, before the connections start. On a system without any
    /// authorities it warns and goes on: plain connections need none.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when the file cannot be used.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        self.client_config_as(None)
    }

    /// The same, with what proves to servers who we are, if they ask.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when a file cannot be used, or certificate and key do not belong together.
    pub fn client_config_as(&self, identity: Option<&ClientIdentity>) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let own = self.own_authorities()?;
        let builder = if self.insecure {
            tracing::warn!("TLS certificates are not checked (insecure = true); passwords can be read on the way");
            builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAnyone(provider)))
        } else {
            match Verifier::new_with_extra_roots(own, provider) {
                Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
                Err(error) => {
                    tracing::warn!(%error, "no TLS server is trusted: install CA certificates or set tls.ca_file");
                    builder.with_root_certificates(RootCertStore::empty())
                }
            }
        };
        let mut config = match identity {
            Some(identity) => {
                let (certificates, key) = (certificates(&identity.certificate)?, identity.private_key()?);
                builder.with_client_auth_cert(certificates, key).map_err(|error| identity.misfit(error))?
            }
            None => builder.with_no_client_auth(),
        };
        // A server that may choose HTTP/2 does, and there a WebSocket cannot be opened by upgrade.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The certificates of the file.
    fn own_authorities(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        self.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), certificates)
    }
}

/// What is said of PEM that cannot be read: nothing of what is in it, which may be a key.
const DAMAGED_PEM: &str = "its PEM is damaged: it needs whole lines from -----BEGIN …----- to -----END …-----";

impl ClientIdentity {
    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let path = || self.key.clone();
        let text = std::fs::read(&self.key).map_err(|source| TlsError::KeyUnreadable { path: path(), source })?;
        // Both the ways in which OpenSSL writes such.
        let is_encrypted = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"]
            .iter()
            .any(|mark| text.windows(mark.len()).any(|part| part == mark.as_bytes()));
        if is_encrypted {
            return Err(TlsError::KeyEncrypted { path: path() });
        }
        PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey { path: path() },
            // Its own words may have the key in them.
            _ => TlsError::BadKey { path: path(), detail: DAMAGED_PEM.to_owned() },
        })
    }

    /// Why certificate and key are not taken.
    fn misfit(&self, error: RustlsError) -> TlsError {
        let path = self.key.clone();
        match error {
            RustlsError::InconsistentKeys(_) => {
                TlsError::KeyMismatch { key: path, certificate: self.certificate.clone() }
            }
            RustlsError::General(detail) => TlsError::BadKey { path, detail },
            error => error.into(),
        }
    }
}

/// The certificates of a file, each one judged here, so that an error can name it.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = || path.to_owned();
    let text = std::fs::read(path()).map_err(|source| TlsError::Unreadable { path: path(), source })?;
    let mut certificates = Vec::new();
    for (index, certificate) in CertificateDer::pem_slice_iter(&text).enumerate() {
        let damaged = |detail| TlsError::BadCertificate { path: path(), number: index + 1, detail };
        let certificate: CertificateDer<'static> =
            certificate.map_err(|_: pem::Error| damaged(DAMAGED_PEM.to_owned()))?;
        RootCertStore::empty().add(certificate.clone()).map_err(|error| damaged(error.to_string()))?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { path: path() });
    }
    Ok(certificates)
}

/// Accepts every certificate. The signatures of the handshake are still checked, which costs
/// nothing and finds broken servers.
#[derive(Debug)]
struct TrustAnyone(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
