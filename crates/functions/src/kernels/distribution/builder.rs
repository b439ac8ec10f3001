//! Builds a distribution from values and from other distributions.

mod buckets;

use super::super::exact_sum::ExactSum;
use super::super::exponential::{self, Key, SCALE_MAX, SCALE_MIN, append_keys, coarser, is_normal, key_of};
use super::{Bucket, CountOverflow, Distribution, Excluded, add};
use buckets::Buckets;

/// Values indexed at a time: their keys stay in the first-level cache.
const BLOCK: usize = 512;

/// A distribution that grows. Parts that are merged in any order finish to the same bits.
#[derive(Debug, Clone)]
pub struct DistributionBuilder {
    max_buckets: u32,
    scale: i32,
    buckets: Buckets,
    zero_count: u64,
    count: u64,
    excluded: Excluded,
    min: f64,
    max: f64,
    sum: ExactSum,
    range_unknown: bool,
    sum_unknown: bool,
    /// Whether a distribution came in, be it one without values.
    has_merged: bool,
}

impl DistributionBuilder {
    /// An empty distribution of at most `max_buckets` non-empty buckets.
    pub fn new(max_buckets: u32) -> Self {
        Self {
            max_buckets,
            scale: SCALE_MAX,
            buckets: Buckets::default(),
            zero_count: 0,
            count: 0,
            excluded: Excluded::default(),
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            sum: ExactSum::default(),
            range_unknown: false,
            sum_unknown: false,
            has_merged: false,
        }
    }

    /// The same where nobody will ask for the sum.
    pub fn without_sum(max_buckets: u32) -> Self {
        Self { sum_unknown: true, ..Self::new(max_buckets) }
    }

    /// Counts NULLs.
    pub fn add_nulls(&mut self, nulls: u64) {
        self.excluded.nulls += nulls;
    }

    /// Adds values of any kind: NaN and infinities are counted apart.
    pub fn add_values(&mut self, values: &[f64]) {
        let mut keys = Vec::with_capacity(BLOCK.min(values.len()));
        for block in values.chunks(BLOCK) {
            if !block.iter().fold(true, |all, &value| all & is_normal(value)) {
                block.iter().for_each(|&value| self.add_value(value));
                continue;
            }
            keys.clear();
            append_keys(block, &mut keys);
            let (mut min, mut max) = (self.min, self.max);
            for &value in block {
                min = if value < min { value } else { min };
                max = if value > max { value } else { max };
            }
            (self.min, self.max) = (min, max);
            if !self.sum_unknown {
                block.iter().for_each(|&value| self.sum.add(value));
            }
            self.count += block.len() as u64;
            keys.iter().for_each(|&key| self.add_key(key, 1));
        }
    }

    /// Adds one value of any kind.
    pub fn add_value(&mut self, value: f64) {
        if !value.is_finite() {
            *match value {
                f64::INFINITY => &mut self.excluded.positive_infinities,
                f64::NEG_INFINITY => &mut self.excluded.negative_infinities,
                _ => &mut self.excluded.nans,
            } += 1;
            return;
        }
        if value == 0.0 {
            self.zero_count += 1;
            self.count += 1;
            self.extend(0.0);
        } else {
            self.add_keyed(value, key_of(value));
        }
    }

    /// Whether nothing was added: no value, nothing that is counted apart, no distribution.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && !self.has_merged && self.excluded == Excluded::default()
    }

    /// Adds a number other than zero whose key is known.
    #[inline]
    pub fn add_keyed(&mut self, value: f64, key: Key) {
        self.extend(value);
        if !self.sum_unknown {
            self.sum.add(value);
        }
        self.count += 1;
        self.add_key(key, 1);
    }

    /// Adds another distribution. The smaller `max_buckets` of the two holds from now on.
    ///
    /// # Errors
    /// Fails, and leaves the counts of one of the two behind, where a counter would pass what BIGINT holds.
    pub fn merge(&mut self, other: &Distribution) -> Result<(), CountOverflow> {
        let more = other.count();
        add(&mut self.count, more)?;
        self.excluded.merge(&other.excluded)?;
        self.has_merged = true;
        self.max_buckets = self.max_buckets.min(other.max_buckets);
        self.coarsen_to(other.scale);
        let shift = (SCALE_MAX - other.scale) as u32;
        for (buckets, sign) in [(&other.positive, 0), (&other.negative, 1)] {
            for bucket in buckets {
                // any key of the finest scale that falls into the bucket
                let key = ((Key::from(bucket.index) << shift) << 1) | sign;
                self.add_key(key, bucket.count);
            }
        }
        self.fit();
        self.zero_count += other.zero_count;
        match other.range {
            Some((min, max)) => {
                self.extend(min);
                self.extend(max);
            }
            None => self.range_unknown |= more > 0,
        }
        match &other.sum {
            Some(sum) => self.sum.merge(sum),
            None => self.sum_unknown |= more > 0,
        }
        Ok(())
    }

    /// The distribution of what was added so far.
    pub fn finish(&self) -> Distribution {
        let mut entries: Vec<(Key, u64)> = self.buckets.iter().collect();
        entries.sort_unstable();
        let side = |sign: Key| {
            let of_side = entries.iter().filter(|(key, _)| key & 1 == sign);
            of_side.map(|&(key, count)| Bucket { index: (key >> 1) as i32, count }).collect()
        };
        Distribution {
            max_buckets: self.max_buckets,
            scale: self.scale,
            zero_count: self.zero_count,
            positive: side(0),
            negative: side(1),
            excluded: self.excluded,
            range: (self.count > 0 && !self.range_unknown).then_some((self.min, self.max)),
            sum: (!self.sum_unknown).then(|| self.sum.canonical()),
        }
    }

    /// Heap memory.
    pub fn heap_bytes(&self) -> usize {
        self.buckets.heap_bytes() + self.sum.heap_bytes()
    }

    /// Adds a key of the finest scale.
    #[inline]
    fn add_key(&mut self, key: Key, count: u64) {
        if self.buckets.add(coarser(key, (SCALE_MAX - self.scale) as u32), count) {
            self.fit();
        }
    }

    fn extend(&mut self, value: f64) {
        // neither is ever -0.0: adding 0.0 turns it into 0.0
        self.min = self.min.min(value) + 0.0;
        self.max = self.max.max(value) + 0.0;
    }

    /// Goes to the next coarser scale until the buckets are few enough.
    #[inline]
    fn fit(&mut self) {
        while self.buckets.len() > self.max_buckets as usize && self.scale > SCALE_MIN {
            self.coarsen_to(self.scale - 1);
        }
    }

    fn coarsen_to(&mut self, scale: i32) {
        if scale < self.scale {
            let shift = (self.scale - scale) as u32;
            let finer = std::mem::take(&mut self.buckets);
            finer.iter().for_each(|(key, count)| {
                self.buckets.add(exponential::coarser(key, shift), count);
            });
            self.scale = scale;
        }
    }
}
