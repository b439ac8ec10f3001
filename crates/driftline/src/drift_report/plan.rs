//! The one aggregation below a report: `psi_detail` of every column and the counts around it, for the whole and, in the same scan,
//! for every segment.

use std::fmt::Write;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::Expr;
use driftline_functions::baseline::Kind;

use super::call::{Call, Reference};
use super::provider::Report;
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::sql::{self, data_type, quoted};

/// The column of instants.
const TIME: &str = "time";
const IS_CURRENT: &str = "driftline_is_current";
const IN_BOTH: &str = "driftline_in_both";

/// A compared column.
#[derive(Clone, Debug)]
pub(super) struct ReportColumn {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Named by the caller: compared even where it looks like an id.
    pub(super) named: bool,
    is_float: bool,
}

/// What the answer of the aggregation holds, and in what order: `whole` (1 or 0), the segments' columns, rows of the reference, of
/// the current population and of both, four instants where there is a time column, and three columns for every compared one.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) columns: Vec<ReportColumn>,
    pub(super) segments: Vec<String>,
    pub(super) baseline: bool,
    pub(super) has_time: bool,
}

/// Plans a report.
pub(super) async fn plan(call: Call, context: &QueryContext) -> Result<Report> {
    let rows = sql::plan_text(&format!("SELECT * FROM {}", call.source), context).await?;
    only_reads(&rows)?;
    let schema = rows.schema().as_arrow();
    for segment in &call.segments {
        find(schema, segment)?;
    }
    check_predicate("current", &call.current, &call, context).await?;
    if let Reference::Rows(reference) = &call.reference {
        check_predicate("reference", reference, &call, context).await?;
    }
    let columns = columns_of(&call, schema, context).await?;
    let has_time =
        schema.field_with_name(TIME).is_ok_and(|time| matches!(time.data_type(), DataType::Timestamp(..)));
    let baseline = matches!(call.reference, Reference::Baseline(_));
    let layout = Layout { columns, segments: call.segments.clone(), baseline, has_time };
    let aggregation = sql::plan_text(&aggregation(&call, &layout), context).await?;
    let history = match &call.reference {
        Reference::Rows(reference) if has_time => {
            let sql = format!(
                "SELECT * FROM {} WHERE ({reference}) AND ({}) IS NOT TRUE",
                call.source, call.current
            );
            Some(sql::plan_text(&sql, context).await?)
        }
        _ => None,
    };
    Ok(Report::new(aggregation, layout, history, context.state().clone()))
}

/// The query below a report reads and does nothing else.
fn only_reads(plan: &LogicalPlan) -> Result<()> {
    let mut writes = false;
    plan.apply_with_subqueries(|node| {
        writes |= matches!(
            node,
            LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_)
        );
        Ok(TreeNodeRecursion::Continue)
    })?;
    match writes {
        true => Err(Error::invalid("drift_report takes the name of a table or view, or one SELECT")),
        false => Ok(()),
    }
}

/// Plans a condition by itself, so that an error names the argument.
async fn check_predicate(
    argument: &str,
    predicate: &Expr,
    call: &Call,
    context: &QueryContext,
) -> Result<()> {
    let sql = format!("SELECT 1 FROM {} WHERE ({predicate})", call.source);
    match sql::plan_text(&sql, context).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(error.kind(), format!("{argument} => {predicate}: {error}"))),
    }
}

fn find<'a>(schema: &'a Schema, name: &str) -> Result<&'a DataType> {
    match schema.field_with_name(name) {
        Ok(field) => Ok(field.data_type()),
        Err(_) => {
            let hint = nearest(name, schema.fields().iter().map(|field| field.name().as_str()));
            Err(Error::new(ErrorKind::NotFound, format!("column \"{name}\" does not exist{hint}")))
        }
    }
}

/// The columns named, or all that can be compared.
async fn columns_of(call: &Call, schema: &Schema, context: &QueryContext) -> Result<Vec<ReportColumn>> {
    let column = |name: &str, data_type: &DataType, kind, named| ReportColumn {
        name: name.to_owned(),
        kind,
        named,
        is_float: matches!(data_type, DataType::Float16 | DataType::Float32 | DataType::Float64),
    };
    if let Some(names) = &call.columns {
        let mut columns = vec![];
        for name in names {
            let data_type = find(schema, name)?;
            let kind = compared_kind(data_type).ok_or_else(|| {
                Error::invalid(format!(
                    "column \"{name}\" is {}: drift_report compares numbers, texts and booleans",
                    data_type::name(data_type)
                ))
            })?;
            columns.push(column(name, data_type, kind, true));
        }
        return Ok(columns);
    }
    let stored = match &call.reference {
        Reference::Baseline(name) => Some(context.relations().baseline(name).await?),
        Reference::Rows(_) => None,
    };
    let mut columns = vec![];
    for field in schema.fields() {
        let (name, data_type) = (field.name(), field.data_type());
        let Some(kind) = compared_kind(data_type) else { continue };
        let has_reference =
            stored.as_ref().is_none_or(|stored| stored.columns.iter().any(|known| known.name == *name));
        if name != TIME && !call.segments.contains(name) && has_reference {
            columns.push(column(name, data_type, kind, false));
        }
    }
    match columns.is_empty() {
        true => Err(Error::invalid("there is no column to compare: numbers, texts and booleans can be")),
        false => Ok(columns),
    }
}

/// The kind of a column's type; `None` where no drift function compares it.
fn compared_kind(data_type: &DataType) -> Option<Kind> {
    Kind::of(data_type).filter(|kind| *kind != Kind::Embedding)
}

/// The aggregation in SQL.
fn aggregation(call: &Call, layout: &Layout) -> String {
    let segments: Vec<String> = layout.segments.iter().map(|name| quoted(name)).collect();
    let mut outputs = vec![match segments.first() {
        Some(first) => format!("grouping({first})"),
        None => "1".to_owned(),
    }];
    outputs.extend(segments.iter().cloned());
    let count_of = |condition: &str| format!("count(*) FILTER (WHERE {condition})");
    let (is_reference, is_current) = (format!("NOT {IS_CURRENT}"), IS_CURRENT.to_owned());
    outputs.extend([count_of(&is_reference), count_of(&is_current), count_of(IN_BOTH)]);
    if layout.has_time {
        for side in [&is_reference, &is_current] {
            for extreme in ["min", "max"] {
                let at = format!("{extreme}({}) FILTER (WHERE {side})", quoted(TIME));
                outputs.push(format!("arrow_cast({at}, 'Timestamp(Nanosecond, Some(\"UTC\"))')"));
            }
        }
    }
    for column in &layout.columns {
        let name = quoted(&column.name);
        let against = match &call.reference {
            Reference::Rows(_) => IS_CURRENT.to_owned(),
            Reference::Baseline(stored) => {
                let text = |text: &str| text.replace('\'', "''");
                format!("baseline('{}', '{}')", text(stored), text(&column.name))
            }
        };
        outputs.push(format!("psi_detail({name}, {against})"));
        // NaN and infinities are no values
        let is_value = match column.is_float {
            true => format!("abs(CAST({name} AS DOUBLE)) <= {:e}", f64::MAX),
            false => format!("{name} IS NOT NULL"),
        };
        for side in [&is_reference, &is_current] {
            outputs.push(count_of(&format!("{is_value} AND {side}")));
        }
    }
    let outputs: Vec<String> =
        outputs.iter().enumerate().map(|(at, output)| format!("{output} AS driftline_{at}")).collect();
    let current = &call.current;
    let (side, both, kept) = match &call.reference {
        Reference::Rows(reference) => (
            format!("CASE WHEN ({current}) THEN true WHEN ({reference}) THEN false END"),
            format!("(({reference}) AND ({current}))"),
            format!("({reference}) OR ({current})"),
        ),
        Reference::Baseline(_) => ("true".to_owned(), "false".to_owned(), format!("({current})")),
    };
    let mut sql = format!(
        "SELECT {} FROM (SELECT *, {side} AS {IS_CURRENT}, {both} AS {IN_BOTH} FROM {} WHERE {kept})",
        outputs.join(", "),
        call.source
    );
    if !segments.is_empty() {
        let _ = write!(sql, " GROUP BY GROUPING SETS ((), ({}))", segments.join(", "));
    }
    sql
}
