//! Frames that slide. A scale that was left for a coarser one cannot be taken back, so what lies in the frame is kept.

use std::collections::VecDeque;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Float64Type;
use datafusion::common::{Result, ScalarValue, internal_err, not_impl_err};
use datafusion::logical_expr::Accumulator;

use super::super::column::Distributions;
use super::{counted, finished, scalar_of};
use crate::kernels::distribution::{Bucket, Distribution, DistributionBuilder};

/// The values of a frame: 16 bytes each, built anew for every row.
#[derive(Debug)]
pub(crate) struct SlidingValues {
    max_buckets: u32,
    values: VecDeque<Option<f64>>,
}

impl SlidingValues {
    pub(crate) fn new(max_buckets: u32) -> Self {
        Self { max_buckets, values: VecDeque::new() }
    }
}

impl Accumulator for SlidingValues {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.values.extend(args[0].as_primitive::<Float64Type>());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    /// Rows leave in the order in which they came.
    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        self.values.drain(..args[0].len().min(self.values.len()));
        Ok(())
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        not_impl_err!("a sliding frame has no partial states")
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        not_impl_err!("a sliding frame has no partial states")
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut builder = DistributionBuilder::new(self.max_buckets);
        for value in &self.values {
            match value {
                Some(value) => builder.add_value(*value),
                None => builder.add_nulls(1),
            }
        }
        scalar_of(finished(&builder))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<Option<f64>>()
    }
}

/// The distributions of a frame, as a queue of two stacks: a row costs two merges, however long the frame is.
#[derive(Debug)]
pub(crate) struct SlidingDistributions {
    max_buckets: u32,
    /// The older ones: each merged with all behind it, the oldest last.
    older: Vec<Distribution>,
    newer: Vec<Distribution>,
    /// The merge of `newer`.
    merged: DistributionBuilder,
    heap_bytes: usize,
}

impl SlidingDistributions {
    pub(crate) fn new(max_buckets: u32) -> Self {
        let merged = DistributionBuilder::new(max_buckets);
        Self { max_buckets, older: Vec::new(), newer: Vec::new(), merged, heap_bytes: 0 }
    }

    fn pop(&mut self) -> Result<()> {
        if self.older.is_empty() {
            let mut behind = DistributionBuilder::new(self.max_buckets);
            for distribution in self.newer.drain(..).rev() {
                self.heap_bytes -= heap_bytes(&distribution);
                counted(behind.merge(&distribution))?;
                let through = behind.finish();
                self.heap_bytes += heap_bytes(&through);
                self.older.push(through);
            }
            self.merged = DistributionBuilder::new(self.max_buckets);
        }
        match self.older.pop() {
            Some(oldest) => {
                self.heap_bytes -= heap_bytes(&oldest);
                Ok(())
            }
            None => internal_err!("more rows leave a frame than came"),
        }
    }
}

fn heap_bytes(distribution: &Distribution) -> usize {
    (distribution.positive.capacity() + distribution.negative.capacity()) * size_of::<Bucket>()
        + distribution.sum.as_ref().map_or(0, |sum| sum.heap_bytes())
}

impl Accumulator for SlidingDistributions {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let distributions = Distributions::new(&args[0])?;
        for row in 0..args[0].len() {
            if let Some(distribution) = distributions.get(row)? {
                counted(self.merged.merge(&distribution))?;
                self.heap_bytes += heap_bytes(&distribution);
                self.newer.push(distribution);
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    /// Rows leave in the order in which they came; NULLs never came in.
    fn retract_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        let leaving = args[0].len() - args[0].logical_null_count();
        (0..leaving).try_for_each(|_| self.pop())
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        not_impl_err!("a sliding frame has no partial states")
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        not_impl_err!("a sliding frame has no partial states")
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut whole = self.merged.clone();
        if let Some(older) = self.older.last() {
            counted(whole.merge(older))?;
        }
        scalar_of(finished(&whole))
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.heap_bytes
            + self.merged.heap_bytes()
            + (self.older.capacity() + self.newer.capacity()) * size_of::<Distribution>()
    }
}
