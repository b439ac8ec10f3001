use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};

use super::*;
use crate::{
    Clock, ColumnType, Durability, NewColumn, Partitioning, TableOptions, TableSpec,
    testing::{ManualClock, SimDisk},
};

const DAY_NS: i64 = 86_400_000_000_000;

async fn append(storage: &Storage, table: &str, days: &[i64]) {
    let times = TimestampNanosecondArray::from_iter_values(days.iter().map(|day| day * DAY_NS + 5));
    let batch = RecordBatch::try_from_iter([
        ("time", Arc::new(times.with_timezone("UTC")) as ArrayRef),
        ("row", Arc::new(Int64Array::from(days.to_vec())) as ArrayRef),
    ]);
    storage.append(table, batch.unwrap(), Durability::Durable).await.unwrap();
}

fn spec(name: &str, partition: Partitioning, days: Option<u64>) -> TableSpec {
    let retention = days.map(|days| Duration::from_secs(days * 86_400));
    TableSpec {
        name: name.to_owned(),
        columns: vec![NewColumn::time(), NewColumn::new("row", ColumnType::Int64)],
        options: TableOptions { partition, retention, ..TableOptions::default() },
    }
}

fn keys(storage: &Storage, table: &str) -> Vec<String> {
    storage.snapshot().table(table).unwrap().partitions().iter().map(|entry| entry.key.clone()).collect()
}

// breaks when a day leaves too early or too late, a month is taken for a day, or a table without retention loses rows
#[tokio::test]
async fn whole_days_leave_once_all_of_them_is_past() {
    let clock = Arc::new(ManualClock::new(1_785_000_000_000_000_000));
    let disk = SimDisk::new();
    let storage = Storage::builder("")
        .seed(1)
        .clock(Arc::clone(&clock) as _)
        .object_store(disk.store())
        .log(disk.log())
        .open()
        .await
        .unwrap();
    let today = clock.now_ns() / DAY_NS;
    let into_day = Duration::from_nanos((clock.now_ns() % DAY_NS) as u64);
    for spec in [
        spec("days", Partitioning::Day, Some(10)),
        spec("months", Partitioning::Month, Some(10)),
        spec("all", Partitioning::Day, None),
    ] {
        let name = spec.name.clone();
        storage.create_table(spec).await.unwrap();
        append(&storage, &name, &[today - 400, today - 12, today - 11, today - 10, today]).await;
    }
    storage.flush(None).await.unwrap();
    let report = storage.apply_retention().await.unwrap();
    // of the days the 400th, the 12th and the 11th; of the months one, or two in the first days of a month
    assert_eq!(keys(&storage, "days").len(), 2);
    assert_eq!(keys(&storage, "all").len(), 5);
    assert!(report.partitions >= 4, "{report:?}");
    let months = keys(&storage, "months");
    assert!(!months.is_empty() && months.len() <= 2, "{months:?}");
    // the tenth day leaves when its last moment is ten days ago, and not before
    clock.advance(Duration::from_secs(86_400) - into_day - Duration::from_millis(1));
    assert_eq!(storage.apply_retention().await.unwrap().partitions, 0);
    clock.advance(Duration::from_millis(1));
    assert_eq!(storage.apply_retention().await.unwrap().partitions, 1);
    assert_eq!(keys(&storage, "days").len(), 1);
    // longer again: what is gone is gone, what is there stays
    storage.set_retention("days", None).await.unwrap();
    clock.advance(Duration::from_secs(86_400 * 100));
    storage.apply_retention().await.unwrap();
    assert_eq!(keys(&storage, "days").len(), 1);
    storage.set_retention("days", Some(Duration::from_secs(1))).await.unwrap();
    assert_eq!(storage.apply_retention().await.unwrap().rows, 1);
    assert_eq!(keys(&storage, "days").len(), 0);
}

#[test]
fn partitions_end_where_the_next_begins() {
    for (time_day, partitioning, end_day) in [
        (0, Partitioning::Day, 1),
        (-1, Partitioning::Day, 0),
        (0, Partitioning::Month, 31),
        // 1972-02-15: a leap year
        (775, Partitioning::Month, 790),
        // 1971-12-31
        (729, Partitioning::Month, 730),
    ] {
        let key = PartitionKey::of(time_day * DAY_NS + 7, partitioning);
        assert_eq!(key.end_ns(partitioning), end_day * DAY_NS, "day {time_day}");
    }
}
