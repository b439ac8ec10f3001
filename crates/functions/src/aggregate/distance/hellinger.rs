//! `hellinger`: the Hellinger distance between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(crate) static HELLINGER: Comparison = Comparison {
    name: "hellinger",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges],
    returns: Returns::Double,
    measure: Measure::Binned(|counts, _| divergence::hellinger(counts.reference, counts.current).into()),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &HELLINGER,
        &format!(
            "Hellinger distance, DOUBLE from 0 (equal) to 1 (disjoint); a metric. 0.1 is commonly watched.\n\n\
             `sqrt(sum over bins of (sqrt(r) - sqrt(c))² / 2)` with the shares `r` of the reference and `c` of the current \
             population, no smoothing. Source: Hellinger (1909).\n\n{BINNED_ROWS}"
        ),
        "",
    )
});
