//! Compaction against a plain sort of the rows.

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray};
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use bytesize::ByteSize;
use proptest::prelude::*;

use std::time::Duration;

use super::*;
use crate::{
    ColumnType, CompactOptions, Durability, NewColumn, Storage, StorageOptions, TableOptions, TableSnapshot,
    TableSpec, TimeRange, testing::SimDisk,
};

const DAY_NS: i64 = 86_400_000_000_000;

/// What a row is made of: its model, its time, and a number that no other row has.
type Row = (Option<String>, i64, i64);

fn spec(by_model: bool) -> TableSpec {
    let sort = if by_model { vec!["model".to_owned(), "time".to_owned()] } else { vec!["time".to_owned()] };
    TableSpec {
        name: "t".to_owned(),
        columns: vec![
            NewColumn::time(),
            NewColumn::new("model", ColumnType::Text),
            NewColumn::new("row", ColumnType::Int64),
        ],
        options: TableOptions { sort, ..TableOptions::default() },
    }
}

async fn with_table(disk: &SimDisk, by_model: bool, target: ByteSize) -> Storage {
    let storage = open(disk, target).await;
    storage.create_table(spec(by_model)).await.unwrap();
    storage
}

async fn open(disk: &SimDisk, target: ByteSize) -> Storage {
    let options = StorageOptions {
        compaction: false,
        compaction_target: target,
        compaction_memory: ByteSize::mib(64),
        ..StorageOptions::default()
    };
    let builder = Storage::builder("").seed(1).object_store(disk.store()).log(disk.log()).options(options);
    builder.open().await.unwrap()
}

fn batch(rows: &[Row]) -> RecordBatch {
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.1)).with_timezone("UTC");
    let models: StringArray = rows.iter().map(|row| row.0.as_deref()).collect();
    let numbers = Int64Array::from_iter_values(rows.iter().map(|row| row.2));
    RecordBatch::try_from_iter_with_nullable([
        ("time", Arc::new(times) as _, false),
        ("model", Arc::new(models) as _, true),
        ("row", Arc::new(numbers) as _, true),
    ])
    .unwrap()
}

/// The rows of every segment, as they lie in it.
async fn segments(table: &TableSnapshot) -> Vec<(Arc<SegmentMeta>, Vec<Row>)> {
    let ids: Vec<u32> = table.schema().columns().iter().map(|column| column.id).collect();
    let mut found = Vec::new();
    for segment in table.segments(TimeRange::ALL).await.unwrap() {
        let reader = table.open_segment(&segment).await.unwrap();
        let mut rows = Vec::new();
        for group in 0..reader.row_groups() {
            let columns = reader.read_columns(group, &ids).await.unwrap();
            let times = columns[0].as_ref().unwrap().as_primitive::<TimestampNanosecondType>().clone();
            let models = columns[1].as_ref().map(|models| models.as_string_view().clone());
            let numbers = columns[2].as_ref().unwrap().as_primitive::<Int64Type>().clone();
            for row in 0..times.len() {
                let model = models.as_ref().filter(|models| models.is_valid(row));
                rows.push((
                    model.map(|models| models.value(row).to_owned()),
                    times.value(row),
                    numbers.value(row),
                ));
            }
        }
        assert!(segment.deletions.is_none());
        found.push((segment, rows));
    }
    found
}

fn block_on(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    // breaks when a merge loses, doubles or misplaces a row, brings a deleted one back, or leaves small segments
    #[test]
    fn compacted_rows_are_the_sorted_live_rows(
        flushes in prop::collection::vec(prop::collection::vec((0..6_i64, 0..40_i64, 0..2_i64), 1..400), 2..9),
        divisor in 2..7_i64,
        by_model: bool,
    ) {
        block_on(async {
            let storage = with_table(&SimDisk::new(), by_model, ByteSize::kib(64)).await;
            let mut expected: Vec<Row> = Vec::new();
            for rows in &flushes {
                let first = expected.len() as i64;
                let rows: Vec<Row> = (first..)
                    .zip(rows)
                    .map(|(number, (model, time, day))| {
                        let model = (*model > 0).then(|| format!("model-{model}"));
                        (model, day * DAY_NS + time, number)
                    })
                    .collect();
                storage.append("t", batch(&rows), Durability::Durable).await.unwrap();
                storage.flush(None).await.unwrap();
                expected.extend(rows);
            }
            let mut deletion = storage.delete("t").await.unwrap();
            let table = Arc::clone(deletion.table());
            for (segment, rows) in segments(&table).await {
                let gone = (0..).zip(&rows).filter(|(_, row)| row.2 % divisor == 0).map(|(at, _)| at);
                deletion.add(&segment.id, gone);
            }
            deletion.commit().await.unwrap();
            expected.retain(|row| row.2 % divisor != 0);
            storage.compact("t", CompactOptions::default()).await.unwrap();

            let snapshot = storage.snapshot();
            let table = snapshot.table("t").unwrap();
            let mut found = Vec::new();
            for (segment, rows) in segments(table).await {
                let key = |row: &Row| (by_model.then(|| row.0.clone()), row.1);
                assert!(rows.is_sorted_by_key(key), "{} is in order", segment.path);
                found.extend(rows);
            }
            let small = table.partitions().iter().map(|entry| entry.segments).max();
            assert!(small.is_none_or(|segments| segments <= 2), "{small:?} segments are left in a day");
            found.sort_by_key(|row| row.2);
            assert_eq!(found, expected);
            assert_eq!(storage.check(true).await.unwrap().findings, vec![]);
        });
    }
}

// breaks when rows of equal keys change their order, or row groups are not cut anew
#[test]
fn large_segments_are_cut_where_the_model_changes() {
    block_on(async {
        let storage = with_table(&SimDisk::new(), true, ByteSize::mib(256)).await;
        let mut expected = Vec::new();
        for flush in 0..5_i64 {
            let rows: Vec<Row> = (0..60_000)
                .map(|row| (Some(format!("model-{}", row % 3)), row / 30, flush * 60_000 + row))
                .collect();
            let mut load = storage.bulk_load("t").unwrap();
            load.push(batch(&rows)).await.unwrap();
            load.commit().await.unwrap();
            expected.extend(rows);
        }
        storage.compact("t", CompactOptions::default()).await.unwrap();
        expected.sort_by_key(|row| (row.0.clone(), row.1));
        let snapshot = storage.snapshot();
        let table = snapshot.table("t").unwrap();
        let all = segments(table).await;
        let groups: Vec<i64> = {
            let mut groups = Vec::new();
            for (segment, _) in &all {
                let reader = table.open_segment(segment).await.unwrap();
                groups.extend(reader.parquet_metadata().row_groups().iter().map(|group| group.num_rows()));
            }
            groups
        };
        assert_eq!(groups, [100_000, 100_000, 100_000]);
        let rows: Vec<Row> = all.into_iter().flat_map(|(_, rows)| rows).collect();
        assert!(rows == expected, "rows of equal keys keep the order of their commits");
    });
}

// breaks when a compaction tries again a dictionary that was too small for the values, or drops one that was not
#[test]
fn dictionaries_that_were_in_vain_are_not_tried_again() {
    block_on(async {
        let storage = with_table(&SimDisk::new(), true, ByteSize::mib(256)).await;
        let mut dictionaries = Vec::<Vec<bool>>::new();
        for compacted in [false, true] {
            for load in 0..2_i64 {
                let rows =
                    (0..30_000).map(|row| (Some(format!("model-{}", row % 3)), row, load * 30_000 + row));
                let mut load = storage.bulk_load("t").unwrap();
                load.push(batch(&rows.collect::<Vec<Row>>())).await.unwrap();
                load.commit().await.unwrap();
            }
            if compacted {
                storage.compact("t", CompactOptions::default()).await.unwrap();
            }
            let snapshot = storage.snapshot();
            let table = snapshot.table("t").unwrap();
            let segment = &table.segments(TimeRange::ALL).await.unwrap()[0];
            let reader = table.open_segment(segment).await.unwrap();
            let columns = reader.parquet_metadata().row_group(0).columns();
            dictionaries
                .push(columns.iter().map(|column| column.dictionary_page_offset().is_some()).collect());
        }
        assert_eq!(dictionaries, [vec![false, true, true], vec![false, true, false]]);
    });
}

/// Two segments of one day, of which the reader of another process knows.
async fn with_reader(disk: &SimDisk) -> (Storage, Storage) {
    let writer = with_table(disk, true, ByteSize::mib(1)).await;
    for first in [0, 100] {
        let rows: Vec<Row> = (first..first + 100).map(|row| (None, row, row)).collect();
        writer.append("t", batch(&rows), Durability::Durable).await.unwrap();
        writer.flush(None).await.unwrap();
    }
    let options = StorageOptions { follow_interval: Duration::from_millis(1), ..StorageOptions::default() };
    let builder = Storage::builder("").seed(2).object_store(disk.store()).log(disk.log());
    let reader = builder.options(options).read_only(true).open().await.unwrap();
    (writer, reader)
}

/// Waits for an offer, does something, and then looks at the offers.
async fn take_after(writer: &Storage, before: impl AsyncFnOnce()) -> u64 {
    while writer.core.reading.manifest.offers().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    before().await;
    writer.core.take_offers().await.unwrap()
}

// breaks when the writer does not take what another process compacted, or takes it in another way than its own work
#[tokio::test]
async fn a_compaction_beside_the_writer_is_taken() {
    let (writer, reader) = with_reader(&SimDisk::new()).await;
    let expected = sorted_rows(&writer).await;
    let (report, taken) = tokio::join!(
        reader.compact_beside_writer("t", CompactOptions::default()),
        take_after(&writer, async || {})
    );
    let report = report.unwrap();
    assert_eq!((taken, report.partitions, report.segments_before, report.segments_after), (1, 1, 2, 1));
    for storage in [&writer, &reader] {
        let found = segments(storage.snapshot().table("t").unwrap()).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1, expected);
    }
    assert!(writer.core.reading.manifest.offers().await.unwrap().is_empty());
}

// breaks when a deletion, or a purge of what nothing names yet, comes between and is undone or leaves a version without its segments
#[tokio::test]
async fn what_changed_since_an_offer_was_made_is_not_taken() {
    for purges in [false, true] {
        let (writer, reader) = with_reader(&SimDisk::new()).await;
        let between = async || match purges {
            true => drop(writer.purge().await.unwrap()),
            false => {
                let mut deletion = writer.delete("t").await.unwrap();
                let segment = segments(deletion.table()).await[0].0.id.clone();
                deletion.add(&segment, [7]);
                deletion.commit().await.unwrap();
            }
        };
        let (report, (first, second)) =
            tokio::join!(reader.compact_beside_writer("t", CompactOptions::default()), async {
                (take_after(&writer, between).await, take_after(&writer, async || {}).await)
            });
        assert_eq!((first, second), (0, 1), "purges: {purges}");
        assert_eq!(report.unwrap().deleted_rows, u64::from(!purges));
        assert_eq!(sorted_rows(&writer).await.len(), 200 - usize::from(!purges));
        assert!(writer.check(true).await.unwrap().findings.is_empty());
    }
}

// breaks when a writer names what was offered to the one before, which a purge of that one may be about to remove; or when a reader that
// sees the new writer goes on with offers to the old one
#[tokio::test]
async fn what_was_offered_to_an_earlier_writer_is_made_anew() {
    let disk = SimDisk::new();
    let (writer, reader) = with_reader(&disk).await;
    let (report, (first, second)) =
        tokio::join!(reader.compact_beside_writer("t", CompactOptions::default()), async {
            while writer.core.reading.manifest.offers().await.unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            let next = open(&disk, ByteSize::mib(1)).await;
            (take_after(&next, async || {}).await, take_after(&next, async || {}).await)
        });
    assert_eq!((first, second), (0, 1));
    assert_eq!(report.unwrap().segments_after, 1);
}

async fn sorted_rows(storage: &Storage) -> Vec<Row> {
    let mut rows: Vec<Row> = segments(storage.snapshot().table("t").unwrap())
        .await
        .into_iter()
        .flat_map(|(_, rows)| rows)
        .collect();
    rows.sort();
    rows
}
