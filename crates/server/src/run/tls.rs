//! TLS by rustls: the certificate of the server and, where it is asked for, those of clients.

use std::path::Path;

use driftline::{Error, ErrorKind, Result};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};

use crate::config::Settings;

/// A transport with TLS where the settings name a certificate.
pub(super) fn transport(settings: &Settings) -> Result<Server> {
    let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Ok(Server::builder());
    };
    let config = ServerTlsConfig::new().identity(Identity::from_pem(read(cert)?, read(key)?));
    let secure = Server::builder().tls_config(config.clone()).map_err(|error| {
        invalid(format!("{} and {} make no TLS identity", cert.display(), key.display()), error)
    })?;
    let Some(authority) = &settings.tls_client_ca else { return Ok(secure) };
    // the identity is good: what fails now is the authority
    let config = config.client_ca_root(Certificate::from_pem(read(authority)?));
    Server::builder().tls_config(config).map_err(|error| {
        invalid(format!("{} holds no certificate of an authority", authority.display()), error)
    })
}

fn invalid(message: String, error: tonic::transport::Error) -> Error {
    let source = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
    Error::new(ErrorKind::Invalid, format!("{message}{source}")).with_source(error)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    })
}

#[cfg(test)]
mod tests;
