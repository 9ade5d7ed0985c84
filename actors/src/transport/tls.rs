//! The TLS configuration that every connection of the process shares.

use std::{io, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{
    CertificateDer, ServerName, UnixTime,
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
    /// The TLS library refuses.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] RustlsError),
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
        let provider = Arc::new(ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
        let own = self.own_authorities()?;
        let mut config = if self.insecure {
            tracing::warn!("TLS certificates are not checked (insecure = true); passwords can be read on the way");
            builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAnyone(provider))).with_no_client_auth()
        } else {
            match Verifier::new_with_extra_roots(own, provider) {
                Ok(verifier) => {
                    builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
                }
                Err(error) => {
                    tracing::warn!(%error, "no TLS server is trusted: install CA certificates or set tls.ca_file");
                    builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()
                }
            }
        };
        // A server that may choose HTTP/2 does, and there a WebSocket cannot be opened by upgrade.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The certificates of the file, each one judged here, so that an error can name it.
    fn own_authorities(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let Some(path) = &self.ca_file else {
            return Ok(Vec::new());
        };
        let text = std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.clone(), source })?;
        let mut certificates = Vec::new();
        for (index, certificate) in CertificateDer::pem_slice_iter(&text).enumerate() {
            let damaged = |detail| TlsError::BadCertificate { path: path.clone(), number: index + 1, detail };
            let certificate: CertificateDer<'static> =
                certificate.map_err(|error: pem::Error| damaged(error.to_string()))?;
            RootCertStore::empty().add(certificate.clone()).map_err(|error| damaged(error.to_string()))?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate { path: path.clone() });
        }
        Ok(certificates)
    }
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
