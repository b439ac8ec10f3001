//! `cvm_test`: the two-sample Cramér-von Mises test.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::ranked::{self, FIELDS, P_VALUE};
use crate::aggregate::comparison::{Answer, Comparison, Measure};
use crate::aggregate::documentation::{self, RANKED_ROWS};
use crate::kernels::cramer_von_mises::{P_VALUE_MIN, cramer_von_mises};

pub(crate) static CVM_TEST: Comparison = Comparison {
    name: "cvm_test",
    options: &[],
    returns: ranked::RETURNS,
    measure: Measure::Ranked(|sides, _| match cramer_von_mises(sides.reference, sides.current) {
        Some(test) => ranked::answer(Some(test.statistic), test.p_value, test.p_value < P_VALUE_MIN, sides),
        None => Answer::Null,
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &CVM_TEST,
        &format!(
            "Two-sample Cramér-von Mises test, {FIELDS}. It weighs a shift by how much of the data lies there, where `ks_test` \
             looks at one place.\n\n\
             `statistic` is Anderson's T with midranks for ties, from 0 upwards but for ties; `p_value` is asymptotic. Both equal \
             `scipy.stats.cramervonmises_2samp(reference, current, method='asymptotic')` of scipy 1.17 to 1e-9, with one \
             exception: a single distinct value on both sides has the p-value 1, where scipy gives 0.0007. The series behind \
             the p-value ends at terms of 1e-7: below that `p_clipped` is true, and all that is known is `p < 1e-7`. Source: \
             Anderson (1962), Csörgő and Faraway (1996).\n\n{P_VALUE}\n\n{RANKED_ROWS} With less than two values on a side it \
             is NULL too."
        ),
        "",
    )
});
