//! `novelty`: how far an embedding lies from everything known.

use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::is_token;
use crate::aggregate::DRIFT;
use crate::baseline::{Chosen, Content, Identity, Kind, Reference, Stored};
use crate::kernels::nearest::Points;

/// The function as DataFusion sees it. `stored` holds the baseline in the place of the centroids once planning has found it;
/// its keys are then the arguments behind the embedding.
#[derive(Debug)]
pub(crate) struct Novelty {
    stored: Option<Stored>,
    signature: Signature,
}

impl Novelty {
    pub(crate) fn new() -> Self {
        Self { stored: None, signature: Signature::user_defined(Volatility::Immutable) }
    }

    /// Whether it has a baseline inside.
    pub(crate) fn is_bound(&self) -> bool {
        self.stored.is_some()
    }

    /// The same function with a baseline in the place of the centroids.
    pub(crate) fn with_baselines(&self, stored: [Option<Stored>; 2]) -> Result<Self> {
        let [None, Some(stored)] = stored else { return plan_err!("{MISPLACED}") };
        let references = &stored.references;
        if references.kind() != Kind::Embedding {
            return plan_err!(
                "novelty: column \"{}\" of baseline \"{}\" holds {}, not embeddings",
                references.column,
                references.baseline,
                references.kind().plural()
            );
        }
        Ok(Self { stored: Some(stored), ..Self::new() })
    }

    fn identity(&self) -> Option<Identity<'_>> {
        self.stored.as_ref().map(Stored::identity)
    }
}

const MISPLACED: &str =
    "novelty: a baseline stands in the second place, as in novelty(embedding, baseline('name', 'column'))";

impl PartialEq for Novelty {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Novelty {}

impl Hash for Novelty {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
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
        if let Some(centroids) = coerced.get_mut(1).filter(|_| !self.is_bound())
            && (centroids.is_null()
                || is_list_of(centroids, |inner| is_list_of(inner, is_number) || inner.is_null()))
        {
            *centroids = list_of(list_of(DataType::Float64));
        }
        Ok(coerced)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let arguments = self.stored.as_ref().map_or(1, Stored::arguments);
        let Some((embedding, rest)) = arg_types.split_first().filter(|(_, rest)| rest.len() == arguments)
        else {
            return plan_err!("novelty: takes (embedding, centroids), got {} arguments", arg_types.len());
        };
        if is_token(embedding) {
            return plan_err!("{MISPLACED}");
        }
        if !is_embedding(embedding) {
            return plan_err!("novelty: embedding must be a list of numbers, got {embedding}");
        }
        let Some(centroids) = rest.first().filter(|kind| !self.is_bound() && !is_token(kind)) else {
            return Ok(DataType::Float64);
        };
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
        if let Some(stored) = &self.stored {
            let chosen = stored.choose(&args.args[1..], rows)?;
            let distances = (0..rows).map(|row| {
                let reference = match &chosen {
                    Chosen::Same(reference) => *reference,
                    Chosen::PerRow(references) => references[row],
                };
                distance_at(&embeddings, row, centroids_of(reference?)?)
            });
            return Ok(ColumnarValue::Array(Arc::new(distances.collect::<Float64Array>())));
        }
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

/// The centroids of a reference; `None` for one without rows.
fn centroids_of(reference: &Reference) -> Option<&Points> {
    match &reference.content {
        Content::Embeddings(clusters) => clusters.points.as_ref(),
        _ => None,
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
    read_coordinates(embeddings, row, vector) && vector.iter().all(|x| x.is_finite())
}

/// Reads the coordinates of a row as DOUBLEs; false when it is NULL or empty, or has a NULL coordinate.
pub(crate) fn read_coordinates(embeddings: &ArrayRef, row: usize, vector: &mut Vec<f64>) -> bool {
    vector.clear();
    let Some((values, range)) = coordinates_at(embeddings, row) else { return false };
    match values.data_type() {
        DataType::Float32 => {
            vector.extend(values.as_primitive::<Float32Type>().values()[range].iter().map(|&x| f64::from(x)));
        }
        _ => vector.extend_from_slice(&values.as_primitive::<Float64Type>().values()[range]),
    }
    !vector.is_empty()
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
         centroids. Errors: centroids of different lengths or with a NULL.\n\n\
         `novelty(embedding, baseline('training', 'embedding'))` takes the centroids that `CREATE BASELINE` keeps of a column of \
         embeddings, and answers exactly what it answers for these centroids as a list. `CREATE BASELINE training WITH (centroids = 32) AS \
         SELECT embedding FROM ...` makes 1 to 1024 of them, 16 unless said, by k-means++ with a fixed seed (Arthur and \
         Vassilvitskii, 2007) and at most 100 iterations of Lloyd (1982); fewer where fewer rows differ. They depend on the rows \
         alone, not on their order. This is the one place with a sample: of more than 16384 different embeddings (or more than \
         16777216 coordinates), those with the least hashes make the centroids. Rows with a NULL, NaN or infinite coordinate are left \
         out and counted; two lengths of one key are an error. `DESCRIBE BASELINE` shows the number of centroids and, as \
         `distance_99`, the distance within which 99 % of the chosen rows lie. A key without a reference gives NULL and counts in \
         `driftline.baselines`.",
        "novelty(embedding, centroids | baseline('name' [, 'column' [, key ...]]))",
    )
    .with_argument("embedding", "A list of FLOAT, DOUBLE or other numbers.")
    .with_argument("centroids", "A list of such lists, all of one length; a constant is prepared once a batch. Or a baseline, with one \
                     value for each of its keys.")
    .with_sql_example("SELECT novelty([0.5, 0.0], [[1.0, 0.0], [0.0, 1.0]]) AS near, novelty([4.0, 4.0], [[1.0, 0.0], [0.0, 1.0]]) AS far")
    .build()
});
