//! `hellinger_between`: the Hellinger distance between two distributions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(in super::super) static HELLINGER_BETWEEN: Between = Between {
    name: "hellinger_between",
    options: &[OptionName::Bins],
    measure: Measure::Binned(|r, c, _| divergence::hellinger(r, c)),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::binned(
        "hellinger_between",
        "Hellinger distance between two distributions, DOUBLE from 0 (equal) to 1 (disjoint); a metric. 0.1 is commonly watched.\n\n\
         `sqrt(sum over bins of (sqrt(r) - sqrt(c))² / 2)`, no smoothing: `hellinger` over bins at ends of buckets. Source: Hellinger \
         (1909).",
        "",
    )
});
