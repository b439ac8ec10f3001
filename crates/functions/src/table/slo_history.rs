//! `slo_history`: how a service-level objective came where it stands.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::SLO;

pub(super) fn documentation() -> &'static Documentation {
    &DOCUMENTATION
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SLO,
        "How an SLO of `CREATE SLO` came where it stands, a table function with a row a step and group of the period that ends at `at`: slo TEXT, group_key \
         TEXT, time TIMESTAMP (where the step begins), sli DOUBLE, good BIGINT, total BIGINT, ineligible BIGINT, burn_rate DOUBLE, budget_remaining \
         DOUBLE (at the end of the step).\n\n\
         The numbers are those of `slo_status`: `burn_rate = (1 - good / total) / (1 - objective)` of the step alone. Source: Google SRE Workbook, \
         chapter 5. A step without events is NULL where a ratio would be. Steps begin at whole multiples of their length since 1970, at most 100,000 of \
         them; with time slices a step is a multiple of theirs. Errors: an unknown SLO, a step of months or of less than a minute.",
        "slo_history('name', step [, at])",
    )
    .with_argument("name", "The name of an SLO.")
    .with_argument("step", "The length of a step, an INTERVAL of whole minutes.")
    .with_argument("at", "The moment at which the period ends, a TIMESTAMP; without it, now.")
    .with_sql_example(
        "SELECT time, sli, burn_rate, budget_remaining\n\
         FROM slo_history('availability', INTERVAL '1 day')\n\
         ORDER BY time",
    )
    .build()
});
