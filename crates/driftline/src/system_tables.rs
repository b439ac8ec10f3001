//! The tables of schema `driftline`: what the database knows of itself, computed when a query reads them.

mod alerts;
mod baselines;
mod functions;
mod ingest_stats;
mod queries;
mod segments;
mod slos;
mod store_requests;
mod tables;

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::catalog::Relations;
use crate::error::external;

/// Their names.
pub(crate) const NAMES: [&str; 11] = [
    "alert_history",
    "alerts",
    "baselines",
    "functions",
    "ingest_stats",
    "queries",
    "segments",
    "slo_status",
    "slos",
    "store_requests",
    "tables",
];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Alerts,
    Baselines,
    Functions,
    IngestStats,
    Queries,
    Segments,
    Slos,
    StoreRequests,
    Tables,
}

/// One system table over one snapshot.
pub(crate) struct SystemTable {
    kind: Kind,
    schema: SchemaRef,
    relations: Arc<Relations>,
}

impl SystemTable {
    pub(crate) fn named(name: &str, relations: &Arc<Relations>) -> Option<Self> {
        let (kind, schema) = match name {
            "alerts" => (Kind::Alerts, alerts::schema()),
            "baselines" => (Kind::Baselines, baselines::schema()),
            "functions" => (Kind::Functions, functions::schema()),
            "ingest_stats" => (Kind::IngestStats, ingest_stats::schema()),
            "queries" => (Kind::Queries, queries::schema()),
            "segments" => (Kind::Segments, segments::schema()),
            "slos" => (Kind::Slos, slos::schema()),
            "store_requests" => (Kind::StoreRequests, store_requests::schema()),
            "tables" => (Kind::Tables, tables::schema()),
            _ => return None,
        };
        let relations = Arc::clone(relations);
        Some(Self { kind, schema: Arc::new(schema), relations })
    }

    async fn rows(&self, session: &dyn Session) -> crate::Result<RecordBatch> {
        let columns = match self.kind {
            Kind::Alerts => alerts::columns(&self.relations).await?,
            Kind::Baselines => baselines::columns(&self.relations).await?,
            Kind::Functions => functions::columns(session),
            Kind::IngestStats => ingest_stats::columns(self.relations.engine().ingest().stats()),
            Kind::Queries => queries::columns(&self.relations),
            Kind::Segments => segments::columns(&self.relations).await?,
            Kind::Slos => slos::columns(&self.relations),
            Kind::StoreRequests => store_requests::columns(self.relations.engine().storage()),
            Kind::Tables => tables::columns(&self.relations),
        };
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let rows = self.rows(state).await.map_err(external)?;
        let plan = MemorySourceConfig::try_new_exec(&[vec![rows]], self.schema(), projection.cloned())?;
        Ok(plan)
    }
}

impl fmt::Debug for SystemTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemTable").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8View, nullable)
}

fn number(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Int64, nullable)
}

fn instant(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), nullable)
}

fn schema(fields: Vec<Field>) -> Schema {
    Schema::new(fields)
}
