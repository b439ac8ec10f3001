//! `linf_distance`: the largest difference of a bin's share between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(crate) static LINF_DISTANCE: Comparison = Comparison {
    name: "linf_distance",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges],
    returns: Returns::Double,
    measure: Measure::Binned(|counts, _| divergence::linf_distance(counts.reference, counts.current).into()),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &LINF_DISTANCE,
        &format!(
            "L-infinity distance, DOUBLE from 0 (equal) to 1 (disjoint): by how much the bin that changed most gained or lost. 0.1 is \
             commonly watched.\n\n\
             `max over bins of |r - c|` with the shares `r` of the reference and `c` of the current population, no smoothing. Source: \
             the Chebyshev distance of two share vectors, as in TensorFlow Data Validation for categories.\n\n{BINNED_ROWS}"
        ),
        "",
    )
});
