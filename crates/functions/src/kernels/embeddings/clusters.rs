//! Centroids of vectors: k-means++ (Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, 2007), then the iterations
//! of Lloyd (Least squares quantization in PCM, 1982).
//!
//! The draw is part of the contract: splitmix64 from seed 0 gives `u` as in [`super::random_features`]; the first centroid is the vector
//! where the running number of rows, in the order of coordinates, first exceeds `u` times all rows, each next one the same with
//! rows times the squared distance to the nearest centroid so far.

use super::random_features::Uniform;
use super::sample::{Counted, order};
use crate::kernels::bins;
use crate::kernels::keys::key_of;
use crate::kernels::nearest::Points;

/// Most iterations: where they do not suffice, the centroids of the last one stand.
pub const ITERATIONS_MAX: usize = 100;
/// The quantiles of the distances that are kept.
pub const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

const SEED: u64 = 0;

/// A centroid with the number of rows to which no other is nearer.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The mean of its rows.
    pub centroid: Vec<f64>,
    /// How many rows it has.
    pub rows: u64,
}

/// At most `count` centroids of vectors in the order of [`Sample::sorted`](super::sample::Sample::sorted), in that order, too.
/// Fewer where fewer vectors differ, or where a centroid ends without a row.
pub fn clusters(vectors: &[&Counted], count: usize) -> Vec<Cluster> {
    let scale = scale_of(vectors);
    let scaled = |x: &f64| x * scale;
    let scaled_vectors: Vec<Vec<f64>> =
        vectors.iter().map(|counted| counted.vector.iter().map(scaled).collect()).collect();
    let rows: Vec<u64> = vectors.iter().map(|counted| counted.rows).collect();
    let mut centroids = match scaled_vectors.len() <= count {
        true => scaled_vectors.clone(),
        false => seeds(&scaled_vectors, &rows, count),
    };
    let mut nearest = assign(&scaled_vectors, &centroids);
    for _ in 0..ITERATIONS_MAX {
        centroids = means(&scaled_vectors, &rows, &nearest, centroids);
        let next = assign(&scaled_vectors, &centroids);
        if next == nearest {
            break;
        }
        nearest = next;
    }
    let mut clusters: Vec<Cluster> = centroids
        .into_iter()
        .map(|centroid| {
            // a mean may round to above the largest DOUBLE
            let centroid = centroid.into_iter().map(|x| (x / scale).clamp(f64::MIN, f64::MAX)).collect();
            Cluster { centroid, rows: 0 }
        })
        .collect();
    nearest.iter().zip(&rows).for_each(|(&of, rows)| clusters[of].rows += rows);
    clusters.retain(|cluster| cluster.rows > 0);
    clusters.sort_by(|a, b| order(&a.centroid, &b.centroid));
    clusters
}

/// [`QUANTILES`] of type 7 of the rows' distances to the nearest centroid; `None` without rows, and where one is beyond the
/// largest DOUBLE.
pub fn distance_quantiles(vectors: &[&Counted], clusters: &[Cluster]) -> Option<[f64; QUANTILES.len()]> {
    let points = Points::new(clusters.iter().map(|cluster| cluster.centroid.as_slice()))?;
    let distance = |counted: &&Counted| Some((key_of(points.distance(&counted.vector)?), counted.rows));
    let mut distances: Vec<(u64, u64)> = vectors.iter().map(distance).collect::<Option<_>>()?;
    distances.sort_unstable();
    let mut through = 0;
    let ends: Vec<u64> = distances
        .iter()
        .map(|(_, rows)| {
            through += rows;
            through
        })
        .collect();
    let nth = |index: usize| distances[ends.partition_point(|&end| end <= index as u64)].0;
    (through > 0).then(|| QUANTILES.map(|q| bins::quantile(through as usize, q, nth)))
}

/// A power of two that brings the largest coordinate near 1, so that no square overflows.
fn scale_of(vectors: &[&Counted]) -> f64 {
    let coordinates = vectors.iter().flat_map(|counted| &counted.vector);
    let largest = coordinates.fold(0.0f64, |largest, x| largest.max(x.abs()));
    let exponent = (largest.to_bits() >> 52) as i32 - 1023;
    if largest == 0.0 { 1.0 } else { 2.0f64.powi(-exponent.clamp(-1000, 1000)) }
}

fn seeds(vectors: &[Vec<f64>], rows: &[u64], count: usize) -> Vec<Vec<f64>> {
    let mut uniform = Uniform::new(SEED);
    let mut squares = vec![1.0f64; vectors.len()];
    let mut seeds: Vec<Vec<f64>> = Vec::with_capacity(count);
    while seeds.len() < count {
        let weight = |at: usize| squares[at] * rows[at] as f64;
        let total: f64 = (0..vectors.len()).map(weight).sum();
        // what is left lies closer than the square of a DOUBLE tells
        if total <= 0.0 {
            break;
        }
        let aim = uniform.next() * total;
        let mut running = 0.0;
        let exceeds = |&at: &usize| {
            running += weight(at);
            running > aim
        };
        let last = (0..vectors.len()).rev().find(|&at| weight(at) > 0.0);
        let Some(chosen) = (0..vectors.len()).find(exceeds).or(last) else { break };
        let is_first = seeds.is_empty();
        for (square, vector) in squares.iter_mut().zip(vectors) {
            let own = squared_distance(vector, &vectors[chosen]);
            *square = if is_first { own } else { square.min(own) };
        }
        seeds.push(vectors[chosen].clone());
    }
    seeds
}

/// For each vector the nearest centroid, the first of equally near ones.
fn assign(vectors: &[Vec<f64>], centroids: &[Vec<f64>]) -> Vec<usize> {
    let nearest = |vector: &Vec<f64>| {
        let mut best = (0, f64::INFINITY);
        for (at, centroid) in centroids.iter().enumerate() {
            let square = squared_distance(vector, centroid);
            if square < best.1 {
                best = (at, square);
            }
        }
        best.0
    };
    vectors.iter().map(nearest).collect()
}

/// The mean of each centroid's rows; a centroid without rows stays where it is.
fn means(vectors: &[Vec<f64>], rows: &[u64], nearest: &[usize], before: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut counts = vec![0; before.len()];
    nearest.iter().zip(rows).for_each(|(&of, rows)| counts[of] += rows);
    let zeros = |centroid: &Vec<f64>| vec![0.0; centroid.len()];
    let mut means: Vec<Vec<f64>> = before.iter().map(zeros).collect();
    for ((&of, &rows), vector) in nearest.iter().zip(rows).zip(vectors) {
        means[of].iter_mut().zip(vector).for_each(|(sum, x)| *sum += rows as f64 * x);
    }
    for ((mean, before), count) in means.iter_mut().zip(before).zip(counts) {
        match count {
            0 => *mean = before,
            count => mean.iter_mut().for_each(|sum| *sum /= count as f64),
        }
    }
    means
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

#[cfg(test)]
mod tests;
