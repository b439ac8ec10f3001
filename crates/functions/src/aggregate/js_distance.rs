//! `js_distance`: the Jensen-Shannon distance between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::comparison::{Comparison, Measure};
use super::documentation::{self, BINNED_ROWS};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(crate) static JS_DISTANCE: Comparison = Comparison {
    name: "js_distance",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges],
    measure: Measure::Binned(|reference, current, _| {
        divergence::js_divergence(reference, current).map(f64::sqrt)
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        "js_distance",
        &format!(
            "Jensen-Shannon distance, DOUBLE from 0 (equal) to 1 (disjoint): the square root of `js_divergence`; a metric. 0.1 is \
             commonly watched.\n\n\
             `sqrt((KL(r || m) + KL(c || m)) / 2)` with `m = (r + c) / 2`, logarithms to base 2, shares `r` of the \
             reference and `c` of the current population, no smoothing: `scipy.spatial.distance.jensenshannon(r, c, 2)`. \
             Source: Endres and Schindelin (2003).\n\n{BINNED_ROWS}"
        ),
        "",
        false,
    )
});
