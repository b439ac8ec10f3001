//! `zscore`: how many standard deviations a value lies from the mean of its frame.

use std::ops::Range;
use std::sync::LazyLock;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Documentation, PartitionEvaluator};

use super::finite;
use crate::kernels::moments::SlidingMoments;
use crate::options::named::NamedOptions;
use crate::window::{Rows, Window, documentation, usable_at};

pub(in crate::window) static ZSCORE: Window = Window {
    name: "zscore",
    syntax: "(value [, options])",
    result: DataType::Float64,
    rows: Rows::Frame,
    evaluator,
    documentation: || &DOCUMENTATION,
};

fn evaluator(options: &str) -> Result<Box<dyn PartitionEvaluator>, String> {
    let options = NamedOptions::parse(options, &["ddof"])?;
    let ddof = options.whole("ddof", 0..=1)?.unwrap_or(0);
    Ok(Box::new(Zscores { ddof, row: 0, moments: SlidingMoments::default() }))
}

#[derive(Debug)]
struct Zscores {
    ddof: u64,
    /// The row that is evaluated next.
    row: usize,
    moments: SlidingMoments,
}

impl PartitionEvaluator for Zscores {
    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let values = values[0].as_primitive::<Float64Type>();
        let moments = self.moments.advance(range.clone(), |row| usable_at(values, row));
        let value = usable_at(values, self.row);
        self.row += 1;
        let scale = moments.deviation(self.ddof).filter(|&deviation| deviation > 0.0);
        let score = value.zip(scale).and_then(|(value, scale)| finite(moments.distance(value) / scale));
        Ok(ScalarValue::Float64(score))
    }

    fn uses_window_frame(&self) -> bool {
        true
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation::of(
        &ZSCORE,
        documentation::ANOMALIES,
        "How many standard deviations a value lies from the mean of its frame, DOUBLE.\n\n\
         `zscore = (x - mean) / s` with `s² = sum (x_i - mean)² / (n - ddof)`, over the `n` values of the frame. With `OVER ()` \
         and the default options it is `scipy.stats.zscore`. Score a value against its own past with a frame that ends before \
         it, as below: \
         within its own frame of `n` rows no value can lie further out than `sqrt(n - 1)`. Source: Welford \
         (1962); Chan, Golub and LeVeque (1983). Values are added and joined but never subtracted, so what has left a frame \
         leaves no rounding behind.\n\n\
         NULL, NaN, infinities and magnitudes above 1e140 take no part; their own score is NULL. So is every score where the \
         frame has too few values or all of them are equal. A frame costs constant time a row on average. The partition is \
         held in memory, with up to 32 bytes a row of the frame on top.",
        &[("options", "One text literal. `ddof=0` (population) or `1` (sample).")],
        "SELECT i, v, round(zscore(v, 'ddof=1') OVER (ORDER BY i ROWS BETWEEN 4 PRECEDING AND 1 PRECEDING), 4) AS score\n\
         FROM (VALUES (1, 10.0), (2, 12.0), (3, 11.0), (4, 12.0), (5, 11.5), (6, 19.0)) AS t (i, v) ORDER BY i",
    )
});
