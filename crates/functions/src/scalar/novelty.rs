//! `novelty`: how far an embedding lies from everything known.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use crate::aggregate::DRIFT;
use crate::kernels::nearest::Points;

#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Novelty {
    signature: Signature,
}

impl Novelty {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Novelty {
    fn name(&self) -> &str {
        "novelty"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Never refuses: what does not fit is refused by `return_type`, whose message reaches the user unwrapped.
    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let mut coerced = arg_types.to_vec();
        if let Some(embedding) = coerced.first_mut() {
            *embedding = embedding_type(embedding);
        }
        if let Some(centroids) = coerced.get_mut(1)
            && (centroids.is_null()
                || is_list_of(centroids, |inner| is_list_of(inner, is_number) || inner.is_null()))
        {
            *centroids = list_of(list_of(DataType::Float64));
        }
        Ok(coerced)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [embedding, centroids] = arg_types else {
            return plan_err!("novelty: takes (embedding, centroids), got {} arguments", arg_types.len());
        };
        if !is_embedding(embedding) {
            return plan_err!("novelty: embedding must be a list of numbers, got {embedding}");
        }
        if !(centroids.is_null()
            || is_list_of(centroids, |inner| is_list_of(inner, is_number) || inner.is_null()))
        {
            return plan_err!("novelty: centroids must be a list of lists of numbers, got {centroids}");
        }
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let embeddings = args.args[0].to_array(rows)?;
        // constant centroids are read once a batch, not once a row
        let constant = matches!(args.args[1], ColumnarValue::Scalar(_));
        let centroids = args.args[1].to_array(if constant { 1 } else { rows })?;
        let mut points = None;
        let distances = (0..rows)
            .map(|row| {
                if row == 0 || !constant {
                    points = points_at(&centroids, row)?;
                }
                Ok(points.as_ref().and_then(|points| distance_at(&embeddings, row, points)))
            })
            .collect::<Result<Float64Array>>()?;
        Ok(ColumnarValue::Array(Arc::new(distances)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// The centroids of a row; `None` when there are none.
fn points_at(centroids: &ArrayRef, row: usize) -> Result<Option<Points>> {
    if centroids.is_null(row) {
        return Ok(None);
    }
    let points = centroids.as_list::<i32>().value(row);
    let points = points.as_list::<i32>();
    if points.null_count() > 0 || points.values().null_count() > 0 {
        return exec_err!("novelty: centroids must not hold NULL");
    }
    let coordinates = points.values().as_primitive::<Float64Type>().values();
    let offsets = points.value_offsets();
    let slices = offsets.windows(2).map(|ends| &coordinates[ends[0] as usize..ends[1] as usize]);
    match Points::new(slices) {
        Some(points) => Ok(Some(points)),
        None if points.is_empty() => Ok(None),
        None => exec_err!("novelty: centroids must be lists of one length, longer than 0"),
    }
}

fn distance_at(embeddings: &ArrayRef, row: usize, points: &Points) -> Option<f64> {
    let (values, range) = coordinates_at(embeddings, row)?;
    match values.data_type() {
        DataType::Float32 => points.distance(&values.as_primitive::<Float32Type>().values()[range]),
        _ => points.distance(&values.as_primitive::<Float64Type>().values()[range]),
    }
}

/// Reads the embedding of a row as DOUBLEs; false when it is NULL or empty, or has a NULL, NaN or infinite coordinate.
pub(crate) fn read_embedding(embeddings: &ArrayRef, row: usize, vector: &mut Vec<f64>) -> bool {
    vector.clear();
    let Some((values, range)) = coordinates_at(embeddings, row) else { return false };
    match values.data_type() {
        DataType::Float32 => {
            vector.extend(values.as_primitive::<Float32Type>().values()[range].iter().map(|&x| f64::from(x)));
        }
        _ => vector.extend_from_slice(&values.as_primitive::<Float64Type>().values()[range]),
    }
    !vector.is_empty() && vector.iter().all(|x| x.is_finite())
}

/// The coordinates of a row among those of all rows; `None` for NULL and for a NULL coordinate.
fn coordinates_at(embeddings: &ArrayRef, row: usize) -> Option<(&ArrayRef, Range<usize>)> {
    if embeddings.is_null(row) {
        return None;
    }
    let (values, range): (&ArrayRef, Range<usize>) = match embeddings.data_type() {
        DataType::FixedSizeList(..) => {
            let list = embeddings.as_fixed_size_list();
            let start = list.value_offset(row) as usize;
            (list.values(), start..start + list.value_length() as usize)
        }
        _ => {
            let list = embeddings.as_list::<i32>();
            let offsets = list.value_offsets();
            (list.values(), offsets[row] as usize..offsets[row + 1] as usize)
        }
    };
    if values.null_count() > 0 && range.clone().any(|at| values.is_null(at)) {
        return None;
    }
    Some((values, range))
}

/// FLOAT and DOUBLE lists are read as they are; every other list of numbers as a list of DOUBLE.
pub(crate) fn embedding_type(kind: &DataType) -> DataType {
    match kind {
        DataType::List(item) | DataType::FixedSizeList(item, _)
            if matches!(item.data_type(), DataType::Float32 | DataType::Float64) =>
        {
            kind.clone()
        }
        kind if kind.is_null() || is_list_of(kind, is_number) => list_of(DataType::Float64),
        kind => kind.clone(),
    }
}

/// Whether a column of this type holds embeddings.
pub(crate) fn is_embedding(kind: &DataType) -> bool {
    kind.is_null() || is_list_of(kind, is_number)
}

fn is_list_of(kind: &DataType, inner: impl Fn(&DataType) -> bool) -> bool {
    match kind {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            inner(item.data_type())
        }
        _ => false,
    }
}

fn is_number(kind: &DataType) -> bool {
    kind.is_numeric() || kind.is_null()
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DRIFT,
        "How far an embedding lies from everything known: the Euclidean distance to the nearest centroid, DOUBLE from 0 \
         upwards, in the embedding's own unit. Inputs of a kind that the training data did not hold lie far from all of its \
         centroids; the share of rows beyond the training data's own 99 % quantile is a good number to alert on.\n\n\
         `novelty = min over centroids of sqrt(sum (e_i - c_i)²)`, summed in DOUBLE in the order of the coordinates. NULL for a \
         NULL embedding, one of another length than the centroids, one with a NULL, NaN or infinite coordinate, and for no \
         centroids. Errors: centroids of different lengths or with a NULL.",
        "novelty(embedding, centroids)",
    )
    .with_argument("embedding", "A list of FLOAT, DOUBLE or other numbers.")
    .with_argument("centroids", "A list of such lists, all of one length; a constant is prepared once a batch.")
    .with_sql_example("SELECT novelty([0.5, 0.0], [[1.0, 0.0], [0.0, 1.0]]) AS near, novelty([4.0, 4.0], [[1.0, 0.0], [0.0, 1.0]]) AS far")
    .build()
});
