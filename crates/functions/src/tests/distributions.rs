//! Distributions through SQL: merging, comparing, reading, and what is refused.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use datafusion::prelude::SessionContext;

use super::{assert_close, create, doubles, failure, printed, query, session};

fn table(session: &SessionContext, rows: &[(i64, Option<f64>, bool)]) {
    let columns: [(&str, ArrayRef); 4] = [
        ("i", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
        ("g", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)))),
        ("v", Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.1)))),
        ("cur", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.2))))),
    ];
    create(session, &columns, 1, 7);
}

/// Outliers, both signs, zeros, NULL, NaN and infinities.
fn strange() -> Vec<(i64, Option<f64>, bool)> {
    let special = [
        Some(1e-300),
        Some(1e300),
        Some(-1e300),
        Some(5e-324),
        Some(-0.0),
        Some(0.0),
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(f64::NEG_INFINITY),
    ];
    let ordinary = |i: i64| Some(((i * 7919) % 1009) as f64 / 37.0 - 9.0);
    (0..400)
        .map(|i| {
            let value = if i % 13 == 5 { special[(i / 13 % 10) as usize] } else { ordinary(i) };
            (i % 17, value, i % 3 == 0)
        })
        .collect()
}

async fn lines(session: &SessionContext, sql: &str) -> Vec<String> {
    printed(&query(session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")), " | ")
}

// breaks when: a distribution of parts differs in a bit from that of the whole
#[tokio::test]
async fn merged_parts_are_the_whole() {
    let session = session(2);
    table(&session, &strange());
    for options in ["", ", 'buckets=8'", ", 'buckets=4096'"] {
        let whole = lines(&session, &format!("SELECT distribution(v{options}) FROM t")).await;
        for parts in ["g", "i", "cur", "g, cur"] {
            let merged = format!(
                "SELECT distribution_merge(d) FROM (SELECT distribution(v{options}) AS d FROM t GROUP BY {parts})"
            );
            assert_eq!(lines(&session, &merged).await, whole, "{options} by {parts}");
        }
        let twice = format!(
            "SELECT distribution_merge(d) FROM (SELECT cur, distribution_merge(d) AS d FROM \
             (SELECT g, cur, distribution(v{options}) AS d FROM t GROUP BY g, cur) GROUP BY cur)"
        );
        assert_eq!(lines(&session, &twice).await, whole);
    }
}

// breaks when: a frame that slides forgets a row, keeps one, or takes a coarser scale than its rows need
#[tokio::test]
async fn sliding_frames_are_merges_of_their_rows() {
    let session = session(1);
    table(&session, &strange());
    let parts = "SELECT g, CASE WHEN g <> 5 THEN distribution(v, 'buckets=16') END AS d FROM t GROUP BY g";
    let frame = "ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING";
    let windowed = lines(
        &session,
        &format!("SELECT distribution_merge(d) OVER (ORDER BY g {frame}) FROM ({parts}) ORDER BY g"),
    )
    .await;
    for g in 0..17i64 {
        let (from, to) = (g - 3, g - 1);
        let plain = format!("SELECT distribution_merge(d) FROM ({parts}) WHERE g BETWEEN {from} AND {to}");
        assert_eq!(windowed[g as usize], lines(&session, &plain).await[0], "frame of {g}");
    }
}

// breaks when: the arguments change sides, or a measure is another one: here every value has a bin of its own
#[tokio::test]
async fn comparisons_equal_those_of_the_values() {
    let session = session(1);
    let mut rows: Vec<(i64, Option<f64>, bool)> = Vec::new();
    for (value, reference, current) in [(1.0, 2, 1), (2.0, 2, 3), (4.0, 2, 1), (8.0, 2, 1), (16.0, 2, 4)] {
        rows.extend(std::iter::repeat_n((0, Some(value), false), reference));
        rows.extend(std::iter::repeat_n((0, Some(value), true), current));
    }
    table(&session, &rows);
    for (between, of_values) in [
        ("psi_between", "psi"),
        ("kl_between", "kl_divergence"),
        ("js_divergence_between", "js_divergence"),
        ("js_distance_between", "js_distance"),
        ("hellinger_between", "hellinger"),
        ("tv_between", "tv_distance"),
    ] {
        let sides = "distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur)";
        let ours = doubles(&session, &format!("SELECT {between}({sides}) FROM t")).await;
        let theirs =
            doubles(&session, &format!("SELECT {of_values}(v, cur, 'edges=[1.5, 3, 6, 12]') FROM t")).await;
        assert_close(ours[0].unwrap(), theirs[0].unwrap(), between);
        assert_eq!(
            doubles(&session, &format!("SELECT {between}(NULL, distribution(v)) FROM t")).await,
            [None]
        );
        let same = format!("SELECT {between}(distribution(v), distribution(v)) FROM t");
        assert_eq!(doubles(&session, &same).await, [Some(0.0)], "{between}");
    }
    // the values are powers of two, where buckets end: shares are exact there
    for (call, expected) in [
        ("distribution_cdf(distribution(v), 4.0)", 11.0 / 20.0),
        ("distribution_quantile(distribution(v), 0)", 1.0),
        ("distribution_quantile(distribution(v), 1)", 16.0),
        ("ks_between(distribution(v) FILTER (WHERE cur), distribution(v) FILTER (WHERE NOT cur))['lo']", 0.2),
        ("ks_test(v, cur)['statistic']", 0.2),
        ("wasserstein_between(distribution(v), distribution(v))['est']", 0.0),
    ] {
        assert_close(doubles(&session, &format!("SELECT {call} FROM t")).await[0].unwrap(), expected, call);
    }
}

// breaks when: a mistake passes, or a message loses the value or what is allowed
#[tokio::test]
async fn mistakes_are_named() {
    let session = session(1);
    table(&session, &[(1, Some(1.0), true)]);
    let otel = "{scale: 0, zero_count: 0, zero_threshold: 0.0, positive_offset: 0, positive_counts: [1], \
                negative_offset: 0, negative_counts: [1]}";
    for (call, message) in [
        ("distribution(now())".to_string(), "instants only move forward"),
        ("distribution('a')".to_string(), "categories have no order; use category_distribution(value)"),
        ("distribution(cur)".to_string(), "categories have no order; use category_distribution(value)"),
        ("distribution([1.0])".to_string(), "pass a number"),
        ("category_distribution(v)".to_string(), "numbers have an order, which distribution(value) keeps"),
        (
            "category_distribution('a', 'bins=5') OVER ()".to_string(),
            "unknown option 'bins' (known: categories)",
        ),
        (
            "distribution(v, 'buckets=5')".to_string(),
            "option 'buckets' must be a whole number from 8 to 4096, got '5'",
        ),
        ("distribution(v, 'bucket=5')".to_string(), "unknown option 'bucket' (did you mean 'buckets'?"),
        ("distribution(v, 'buckets=5') OVER ()".to_string(), "option 'buckets' must be a whole number"),
        ("distribution(v, 5)".to_string(), "the options must be one text literal"),
        (
            "distribution_merge(v)".to_string(),
            "takes what distribution(value) or category_distribution(value) makes, got Float64",
        ),
        (
            "distribution_quantile(distribution(v), 95)".to_string(),
            "q must lie in [0, 1], got 95 (did you mean 0.95?)",
        ),
        ("distribution_quantile(v, 0.5)".to_string(), "takes what distribution(value) makes, got Float64"),
        (
            "psi_between(distribution(v), v)".to_string(),
            "psi_between: reference must be what distribution(value) or category_distribution(value) makes",
        ),
        ("psi_between(distribution(v), distribution(v), 'binning=uniform')".to_string(), "known: bins, eps"),
        (
            "ks_between(distribution(v), distribution(v), 'bins=5')".to_string(),
            "takes (current, reference), got 3 arguments",
        ),
        (format!("distribution_from_otel({otel}, 'cumulative')"), "subtract each point of a series"),
        (format!("distribution_from_otel({otel}, NULL)"), "temporality must be delta, got NULL"),
        ("distribution_from_otel([1.0, 2.0], 'delta')".to_string(), "explicit bounds keeps its bounds"),
    ] {
        let text = failure(&session, &format!("SELECT {call} FROM t")).await;
        assert!(text.contains(message), "{call}: {text}");
    }
}

// breaks when: stored distributions in the place of values are merged into other counts, by partition or by group
#[tokio::test]
async fn drift_over_stored_distributions_equals_that_over_their_merge() {
    let single = session(1);
    table(&single, &strange());
    let partitioned = session(3);
    table(&partitioned, &strange());
    let parts = "(SELECT g, cur, i % 5 AS part, distribution(v) AS d FROM t GROUP BY g, cur, i % 5)";
    let side = |condition: &str| format!("distribution_merge(d) FILTER (WHERE {condition})");
    for (aggregate, scalar) in
        [("psi", "psi_between"), ("js_distance", "js_distance_between"), ("tv_distance", "tv_between")]
    {
        for group in ["g % 3", "g < 0"] {
            let stored = format!(
                "SELECT {group}, {aggregate}(d, cur, 'bins=5') FROM {parts} GROUP BY {group} ORDER BY 1"
            );
            let merged = format!(
                "SELECT {group}, {scalar}({}, {}, 'bins=5') FROM {parts} GROUP BY {group} ORDER BY 1",
                side("cur"),
                side("NOT cur")
            );
            let expected = lines(&single, &merged).await;
            assert_eq!(lines(&single, &stored).await, expected, "{aggregate} by {group}");
            assert_eq!(lines(&partitioned, &stored).await, expected, "{aggregate} by {group}, in partitions");
        }
    }
    // what the distributions left out is counted
    let counts = "SELECT p['n_ref'], p['n_cur'], p['n_excluded_ref'], p['n_excluded_cur'] FROM";
    let stored = format!("{counts} (SELECT psi_detail(d, cur) AS p FROM {parts})");
    assert_eq!(
        lines(&partitioned, &stored).await,
        lines(&single, &format!("{counts} (SELECT psi_detail(v, cur) AS p FROM t)")).await
    );
}

// breaks when: what leaves a frame is not taken back, or a frame that fits is not exact
#[tokio::test]
async fn frames_of_categories_equal_their_rows() {
    let session = session(2);
    table(&session, &strange());
    let texts = "(SELECT i, CASE WHEN v IS NULL THEN NULL ELSE CAST(g AS TEXT) END AS s FROM t)";
    let stored = format!("(SELECT i, category_distribution(s) AS s FROM {texts} GROUP BY i)");
    let rows = format!(
        "SELECT a.i, category_distribution(b.s) FROM {texts} a JOIN {texts} b ON b.i BETWEEN a.i - 9 AND a.i - 2 GROUP BY a.i ORDER BY a.i"
    );
    let expected = lines(&session, &rows).await;
    for (call, source) in [("category_distribution", texts), ("distribution_merge", stored.as_str())] {
        let framed = format!(
            "SELECT i, {call}(s) OVER (ORDER BY i ROWS BETWEEN 9 PRECEDING AND 2 PRECEDING) AS d FROM {source} ORDER BY i"
        );
        let framed =
            lines(&session, &format!("SELECT * FROM ({framed}) WHERE d IS NOT NULL ORDER BY i")).await;
        assert_eq!(framed, expected, "{call}");
    }
}

// breaks when: a count passes the truth, or falls short by more than the error that is stated
#[tokio::test]
async fn heavy_hitters_stay_within_their_bound() {
    const KEPT: i64 = 20;
    for (partitions, batch_rows) in [(1, 1000), (4, 37)] {
        let session = session(partitions);
        let category = |i: i64| format!("c{}", (i * i * 7919 % 997) % (1 + i % 150));
        let texts = arrow::array::StringArray::from_iter_values((0..5000).map(category));
        create(&session, &[("s", Arc::new(texts) as ArrayRef)], partitions, batch_rows);
        let sql = format!(
            "WITH d AS (SELECT category_distribution(s, 'categories={KEPT}') AS d FROM t), \
             listed AS (SELECT unnest(d['categories']) AS s, unnest(d['counts']) AS counted FROM d), \
             truth AS (SELECT s, count(*) AS n FROM t GROUP BY s) \
             SELECT d['count'], d['error'] > 0 AND d['error'] <= 5000 / {}, count(listed.s) <= {KEPT}, \
                    bool_and(coalesce(counted, 0) <= n AND n <= coalesce(counted, 0) + d['error']) \
             FROM d CROSS JOIN truth LEFT JOIN listed ON listed.s = truth.s GROUP BY d",
            KEPT + 1
        );
        assert_eq!(lines(&session, &sql).await, ["5000 | true | true | true"]);
    }
}
