//! What need not be read: days and segments by their times, row groups by statistics and bloom filters.
//!
//! All of it goes through DataFusion's `PruningPredicate`, so that casts, BETWEEN, OR and constants on either side are understood in
//! one place. Statistics of floats are not used: Parquet leaves NaN out of them, while a comparison puts NaN above every number.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, TimestampNanosecondArray, UInt64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::Guarantee;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use driftline_storage::{IdProbe, SegmentReader, TIME_COLUMN};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;

use super::layout::{Kind, Layout, ScanColumn};
use crate::error::external;

/// Longest list of an IN that is compared with statistics value by value.
const IN_LIST_MAX: usize = 64;

/// Makes a predicate over statistics; `None` where the expression says nothing about them.
pub(super) fn predicate(
    expr: Option<Arc<dyn PhysicalExpr>>,
    schema: &SchemaRef,
) -> Option<Arc<PruningPredicate>> {
    PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(schema))
        .with_max_in_list_size(IN_LIST_MAX)
        .build(expr?)
}

/// Which of some time ranges may hold rows that the predicate lets through.
pub(super) fn keep_by_time(
    predicate: Option<&Arc<PruningPredicate>>,
    ranges: impl Iterator<Item = (i64, i64)>,
) -> DfResult<Vec<bool>> {
    let (starts, ends): (Vec<i64>, Vec<i64>) = ranges.unzip();
    match predicate {
        Some(predicate) if !starts.is_empty() => predicate.prune(&TimeRanges { starts, ends }),
        _ => Ok(vec![true; starts.len()]),
    }
}

struct TimeRanges {
    starts: Vec<i64>,
    ends: Vec<i64>,
}

impl TimeRanges {
    fn times(column: &Column, values: &[i64]) -> Option<ArrayRef> {
        (column.name == TIME_COLUMN).then(|| {
            Arc::new(TimestampNanosecondArray::from(values.to_vec()).with_timezone("UTC")) as ArrayRef
        })
    }
}

impl PruningStatistics for TimeRanges {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        Self::times(column, &self.starts)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        Self::times(column, &self.ends)
    }

    fn num_containers(&self) -> usize {
        self.starts.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// Which row groups of a segment may hold rows that the predicate lets through, by their statistics.
pub(super) fn keep_by_statistics(
    predicate: &PruningPredicate,
    reader: &SegmentReader,
    layout: &Layout,
) -> DfResult<Vec<bool>> {
    predicate.prune(&RowGroups { reader, layout })
}

/// The statistics of all row groups of a segment.
struct RowGroups<'a> {
    reader: &'a SegmentReader,
    layout: &'a Layout,
}

/// What statistics say of a column.
enum Stands<'a> {
    /// What they say of a column of the file.
    For(&'a ScanColumn),
    /// Every row is NULL.
    AllNull,
    /// Nothing: values come from elsewhere too.
    Unknown,
}

impl RowGroups<'_> {
    fn column(&self, column: &Column) -> Option<&ScanColumn> {
        let index = self.layout.schema().index_of(&column.name).ok()?;
        Some(self.layout.column(index))
    }

    /// What the statistics of the file say of a column.
    fn stands<'a>(&'a self, column: &'a ScanColumn) -> Stands<'a> {
        match &column.kind {
            Kind::Stored => Stands::For(column),
            Kind::FromAttribute(_) if self.reader.is_complete(column.id) => Stands::For(column),
            Kind::Attribute(key) if !self.reader.may_have_attribute(key) => {
                let mut columns = self.layout.attribute_columns();
                match columns.find(|(_, known)| known == key) {
                    Some((index, _)) => match self.layout.column(index) {
                        // a text is its own text; of other types only NULL is the same
                        text if text.data_type == DataType::Utf8View => Stands::For(text),
                        _ => Stands::Unknown,
                    },
                    None => Stands::AllNull,
                }
            }
            _ => Stands::Unknown,
        }
    }

    /// Reads statistics of a column that the file has, in the type that SQL sees.
    fn read(
        &self,
        column: &ScanColumn,
        read: impl Fn(&StatisticsConverter<'_>) -> parquet::errors::Result<ArrayRef>,
    ) -> Option<ArrayRef> {
        let root = self.reader.column_root(column.id)?;
        let schema = self.reader.arrow_schema();
        let metadata = self.reader.parquet_metadata();
        let descriptor = metadata.file_metadata().schema_descr();
        let converter = StatisticsConverter::try_new(schema.field(root).name(), schema, descriptor)
            .ok()?
            .with_missing_null_counts_as_zero(false);
        converter.parquet_column_index()?;
        read(&converter).ok()
    }

    fn bounds(
        &self,
        column: &Column,
        read: impl Fn(&StatisticsConverter<'_>) -> parquet::errors::Result<ArrayRef>,
    ) -> Option<ArrayRef> {
        let column = self.column(column)?;
        let Stands::For(stored) = self.stands(column) else { return None };
        if stored.data_type.is_floating() {
            return None;
        }
        cast(&self.read(stored, read)?, &column.data_type).ok()
    }
}

impl PruningStatistics for RowGroups<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.reader.parquet_metadata().row_groups();
        self.bounds(column, |converter| converter.row_group_mins(groups))
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        let groups = self.reader.parquet_metadata().row_groups();
        self.bounds(column, |converter| converter.row_group_maxes(groups))
    }

    fn num_containers(&self) -> usize {
        self.reader.row_groups()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let column = match self.stands(self.column(column)?) {
            Stands::For(stored) if self.reader.column_root(stored.id).is_some() => stored,
            Stands::For(_) | Stands::AllNull => return self.row_counts(),
            Stands::Unknown => return None,
        };
        let groups = self.reader.parquet_metadata().row_groups();
        self.read(column, |converter| Ok(Arc::new(converter.row_group_null_counts(groups)?)))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = (0..self.reader.row_groups()).map(|group| self.reader.row_group_rows(group) as u64);
        Some(Arc::new(UInt64Array::from_iter_values(rows)))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}

/// The probes that a predicate allows: `=` and IN on columns with bloom filters.
pub(super) fn id_probes(
    predicate: &PruningPredicate,
    layout: &Layout,
    bloom_columns: &[u32],
) -> Vec<IdProbe> {
    let mut probes = vec![];
    for guarantee in predicate.literal_guarantees() {
        let Ok(index) = layout.schema().index_of(&guarantee.column.name) else { continue };
        let column = layout.column(index);
        if guarantee.guarantee != Guarantee::In || !bloom_columns.contains(&column.id) {
            continue;
        }
        let values: Option<Vec<Vec<u8>>> = guarantee.literals.iter().map(bloom_bytes).collect();
        if let Some(values) = values {
            let from_attribute = matches!(column.kind, Kind::FromAttribute(_));
            probes.push(IdProbe { column: column.id, from_attribute, values });
        }
    }
    probes
}

/// Whether a row group may have a row that satisfies every probe, but for those of columns that were asked for already.
pub(super) async fn keep_by_bloom(
    probes: &[IdProbe],
    asked: &[u32],
    reader: &SegmentReader,
    row_group: usize,
) -> DfResult<bool> {
    for probe in probes {
        // values that are still in the attributes are not in the filter
        if asked.contains(&probe.column) || (probe.from_attribute && !reader.is_complete(probe.column)) {
            continue;
        }
        let mut found = false;
        for value in &probe.values {
            if reader.may_contain(row_group, probe.column, value).await.map_err(external)? {
                found = true;
                break;
            }
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A value as a bloom filter hashes it; `None` for types that are not probed.
fn bloom_bytes(value: &ScalarValue) -> Option<Vec<u8>> {
    match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::Utf8View(Some(text))
        | ScalarValue::LargeUtf8(Some(text)) => Some(text.as_bytes().to_vec()),
        ScalarValue::Binary(Some(bytes)) => Some(bytes.clone()),
        ScalarValue::Int32(Some(number)) => Some(number.to_le_bytes().to_vec()),
        ScalarValue::Int64(Some(number)) => Some(number.to_le_bytes().to_vec()),
        _ => None,
    }
}
