//! `z_test_prop`: the test of two proportions.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::rates::{self, TEST};
use crate::aggregate::comparison::{Comparison, Measure};
use crate::aggregate::documentation;

pub(crate) static Z_TEST_PROP: Comparison = Comparison {
    name: "z_test_prop",
    options: &[],
    returns: rates::RETURNS,
    measure: Measure::Flagged(|counts, _| {
        rates::answer([counts.reference[1], counts.current[1]], counts.totals())
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &Z_TEST_PROP,
        &format!(
            "Test of two proportions, whether a condition holds more or less often than before, STRUCT(statistic DOUBLE, p_value \
             DOUBLE, rate_ref DOUBLE, rate_cur DOUBLE, n_ref BIGINT, n_cur BIGINT).\n\n{TEST}\n\n\
             `rate_ref` and `rate_cur` are the shares of true; `n_ref` and `n_cur` count the values used. NULL values and rows \
             with NULL `is_current` are ignored. The result is NULL when a side has no value. Only BOOLEAN values are taken. \
             Memory does not grow with rows. Works in `OVER` windows."
        ),
        "",
    )
});
