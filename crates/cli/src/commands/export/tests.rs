use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::files::{Files, OPEN_FILES_MAX};
use super::partitions::Partitions;
use crate::args::ExportPartition;

/// Rows of these times in milliseconds, in a zone ahead of UTC, with their numbers.
fn rows(times: &[i64]) -> RecordBatch {
    let numbers: Int64Array = (0..times.len() as i64).collect::<Vec<_>>().into();
    let times = TimestampMillisecondArray::from(times.to_vec()).with_timezone("+02:00");
    let columns: Vec<(&str, ArrayRef)> = vec![("row", Arc::new(numbers)), ("time", Arc::new(times))];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn numbers(rows: &RecordBatch) -> Vec<i64> {
    rows.column(0).as_primitive::<Int64Type>().values().to_vec()
}

/// The names of what lies in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

// breaks when a day is that of a local time, time before 1970 goes to the day after, rows change their order, or a folder comes twice
#[test]
fn rows_are_parted_by_days_and_months_of_utc() {
    let batch = rows(&[1_785_542_400_000, -1, 0, 1_785_542_399_999, -86_400_000, 86_399_999]);
    for (partition_by, expected) in [
        (
            ExportPartition::Day,
            vec![
                ("date=1969-12-31", vec![1_i64, 4]),
                ("date=1970-01-01", vec![2, 5]),
                ("date=2026-07-31", vec![3]),
                ("date=2026-08-01", vec![0]),
            ],
        ),
        (
            ExportPartition::Month,
            vec![
                ("month=1969-12-01", vec![1, 4]),
                ("month=1970-01-01", vec![2, 5]),
                ("month=2026-07-01", vec![3]),
                ("month=2026-08-01", vec![0]),
            ],
        ),
        (ExportPartition::None, vec![("", vec![0, 1, 2, 3, 4, 5])]),
    ] {
        let partitions = Partitions::of(partition_by, &batch.schema()).unwrap();
        let parts = partitions.split(&batch).unwrap();
        let parts: Vec<_> = parts.iter().map(|(folder, rows)| (folder.as_str(), numbers(rows))).collect();
        assert_eq!(parts, expected);
    }
}

// breaks when rows go to the files of a column that is not the time of the folder, or a reader would take one for the other
#[test]
fn columns_that_do_not_fit_are_refused() {
    let time = DataType::Timestamp(arrow::datatypes::TimeUnit::Second, None);
    let field = |name: &str, ty: &DataType| Field::new(name, ty.clone(), true);
    for (fields, expected) in [
        (vec![field("time", &time), field("Date", &DataType::Utf8)], "have a column 'Date'"),
        (vec![field("at", &time)], "have no column 'time'"),
        (vec![field("time", &DataType::Int64)], "has type BIGINT"),
    ] {
        let columns = Schema::new(fields);
        let error = Partitions::of(ExportPartition::Day, &columns).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("--partition-by none"), "{error}");
        assert!(Partitions::of(ExportPartition::None, &columns).is_ok());
    }
}

// breaks when a file is finished that still gets rows, one that is not whole has a name that is read, or rows of another file are lost
#[test]
fn a_folder_whose_rows_come_again_gets_another_file() {
    let directory = tempfile::tempdir().unwrap();
    let destination = directory.path().join("not/there/yet");
    let batch = rows(&[0, 1, 2]);
    let mut files = Files::create(&destination, &batch.schema()).unwrap();
    let folders: Vec<String> = (0..=OPEN_FILES_MAX).map(|folder| format!("date={folder}")).collect();
    for folder in &folders {
        files.write(folder, &batch).unwrap();
        files.write(folder, &batch).unwrap();
    }
    // the first one had waited longest when the last one came
    assert_eq!(names(&destination.join("date=0")), ["part-00001.parquet"]);
    assert_eq!(names(&destination.join("date=1")), [".part-00002.unfinished"]);
    files.write("date=0", &batch).unwrap();
    files.finish().unwrap();
    let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for folder in &folders {
        for name in names(&destination.join(folder)) {
            assert!(name.ends_with(".parquet"), "{name}");
            let file = File::open(destination.join(folder).join(&name)).unwrap();
            let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            let rows: usize = batches.map(|batch| batch.unwrap().num_rows()).sum();
            found.entry(folder.as_str()).or_default().push(rows);
        }
    }
    assert_eq!(found["date=0"], [6, 3]);
    assert!(folders.iter().skip(1).all(|folder| found[folder.as_str()] == [6]), "{found:?}");
}

// breaks when an export that fails or is interrupted leaves a file behind that is not whole, or takes those away that are
#[test]
fn files_that_are_dropped_are_gone() {
    let directory = tempfile::tempdir().unwrap();
    let batch = rows(&[0]);
    let mut files = Files::create(directory.path(), &batch.schema()).unwrap();
    for folder in 0..=OPEN_FILES_MAX {
        files.write(&format!("date={folder}"), &batch).unwrap();
    }
    drop(files);
    assert_eq!(names(&directory.path().join("date=0")), ["part-00001.parquet"]);
    for folder in 1..=OPEN_FILES_MAX {
        assert!(names(&directory.path().join(format!("date={folder}"))).is_empty());
    }
}
