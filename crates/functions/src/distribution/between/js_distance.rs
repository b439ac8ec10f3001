//! `js_distance_between`: the Jensen-Shannon distance between two distributions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(in super::super) static JS_DISTANCE_BETWEEN: Between = Between {
    name: "js_distance_between",
    options: &[OptionName::Bins],
    measure: Measure::Binned(|r, c, _| divergence::js_divergence(r, c).map(f64::sqrt)),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::binned(
        "js_distance_between",
        "Jensen-Shannon distance between two distributions, DOUBLE from 0 (equal) to 1 (disjoint): the square root of \
         `js_divergence_between`; a metric. 0.1 is commonly watched.\n\n\
         `sqrt((KL(r || m) + KL(c || m)) / 2)` with `m = (r + c) / 2`, logarithms to base 2, no smoothing: `js_distance` over bins at \
         ends of buckets. Source: Endres and Schindelin (2003).",
        "",
    )
});
