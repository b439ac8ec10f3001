//! Which rows belong to which population, as bitmaps.

use arrow::array::ArrayRef;
use arrow::array::{Array, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;

/// The rows of a batch in each population: value and flag are not NULL, and the filter lets them pass.
pub(crate) struct Sides {
    pub(crate) reference: BooleanBuffer,
    pub(crate) current: BooleanBuffer,
}

impl Sides {
    /// Splits the rows of `(value, is_current, ...)`.
    pub(crate) fn new(args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Self> {
        let flag = as_boolean_array(&args[1])?;
        let value_nulls = args[0].logical_nulls();
        let counted = conjunction([value_nulls.as_ref(), flag.nulls()], filter);
        let (current, reference) = match counted {
            None => (flag.values().clone(), !flag.values()),
            Some(counted) => {
                let current = flag.values() & &counted;
                // counted and not current
                let reference = &counted ^ &current;
                (current, reference)
            }
        };
        Ok(Self { reference, current })
    }
}

/// Rows that every bitmap keeps; `None` when nothing restricts them.
pub(crate) fn conjunction<const N: usize>(
    nulls: [Option<&NullBuffer>; N],
    filter: Option<&BooleanArray>,
) -> Option<BooleanBuffer> {
    let mut kept: Option<BooleanBuffer> = None;
    let mut restrict = |bits: &BooleanBuffer| {
        kept = Some(match kept.take() {
            None => bits.clone(),
            Some(kept) => &kept & bits,
        });
    };
    for nulls in nulls.into_iter().flatten().filter(|nulls| nulls.null_count() > 0) {
        restrict(nulls.inner());
    }
    if let Some(filter) = filter {
        restrict(filter.values());
        if let Some(nulls) = filter.nulls() {
            restrict(nulls.inner());
        }
    }
    kept
}

/// The values of a DOUBLE column, NULLs included as whatever lies there.
pub(crate) fn doubles(array: &ArrayRef) -> &[f64] {
    array.as_primitive::<arrow::datatypes::Float64Type>().values()
}
