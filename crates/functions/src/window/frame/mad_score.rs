//! `mad_score`: how far a value lies from the median of its frame, in robust standard deviations.

use std::ops::Range;
use std::sync::LazyLock;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::finite;
use crate::kernels::ranks::{ROWS_MAX, RankedRange};
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation, usable_at};

/// What a standard deviation is of a median absolute deviation, in the normal distribution: its upper quartile, rounded.
const NORMAL_QUARTILE: f64 = 0.6745;

pub(in crate::window) static MAD_SCORE: Window = Window {
    name: "mad_score",
    syntax: "(value)",
    result: DataType::Float64,
    rows: Rows::Frame,
    evaluator,
    documentation: || &DOCUMENTATION,
};

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    NamedOptions::parse(options, &[])?;
    Ok(Box::new(MadScores { row: 0, ranked: None, of_range: (0..0, None) }))
}

#[derive(Debug)]
struct MadScores {
    /// The row that is evaluated next.
    row: usize,
    /// The rows of the partition, ranked when the first of them is evaluated.
    ranked: Option<RankedRange>,
    /// The last range, its median and its deviation: many rows share one.
    of_range: (Range<usize>, Option<(f64, f64)>),
}

impl PartitionEvaluator for MadScores {
    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let values = values[0].as_primitive::<Float64Type>();
        if values.len() > ROWS_MAX {
            return exec_err!("mad_score: a partition of {} rows is longer than {ROWS_MAX}", values.len());
        }
        let ranked = self
            .ranked
            .get_or_insert_with(|| RankedRange::new((0..values.len()).map(|row| usable_at(values, row))));
        if self.of_range.0 != *range {
            ranked.advance(range.clone());
            self.of_range = (range.clone(), ranked.median_and_deviation());
        }
        let value = usable_at(values, self.row);
        self.row += 1;
        let score = match (value, self.of_range.1) {
            (Some(value), Some((median, deviation))) if deviation > 0.0 => {
                finite(NORMAL_QUARTILE * (value - median) / deviation)
            }
            _ => None,
        };
        Ok(ScalarValue::Float64(score))
    }

    fn uses_window_frame(&self) -> bool {
        true
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of(
        &MAD_SCORE,
        documentation::ANOMALIES,
        "How far a value lies from the median of its frame, in standard deviations estimated so that up to half of the frame \
         may be outliers, DOUBLE.\n\n\
         `mad_score = 0.6745 (x - median) / MAD` with `MAD = median |x_i - median|` over the values of the frame; even counts \
         take the mean of the middle two. Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), the modified \
         z-score; they call a magnitude above 3.5 an outlier. statsmodels: `(x - median) / robust.mad(frame, c=0.6745)`.\n\n\
         NULL, NaN, infinities and magnitudes above 1e140 take no part; their own score is NULL. So is every score where the \
         frame has no values or MAD is 0, because more than half of the frame are equal: then compare with the median itself. \
         A row costs O(log² n) in a partition of n rows, however long its frame is. The partition is held in memory, with 16 \
         bytes a row on top.",
        &[],
        "SELECT i, v, round(mad_score(v) OVER (), 4) AS score\n\
         FROM (VALUES (1, 10.0), (2, 12.0), (3, 11.0), (4, 12.5), (5, 11.5), (6, 90.0)) AS t (i, v) ORDER BY i",
    )
});
