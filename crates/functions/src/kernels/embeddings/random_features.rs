//! Random Fourier features of the kernel `exp(-gamma |x - y|²)`, after Rahimi and Recht, Random features for large-scale
//! kernel machines (2007).
//!
//! The draw is part of the contract, so that another program reproduces it: splitmix64 from the seed; `u = ((z >> 11) + 0.5) /
//! 2^53`; for each feature in turn the coordinates two by two by Box-Muller (`r = sqrt(-2 ln u1)`, then `r cos(2 pi u2)` and
//! `r sin(2 pi u2)`; the last one of an odd dimension drops the sine), each times `sqrt(2 gamma)`; then its phase `2 pi u`.

use std::f64::consts::TAU;

/// Cosines are summed as integers in units of 2^-60: their sums are exact in any order.
pub const COSINE_UNIT: f64 = 1.0 / (1u64 << 60) as f64;

/// Frequencies and phases for vectors of one dimension.
#[derive(Debug)]
pub struct RandomFeatures {
    dimension: usize,
    /// `features` numbers for the first coordinate, then for the second, and so on.
    frequencies: Vec<f64>,
    phases: Vec<f64>,
}

impl RandomFeatures {
    /// Draws `features` frequencies of `dimension` coordinates.
    pub fn draw(dimension: usize, features: usize, seed: u64, gamma: f64) -> Self {
        let mut uniform = Uniform::new(seed);
        let deviation = (2.0 * gamma).sqrt();
        let mut frequencies = vec![0.0; features * dimension];
        let mut phases = Vec::with_capacity(features);
        for feature in 0..features {
            for coordinate in (0..dimension).step_by(2) {
                let radius = deviation * (-2.0 * libm::log(uniform.next())).sqrt();
                let angle = TAU * uniform.next();
                frequencies[coordinate * features + feature] = radius * libm::cos(angle);
                if coordinate + 1 < dimension {
                    frequencies[(coordinate + 1) * features + feature] = radius * libm::sin(angle);
                }
            }
            phases.push(TAU * uniform.next());
        }
        Self { dimension, frequencies, phases }
    }

    /// The dimension of the vectors.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Calls `visit(feature, cosine)` with the cosine of every feature of a vector in units of [`COSINE_UNIT`]. `angles` is
    /// room to work in.
    pub fn cosines(&self, vector: &[f64], angles: &mut Vec<f64>, mut visit: impl FnMut(usize, i64)) {
        angles.clear();
        angles.extend_from_slice(&self.phases);
        for (x, frequencies) in vector.iter().zip(self.frequencies.chunks_exact(self.phases.len())) {
            for (angle, frequency) in angles.iter_mut().zip(frequencies) {
                *angle += frequency * x;
            }
        }
        for (feature, angle) in angles.iter().enumerate() {
            // an angle beyond the largest DOUBLE has no cosine: NaN becomes 0
            visit(feature, (libm::cos(*angle) / COSINE_UNIT) as i64);
        }
    }

    /// Heap memory.
    pub fn heap_bytes(&self) -> usize {
        (self.frequencies.capacity() + self.phases.capacity()) * size_of::<f64>()
    }
}

/// Splitmix64 as numbers in (0, 1).
pub(super) struct Uniform(u64);

impl Uniform {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (((z ^ z >> 31) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }
}

/// The squared maximum mean discrepancy from the sums of cosines of both sides.
pub fn squared_discrepancy(reference: (&[i128], u64), current: (&[i128], u64)) -> f64 {
    let mean = |sum: i128, rows: u64| sum as f64 * COSINE_UNIT / rows as f64;
    let squares: f64 = std::iter::zip(reference.0, current.0)
        .map(|(&r, &c)| mean(r, reference.1) - mean(c, current.1))
        .map(|difference| difference * difference)
        .sum();
    2.0 * squares / reference.0.len() as f64
}
