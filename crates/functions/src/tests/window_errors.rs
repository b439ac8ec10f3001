//! What the window functions refuse, and in which words.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampNanosecondArray};

use super::{create, failure, query, session};

// breaks when: a message loses the function, the value or what is allowed, or a mistake passes
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
async fn messages_name_the_value_and_what_is_allowed() {
    let session = session(1);
    let columns: [(&str, ArrayRef); 3] = [
        ("v", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
        ("s", Arc::new(StringArray::from(vec!["a", "b", "a"]))),
        ("t", Arc::new(TimestampNanosecondArray::from(vec![1, 2, 3]))),
    ];
    create(&session, &columns, 1, 2);
    let cases = [
        (
            "adwin(v, 'detla=0.1') OVER (ORDER BY t)",
            "adwin: unknown option 'detla' (did you mean 'delta'? known: delta, clock, max_buckets, min_window_length, grace_period)",
        ),
        ("adwin(v, 'clock') OVER (ORDER BY t)", "adwin: option 'clock' must have the form name=value"),
        ("adwin(v, 'clock=1, CLOCK=2') OVER (ORDER BY t)", "adwin: option 'CLOCK' is given twice"),
        ("adwin(v, 'delta=1') OVER (ORDER BY t)", "adwin: option 'delta' must lie in (0, 1), got '1'"),
        (
            "adwin(v, 'clock=0') OVER (ORDER BY t)",
            "adwin: option 'clock' must be a whole number from 1 to 1000000, got '0'",
        ),
        ("adwin(v) OVER ()", "adwin: reads rows in the order of time: write OVER (ORDER BY time)"),
        (
            "ewma(v, 'alpha=0.5') OVER (PARTITION BY s)",
            "ewma: reads rows in the order of time: write OVER (ORDER BY time)",
        ),
        (
            "adwin(v) OVER (ORDER BY t ROWS BETWEEN 5 PRECEDING AND CURRENT ROW)",
            "adwin: reads all rows of the partition up to the present one: leave out the frame ROWS BETWEEN 5 PRECEDING AND CURRENT ROW",
        ),
        (
            "adwin(DISTINCT v) OVER (ORDER BY t)",
            "adwin: DISTINCT would leave rows without a result and is not supported",
        ),
        ("adwin(v, s) OVER (ORDER BY t)", "adwin: the last argument must be one text literal"),
        ("adwin(v, 5) OVER (ORDER BY t)", "adwin: the last argument must be one text literal, got Int64"),
        ("adwin() OVER (ORDER BY t)", "adwin: takes (value [, options]), got 0 arguments"),
        ("adwin(s) OVER (ORDER BY t)", "adwin: cannot take values of type Utf8: pass a number or a boolean"),
        (
            "adwin(t) OVER (ORDER BY t)",
            "adwin: cannot take values of type Timestamp(ns): instants only move forward; watch a number, for example the seconds since the row before",
        ),
        (
            "page_hinkley(v, 'mode=left') OVER (ORDER BY t)",
            "page_hinkley: option 'mode' must be one of both, up, down, got 'left'",
        ),
        (
            "page_hinkley(v, 'alpha=0') OVER (ORDER BY t)",
            "page_hinkley: option 'alpha' must lie in (0, 1], got '0'",
        ),
        ("ddm(v) OVER (ORDER BY t)", "ddm: the value must be BOOLEAN or lie in [0, 1], got 2"),
        (
            "ddm(v > 1, 'level=all') OVER (ORDER BY t)",
            "ddm: option 'level' must be one of drift, warning, got 'all'",
        ),
        (
            "kswin(v, 'stat_size=60') OVER (ORDER BY t)",
            "kswin: option 'window_size' must be at least two times 'stat_size', got 100 and 60",
        ),
        (
            "kswin(v, 'seed=-1') OVER (ORDER BY t)",
            "kswin: option 'seed' must be a whole number from 0 to 18446744073709551615, got '-1'",
        ),
        ("cusum(v, 'sigma=0') OVER (ORDER BY t)", "cusum: option 'sigma' must be above 0, got '0'"),
        ("cusum(v, 'h=nan') OVER (ORDER BY t)", "cusum: option 'h' must be above 0, got 'nan'"),
        (
            "cusum(v, 'target=1, sigma=1, relearn=true') OVER (ORDER BY t)",
            "cusum: options 'warmup' and 'relearn' mean nothing when 'target' and 'sigma' are given",
        ),
        (
            "ewma(v) OVER (ORDER BY t)",
            "ewma: needs one of the options alpha, half_life and span, for example 'half_life=10'",
        ),
        (
            "ewma(v, 'alpha=0.1, span=3') OVER (ORDER BY t)",
            "ewma: needs one of the options alpha, half_life and span, for example 'half_life=10'",
        ),
        (
            "ewma(v, 'alpha=0.1, adjust=no') OVER (ORDER BY t)",
            "ewma: option 'adjust' must be one of true, false, got 'no'",
        ),
        ("zscore(v, 'ddof=2') OVER ()", "zscore: option 'ddof' must be a whole number from 0 to 1, got '2'"),
        (
            "mad_score(v, 'ddof=0') OVER ()",
            "mad_score: unknown option 'ddof' (this function takes no options)",
        ),
        (
            "p_adjust(v / 10, 'bonferoni') OVER ()",
            "p_adjust: unknown method 'bonferoni' (did you mean 'bonferroni'? known: bh, by, holm, bonferroni)",
        ),
        ("p_adjust(v) OVER ()", "p_adjust: p must lie in [0, 1], got 2"),
        (
            "p_adjust(v / 10) OVER (ORDER BY t ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
            "p_adjust: reads all rows of the partition: leave out the frame ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
        ),
    ];
    for (call, expected) in cases {
        let message = failure(&session, &format!("SELECT {call} FROM t")).await;
        let message = message.split_once(": ").map_or("", |(_, message)| message);
        assert_eq!(message, expected, "{call}");
    }
}

// breaks when: a mistake in a literal is seen only when the query runs
#[tokio::test]
async fn literals_are_read_while_planning() {
    let session = session(1);
    create(&session, &[("v", Arc::new(Float64Array::from(Vec::<f64>::new())))], 1, 2);
    for sql in ["SELECT adwin(v, 'clok=1') OVER (ORDER BY v) FROM t", "SELECT adwin(v) OVER () FROM t"] {
        let plan = session.sql(sql).await.unwrap();
        assert!(plan.into_optimized_plan().is_err(), "{sql}");
    }
    query(&session, "SELECT adwin(v, 'clock=1') OVER (ORDER BY v) FROM t").await.unwrap();
}
