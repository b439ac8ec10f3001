//! Words that the documentation of several functions shares.

use std::sync::LazyLock;

use datafusion::logical_expr::{DocSection, Documentation};

pub(super) const DISTRIBUTIONS: DocSection = DocSection {
    include: true,
    label: "Distributions",
    description: Some(
        "A distribution is a small summary of many values that can be stored, merged and compared later: of numbers a sparse exponential \
         histogram, of categories how often each comes. Drift functions that count in bins take distributions in the place of values, \
         as in `psi(d, is_current)`. What compares two of them takes the current one first and the reference second.",
    ),
};

pub(super) const D: &str = "What `distribution`, `distribution_merge` or `distribution_from_otel` made.";
const NUMBERS_OR_BASELINE: &str = "What `distribution`, `distribution_merge` or `distribution_from_otel` made, or `baseline('name', 'column')`.";
const ANY_OR_BASELINE: &str = "What `distribution`, `category_distribution`, `distribution_merge` or `distribution_from_otel` made, or \
    `baseline('name', 'column')`.";
const ANY_D: &str =
    "What `distribution`, `category_distribution`, `distribution_merge` or `distribution_from_otel` made.";

pub(super) static DISTRIBUTION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DISTRIBUTIONS,
        "Summarises numbers as an exponential histogram in one canonical form, a STRUCT that a table can store (at most 320 \
         buckets of 12 bytes). Bucket `i` of scale `s` holds the magnitudes in `(2^(i/2^s), 2^((i+1)/2^s)]`, positive and \
         negative values apart; 0 (and -0.0) has a count of its own.\n\n\
         Every value is indexed once at scale 20, exactly at every boundary, and then only shifted (`index >> 1` a scale); the \
         scale is the largest of at most 20 at which both signs together have at most `buckets` non-empty buckets. So the form depends on the set \
         of values alone, and merging is exact: counts, scale, least and largest value and the sum have the same bits whatever \
         the order, the partitions or the partial results. The sum is exact and rounded once. The widest bucket relative to \
         its values is `2^(2^-scale) - 1`: values over one power of two keep scale 8 (0.27 %), over 20 of them scale 4 (4.4 %).\n\n\
         Fields: `count` (values), `null_count`, `nan_count`, `positive_infinity_count`, `negative_infinity_count` (left out of \
         everything else), `min`, `max`, `sum` (NULL when unknown, and for a sum beyond the largest DOUBLE), `max_buckets`, `scale`, \
         `zero_count`, `positive_indexes` with `positive_counts`, `negative_indexes` with `negative_counts` (indexes of magnitudes), and \
         `sum_limb` with `sum_limbs`, the exact sum: `sum_limbs[j] * 2^(32 (sum_limb + j) - 1074)` added up.\n\n\
         NULL over no rows. TIMESTAMP values are refused: instants only move forward. Values crowded near 1 (a confidence of 0.9999) share \
         few buckets: take the distribution of `1 - confidence`. In `OVER` windows that slide, the values of the frame are kept \
         and counted anew for every row; merge stored distributions there instead. Source: OpenTelemetry data model, \
         exponential histograms; the sum after Neal (2015).",
        "distribution(value [, options])",
    )
    .with_argument(
        "value",
        "Any number; integers and decimals are read as DOUBLE: exact up to 2^53, the nearest DOUBLE beyond.",
    )
    .with_argument("options", "One text literal. `buckets=320` (8 to 4096): the most non-empty buckets.")
    .with_sql_example(
        "SELECT d['count'], d['null_count'], d['min'], d['max'], d['sum'], d['scale'], d['zero_count'], d['positive_indexes']\n\
         FROM (SELECT distribution(v, 'buckets=8') AS d FROM (VALUES (1.0), (2.0), (4.0), (0.0), (NULL)) AS t (v))",
    )
    .build()
});

pub(super) static DISTRIBUTION_MERGE: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DISTRIBUTIONS,
        "Merges distributions, of numbers or of categories: of hours into that of a day, of regions into that of all. Of numbers, and of \
         categories as long as they are exact, the result is, bit for bit, the \
         distribution of all the values together, whatever the order; with the smallest `max_buckets` and scale, or `max_categories`, of \
         all.\n\n\
         NULL distributions are ignored; NULL when there is no other. `min`, `max` or `sum` are NULL when a merged distribution \
         with values does not know them. Works in `OVER` windows: each row of a sliding frame costs two merges, however long \
         the frame is. Errors: more than 9,223,372,036,854,775,807 values. Source: OpenTelemetry data model, exponential histograms.",
        "distribution_merge(d)",
    )
    .with_argument("d", ANY_D)
    .with_sql_example(
        "SELECT day, round(distribution_quantile(distribution_merge(d) OVER (ORDER BY day ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), 0.5), 6) AS median\n\
         FROM (SELECT day, distribution(v) AS d FROM (VALUES (1, 1.0), (1, 2.0), (2, 3.0), (3, 9.0)) AS t (day, v) GROUP BY day)\n\
         ORDER BY day",
    )
    .build()
});

const BINS: &str = "`bins=10` (2 to 10000) bins at the reference's quantiles";

/// Starts the documentation of a comparison in bins. `options` explains those that are not the bins.
pub(super) fn binned(name: &str, description: &str, options: &str) -> Documentation {
    let description = format!(
        "{description}\n\n\
         The bins lie at the reference's deciles, moved to ends of buckets, so that the counts are exact: the bucket of a decile \
         is cut off at whichever end leaves the share below nearer to the decile's. A bucket with two or more deciles (many \
         zeros, a constant column) has a bin of its own; the outer bins are open. With buckets of some percent the answer is near \
         that over the raw values, not equal to it. Of categories each is its own bin, and the answer is that over the raw values, \
         bit for bit; NULL where a side is no longer exact (`error` above 0): compare a coarser category.\n\n\
         NULL for a NULL distribution or one without values; NULL, NaN and infinite values do not count."
    );
    let options = match options {
        "" => format!("One text literal. {BINS}."),
        more => format!("One text literal. {BINS}; {more}."),
    };
    between(name, &description, "[, options]", ANY_OR_BASELINE).with_argument("options", options).build()
}

/// Starts the documentation of a comparison within bounds.
pub(super) fn bounded(name: &str, description: &str) -> Documentation {
    let description = format!(
        "{description}\n\n\
         There is no p-value: none would be valid for binned values. NULL for a NULL distribution or one without values; NULL, \
         NaN and infinite values do not count."
    );
    between(name, &description, "", NUMBERS_OR_BASELINE).build()
}

fn between(
    name: &str,
    description: &str,
    options: &str,
    side: &str,
) -> datafusion::logical_expr::DocumentationBuilder {
    let syntax = match options {
        "" => format!("{name}(current, reference)"),
        options => format!("{name}(current, reference {options})"),
    };
    let call = match options {
        "" => format!("{name}(c.d, r.d)"),
        _ => format!("round({name}(c.d, r.d), 6)"),
    };
    Documentation::builder(DISTRIBUTIONS, description, syntax)
        .with_argument("current", side)
        .with_argument("reference", side)
        .with_sql_example(format!(
            "WITH m AS (SELECT month, distribution(v) AS d\n\
             \x20          FROM (VALUES (1, 1.0), (1, 2.0), (1, 3.0), (1, 4.0), (2, 2.0), (2, 3.0), (2, 4.0), (2, 8.0)) AS t (month, v)\n\
             \x20          GROUP BY month)\n\
             SELECT c.month, {call} AS drift\n\
             FROM m c LEFT JOIN m r ON r.month = c.month - 1 ORDER BY c.month"
        ))
}
