//! What the optimiser may believe of a scan. Numbers are exact only where every row counts: no filter, no limit. From exact ones
//! DataFusion answers `count(*)`, `min(time)` and `max(time)` without reading anything.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use driftline_storage::{SegmentMeta, TIME_COLUMN};

/// The share of rows that a filter is taken to leave, for want of better knowledge.
const FILTER_SHARE: usize = 5;

/// Bytes of a value of varying length, for want of better knowledge.
const VALUE_BYTES: usize = 32;

/// What the manifest and the memtable know of the units of a scan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    rows: usize,
    times: Option<(i64, i64)>,
    /// Whether these times are those of rows that are there: the first or last one may be deleted.
    exact_times: bool,
}

impl Known {
    pub(super) fn of(
        segments: &[Arc<SegmentMeta>],
        memory_times: Option<(i64, i64)>,
        memory_rows: usize,
    ) -> Self {
        let stored: u64 = segments.iter().map(|segment| segment.live_rows()).sum();
        let times = segments.iter().map(|segment| (segment.min_time, segment.max_time)).chain(memory_times);
        Self {
            rows: usize::try_from(stored).unwrap_or(usize::MAX).saturating_add(memory_rows),
            times: times.reduce(|(start, end), (first, last)| (start.min(first), end.max(last))),
            exact_times: segments.iter().all(|segment| segment.deletions.is_none()),
        }
    }

    /// Statistics of all units together, for the columns of a schema.
    pub(super) fn statistics(
        &self,
        schema: &Schema,
        table_columns: &[&str],
        filtered: bool,
        limit: Option<usize>,
    ) -> Statistics {
        let exact = !filtered && limit.is_none();
        let rows = if filtered { (self.rows / FILTER_SHARE).max(1) } else { self.rows };
        let rows = rows.min(limit.unwrap_or(usize::MAX));
        let width: usize = schema
            .fields()
            .iter()
            .map(|field| field.data_type().primitive_width().unwrap_or(VALUE_BYTES))
            .sum();
        let columns = schema
            .fields()
            .iter()
            .zip(table_columns)
            .map(|(field, name)| self.column(name, field.data_type(), exact))
            .collect();
        let num_rows = if exact { Precision::Exact(rows) } else { Precision::Inexact(rows) };
        Statistics {
            num_rows,
            total_byte_size: Precision::Inexact(rows.saturating_mul(width)),
            column_statistics: columns,
        }
    }

    fn column(&self, table_column: &str, data_type: &DataType, exact: bool) -> ColumnStatistics {
        let mut statistics = ColumnStatistics::new_unknown();
        if table_column != TIME_COLUMN {
            return statistics;
        }
        if let (Some((first, last)), DataType::Timestamp(_, zone)) = (self.times, data_type) {
            let bound = |time| ScalarValue::TimestampNanosecond(Some(time), zone.clone());
            let exact_times = exact && self.exact_times;
            let precise =
                |value| if exact_times { Precision::Exact(value) } else { Precision::Inexact(value) };
            statistics.min_value = precise(bound(first));
            statistics.max_value = precise(bound(last));
            statistics.null_count = if exact { Precision::Exact(0) } else { Precision::Inexact(0) };
        }
        statistics
    }
}
