//! `distribution_cdf`: the share of values up to a number.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation::{D, DISTRIBUTIONS};
use super::Read;

pub(in super::super) static DISTRIBUTION_CDF: Read = Read {
    name: "distribution_cdf",
    argument: "x",
    answer: |distribution, x| Ok(if x.is_nan() { None } else { distribution.share_at_most(x) }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DISTRIBUTIONS,
        "The share of a distribution's values that are `x` or less, DOUBLE in [0, 1]: how many calls kept to a limit of `x`.\n\n\
         `(counts of the buckets below + c (x - low) / (high - low)) / n`, with `c` values evenly between the ends of the bucket \
         that `x` lies in. Exact where `x` is the end of a bucket (powers of two always are), below the least and from the \
         largest value on, and at 0; elsewhere off by at most the bucket's share. Source: OpenTelemetry data model, exponential histograms. NULL for NULL, for NaN \
         and for a distribution without values.",
        "distribution_cdf(d, x)",
    )
    .with_argument("d", D)
    .with_argument("x", "Any number; infinities give 0 and 1.")
    .with_sql_example(
        "SELECT model, distribution_cdf(distribution(latency), 2.0) AS within_two_seconds\n\
         FROM (VALUES ('a', 0.8), ('a', 1.1), ('a', 1.2), ('a', 2.5), ('b', 3.0)) AS calls (model, latency)\n\
         GROUP BY model ORDER BY model",
    )
    .build()
});
