//! The bootstrap of PSI over clusters: rows that belong together (the turns of a conversation) are drawn together.
//!
//! A resample draws, on either side, as many clusters as there are, each time any of them, and compares the counts that the drawn ones
//! have over fixed bins. Clusters are numbered from 0 in the order that the caller gives, and the draws come from one SplitMix64
//! sequence, the reference's before the current ones', resample after resample: the same rows give the same bits.

use super::bins::quantile;
use super::divergence::psi;
use super::keys::key_of;

/// The generator of Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators (2014).
///
/// ```
/// use driftline_functions::kernels::bootstrap::SplitMix64;
/// assert_eq!(SplitMix64::new(0).next(), 0xE220_A839_7B1D_CDAF);
/// ```
#[derive(Debug, Clone)]
pub struct SplitMix64(u64);

/// The counts of one side: for each cluster those over the bins, as far as they are not 0.
#[derive(Debug, Clone, Default)]
pub struct Clusters {
    /// Where the cells of each cluster end.
    ends: Vec<usize>,
    cells: Vec<Cell>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    bin: u32,
    count: u64,
}

/// Which interval is made of the resampled numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Their quantiles.
    Percentile,
    /// Their quantiles mirrored at the number itself, not below 0.
    Basic,
}

impl SplitMix64 {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "a sequence without an end")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number below `end`: the upper half of the product of the next 64 bits and `end`.
    #[inline]
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

impl Clusters {
    /// Counts rows, given in any order as `cluster << 32 | bin`. Clusters are put in the order of their numbers, which need not
    /// follow one another; the rows may be reordered.
    pub fn of_rows(rows: &mut [u64]) -> Self {
        rows.sort_unstable();
        let mut clusters = Self::default();
        for cluster in rows.chunk_by(|a, b| a >> 32 == b >> 32) {
            let cells = cluster.chunk_by(|a, b| a == b);
            clusters.cells.extend(cells.map(|cell| Cell { bin: cell[0] as u32, count: cell.len() as u64 }));
            clusters.ends.push(clusters.cells.len());
        }
        clusters
    }

    /// How many clusters there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The counts of all clusters over `bins` bins.
    pub fn counts(&self, bins: usize) -> Vec<u64> {
        let mut counts = vec![0; bins];
        add(&mut counts, &self.cells);
        counts
    }

    /// The counts of as many clusters as there are, drawn with replacement.
    fn resample(&self, random: &mut SplitMix64, counts: &mut [u64]) {
        counts.fill(0);
        for _ in 0..self.len() {
            let drawn = random.below(self.len());
            let start = drawn.checked_sub(1).map_or(0, |before| self.ends[before]);
            add(counts, &self.cells[start..self.ends[drawn]]);
        }
    }
}

fn add(counts: &mut [u64], cells: &[Cell]) {
    for cell in cells {
        counts[cell.bin as usize] += cell.count;
    }
}

/// PSI of every resample; `None` when a side is empty.
pub fn psi_resamples(
    reference: &Clusters,
    current: &Clusters,
    bins: usize,
    eps: f64,
    (resamples, seed): (usize, u64),
) -> Option<Vec<f64>> {
    let mut random = SplitMix64::new(seed);
    let (mut r, mut c) = (vec![0; bins], vec![0; bins]);
    (0..resamples)
        .map(|_| {
            reference.resample(&mut random, &mut r);
            current.resample(&mut random, &mut c);
            psi(&r, &c, eps)
        })
        .collect()
}

/// The interval in which `level` of the resampled numbers lie, as much below it as above; quantiles of type 7. There must be
/// a number.
pub fn interval(number: f64, resampled: &[f64], level: f64, kind: Interval) -> (f64, f64) {
    let mut keys: Vec<u64> = resampled.iter().map(|&value| key_of(value)).collect();
    keys.sort_unstable();
    let tail = (1.0 - level) / 2.0;
    let at = |q: f64| quantile(keys.len(), q, |position| keys[position]);
    let (low, high) = (at(tail), at(1.0 - tail));
    match kind {
        Interval::Percentile => (low, high),
        Interval::Basic => ((2.0 * number - high).max(0.0), (2.0 * number - low).max(0.0)),
    }
}

#[cfg(test)]
mod tests;
