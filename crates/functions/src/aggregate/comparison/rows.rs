//! Which rows belong to which population, as bitmaps.

use std::borrow::Cow;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;

use super::Measure;

/// The rows of a batch in each population, reference first: flagged, and let pass by the filter.
pub(crate) struct Sides {
    /// Rows with a value.
    pub(crate) values: [BooleanBuffer; 2],
    /// Rows whose value is NULL; `None` when there is none.
    pub(crate) nulls: Option<[BooleanBuffer; 2]>,
}

impl Sides {
    /// Splits the rows of `(value, is_current, ...)`.
    pub(crate) fn new(args: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Self> {
        let flag = as_boolean_array(&args[1])?;
        let flagged = match conjunction([flag.nulls()], filter) {
            None => [!flag.values(), flag.values().clone()],
            Some(counted) => {
                let current = flag.values() & &counted;
                // counted and not current
                [&counted ^ &current, current]
            }
        };
        Ok(Self::of_flagged(&args[0], flagged))
    }

    /// All rows as the current population.
    pub(crate) fn current(values: &ArrayRef, filter: Option<&BooleanArray>) -> Self {
        let rows = values.len();
        let current = conjunction([], filter).unwrap_or_else(|| BooleanBuffer::new_set(rows));
        Self::of_flagged(values, [BooleanBuffer::new_unset(rows), current])
    }

    fn of_flagged(values: &ArrayRef, flagged: [BooleanBuffer; 2]) -> Self {
        match values.logical_nulls().filter(|nulls| nulls.null_count() > 0) {
            None => Self { values: flagged, nulls: None },
            Some(valid) => {
                let values = flagged.each_ref().map(|side| side & valid.inner());
                // flagged and not valid
                let nulls = [&flagged[0] ^ &values[0], &flagged[1] ^ &values[1]];
                Self { values, nulls: Some(nulls) }
            }
        }
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

/// The arguments of a batch, whole numbers read as DOUBLE; what only counts NULLs takes them as they are.
pub(crate) fn readable<'a>(args: &'a [ArrayRef], measure: &Measure) -> Result<Cow<'a, [ArrayRef]>> {
    if !args[0].data_type().is_integer() || matches!(measure, Measure::Presence(_)) {
        return Ok(Cow::Borrowed(args));
    }
    let mut read = args.to_vec();
    read[0] = arrow::compute::cast(&args[0], &DataType::Float64)?;
    Ok(Cow::Owned(read))
}

/// The values of a DOUBLE column, NULLs included as whatever lies there.
pub(crate) fn doubles(array: &ArrayRef) -> &[f64] {
    array.as_primitive::<arrow::datatypes::Float64Type>().values()
}
