//! Words that the documentation of several window functions shares.

use datafusion::logical_expr::{DocSection, Documentation};

use super::Window;

pub(super) const STREAMS: DocSection = DocSection {
    include: true,
    label: "Changes in a stream",
    description: Some(
        "Detectors that read a column in the order of time and say at which rows it changed: BOOLEAN, so that `WHERE` and \
         `count(*) FILTER (WHERE ...)` find the changes of a subquery. A row is decided from it and the rows before it, and a \
         detector starts over after a change. Arithmetic and defaults are those of river 0.26, to the row.\n\n\
         Write `OVER (PARTITION BY model ORDER BY time)`; rows of equal time come in no certain order, so name a second column \
         where it matters. A call without ORDER BY, with a FILTER or with another frame than the default is refused. NULL, NaN, \
         infinities and magnitudes above 1e140 take no part: their result is NULL and the detector stays as it was. Any number \
         or BOOLEAN is read as DOUBLE. Partitions are read batch by batch; the state below is held for each.",
    ),
};

pub(super) const ANOMALIES: DocSection = DocSection {
    include: true,
    label: "Anomalies",
    description: Some("How unusual one row is among its neighbours."),
};

const VALUE: &str = "Any number or BOOLEAN; read as DOUBLE: exact up to 2^53, the nearest DOUBLE beyond.";

/// The documentation of a window function over a value; `arguments` are those after it.
pub(super) fn of(
    window: &Window,
    section: DocSection,
    description: &str,
    arguments: &[(&str, &str)],
    example: &str,
) -> Documentation {
    let syntax = format!("{}{} OVER (...)", window.name, window.syntax);
    let value = window.syntax.trim_start_matches('(').split([' ', ',', ')']).next().unwrap_or_default();
    let builder = Documentation::builder(section, description, syntax).with_argument(value, VALUE);
    arguments
        .iter()
        .fold(builder, |builder, (name, words)| builder.with_argument(*name, *words))
        .with_sql_example(example)
        .build()
}

/// The documentation of a detector. `example` is its call over the values `v` of twelve hours, which change with the seventh.
pub(super) fn detector(window: &Window, description: &str, options: &str, example: &str) -> Documentation {
    let example = format!(
        "SELECT hour, v, {example} OVER (ORDER BY hour) AS changed\n\
         FROM (SELECT hour, CASE WHEN hour > 6 THEN 1.0 ELSE 0.0 END + hour % 2 * 0.1 AS v\n\
         \x20     FROM generate_series(1, 12) AS hours (hour))\n\
         ORDER BY hour"
    );
    of(window, STREAMS, description, &[("options", &format!("One text literal. {options}"))], &example)
}
