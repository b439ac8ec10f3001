//! Distributions: sparse exponential histograms with fixed global bucket boundaries and integer counts.
//!
//! The canonical form: numbers are indexed once at the finest scale and only ever shifted to coarser ones; the scale is the
//! largest at which both signs together have at most `max_buckets` non-empty buckets; zero has a count of its own; -0.0 is
//! zero. How many buckets a set of numbers fills at a scale depends on the set alone, and falls from scale to scale. So the
//! form depends on the set alone, whatever the order of its numbers or the way into parts: merging is exact.

mod alignment;
mod bounds;
mod builder;
mod foreign;
mod packed;
mod quantile;

pub use alignment::{Binned, SharedCell, binned, shared_cells};
pub use bounds::{Bounds, ks, wasserstein};
pub use builder::DistributionBuilder;
pub use foreign::{ForeignHistogram, ZERO_THRESHOLD_MAX};

use super::exact_sum::ExactSum;
use super::exponential::{SCALE_MAX, SCALE_MIN, coarser, index_range, key_of, lower_end, upper_end};

/// Non-empty buckets of a distribution unless another number is asked for.
pub const BUCKETS_DEFAULT: u32 = 320;
/// Most non-empty buckets of a distribution.
pub const BUCKETS_MAX: u32 = 4096;
/// Least number of buckets that can be asked for: even the coarsest scales fill no more.
pub const BUCKETS_MIN: u32 = 8;
/// Most values a distribution counts, and most NULLs, NaNs and infinities each: what BIGINT holds.
pub const COUNT_MAX: u64 = i64::MAX as u64;

/// A distribution in canonical form.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Most non-empty buckets that it may have.
    pub max_buckets: u32,
    /// Buckets end a factor of `2^(2^-scale)` apart.
    pub scale: i32,
    /// How many values are 0.
    pub zero_count: u64,
    /// Non-empty buckets of positive values, by rising index.
    pub positive: Vec<Bucket>,
    /// Non-empty buckets of negative values, by rising index: of their magnitude.
    pub negative: Vec<Bucket>,
    /// What was left out.
    pub excluded: Excluded,
    /// Least and largest value; `None` without values, and where a foreign histogram did not say.
    pub range: Option<(f64, f64)>,
    /// The sum; `None` where a foreign histogram did not say.
    pub sum: Option<ExactSum>,
}

/// A non-empty bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// It holds the magnitudes in `(2^(index / 2^scale), 2^((index + 1) / 2^scale)]`.
    pub index: i32,
    /// How many values lie in it; more than 0.
    pub count: u64,
}

/// Values that a distribution does not hold, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Excluded {
    /// NULLs.
    pub nulls: u64,
    /// NaNs.
    pub nans: u64,
    /// +infinity.
    pub positive_infinities: u64,
    /// -infinity.
    pub negative_infinities: u64,
}

/// A counter would pass [`COUNT_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountOverflow;

/// A non-empty bucket, or zero, as a stretch of the number line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Below 0, 0 and above 0, with the bucket's index.
    pub place: Place,
    /// Where it begins and ends. Zero is one point; other cells hold the end that is farther from zero.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// How many values lie in it.
    pub count: u64,
}

/// Where a cell lies. Places are ordered as their values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    sign: i8,
    /// The index, mirrored for negative values.
    rank: i64,
}

impl Distribution {
    /// How many values it holds.
    pub fn count(&self) -> u64 {
        let buckets = self.positive.iter().chain(&self.negative).map(|bucket| bucket.count);
        self.zero_count + buckets.sum::<u64>()
    }

    /// Heap memory.
    pub fn heap_bytes(&self) -> usize {
        let buckets = self.positive.capacity() + self.negative.capacity();
        buckets * size_of::<Bucket>() + self.sum.as_ref().map_or(0, ExactSum::heap_bytes)
    }

    /// The sum, rounded once; `None` when it is unknown or beyond the largest DOUBLE.
    pub fn sum_value(&self) -> Option<f64> {
        self.sum.as_ref().and_then(ExactSum::value)
    }

    /// The cells in the order of their values, at this or a coarser scale.
    pub fn cells(&self, scale: i32) -> Vec<Cell> {
        let shift = (self.scale - scale) as u32;
        let mut cells: Vec<Cell> = Vec::with_capacity(self.positive.len() + self.negative.len() + 1);
        let mut push = |place: Place, low: f64, high: f64, count: u64| match cells.last_mut() {
            Some(last) if last.place == place => last.count += count,
            _ => cells.push(Cell { place, low, high, count }),
        };
        for bucket in self.negative.iter().rev() {
            let index = i64::from(bucket.index) >> shift;
            let place = Place { sign: -1, rank: -index };
            push(place, -upper_end(index, scale), -lower_end(index, scale), bucket.count);
        }
        if self.zero_count > 0 {
            push(Place { sign: 0, rank: 0 }, 0.0, 0.0, self.zero_count);
        }
        for bucket in &self.positive {
            let index = i64::from(bucket.index) >> shift;
            push(
                Place { sign: 1, rank: index },
                lower_end(index, scale),
                upper_end(index, scale),
                bucket.count,
            );
        }
        cells
    }

    /// Where the least value lies; `None` without values.
    fn first_place(&self) -> Option<Place> {
        let zero = (self.zero_count > 0).then_some(Place::ZERO);
        let positive = self.positive.first().map(Place::of_positive);
        self.negative.last().map(Place::of_negative).or(zero).or(positive)
    }

    /// Where the largest value lies; `None` without values.
    fn last_place(&self) -> Option<Place> {
        let zero = (self.zero_count > 0).then_some(Place::ZERO);
        let negative = self.negative.first().map(Place::of_negative);
        self.positive.last().map(Place::of_positive).or(zero).or(negative)
    }

    /// Whether the parts fit together; the first thing that does not, in words.
    ///
    /// # Errors
    /// Fails for a distribution that no numbers can have.
    pub fn check(&self) -> Result<(), String> {
        if !(BUCKETS_MIN..=BUCKETS_MAX).contains(&self.max_buckets) {
            let allowed = format!("from {BUCKETS_MIN} to {BUCKETS_MAX}");
            return Err(format!("max_buckets must lie {allowed}, got {}", self.max_buckets));
        }
        if !(SCALE_MIN..=SCALE_MAX).contains(&self.scale) {
            return Err(format!("scale must lie from {SCALE_MIN} to {SCALE_MAX}, got {}", self.scale));
        }
        let buckets = self.positive.len() + self.negative.len();
        if buckets > self.max_buckets as usize {
            return Err(format!("there must be at most {} buckets, got {buckets}", self.max_buckets));
        }
        let (least, largest) = index_range(self.scale);
        let mut total = self.zero_count;
        for buckets in [&self.positive, &self.negative] {
            if let Some(pair) = buckets.windows(2).find(|pair| pair[0].index >= pair[1].index) {
                let (first, second) = (pair[0].index, pair[1].index);
                return Err(format!("indexes must rise, got {first} before {second}"));
            }
            for bucket in buckets {
                if !(least..=largest).contains(&i64::from(bucket.index)) {
                    let allowed = format!("[{least}, {largest}] at scale {}", self.scale);
                    return Err(format!("an index must lie in {allowed}, got {}", bucket.index));
                }
                total = match total.checked_add(bucket.count) {
                    Some(total) if bucket.count > 0 && total <= COUNT_MAX => total,
                    _ => {
                        return Err(format!(
                            "counts must be more than 0 and fit BIGINT, got {}",
                            bucket.count
                        ));
                    }
                };
            }
        }
        match (self.range, self.first_place(), self.last_place()) {
            (None, ..) => Ok(()),
            (Some((min, max)), Some(first), Some(last))
                if min <= max
                    && Place::of(min, self.scale) == Some(first)
                    && Place::of(max, self.scale) == Some(last) =>
            {
                Ok(())
            }
            (Some((min, max)), ..) => {
                Err(format!("min and max must lie in the outermost buckets, got {min} and {max}"))
            }
        }
    }
}

impl Place {
    const ZERO: Self = Self { sign: 0, rank: 0 };

    fn of_positive(bucket: &Bucket) -> Self {
        Self { sign: 1, rank: i64::from(bucket.index) }
    }

    fn of_negative(bucket: &Bucket) -> Self {
        Self { sign: -1, rank: -i64::from(bucket.index) }
    }

    /// Where a number belongs; `None` for NaN and infinities.
    fn of(value: f64, scale: i32) -> Option<Self> {
        if value == 0.0 {
            return Some(Self::ZERO);
        }
        value.is_finite().then(|| {
            let key = coarser(key_of(value), (SCALE_MAX - scale) as u32);
            let sign = if key & 1 == 1 { -1 } else { 1 };
            Self { sign, rank: i64::from(sign) * (key >> 1) }
        })
    }
}

impl Excluded {
    /// Adds other counts.
    ///
    /// # Errors
    /// Fails where a counter would overflow.
    pub fn merge(&mut self, other: &Self) -> Result<(), CountOverflow> {
        add(&mut self.nulls, other.nulls)?;
        add(&mut self.nans, other.nans)?;
        add(&mut self.positive_infinities, other.positive_infinities)?;
        add(&mut self.negative_infinities, other.negative_infinities)
    }
}

fn add(count: &mut u64, more: u64) -> Result<(), CountOverflow> {
    *count = count.checked_add(more).filter(|&sum| sum <= COUNT_MAX).ok_or(CountOverflow)?;
    Ok(())
}

#[cfg(test)]
mod tests;
