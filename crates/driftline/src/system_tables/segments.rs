//! `driftline.segments`: every live file. Other engines read them by their paths.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampNanosecondArray};
use arrow::datatypes::Schema;
use driftline_storage::{SegmentMeta, TimeRange};

use super::{instant, number, text};
use crate::catalog::Relations;
use crate::error::Result;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("table_name", false),
        text("partition", false),
        text("path", false),
        number("rows", false),
        number("deleted_rows", false),
        number("bytes", false),
        number("row_groups", false),
        instant("min_time", false),
        instant("max_time", false),
        instant("created_at", false),
    ])
}

pub(super) async fn columns(relations: &Relations) -> Result<Vec<ArrayRef>> {
    let mut tables = vec![];
    let mut segments: Vec<Arc<SegmentMeta>> = vec![];
    for table in relations.tables() {
        let found = table.segments(TimeRange::ALL).await?;
        tables.extend(found.iter().map(|_| table.name()));
        segments.extend(found);
    }
    let texts = |value: fn(&SegmentMeta) -> &str| -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(segments.iter().map(|segment| value(segment))))
    };
    let numbers = |value: fn(&SegmentMeta) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(segments.iter().map(|segment| value(segment) as i64)))
    };
    let times = |value: fn(&SegmentMeta) -> i64| -> ArrayRef {
        let values = segments.iter().map(|segment| value(segment));
        Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    Ok(vec![
        Arc::new(StringViewArray::from_iter_values(tables)),
        texts(|segment| &segment.partition),
        texts(|segment| &segment.path),
        numbers(|segment| segment.rows),
        numbers(|segment| segment.rows - segment.live_rows()),
        numbers(|segment| segment.bytes),
        numbers(|segment| u64::from(segment.row_groups)),
        times(|segment| segment.min_time),
        times(|segment| segment.max_time),
        times(|segment| segment.created_at),
    ])
}
