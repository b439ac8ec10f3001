//! `welch_t_test`: the t-test of two means with unequal variances.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::ranked::{self, FIELDS, P_VALUE};
use crate::aggregate::comparison::{Answer, Comparison, Measure};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::kernels::welch::welch_t_test;

pub(crate) static WELCH_T_TEST: Comparison = Comparison {
    name: "welch_t_test",
    options: &[],
    returns: ranked::RETURNS,
    measure: Measure::Ranked(|sides, _| match welch_t_test(sides.reference, sides.current) {
        Some(test) => ranked::answer(Some(test.statistic), test.p_value, false, sides),
        None => Answer::Null,
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &WELCH_T_TEST,
        &format!(
            "Welch's t-test, two-sided, {FIELDS}. It compares means alone, whatever the variances.\n\n\
             `statistic = (mean_ref - mean_cur) / sqrt(var_ref / n_ref + var_cur / n_cur)` with variances of ddof 1, above 0 where \
             the mean has fallen; `p_value` by Student's distribution with Welch's degrees of freedom. Both equal \
             `scipy.stats.ttest_ind(reference, current, equal_var=False)` of scipy 1.17 to 1e-9. Where both sides are constant \
             they are 0 and 1 for equal values (scipy: NaN), and infinite and 0 for different ones. Sums run over sorted values, \
             so no partitioning changes a bit. `p_clipped` is always false. Source: Welch (1947).\n\n{P_VALUE} One outlier moves \
             a mean anywhere.\n\n{RANKED_ROWS} With less than two values on a side it is NULL too."
        ),
        "",
    )
});
