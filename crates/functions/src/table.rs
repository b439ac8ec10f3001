//! Table functions: what stands in FROM. They need a catalog, so they are made by the layer above; their documentation is here, next
//! to that of all other functions.

mod drift_report;
mod slo_history;
mod slo_status;

use datafusion::logical_expr::Documentation;

/// Name and documentation of every table function.
pub(crate) fn all() -> Vec<(&'static str, &'static Documentation)> {
    vec![
        ("drift_report", drift_report::documentation()),
        ("slo_history", slo_history::documentation()),
        ("slo_status", slo_status::documentation()),
    ]
}
