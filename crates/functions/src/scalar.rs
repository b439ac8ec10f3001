//! Scalar functions, one a file.

mod attr;
mod novelty;
mod texts;
mod wilson_bound;
mod wilson_lower;
mod wilson_upper;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

/// Every scalar function, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::new_from_impl(novelty::Novelty::new())),
        Arc::new(ScalarUDF::new_from_impl(wilson_bound::WilsonBound::new(&wilson_lower::WILSON_LOWER))),
        Arc::new(ScalarUDF::new_from_impl(wilson_bound::WilsonBound::new(&wilson_upper::WILSON_UPPER))),
        Arc::new(ScalarUDF::new_from_impl(attr::Attr::new())),
    ]
}
