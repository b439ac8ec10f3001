//! A statement that is planned once to say what it answers, and run as often as wanted, over a new snapshot each time.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;

use super::Session;
use crate::context::QueryContext;
use crate::error::{Error, ErrorKind, Result};
use crate::sql::{Parameters, Planned, Roomy};
use crate::stream::QueryStream;

/// Rows of parameters of one statement: each is planned by itself.
const PARAMETER_ROWS_MAX: usize = 65_536;

/// Whether a statement changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// It answers rows: a query, SHOW, DESCRIBE, EXPLAIN.
    Query,
    /// It changes rows, tables or files: INSERT, FLUSH, COPY, DDL.
    Change,
}

/// A place of a statement that a value goes into.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// `$1`, `$2`, ...; a `?` gets the number of its place.
    pub name: String,
    /// The type of its value, where the statement says so. Values of other types are taken as they would be written.
    pub data_type: Option<DataType>,
}

/// A planned statement, from [`Session::prepare`].
#[derive(Clone, Debug)]
pub struct Prepared {
    session: Session,
    sql: Arc<str>,
    planned: Arc<Planned>,
    /// The values of its parameters, once they are bound.
    values: Option<Arc<[ScalarValue]>>,
}

impl Prepared {
    pub(super) async fn plan(
        session: &Session,
        sql: &str,
        values: Option<Arc<[ScalarValue]>>,
    ) -> Result<Self> {
        session.engine.check_open()?;
        let parameters = match &values {
            Some(values) => Parameters::Given(Arc::clone(values)),
            None => Parameters::Open,
        };
        let context = QueryContext::begin(&session.engine, &session.settings).with_parameters(parameters);
        let planned = Roomy::new(async { session.parse(sql)?.prepare(&context).await });
        let planned = context.within_deadline(planned).await?;
        Ok(Self { session: session.clone(), sql: sql.into(), planned: Arc::new(planned), values })
    }

    /// The columns of the answer. A parameter whose type nothing says is a column of type Null until it is [bound](Self::bind).
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.planned.schema)
    }

    /// The parameters, in the order of their numbers; none once they are bound.
    pub fn parameters(&self) -> &[Parameter] {
        &self.planned.parameters
    }

    /// Whether it changes anything.
    pub fn kind(&self) -> StatementKind {
        self.planned.kind
    }

    /// The statement as it was sent.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The same statement with values for its parameters, by their numbers: then the schema is that of the answer, exactly.
    ///
    /// # Errors
    /// `Invalid` for too few or too many values, or for one that the statement cannot take; otherwise as [`Session::prepare`].
    pub async fn bind(&self, values: &[ScalarValue]) -> Result<Self> {
        self.check_count(values)?;
        if values.is_empty() {
            return Ok(self.clone());
        }
        Self::plan(&self.session, &self.sql, Some(values.into())).await
    }

    /// Runs the statement over a new snapshot. A statement whose parameters are bound takes no values.
    ///
    /// The batches of a query have the [schema](Self::schema) that was announced, if all its parameters have been bound.
    ///
    /// # Errors
    /// As [`Session::sql`]; `Invalid` for too few or too many values, `Conflict` when a table has changed so that the answer would have other
    /// columns than were announced.
    pub async fn run(&self, values: &[ScalarValue]) -> Result<QueryStream> {
        self.check_count(values)?;
        let given = match &self.values {
            Some(bound) => Arc::clone(bound),
            None => values.into(),
        };
        let stream = self.session.run(&self.sql, Parameters::Given(given)).await?;
        match self.planned.parameters.is_empty() {
            true => stream.in_schema(self.schema()),
            false => Ok(stream),
        }
    }

    /// Runs `INSERT INTO name VALUES (?, ...)` once for all rows of a batch: all are written, or none.
    ///
    /// # Errors
    /// As [`run`](Self::run); `Invalid` for a batch without rows, and for several where the statement is another one; `ResourceExhausted`
    /// for more than 65,536, which are better [appended](Session::append).
    pub async fn run_rows(&self, rows: &RecordBatch) -> Result<QueryStream> {
        if rows.num_rows() > PARAMETER_ROWS_MAX {
            let given = rows.num_rows();
            return Err(Error::new(
                ErrorKind::ResourceExhausted,
                format!(
                    "a statement takes at most {PARAMETER_ROWS_MAX} rows of parameters, got {given}: append them"
                ),
            ));
        }
        let first = Self::values_of(rows, 0)?;
        if rows.num_rows() == 1 {
            return self.run(&first).await;
        }
        self.check_count(&first)?;
        let rows = (0..rows.num_rows()).map(|row| Ok(Arc::from(Self::values_of(rows, row)?)));
        self.session.run(&self.sql, Parameters::Rows(rows.collect::<Result<_>>()?)).await
    }

    fn check_count(&self, values: &[ScalarValue]) -> Result<()> {
        match (self.parameters().len(), values.len()) {
            (wanted, given) if wanted == given => Ok(()),
            (wanted, given) => {
                Err(Error::invalid(format!("the statement takes {wanted} parameters, got {given}")))
            }
        }
    }

    /// The values of one row of a batch, by the places of its columns, whatever their names; those in unions are taken out.
    ///
    /// # Errors
    /// `Invalid` for a row that the batch does not have.
    pub fn values_of(batch: &RecordBatch, row: usize) -> Result<Vec<ScalarValue>> {
        if row >= batch.num_rows() {
            let rows = batch.num_rows();
            return Err(Error::invalid(format!(
                "expected a row of parameters, number {row} of {rows} is not there"
            )));
        }
        let value = |column: &ArrayRef| {
            Ok(match ScalarValue::try_from_array(column, row)? {
                ScalarValue::Union(value, ..) => value.map_or(ScalarValue::Null, |(_, inner)| *inner),
                value => value,
            })
        };
        batch.columns().iter().map(value).collect()
    }
}
