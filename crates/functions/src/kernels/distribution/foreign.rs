//! Exponential histograms that others made.

use super::super::exponential::{SCALE_MAX, SCALE_MIN, index_range};
use super::{Bucket, COUNT_MAX, Distribution, DistributionBuilder, Excluded};

/// Magnitudes up to here pass for 0: Prometheus takes 2^-128 and less for it.
pub const ZERO_THRESHOLD_MAX: f64 = 1e-30;

/// An exponential histogram as OpenTelemetry sends it: an offset and dense counts for either sign.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForeignHistogram {
    /// Buckets end a factor of `2^(2^-scale)` apart.
    pub scale: i32,
    /// How many values have a magnitude of at most `zero_threshold`.
    pub zero_count: u64,
    /// See `zero_count`.
    pub zero_threshold: f64,
    /// Index of the first bucket of positive values, and the counts from there on.
    pub positive: (i32, Vec<u64>),
    /// The same for negative values.
    pub negative: (i32, Vec<u64>),
}

impl ForeignHistogram {
    /// The distribution of at most `max_buckets` buckets: the same counts in the same buckets, or in coarser ones. Least and
    /// largest value and the sum are unknown.
    ///
    /// # Errors
    /// Fails, in words, for a histogram that no numbers have, or whose zeros may be other numbers.
    pub fn into_distribution(self, max_buckets: u32) -> Result<Distribution, String> {
        /// Far finer than any number's digits.
        const SCALE_FOREIGN_MAX: i32 = 40;
        if !(SCALE_MIN..=SCALE_FOREIGN_MAX).contains(&self.scale) {
            return Err(format!(
                "scale must lie from {SCALE_MIN} to {SCALE_FOREIGN_MAX}, got {}",
                self.scale
            ));
        }
        if self.zero_count > 0 && !(0.0..=ZERO_THRESHOLD_MAX).contains(&self.zero_threshold) {
            let threshold = self.zero_threshold;
            let allowed = format!("lie in [0, {ZERO_THRESHOLD_MAX:e}] where zeros are counted");
            return Err(format!("zero_threshold must {allowed}, got {threshold}"));
        }
        let scale = self.scale.min(SCALE_MAX);
        let shift = (self.scale - scale) as u32;
        let mut total = self.zero_count.min(COUNT_MAX + 1);
        let mut sides = [Vec::new(), Vec::new()];
        for (side, (offset, counts)) in sides.iter_mut().zip([&self.positive, &self.negative]) {
            for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                total = total.saturating_add(count);
                let index = (i64::from(*offset) + at as i64) >> shift;
                push(side, index, scale, count)?;
            }
        }
        if total > COUNT_MAX {
            return Err(format!("counts must lie from 0 to {COUNT_MAX}, all together as well"));
        }
        let [positive, negative] = sides;
        let whole = Distribution {
            max_buckets,
            scale,
            zero_count: self.zero_count,
            positive,
            negative,
            excluded: Excluded::default(),
            range: None,
            sum: (total == 0).then(Default::default),
        };
        // into the canonical form
        let mut builder = DistributionBuilder::new(max_buckets);
        builder.merge(&whole).map_err(|_| "too many values".to_string())?;
        Ok(builder.finish())
    }
}

fn push(side: &mut Vec<Bucket>, index: i64, scale: i32, count: u64) -> Result<(), String> {
    let (least, largest) = index_range(scale);
    if !(least..=largest).contains(&index) {
        return Err(format!("an index must lie in [{least}, {largest}] at scale {scale}, got {index}"));
    }
    let index = index as i32;
    match side.last_mut() {
        Some(last) if last.index == index => last.count = last.count.saturating_add(count),
        _ => side.push(Bucket { index, count }),
    }
    Ok(())
}
