//! What functions answer about groups with more values than exact modes keep.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch};
use datafusion::prelude::SessionContext;

use super::{create, limited, printed, query, session};

const ROWS: usize = 4000;

/// Two groups of 3,000 and 1,000 rows; the second half of each is current and a little larger.
fn telemetry(partitions: usize, exact_max_rows: usize) -> SessionContext {
    let session = limited(session(partitions), exact_max_rows);
    let value = |row: usize| ((row * 7919 % 1009) as f64 / 1009.0).powi(2) * 3.0 - 0.4;
    let is_current = |row: usize| row % 8 >= 4;
    let columns: [(&str, ArrayRef); 3] = [
        ("g", Arc::new(Int64Array::from_iter_values((0..ROWS).map(|row| i64::from(row % 4 == 3))))),
        ("cur", Arc::new(BooleanArray::from_iter((0..ROWS).map(|row| Some(is_current(row)))))),
        (
            "v",
            Arc::new(Float64Array::from_iter_values(
                (0..ROWS).map(|row| value(row) * if is_current(row) { 1.2 } else { 1.0 }),
            )),
        ),
    ];
    create(&session, &columns, partitions, 100);
    session
}

async fn answer(session: &SessionContext, sql: &str) -> RecordBatch {
    query(session, sql).await.unwrap()
}

async fn lines(session: &SessionContext, sql: &str) -> Vec<String> {
    printed(&answer(session, sql).await, " | ")
}

// breaks when: the setting is not read, or the fallback compares other counts than stored distributions do
#[tokio::test]
async fn bins_at_quantiles_move_to_ends_of_buckets() {
    let (exact, past) = (telemetry(2, ROWS), telemetry(2, ROWS - 1));
    let between = |name: &str| {
        format!(
            "SELECT {name}(distribution(v, 'buckets=4096') FILTER (WHERE cur), \
             distribution(v, 'buckets=4096') FILTER (WHERE NOT cur)) FROM t"
        )
    };
    for (aggregate, scalar) in [
        ("psi", "psi_between"),
        ("kl_divergence", "kl_between"),
        ("js_divergence", "js_divergence_between"),
        ("js_distance", "js_distance_between"),
        ("hellinger", "hellinger_between"),
        ("tv_distance", "tv_between"),
    ] {
        let sql = format!("SELECT {aggregate}(v, cur) FROM t");
        assert_eq!(lines(&past, &sql).await, lines(&past, &between(scalar)).await, "{aggregate}");
        assert_ne!(lines(&past, &sql).await, lines(&exact, &sql).await, "{aggregate}");
    }
    let method = "SELECT psi_detail(v, cur)['method'], psi_detail(v, cur)['n_ref'], psi_detail(v, cur)['psi'] = psi(v, cur) FROM t";
    assert_eq!(lines(&exact, method).await, ["exact | 2000 | true"]);
    assert_eq!(lines(&past, method).await, ["buckets | 2000 | true"]);
}

// breaks when: the statistic of all values does not lie within the bounds, or a p-value is made up
#[tokio::test]
async fn ks_test_answers_with_bounds() {
    let (exact, past) = (telemetry(3, ROWS), telemetry(3, 10));
    let statistic =
        lines(&exact, "SELECT ks_test(v, cur)['statistic'] FROM t").await[0].parse::<f64>().unwrap();
    let sql = "SELECT k['statistic'], k['p_value'], k['location'], k['sign'], k['method'], k['n_ref'], k['n_cur'], \
               k['lo'] <= {s} AND {s} <= k['hi'], k['hi'] - k['lo'] < 0.02 FROM (SELECT ks_test(v, cur) AS k FROM t)"
        .replace("{s}", &statistic.to_string());
    assert_eq!(lines(&past, &sql).await, ["NULL | NULL | NULL | NULL | bounds | 2000 | 2000 | true | true"]);
    let sql =
        "SELECT k['lo'] = k['statistic'], k['hi'] = k['statistic'] FROM (SELECT ks_test(v, cur) AS k FROM t)";
    assert_eq!(lines(&exact, sql).await, ["true | true"]);
}

// breaks when: one large group takes the exactness of the small ones away, or the decision is made over all groups together
#[tokio::test]
async fn only_groups_past_the_limit_fall_back() {
    for limit in [1000, 2999] {
        let session = telemetry(2, limit);
        let sql =
            "SELECT g, psi_detail(v, cur)['method'], ks_test(v, cur)['method'] FROM t GROUP BY g ORDER BY g";
        assert_eq!(lines(&session, sql).await, ["0 | buckets | bounds", "1 | exact | exact"], "{limit}");
    }
}

// breaks when: a number is made up where values are missing, or the message does not say what to do
#[tokio::test]
async fn what_needs_every_value_fails_with_advice() {
    let session = telemetry(2, 999);
    for (call, advice) in [
        ("ks_statistic(v, cur)", "use ks_test, which answers with bounds then"),
        ("wasserstein(v, cur)", "wasserstein_between over distribution(value)"),
        ("drift_auto(v, cur)", "raise it"),
        ("psi(v, cur, 'binning=uniform')", "use bins at quantiles"),
        ("psi(v, cur, 'binning=sturges')", "use bins at quantiles"),
        ("psi(v, cur, 'profile=evidently')", "leave out the profile"),
    ] {
        let error = query(&session, &format!("SELECT {call} FROM t")).await.unwrap_err().to_string();
        assert!(error.contains("more than 999 values, the limit of drift.exact_max_rows"), "{call}: {error}");
        assert!(error.contains(advice), "{call}: {error}");
    }
    // bins that are known beforehand keep no values
    assert_eq!(lines(&session, "SELECT psi(v, cur, 'edges=[0, 1]') > 0 FROM t").await, ["true"]);
    let sliding = "SELECT psi(v, cur) OVER (ORDER BY v ROWS BETWEEN 1500 PRECEDING AND CURRENT ROW) FROM t";
    let error = query(&session, sliding).await.unwrap_err().to_string();
    assert!(error.contains("a window that moves on holds more than 999 values"), "{error}");
}
