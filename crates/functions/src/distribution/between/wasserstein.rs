//! `wasserstein_between`: Wasserstein's distance between two distributions, within bounds.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::distribution;

pub(in super::super) static WASSERSTEIN_BETWEEN: Between = Between {
    name: "wasserstein_between",
    options: &[],
    measure: Measure::Bounded(distribution::wasserstein),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::bounded(
        "wasserstein_between",
        "Wasserstein's distance of order 1 (the earth mover's distance) between two distributions, STRUCT(lo DOUBLE, est DOUBLE, hi \
         DOUBLE) in the unit of the values: that of the raw values lies between `lo` and `hi`, whatever they were.\n\n\
         `W = integral |F - G|`. At the coarser scale of the two, `lo` and `hi` integrate the least and the largest `|F - G|` that \
         each bucket allows, cut off at the least and the largest value; `lo` is at least the distance of the means, known exactly \
         from the sums. `est` takes values to lie evenly within their buckets. Bounds hold up to the rounding of DOUBLE. NULL when a bound is beyond the largest \
         DOUBLE. Source: Vallender, Calculation of the Wasserstein Distance (1974).",
    )
});
