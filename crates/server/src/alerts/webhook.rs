//! Webhooks, told in the form that Alertmanager tells its own, version 4: whatever takes the one takes the other. Each change is told once, in
//! order; where the process ends between a receiver's answer and the note of it, once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use driftline::{AlertEvent, Labels, SeriesState, Undelivered};
use serde::Serialize;
use twox_hash::XxHash64;

use super::alertmanager::{instant, legal};
use super::receiver::ReceiverSettings;
use super::sender::{Outcome, Sender};
use super::ticks;
use crate::service::Service;

/// Changes that are read of the log at once.
const READ_MAX: usize = 4_000;
/// The time of what is not over.
const NEVER: &str = "0001-01-01T00:00:00Z";

pub(super) async fn run(receiver: ReceiverSettings, service: Arc<Service>) {
    let mut sender = match Sender::new(&receiver) {
        Ok(sender) => sender,
        Err(error) => return tracing::error!(receiver = receiver.name, %error, "a receiver cannot be told"),
    };
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        if !sender.is_ready() {
            continue;
        }
        let changes = match service.database.undelivered_alerts(&receiver.name, READ_MAX).await {
            Ok(changes) => changes,
            Err(error) => {
                tracing::error!(receiver = receiver.name, %error, "alerts cannot be read");
                continue;
            }
        };
        for group in groups(&changes) {
            let message = Message::new(&receiver.name, group, &service);
            if sender.send(&message, &service.deliveries).await == Outcome::Failed {
                break;
            }
            let last = group.last().map_or(0, |change| change.sequence);
            if let Err(error) = service.database.delivered_alerts(&receiver.name, last).await {
                tracing::warn!(receiver = receiver.name, %error, "a delivery cannot be noted: it is told again after a restart");
            }
        }
    }
}

/// Changes of one alert and one evaluation belong together.
fn groups(changes: &[Undelivered]) -> impl Iterator<Item = &[Undelivered]> {
    let key = |change: &Undelivered| (change.event.alert.clone(), change.event.at_ns);
    changes.chunk_by(move |one, next| key(one) == key(next))
}

/// What is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    version: &'static str,
    group_key: String,
    truncated_alerts: u32,
    status: &'static str,
    receiver: &'a str,
    group_labels: BTreeMap<&'static str, &'a str>,
    common_labels: BTreeMap<String, String>,
    common_annotations: BTreeMap<String, String>,
    #[serde(rename = "externalURL")]
    external_url: String,
    alerts: Vec<Alert>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: &'static str,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

impl<'a> Message<'a> {
    fn new(receiver: &'a str, changes: &'a [Undelivered], service: &Service) -> Self {
        let alerts: Vec<Alert> = changes.iter().map(|change| Alert::new(&change.event, service)).collect();
        let name = changes
            .first()
            .map_or("", |change| change.event.series.labels.get("alertname").unwrap_or_default());
        let fires = alerts.iter().any(|alert| alert.status == "firing");
        Self {
            version: "4",
            group_key: format!("{{}}:{{alertname=\"{name}\"}}"),
            truncated_alerts: 0,
            status: if fires { "firing" } else { "resolved" },
            receiver,
            group_labels: BTreeMap::from([("alertname", name)]),
            common_labels: common(alerts.iter().map(|alert| &alert.labels)),
            common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
            external_url: service.settings.external_url(),
            alerts,
        }
    }
}

impl Alert {
    fn new(event: &AlertEvent, service: &Service) -> Self {
        let series = &event.series;
        Self {
            status: if series.state == SeriesState::Firing { "firing" } else { "resolved" },
            labels: legal(series.labels.iter()),
            annotations: legal(series.annotations.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
            starts_at: instant(series.fired_at_ns.unwrap_or(series.active_at_ns)),
            ends_at: series.resolved_at_ns.map_or_else(|| NEVER.to_owned(), instant),
            generator_url: service.settings.alerts_url(),
            fingerprint: fingerprint(&series.labels),
        }
    }
}

/// What all have, with the same value.
fn common<'a>(mut all: impl Iterator<Item = &'a BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut common = all.next().cloned().unwrap_or_default();
    for other in all {
        common.retain(|name, value| other.get(name) == Some(value));
    }
    common
}

/// What tells a series from others, the same over all its messages.
fn fingerprint(labels: &Labels) -> String {
    format!("{:016x}", XxHash64::oneshot(0, labels.to_string().as_bytes()))
}
