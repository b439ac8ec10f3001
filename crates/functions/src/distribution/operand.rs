//! Arguments of scalar functions: a constant is read once a batch, not once a row.

use std::borrow::Cow;

use arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;

use super::column::Distributions;
use crate::baseline::{Chosen, Reference, Stored};
use crate::kernels::distribution::Distribution;

/// An argument that is a distribution.
pub(super) enum Operand<'a> {
    Constant(Option<Distribution>),
    Column(Distributions),
    /// Of a baseline.
    Stored(Chosen<'a>),
}

impl<'a> Operand<'a> {
    /// What a baseline has in the place of an argument; the keys stand there instead, if it has some.
    pub(super) fn stored(stored: &'a Stored, keys: &[ColumnarValue], rows: usize) -> Result<Self> {
        Ok(Self::Stored(stored.choose(keys, rows)?))
    }

    pub(super) fn new(argument: &ColumnarValue) -> Result<Self> {
        match argument {
            ColumnarValue::Scalar(constant) => {
                Ok(Self::Constant(Distributions::new(&constant.to_array_of_size(1)?)?.get(0)?))
            }
            ColumnarValue::Array(column) => Ok(Self::Column(Distributions::new(column)?)),
        }
    }

    /// The distribution of a row; `None` for NULL.
    pub(super) fn get(&self, row: usize) -> Result<Option<Cow<'_, Distribution>>> {
        let of = |reference: &'a Reference| reference.distribution.as_ref().map(Cow::Borrowed);
        Ok(match self {
            Self::Constant(constant) => constant.as_ref().map(Cow::Borrowed),
            Self::Column(column) => column.get(row)?.map(Cow::Owned),
            Self::Stored(Chosen::Same(reference)) => reference.and_then(of),
            Self::Stored(Chosen::PerRow(references)) => references[row].and_then(of),
        })
    }
}

/// The answers of a batch; one constant if all arguments are constants.
pub(super) fn answer(args: &[ColumnarValue], answers: &ArrayRef) -> Result<ColumnarValue> {
    Ok(match args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_))) {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(answers, 0)?),
        false => ColumnarValue::Array(ArrayRef::clone(answers)),
    })
}
