//! The query that counts events, and whether parts of a table can be counted apart.
//!
//! An SLO over rows of one table, each judged by itself, has the same counts whether its segments are read together or one after the other. That
//! is what makes it cheap to keep up: a segment never changes, so it is counted once.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Int64Type, TimeUnit};
use chrono::DateTime;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, Volatility};
use futures::TryStreamExt;

use super::counts::{Counts, Events};
use super::definition::{Definition, Source};
use crate::catalog::Relations;
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::scan::ScanTable;
use crate::sql::{self, quoted};

/// Most groups of an SLO.
pub(crate) const GROUPS_MAX: usize = 1_000;
/// The one function whose answer changes with rows of another table.
const LLM_COST: &str = "llm_cost";

/// How the events of a definition are counted.
#[derive(Debug)]
pub(crate) struct Counting {
    rows: String,
    groups: usize,
    weighted: bool,
    /// One row an event, as it is read.
    pub(crate) plan: String,
    /// The table whose rows are judged one by one; `None` where events are not rows of one table.
    pub(crate) by_row: Option<ByRow>,
}

/// A table whose segments can be counted apart.
#[derive(Debug)]
pub(crate) struct ByRow {
    pub(crate) table: String,
    /// What the counts depend on besides the rows: the query and the ids of its columns.
    pub(crate) fingerprint: String,
}

impl Counting {
    /// Plans it, and so checks the definition: names, types, rights to functions.
    pub(crate) async fn plan(definition: &Definition, relations: &Relations) -> Result<Self> {
        let rows = rows(definition);
        let context = QueryContext::over(Arc::new(relations.clone()), None);
        let plan = sql::plan_text(&rows, &context).await?;
        check_types(&plan, definition)?;
        let optimized = context.state().optimize(&plan)?;
        let by_row = by_row(&plan, &optimized)?;
        let plan = optimized.display_indent().to_string();
        let weighted = definition.weight.is_some();
        Ok(Self { rows, groups: definition.group_by.len(), weighted, plan, by_row })
    }

    /// Counts the events that these relations have, those of some minutes where it says so.
    pub(crate) async fn run(&self, relations: Relations, minutes: Option<&Range<i64>>) -> Result<Counts> {
        let context = QueryContext::over(Arc::new(relations), None);
        let plan = sql::plan_text(&self.query(minutes), &context).await?;
        let mut batches = sql::execute(&plan, &context).await?;
        let mut counts = Counts::default();
        while let Some(batch) = batches.try_next().await? {
            self.read(&batch, &mut counts)?;
            if counts.group_count() > GROUPS_MAX {
                return Err(too_many_groups());
            }
        }
        Ok(counts)
    }

    fn query(&self, minutes: Option<&Range<i64>>) -> String {
        let groups: String = (0..self.groups).fold(String::new(), |mut groups, at| {
            write!(groups, ", slo_group_{at}").expect("a String takes any text");
            groups
        });
        let within = minutes.map_or_else(String::new, |minutes| {
            let [start, end] = [minutes.start, minutes.end].map(timestamp);
            format!(" WHERE slo_time >= {start} AND slo_time < {end}")
        });
        let places: Vec<String> = (1..=self.groups + 1).map(|place| place.to_string()).collect();
        let count = if self.weighted { "sum(CAST(slo_weight AS DECIMAL(28, 0)))" } else { "count(*)" };
        format!(
            "SELECT CAST(date_bin(INTERVAL '1 minute', slo_time) AS BIGINT) / 60000000000 AS slo_minute{groups}, \
             {count} FILTER (WHERE slo_good) AS slo_good_events, {count} FILTER (WHERE NOT slo_good) AS slo_bad_events, \
             {count} FILTER (WHERE slo_good IS NULL) AS slo_unknown_events FROM ({}\n) AS slo_events{within} GROUP BY {}",
            self.rows,
            places.join(", ")
        )
    }

    fn read(&self, batch: &RecordBatch, counts: &mut Counts) -> Result<()> {
        let minutes = cast(batch.column(0), &DataType::Int64)?;
        let minutes = minutes.as_primitive::<Int64Type>();
        // of counts as of sums of weights
        let sums =
            [1, 2, 3].map(|place| cast(batch.column(self.groups + place), &DataType::Decimal128(38, 0)));
        let [good, bad, unknown] = sums;
        let (good, bad, unknown) = (good?, bad?, unknown?);
        let groups = (1..=self.groups).map(|column| cast(batch.column(column), &DataType::Utf8));
        let groups = groups.collect::<Result<Vec<_>, _>>()?;
        let groups: Vec<_> = groups.iter().map(|column| column.as_string::<i32>()).collect();
        let mut key = vec![None; self.groups];
        for row in 0..batch.num_rows() {
            if minutes.is_null(row) {
                continue;
            }
            for (value, column) in key.iter_mut().zip(&groups) {
                *value = column.is_valid(row).then(|| column.value(row).to_owned());
            }
            let count = |column: &ArrayRef| weight_of(column, row, minutes.value(row));
            let events = Events { good: count(&good)?, bad: count(&bad)?, unknown: count(&unknown)? };
            counts.add(&key, minutes.value(row), events);
        }
        Ok(())
    }
}

/// The error of an SLO whose GROUP BY makes too many.
pub(super) fn too_many_groups() -> Error {
    let message =
        format!("GROUP BY of an SLO makes more than {GROUPS_MAX} groups: name columns of fewer values");
    Error::new(ErrorKind::ResourceExhausted, message)
}

/// The weights of a minute, added up without limits. A sum of no rows is NULL.
fn weight_of(column: &ArrayRef, row: usize, minute: i64) -> Result<i64> {
    let sums = column.as_primitive::<Decimal128Type>();
    if sums.is_null(row) {
        return Ok(0);
    }
    i64::try_from(sums.value(row)).map_err(|_| {
        let (minute, sum) = (timestamp(minute), sums.value(row));
        Error::invalid(format!(
            "the weights of the minute {minute} add up to {sum}: more than can be counted"
        ))
    })
}

/// One row an event: its time, its group, whether it is good, and for how many it stands.
fn rows(definition: &Definition) -> String {
    let mut sql = "SELECT \"time\" AS slo_time".to_owned();
    for (at, column) in definition.group_by.iter().enumerate() {
        write!(sql, ", CAST({} AS TEXT) AS slo_group_{at}", quoted(column)).expect("a String takes any text");
    }
    let source = match &definition.source {
        Source::Relation(name) => quoted(name),
        Source::Query(query) => format!("({query}\n) AS slo_rows"),
    };
    write!(sql, ", ({}) AS slo_good", definition.good).expect("a String takes any text");
    if let Some(weight) = &definition.weight {
        write!(sql, ", ({weight}) AS slo_weight").expect("a String takes any text");
    }
    write!(sql, " FROM {source}").expect("a String takes any text");
    if let Some(eligible) = &definition.eligible {
        write!(sql, " WHERE ({eligible})").expect("a String takes any text");
    }
    sql
}

fn timestamp(minute: i64) -> String {
    let time = DateTime::from_timestamp(minute.saturating_mul(60), 0).unwrap_or_default();
    format!("CAST('{}' AS TIMESTAMP)", time.format("%Y-%m-%dT%H:%M:%SZ"))
}

fn check_types(plan: &LogicalPlan, definition: &Definition) -> Result<()> {
    let schema = plan.schema();
    let kind = |name: &str| Ok::<_, Error>(schema.field_with_unqualified_name(name)?.data_type().clone());
    let time = kind("slo_time")?;
    if !matches!(time, DataType::Timestamp(TimeUnit::Nanosecond, _)) {
        return Err(Error::invalid(format!(
            "an SLO needs a column time of TIMESTAMP, got {}",
            sql::type_name(&time)
        )));
    }
    if let Some(weight) = &definition.weight {
        let of_weight = kind("slo_weight")?;
        if !of_weight.is_integer() {
            let of_weight = sql::type_name(&of_weight);
            return Err(Error::invalid(format!("WEIGHT takes a whole number, {weight} is {of_weight}")));
        }
    }
    let good = kind("slo_good")?;
    if good != DataType::Boolean {
        return Err(Error::invalid(format!(
            "GOOD WHEN takes a condition, {} is {}",
            definition.good,
            sql::type_name(&good)
        )));
    }
    Ok(())
}

/// Whether every event is a row of one table, judged by nothing but itself.
fn by_row(plan: &LogicalPlan, optimized: &LogicalPlan) -> Result<Option<ByRow>> {
    let mut judged_alone = true;
    plan.apply(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                judged_alone &= !depends_on_more(part);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    let mut scans: Vec<&TableScan> = vec![];
    optimized.apply(|node| {
        match node {
            LogicalPlan::TableScan(scan) => scans.push(scan),
            LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {}
            _ => judged_alone = false,
        }
        node.apply_expressions(|expr| {
            judged_alone &= !calls(expr, LLM_COST)?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    let [scan] = scans.as_slice() else { return Ok(None) };
    let Ok(provider) = source_as_provider(&scan.source) else { return Ok(None) };
    let Some(provider) = provider.downcast_ref::<ScanTable>().filter(|_| judged_alone) else {
        return Ok(None);
    };
    let table = provider.table();
    let filtered = scan.filters.iter().flat_map(Expr::column_refs).map(|column| column.name.clone());
    let projected = scan.projected_schema.fields().iter().map(|field| field.name().clone());
    let mut ids: Vec<String> = filtered
        .chain(projected)
        .map(|name| match table.schema().column(&name) {
            Some(column) => format!("{name}={}", column.id),
            None => name,
        })
        .collect();
    ids.sort();
    ids.dedup();
    let fingerprint =
        format!("{}\n{}\n{}", table.id(), ids.join(" "), renumbered(&optimized.display_indent().to_string()));
    Ok(Some(ByRow { table: table.name().to_owned(), fingerprint }))
}

/// A plan's text with the names of common parts in the order in which they stand: the optimizer numbers them through the life of the process.
fn renumbered(plan: &str) -> String {
    const PREFIX: &str = "__common_expr_";
    let mut known: Vec<&str> = vec![];
    let mut parts = plan.split(PREFIX);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let place = known.iter().position(|seen| *seen == number).unwrap_or_else(|| {
            known.push(number);
            known.len() - 1
        });
        write!(text, "{PREFIX}{}{rest}", place + 1).expect("a String takes any text");
    }
    text
}

/// Whether an expression asks for more than its row: the time of the query, chance, or other rows.
fn depends_on_more(expr: &Expr) -> bool {
    match expr {
        Expr::ScalarFunction(call) => {
            call.func.name() != LLM_COST && call.func.signature().volatility != Volatility::Immutable
        }
        Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_) | Expr::SetComparison(_) => true,
        Expr::AggregateFunction(_) | Expr::WindowFunction(_) => true,
        _ => false,
    }
}

fn calls(expr: &Expr, function: &str) -> datafusion::error::Result<bool> {
    expr.exists(|part| Ok(matches!(part, Expr::ScalarFunction(call) if call.func.name() == function)))
}
