//! Scalar functions, one a file.

mod attr;
mod baseline;
mod burn_rate_threshold;
mod llm_cost;
mod novelty;
mod texts;
mod wilson_interval;

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use attr::attribute_text;
pub(crate) use baseline::{BaselineToken, is_token};
pub(crate) use llm_cost::LlmCost;
pub(crate) use novelty::{Novelty, embedding_type, is_embedding, read_coordinates, read_embedding};
pub(crate) use texts::Texts;

/// Every scalar function, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let own = [
        ScalarUDF::new_from_impl(BaselineToken::new()),
        ScalarUDF::new_from_impl(Novelty::new()),
        ScalarUDF::new_from_impl(wilson_interval::WilsonInterval::new()),
        ScalarUDF::new_from_impl(attr::Attr::new()),
        ScalarUDF::new_from_impl(LlmCost::new()),
        ScalarUDF::new_from_impl(burn_rate_threshold::BurnRateThreshold::new()),
    ];
    own.into_iter().map(Arc::new).chain(crate::distribution::scalars()).collect()
}
