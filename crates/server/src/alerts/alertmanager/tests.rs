//! When an Alertmanager is told of what, over a simulated clock.

use std::collections::BTreeMap;
use std::time::Duration;

use driftline::{AlertHealth, AlertSeries, AlertStatus, Labels, SeriesState};

use super::{Told, legal};

const SECOND_NS: i64 = 1_000_000_000;
const RESEND: Duration = Duration::from_secs(60);

fn series(state: SeriesState, fired: i64, resolved: Option<i64>) -> AlertSeries {
    AlertSeries {
        labels: Labels::from_iter([("alertname", "a")]),
        annotations: BTreeMap::new(),
        state,
        value: Some(1.0),
        active_at_ns: fired * SECOND_NS,
        fired_at_ns: Some(fired * SECOND_NS),
        resolved_at_ns: resolved.map(|at| at * SECOND_NS),
        keep_firing_since_ns: None,
    }
}

fn status(health: AlertHealth, series: Vec<AlertSeries>) -> Vec<AlertStatus> {
    vec![AlertStatus {
        name: "a".to_owned(),
        query: Some("SELECT 1 AS value".to_owned()),
        every: Duration::from_secs(60),
        hold: Duration::ZERO,
        keep_firing: Duration::ZERO,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        health,
        evaluated_at_ns: Some(0),
        took: None,
        missed: 0,
        series,
        recovered_at_ns: None,
    }]
}

/// Asks what is due, and says that it was sent if it was.
fn told(told: &mut Told, statuses: &[AlertStatus], second: i64, arrives: bool) -> Vec<SeriesState> {
    let due = told.due(statuses, second * SECOND_NS, RESEND);
    if arrives {
        told.sent(&due, second * SECOND_NS);
    }
    due.into_iter().map(|(series, _)| series.state).collect()
}

#[test]
fn what_fires_is_told_again_and_what_is_resolved_at_once() {
    let mut memory = Told::default();
    let firing = status(AlertHealth::Ok, vec![series(SeriesState::Firing, 100, None)]);
    assert_eq!(told(&mut memory, &firing, 100, true), [SeriesState::Firing]);
    assert!(told(&mut memory, &firing, 159, true).is_empty());
    assert_eq!(told(&mut memory, &firing, 160, true), [SeriesState::Firing]);
    let resolved = status(AlertHealth::Ok, vec![series(SeriesState::Inactive, 100, Some(170))]);
    assert_eq!(told(&mut memory, &resolved, 170, true), [SeriesState::Inactive]);
    assert!(told(&mut memory, &resolved, 171, true).is_empty());
    // one that was away hears of it later
    assert_eq!(told(&mut memory, &resolved, 230, true), [SeriesState::Inactive]);
}

#[test]
fn what_did_not_arrive_is_due() {
    let mut memory = Told::default();
    let firing = status(AlertHealth::Ok, vec![series(SeriesState::Firing, 100, None)]);
    assert_eq!(told(&mut memory, &firing, 100, false), [SeriesState::Firing]);
    assert_eq!(told(&mut memory, &firing, 101, true), [SeriesState::Firing]);
    // it fired anew while nobody asked
    let again = status(AlertHealth::Ok, vec![series(SeriesState::Firing, 110, None)]);
    assert_eq!(told(&mut memory, &again, 111, true), [SeriesState::Firing]);
}

#[test]
fn pending_is_nobodys_business_and_a_failing_query_is() {
    let mut memory = Told::default();
    let pending = status(AlertHealth::Ok, vec![series(SeriesState::Pending, 100, None)]);
    assert!(told(&mut memory, &pending, 100, true).is_empty());
    let failing = status(AlertHealth::Error("no table".to_owned(), 100 * SECOND_NS), vec![]);
    let due = memory.due(&failing, 101 * SECOND_NS, RESEND);
    assert_eq!(due[0].0.labels.to_string(), "alert=a, alertname=AlertEvaluationFailed");
    assert_eq!(due[0].0.annotations["summary"], "alert a cannot be evaluated: no table");
}

#[test]
fn names_are_those_that_alertmanager_takes() {
    let pairs = [
        ("gen_ai.request.model", "1"),
        ("gen_ai_request_model", "2"),
        ("2nd", "3"),
        ("", "4"),
        ("größe", "5"),
    ];
    let legal = legal(pairs.into_iter());
    let shown: Vec<(&str, &str)> =
        legal.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        shown,
        [
            ("_", "4"),
            ("_2nd", "3"),
            ("gen_ai_request_model", "1"),
            ("gen_ai_request_model_", "2"),
            ("gr__e", "5")
        ]
    );
}
