//! The aggregate that measures a column of embeddings for a baseline. Not registered: `CREATE BASELINE` calls it.
//!
//! The state of a group is a bounded choice of its distinct embeddings (`kernels::embeddings::sample`), at most 128 MiB, so
//! the centroids depend on the rows alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};

use super::clusters::{FIELDS, write};
use crate::aggregate::Excluded;
use crate::kernels::embeddings::clusters::{clusters as clusters_of, distance_quantiles};
use crate::kernels::embeddings::sample::Sample;
use crate::scalar::{embedding_type, is_embedding, read_coordinates};

/// How many centroids a baseline keeps unless said otherwise.
pub const CENTROIDS: usize = 16;
/// Most centroids of a reference.
pub const CENTROIDS_MAX: usize = 1024;

const NAME: &str = "CREATE BASELINE";

/// The call that measures a column of embeddings: STRUCT(count, nulls, nans, infinities, dimension, chosen BIGINT, centroids DOUBLE[][],
/// members BIGINT[], distances DOUBLE[]). At most `centroids` of them; `members` are the chosen rows of each; `distances` are the
/// quantiles of 50, 90, 95, 99 and 99.9 % of the chosen rows' distances, none where one is beyond the largest DOUBLE.
pub fn clusters(column: Expr, centroids: usize) -> Expr {
    AggregateUDF::new_from_impl(Summary::new(centroids)).call(vec![column])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Summary {
    centroids: usize,
    signature: Signature,
}

impl Summary {
    fn new(centroids: usize) -> Self {
        Self { centroids, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Summary {
    fn name(&self) -> &str {
        "baseline_clusters"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arg_types.iter().map(embedding_type).collect())
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match arg_types {
            [embedding] if is_embedding(embedding) => Ok(DataType::Struct(FIELDS.clone())),
            other => plan_err!("{NAME}: a list of numbers was expected, got {other:?}"),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "sample");
        Ok(vec![Arc::new(Field::new(name, DataType::LargeBinary, true))])
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Chooser::new(self.centroids)))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The embeddings of one group.
#[derive(Debug)]
struct Chooser {
    centroids: usize,
    count: u64,
    excluded: Excluded,
    /// The length of the embeddings; 0 without any.
    dimension: usize,
    sample: Sample,
    room: Vec<f64>,
}

impl Chooser {
    fn new(centroids: usize) -> Self {
        let (excluded, sample) = (Excluded::default(), Sample::of_dimension(0));
        Self { centroids, count: 0, excluded, dimension: 0, sample, room: Vec::new() }
    }

    fn expect(&mut self, dimension: usize) -> Result<()> {
        if self.dimension == 0 {
            self.dimension = dimension;
            self.sample = Sample::of_dimension(dimension);
        } else if self.dimension != dimension {
            return exec_err!(
                "{NAME}: the embeddings of a column and key must have one length, got {} and {}",
                self.dimension.min(dimension),
                self.dimension.max(dimension)
            );
        }
        Ok(())
    }

    /// Counts, the dimension, then of each chosen vector its rows and its coordinates, all as eight bytes.
    fn words(&self) -> Vec<u8> {
        let Excluded { nulls, nans, infinities } = self.excluded;
        let counts = [self.count, nulls, nans, infinities, self.dimension as u64];
        let vectors = self.sample.iter().flat_map(|counted| {
            std::iter::once(counted.rows).chain(counted.vector.iter().map(|x| x.to_bits()))
        });
        counts.into_iter().chain(vectors).flat_map(u64::to_le_bytes).collect()
    }

    /// Adds what [`Self::words`] wrote; `None` when it is none.
    fn merge(&mut self, bytes: &[u8]) -> Option<Result<()>> {
        let (words, []) = bytes.as_chunks() else { return None };
        let (counts, vectors) = words.split_first_chunk::<5>()?;
        let [count, nulls, nans, infinities, dimension] = counts.map(u64::from_le_bytes);
        self.count += count;
        self.excluded.nulls += nulls;
        self.excluded.nans += nans;
        self.excluded.infinities += infinities;
        let dimension = usize::try_from(dimension).ok()?;
        if dimension == 0 {
            return vectors.is_empty().then_some(Ok(()));
        }
        if let Err(error) = self.expect(dimension) {
            return Some(Err(error));
        }
        let vectors = vectors.chunks_exact(dimension.checked_add(1)?);
        if !vectors.remainder().is_empty() {
            return None;
        }
        for vector in vectors {
            self.room.clear();
            self.room.extend(vector[1..].iter().map(|&word| f64::from_le_bytes(word)));
            self.sample.add(&self.room, u64::from_le_bytes(vector[0]));
        }
        Some(Ok(()))
    }
}

impl Accumulator for Chooser {
    fn update_batch(&mut self, args: &[ArrayRef]) -> Result<()> {
        for row in 0..args[0].len() {
            let mut vector = std::mem::take(&mut self.room);
            if !read_coordinates(&args[0], row, &mut vector) {
                self.excluded.nulls += 1;
            } else if vector.iter().any(|x| x.is_nan()) {
                self.excluded.nans += 1;
            } else if vector.iter().any(|x| x.is_infinite()) {
                self.excluded.infinities += 1;
            } else {
                self.expect(vector.len())?;
                self.count += 1;
                self.sample.add(&vector, 1);
            }
            self.room = vector;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::LargeBinary(Some(self.words()))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for state in states[0].as_binary::<i64>().iter().flatten() {
            match self.merge(state) {
                Some(merged) => merged?,
                None => return internal_err!("{NAME}: a partial state is not one"),
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let vectors = self.sample.sorted();
        let clusters = clusters_of(&vectors, self.centroids);
        let distances = distance_quantiles(&vectors, &clusters);
        let measured = write((self.count, self.excluded), self.dimension, &clusters, distances)?;
        Ok(ScalarValue::Struct(Arc::new(measured)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sample.heap_bytes() + self.room.capacity() * size_of::<f64>()
    }
}
