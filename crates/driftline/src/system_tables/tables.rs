//! `driftline.tables`: every table and view, with size and times. Numbers of tables count memory and segments; views have none.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringViewArray, TimestampNanosecondArray};
use arrow::datatypes::Schema;
use driftline_storage::{Partitioning, TableSnapshot};

use super::{instant, number, text};
use crate::catalog::Relations;
use crate::sql::retention_text;

pub(super) fn schema() -> Schema {
    super::schema(vec![
        text("name", false),
        text("kind", false),
        number("rows", true),
        number("memory_rows", true),
        number("partitions", true),
        number("segments", true),
        number("bytes", true),
        instant("min_time", true),
        instant("max_time", true),
        text("sort_key", true),
        text("partitioning", true),
        text("retention", true),
        text("definition", true),
    ])
}

pub(super) fn columns(relations: &Relations) -> Vec<ArrayRef> {
    let tables: Vec<&Arc<TableSnapshot>> = relations.tables().collect();
    let views = relations.views();
    let of_tables = |value: &dyn Fn(&TableSnapshot) -> Option<i64>| -> Vec<Option<i64>> {
        tables.iter().map(|table| value(table)).chain(views.iter().map(|_| None)).collect()
    };
    let numbers = |value: &dyn Fn(&TableSnapshot) -> Option<i64>| -> ArrayRef {
        Arc::new(Int64Array::from(of_tables(value)))
    };
    let times = |value: &dyn Fn(&TableSnapshot) -> Option<i64>| -> ArrayRef {
        Arc::new(TimestampNanosecondArray::from(of_tables(value)).with_timezone("UTC"))
    };
    let texts = |value: &dyn Fn(&TableSnapshot) -> Option<String>| -> ArrayRef {
        let of_tables = tables.iter().map(|table| value(table));
        Arc::new(StringViewArray::from_iter(of_tables.chain(views.iter().map(|_| None))))
    };
    let stored = |table: &TableSnapshot, part: fn(&driftline_storage::PartitionEntry) -> u64| -> i64 {
        table.partitions().iter().map(part).sum::<u64>() as i64
    };

    let names = tables.iter().map(|table| table.name()).chain(views.iter().map(|(name, _)| *name));
    let kinds = tables.iter().map(|_| "table").chain(views.iter().map(|_| "view"));
    let definitions = tables.iter().map(|_| None).chain(views.iter().map(|(_, query)| Some(*query)));
    vec![
        Arc::new(StringViewArray::from_iter_values(names)),
        Arc::new(StringViewArray::from_iter_values(kinds)),
        numbers(&|table| Some(stored(table, |entry| entry.rows) + table.memory_rows() as i64)),
        numbers(&|table| Some(table.memory_rows() as i64)),
        numbers(&|table| Some(table.partitions().len() as i64)),
        numbers(&|table| Some(stored(table, |entry| entry.segments))),
        numbers(&|table| Some(stored(table, |entry| entry.bytes))),
        times(&|table| crate::scan::times(table).map(|(first, _)| first)),
        times(&|table| crate::scan::times(table).map(|(_, last)| last)),
        texts(&|table| Some(table.options().sort.join(", "))),
        texts(&|table| Some(partition(table.schema().partitioning()).to_owned())),
        texts(&|table| table.options().retention.map(retention_text)),
        Arc::new(StringViewArray::from_iter(definitions)),
    ]
}

fn partition(partitioning: Partitioning) -> &'static str {
    match partitioning {
        Partitioning::Day => "day",
        Partitioning::Month => "month",
    }
}
