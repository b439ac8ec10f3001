//! `cramers_v`: how strongly the category depends on the population.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::homogeneity::{self, CORRECTION};
use crate::aggregate::comparison::{Comparison, Measure, Returns};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::contingency::{self, Power};

pub(crate) static CRAMERS_V: Comparison = Comparison {
    name: "cramers_v",
    options: homogeneity::OPTIONS,
    returns: Returns::Double,
    measure: Measure::Binned(|counts, options| {
        contingency::homogeneity(counts.reference, counts.current, Power::Pearson, options.correction)
            .and_then(|test| test.cramers_v)
            .into()
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &CRAMERS_V,
        &format!(
            "Cramér's V between population and category, corrected for bias, DOUBLE from 0 (equal) to 1 (disjoint); 0.2 is \
             commonly watched.\n\n\
             `sqrt(max(0, x/n - (k-1)/(n-1)) / min(1 - 1/(n-1), k - 1 - (k-1)²/(n-1)))` with the statistic `x` of `chi2_test`, \
             `n` values on both sides and `k` categories. Source: Bergsma, A bias-correction for Cramér's V (2013), with Yates' \
             correction for two categories unless `correction=false`. Without the bias correction, many categories of few \
             rows look like a drift. A single category gives 0; NULL where too few rows leave nothing to correct.\n\n\
             Numbers are counted in bins; a code that is a number is a category after a cast to TEXT.\n\n{BINNED_ROWS}"
        ),
        CORRECTION,
    )
});
