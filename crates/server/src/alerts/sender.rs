//! Requests to a receiver: one at a time, repeated with growing pauses while it does not answer.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use driftline::{Error, ErrorKind, Result};
use rand::RngExt;
use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use tokio::time::Instant;

use super::receiver::ReceiverSettings;

/// The pause after the first failure, and the longest one.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Characters of a receiver's answer that the log shows.
const SHOWN_MAX: usize = 300;

/// What became of the notifications of all receivers: receiver and outcome, and how many.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<BTreeMap<(String, Outcome), u64>>);

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Delivered,
    /// It did not arrive, and is tried again.
    Failed,
    /// The receiver says that it is wrong: it is not tried again.
    Refused,
}

impl Outcome {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl Deliveries {
    fn count(&self, receiver: &str, outcome: Outcome) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((receiver.to_owned(), outcome)).or_default() += 1;
    }

    /// All counts, sorted.
    pub(crate) fn counts(&self) -> Vec<(String, Outcome, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((receiver, outcome), count)| (receiver.clone(), *outcome, *count)).collect()
    }
}

/// The way to one receiver.
pub(super) struct Sender {
    name: String,
    client: Client,
    url: Url,
    /// When it may be tried again, and the pause after the next failure.
    again_at: Option<Instant>,
    pause: Duration,
}

impl Sender {
    pub(super) fn new(receiver: &ReceiverSettings) -> Result<Self> {
        let client = Client::builder()
            .timeout(receiver.timeout)
            .default_headers(receiver.header_map()?)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("driftline/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::new(ErrorKind::Internal, chain(&error)))?;
        let url = receiver.address()?;
        Ok(Self { name: receiver.name.clone(), client, url, again_at: None, pause: PAUSE_FIRST })
    }

    /// Whether it may be tried now.
    pub(super) fn is_ready(&self) -> bool {
        self.again_at.is_none_or(|again_at| Instant::now() >= again_at)
    }

    /// Sends a body once. What failed is to be sent again when it [is ready](Self::is_ready).
    pub(super) async fn send<T: Serialize + ?Sized>(&mut self, body: &T, deliveries: &Deliveries) -> Outcome {
        let answer = self.client.post(self.url.clone()).json(body).send().await;
        let (outcome, why) = match answer {
            Ok(answer) if answer.status().is_success() => (Outcome::Delivered, String::new()),
            Ok(answer) => {
                let status = answer.status();
                let text: String = answer.text().await.unwrap_or_default().chars().take(SHOWN_MAX).collect();
                (
                    if is_final(status) { Outcome::Refused } else { Outcome::Failed },
                    format!("{status} {text}"),
                )
            }
            Err(error) => (Outcome::Failed, chain(&error)),
        };
        let receiver = self.name.as_str();
        match outcome {
            Outcome::Delivered if self.again_at.is_some() => {
                tracing::info!(receiver, "the receiver answers again")
            }
            Outcome::Delivered => {}
            Outcome::Failed if self.again_at.is_none() => {
                tracing::warn!(receiver, why, "a receiver cannot be told: tried again")
            }
            Outcome::Failed => tracing::debug!(receiver, why, "a receiver cannot be told: tried again"),
            Outcome::Refused => tracing::error!(receiver, why, "a receiver refuses what it is told"),
        }
        deliveries.count(&self.name, outcome);
        self.wait(outcome);
        outcome
    }

    fn wait(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Failed => {
                // receivers that come back are not told by all at the same moment
                let pause = self.pause.mul_f64(rand::rng().random_range(0.75..1.25));
                self.again_at = Some(Instant::now() + pause);
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
            Outcome::Delivered | Outcome::Refused => (self.again_at, self.pause) = (None, PAUSE_FIRST),
        }
    }
}

/// Whether the same request would get the same answer.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error()
        && ![
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
        ]
        .contains(&status)
}

/// An error with what it comes from; without the address, which may hold a secret.
fn chain(error: &reqwest::Error) -> String {
    let mut parts = vec![];
    let mut next = error.source();
    while let Some(error) = next {
        parts.push(error.to_string());
        next = error.source();
    }
    match parts.is_empty() {
        true if error.is_timeout() => "it took too long".to_owned(),
        true => "the request failed".to_owned(),
        false => parts.join(": "),
    }
}
