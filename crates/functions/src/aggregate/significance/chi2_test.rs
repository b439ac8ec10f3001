//! `chi2_test`: Pearson's chi-squared test of homogeneity.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::homogeneity::{self, CORRECTION, FIELDS};
use crate::aggregate::comparison::{Comparison, Measure};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::contingency::Power;

pub(crate) static CHI2_TEST: Comparison = Comparison {
    name: "chi2_test",
    options: homogeneity::OPTIONS,
    returns: homogeneity::RETURNS,
    measure: Measure::Binned(|counts, options| homogeneity::measure(counts, Power::Pearson, options)),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &CHI2_TEST,
        &format!(
            "Pearson's chi-squared test of homogeneity, STRUCT(statistic DOUBLE, p_value DOUBLE, dof BIGINT, min_expected DOUBLE, \
             cramers_v DOUBLE, n_ref BIGINT, n_cur BIGINT).\n\n\
             `statistic = sum over both sides and all categories of (o - e)² / e` with the observed counts `o` and the counts `e` \
             expected of equal shares; `statistic`, `p_value` and `dof` equal `scipy.stats.chi2_contingency([ref, cur])` of \
             scipy 1.17 to 1e-9. Source: Pearson (1900), Yates (1934).\n\n{FIELDS}\n\n{BINNED_ROWS}"
        ),
        CORRECTION,
    )
});
