//! What is refused, when, and in which words.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};

use super::{create, failure, session};

fn table() -> [(&'static str, ArrayRef); 5] {
    [
        ("v", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0]))),
        ("s", Arc::new(StringArray::from(vec!["a", "b", "a"]))),
        ("cur", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("objective", Arc::new(Float64Array::from(vec![0.9, 0.9, 99.9]))),
    ]
}

// breaks when: a message loses the function, the value or what is allowed, or a mistake passes
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
#[tokio::test]
async fn messages_name_the_value_and_what_is_allowed() {
    let session = session(1);
    create(&session, &table(), 1, 2);
    let cases = [
        (
            "psi(v, cur, 'bin=20')",
            "psi: unknown option 'bin' (did you mean 'bins'? known: bins, binning, edges, eps, profile)",
        ),
        (
            "js_distance(v, cur, 'eps=1e-4')",
            "js_distance: option 'eps' does not apply here (known: bins, binning, edges, profile)",
        ),
        (
            "ks_test(v, cur, 'method=fast')",
            "ks_test: option 'method' must be one of auto, exact, asymp, got 'fast'",
        ),
        ("psi(v, cur, 'bins=5') OVER ()", ""),
        (
            "psi(v, cur, 'bins=0') OVER ()",
            "psi: option 'bins' must be a whole number from 2 to 10000, got '0'",
        ),
        (
            "psi(s, cur, 'bins=5')",
            "psi: option 'bins' is for numbers: text and boolean values are categories",
        ),
        (
            "psi(v, cur, 'profile=nannyml')",
            "psi: nannyml has no such measure, so there is no profile 'nannyml' of it (known: evidently, fiddler, \
             popmon_norm, deepchecks)",
        ),
        (
            "psi(v, cur, 'profile=nannyml') OVER ()",
            "psi: nannyml has no such measure, so there is no profile 'nannyml' of it (known: evidently, fiddler, \
             popmon_norm, deepchecks)",
        ),
        (
            "psi(v, cur, 'profile=deepchecks')",
            "psi: profile 'deepchecks': cannot compare values of type Float64: it compares categories; a code that is a \
             number is one after a cast to TEXT",
        ),
        (
            "chi2_test(n, cur, 'profile=nannyml')",
            "chi2_test: profile 'nannyml': cannot compare values of type Int64: it compares categories; a code that is a \
             number is one after a cast to TEXT",
        ),
        (
            "wasserstein_norm(s, cur, 'profile=evidently')",
            "wasserstein_norm: cannot compare values of type Utf8: it ranks numbers; compare categories with psi or js_distance",
        ),
        (
            "tv_distance(v, cur, 'profile=evidently')",
            "tv_distance: option 'profile' does not apply here (known: bins, binning, edges)",
        ),
        (
            "psi(s, cur, 'binning=sturges')",
            "psi: option 'binning' is for numbers: text and boolean values are categories",
        ),
        ("psi(v, cur, s)", "psi: the options must be one text literal"),
        ("psi(v, cur, 20)", "psi: the options must be one text literal, got Int64"),
        ("psi(v)", "psi: takes (value, is_current [, options]), got 1 arguments"),
        (
            "psi(v, n)",
            "psi: is_current must be BOOLEAN (false = reference, true = current, NULL = neither) or baseline('name'), got Int64",
        ),
        ("psi(DISTINCT v, cur)", "psi: DISTINCT changes the distribution and is not supported"),
        (
            "ks_test(s, cur)",
            "ks_test: cannot compare values of type Utf8: it ranks numbers; compare categories with psi or js_distance",
        ),
        (
            "ks_test(cur, cur)",
            "ks_test: cannot compare values of type Boolean: it ranks numbers; compare categories with psi or js_distance",
        ),
        (
            "psi(make_array(1), cur)",
            "psi: cannot compare values of type List(Int64): pass a number, a text or a boolean",
        ),
        (
            "psi_detail(s, cur, 'edges=[1]')",
            "psi_detail: option 'edges' is for numbers: text and boolean values are categories",
        ),
        (
            "hellinger(v, cur, 'eps=0.1')",
            "hellinger: option 'eps' does not apply here (known: bins, binning, edges, profile)",
        ),
        (
            "chi2_test(s, cur, 'correction=yates')",
            "chi2_test: option 'correction' must be one of true, false, got 'yates'",
        ),
        (
            "z_test_prop(v, cur)",
            "z_test_prop: cannot compare values of type Float64: it compares the share of true; pass a condition, for \
             example value = 'refund'",
        ),
        (
            "null_rate_drift(s, cur, 'bins=3')",
            "null_rate_drift: option 'bins' does not apply here (this function takes no options)",
        ),
        ("slo_burn_rate(cur, 99.9)", "objective must lie in (0, 1), got 99.9 (did you mean 0.999?)"),
        ("slo_burn_rate(cur, 95)", "objective must lie in (0, 1), got 95 (did you mean 0.95?)"),
        ("slo_burn_rate(cur, 1.0)", "objective must lie in (0, 1), got 1"),
        ("slo_burn_rate(cur, 0)", "objective must lie in (0, 1), got 0"),
        ("slo_burn_rate(cur, 1.0 - 1.5)", "objective must lie in (0, 1), got -0.5"),
        ("slo_burn_rate(cur, 99.9) OVER ()", "objective must lie in (0, 1), got 99.9 (did you mean 0.999?)"),
        ("error_budget_remaining(n, n, 100.0)", "objective must lie in (0, 1), got 100"),
        ("slo_burn_rate(cur, objective)", "objective must lie in (0, 1), got 99.9 (did you mean 0.999?)"),
        (
            "slo_burn_rate(n, 0.9)",
            "slo_burn_rate: good must be BOOLEAN, got Int64; it takes (good, objective) or (good_count, total_count, objective)",
        ),
        ("slo_burn_rate(n, s, 0.9)", "slo_burn_rate: total_count must be a number of events, got Utf8"),
        ("slo_burn_rate(cur, s)", "slo_burn_rate: objective must be a number in (0, 1), got Utf8"),
        (
            "slo_burn_rate(cur)",
            "slo_burn_rate: takes (good, objective) or (good_count, total_count, objective), got 1 arguments",
        ),
        ("slo_burn_rate(n + 1, n, 0.9)", "good_count must not exceed total_count, got 2 of 1"),
        ("slo_burn_rate(n - 2, n, 0.9)", "good_count must not be negative, got -1"),
        (
            "slo_burn_rate(v / 2, v, 0.9)",
            "good_count must be a whole number of events from 0 to 2^53, got 0.5",
        ),
        (
            "slo_burn_rate(cur, 1 / CAST(n + 1 AS DOUBLE))",
            "objective must be the same within a group, got 0.5 and 0.3333333333333333: group by it",
        ),
        (
            "slo_burn_rate(DISTINCT cur, 0.9)",
            "slo_burn_rate: DISTINCT would drop events and is not supported",
        ),
        ("wilson_interval(5, 4)", "wilson_interval: successes must lie in [0, n], got 5 of 4"),
        ("wilson_interval(n, n - 1)", "wilson_interval: successes must lie in [0, n], got 1 of 0"),
        ("wilson_interval(-1, 4)", "wilson_interval: successes must lie in [0, n], got -1 of 4"),
        ("wilson_interval(0, -4)", "wilson_interval: n must be 0 or more, got -4"),
        ("wilson_interval(1, 4, -1)", "wilson_interval: z must be more than 0, got -1"),
        ("wilson_interval('1', 4)", "wilson_interval: successes must be a number, got Utf8"),
        ("wilson_interval(1)", "wilson_interval: takes (successes, n [, z]), got 1 arguments"),
        ("attr(s, 'a')", "attr: attributes must be MAP<TEXT, TEXT>, got Utf8"),
        (
            "novelty([1.0], [[1.0], [1.0, 2.0]])",
            "novelty: centroids must be lists of one length, longer than 0",
        ),
        ("novelty([1.0], 5)", "novelty: centroids must be a list of lists of numbers, got Int64"),
    ];
    for (call, message) in cases {
        let sql = format!("SELECT {call} FROM t");
        if message.is_empty() {
            assert!(super::query(&session, &sql).await.is_ok(), "{call}");
            continue;
        }
        let ours = failure(&session, &sql).await;
        let ours = ours
            .strip_prefix("Error during planning: ")
            .or(ours.strip_prefix("Execution error: "))
            .unwrap_or(&ours);
        assert_eq!(ours, message, "{call}");
    }
}

// breaks when: an instant slips through as a number, or the advice goes missing
#[tokio::test]
async fn instants_are_refused_with_advice() {
    let session = session(1);
    create(&session, &table(), 1, 3);
    for (value, advice) in [
        ("now()", "extract(hour FROM time)"),
        ("current_date()", "extract(hour FROM time)"),
        ("INTERVAL '1 day'", "milliseconds"),
    ] {
        for function in ["psi", "ks_test", "chi2_test", "drift_auto"] {
            let message = failure(&session, &format!("SELECT {function}({value}, cur) FROM t")).await;
            assert!(
                message.contains("cannot compare values of type") && message.contains(advice),
                "{message}"
            );
        }
    }
}

// breaks when: a literal is only looked at once rows flow
#[tokio::test]
async fn literals_are_checked_while_planning() {
    let session = session(1);
    create(&session, &table(), 1, 3);
    for call in [
        "slo_burn_rate(cur, 99.9)",
        "slo_burn_rate(cur, 99.9) OVER (ORDER BY v)",
        "psi(v, cur, 'bin=3')",
        "psi(v, cur, 'bin=3') OVER (ORDER BY v)",
    ] {
        let planned = session.sql(&format!("SELECT {call} FROM t")).await.unwrap().into_optimized_plan();
        let message = planned.unwrap_err().find_root().to_string();
        assert!(message.starts_with("Error during planning: "), "{message}");
    }
}
