//! Every aggregate in `OVER`: a frame must give what a plain aggregate over the frame's rows gives, bit for bit.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::SessionContext;

use super::{create, query, session};

const ROWS: usize = 60;

fn table() -> Vec<(&'static str, ArrayRef)> {
    let number = |i: usize| ((i * 7919) % 23) as f64 / 4.0;
    vec![
        ("i", Arc::new(Int64Array::from_iter_values(0..ROWS as i64))),
        (
            "v",
            Arc::new(Float64Array::from_iter(
                (0..ROWS).map(|i| (i % 11 != 3).then(|| if i % 13 == 5 { f64::NAN } else { number(i) })),
            )),
        ),
        (
            "s",
            Arc::new(StringArray::from_iter(
                (0..ROWS).map(|i| (i % 9 != 4).then(|| ["a", "b", "c", "a", "b"][(i / 8 + i % 2) % 5])),
            )),
        ),
        ("b", Arc::new(BooleanArray::from_iter((0..ROWS).map(|i| (i % 7 != 2).then_some(i % 3 == 0))))),
        ("cur", Arc::new(BooleanArray::from_iter((0..ROWS).map(|i| (i % 17 != 9).then_some(i % 5 < 2))))),
    ]
}

async fn texts(session: &SessionContext, sql: &str) -> Vec<String> {
    let batch = query(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let options = FormatOptions::default().with_null("NULL");
    let column = ArrayFormatter::try_new(batch.column(0), &options).unwrap();
    (0..batch.num_rows()).map(|row| column.value(row).to_string()).collect()
}

/// Functions whose frames lose rows again.
const RETRACTING: [&str; 51] = [
    "psi(v, cur)",
    "psi(v, cur, 'edges=[1, 2, 4]')",
    "psi(v, cur, 'binning=uniform, bins=4')",
    "psi(s, cur)",
    "kl_divergence(s, cur)",
    "kl_divergence(b, cur)",
    "js_distance(b, cur)",
    "js_divergence(v, cur, 'bins=3')",
    "psi_detail(v, cur)",
    "psi_detail(v, cur, 'edges=[1, 2, 4]')",
    "psi_detail(s, cur)",
    "psi_ci(v, cur, s, 'resamples=100')",
    "psi_ci(s, cur, i / 4, 'resamples=100')",
    "chi2_test(s, cur)",
    "z_test_prop(b, cur)",
    "null_rate_drift(s, cur)",
    "psi(v, cur, 'binning=sturges')",
    "psi(i, cur, 'profile=evidently')",
    "js_distance(v, cur, 'profile=nannyml')",
    "chi2_test(s, cur, 'profile=evidently')",
    "drift_auto(v, cur)",
    "drift_auto(s, cur)",
    "ks_test(v, cur)",
    "accuracy(b, cur)",
    "precision(b, cur)",
    "f1(s, CASE WHEN b THEN s ELSE 'a' END, 'average=macro')",
    "confusion_matrix(s, CASE WHEN b THEN s ELSE 'a' END)",
    "roc_auc(cur, v)",
    "log_loss(cur, v / 6)",
    "brier(cur, v / 6)",
    "ece(cur, v / 6, 'bins=3')",
    "calibration(cur, v / 6, 'bins=3')",
    "calibration(cur, v / 6, 'bins=3, binning=quantile')",
    "ks_statistic(v, cur)",
    "wasserstein_norm(v, cur)",
    "energy_distance(v, cur)",
    "ad_test(v, cur)",
    "welch_t_test(v, cur)",
    "centroid_drift([v, CAST(i AS DOUBLE)], cur)",
    "mmd_rff([v, CAST(i AS DOUBLE)], cur, 'features=5')",
    "frechet_distance([v, CAST(i AS DOUBLE) / 3], cur)",
    "distribution(v)",
    "distribution(v, 'buckets=8')",
    "slo_burn_rate(b, 0.9)",
    "slo_burn_rate(CAST(b AS BIGINT), 1, 0.9)",
    "error_budget_remaining(b, CASE WHEN i >= 0 THEN 0.99 END)",
    "sli(b)",
    "sli(CAST(b AS BIGINT), 1)",
    "time_to_exhaustion(b, 0.9, INTERVAL '1 day')",
    "time_to_exhaustion(CAST(b AS BIGINT), 1, CASE WHEN i >= 0 THEN 0.99 END, INTERVAL '1 day')",
    "slo_timeslices(b, to_timestamp(i), INTERVAL '3 seconds', 0.5)",
];

// breaks when: retraction, or evaluating without consuming the state, changes a result
#[tokio::test]
async fn frames_equal_plain_aggregates() {
    let session = session(1);
    create(&session, &table(), 1, 16);
    // before, after: None is unbounded
    for (before, after) in
        [(Some(5), Some(0)), (Some(7), Some(4)), (None, Some(0)), (None, None), (Some(3), None)]
    {
        let bound = |rows: Option<i64>, way: &str| match rows {
            Some(rows) => format!("{rows} {way}"),
            None => format!("UNBOUNDED {way}"),
        };
        let frame = format!("ROWS BETWEEN {} AND {}", bound(before, "PRECEDING"), bound(after, "FOLLOWING"));
        for call in RETRACTING {
            let windowed =
                texts(&session, &format!("SELECT {call} OVER (ORDER BY i {frame}) FROM t ORDER BY i")).await;
            for row in (0..ROWS as i64).step_by(7) {
                let from = before.map_or(0, |rows| row - rows);
                let to = after.map_or(ROWS as i64, |rows| row + rows);
                let plain =
                    texts(&session, &format!("SELECT {call} FROM t WHERE i BETWEEN {from} AND {to}")).await;
                assert_eq!(windowed[row as usize], plain[0], "{call} {frame} at {row}");
            }
        }
    }
}
