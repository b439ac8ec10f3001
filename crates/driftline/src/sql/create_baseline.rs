//! `CREATE [OR REPLACE] BASELINE [IF NOT EXISTS] name [WITH (centroids = 32)] AS SELECT columns ... [GROUP BY keys]`
//!
//! Any query will do. Its columns are compared, those that GROUP BY names are keys instead: one reference is kept for each of their
//! combinations. Nothing is aggregated; GROUP BY names columns of the answer, or their numbers.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, GroupByExpr, Query, SetExpr, Statement as SqlStatement, Value,
};
use datafusion::sql::sqlparser::tokenizer::Token;
use driftline_functions::baseline::{
    CENTROIDS, CENTROIDS_MAX, Keys, Kind, References, clusters, distribution, summary, with_distribution,
};
use futures::TryStreamExt;

use super::cursor::Cursor;
use super::{data_type, query};
use crate::baseline::{self, BASELINE, KINDS, Measured};
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::stream::QueryStream;

/// Most keys of a baseline: it is read whole.
const KEYS_MAX: usize = 10_000;
/// Longest name, in bytes: it is in every root.
const NAME_BYTES_MAX: usize = 128;

/// A parsed `CREATE BASELINE`.
#[derive(Debug)]
pub(crate) struct CreateBaseline {
    pub(super) name: String,
    replace: bool,
    if_not_exists: bool,
    /// `None` where nothing was said.
    centroids: Option<usize>,
    text: String,
    statement: Box<DfStatement>,
    keys: Vec<KeyName>,
}

/// A key as GROUP BY names it.
#[derive(Debug)]
enum KeyName {
    Column(String),
    /// From 1 on.
    Position(usize),
}

impl CreateBaseline {
    pub(super) fn parse(mut cursor: Cursor<'_>, replace: bool) -> Result<Self> {
        let if_not_exists = cursor.accept(&["IF", "NOT", "EXISTS"]);
        if replace && if_not_exists {
            return Err(Error::invalid("OR REPLACE and IF NOT EXISTS exclude each other"));
        }
        let name = cursor.identifier("the name of the baseline")?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            let message =
                format!("the name of a baseline has 1 to {NAME_BYTES_MAX} bytes, got {}", name.len());
            return Err(Error::invalid(message));
        }
        let centroids = match cursor.accept(&["WITH"]) {
            true => Some(parse_options(&mut cursor)?),
            false => None,
        };
        cursor.expect(&["AS"])?;
        let text = cursor.rest().to_owned();
        let mut statement = cursor.delegate()?;
        let DfStatement::Statement(inner) = &mut statement else { return Err(no_query()) };
        let SqlStatement::Query(query) = inner.as_mut() else { return Err(no_query()) };
        let keys = take_keys(query)?;
        Ok(Self { name, replace, if_not_exists, centroids, text, statement: Box::new(statement), keys })
    }

    pub(super) async fn run(self, context: &QueryContext) -> Result<QueryStream> {
        let exists = context.snapshot().object(BASELINE, &self.name).is_some();
        if exists && !self.replace {
            let message = format!("baseline \"{}\" exists already", self.name);
            return match self.if_not_exists {
                true => super::status(message),
                false => Err(Error::new(ErrorKind::AlreadyExists, message)),
            };
        }
        let (name, replace) = (self.name.clone(), self.replace);
        let measured = self.measure(context).await?;
        let references = measured.batch.num_rows();
        let content = baseline::write(&measured)?;
        context.engine().storage().put_object(BASELINE, &name, content.into(), replace).await?;
        let verb = if exists { "replaced" } else { "created" };
        let keyed = match measured.keys {
            0 => String::new(),
            _ => format!(", {references} keys"),
        };
        super::status(format!("{verb} baseline \"{name}\": {} rows{keyed}", measured.rows))
    }

    /// The plan that measures the baseline: one row a key.
    pub(super) async fn plan(self, context: &QueryContext) -> Result<LogicalPlan> {
        Ok(self.planned(context).await?.plan)
    }

    async fn planned(self, context: &QueryContext) -> Result<Planned> {
        let rows = query::plan(*self.statement, context)
            .await
            .map_err(|error| explain_aggregation(error, &self.keys))?;
        let (columns, key_names) = columns_of(&rows, &self.keys)?;
        let (keys, compared): (Vec<_>, Vec<_>) = columns.into_iter().partition(|column| column.is_key);
        if compared.is_empty() {
            return Err(Error::invalid(
                "a baseline needs a column to compare: GROUP BY names them all as keys",
            ));
        }
        let mut described = vec![];
        for column in &compared {
            let sql_type = data_type::name(&column.data_type);
            let kind = Kind::of(&column.data_type).ok_or_else(|| {
                let message = format!("column \"{}\" is {sql_type}: {KINDS}", column.name);
                Error::invalid(format!("{message}; leave it out, or name it in GROUP BY as a key"))
            })?;
            described.push((column.name.clone(), sql_type, kind));
        }
        let has_embeddings = described.iter().any(|(.., kind)| *kind == Kind::Embedding);
        if self.centroids.is_some() && !has_embeddings {
            return Err(Error::invalid(
                "centroids are kept of embeddings, and the query has no column of them",
            ));
        }
        let centroids = self.centroids.unwrap_or(CENTROIDS);
        let key = |column: &PlannedColumn| {
            let stored = Keys::stored_type(&column.data_type);
            let as_stored = if stored == column.data_type {
                column.expr.clone()
            } else {
                cast(column.expr.clone(), stored)
            };
            as_stored.alias(&column.name)
        };
        let measured = compared.iter().map(|column| {
            let measured = match Kind::of(&column.data_type) {
                Some(Kind::Embedding) => clusters(column.expr.clone(), centroids),
                _ => summary(column.expr.clone()),
            };
            measured.alias(&column.name)
        });
        let numbers = compared.iter().filter(|column| Kind::of(&column.data_type) == Some(Kind::Number));
        let distributions =
            numbers.map(|column| distribution(column.expr.clone()).alias(distribution_of(&column.name)));
        let counted = datafusion::functions_aggregate::count::count_all().alias(ROWS);
        let plan = LogicalPlanBuilder::from(rows)
            .aggregate(keys.iter().map(key), measured.chain(distributions).chain([counted]))?
            .build()?;
        Ok(Planned { plan, text: self.text, keys: key_names, columns: described })
    }

    async fn measure(self, context: &QueryContext) -> Result<Measured> {
        let name = self.name.clone();
        let Planned { plan, text, keys, columns } = self.planned(context).await?;
        // the keys in the order of GROUP BY, the rows in the order of the keys: the same rows give the same object
        let numbers = columns.iter().filter(|(.., kind)| *kind == Kind::Number);
        let distributions: Vec<String> = numbers.map(|(name, ..)| distribution_of(name)).collect();
        let names = keys.iter().chain(columns.iter().map(|(name, ..)| name)).map(String::as_str);
        let names = names.chain([ROWS]).chain(distributions.iter().map(String::as_str));
        let picked: Vec<Expr> = names.map(|name| Expr::Column(Column::from_name(name))).collect();
        let order = keys.iter().map(|name| Expr::Column(Column::from_name(name)).sort(true, true));
        let mut builder = LogicalPlanBuilder::from(plan).project(picked)?;
        if !keys.is_empty() {
            builder = builder.sort(order)?;
        }
        let stream = query::execute(&builder.build()?, context).await?;
        let schema = stream.schema();
        let batches: Vec<RecordBatch> = stream.try_collect().await?;
        let batch = concat_batches(&schema, &batches)?;
        let summaries = keys.len() + columns.len();
        let rows: i64 = batch.column(summaries).as_primitive::<Int64Type>().values().iter().sum();
        if rows == 0 {
            return Err(Error::invalid(format!("the query of baseline \"{name}\" has no rows")));
        }
        if batch.num_rows() > KEYS_MAX {
            let message =
                format!("a baseline has at most {KEYS_MAX} keys, \"{name}\" would have {}", batch.num_rows());
            return Err(Error::new(ErrorKind::ResourceExhausted, message));
        }
        let batch = together(&batch, keys.len(), &columns)?;
        for (at, (column, ..)) in columns.iter().enumerate() {
            check_categories(column, &batch, keys.len() + at)?;
        }
        Ok(Measured { query: text, rows: rows as u64, keys: keys.len(), columns, batch })
    }
}

/// The name of the column that counts rows, next to those of the query.
const ROWS: &str = "driftline.baseline.rows";

/// The name of the column with the distribution of a compared column, next to those of the query.
fn distribution_of(column: &str) -> String {
    format!("driftline.baseline.distribution.{column}")
}

/// The keys and the summaries, those of numbers with their distribution inside.
fn together(measured: &RecordBatch, keys: usize, columns: &[(String, String, Kind)]) -> Result<RecordBatch> {
    let named = |at: usize, column: &ArrayRef| {
        (measured.schema().field(at).name().clone(), ArrayRef::clone(column), true)
    };
    let key_columns = measured.columns()[..keys].iter().enumerate().map(|(at, key)| named(at, key));
    let mut together: Vec<(String, ArrayRef, bool)> = key_columns.collect();
    for (at, (name, ..)) in (keys..).zip(columns) {
        let summary = match measured.column_by_name(&distribution_of(name)) {
            Some(distribution) => with_distribution(measured.column(at), distribution)?,
            None => ArrayRef::clone(measured.column(at)),
        };
        together.push(named(at, &summary));
    }
    Ok(RecordBatch::try_from_iter_with_nullable(together)?)
}

/// A plan that measures, and what its columns are.
struct Planned {
    plan: LogicalPlan,
    text: String,
    /// In the order of GROUP BY.
    keys: Vec<String>,
    columns: Vec<(String, String, Kind)>,
}

/// A column of the query's answer.
struct PlannedColumn {
    expr: Expr,
    name: String,
    data_type: arrow::datatypes::DataType,
    is_key: bool,
}

/// The number of centroids of embeddings, the only option.
fn parse_options(cursor: &mut Cursor<'_>) -> Result<usize> {
    cursor.expect_symbol(&Token::LParen)?;
    let name = cursor.identifier("the name of an option")?;
    if name != "centroids" {
        return Err(Error::invalid(format!(
            "a baseline has no option \"{name}\"{}; its option is centroids",
            nearest(&name, ["centroids"])
        )));
    }
    cursor.expect_symbol(&Token::Eq)?;
    let given = cursor.integer("the number of centroids")?;
    cursor.expect_symbol(&Token::RParen)?;
    match usize::try_from(given) {
        Ok(centroids) if (1..=CENTROIDS_MAX).contains(&centroids) => Ok(centroids),
        _ => Err(Error::invalid(format!("centroids must lie from 1 to {CENTROIDS_MAX}, got {given}"))),
    }
}

/// Takes GROUP BY out of a query, so that nothing is aggregated, and answers what it names.
fn take_keys(query: &mut Query) -> Result<Vec<KeyName>> {
    let SetExpr::Select(select) = query.body.as_mut() else { return Ok(vec![]) };
    if select.having.is_some() {
        return Err(Error::invalid("HAVING is not for a baseline, which does not aggregate: use WHERE"));
    }
    let group_by = std::mem::replace(&mut select.group_by, GroupByExpr::Expressions(vec![], vec![]));
    match group_by {
        GroupByExpr::Expressions(names, modifiers) if modifiers.is_empty() => {
            names.iter().map(key_name).collect()
        }
        other => Err(Error::invalid(format!("GROUP BY names the keys of a baseline, got {other}"))),
    }
}

fn key_name(expr: &SqlExpr) -> Result<KeyName> {
    let name = match expr {
        SqlExpr::Identifier(name) => Some(name),
        SqlExpr::CompoundIdentifier(parts) => parts.last(),
        SqlExpr::Value(value) => {
            if let Value::Number(digits, _) = &value.value
                && let Ok(position) = digits.parse()
            {
                return Ok(KeyName::Position(position));
            }
            None
        }
        _ => None,
    };
    match name {
        Some(name) if name.quote_style.is_some() => Ok(KeyName::Column(name.value.clone())),
        Some(name) => Ok(KeyName::Column(name.value.to_lowercase())),
        None => Err(Error::invalid(format!(
            "GROUP BY names the keys of a baseline among its columns, got {expr}: give it a name in SELECT"
        ))),
    }
}

/// The columns of the answer, with what GROUP BY names marked as keys; and the names of the keys in the order of GROUP BY.
fn columns_of(rows: &LogicalPlan, keys: &[KeyName]) -> Result<(Vec<PlannedColumn>, Vec<String>)> {
    let mut columns: Vec<PlannedColumn> = vec![];
    let mut names = BTreeSet::new();
    for (qualifier, field) in rows.schema().iter() {
        if !names.insert(field.name().clone()) {
            return Err(Error::invalid(format!("column \"{}\" is named twice", field.name())));
        }
        columns.push(PlannedColumn {
            expr: Expr::Column(Column::new(qualifier.cloned(), field.name())),
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            is_key: false,
        });
    }
    let mut key_names: Vec<String> = vec![];
    for key in keys {
        let known = match key {
            KeyName::Column(name) => columns.iter_mut().find(|column| column.name == *name),
            KeyName::Position(position) => position.checked_sub(1).and_then(|at| columns.get_mut(at)),
        };
        match (known, key) {
            (Some(column), _) => {
                if !column.is_key {
                    key_names.push(column.name.clone());
                }
                column.is_key = true;
            }
            (None, KeyName::Column(name)) => {
                let hint = nearest(name, names.iter().map(String::as_str));
                let message =
                    format!("key \"{name}\" in GROUP BY is no column of the baseline's SELECT{hint}");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            (None, KeyName::Position(position)) => {
                let message = format!(
                    "GROUP BY {position} is no column of the baseline's SELECT, which has {}",
                    names.len()
                );
                return Err(Error::invalid(message));
            }
        }
    }
    Ok((columns, key_names))
}

/// Says why an aggregate in the SELECT of a keyed baseline fails.
fn explain_aggregation(error: Error, keys: &[KeyName]) -> Error {
    let text = error.to_string();
    if keys.is_empty() || !text.contains("GROUP BY") {
        return error;
    }
    Error::new(
        error.kind(),
        "a baseline does not aggregate, its GROUP BY only names the keys: aggregate in a subquery of FROM",
    )
    .with_source(error)
}

fn check_categories(name: &str, batch: &RecordBatch, at: usize) -> Result<()> {
    let lists =
        batch.column(at).as_struct_opt().and_then(|summary| summary.column_by_name("categories").cloned());
    let lists = lists.as_ref().and_then(|lists| lists.as_list_opt::<i32>());
    let most =
        lists.map_or(0, |lists| (0..lists.len()).map(|row| lists.value_length(row)).max().unwrap_or(0));
    if most as usize > References::CATEGORIES_MAX {
        return Err(Error::new(
            ErrorKind::ResourceExhausted,
            format!(
                "column \"{name}\" has more than {} distinct texts, which a baseline does not keep: compare a coarser category",
                References::CATEGORIES_MAX
            ),
        ));
    }
    Ok(())
}

fn no_query() -> Error {
    Error::invalid("a baseline is made of a query: CREATE BASELINE name AS SELECT ...")
}
