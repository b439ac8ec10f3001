//! `wilson_lower`: the lower bound of Wilson's interval.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::wilson_bound::{self, Bound};

pub(crate) static WILSON_LOWER: Bound =
    Bound { name: "wilson_lower", pick: |interval| interval.0, documentation: || &DOCUMENTATION };

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    wilson_bound::documentation(
        "wilson_lower",
        "The lower bound of the share behind `successes` of `n` trials, DOUBLE in [0, 1]: at least this good, with the chosen \
         confidence.",
    )
});
