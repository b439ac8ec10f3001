//! `mwu_test`: the Mann-Whitney U test.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::ranked::{self, FIELDS, P_VALUE};
use crate::aggregate::comparison::{Comparison, Measure};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::kernels::mann_whitney::mann_whitney;

pub(crate) static MWU_TEST: Comparison = Comparison {
    name: "mwu_test",
    options: &[],
    returns: ranked::RETURNS,
    measure: Measure::Ranked(|sides, _| {
        let test = mann_whitney(sides.reference, sides.current);
        ranked::answer(Some(test.statistic), test.p_value, false, sides)
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &MWU_TEST,
        &format!(
            "Mann-Whitney U test (Wilcoxon's rank-sum test), two-sided, {FIELDS}. It sees shifts of the location and is blind to \
             a change of spread around the same middle.\n\n\
             `statistic` is U of the reference: of all pairs of a reference and a current value, those whose reference value is \
             the larger one, ties counting half; `statistic / (n_ref * n_cur)` is the probability of superiority, 0.5 without \
             drift. `p_value` is asymptotic, corrected for continuity and ties. Both equal `scipy.stats.mannwhitneyu(reference, \
             current, alternative='two-sided', method='asymptotic')` of scipy 1.17 to 1e-9. `p_clipped` is always false. \
             Source: Mann and Whitney (1947).\n\n{P_VALUE}\n\n{RANKED_ROWS}"
        ),
        "",
    )
});
