//! `g_test`: the log-likelihood ratio test of homogeneity.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::homogeneity::{self, CORRECTION, FIELDS};
use crate::aggregate::comparison::{Comparison, Measure};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::contingency::Power;
use crate::kernels::conventions::evidently;
use crate::options::Profile;

pub(crate) static G_TEST: Comparison = Comparison {
    name: "g_test",
    options: homogeneity::OPTIONS,
    returns: homogeneity::RETURNS,
    measure: Measure::Profiled {
        default: &HOMOGENEITY,
        profiles: &[(
            Profile::Evidently,
            Measure::Mixed {
                numbers: |sides, _| {
                    let [r, c] = evidently::values(sides.reference, sides.current);
                    homogeneity::of_fit(&r, &c, Power::LogLikelihood)
                },
                categories: |counts, _| {
                    homogeneity::of_fit(counts.reference, counts.current, Power::LogLikelihood)
                },
            },
        )],
    },
    documentation: || &DOCUMENTATION,
};

const HOMOGENEITY: Measure =
    Measure::Binned(|counts, options| homogeneity::measure(counts, Power::LogLikelihood, options));

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &G_TEST,
        &format!(
            "Log-likelihood ratio test of homogeneity (G-test), STRUCT(statistic DOUBLE, p_value DOUBLE, dof BIGINT, min_expected DOUBLE, \
             cramers_v DOUBLE, n_ref BIGINT, n_cur BIGINT).\n\n\
             `statistic = 2 * sum over both sides and all categories of o * ln(o / e)` with the observed counts `o` and the \
             counts `e` expected of equal shares; `statistic`, `p_value` and `dof` equal \
             `scipy.stats.chi2_contingency([ref, cur], lambda_='log-likelihood')` of scipy 1.17 to 1e-9. Source: Sokal and \
             Rohlf, Biometry (1981).\n\n{FIELDS}\n\n{BINNED_ROWS}"
        ),
        &format!(
            "{CORRECTION} `profile=evidently` (a test of fit: the reference taken for the truth, every number a category; the \
             statistic infinite for a category that the reference does not have, p-value NULL for a single category, both NULL \
             for populations of unequal size, which evidently refuses): that tool's convention to the digit, instead of all \
             other options; see [the conventions](drift-conventions.md)."
        ),
    )
});
