//! Prices of models: `llm_cost` is planned as a function that has the prices of its moment inside, so that a query keeps them
//! whatever is inserted meanwhile. Keeping and reading the rows of `prices` is the business of the layer above.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

pub use crate::kernels::prices::{Price, PriceBook, Rates, Usage};
use crate::scalar::LlmCost;

/// Whether a scalar function is `llm_cost` without prices.
pub fn takes_prices(function: &ScalarUDF) -> bool {
    function.inner().downcast_ref::<LlmCost>().is_some_and(|function| !function.is_bound())
}

/// `llm_cost` with the prices of a moment.
pub fn with_prices(book: Arc<PriceBook>) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(LlmCost::with_prices(book)))
}
