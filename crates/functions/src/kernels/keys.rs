//! Finite floats as `u64` in the same order, and their radix sort.
//!
//! One integer type serves sorting, merging and the partial state of every rank statistic. `-0.0` becomes `0.0`, so equal
//! numbers have equal keys.

/// Below this length the comparison sort of the standard library is faster than counting digits.
const RADIX_SORT_MIN: usize = 512;
const DIGITS: usize = 8;
const SIGN: u64 = 1 << 63;

/// Maps a float to an integer so that `a < b` exactly when `key_of(a) < key_of(b)`. NaN must not be passed.
///
/// ```
/// use driftline_functions::kernels::keys::{key_of, value_of};
/// assert!(key_of(-1.5) < key_of(0.0));
/// assert_eq!(key_of(-0.0), key_of(0.0));
/// assert_eq!(value_of(key_of(-1.5)), -1.5);
/// ```
#[inline]
pub fn key_of(value: f64) -> u64 {
    // adding 0.0 turns -0.0 into 0.0 and changes nothing else
    let bits = (value + 0.0).to_bits();
    bits ^ (((bits as i64) >> 63) as u64 | SIGN)
}

/// Maps a key back to its float.
#[inline]
pub fn value_of(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
}

/// Sorts keys ascending: least significant digit first, skipping digits in which all keys agree.
pub fn sort(keys: &mut Vec<u64>) {
    if keys.len() < RADIX_SORT_MIN {
        keys.sort_unstable();
        return;
    }
    let mut counts = vec![[0usize; 256]; DIGITS];
    for &key in keys.iter() {
        for (digit, count) in counts.iter_mut().enumerate() {
            count[digit_of(key, digit)] += 1;
        }
    }
    let mut from = std::mem::take(keys);
    let mut to = vec![0u64; from.len()];
    for (digit, count) in counts.iter().enumerate() {
        if count.contains(&from.len()) {
            continue;
        }
        let mut next = [0usize; 256];
        let mut start = 0;
        for (slot, &n) in next.iter_mut().zip(count) {
            *slot = start;
            start += n;
        }
        for &key in &from {
            let slot = &mut next[digit_of(key, digit)];
            to[*slot] = key;
            *slot += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    *keys = from;
}

/// Sorts a part of a larger vector.
pub fn sort_slice(keys: &mut [u64]) {
    if keys.len() < RADIX_SORT_MIN {
        keys.sort_unstable();
        return;
    }
    let mut owned = keys.to_vec();
    sort(&mut owned);
    keys.copy_from_slice(&owned);
}

#[inline]
fn digit_of(key: u64, digit: usize) -> usize {
    usize::from((key >> (8 * digit)) as u8)
}

#[cfg(test)]
mod tests;
