//! What is kept of one group: its dimension and both sides.

use datafusion::common::{Result, exec_err};

use super::{Choice, Metric};
use crate::kernels::embeddings::random_features::{RandomFeatures, squared_discrepancy};
use crate::kernels::embeddings::side::{Side, Sums};
use crate::kernels::embeddings::{cosine_distance, euclidean_distance, gaussian};

/// Most coordinates of `frechet_distance`, whose memory and time grow with their square and cube.
pub(super) const GAUSSIAN_DIMENSION_MAX: usize = 1024;
/// Most numbers of `mmd_rff`'s frequencies: 128 MiB.
pub(super) const FREQUENCIES_MAX: usize = 1 << 24;

#[derive(Debug, Default)]
pub(super) struct Group {
    /// The length of the group's embeddings; 0 without any.
    pub(super) dimension: usize,
    pub(super) sides: [Side; 2],
    /// Heap memory when it was last measured.
    pub(super) heap_bytes: usize,
}

/// What all groups of one call share.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) name: &'static str,
    pub(super) choice: Choice,
    features: Option<RandomFeatures>,
    room: Vec<f64>,
}

impl Rules {
    pub(super) fn new(name: &'static str, choice: Choice) -> Self {
        Self { name, choice, features: None, room: Vec::new() }
    }

    /// Draws the random features of a dimension, unless they are the last ones drawn.
    fn prepare(&mut self, dimension: usize) {
        if let Choice::Features { features, seed, gamma } = self.choice
            && self.features.as_ref().is_none_or(|drawn| drawn.dimension() != dimension)
        {
            let gamma = gamma.unwrap_or(1.0 / dimension as f64);
            self.features = Some(RandomFeatures::draw(dimension, features, seed, gamma));
        }
    }

    fn sums(&self) -> Sums<'_> {
        match (&self.choice, &self.features) {
            (Choice::Centroids(_), _) | (Choice::Features { .. }, None) => Sums::Coordinates,
            (Choice::Features { .. }, Some(features)) => Sums::Cosines(features),
            (Choice::Gaussians { .. }, _) => Sums::Products,
        }
    }

    fn check(&self, ours: usize, theirs: usize) -> Result<()> {
        let name = self.name;
        if ours != 0 && ours != theirs {
            return exec_err!(
                "{name}: the embeddings of a group must have one length, got {} and {}",
                ours.min(theirs),
                ours.max(theirs)
            );
        }
        match self.choice {
            Choice::Gaussians { .. } if theirs > GAUSSIAN_DIMENSION_MAX => exec_err!(
                "{name}: embeddings must have at most {GAUSSIAN_DIMENSION_MAX} coordinates, got {theirs}"
            ),
            Choice::Features { features, .. } if features.saturating_mul(theirs) > FREQUENCIES_MAX => {
                exec_err!(
                    "{name}: option 'features' times the length of the embeddings must be at most {FREQUENCIES_MAX}, got \
                 {features} times {theirs}"
                )
            }
            _ => Ok(()),
        }
    }

    /// Heap memory.
    pub(super) fn heap_bytes(&self) -> usize {
        self.room.capacity() * size_of::<f64>() + self.features.as_ref().map_or(0, RandomFeatures::heap_bytes)
    }
}

impl Group {
    /// Adds a row, or takes it away with `sign` -1.
    pub(super) fn add(&mut self, rules: &mut Rules, vector: &[f64], side: usize, sign: i64) -> Result<()> {
        if self.dimension != vector.len() {
            rules.check(self.dimension, vector.len())?;
            self.dimension = vector.len();
        }
        rules.prepare(vector.len());
        let mut room = std::mem::take(&mut rules.room);
        self.sides[side].add(vector, rules.sums(), sign, &mut room);
        rules.room = room;
        if self.sides.iter().all(|side| side.rows == 0) {
            *self = Self::default();
        } else if self.sides[side].rows.is_power_of_two() {
            self.measure_heap();
        }
        Ok(())
    }

    pub(super) fn merge(&mut self, rules: &Rules, other: &Self) -> Result<()> {
        if other.dimension == 0 {
            return Ok(());
        }
        rules.check(self.dimension, other.dimension)?;
        self.dimension = other.dimension;
        std::iter::zip(&mut self.sides, &other.sides).for_each(|(ours, theirs)| ours.merge(theirs));
        self.measure_heap();
        Ok(())
    }

    /// The number; `None` when a side has no rows, or too few, or the answer is none.
    pub(super) fn result(&self, choice: Choice) -> Option<f64> {
        let [reference, current] = &self.sides;
        if reference.rows == 0 || current.rows == 0 {
            return None;
        }
        let result = match choice {
            Choice::Centroids(Metric::Cosine) => cosine_distance(&reference.mean()?, &current.mean()?)?,
            Choice::Centroids(Metric::Euclidean) => euclidean_distance(&reference.mean()?, &current.mean()?)?,
            Choice::Features { .. } => {
                squared_discrepancy((&reference.cosines, reference.rows), (&current.cosines, current.rows))
            }
            Choice::Gaussians { ddof } => {
                let covariances = [reference.covariance(ddof)?, current.covariance(ddof)?];
                let apart = euclidean_distance(&reference.mean()?, &current.mean()?)?;
                let trace = |covariance: &[f64]| covariance.iter().step_by(self.dimension + 1).sum::<f64>();
                let root = gaussian::trace_of_root(&covariances[0], &covariances[1], self.dimension);
                (apart * apart + trace(&covariances[0]) + trace(&covariances[1]) - 2.0 * root).max(0.0)
            }
        };
        result.is_finite().then_some(result)
    }

    fn measure_heap(&mut self) {
        self.heap_bytes = self.sides.iter().map(Side::heap_bytes).sum();
    }
}
