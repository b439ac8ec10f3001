//! `ks_between`: the Kolmogorov-Smirnov statistic between two distributions, within bounds.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::distribution;

pub(in super::super) static KS_BETWEEN: Between = Between {
    name: "ks_between",
    options: &[],
    measure: Measure::Bounded(distribution::ks),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::bounded(
        "ks_between",
        "Kolmogorov-Smirnov statistic `max |F - G|` between two distributions, STRUCT(lo DOUBLE, est DOUBLE, hi DOUBLE), all in [0, 1]: \
         that of the raw values lies between `lo` and `hi`, whatever they were. Alert on `lo`.\n\n\
         At the coarser scale of the two: `lo = max |F_i - G_i|` over the ends of buckets, where both shares are exact, and \
         `hi = max over buckets of max(F_i - G_(i-1), G_i - F_(i-1))`; zero is one point and has nothing inside, and \
         least and largest values narrow both. `est` takes \
         values to lie evenly within their buckets, and 0 for equal distributions. Bounds hold up to the rounding of DOUBLE. Source: Massey, The Kolmogorov-Smirnov \
         Test for Goodness of Fit (1951), for the statistic.",
    )
});
