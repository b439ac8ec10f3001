//! What `EXPLAIN ANALYZE` shows of a scan: how much there was, how much was left out and why.

use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder};

/// What planning left out, counted once a scan.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PlanningCounts {
    pub(super) partitions: usize,
    pub(super) partitions_pruned: usize,
    pub(super) partitions_pruned_ids: usize,
    pub(super) segments: usize,
    pub(super) segments_pruned: usize,
    pub(super) segments_pruned_ids: usize,
    pub(super) row_groups: usize,
    pub(super) row_groups_pruned: usize,
    pub(super) row_groups_pruned_ids: usize,
    pub(super) memory_rows: usize,
}

impl PlanningCounts {
    pub(super) fn record(&self, metrics: &ExecutionPlanMetricsSet) {
        for (name, value) in [
            ("partitions_total", self.partitions),
            ("partitions_pruned_time", self.partitions_pruned),
            ("partitions_pruned_ids", self.partitions_pruned_ids),
            ("segments_total", self.segments),
            ("segments_pruned_time", self.segments_pruned),
            ("segments_pruned_ids", self.segments_pruned_ids),
            ("row_groups_total", self.row_groups),
            ("row_groups_pruned_time", self.row_groups_pruned),
            ("row_groups_pruned_ids", self.row_groups_pruned_ids),
            ("memory_rows", self.memory_rows),
        ] {
            MetricBuilder::new(metrics).global_counter(name).add(value);
        }
    }
}

/// What one partition of the scan counts while it runs.
#[derive(Debug)]
pub(super) struct ScanMetrics {
    pub(super) baseline: BaselineMetrics,
    pub(super) pruned_statistics: Count,
    pub(super) pruned_bloom: Count,
    pub(super) pruned_dynamic: Count,
    pub(super) pruned_filter: Count,
    pub(super) rows_pruned_filter: Count,
    pub(super) pruned_deletions: Count,
    pub(super) pruned_index: Count,
    pub(super) rows_pruned_index: Count,
    pub(super) rows_pruned_deletions: Count,
    pub(super) cache_hits: Count,
    pub(super) cache_misses: Count,
    pub(super) bytes_scanned: Count,
}

impl ScanMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            pruned_statistics: counter("row_groups_pruned_statistics"),
            pruned_bloom: counter("row_groups_pruned_bloom"),
            pruned_dynamic: counter("row_groups_pruned_dynamic"),
            pruned_filter: counter("row_groups_pruned_filter"),
            rows_pruned_filter: counter("rows_pruned_filter"),
            pruned_index: counter("row_groups_pruned_index"),
            rows_pruned_index: counter("rows_pruned_index"),
            pruned_deletions: counter("row_groups_pruned_deletions"),
            rows_pruned_deletions: counter("rows_pruned_deletions"),
            cache_hits: counter("cache_hits"),
            cache_misses: counter("cache_misses"),
            bytes_scanned: counter("bytes_scanned"),
        }
    }
}
