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
    let mut config = ServerTlsConfig::new().identity(Identity::from_pem(read(cert)?, read(key)?));
    if let Some(authority) = &settings.tls_client_ca {
        config = config.client_ca_root(Certificate::from_pem(read(authority)?));
    }
    Server::builder().tls_config(config).map_err(|error| {
        let source =
            std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        let message = format!("{} and {} make no TLS identity{source}", cert.display(), key.display());
        Error::new(ErrorKind::Invalid, message).with_source(error)
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Error::new(ErrorKind::Unavailable, message).with_source(error)
    })
}
