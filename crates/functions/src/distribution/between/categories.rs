//! Two distributions of categories over the categories of both.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use super::super::categories::{CategoryDistribution, CategoryDistributions};
use crate::aggregate::in_order_of_counts;
use crate::baseline::{Chosen, Stored};

/// An argument that is a distribution of categories.
pub(super) enum CategoryOperand {
    Constant(Option<CategoryDistribution>),
    Column(CategoryDistributions),
    /// Of a baseline whose keys differ from row to row.
    PerRow(Vec<Option<CategoryDistribution>>),
}

impl CategoryOperand {
    pub(super) fn new(argument: &ColumnarValue) -> Result<Self> {
        match argument {
            ColumnarValue::Scalar(constant) => {
                Ok(Self::Constant(CategoryDistributions::new(&constant.to_array_of_size(1)?)?.get(0)?))
            }
            ColumnarValue::Array(column) => Ok(Self::Column(CategoryDistributions::new(column)?)),
        }
    }

    /// What a baseline has in the place of an argument; the keys stand there instead, if it has some.
    pub(super) fn stored(stored: &Stored, keys: &[ColumnarValue], rows: usize) -> Result<Self> {
        Ok(match stored.choose(keys, rows)? {
            Chosen::Same(reference) => {
                Self::Constant(reference.and_then(|reference| reference.categories_listed()))
            }
            Chosen::PerRow(references) => {
                let listed = references.into_iter().map(|reference| reference?.categories_listed());
                Self::PerRow(listed.collect())
            }
        })
    }

    /// The distribution of a row; `None` for NULL.
    fn get(&self, row: usize) -> Result<Option<Cow<'_, CategoryDistribution>>> {
        Ok(match self {
            Self::Constant(constant) => constant.as_ref().map(Cow::Borrowed),
            Self::Column(column) => column.get(row)?.map(Cow::Owned),
            Self::PerRow(listed) => listed[row].as_ref().map(Cow::Borrowed),
        })
    }
}

/// The answers of `rows` rows; NULL where a side is NULL, empty, or not exact.
pub(super) fn answers(
    reference: &CategoryOperand,
    current: &CategoryOperand,
    rows: usize,
    measure: impl Fn(&[u64], &[u64]) -> Option<f64>,
) -> Result<ArrayRef> {
    let answer = |row| -> Result<Option<f64>> {
        let Some((reference, current)) = reference.get(row)?.zip(current.get(row)?) else { return Ok(None) };
        let usable = |side: &CategoryDistribution| side.count > 0 && side.error == 0;
        if !usable(&reference) || !usable(&current) {
            return Ok(None);
        }
        let (reference, current, _) = in_order_of_counts(joined(&reference, &current).into_iter().zip(0..));
        Ok(measure(&reference, &current).filter(|number| number.is_finite()))
    };
    Ok(Arc::new((0..rows).map(answer).collect::<Result<Float64Array>>()?))
}

/// The counts (reference, current) of each category that either side has.
fn joined(reference: &CategoryDistribution, current: &CategoryDistribution) -> Vec<[u64; 2]> {
    let (mut left, mut right) = (reference.entries.iter().peekable(), current.entries.iter().peekable());
    let mut pairs = Vec::with_capacity(reference.entries.len().max(current.entries.len()));
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return pairs,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.0.cmp(&b.0),
        };
        let reference = left.next_if(|_| order.is_le()).map_or(0, |(_, count)| *count);
        let current = right.next_if(|_| order.is_ge()).map_or(0, |(_, count)| *count);
        pairs.push([reference, current]);
    }
}
