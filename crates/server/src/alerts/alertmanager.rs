//! Alertmanager, told as Prometheus tells it: what fires again and again, with a time after which it is over by itself, and what is resolved for
//! 15 minutes. Receivers in a cluster are told each: one entry an Alertmanager.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use driftline::storage::{Clock, SystemClock};
use driftline::{AlertSeries, AlertStatus, Labels, SeriesState};
use serde::Serialize;

use super::receiver::ReceiverSettings;
use super::sender::{Outcome, Sender};
use super::ticks;
use crate::service::Service;

/// Alerts of one request.
const BATCH_MAX: usize = 256;

/// One alert as Alertmanager takes it.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) starts_at: String,
    pub(super) ends_at: String,
    #[serde(rename = "generatorURL")]
    pub(super) generator_url: String,
}

pub(super) async fn run(receiver: ReceiverSettings, service: Arc<Service>) {
    let mut sender = match Sender::new(&receiver) {
        Ok(sender) => sender,
        Err(error) => return tracing::error!(receiver = receiver.name, %error, "a receiver cannot be told"),
    };
    let clock = SystemClock::new();
    let mut told = Told::default();
    let mut ticks = ticks();
    loop {
        ticks.tick().await;
        if !sender.is_ready() {
            continue;
        }
        let statuses = match service.database.alerts().await {
            Ok(statuses) => statuses,
            Err(error) => {
                tracing::error!(receiver = receiver.name, %error, "alerts cannot be read");
                continue;
            }
        };
        let now_ns = clock.now_ns();
        let due = told.due(&statuses, now_ns, receiver.resend);
        for batch in due.chunks(BATCH_MAX) {
            let alerts: Vec<Alert> = batch
                .iter()
                .map(|(series, every)| {
                    Alert::new(series, valid_until(now_ns, *every, receiver.resend), &service)
                })
                .collect();
            match sender.send(&alerts, &service.deliveries).await {
                Outcome::Delivered | Outcome::Refused => told.sent(batch, now_ns),
                Outcome::Failed => break,
            }
        }
    }
}

/// When an alert is over of which nothing more is heard: after four evaluations that did not come.
fn valid_until(now_ns: i64, every: Duration, resend: Duration) -> i64 {
    now_ns.saturating_add(nanoseconds(every.max(resend)).saturating_mul(4))
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// When each series was told last.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<Labels, i64>);

impl Told {
    /// The series that are to be told, with how often their alert is evaluated.
    pub(super) fn due(
        &mut self,
        statuses: &[AlertStatus],
        now_ns: i64,
        resend: Duration,
    ) -> Vec<(AlertSeries, Duration)> {
        let all = statuses.iter().flat_map(|status| {
            let series = status.series.iter().cloned().chain(status.failure());
            series.map(|series| (series, status.every))
        });
        let all: Vec<(AlertSeries, Duration)> =
            all.filter(|(series, _)| series.state != SeriesState::Pending).collect();
        let mut before = std::mem::take(&mut self.0);
        let mut due = vec![];
        for (series, every) in all {
            let last = before.remove(&series.labels);
            if let Some(last) = last {
                self.0.insert(series.labels.clone(), last);
            }
            let is_due = match last {
                None => true,
                Some(last) => {
                    let changed_ns = series.resolved_at_ns.or(series.fired_at_ns).unwrap_or_default();
                    changed_ns > last || now_ns.saturating_sub(last) >= nanoseconds(resend)
                }
            };
            if is_due {
                due.push((series, every));
            }
        }
        due
    }

    pub(super) fn sent(&mut self, batch: &[(AlertSeries, Duration)], now_ns: i64) {
        self.0.extend(batch.iter().map(|(series, _)| (series.labels.clone(), now_ns)));
    }
}

impl Alert {
    pub(super) fn new(series: &AlertSeries, valid_until_ns: i64, service: &Service) -> Self {
        Self {
            labels: legal(series.labels.iter()),
            annotations: legal(series.annotations.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
            starts_at: instant(series.fired_at_ns.unwrap_or(series.active_at_ns)),
            ends_at: instant(series.resolved_at_ns.unwrap_or(valid_until_ns)),
            generator_url: service.settings.alerts_url(),
        }
    }
}

/// Names as Alertmanager takes them, `[a-zA-Z_][a-zA-Z0-9_]*`: `gen_ai.request.model` is `gen_ai_request_model`. Where two become one, the later
/// ones end in `_`.
pub(super) fn legal<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, String> {
    let mut legal = BTreeMap::new();
    for (name, value) in pairs {
        let mut name: String = name
            .chars()
            .map(|character| if character.is_ascii_alphanumeric() { character } else { '_' })
            .collect();
        if name.starts_with(|character: char| character.is_ascii_digit()) || name.is_empty() {
            name.insert(0, '_');
        }
        while legal.contains_key(&name) {
            name.push('_');
        }
        legal.insert(name, value.to_owned());
    }
    legal
}

/// A time as RFC 3339.
pub(super) fn instant(ns: i64) -> String {
    DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests;
