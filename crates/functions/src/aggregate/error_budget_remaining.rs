//! `error_budget_remaining`: what is left of the error budget over the rows seen.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::documentation::{self, ServiceLevelArguments};
use super::slo::{Measure, ServiceLevel};

pub(crate) static ERROR_BUDGET_REMAINING: ServiceLevel = ServiceLevel {
    name: "error_budget_remaining",
    measure: Measure::Objective(|traffic| 1.0 - traffic.burn_rate()),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::service_level(
        "error_budget_remaining",
        ServiceLevelArguments::Objective,
        "The share of the error budget that is left, DOUBLE up to 1, over the events of the group: select the objective's \
         whole period, for example the last 30 days. 0 means spent, a negative value overspent.\n\n\
         `remaining = 1 - bad / (total * (1 - objective))` with `bad = total - good`. Source: Google SRE Workbook, chapter 5.",
    )
});
