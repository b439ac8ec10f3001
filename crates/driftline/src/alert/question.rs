//! Asks the query of an alert as of a time: `now()` is that time, and no table has rows that are later.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::logical_expr::LogicalPlan;
use futures::TryStreamExt;

use super::definition::Definition;
use super::labels::{ALERTNAME, Labels};
use super::series::Row;
use super::template::{Template, Values};
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::sql;

/// The column that says whether a row counts, where the alert has a condition.
const ACTIVE: &str = "alert_is_active";
/// The column of the value.
const VALUE: &str = "value";
/// Rows of one answer, at most: each that counts is a series, which is sent again and again.
const ROWS_MAX: usize = 1_000;

/// Plans the query; fails for one that cannot be planned or has no value.
pub(crate) async fn check(definition: &Definition, context: &QueryContext) -> Result<LogicalPlan> {
    let query = definition.source.query();
    let asked = match definition.condition() {
        Some(condition) => format!("SELECT *, ({condition}) AS {ACTIVE} FROM ({query}\n) AS alert"),
        None => query,
    };
    let plan = sql::plan_text(&asked, context).await?;
    if matches!(
        plan,
        LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Explain(_)
    ) {
        return Err(Error::invalid("an alert asks a query"));
    }
    let schema = plan.schema().as_arrow();
    match schema.field_with_name(VALUE).ok().map(|field| field.data_type()) {
        Some(kind) if kind.is_numeric() || kind.is_null() => {}
        Some(other) => {
            let kind = sql::type_name(other);
            return Err(Error::invalid(format!(
                "the column value of an alert's query is a number, got {kind}"
            )));
        }
        None => {
            return Err(Error::invalid(
                "an alert's query answers a column named value, as in SELECT model, psi(...) AS value",
            ));
        }
    }
    if let Some(kind) = schema.field_with_name(ACTIVE).ok().map(|field| field.data_type())
        && !matches!(kind, DataType::Boolean | DataType::Null)
    {
        return Err(Error::invalid(format!("WHEN is a condition, got {}", sql::type_name(kind))));
    }
    Ok(plan)
}

/// Whether the rows of a plan can be told apart, or there is one at most.
pub(crate) fn can_be_told_apart(plan: &LogicalPlan) -> bool {
    plan.schema().fields().iter().any(|field| is_text(field.data_type())) || has_one_row(plan)
}

fn has_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.inputs().into_iter().all(has_one_row)
        }
        _ => false,
    }
}

/// The rows that the query answers.
pub(super) async fn ask(alert: &str, definition: &Definition, context: &QueryContext) -> Result<Vec<Row>> {
    let plan = check(definition, context).await?;
    let mut batches = sql::execute(&plan, context).await?;
    let shape = Shape::new(alert, definition)?;
    let mut rows = vec![];
    while let Some(batch) = batches.try_next().await? {
        if rows.len() + batch.num_rows() > ROWS_MAX {
            let message = format!("the query answers more than {ROWS_MAX} rows, and each is a series");
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        shape.read(&batch, &mut rows)?;
    }
    let mut labels: Vec<&Labels> = rows.iter().map(|row: &Row| &row.labels).collect();
    labels.sort();
    match labels.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::invalid(format!(
            "two rows have the same labels {{{}}}: group the query so that its texts tell its rows apart",
            pair[0]
        ))),
        None => Ok(rows),
    }
}

/// How rows become series.
struct Shape<'a> {
    alert: &'a str,
    labels: Vec<(&'a str, Template)>,
    annotations: Vec<(String, Template)>,
}

impl<'a> Shape<'a> {
    fn new(alert: &'a str, definition: &'a Definition) -> Result<Self> {
        let labels = definition.labels.iter();
        let labels = labels.map(|(name, text)| Ok((name.as_str(), Template::parse(text)?)));
        let annotations = definition.annotations().into_iter();
        let annotations = annotations.map(|(name, text)| Ok((name, Template::parse(&text)?)));
        Ok(Self {
            alert,
            labels: labels.collect::<Result<_>>()?,
            annotations: annotations.collect::<Result<_>>()?,
        })
    }

    fn read(&self, batch: &RecordBatch, rows: &mut Vec<Row>) -> Result<()> {
        let columns = Columns::of(batch)?;
        for at in 0..batch.num_rows() {
            let own: Labels =
                columns.texts.iter().filter_map(|(name, text)| Some((*name, text_at(text, at)?))).collect();
            let value =
                columns.value.is_valid(at).then(|| columns.value.value(at)).filter(|value| !value.is_nan());
            let others =
                columns.others.iter().map(|(name, shown)| ((*name).to_owned(), shown.value(at).to_string()));
            let others: BTreeMap<String, String> = others.collect();
            let values = Values { labels: &own, value, columns: &others };
            let mut labels = own.clone();
            self.labels.iter().for_each(|(name, text)| labels.set(*name, text.render(values)));
            labels.set(ALERTNAME, self.alert);
            let values = Values { labels: &labels, ..values };
            let annotations = self.annotations.iter().map(|(name, text)| (name.clone(), text.render(values)));
            rows.push(Row {
                annotations: annotations.collect(),
                is_active: value.map(|_| {
                    columns.active.as_ref().is_none_or(|active| active.is_valid(at) && active.value(at))
                }),
                value,
                labels,
            });
        }
        Ok(())
    }
}

/// The columns of an answer, by what they are for.
struct Columns<'a> {
    value: Float64Array,
    active: Option<BooleanArray>,
    texts: Vec<(&'a str, StringArray)>,
    others: Vec<(&'a str, ArrayFormatter<'a>)>,
}

/// How values other than texts are shown: NULL as nothing.
const FORMAT: FormatOptions<'static> = FormatOptions::new();

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let schema: &'a Schema = batch.schema_ref();
        let mut found = Self {
            value: Float64Array::new_null(batch.num_rows()),
            active: None,
            texts: vec![],
            others: vec![],
        };
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            match field.name().as_str() {
                VALUE => found.value = cast(column, &DataType::Float64)?.as_primitive().clone(),
                ACTIVE => found.active = Some(cast(column, &DataType::Boolean)?.as_boolean().clone()),
                name if is_text(field.data_type()) => found.texts.push((name, as_text(column)?)),
                name => found.others.push((name, ArrayFormatter::try_new(column.as_ref(), &FORMAT)?)),
            }
        }
        Ok(found)
    }
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

fn as_text(column: &ArrayRef) -> Result<StringArray> {
    Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
}

fn text_at(texts: &StringArray, at: usize) -> Option<&str> {
    texts.is_valid(at).then(|| texts.value(at))
}
