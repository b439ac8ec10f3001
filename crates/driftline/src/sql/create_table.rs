//! `CREATE TABLE [IF NOT EXISTS] name (column TYPE [NOT NULL] [FROM ATTRIBUTE 'a.b'], ...) [WITH (...)] [AS query]`
//!
//! Options: `sort = 'model, time'`, `partition = 'day'` or `'month'`, `bloom = 'id'`, `retention = '400 days'`,
//! `promote_attributes = 'true'`.

use std::future::ready;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::sql::parser::Statement as DfStatement;
use datafusion::sql::sqlparser::tokenizer::Token;
use driftline_storage::{
    BulkLoad, ColumnType, NewColumn, Partitioning, TIME_COLUMN, TableOptions, TableSpec,
};

use super::cursor::Cursor;
use super::{data_type, insert, names, query};
use futures::TryStreamExt;

use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result, nearest};
use crate::stream::QueryStream;

const DAY_S: u64 = 86_400;

/// The options that a table understands.
const OPTIONS: [&str; 5] = ["sort", "partition", "bloom", "retention", "promote_attributes"];

/// A parsed `CREATE TABLE`.
#[derive(Debug)]
pub(crate) struct CreateTable {
    pub(super) name: String,
    if_not_exists: bool,
    columns: Vec<NewColumn>,
    options: TableOptions,
    pub(super) query: Option<Box<DfStatement>>,
}

impl CreateTable {
    pub(super) fn parse(mut cursor: Cursor<'_>) -> Result<Self> {
        let if_not_exists = cursor.accept(&["IF", "NOT", "EXISTS"]);
        let name = names::parse(&mut cursor, "the name of the table")?;
        let columns = if cursor.accept_symbol(&Token::LParen) { parse_columns(&mut cursor)? } else { vec![] };
        let options =
            if cursor.accept(&["WITH"]) { parse_options(&mut cursor)? } else { TableOptions::default() };
        let query = match cursor.accept(&["AS"]) {
            true => Some(Box::new(cursor.delegate()?)),
            false => {
                cursor.end()?;
                None
            }
        };
        match (&query, columns.is_empty()) {
            (Some(_), false) => Err(Error::invalid(
                "CREATE TABLE ... AS takes its columns from the query: leave out the list of columns",
            )),
            (None, true) => Err(Error::invalid(format!(
                "table \"{name}\" needs columns: CREATE TABLE {name} (time TIMESTAMP NOT NULL, ...)"
            ))),
            _ => Ok(Self { name, if_not_exists, columns, options, query }),
        }
    }

    /// Parses the DDL of a table that the program itself brings along.
    pub(crate) fn parse_ddl(sql: &str) -> Result<TableSpec> {
        match super::Statement::parse(sql)? {
            super::Statement::CreateTable(create) => Ok(create.spec()),
            _ => Err(Error::new(ErrorKind::Internal, "the schema of a built-in table is no CREATE TABLE")),
        }
    }

    /// Starts to load a table whose rows come by another way than SQL: it is made with them.
    pub(crate) fn begin_load(sql: &str, context: &QueryContext) -> Result<BulkLoad> {
        let create = match super::Statement::parse(sql)? {
            super::Statement::CreateTable(create) if create.query.is_none() && !create.if_not_exists => {
                create
            }
            _ => {
                return Err(Error::invalid(
                    "expected CREATE TABLE name (column TYPE, ...), without IF NOT EXISTS and without AS",
                ));
            }
        };
        context.permit_relation(&create.name)?;
        names::check_free(&create.name)?;
        if context.has_relation(&create.name) {
            return Err(names::taken(&create.name));
        }
        Ok(context.engine().storage().bulk_create(create.spec())?)
    }

    fn spec(self) -> TableSpec {
        TableSpec { name: self.name, columns: self.columns, options: self.options }
    }

    pub(super) fn describe(&self) -> String {
        format!("create table {} sorted by ({})", self.name, self.options.sort.join(", "))
    }

    pub(super) async fn run(mut self, context: &QueryContext) -> Result<QueryStream> {
        names::check_free(&self.name)?;
        if context.has_relation(&self.name) {
            return match self.if_not_exists {
                true => super::status(format!("table \"{}\" exists already", self.name)),
                false => Err(names::taken(&self.name)),
            };
        }
        let storage = context.engine().storage();
        let Some(query) = self.query.take() else {
            let name = self.name.clone();
            storage.create_table(self.spec()).await?;
            return super::status(format!("created table \"{name}\""));
        };

        let rows = query::run(*query, context).await?;
        self.columns = columns_of(rows.schema().fields())?;
        let types: Vec<DataType> = self.columns.iter().map(|column| column.ty.to_arrow()).collect();
        let rows = rows.and_then(move |batch| ready(in_types(&batch, &types)));
        let load = storage.bulk_create(self.spec())?;
        super::count(insert::load_all(load, vec![], rows).await?)
    }
}

/// The columns of a table that is to hold the answer of a query; its column `time` becomes the time column.
fn columns_of(fields: &arrow::datatypes::Fields) -> Result<Vec<NewColumn>> {
    let mut columns = vec![];
    for field in fields {
        if field.name() == TIME_COLUMN {
            columns.push(NewColumn::time());
            continue;
        }
        let ty = ColumnType::from_arrow(&as_instant(field.data_type())).map_err(|error| {
            Error::invalid(format!("column \"{}\" has no type that a table can hold: {error}", field.name()))
        })?;
        columns.push(NewColumn::new(field.name(), ty));
    }
    Ok(columns)
}

/// A time without a zone becomes an instant, as everywhere.
fn as_instant(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, Some("UTC".into())),
        other => other.clone(),
    }
}

/// The columns of a batch, cast to the types of the new table.
fn in_types(batch: &RecordBatch, types: &[DataType]) -> Result<RecordBatch> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).zip(types);
    let columns: Vec<(&String, ArrayRef, bool)> = columns
        .map(|((field, array), ty)| Ok((field.name(), cast(array, ty)?, true)))
        .collect::<Result<_>>()?;
    Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
}

fn parse_columns(cursor: &mut Cursor<'_>) -> Result<Vec<NewColumn>> {
    let mut columns = vec![];
    loop {
        columns.push(parse_column(cursor)?);
        if !cursor.accept_symbol(&Token::Comma) {
            break;
        }
    }
    cursor.expect_symbol(&Token::RParen)?;
    Ok(columns)
}

/// One column: `name TYPE [NOT NULL | NULL] [FROM ATTRIBUTE 'a.b']`.
pub(super) fn parse_column(cursor: &mut Cursor<'_>) -> Result<NewColumn> {
    let name = cursor.identifier("the name of a column")?;
    let ty = ColumnType::from_arrow(&data_type::parse(cursor)?)?;
    let mut column = NewColumn::new(name, ty);
    loop {
        if cursor.accept(&["NOT", "NULL"]) {
            column.nullable = false;
        } else if cursor.accept(&["NULL"]) {
            column.nullable = true;
        } else if cursor.accept(&["FROM", "ATTRIBUTE"]) {
            column.from_attribute = Some(cursor.text("the key of the attribute")?);
        } else {
            refuse_constraints(cursor)?;
            return Ok(column);
        }
    }
}

/// Says what there is instead of what other databases write behind a column.
fn refuse_constraints(cursor: &Cursor<'_>) -> Result<()> {
    let refused = [
        (&["DEFAULT"][..], "a row without a value has NULL"),
        (&["PRIMARY", "KEY"], "rows are appended as they come; WITH (sort = '...') orders them"),
        (&["UNIQUE"], "rows are appended as they come"),
        (&["REFERENCES"], "rows are appended as they come"),
        (&["CHECK"], "rows are appended as they come"),
        (&["GENERATED"], "use a view"),
        (&["COLLATE"], "text is compared byte by byte"),
    ];
    match refused.iter().find(|(words, _)| cursor.at(words)) {
        Some((words, instead)) => {
            let expected = format!("no {} ({instead})", words.join(" "));
            Err(cursor.unexpected(&expected))
        }
        None => Ok(()),
    }
}

fn parse_options(cursor: &mut Cursor<'_>) -> Result<TableOptions> {
    let mut options = TableOptions::default();
    cursor.expect_symbol(&Token::LParen)?;
    loop {
        let name = cursor.identifier("the name of an option")?;
        cursor.expect_symbol(&Token::Eq)?;
        let value = cursor.text(&format!("the value of {name}"))?;
        match name.as_str() {
            "sort" => options.sort = list(&value),
            "bloom" => options.bloom = list(&value),
            "partition" => options.partition = partitioning(&value)?,
            "retention" => options.retention = Some(retention(&value)?),
            "promote_attributes" => options.promote_attributes = boolean(&name, &value)?,
            other => {
                return Err(Error::invalid(format!(
                    "a table has no option \"{other}\"{}; its options are {}",
                    nearest(other, OPTIONS),
                    OPTIONS.join(", ")
                )));
            }
        }
        if !cursor.accept_symbol(&Token::Comma) {
            break;
        }
    }
    cursor.expect_symbol(&Token::RParen)?;
    Ok(options)
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect()
}

fn partitioning(value: &str) -> Result<Partitioning> {
    match value.trim().to_lowercase().as_str() {
        "day" => Ok(Partitioning::Day),
        "month" => Ok(Partitioning::Month),
        other => Err(Error::invalid(format!("partition must be 'day' or 'month', got '{other}'"))),
    }
}

fn boolean(option: &str, value: &str) -> Result<bool> {
    match value.trim().to_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(Error::invalid(format!("{option} must be 'true' or 'false', got '{other}'"))),
    }
}

/// A retention as it is written in a declaration: days where they are whole.
pub(crate) fn retention_text(retention: Duration) -> String {
    match (retention.as_secs() / DAY_S, retention.as_secs() % DAY_S) {
        (days, 0) if days > 0 => format!("{days} days"),
        _ => humantime::format_duration(retention).to_string(),
    }
}

pub(super) fn retention(value: &str) -> Result<Duration> {
    humantime::parse_duration(value.trim()).ok().filter(|retention| !retention.is_zero()).ok_or_else(|| {
        Error::invalid(format!("retention must be a duration such as '400 days', got '{value}'"))
    })
}
