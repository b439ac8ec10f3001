//! Scalar functions, one a file.

mod attr;
mod baseline;
mod novelty;
mod texts;
mod wilson_interval;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use attr::attribute_text;
pub(crate) use baseline::{BaselineToken, is_token};

/// Every scalar function, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    vec![
        Arc::new(ScalarUDF::new_from_impl(BaselineToken::new())),
        Arc::new(ScalarUDF::new_from_impl(novelty::Novelty::new())),
        Arc::new(ScalarUDF::new_from_impl(wilson_interval::WilsonInterval::new())),
        Arc::new(ScalarUDF::new_from_impl(attr::Attr::new())),
    ]
}
