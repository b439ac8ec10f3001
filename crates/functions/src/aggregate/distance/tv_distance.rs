//! `tv_distance`: the total variation distance between two populations.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(crate) static TV_DISTANCE: Comparison = Comparison {
    name: "tv_distance",
    options: &[OptionName::Bins, OptionName::Binning, OptionName::Edges],
    returns: Returns::Double,
    measure: Measure::Binned(|counts, _| divergence::tv_distance(counts.reference, counts.current).into()),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &TV_DISTANCE,
        &format!(
            "Total variation distance, DOUBLE from 0 (equal) to 1 (disjoint): the share of rows that would have to change their bin. \
             0.1 is commonly watched.\n\n\
             `sum over bins of |r - c| / 2` with the shares `r` of the reference and `c` of the current population, no smoothing. \
             Source: Levin, Peres and Wilmer, Markov Chains and Mixing Times (2009), chapter 4.\n\n{BINNED_ROWS}"
        ),
        "",
    )
});
