//! Planning a scan from the manifest: which days, which segments, which units of work. No segment is opened here.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::TimestampNanosecondType;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::Expr;
use datafusion::physical_optimizer::pruning::PruningPredicate;
use driftline_storage::{SegmentMeta, TableSnapshot, TimeRange};

use super::ScanTable;
use super::attributes;
use super::filter::Filter;
use super::index::Condition;
use super::metrics::PlanningCounts;
use super::prune;
use super::source::{ScanSegment, ScanSource, Unit};
use super::statistics::Known;
use crate::error::external;

/// Plans the scan of a table for one query.
pub(super) async fn plan(
    table: &ScanTable,
    state: &dyn Session,
    projection: Option<&Vec<usize>>,
    filters: &[Expr],
    limit: Option<usize>,
) -> DfResult<ScanSource> {
    let df_schema = DFSchema::try_from(table.layout.schema().as_ref().clone())?;
    let mut layout = Arc::clone(&table.layout);
    let mut filter = Filter::default();
    for expr in filters {
        let expr = state.create_physical_expr(expr.clone(), &df_schema)?;
        let (expr, with_attributes) = attributes::as_columns(&expr, &layout)?;
        layout = with_attributes;
        filter.push(&expr, layout.schema())?;
    }
    let schema = Arc::clone(layout.schema());
    for conjunct in filter.conjuncts() {
        table.table.count_filters(Condition::of(conjunct.table_expr(), &layout).filtered(&layout));
    }

    let by_time = prune::predicate(filter.fixed(), &schema);
    let mut counts = PlanningCounts { memory_rows: table.table.memory_rows(), ..PlanningCounts::default() };
    let metas = segments(&table.table, by_time.as_ref(), &mut counts).await?;
    let memory_times = memory_times(&table.table);
    let memory = prune::keep_by_time(by_time.as_ref(), memory_times.into_iter())? == [true];
    let units = units(&table.table, &metas, memory);

    let output: Vec<usize> = match projection {
        Some(projection) => projection.clone(),
        None => (0..table.layout.len()).collect(),
    };
    let partitions = units.len().clamp(1, state.config().target_partitions());
    let source = ScanSource {
        table: Arc::clone(&table.table),
        layout,
        cache: Arc::clone(&table.cache),
        known: Known::of(
            &metas,
            memory_times.filter(|_| memory),
            if memory { table.table.memory_rows() } else { 0 },
        ),
        segments: metas.into_iter().map(ScanSegment::new).collect(),
        units: units.into(),
        runs: None,
        filter,
        schema: Arc::new(schema.project(&output)?),
        output,
        limit,
        partitions,
        slices: false,
        counts,
        metrics: Default::default(),
    };
    source.counts.record(&source.metrics);
    Ok(source)
}

/// The segments that may hold rows, by the times of their days and then by their own.
async fn segments(
    table: &TableSnapshot,
    by_time: Option<&Arc<PruningPredicate>>,
    counts: &mut PlanningCounts,
) -> DfResult<Vec<Arc<SegmentMeta>>> {
    let partitions = table.partitions();
    let keep = prune::keep_by_time(by_time, partitions.iter().map(|entry| (entry.min_time, entry.max_time)))?;
    counts.partitions = partitions.len();
    counts.partitions_pruned = keep.iter().filter(|keep| !**keep).count();

    let mut candidates = vec![];
    let kept_or_not: Vec<_> = partitions.iter().zip(&keep).collect();
    for run in kept_or_not.chunk_by(|a, b| a.1 == b.1) {
        if !run[0].1 {
            continue;
        }
        let start = run.iter().map(|(entry, _)| entry.min_time).min().unwrap_or(i64::MIN);
        let end = run.iter().map(|(entry, _)| entry.max_time).max().unwrap_or(i64::MAX);
        candidates.extend(table.segments(TimeRange::new(start, end)).await.map_err(external)?);
    }

    let keep =
        prune::keep_by_time(by_time, candidates.iter().map(|segment| (segment.min_time, segment.max_time)))?;
    counts.segments = candidates.len();
    counts.row_groups = candidates.iter().map(|segment| segment.row_groups as usize).sum();
    let mut kept: Vec<Arc<SegmentMeta>> =
        candidates.into_iter().zip(keep).filter_map(|(segment, keep)| keep.then_some(segment)).collect();
    counts.segments_pruned = counts.segments - kept.len();
    counts.row_groups_pruned =
        counts.row_groups - kept.iter().map(|segment| segment.row_groups as usize).sum::<usize>();
    kept.sort_by_key(|segment| segment.min_time);
    Ok(kept)
}

/// Row groups of segments in the order of time, then the memtable.
fn units(table: &TableSnapshot, segments: &[Arc<SegmentMeta>], memory: bool) -> Vec<Unit> {
    let row_groups = segments.iter().enumerate().flat_map(|(segment, meta)| {
        (0..meta.row_groups as usize).map(move |row_group| Unit::RowGroup { segment, row_group })
    });
    let batches = if memory { table.memory().len() } else { 0 };
    row_groups.chain((0..batches).map(Unit::Memory)).collect()
}

/// The earliest and latest time of the unflushed rows.
fn memory_times(table: &TableSnapshot) -> Option<(i64, i64)> {
    let times = table.memory().iter().filter_map(|batch| {
        let array = batch.column_by_name(driftline_storage::TIME_COLUMN)?;
        let array = array.as_primitive_opt::<TimestampNanosecondType>()?;
        Some((min(array)?, max(array)?))
    });
    times.reduce(|(start, end), (first, last)| (start.min(first), end.max(last)))
}

/// The earliest and latest time of all rows of a table.
pub(crate) fn times(table: &TableSnapshot) -> Option<(i64, i64)> {
    let stored = table.partitions().iter().map(|entry| (entry.min_time, entry.max_time));
    stored.chain(memory_times(table)).reduce(|(start, end), (first, last)| (start.min(first), end.max(last)))
}
