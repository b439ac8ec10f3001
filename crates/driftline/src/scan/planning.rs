//! Planning a scan from the manifest and the id filters: which days, which segments, which units of work. No segment is opened here.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::TimestampNanosecondType;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::Expr;
use datafusion::physical_optimizer::pruning::PruningPredicate;
use driftline_storage::{IdProbe, SegmentMeta, TableSnapshot, TimeRange};

use super::ScanTable;
use super::attributes;
use super::filter::Filter;
use super::index::Condition;
use super::metrics::PlanningCounts;
use super::outlived;
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

    let fixed = prune::predicate(filter.fixed(), &schema);
    let mut counts = PlanningCounts { memory_rows: table.table.memory_rows(), ..PlanningCounts::default() };
    let probes = match &fixed {
        Some(fixed) => prune::id_probes(fixed, &layout, table.table.schema().bloom_columns()),
        None => vec![],
    };
    let found = match segments(&table.table, fixed.as_ref(), &probes, &mut counts).await {
        Ok(found) => found,
        Err(error) => return Err(outlived::explained(&table.table, error).await),
    };
    let memory_times = memory_times(&table.table);
    let memory = prune::keep_by_time(fixed.as_ref(), memory_times.into_iter())? == [true];
    let units = units(&table.table, &found, memory);
    let metas: Vec<Arc<SegmentMeta>> = found.iter().map(|segment| Arc::clone(&segment.meta)).collect();

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
        segments: found.into_iter().map(|segment| ScanSegment::new(segment.meta, segment.asked)).collect(),
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

/// A segment that may hold rows.
struct Found {
    meta: Arc<SegmentMeta>,
    row_groups: Vec<usize>,
    /// The columns of which an id filter has told that.
    asked: Vec<u32>,
}

/// The segments that may hold rows: by the times of their days, by id filters, and then by their own times.
async fn segments(
    table: &TableSnapshot,
    fixed: Option<&Arc<PruningPredicate>>,
    probes: &[IdProbe],
    counts: &mut PlanningCounts,
) -> DfResult<Vec<Found>> {
    let partitions = table.partitions();
    let mut keep =
        prune::keep_by_time(fixed, partitions.iter().map(|entry| (entry.min_time, entry.max_time)))?;
    counts.partitions = partitions.len();
    counts.partitions_pruned = keep.iter().filter(|keep| !**keep).count();

    let asked: Vec<_> =
        partitions.iter().zip(&keep).filter_map(|(entry, keep)| keep.then_some(entry)).collect();
    let ids = table.ask_ids(probes, &asked).await.map_err(external)?;
    for (entry, keep) in partitions.iter().zip(&mut keep).filter(|(_, keep)| **keep) {
        *keep = ids.may_be_in(entry);
        counts.partitions_pruned_ids += usize::from(!*keep);
    }

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
        prune::keep_by_time(fixed, candidates.iter().map(|segment| (segment.min_time, segment.max_time)))?;
    counts.segments = candidates.len();
    counts.row_groups = candidates.iter().map(|segment| segment.row_groups as usize).sum();
    let mut found = vec![];
    for (meta, keep) in candidates.into_iter().zip(keep) {
        let all = meta.row_groups as usize;
        if !keep {
            counts.segments_pruned += 1;
            counts.row_groups_pruned += all;
            continue;
        }
        let row_groups: Vec<usize> = match ids.row_groups(&meta) {
            Some(known) => (0..all).filter(|row_group| known.get(*row_group) != Some(&false)).collect(),
            None => (0..all).collect(),
        };
        counts.row_groups_pruned_ids += all - row_groups.len();
        if row_groups.is_empty() {
            counts.segments_pruned_ids += 1;
            continue;
        }
        let asked = ids.asked(&meta).to_vec();
        found.push(Found { meta, row_groups, asked });
    }
    found.sort_by_key(|segment| segment.meta.min_time);
    Ok(found)
}

/// Row groups of segments in the order of time, then the memtable.
fn units(table: &TableSnapshot, segments: &[Found], memory: bool) -> Vec<Unit> {
    let row_groups = segments.iter().enumerate().flat_map(|(segment, found)| {
        found.row_groups.iter().map(move |row_group| Unit::RowGroup { segment, row_group: *row_group })
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
