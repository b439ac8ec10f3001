//! `chi2_test`: Pearson's chi-squared test of homogeneity.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::homogeneity::{self, CORRECTION, FIELDS};
use crate::aggregate::comparison::{Comparison, Measure};
use crate::aggregate::documentation::{self, BINNED_ROWS};
use crate::kernels::contingency::Power;
use crate::kernels::conventions::{evidently, popmon};
use crate::options::Profile;

pub(crate) static CHI2_TEST: Comparison = Comparison {
    name: "chi2_test",
    options: homogeneity::OPTIONS,
    returns: homogeneity::RETURNS,
    measure: Measure::Profiled {
        default: &HOMOGENEITY,
        profiles: &[
            (
                Profile::Evidently,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = evidently::values(sides.reference, sides.current);
                        homogeneity::of_fit(&r, &c, Power::Pearson)
                    },
                    categories: |counts, _| {
                        homogeneity::of_fit(counts.reference, counts.current, Power::Pearson)
                    },
                },
            ),
            (
                Profile::Nannyml,
                Measure::Categories(|counts, options| {
                    homogeneity::answer(counts.reference, counts.current, Power::Pearson, options.correction)
                }),
            ),
            (
                Profile::PopmonNorm,
                Measure::Mixed {
                    numbers: |sides, _| {
                        let [r, c] = popmon::bins(sides.reference, sides.current, sides.integers);
                        homogeneity::answer(&r, &c, Power::Pearson, false)
                    },
                    categories: |counts, _| {
                        homogeneity::answer(counts.reference, counts.current, Power::Pearson, false)
                    },
                },
            ),
        ],
    },
    documentation: || &DOCUMENTATION,
};

const HOMOGENEITY: Measure =
    Measure::Binned(|counts, options| homogeneity::measure(counts, Power::Pearson, options));

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
        &format!(
            "{CORRECTION} `profile=evidently` (a test of fit: the reference taken for the truth, every number a category; the \
             statistic infinite for a category that the reference does not have, p-value NULL for a single category), `nannyml` \
             (categories alone, with Yates' correction) or `popmon_norm` (popmon's bins, without): that tool's convention to the \
             digit, instead of all other options; see [the conventions](drift-conventions.md)."
        ),
    )
});
