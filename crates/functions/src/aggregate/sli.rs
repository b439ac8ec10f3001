//! `sli`: the share of good events.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use super::documentation::{self, ServiceLevelArguments};
use super::slo::{Measure, ServiceLevel};

pub(crate) static SLI: ServiceLevel = ServiceLevel {
    name: "sli",
    measure: Measure::Events(|traffic| traffic.sli()),
    documentation: || &DOCUMENTATION,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::service_level(
        "sli",
        ServiceLevelArguments::Events,
        "The service-level indicator: the share of good events, DOUBLE in [0, 1].\n\n\
         `sli = good / total`. Of counts it is the ratio of their sums, never the mean of ratios. Source: Google SRE Workbook, chapter 2.",
    )
});
