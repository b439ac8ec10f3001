//! Words that the documentation of several functions shares.

use datafusion::logical_expr::{DocSection, Documentation};

use super::comparison::{Comparison, Measure, Returns};

pub(crate) const DRIFT: DocSection = DocSection {
    include: true,
    label: "Drift",
    description: Some(
        "How different a current population is from a reference one, in one scan. `is_current` tells which population a row \
         belongs to: false = reference, true = current, NULL = neither. In its place, `baseline('name')` names a stored reference \
         with which every row is compared.",
    ),
};

pub(crate) const SLO: DocSection = DocSection {
    include: true,
    label: "Service levels",
    description: Some(
        "Service-level objectives after the Google SRE Workbook, chapter 5 (Alerting on SLOs). The order of arguments is \
         always good, total, objective.",
    ),
};

pub(crate) const VALUE: &str = "The compared value: any number (integers and decimals are read as DOUBLE: exact up to 2^53, the \
    nearest DOUBLE beyond), or a category: TEXT, dictionary-encoded text, BOOLEAN.";
const NUMBER: &str = "The compared number; integers and decimals are read as DOUBLE: exact up to 2^53, the nearest DOUBLE beyond.";
const CATEGORY: &str = "The compared category: TEXT, dictionary-encoded text, BOOLEAN.";
const FLAG: &str = "BOOLEAN: the condition whose share is compared.";
const ANYTHING: &str = "A column of any type.";
pub(crate) const IS_CURRENT: &str = "BOOLEAN: false = reference, true = current, NULL = neither.";
const BINS: &str = "`bins=10` (2 to 10000); `binning=quantile` (of the reference) or `binning=uniform` (equal widths between \
    the least and the largest reference value); `binning=sturges` or `binning=doane`: equal widths, as many as numpy makes of \
    the reference by that rule, at least two; or `edges=[0, 0.5, 1]` instead of both. Outer bins are always open. Numbers only.";

/// What every binned comparison does with its rows.
pub(crate) const BINNED_ROWS: &str = "Numbers are counted in bins, by default at the reference's deciles (type 7, numpy's \
    default). A decile that repeats is an atom and has a bin of its own, so zero-inflated and constant columns are compared \
    too. Categories are their own bins; one that only one side has counts as well.\n\n\
    NULL values and rows with NULL `is_current` are ignored; NaN and infinities are left out. The result is NULL when a side \
    has no value. TIMESTAMP values are refused.\n\n\
    With `edges` the memory does not grow with the rows; other bins need 8 bytes a value, up to `drift.exact_max_rows` values of \
    a group (50 million, the reference and the current population together; set by `Database::builder(..).exact_max_rows(n)` or in a \
    server's configuration). Beyond, each side of the group is counted in at most \
    4096 buckets of a `distribution`: bins at quantiles have their edges at the nearest ends of buckets, and their counts are exact; \
    bins of equal widths fail. Works in `OVER` windows, where bins at quantiles are found again for every frame.";

/// What every comparison of ranked numbers does with its rows.
pub(crate) const RANKED_ROWS: &str = "NULL values and rows with NULL `is_current` are ignored; NaN and infinities are left \
    out. The result is NULL when a side has no value. Text, BOOLEAN and TIMESTAMP values are refused. Needs 8 bytes a \
    value, and fails with more than `drift.exact_max_rows` (50 million) of them in a group. Works in `OVER` windows.";

/// Starts the documentation of a function over `(value, is_current [, options])`. `options` explains those that are not the
/// binning's; without any the function takes none.
pub(crate) fn comparison(of: &Comparison, description: &str, options: &str) -> Documentation {
    let (value, binning) = match of.measure.plain() {
        Measure::Binned(_) => (VALUE, BINS),
        Measure::Mixed { .. } => (VALUE, ""),
        Measure::Categories(_) => (CATEGORY, ""),
        Measure::Ranked(_) | Measure::Bounded { .. } | Measure::Profiled { .. } => (NUMBER, ""),
        Measure::Flagged(_) => (FLAG, ""),
        Measure::Presence(_) => (ANYTHING, ""),
        Measure::Summary(_) => (VALUE, ""),
    };
    let name = of.name;
    let options = format!("{binning} {options}");
    let syntax = match options.trim() {
        "" => format!("{name}(value, is_current)"),
        _ => format!("{name}(value, is_current [, options])"),
    };
    let mut documentation = Documentation::builder(DRIFT, description, syntax.clone())
        .with_argument("value", value)
        .with_argument("is_current", IS_CURRENT)
        .with_sql_example(example(of));
    if !of.measure.plain().ranks() {
        documentation =
            documentation.with_alternative_syntax(syntax.replace("is_current", "baseline('name' ...)"));
    }
    match options.trim() {
        "" => documentation.build(),
        options => documentation.with_argument("options", format!("One text literal. {options}")).build(),
    }
}

fn example(of: &Comparison) -> String {
    let value = match of.measure.plain() {
        Measure::Binned(_)
        | Measure::Ranked(_)
        | Measure::Bounded { .. }
        | Measure::Mixed { .. }
        | Measure::Profiled { .. } => "confidence",
        Measure::Categories(_) => "CAST(confidence AS TEXT)",
        Measure::Flagged(_) => "confidence < 0.9",
        Measure::Presence(_) => "nullif(confidence, 0.71)",
        Measure::Summary(_) => "confidence",
    };
    let call = format!("{}({value}, day >= 8)", of.name);
    let call = match of.returns {
        Returns::Double => format!("round({call}, 6)"),
        Returns::Struct(_) => call,
    };
    format!(
        "SELECT model, {call} AS drift\n\
         FROM (VALUES ('a', 1, 0.91), ('a', 2, 0.94), ('a', 8, 0.92), ('a', 9, 0.71),\n\
         \x20            ('b', 1, 0.88), ('b', 2, 0.85), ('b', 8, 0.88), ('b', 9, 0.85)) AS t (model, day, confidence)\n\
         GROUP BY model ORDER BY model"
    )
}

/// Starts the documentation of a service-level function.
pub(crate) fn service_level(name: &str, takes: ServiceLevelArguments, description: &str) -> Documentation {
    let (objective, period) = match takes {
        ServiceLevelArguments::Events => ("", ""),
        ServiceLevelArguments::Objective => (", objective", ""),
        ServiceLevelArguments::Period => (", objective", ", period"),
    };
    let errors = match objective {
        "" => "Errors: ",
        _ => "Errors: an objective outside (0, 1), two objectives in one group, ",
    };
    let description = format!(
        "{description}\n\n\
         An event with NULL `good` is not eligible and is not counted; rows with a NULL count or objective are skipped. No \
         traffic gives NULL, never 0: no data must not look like a met objective. {errors}\
         `good_count` above `total_count`, a negative or fractional count. Memory does not grow \
         with rows; works in `OVER` windows."
    );
    let mut documentation =
        Documentation::builder(SLO, description, format!("{name}(good{objective}{period})"))
            .with_alternative_syntax(format!("{name}(good_count, total_count{objective}{period})"))
            .with_argument(
                "good",
                "BOOLEAN: whether the event was good; NULL where the objective does not apply.",
            )
            .with_argument("good_count", "Number of good events.")
            .with_argument("total_count", "Number of eligible events, good and bad.");
    let mut arguments = String::new();
    if !objective.is_empty() {
        documentation = documentation.with_argument(
            "objective",
            "The share of good events aimed at, in (0, 1): 0.999, not 99.9. One value a group.",
        );
        arguments.push_str(", 0.99");
    }
    if !period.is_empty() {
        documentation = documentation.with_argument(
            "period",
            "Constant INTERVAL without months: the period that the budget is for, `INTERVAL '30 days'`.",
        );
        arguments.push_str(", INTERVAL '30 days'");
    }
    documentation
        .with_sql_example(format!(
            "SELECT hour, round({name}(NOT is_error{arguments}), 6) AS of_events\n\
             FROM (VALUES (1, false), (1, false), (1, true), (2, false), (2, NULL)) AS calls (hour, is_error)\n\
             GROUP BY hour ORDER BY hour"
        ))
        .build()
}

/// What a service-level function takes behind the events.
#[derive(Clone, Copy)]
pub(crate) enum ServiceLevelArguments {
    Events,
    Objective,
    Period,
}
