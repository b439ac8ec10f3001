//! What a baseline keeps of a column of embeddings, as it is stored: one struct a key.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, ListArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type};
use datafusion::common::Result;

use super::summary::{COUNT, INFINITIES, NANS, NULLS};
use crate::aggregate::Excluded;
use crate::kernels::embeddings::clusters::{Cluster, QUANTILES};
use crate::kernels::nearest::Points;

const DIMENSION: &str = "dimension";
const CHOSEN: &str = "chosen";
const CENTROIDS: &str = "centroids";
const MEMBERS: &str = "members";
const DISTANCES: &str = "distances";

/// Which of the kept quantiles is that of 99 %.
const AT_99: usize = 3;

pub(super) static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let list = |item| DataType::List(Arc::new(Field::new_list_field(item, true)));
    let count = |name| Field::new(name, DataType::Int64, true);
    Fields::from(vec![
        count(COUNT),
        count(NULLS),
        count(NANS),
        count(INFINITIES),
        count(DIMENSION),
        count(CHOSEN),
        Field::new(CENTROIDS, list(list(DataType::Float64)), true),
        Field::new(MEMBERS, list(DataType::Int64), true),
        Field::new(DISTANCES, list(DataType::Float64), true),
    ])
});

/// The centroids of one key.
#[derive(Debug)]
pub(crate) struct Clusters {
    /// How many rows have an embedding.
    pub(super) count: u64,
    /// The centroids; `None` without a row.
    pub(crate) points: Option<Points>,
    /// How many of the chosen rows belong to each centroid.
    pub(super) rows: Vec<u64>,
    /// The quantiles of the chosen rows' distances to their centroids, or none.
    distances: Vec<f64>,
}

impl Clusters {
    /// Reads one row of stored structs; `None` where it is none.
    pub(super) fn read(summary: &StructArray, at: usize) -> Option<Self> {
        let column = |name| summary.column_by_name(name).filter(|column: &&ArrayRef| column.is_valid(at));
        let number = |name| u64::try_from(column(name)?.as_primitive_opt::<Int64Type>()?.value(at)).ok();
        let list = |name| Some(column(name)?.as_list_opt::<i32>()?.value(at));
        let centroids = list(CENTROIDS)?;
        let centroids = centroids.as_list_opt::<i32>()?;
        let coordinates = centroids.values().as_primitive_opt::<Float64Type>()?;
        let is_whole = centroids.null_count() == 0 && coordinates.null_count() == 0;
        let ends = centroids.value_offsets().windows(2);
        let slices = ends.map(|ends| &coordinates.values()[ends[0] as usize..ends[1] as usize]);
        let points = Points::new(slices.clone());
        let is_finite = slices.flatten().all(|x| x.is_finite());
        let members = list(MEMBERS)?;
        let members = members.as_primitive_opt::<Int64Type>()?.values().iter();
        let rows: Vec<u64> = members.map(|&rows| u64::try_from(rows).ok()).collect::<Option<_>>()?;
        let distances = list(DISTANCES)?.as_primitive_opt::<Float64Type>()?.values().to_vec();
        let (count, chosen) = (number(COUNT)?, number(CHOSEN)?);
        let agrees = is_whole
            && is_finite
            && rows.len() == centroids.len()
            && rows.iter().try_fold(0u64, |sum, rows| sum.checked_add(*rows)) == Some(chosen)
            && (chosen <= count && (chosen == 0) == (count == 0))
            && points.is_some() == (count > 0)
            && points.as_ref().map_or(0, Points::dimensions) as u64 == number(DIMENSION)?
            && (distances.is_empty() || distances.len() == QUANTILES.len());
        agrees.then_some(Self { count, points, rows, distances })
    }

    pub(super) fn distance_99(&self) -> Option<f64> {
        self.distances.get(AT_99).copied()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let points = self.points.as_ref().map_or(0, |points| points.dimensions() * self.rows.len());
        (points + self.rows.capacity() + self.distances.capacity()) * size_of::<f64>()
    }
}

/// One stored struct.
pub(super) fn write(
    (count, excluded): (u64, Excluded),
    dimension: usize,
    clusters: &[Cluster],
    distances: Option<[f64; QUANTILES.len()]>,
) -> Result<StructArray> {
    let number = |number: u64| -> ArrayRef { Arc::new(Int64Array::from(vec![number as i64])) };
    let list = |lengths: &mut dyn Iterator<Item = usize>, values: ArrayRef| -> Result<ArrayRef> {
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), values, None)?))
    };
    let one_list = |values: ArrayRef| list(&mut std::iter::once(values.len()), values);
    let coordinates = clusters.iter().flat_map(|cluster| cluster.centroid.iter().copied());
    let coordinates = Arc::new(Float64Array::from_iter_values(coordinates));
    let centroids = list(&mut clusters.iter().map(|cluster| cluster.centroid.len()), coordinates)?;
    let members = clusters.iter().map(|cluster| cluster.rows as i64);
    let distances = distances.into_iter().flatten();
    let columns = vec![
        number(count),
        number(excluded.nulls),
        number(excluded.nans),
        number(excluded.infinities),
        number(dimension as u64),
        number(clusters.iter().map(|cluster| cluster.rows).sum()),
        one_list(centroids)?,
        one_list(Arc::new(Int64Array::from_iter_values(members)))?,
        one_list(Arc::new(Float64Array::from_iter_values(distances)))?,
    ];
    Ok(StructArray::try_new(FIELDS.clone(), columns, None)?)
}
