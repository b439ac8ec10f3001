//! Where a database lies: a directory of this machine, or a prefix of a bucket.
//!
//! Credentials and endpoints of a bucket come from the environment variables that the provider's own tools read
//! (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` and so on), or from
//! the identity of the machine. They are in no URL, and so in no process list, error or log.

use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::memory::InMemory;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig};
use url::Url;

use crate::object::{CountedConnector, CountedStore, Requests, SettledStore};
use crate::{Error, Result};

/// How long one HTTP request may take, with its body. The environment may say otherwise: `AWS_TIMEOUT`, `GOOGLE_TIMEOUT`,
/// `AZURE_TIMEOUT`.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may take to be made: `AWS_CONNECT_TIMEOUT` and so on.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a request is tried again that was refused (status 429, 500 and more) or lost its connection.
pub const RETRIES_MAX: usize = 10;
/// After this time a request is not tried again.
pub const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause before the first retry; it doubles up to [`BACKOFF_MAX`], with jitter.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest pause before a retry.
pub const BACKOFF_MAX: Duration = Duration::from_secs(5);

const ALLOWED: &str = "allowed are a path, file:///PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX and memory://";

/// The place of a database.
#[derive(Clone)]
pub struct Location {
    place: Place,
}

#[derive(Clone)]
enum Place {
    Directory(PathBuf),
    Bucket(Url),
    /// Objects of this process alone; clones of the location share them.
    Memory(Arc<InMemory>),
}

impl Location {
    /// Reads a path or a URL. Nothing is opened yet.
    ///
    /// # Errors
    /// `Invalid` for a URL of another kind, or one with credentials, a query or a fragment.
    ///
    /// # Example
    /// ```
    /// use driftline_storage::Location;
    /// assert!(!Location::parse("./telemetry")?.is_bucket());
    /// assert!(Location::parse("s3://bucket/telemetry")?.is_bucket());
    /// assert!(Location::parse("s3:/telemetry")?.directory().is_some());
    /// assert!(Location::parse("ftp://host/telemetry").is_err());
    /// # Ok::<(), driftline_storage::Error>(())
    /// ```
    pub fn parse(place: impl AsRef<FilePath>) -> Result<Self> {
        let path = place.as_ref();
        let text = path.to_str().filter(|text| is_url(text));
        let Some(text) = text else { return Ok(Self { place: Place::Directory(path.to_owned()) }) };
        // what is refused may have a secret in it, so no error shows more than the scheme
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
        let url = Url::parse(text).map_err(|error| {
            Error::invalid(format!("the {scheme}:// URL of the database is none: {error}"))
        })?;
        if url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(Error::invalid(format!(
                "the {scheme}:// URL of a database has neither password nor query nor fragment: credentials \
                 are taken from the environment"
            )));
        }
        let place = match scheme.as_str() {
            "file" => Place::Directory(url.to_file_path().map_err(|()| {
                Error::invalid(
                    "a file:// URL has three slashes and an absolute path: file:///var/lib/driftline",
                )
            })?),
            "memory" => Place::Memory(Arc::default()),
            "s3" | "gs" | "az" if url.host_str().is_none_or(str::is_empty) => {
                return Err(Error::invalid(format!("{scheme}:// names no bucket: {ALLOWED}")));
            }
            // in az://CONTAINER@ACCOUNT/PREFIX it is the container
            "s3" | "gs" if !url.username().is_empty() => {
                return Err(Error::invalid(format!(
                    "the {scheme}:// URL of a database has no user: credentials are taken from the environment"
                )));
            }
            "s3" | "gs" | "az" => Place::Bucket(url),
            _ => return Err(Error::invalid(format!("{scheme}:// is no place for a database: {ALLOWED}"))),
        };
        Ok(Self { place })
    }

    /// The directory, where it is one.
    pub fn directory(&self) -> Option<&FilePath> {
        match &self.place {
            Place::Directory(path) => Some(path),
            Place::Bucket(_) | Place::Memory(_) => None,
        }
    }

    /// Whether it is an object store and no directory.
    pub fn is_bucket(&self) -> bool {
        self.directory().is_none()
    }

    /// Connects to the object store. Requests go out when something is asked for.
    pub(crate) fn connect(&self, requests: &Arc<Requests>) -> Result<Arc<dyn ObjectStore>> {
        let store = match &self.place {
            Place::Directory(_) => return Err(Error::internal("a directory is opened and not connected to")),
            Place::Memory(store) => Arc::clone(store) as Arc<dyn ObjectStore>,
            Place::Bucket(url) => {
                let failed = |error| Error::object(format_args!("connect to {self}"), error);
                let (scheme, prefix) = ObjectStoreScheme::parse(url).map_err(|error| failed(error.into()))?;
                let store = network(&scheme, url, requests).map_err(failed)?;
                match prefix.as_ref().is_empty() {
                    true => store,
                    false => Arc::new(PrefixStore::new(store, prefix)),
                }
            }
        };
        Ok(Self::prepared(store, requests))
    }

    /// Counts the requests to a store, and settles creates that lost their answer.
    pub(crate) fn prepared(store: Arc<dyn ObjectStore>, requests: &Arc<Requests>) -> Arc<dyn ObjectStore> {
        let counted = CountedStore::new(store, Arc::clone(requests));
        Arc::new(SettledStore::new(Arc::new(counted)))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Directory(path) => path.display().fmt(f),
            Place::Bucket(url) => url.fmt(f),
            Place::Memory(_) => f.write_str("memory://"),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

/// Whether a text begins as a URL does, and so is no path.
fn is_url(text: &str) -> bool {
    let of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    text.split_once("://").is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(of_scheme))
}

/// Sets up one of the builders, which have the same methods and no common trait.
macro_rules! client {
    ($builder:ty, $key:path, $variables:literal, $url:expr, $requests:expr) => {{
        let mut builder = <$builder>::from_env().with_url($url.as_str()).with_retry(retries());
        let requests = Arc::clone($requests);
        builder = builder.with_http_connector(CountedConnector { requests });
        for (key, variable, value) in [
            (ClientConfigKey::Timeout, concat!($variables, "_TIMEOUT"), REQUEST_TIMEOUT),
            (ClientConfigKey::ConnectTimeout, concat!($variables, "_CONNECT_TIMEOUT"), CONNECT_TIMEOUT),
        ] {
            if std::env::var_os(variable).is_none() {
                builder = builder.with_config($key(key), humantime::format_duration(value).to_string());
            }
        }
        let store: Arc<dyn ObjectStore> = Arc::new(builder.build()?);
        Ok(store)
    }};
}

fn network(
    scheme: &ObjectStoreScheme,
    url: &Url,
    requests: &Arc<Requests>,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    match scheme {
        ObjectStoreScheme::AmazonS3 => {
            client!(AmazonS3Builder, AmazonS3ConfigKey::Client, "AWS", url, requests)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            client!(GoogleCloudStorageBuilder, GoogleConfigKey::Client, "GOOGLE", url, requests)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            client!(MicrosoftAzureBuilder, AzureConfigKey::Client, "AZURE", url, requests)
        }
        _ => Err(object_store::Error::NotSupported { source: "no bucket".into() }),
    }
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: BACKOFF_FIRST, max_backoff: BACKOFF_MAX, base: 2.0 },
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
    }
}

#[cfg(test)]
mod tests;
