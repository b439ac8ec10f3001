//! `drift_report`: every column of two populations, compared at once.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::DRIFT;

pub(super) fn documentation() -> &'static Documentation {
    &DOCUMENTATION
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DRIFT,
        "Compares every column of two populations, a table function: column_name TEXT, segment TEXT, kind TEXT (number, text, \
         boolean), test TEXT, score DOUBLE, threshold DOUBLE, drifted BOOLEAN, p_value DOUBLE, p_adjusted DOUBLE, n_ref BIGINT, n_cur \
         BIGINT, n_excluded_ref BIGINT, n_excluded_cur BIGINT, share DOUBLE, note TEXT. One row a column, with NULL `segment`; with \
         `segments` one more for every column and combination of their values, as in `model=a, region=eu`.\n\n\
         `test` is `psi` for every kind: numbers, texts and booleans have scores of one scale. `score` and `p_value` are `psi` and \
         `p_value` of `psi_detail` with its defaults, bit for bit, so both speak of the same bins. `n_ref` and `n_cur` count the values \
         used, `n_excluded_ref` and `n_excluded_cur` the NULL, NaN and infinite ones left out. Rows that match both conditions \
         are counted as current, and `note` says how many they are. `p_adjusted` adjusts over all columns and segments of the report \
         (Benjamini and Hochberg, 1995); p-values assume independent rows.\n\n\
         `drifted` is true where the change is large, `score >= threshold`, and more than chance, `p_adjusted < 0.01`. `threshold` is \
         0.1, or what is usual for the column where that is more: the 95 % quantile (type 7) of the scores of historical windows. \
         Those are the span of the current rows moved back week by week (by as many weeks as the span needs), so that they have the \
         same weekdays and hours; each is compared with the rest of the reference, in the bins of the whole reference. It takes \
         a column `time`, at least 8 windows that lie in the reference and have half as many values as the current one, and at most \
         100 bins; the nearest 52 windows count. Segments are held against the threshold of their column. `note` says which threshold \
         it was, and where a population is small how often chance alone exceeds 0.1: `(1/n_ref + 1/n_cur)` times a chi-squared \
         variable of bins - 1 degrees of freedom, noted below 50 rows for each bin.\n\n\
         `share` is a segment's share of the drift within segments: `n_cur * max(score - expected, 0)` as a part of the sum of that over \
         the segments of the column, where `expected = (bins - 1)(1/n_ref + 1/n_cur)` is the mean score without drift. The shares of a \
         column add to 1; they are NULL where no segment exceeds its expectation. What comes from the segments' own sizes changing \
         (one model serves more of the rows) is in the score of the whole, and in no share.\n\n\
         `score`, `drifted` and the p-values are NULL where there is nothing to compare, and `note` says why: a side without rows or \
         values, a constant column, a text column that looks like an id (more than 1000 distinct values, or more than 50 and \
         more than half of the values). Source: the convention of `psi_detail`.\n\n\
         The report is one scan of the rows for all columns and segments; with 8 windows or more a second one counts them. \
         Memory: 8 bytes a number and population, twice with `segments`, within the limit of the query. Errors: more than 1000 \
         segments; an unknown argument, column or baseline (the nearest is named); a condition that cannot be planned.",
        "drift_report('table or query', reference => ..., current => ... [, columns => 'a, b'] [, segments => 'c, d'])",
    )
    .with_argument(
        "source",
        "The rows, in single quotes: the name of a table or view, or one SELECT. It sees the snapshot of the statement, not its WITH.",
    )
    .with_argument(
        "reference",
        "A condition, as text or as it is: the rows compared with. Or `baseline('name')`, a stored baseline without keys.",
    )
    .with_argument("current", "A condition, as text or as it is: the rows that may have drifted.")
    .with_argument(
        "columns",
        "The compared columns, divided by commas. Without it all numbers, texts and booleans but `time` and the segments (and of a \
         baseline, those that it has). Columns named here are compared even where they look like an id.",
    )
    .with_argument("segments", "Columns whose combinations of values are reported as well, divided by commas.")
    .with_sql_example(
        "SELECT column_name, segment, round(score, 3) AS score, drifted, share, note\n\
         FROM drift_report('predictions',\n\
         \x20   reference => time < '2026-08-31', current => time >= '2026-08-31', segments => 'model')\n\
         ORDER BY score DESC NULLS LAST",
    )
    .build()
});
