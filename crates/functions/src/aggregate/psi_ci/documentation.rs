//! What users read of `psi_ci`.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::documentation::{DRIFT, IS_CURRENT, VALUE};

pub(super) static PSI_CI: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DRIFT,
        "Population stability index within a confidence interval, for rows that come in clusters, such as the turns of a \
         conversation or the requests of a user. STRUCT(psi DOUBLE, lo DOUBLE, hi DOUBLE, level DOUBLE, resamples BIGINT, \
         n_clusters_ref BIGINT, n_clusters_cur BIGINT, n_ref BIGINT, n_cur BIGINT, n_excluded_ref BIGINT, n_excluded_cur BIGINT, \
         n_unclustered_ref BIGINT, n_unclustered_cur BIGINT).\n\n\
         PSI and KS p-values assume independent rows: 200 conversations of 5 turns reject 38 % at a nominal 5 %. Here whole clusters \
         are drawn: a resample takes, on either side, as many clusters as there are, with replacement, all rows of a drawn cluster \
         together, and computes PSI over the same bins. `lo` and `hi` are the quantiles (type 7) `(1 - level) / 2` and `1 - (1 - level) / 2` \
         of the resampled numbers, the percentile interval. Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), \
         chapters 8 and 13; Field and Welsh, Bootstrapping clustered data (2007).\n\n\
         `psi` is what `psi` says of the rows that have a cluster, bit for bit. Bins are fixed at the quantiles of the whole \
         reference, so the interval is that of PSI over these bins. What it is worth, measured on normal values, 1000 conversations of 5 \
         turns a side that share 80 % of their variance: where the true PSI is 0.24, an interval of 95 % holds it in 97 % of windows, one of \
         single rows in 71 %. But chance alone lifts PSI, and every resample once more: where nothing drifted, the percentile interval lies \
         above 0 in all windows. `interval=basic` mirrors it at `psi` (`2 psi - hi` to `2 psi - lo`, not below 0) and \
         holds the 0 of no drift in all: ask for it where the question is whether there is any drift; for true values \
         around 0.04 both hold it in 60 % to 90 %. With a few dozen clusters a side either is rough.\n\n\
         The answer depends on rows and seed alone: clusters are put in the order of their ids (integers by value, texts by bytes), \
         and draw `j` of a cluster is `floor(u n / 2^64)` of `n`, with `u` the next number of SplitMix64 from `seed`; a resample draws the \
         reference's clusters, then the current ones'. So a few lines of numpy reproduce it.\n\n\
         NULL, NaN and infinite values are left out and counted in `n_excluded_ref` and `n_excluded_cur`; rows with a NULL cluster in \
         `n_unclustered_ref` and `n_unclustered_cur`, whatever their value; rows with NULL `is_current` are ignored. NULL when a side \
         has no value; `lo` and `hi` are NULL when a side has fewer than 2 clusters. TIMESTAMP values and `baseline(...)` are refused. A \
         cluster with rows on both sides is one cluster on either. Needs 16 bytes a value, 8 more while a group is finished, and up to 16 bytes a \
         cluster and bin; distinct ids are kept once (at most 10000000). Time grows with `resamples` times \
         clusters and bins; more than 2000000000 of those in one answer are refused. Works in `OVER` windows, where every frame is drawn anew.",
        "psi_ci(value, is_current, cluster [, options])",
    )
    .with_argument("value", VALUE)
    .with_argument("is_current", IS_CURRENT)
    .with_argument("cluster", "Which rows belong together: TEXT or an integer, such as the id of a conversation or of a user.")
    .with_argument(
        "options",
        "One text literal. `resamples=1000` (100 to 100000); `level=0.95`, in (0, 1); `seed=42`, a whole number; \
         `interval=percentile` or `interval=basic`; `bins=10` (2 to 10000) bins at the reference's quantiles, numbers only; `eps=1e-4`: the \
         least share of a bin, in (0, 1).",
    )
    .with_sql_example(
        "SELECT round(d['psi'], 6) AS psi, round(d['lo'], 6) AS lo, round(d['hi'], 6) AS hi, d['n_clusters_ref'], d['n_clusters_cur'], d['n_ref'], d['n_cur']\n\
         FROM (SELECT psi_ci(confidence, day >= 8, conversation, 'bins=2') AS d\n\
         \x20     FROM (VALUES (1, 'a', 0.91), (1, 'a', 0.94), (2, 'b', 0.95), (3, 'c', 0.86), (3, 'c', 0.88),\n\
         \x20                  (8, 'd', 0.92), (9, 'e', 0.71), (9, 'e', 0.78), (9, 'f', 0.88)) AS t (day, conversation, confidence))",
    )
    .build()
});
