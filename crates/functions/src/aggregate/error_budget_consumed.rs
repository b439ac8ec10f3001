//! `error_budget_consumed`: what is spent of the error budget over the rows seen.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::documentation::{self, ServiceLevelArguments};
use super::slo::{Measure, ServiceLevel};

pub(crate) static ERROR_BUDGET_CONSUMED: ServiceLevel = ServiceLevel {
    name: "error_budget_consumed",
    measure: Measure::Objective(|traffic| traffic.burn_rate()),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::service_level(
        "error_budget_consumed",
        ServiceLevelArguments::Objective,
        "The share of the error budget that is spent, DOUBLE from 0 upwards, over the events of the group: select the objective's \
         whole period, for example the last 30 days. 1 is all of it, more is overspent. It is the burn rate over the whole \
         period.\n\n\
         `consumed = bad / (total * (1 - objective))` with `bad = total - good`. Source: Google SRE Workbook, chapter 5.",
    )
});
