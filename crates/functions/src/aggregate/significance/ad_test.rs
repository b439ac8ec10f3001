//! `ad_test`: the two-sample Anderson-Darling test.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::ranked::{self, FIELDS, P_VALUE};
use crate::aggregate::comparison::{Answer, Comparison, Measure, Sorted};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::kernels::anderson_darling::{VALUES_MIN, anderson_darling};

pub(crate) static AD_TEST: Comparison = Comparison {
    name: "ad_test",
    options: &[],
    returns: ranked::RETURNS,
    measure: Measure::Ranked(|sides, _| measure(sides)),
    documentation: || &DOCUMENTATION,
};

fn measure(sides: &Sorted<'_>) -> Answer {
    match anderson_darling(sides.reference, sides.current) {
        Some(test) => ranked::answer(Some(test.statistic), test.p_value, test.is_clipped, sides),
        None if sides.reference.len() + sides.current.len() < VALUES_MIN => Answer::Null,
        // one value everywhere: nothing differs
        None => ranked::answer(None, 1.0, false, sides),
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &AD_TEST,
        &format!(
            "Two-sample Anderson-Darling test, {FIELDS}. Of the tests of ranks it sees most in the tails.\n\n\
             `statistic` is Scholz and Stephens' A² with midranks for ties, standardised: about 0 without drift, with variance 1. \
             `p_value` is read from their table of seven levels by a parabola, and is known from 0.001 to 0.25 alone: outside it \
             is that bound, and `p_clipped` is true. Both equal `scipy.stats.anderson_ksamp([reference, current], \
             variant='midrank')` of scipy 1.17 to 1e-9. A single distinct value on both sides, for which scipy raises an error, \
             has the statistic NULL and the p-value 1. Source: Scholz and Stephens (1987).\n\n{P_VALUE}\n\n{RANKED_ROWS} With \
             less than {VALUES_MIN} values on both sides together it is NULL too."
        ),
        "",
    )
});
