//! `slo_status`: where service-level objectives stand.

use std::sync::LazyLock;

use datafusion::logical_expr::Documentation;

use crate::aggregate::SLO;

pub(super) fn documentation() -> &'static Documentation {
    &DOCUMENTATION
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        SLO,
        "Where an SLO of `CREATE SLO` stands, a table function with a row a group: slo TEXT, group_key TEXT, time TIMESTAMP, state TEXT (ok, \
         ticket, page, no_data), objective DOUBLE, sli DOUBLE, good BIGINT, total BIGINT, ineligible BIGINT, coverage DOUBLE, period_start \
         TIMESTAMP, budget_remaining DOUBLE, budget_consumed DOUBLE, budget_consumed_projected DOUBLE, burn_rate_5m, burn_rate_30m, burn_rate_1h, \
         burn_rate_2h, burn_rate_6h, burn_rate_24h, burn_rate_3d and burn_rate_period DOUBLE, time_to_exhaustion DOUBLE in seconds, reason TEXT.\n\n\
         `sli = good / total` over the period, of sums and never of ratios; `burn_rate = (1 - good / total) / (1 - objective)` of its window; \
         `budget_consumed` is the burn rate of the period and `budget_remaining` what it leaves of 1, below 0 where it is overspent; \
         `time_to_exhaustion = period * budget_remaining / burn_rate_1h`. Source: Google SRE Workbook, chapter 5 (Alerting on SLOs). A page or a ticket \
         is a burn rate over a window and over a twelfth of it, both above the threshold of a rule.\n\n\
         Events are counted exactly, by the minute; late rows count where their time says. Windows without traffic are NULL, and a period without any \
         is `no_data`, never met. A row whose verdict is NULL is ineligible and counted apart. `driftline.slo_status` has the same of all SLOs; \
         there one that cannot be counted has the state `error` and hides no other. Memory: at most 64 MiB of counts an SLO. Errors: an unknown SLO (the \
         nearest is named), whatever its query fails with. See [SLOs](slo.md).",
        "slo_status('name' [, at])",
    )
    .with_argument("name", "The name of an SLO; with `%` all that are like it.")
    .with_argument("at", "The moment, a TIMESTAMP; without it, now. Its minute is the last one that counts.")
    .with_sql_example(
        "SELECT group_key, state, sli, budget_remaining, burn_rate_1h, reason\n\
         FROM slo_status('availability', now() - INTERVAL '1 day')\n\
         ORDER BY budget_remaining",
    )
    .build()
});
