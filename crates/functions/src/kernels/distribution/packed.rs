//! A distribution as a list of integers, which travels where keys of numbers do: it begins with what is no number's key.

use super::super::keys::{key_of, value_of};
use super::{Bucket, Distribution, Excluded};

/// The first integer of a packed distribution; the key of no finite number.
const MARK: u64 = u64::MAX;
/// Integers before the buckets: mark, most buckets, scale, zeros, least and largest value, buckets of positive values.
const HEAD: usize = 7;

impl Distribution {
    /// The distribution as integers. What it left out and its sum are not among them, and it must have a range.
    pub fn pack(&self) -> Vec<u64> {
        let (min, max) = self.range.unwrap_or((0.0, 0.0));
        let positive = self.positive.len() as u64;
        let head: [u64; HEAD] = [
            MARK,
            u64::from(self.max_buckets),
            self.scale as i64 as u64,
            self.zero_count,
            key_of(min),
            key_of(max),
            positive,
        ];
        let buckets = self.positive.iter().chain(&self.negative);
        head.into_iter()
            .chain(buckets.flat_map(|bucket| [i64::from(bucket.index) as u64, bucket.count]))
            .collect()
    }

    /// Whether integers are a packed distribution, and no keys.
    pub fn is_packed(integers: &[u64]) -> bool {
        integers.first() == Some(&MARK)
    }

    /// Reads what [`pack`](Self::pack) made; `None` for anything else.
    pub fn unpack(integers: &[u64]) -> Option<Self> {
        let (&[MARK, max_buckets, scale, zero_count, min, max, positive], buckets) =
            integers.split_first_chunk::<HEAD>()?
        else {
            return None;
        };
        let (pairs, []) = buckets.as_chunks::<2>() else { return None };
        let positive = usize::try_from(positive).ok().filter(|&positive| positive <= pairs.len())?;
        let read = |pairs: &[[u64; 2]]| -> Option<Vec<Bucket>> {
            let bucket =
                |&[index, count]: &[u64; 2]| Some(Bucket { index: i32::try_from(index as i64).ok()?, count });
            pairs.iter().map(bucket).collect()
        };
        let distribution = Self {
            max_buckets: u32::try_from(max_buckets).ok()?,
            scale: i32::try_from(scale as i64).ok()?,
            zero_count,
            positive: read(&pairs[..positive])?,
            negative: read(&pairs[positive..])?,
            excluded: Excluded::default(),
            range: None,
            sum: None,
        };
        let range = (distribution.count() > 0).then(|| (value_of(min), value_of(max)));
        let distribution = Self { range, ..distribution };
        distribution.check().is_ok().then_some(distribution)
    }
}
