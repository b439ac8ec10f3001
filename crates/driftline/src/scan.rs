//! Reading a table: our own `DataSource`. A unit of work is a row group of a segment or a batch of the memtable.
//!
//! The plan is made from the manifest alone: days and segments that cannot hold an answer are left out by time. Segments are opened
//! while the query runs, where statistics and bloom filters leave out row groups; then the columns of the filter are decoded, and
//! the others only where rows survive. Every answer is the same with and without any of this.

mod attribute;
mod attributes;
mod cache;
mod coded;
mod columns;
mod emit;
mod execution;
mod filter;
mod implied;
mod index;
mod layout;
mod mask;
mod metrics;
mod order;
mod outlived;
mod pieces;
mod planning;
mod prune;
mod slices;
mod source;
mod statistics;
mod worker;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use driftline_storage::TableSnapshot;

pub use cache::CacheStatus;
pub(crate) use cache::ColumnCache;
pub(crate) use layout::{ROW, SEGMENT};
pub(crate) use planning::times;
pub(crate) use slices::SlicesForAggregates;

use layout::Layout;

/// A table as one statement sees it.
#[derive(Debug)]
pub(crate) struct ScanTable {
    table: Arc<TableSnapshot>,
    layout: Arc<Layout>,
    cache: Arc<ColumnCache>,
}

impl ScanTable {
    pub(crate) fn new(table: Arc<TableSnapshot>, cache: Arc<ColumnCache>) -> Self {
        let layout = Arc::new(Layout::of(table.schema(), table.options().promote_attributes));
        Self { table, layout, cache }
    }

    /// The same table, with the place of each row behind its columns: [`SEGMENT`] and [`ROW`]. Rows in memory have none.
    pub(crate) fn with_places(self) -> Self {
        Self { layout: Arc::new(self.layout.with_places()), ..self }
    }

    pub(crate) fn table(&self) -> &Arc<TableSnapshot> {
        &self.table
    }
}

#[async_trait]
impl TableProvider for ScanTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.layout.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// The scan evaluates every filter itself, row by row, so that no other operator has to.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        filters
            .iter()
            .map(|filter| {
                Ok(match is_evaluable(filter)? {
                    true => TableProviderFilterPushDown::Exact,
                    false => TableProviderFilterPushDown::Unsupported,
                })
            })
            .collect()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let source = planning::plan(self, state, projection, filters, limit).await?;
        Ok(DataSourceExec::from_data_source(source))
    }
}

/// Whether a filter needs nothing but the columns of its row: no subquery, and no function that answers differently each time.
fn is_evaluable(filter: &Expr) -> DfResult<bool> {
    let mut evaluable = !filter.is_volatile();
    filter.apply(|expr| {
        if matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ) {
            evaluable = false;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(evaluable)
}
