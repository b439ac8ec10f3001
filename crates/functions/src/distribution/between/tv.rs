//! `tv_between`: the total variation distance between two distributions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::super::documentation;
use super::{Between, Measure};
use crate::kernels::divergence;
use crate::options::OptionName;

pub(in super::super) static TV_BETWEEN: Between = Between {
    name: "tv_between",
    options: &[OptionName::Bins],
    measure: Measure::Binned(|r, c, _| divergence::tv_distance(r, c)),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::binned(
        "tv_between",
        "Total variation distance between two distributions, DOUBLE from 0 (equal) to 1 (disjoint): the share of values that would \
         have to change their bin. 0.1 is commonly watched.\n\n\
         `sum over bins of |r - c| / 2`, no smoothing: `tv_distance` over bins at ends of buckets. Source: Levin, Peres and Wilmer, Markov \
         Chains and Mixing Times (2009), chapter 4.",
        "",
    )
});
