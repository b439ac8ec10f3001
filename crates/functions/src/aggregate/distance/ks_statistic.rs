//! `ks_statistic`: the Kolmogorov-Smirnov distance.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::comparison::{Answer, Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::aggregate::significance::alternative;
use crate::kernels::ks;
use crate::options::OptionName;

pub(crate) static KS_STATISTIC: Comparison = Comparison {
    name: "ks_statistic",
    options: &[OptionName::Alternative],
    returns: Returns::Double,
    measure: Measure::Ranked(|sides, options| {
        Answer::Double(ks::ks_statistic(sides.reference, sides.current, alternative(options)))
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &KS_STATISTIC,
        &format!(
            "Kolmogorov-Smirnov distance, DOUBLE from 0 (equal) to 1 (disjoint); 0.1 is commonly watched.\n\n\
             `max |F(x) - G(x)|` with the empirical distributions `F` of the reference and `G` of the current population: bit \
             for bit `ks_test(value, is_current)['statistic']`, without the p-value's cost. Independent of the unit of the \
             values and of any order-preserving change. Source: Smirnov (1939).\n\n{RANKED_ROWS}"
        ),
        "`alternative=two-sided`, `less` or `greater` (`F` lies below, above `G` somewhere).",
    )
});
