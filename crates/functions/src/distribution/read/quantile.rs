//! `distribution_quantile`: the value below which a share of the values lies.

use std::sync::LazyLock;

use datafusion::common::exec_err;
use datafusion::logical_expr::Documentation;

use super::super::documentation::{D, DISTRIBUTIONS};
use super::Read;

pub(in super::super) static DISTRIBUTION_QUANTILE: Read = Read {
    name: "distribution_quantile",
    argument: "q",
    answer: |distribution, q| match q {
        q if (0.0..=1.0).contains(&q) => Ok(distribution.quantile(q)),
        q if (1.0..=100.0).contains(&q) => {
            exec_err!("distribution_quantile: q must lie in [0, 1], got {q} (did you mean {}?)", q / 100.0)
        }
        q => exec_err!("distribution_quantile: q must lie in [0, 1], got {q}"),
    },
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DISTRIBUTIONS,
        "The quantile `q` of a distribution, DOUBLE in the unit of the values: 0.5 is the median, 0.99 the 99th percentile.\n\n\
         Linear interpolation between the order statistics of ranks `floor((n-1)q)` and the next (type 7 of Hyndman and Fan \
         1996, numpy's default), which are taken to lie evenly within their bucket; `q` 0 and 1 give the exact least and \
         largest value. Each order statistic is known to within its bucket: where both have one sign the answer is off by a \
         factor of at most `2^(2^-scale)`, 0.27 % at scale 8 and 4.4 % at scale 4; between a negative and a positive one by at \
         most as much of the larger. Source: OpenTelemetry data model, exponential histograms. NULL for NULL and for a distribution \
         without values. Errors: `q` outside [0, 1].",
        "distribution_quantile(d, q)",
    )
    .with_argument("d", D)
    .with_argument("q", "A number in [0, 1].")
    .with_sql_example(
        "SELECT model, round(distribution_quantile(distribution(latency), 0.5), 6) AS median\n\
         FROM (VALUES ('a', 0.8), ('a', 1.1), ('a', 1.2), ('b', 3.0)) AS calls (model, latency)\n\
         GROUP BY model ORDER BY model",
    )
    .build()
});
