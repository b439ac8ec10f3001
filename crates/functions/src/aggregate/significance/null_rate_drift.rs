//! `null_rate_drift`: whether values are missing more or less often than before.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::rates::{self, TEST};
use crate::aggregate::comparison::{Comparison, Measure};
use crate::aggregate::documentation;

pub(crate) static NULL_RATE_DRIFT: Comparison = Comparison {
    name: "null_rate_drift",
    options: &[],
    returns: rates::RETURNS,
    measure: Measure::Presence(|counts, _| {
        let nulls = [counts.excluded[0].nulls, counts.excluded[1].nulls];
        let [reference, current] = counts.totals();
        rates::answer(nulls, [reference + nulls[0], current + nulls[1]])
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::comparison(
        &NULL_RATE_DRIFT,
        &format!(
            "Test of the rates of NULL, whether values are missing more or less often than before, STRUCT(statistic DOUBLE, p_value \
             DOUBLE, rate_ref DOUBLE, rate_cur DOUBLE, n_ref BIGINT, n_cur BIGINT).\n\n{TEST}\n\n\
             `rate_ref` and `rate_cur` are the shares of NULL; `n_ref` and `n_cur` count all rows of the side. NaN and \
             infinities are values, not NULL. Rows with NULL `is_current` are ignored. The result is NULL when a side has no \
             row. Memory does not grow with rows. Works in `OVER` windows."
        ),
        "",
    )
});
