//! `js_distance`: the Jensen-Shannon distance between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(crate) static JS_DISTANCE: Comparison = Comparison {
    name: "js_distance",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges],
    returns: Returns::Double,
    measure: Measure::Binned(|counts, _| {
        divergence::js_divergence(counts.reference, counts.current).map(f64::sqrt).into()
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &JS_DISTANCE,
        &format!(
            "Jensen-Shannon distance, DOUBLE from 0 (equal) to 1 (disjoint): the square root of `js_divergence`; a metric. 0.1 is \
             commonly watched.\n\n\
             `sqrt((KL(r || m) + KL(c || m)) / 2)` with `m = (r + c) / 2`, logarithms to base 2, shares `r` of the \
             reference and `c` of the current population, no smoothing: `scipy.spatial.distance.jensenshannon(r, c, 2)`. \
             Source: Endres and Schindelin (2003).\n\n{BINNED_ROWS}"
        ),
        "",
    )
});
