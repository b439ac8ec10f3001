//! The scan as DataFusion's optimiser sees it: it takes projections, filters, limits and wishes for an order.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Statistics, internal_datafusion_err};
use datafusion::datasource::source::{DataSource, OpenArgs};
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::filter_pushdown::{FilterPushdownPropagation, PushedDown};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use driftline_storage::{SegmentMeta, TableSnapshot};

use super::attributes;
use super::cache::ColumnCache;
use super::execution::Execution;
use super::filter::{Conjunct, Filter};
use super::layout::Layout;
use super::metrics::{PlanningCounts, ScanMetrics};
use super::order::Runs;
use super::statistics::Known;
use super::worker;

/// A segment of the scan, with the name under which the cache knows it.
#[derive(Clone, Debug)]
pub(super) struct ScanSegment {
    pub(super) meta: Arc<SegmentMeta>,
    pub(super) key: Arc<str>,
    /// The columns whose bloom filters need not be asked: an id filter has said what they would.
    pub(super) asked: Arc<[u32]>,
}

impl ScanSegment {
    pub(super) fn new(meta: Arc<SegmentMeta>, asked: Vec<u32>) -> Self {
        let key = Arc::from(meta.id.as_str());
        Self { meta, key, asked: asked.into() }
    }
}

/// What is read at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    RowGroup { segment: usize, row_group: usize },
    Memory(usize),
}

/// A planned scan; optimiser rules make changed copies of it.
#[derive(Clone, Debug)]
pub(super) struct ScanSource {
    pub(super) table: Arc<TableSnapshot>,
    pub(super) layout: Arc<Layout>,
    pub(super) cache: Arc<ColumnCache>,
    pub(super) known: Known,
    pub(super) segments: Arc<[ScanSegment]>,
    pub(super) units: Arc<[Unit]>,
    /// Where an order is promised: what each partition reads, instead of a queue that all of them share.
    pub(super) runs: Option<Arc<Runs>>,
    pub(super) filter: Filter,
    /// Positions in the table of the columns that leave the scan, and their names.
    pub(super) output: Vec<usize>,
    pub(super) schema: SchemaRef,
    pub(super) limit: Option<usize>,
    pub(super) partitions: usize,
    /// Whether batches may be slices of row groups, because the operator above keeps none of them.
    pub(super) slices: bool,
    pub(super) counts: PlanningCounts,
    pub(super) metrics: ExecutionPlanMetricsSet,
}

/// Tells a scan that the operator above keeps no batches.
#[derive(Debug)]
pub(super) struct SlicesWanted;

impl ScanSource {
    /// An expression over the output, as one over the columns of the table.
    fn over_table(&self, expr: &Arc<dyn PhysicalExpr>) -> DfResult<Arc<dyn PhysicalExpr>> {
        let changed = Arc::clone(expr).transform(|node| {
            let Some(column) = node.downcast_ref::<Column>() else {
                return Ok(Transformed::no(node));
            };
            let index = *self
                .output
                .get(column.index())
                .ok_or_else(|| internal_datafusion_err!("the scan has no column {column}"))?;
            let name = self.layout.schema().field(index).name();
            Ok(Transformed::yes(Arc::new(Column::new(name, index)) as _))
        })?;
        Ok(changed.data)
    }

    /// How many units from one on a partition takes at once: those of one segment, which it opens while the others open theirs, but no more
    /// than half of its share of what is left, so that none ends long after the others. One where the first rows may be all that is wanted.
    pub(super) fn stretch(&self, start: usize) -> usize {
        let left = self.units.get(start..).unwrap_or_default();
        let most = match self.limit.is_some() || self.filter.conjuncts().iter().any(Conjunct::is_dynamic) {
            true => 1,
            false => (left.len() / (2 * self.partitions)).max(1),
        };
        let segment = |unit: &Unit| match unit {
            Unit::RowGroup { segment, .. } => Some(*segment),
            Unit::Memory(_) => None,
        };
        let first = left.first().and_then(segment);
        left.iter().take(most).take_while(|unit| segment(unit) == first).count()
    }

    fn table_names(&self) -> Vec<&str> {
        let names = self.output.iter().map(|index| self.layout.schema().field(*index).name());
        names.map(String::as_str).collect()
    }
}

impl DataSource for ScanSource {
    fn open(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        self.open_with_args(OpenArgs::new(partition, context))
    }

    fn create_sibling_state(&self, _: &ConfigOptions) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(Execution::shared(self)))
    }

    fn open_with_args(&self, args: OpenArgs) -> DfResult<SendableRecordBatchStream> {
        let shared = args.sibling_state.and_then(|state| state.downcast::<Execution>().ok());
        let execution = shared.unwrap_or_else(|| Arc::new(Execution::alone(self, args.partition)));
        let metrics = ScanMetrics::new(&self.metrics, args.partition);
        let batch_rows = args.context.session_config().batch_size();
        Ok(worker::run(self.clone(), execution, args.partition, metrics, batch_rows))
    }

    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        if format == DisplayFormatType::TreeRender {
            return write!(f, "table={}\ncolumns={}", self.table.name(), columns.join(", "));
        }
        write!(f, "table={}, columns=[{}]", self.table.name(), columns.join(", "))?;
        if !self.filter.is_empty() {
            write!(f, ", filter={}", self.filter)?;
        }
        write!(
            f,
            ", segments={}, units={}, memory_rows={}",
            self.segments.len(),
            self.units.len(),
            self.counts.memory_rows
        )?;
        if let Some(runs) = &self.runs {
            write!(f, ", order=[{}]", runs.ordering)?;
        }
        match self.limit {
            Some(limit) => write!(f, ", limit={limit}"),
            None => Ok(()),
        }
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.partitions)
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        match &self.runs {
            Some(runs) => {
                EquivalenceProperties::new_with_orderings(Arc::clone(&self.schema), [runs.ordering.clone()])
            }
            None => EquivalenceProperties::new(Arc::clone(&self.schema)),
        }
    }

    fn partition_statistics(&self, partition: Option<usize>) -> DfResult<Arc<Statistics>> {
        let filtered = !self.filter.is_empty();
        let all = self.known.statistics(&self.schema, &self.table_names(), filtered, self.limit);
        // which partition reads what is decided while the query runs
        Ok(Arc::new(match partition {
            Some(_) if self.partitions > 1 => Statistics::new_unknown(&self.schema),
            _ => all,
        }))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        Some(Arc::new(Self { limit, ..self.clone() }))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.metrics.clone()
    }

    /// Takes projections that only pick and rename columns, and single attributes.
    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> DfResult<Option<Arc<dyn DataSource>>> {
        // the promised order is in terms of the output
        if self.runs.is_some() {
            return Ok(None);
        }
        let mut layout = Arc::clone(&self.layout);
        let mut output = vec![];
        let mut fields = vec![];
        for projected in projection.iter() {
            let (expr, with_attributes) =
                attributes::as_columns(&self.over_table(&projected.expr)?, &layout)?;
            layout = with_attributes;
            let Some(column) = expr.downcast_ref::<Column>() else {
                return Ok(None);
            };
            output.push(column.index());
            let field: &Field = layout.schema().field(column.index());
            fields.push(field.clone().with_name(&projected.alias));
        }
        let schema = Arc::new(Schema::new(fields));
        Ok(Some(Arc::new(Self { output, schema, layout, ..self.clone() })))
    }

    /// Takes every filter that answers the same for the same row, those that change while the query runs included.
    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _: &ConfigOptions,
    ) -> DfResult<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        let mut pushed = vec![];
        let mut filter = self.filter.clone();
        let mut layout = Arc::clone(&self.layout);
        for expr in &filters {
            // a limit counts rows after the filters that were there before it
            if is_volatile(expr) || self.limit.is_some() {
                pushed.push(PushedDown::No);
                continue;
            }
            let (expr, with_attributes) = attributes::as_columns(&self.over_table(expr)?, &layout)?;
            layout = with_attributes;
            filter.push(&expr, layout.schema())?;
            pushed.push(PushedDown::Yes);
        }
        let taken = pushed.iter().any(|answer| matches!(answer, PushedDown::Yes));
        let propagation = FilterPushdownPropagation::with_parent_pushdown_result(pushed);
        Ok(match taken {
            true => propagation.with_updated_node(Arc::new(Self { filter, layout, ..self.clone() }) as _),
            false => propagation,
        })
    }

    /// Promises an order where it holds for nothing; else reads the newest or oldest first, for the sake of a top-k.
    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> DfResult<SortOrderPushdownResult<Arc<dyn DataSource>>> {
        if let Some(runs) = self.runs(order) {
            let inner = Arc::new(Self { runs: Some(Arc::new(runs)), ..self.clone() });
            return Ok(SortOrderPushdownResult::Exact { inner });
        }
        if !self.begins_with_time(order) {
            return Ok(SortOrderPushdownResult::Unsupported);
        }
        let units = self.units_by_time(order[0].options.descending).into();
        let inner = Arc::new(Self { units, ..self.clone() });
        Ok(SortOrderPushdownResult::Inexact { inner })
    }

    fn with_new_state(&self, state: Arc<dyn Any + Send + Sync>) -> Option<Arc<dyn DataSource>> {
        state.is::<SlicesWanted>().then(|| Arc::new(Self { slices: true, ..self.clone() }) as _)
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        for conjunct in self.filter.conjuncts() {
            if f(conjunct.table_expr())? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}
