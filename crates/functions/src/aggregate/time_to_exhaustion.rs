//! `time_to_exhaustion`: how long a whole error budget lasts.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::documentation::{self, ServiceLevelArguments};
use super::slo::{Measure, ServiceLevel};

pub(crate) static TIME_TO_EXHAUSTION: ServiceLevel = ServiceLevel {
    name: "time_to_exhaustion",
    measure: Measure::Period(|traffic, seconds| {
        (traffic.good < traffic.total).then(|| seconds / traffic.burn_rate())
    }),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::service_level(
        "time_to_exhaustion",
        ServiceLevelArguments::Period,
        "How long a whole error budget lasts if it goes on burning as in the rows seen, DOUBLE in seconds. NULL where nothing burns. \
         The time from now is this times `error_budget_remaining` of the period.\n\n\
         `seconds = period / burn_rate`: at a burn rate of 1 the period, at 10 a tenth of it. Source: Google SRE Workbook, chapter 5, \
         table 5-4.",
    )
});
