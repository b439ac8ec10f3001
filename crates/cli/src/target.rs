//! Where statements go: into a database that this process has open, or to a server.

use anyhow::Result;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use driftline::{Database, QueryStream};
use driftline_server::{Answer, Client};
use futures::StreamExt;
use futures::stream::BoxStream;

/// Answers statements.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Database(Database),
    Server(Box<Client>),
}

impl Target {
    /// Runs one statement.
    pub(crate) async fn sql(&self, statement: &str) -> Result<Rows> {
        match self {
            Self::Database(database) => Ok(database.sql(statement).await?.into()),
            Self::Server(client) => Ok(client.sql(statement).await?.into()),
        }
    }
}

/// The rows of an answer.
pub(crate) struct Rows {
    pub(crate) schema: SchemaRef,
    pub(crate) batches: BoxStream<'static, driftline::Result<RecordBatch>>,
}

impl From<QueryStream> for Rows {
    fn from(stream: QueryStream) -> Self {
        Self { schema: stream.schema(), batches: stream.boxed() }
    }
}

impl From<Answer> for Rows {
    fn from(answer: Answer) -> Self {
        Self { schema: answer.schema(), batches: answer.boxed() }
    }
}
