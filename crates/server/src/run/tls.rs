//! TLS by rustls: the certificate of the server and, where it is asked for, those of clients.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use driftline::{Error, ErrorKind, Result};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::config::Settings;

/// What may be spoken inside: gRPC needs HTTP/2, exporters over HTTP mostly speak HTTP/1.1.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Says which cryptography clients of this process use that name none themselves, as those that tell receivers of alerts. Another part of the process
/// may have said so before.
pub(super) fn provide_cryptography() {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
}

/// The acceptor for connections, where the settings name a certificate.
pub(super) fn acceptor(settings: &Settings) -> Result<Option<TlsAcceptor>> {
    let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) else { return Ok(None) };
    let config = match &settings.tls_client_ca {
        Some(authority) => ServerConfig::builder().with_client_cert_verifier(verifier(authority)?),
        None => ServerConfig::builder().with_no_client_auth(),
    };
    let no_identity = |error: &dyn Display| {
        invalid(format!("{} and {} make no TLS identity: {error}", cert.display(), key.display()))
    };
    let (chain, private) = (certificates(&read(cert)?), PrivateKeyDer::from_pem_slice(&read(key)?));
    let chain = chain.map_err(|error| no_identity(&error))?;
    let private = private.map_err(|error| no_identity(&error))?;
    let mut config = config.with_single_cert(chain, private).map_err(|error| no_identity(&error))?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// Asks clients for a certificate that this authority has signed.
fn verifier(authority: &Path) -> Result<Arc<dyn ClientCertVerifier>> {
    let no_authority = |error: &dyn Display| {
        invalid(format!("{} holds no certificate of an authority: {error}", authority.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&read(authority)?).map_err(|error| no_authority(&error))? {
        roots.add(certificate).map_err(|error| no_authority(&error))?;
    }
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
    verifier.map_err(|error| no_authority(&error))
}

fn certificates(
    pem: &[u8],
) -> std::result::Result<Vec<CertificateDer<'static>>, tokio_rustls::rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    })
}

#[cfg(test)]
mod tests;
