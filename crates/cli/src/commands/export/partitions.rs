//! Which folder a row goes into: `date=2026-08-01` by its UTC day, `month=2026-08-01` by the first day of its UTC month.

use anyhow::Result;
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, UInt32Array};
use arrow::compute::{DatePart, date_part, take_record_batch};
use arrow::datatypes::{
    DataType, Int32Type, Schema, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::record_batch::RecordBatch;
use arrow::temporal_conversions::date32_to_datetime;
use driftline::storage::{Partitioning, TIME_COLUMN, TableSchema};
use driftline::type_name;

use crate::args::ExportPartition;
use crate::failure::Failure;

const SECONDS_PER_DAY: i64 = 86_400;
const MONTHS_PER_YEAR: i32 = 12;

/// How rows are spread over folders.
#[derive(Debug, Clone, Copy)]
pub(super) enum Partitions {
    /// All of them lie in one.
    None,
    /// Each period has its own; `time` is the position of the column.
    By { period: Period, time: usize },
}

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Day,
    Month,
}

impl Period {
    fn of(partition_by: ExportPartition) -> Option<Self> {
        match partition_by {
            ExportPartition::Day => Some(Self::Day),
            ExportPartition::Month => Some(Self::Month),
            ExportPartition::None => None,
        }
    }

    /// How it is called, here and by `date_trunc`.
    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The column that readers make of the names of folders.
    fn column(self) -> &'static str {
        match self {
            Self::Day => "date",
            Self::Month => "month",
        }
    }
}

impl Partitions {
    /// How rows of these columns are spread. Columns that are not fit for it are refused.
    pub(super) fn of(partition_by: ExportPartition, columns: &Schema) -> Result<Self> {
        let Some(period) = Period::of(partition_by) else { return Ok(Self::None) };
        let (name, of_folders) = (period.name(), period.column());
        // readers compare names as they like
        if let Some(own) = columns.fields().iter().find(|own| own.name().eq_ignore_ascii_case(of_folders)) {
            return Err(Failure::invalid(format!(
                "the rows have a column '{}', and folders by {name} are called {of_folders}=...: who reads them could not tell \
                 the two apart (use --partition-by none, or rename the column with --query)",
                own.name()
            )));
        }
        let Ok(time) = columns.index_of(TIME_COLUMN) else {
            return Err(Failure::invalid(format!(
                "the rows have no column '{TIME_COLUMN}', which says into which {name} they belong: use --partition-by none"
            )));
        };
        match columns.field(time).data_type() {
            DataType::Timestamp(_, _) => Ok(Self::By { period, time }),
            other => Err(no_timestamp(other)),
        }
    }

    /// Whether a scan gives the rows of a folder about together: the table has no larger partitions, or is sorted by time first.
    pub(super) fn are_together_in(self, table: &TableSchema) -> bool {
        match self {
            Self::None | Self::By { period: Period::Month, .. } => true,
            Self::By { period: Period::Day, .. } => {
                table.partitioning() == Partitioning::Day
                    || table.sort_key().first() == Some(&table.time_column().id)
            }
        }
    }

    /// The end of a query that brings the rows of a folder together. Those without a time come first: they are refused.
    pub(super) fn order(self) -> String {
        match self {
            Self::None => String::new(),
            Self::By { period, .. } => {
                format!(" ORDER BY date_trunc('{}', {TIME_COLUMN}) NULLS FIRST", period.name())
            }
        }
    }

    /// The rows of a batch by the names of their folders, each of which comes once; rows of a folder stay in their order.
    pub(super) fn split(self, batch: &RecordBatch) -> Result<Vec<(String, RecordBatch)>> {
        let Self::By { period, time } = self else {
            return Ok(vec![(String::new(), batch.clone())]);
        };
        let times = batch.column(time);
        if times.null_count() > 0 {
            let period = period.name();
            return Err(Failure::invalid(format!(
                "a row has no time, so it belongs to no {period}: use --partition-by none, or leave it out with --query"
            )));
        }
        let mut keys = keys(period, days(times)?)?;
        let mut batch = batch.clone();
        if !keys.is_sorted() {
            let mut order: Vec<u32> = (0..keys.len() as u32).collect();
            order.sort_by_key(|row| keys[*row as usize]);
            keys = order.iter().map(|row| keys[*row as usize]).collect();
            batch = take_record_batch(&batch, &UInt32Array::from(order))?;
        }
        let mut start = 0;
        let mut parts = Vec::new();
        for run in keys.chunk_by(|a, b| a == b) {
            parts.push((folder(period, run[0])?, batch.slice(start, run.len())));
            start += run.len();
        }
        Ok(parts)
    }
}

/// The UTC days of times, counted since 1970.
fn days(times: &ArrayRef) -> Result<Vec<i32>> {
    let (times, per_second) = match times.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => (times.as_primitive::<TimestampSecondType>().values(), 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            (times.as_primitive::<TimestampMillisecondType>().values(), 1_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            (times.as_primitive::<TimestampMicrosecondType>().values(), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            (times.as_primitive::<TimestampNanosecondType>().values(), 1_000_000_000)
        }
        other => return Err(no_timestamp(other)),
    };
    let per_day = SECONDS_PER_DAY * per_second;
    let day = |time: &i64| i32::try_from(time.div_euclid(per_day)).map_err(|_| beyond_calendar());
    times.iter().map(day).collect()
}

/// Numbers of the folders of days, in the order of time: of days since 1970, or of months since the year 0.
fn keys(period: Period, days: Vec<i32>) -> Result<Vec<i32>> {
    if period == Period::Day {
        return Ok(days);
    }
    let days = Date32Array::from(days);
    let (years, months) = (date_part(&days, DatePart::Year)?, date_part(&days, DatePart::Month)?);
    if years.null_count() > 0 {
        return Err(beyond_calendar());
    }
    let years = years.as_primitive::<Int32Type>().values().iter();
    let months = months.as_primitive::<Int32Type>().values().iter();
    Ok(years.zip(months).map(|(year, month)| year * MONTHS_PER_YEAR + month - 1).collect())
}

/// The folder with a number.
fn folder(period: Period, key: i32) -> Result<String> {
    let column = period.column();
    match period {
        Period::Day => {
            let day = date32_to_datetime(key).ok_or_else(beyond_calendar)?;
            Ok(format!("{column}={}", day.date()))
        }
        Period::Month => {
            let (year, month) = (key.div_euclid(MONTHS_PER_YEAR), key.rem_euclid(MONTHS_PER_YEAR) + 1);
            Ok(format!("{column}={year:04}-{month:02}-01"))
        }
    }
}

fn no_timestamp(data_type: &DataType) -> anyhow::Error {
    Failure::invalid(format!(
        "the column '{TIME_COLUMN}' has type {}, expected a timestamp: cast it with --query, or use --partition-by none",
        type_name(data_type)
    ))
}

fn beyond_calendar() -> anyhow::Error {
    Failure::invalid(
        "a row has a time beyond the calendar: use --partition-by none, or leave it out with --query",
    )
}
