use arrow::{
    array::{Int64Array, StringArray, TimestampNanosecondArray},
    datatypes::Int64Type,
};
use proptest::prelude::*;

use super::*;
use crate::{ColumnType, NewColumn, Partitioning, TableOptions, TableSpec};

const DAY_NS: i64 = 86_400_000_000_000;

fn schema(partition: Partitioning, sort: &[&str]) -> TableSchema {
    let spec = TableSpec {
        name: "t".to_owned(),
        columns: vec![
            NewColumn::time(),
            NewColumn::new("model", ColumnType::Text),
            NewColumn::new("n", ColumnType::Int64),
            NewColumn::new("never", ColumnType::Int64),
        ],
        options: TableOptions {
            sort: sort.iter().map(|name| (*name).to_owned()).collect(),
            partition,
            ..TableOptions::default()
        },
    };
    TableSchema::from_spec(&spec).unwrap()
}

/// A row: time, model, number of its commit.
type Row = (i64, Option<&'static str>, i64);

fn batch(schema: &TableSchema, rows: &[Row], with_model: bool) -> RecordBatch {
    let time = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.0)).with_timezone("UTC");
    let mut columns: Vec<(&str, ArrayRef)> = vec![("time", Arc::new(time))];
    if with_model {
        columns.push(("model", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1)))));
    }
    columns.push(("n", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)))));
    schema.conform(&RecordBatch::try_from_iter(columns).unwrap()).unwrap()
}

fn gathered(rows: &Ordered<'_>, columns: &[&Column], range: Range<usize>) -> Vec<i64> {
    let n = columns.iter().position(|column| column.name == "n").unwrap();
    let batch = rows.gather(range, columns).unwrap();
    batch.column(n).as_primitive::<Int64Type>().values().to_vec()
}

#[test]
fn nulls_come_first_and_equal_rows_keep_their_order() {
    // breaks when nulls sort last, or when the sort is not stable
    let schema = schema(Partitioning::Day, &["model", "time"]);
    let rows: [Row; 5] =
        [(5, Some("b"), 0), (5, Some("a"), 1), (9, None, 2), (1, Some("b"), 3), (5, Some("b"), 4)];
    let ordered = Ordered::new(&schema, vec![batch(&schema, &rows, true)]).unwrap();
    let columns = ordered.columns(0..5);
    assert_eq!(columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["time", "model", "n"]);
    assert_eq!(gathered(&ordered, &columns, 0..5), [2, 1, 3, 0, 4]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_order_is_that_of_a_plain_stable_sort(
        batches in prop::collection::vec(
            (any::<bool>(), prop::collection::vec((-3..3_i64, 0..4_i64, prop::option::of(0..3_usize)), 1..20)),
            1..6,
        ),
        monthly in any::<bool>(),
        by_time in any::<bool>(),
    ) {
        // breaks when partitions, narrow batches or ties are ordered otherwise than a stable sort of whole rows does
        let partitioning = if monthly { Partitioning::Month } else { Partitioning::Day };
        let schema = schema(partitioning, if by_time { &["time"] } else { &["model", "time"] });
        let mut all: Vec<Row> = Vec::new();
        let mut sources = Vec::new();
        for (with_model, rows) in &batches {
            let rows: Vec<Row> = rows.iter().enumerate().map(|(index, (day, ns, model))| {
                let model = model.filter(|_| *with_model).map(|model| ["x", "y", "z"][model]);
                (day * DAY_NS + ns, model, (all.len() + index) as i64)
            }).collect();
            sources.push(batch(&schema, &rows, *with_model));
            all.extend(rows);
        }
        let day = |row: &Row| PartitionKey::of(row.0, partitioning);
        let mut expected = all.clone();
        expected.sort_by_key(|row| (day(row), if by_time { None } else { row.1 }, row.0));

        let ordered = Ordered::new(&schema, sources).unwrap();
        let mut found = Vec::new();
        for (key, range) in ordered.partitions() {
            let columns = ordered.columns(range.clone());
            let has_model = columns.iter().any(|column| column.name == "model");
            let rows = &expected[range.clone()];
            prop_assert!(rows.iter().all(|row| day(row) == *key));
            prop_assert_eq!(has_model, rows.iter().any(|row| row.1.is_some()), "all-null columns are left out");
            for group in ordered.row_groups(range.clone()) {
                found.extend(gathered(&ordered, &columns, group));
            }
        }
        prop_assert_eq!(found, expected.iter().map(|row| row.2).collect::<Vec<_>>());
    }
}

#[test]
fn row_groups_are_cut_where_the_first_key_changes() {
    // breaks when a row group is longer than allowed, shorter without need, or cut in the middle of a key
    let schema = schema(Partitioning::Day, &["model", "time"]);
    let mut rows: Vec<Row> = Vec::new();
    for (model, count) in [("a", 70_000), ("b", 20_000), ("c", 300_000), ("d", 10)] {
        rows.extend((0..count).map(|_| (1, Some(model), 0)));
    }
    let ordered = Ordered::new(&schema, vec![batch(&schema, &rows, true)]).unwrap();
    let groups = ordered.row_groups(0..rows.len());
    let ends: Vec<usize> = groups.iter().map(|group| group.end).collect();
    assert_eq!(ends, [70_000, 70_000 + ROW_GROUP_ROWS_MAX, 390_010]);
    let by_time = self::schema(Partitioning::Day, &["time"]);
    let ordered = Ordered::new(&by_time, vec![batch(&by_time, &rows, true)]).unwrap();
    let sizes: Vec<usize> = ordered.row_groups(0..rows.len()).iter().map(ExactSizeIterator::len).collect();
    assert_eq!(sizes, [ROW_GROUP_ROWS_BY_TIME, ROW_GROUP_ROWS_BY_TIME, 390_010 - 2 * ROW_GROUP_ROWS_BY_TIME]);
}
