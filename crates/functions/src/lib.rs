//! SQL functions of Driftline for DataFusion: drift between two populations, service-level objectives, and small helpers.
//!
//! Four rooms. [`kernels`] is the arithmetic on plain slices: it knows neither SQL nor DataFusion, and every number it
//! returns is checked against its named reference. `aggregate`, `scalar` and `window` hold one SQL function a file:
//! signature, options, documentation and the way into the kernels. `distribution` is a room of its own: aggregates that make a
//! summary, scalars that read and compare it.
//!
//! The invariant of the aggregates: a partial state holds integers only (counts, or values as order-preserving integers),
//! and floats are computed once, from the finished state. So a result does not depend on partitions, batches or row order.
//!
//! ```
//! use datafusion::prelude::SessionContext;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> datafusion::error::Result<()> {
//! let mut session = SessionContext::new();
//! driftline_functions::register(&mut session)?;
//! let sql = "SELECT psi(v, is_current) FROM (VALUES (1.0, false), (2.0, false), (1.5, true)) AS t (v, is_current)";
//! assert_eq!(session.sql(sql).await?.collect().await?[0].num_rows(), 1);
//! # Ok(())
//! # }
//! ```

mod aggregate;
pub mod baseline;
mod distribution;
pub mod kernels;
mod options;
pub mod prices;
mod scalar;
mod table;
mod window;

use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{AggregateUDF, Documentation, ScalarUDF, WindowUDF};

pub use options::DriftOptions;
pub use scalar::attribute_text;

/// Registers every function of this crate.
///
/// # Errors
/// Fails where the registry is read only.
pub fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in aggregates() {
        registry.register_udaf(function)?;
    }
    for function in scalars() {
        registry.register_udf(function)?;
    }
    for function in windows() {
        registry.register_udwf(function)?;
    }
    let checks: [Arc<dyn FunctionRewrite + Send + Sync>; 2] =
        [Arc::new(aggregate::CheckLiterals), Arc::new(window::CheckWindows)];
    for check in checks {
        match registry.register_function_rewrite(check) {
            // a registry without an analyzer: literals are checked when the query runs
            Err(DataFusionError::NotImplemented(_)) => {}
            registered => registered?,
        }
    }
    Ok(())
}

/// Lists the aggregate functions. All of them also work as window functions with `OVER`.
pub fn aggregates() -> Vec<Arc<AggregateUDF>> {
    aggregate::all()
}

/// Lists the scalar functions.
pub fn scalars() -> Vec<Arc<ScalarUDF>> {
    scalar::all()
}

/// Lists the functions that work as window functions alone.
pub fn windows() -> Vec<Arc<WindowUDF>> {
    window::all()
}

/// Lists name and documentation of the table functions. They need a catalog: the database makes and registers them.
pub fn table_functions() -> Vec<(&'static str, &'static Documentation)> {
    table::all()
}

#[cfg(test)]
mod tests;
