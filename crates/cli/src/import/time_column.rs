//! Turns what files call time into `time`: nanoseconds in UTC.

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType};

use crate::args::TimeUnitArg;
use crate::failure::Failure;

/// The type of every table's time column.
fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// A failed conversion is an error, never a NULL.
pub(crate) const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// Converts the batches of one time column; a numeric column has one unit throughout.
pub(crate) struct TimeColumn {
    name: String,
    unit: Option<TimeUnitArg>,
    rows_before: u64,
}

impl TimeColumn {
    pub(crate) fn new(name: &str, unit: Option<TimeUnitArg>) -> Self {
        Self { name: name.to_owned(), unit, rows_before: 0 }
    }

    pub(crate) fn convert(&mut self, column: &ArrayRef) -> Result<ArrayRef> {
        if let Some(row) =
            (column.null_count() > 0).then(|| (0..column.len()).find(|row| column.is_null(*row))).flatten()
        {
            return Err(Failure::invalid(format!(
                "row {}: the time column '{}' is NULL, and every row needs a time",
                self.rows_before + row as u64 + 1,
                self.name
            )));
        }
        self.rows_before += column.len() as u64;
        match column.data_type() {
            DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => self.cast(column),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(_, _) => {
                self.cast(column)
            }
            ty if ty.is_integer() => self.integers(column),
            ty if ty.is_floating() => self.floats(column),
            other => Err(Failure::invalid(format!(
                "the time column '{}' has type {other}: expected a timestamp, a date, RFC 3339 text or a number",
                self.name
            ))),
        }
    }

    fn cast(&self, column: &ArrayRef) -> Result<ArrayRef> {
        cast_with_options(column, &time_type(), &STRICT).map_err(|error| {
            Failure::invalid(format!("the time column '{}' cannot be read: {error}", self.name))
        })
    }

    fn integers(&mut self, column: &ArrayRef) -> Result<ArrayRef> {
        let numbers = cast_with_options(column, &DataType::Int64, &STRICT)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        let factor = self.nanoseconds(numbers.values().first().map_or(0.0, |first| *first as f64));
        let times: PrimitiveArray<TimestampNanosecondType> = numbers.try_unary(|value| {
            value.checked_mul(factor).with_context(|| {
                format!("the time {value} in column '{}' lies beyond the year 2262: is its unit right (--time-unit)?", self.name)
            })
        })?;
        Ok(std::sync::Arc::new(times.with_timezone("UTC")))
    }

    fn floats(&mut self, column: &ArrayRef) -> Result<ArrayRef> {
        let numbers = cast_with_options(column, &DataType::Float64, &STRICT)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        let factor = self.nanoseconds(numbers.values().first().copied().unwrap_or(0.0));
        // a double of today's seconds resolves 0.2 microseconds: what lies below is noise
        let step = if factor == 1_000_000_000 { 1_000 } else { 1 };
        let times: PrimitiveArray<TimestampNanosecondType> = numbers.try_unary(|value| {
            let steps = (value * (factor / step) as f64).round();
            if steps.abs() < (i64::MAX / step) as f64 {
                Ok(steps as i64 * step)
            } else {
                Err(Failure::invalid(format!(
                    "the time {value} in column '{}' is no time between 1678 and 2262",
                    self.name
                )))
            }
        })?;
        Ok(std::sync::Arc::new(times.with_timezone("UTC")))
    }

    /// Nanoseconds of one unit. Without a stated unit the first value's size tells: times lie between 1973 and 5138.
    fn nanoseconds(&mut self, first: f64) -> i64 {
        let guess = match first.abs() {
            size if size < 1e11 => TimeUnitArg::S,
            size if size < 1e14 => TimeUnitArg::Ms,
            size if size < 1e17 => TimeUnitArg::Us,
            _ => TimeUnitArg::Ns,
        };
        match *self.unit.get_or_insert(guess) {
            TimeUnitArg::S => 1_000_000_000,
            TimeUnitArg::Ms => 1_000_000,
            TimeUnitArg::Us => 1_000,
            TimeUnitArg::Ns => 1,
        }
    }
}
