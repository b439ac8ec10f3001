//! `slo_burn_rate`: how fast the error budget burns.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::documentation::{self, ServiceLevelArguments};
use super::slo::{Measure, ServiceLevel};

pub(crate) static SLO_BURN_RATE: ServiceLevel = ServiceLevel {
    name: "slo_burn_rate",
    measure: Measure::Objective(|traffic| traffic.burn_rate()),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::service_level(
        "slo_burn_rate",
        ServiceLevelArguments::Objective,
        "How fast the error budget burns, DOUBLE from 0 upwards: 1 uses exactly the whole budget by the end of the \
         objective's period, 14.4 uses 2 % of a 30-day budget in an hour. The largest possible value is `1 / (1 - objective)`.\n\n\
         `burn = (bad / total) / (1 - objective)` with `bad = total - good`. Source: Google SRE Workbook, chapter 5.",
    )
});
