//! Alerts that go out: evaluated every second, told to receivers.
//!
//! Each receiver has a task of its own, so that a slow one keeps neither the evaluation nor the others waiting. An Alertmanager ([`alertmanager`]) is
//! told again and again where things stand, as Prometheus tells it; a webhook ([`webhook`]) is told each change once, in order, from its place in the
//! log of alerts, which outlives the process.

mod alertmanager;
mod receiver;
mod sender;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::service::{Phase, Service};

pub use receiver::{ReceiverKind, ReceiverSettings};

pub(crate) use sender::Deliveries;

/// How often alerts are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Evaluates and tells until the server is asked to end.
pub(crate) async fn run(service: Arc<Service>) {
    let mut tasks = tokio::task::JoinSet::new();
    for receiver in &service.settings.receivers {
        let (receiver, service) = (receiver.clone(), Arc::clone(&service));
        match receiver.kind {
            ReceiverKind::Alertmanager => tasks.spawn(alertmanager::run(receiver, service)),
            ReceiverKind::Webhook => tasks.spawn(webhook::run(receiver, service)),
        };
    }
    evaluate(&service).await;
    // what is under way is told once more after the next start
    tasks.shutdown().await;
}

async fn evaluate(service: &Arc<Service>) {
    let mut ticks = ticks();
    let mut failing = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = service.reached(Phase::Stopping) => return,
        }
        let database = service.database.clone();
        let outcome = match service.queries.spawn(async move { database.evaluate_alerts().await }).await {
            Ok(outcome) => outcome,
            Err(_) => return,
        };
        match outcome {
            Ok(events) => {
                failing = None;
                for event in events {
                    tracing::info!(alert = event.alert, state = event.series.state.word(), labels = %event.series.labels, "alert");
                }
            }
            Err(error) => {
                let message = error.to_string();
                if failing.as_ref() != Some(&message) {
                    tracing::error!(%error, "alerts cannot be evaluated");
                }
                failing = Some(message);
            }
        }
    }
}

/// Ticks of the clock; those that come too late are left out.
fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
