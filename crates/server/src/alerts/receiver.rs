//! Who is told of alerts.

use std::collections::BTreeMap;
use std::time::Duration;

use driftline::{Error, ErrorKind, Result};
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

/// A receiver of alerts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverSettings {
    /// Its name: its place in the log of alerts goes by it.
    pub name: String,
    /// What it understands.
    pub kind: ReceiverKind,
    /// Where it is: of an Alertmanager the address without `/api/v2/alerts`, of a webhook the whole one.
    pub url: String,
    /// Headers of its requests, as `Authorization`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How long it may take to answer.
    #[serde(default = "timeout_default", with = "humantime_serde")]
    pub timeout: Duration,
    /// How often an Alertmanager hears again of what fires.
    #[serde(default = "resend_default", with = "humantime_serde")]
    pub resend: Duration,
}

/// What a receiver understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverKind {
    /// Alertmanager's API, version 2.
    Alertmanager,
    /// What Alertmanager sends to webhooks, version 4.
    Webhook,
}

fn timeout_default() -> Duration {
    Duration::from_secs(10)
}

fn resend_default() -> Duration {
    Duration::from_secs(60)
}

impl ReceiverSettings {
    /// Fails for a receiver that nobody could reach.
    pub(crate) fn validate(&self) -> Result<()> {
        let wrong =
            |what: String| Err(Error::new(ErrorKind::Invalid, format!("receiver \"{}\": {what}", self.name)));
        if self.name.is_empty() {
            return wrong("a receiver has a name".to_owned());
        }
        if self.timeout.is_zero() || self.resend.is_zero() {
            return wrong("timeout and resend must be longer than 0s".to_owned());
        }
        check_url("url", &self.url).or_else(|error| wrong(error.to_string()))?;
        self.address().map(drop).or_else(|error| wrong(error.to_string()))?;
        self.header_map().map(drop).or_else(|error| wrong(error.to_string()))
    }

    /// Where its requests go.
    pub(super) fn address(&self) -> Result<Url> {
        let url = match self.kind {
            ReceiverKind::Alertmanager => format!("{}/api/v2/alerts", self.url.trim_end_matches('/')),
            ReceiverKind::Webhook => self.url.clone(),
        };
        Url::parse(&url).map_err(|error| invalid(format!("url \"{}\": {error}", self.url)))
    }

    pub(super) fn header_map(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let wrong = || {
                invalid(format!("\"{name}\" is no header, or its value has characters that no header has"))
            };
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// Fails for what is no address of the web.
pub(crate) fn check_url(name: &str, text: &str) -> Result<()> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
        Ok(_) => {
            Err(invalid(format!("{name} begins with http:// or https:// and names a host, got \"{text}\"")))
        }
        Err(error) => Err(invalid(format!("{name} \"{text}\": {error}"))),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::Invalid, message)
}
