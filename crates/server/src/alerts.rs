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

pub(crate) use receiver::check_url;

pub(crate) use sender::Deliveries;

/// Calls for evaluations that are under way at the same time: each waits for an alert that takes long.
const CALLS_AT_ONCE: usize = 16;
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

/// Calls for evaluations at every tick. They overlap where an alert takes long, so that the others go on.
async fn evaluate(service: &Arc<Service>) {
    let mut ticks = ticks();
    let mut under_way = tokio::task::JoinSet::new();
    let mut failing = None;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = service.reached(Phase::Stopping) => return,
        }
        while let Some(ended) = under_way.try_join_next() {
            let message = match ended {
                Ok(Ok(())) => None,
                Ok(Err(message)) => Some(message),
                Err(error) => Some(format!("an evaluation ended unexpectedly: {error}")),
            };
            if let Some(message) = message.as_ref().filter(|message| failing.as_ref() != Some(*message)) {
                tracing::error!(message, "alerts cannot be evaluated");
            }
            failing = message;
        }
        if under_way.len() < CALLS_AT_ONCE {
            let database = service.database.clone();
            under_way.spawn_on(async move { tell(database.evaluate_alerts().await) }, &service.queries);
        }
    }
}

/// Writes changes to the process's log.
fn tell(outcome: driftline::Result<Vec<driftline::AlertEvent>>) -> Result<(), String> {
    for event in outcome.map_err(|error| error.to_string())? {
        let (state, labels) = (event.series.state.word(), &event.series.labels);
        tracing::info!(alert = event.alert, state, %labels, "alert");
    }
    Ok(())
}

/// Ticks of the clock; those that come too late are left out.
fn ticks() -> tokio::time::Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}
