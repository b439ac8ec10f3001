//! Aggregate functions, one a file. `comparison` is what the functions over two populations share, `slo` what the two SLO
//! functions share.

mod comparison;
mod documentation;
mod error_budget_remaining;
mod js_distance;
mod js_divergence;
mod kl_divergence;
mod ks_test;
mod literals;
mod psi;
mod slo;
mod slo_burn_rate;

pub(crate) use documentation::DRIFT;
pub(crate) use literals::CheckLiterals;

use std::sync::Arc;

use datafusion::logical_expr::AggregateUDF;

/// Every aggregate function, in the order of the documentation.
pub(crate) fn all() -> Vec<Arc<AggregateUDF>> {
    vec![
        comparison::function(&psi::PSI),
        comparison::function(&kl_divergence::KL_DIVERGENCE),
        comparison::function(&js_divergence::JS_DIVERGENCE),
        comparison::function(&js_distance::JS_DISTANCE),
        comparison::function(&ks_test::KS_TEST),
        slo::function(&slo_burn_rate::SLO_BURN_RATE),
        slo::function(&error_budget_remaining::ERROR_BUDGET_REMAINING),
    ]
}
