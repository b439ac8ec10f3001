//! Functions of a row and all rows before it. The state is small, so partitions of any length are read batch by batch.

pub(super) mod adwin;
pub(super) mod cusum;
pub(super) mod ddm;
pub(super) mod ewma;
pub(super) mod kswin;
pub(super) mod page_hinkley;

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::PartitionEvaluator;

use super::usable_at;
use crate::kernels::ewma::Ewma;
use crate::kernels::streams::{Detector, Direction};

/// The words of the option `mode`.
const DIRECTIONS: [(&str, Direction); 3] =
    [("both", Direction::Both), ("up", Direction::Up), ("down", Direction::Down)];

/// A detector over the rows of a partition: whether a change is seen at a row, NULL for a row that takes no part.
#[derive(Debug)]
struct Flags<D> {
    name: &'static str,
    detector: D,
    /// The values that the detector can take.
    domain: RangeInclusive<f64>,
}

const ALL_NUMBERS: RangeInclusive<f64> = f64::NEG_INFINITY..=f64::INFINITY;

impl<D: Detector + 'static> Flags<D> {
    fn start(name: &'static str, detector: D) -> Box<dyn PartitionEvaluator> {
        Self::start_within(name, detector, ALL_NUMBERS)
    }

    fn start_within(
        name: &'static str,
        detector: D,
        domain: RangeInclusive<f64>,
    ) -> Box<dyn PartitionEvaluator> {
        Box::new(Self { name, detector, domain })
    }

    fn next(&mut self, values: &Float64Array, row: usize) -> Result<Option<bool>> {
        match usable_at(values, row) {
            Some(value) if !self.domain.contains(&value) => exec_err!(
                "{}: the value must be BOOLEAN or lie in [{}, {}], got {value}",
                self.name,
                self.domain.start(),
                self.domain.end()
            ),
            value => Ok(value.map(|value| self.detector.update(value))),
        }
    }
}

impl<D: Detector + 'static> PartitionEvaluator for Flags<D> {
    /// Called once a row, in order.
    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let flag = self.next(values[0].as_primitive::<Float64Type>(), range.start)?;
        Ok(ScalarValue::Boolean(flag))
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let values = values[0].as_primitive::<Float64Type>();
        let flags = (0..num_rows).map(|row| self.next(values, row)).collect::<Result<BooleanArray>>()?;
        Ok(Arc::new(flags))
    }

    fn supports_bounded_execution(&self) -> bool {
        true
    }

    fn is_causal(&self) -> bool {
        true
    }
}

/// A running average over the rows of a partition.
#[derive(Debug)]
struct Averages(Ewma);

impl PartitionEvaluator for Averages {
    /// Called once a row, in order.
    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let value = usable_at(values[0].as_primitive::<Float64Type>(), range.start);
        Ok(ScalarValue::Float64(self.0.update(value)))
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let values = values[0].as_primitive::<Float64Type>();
        let averages: Float64Array = (0..num_rows).map(|row| self.0.update(usable_at(values, row))).collect();
        Ok(Arc::new(averages))
    }

    fn supports_bounded_execution(&self) -> bool {
        true
    }

    fn is_causal(&self) -> bool {
        true
    }
}
