//! `wilson_upper`: the upper bound of Wilson's interval.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::wilson_bound::{self, Bound};

pub(crate) static WILSON_UPPER: Bound =
    Bound { name: "wilson_upper", pick: |interval| interval.1, documentation: || &DOCUMENTATION };

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    wilson_bound::documentation(
        "wilson_upper",
        "The upper bound of the share behind `successes` of `n` trials, DOUBLE in [0, 1]. An alert on quality fires when this \
         bound is below the target: then chance alone does not explain it.",
    )
});
