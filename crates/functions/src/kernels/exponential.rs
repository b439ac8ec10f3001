//! Buckets of an exponential histogram: which one a number falls into, and where a bucket ends.
//!
//! Bucket `i` of scale `s` holds the magnitudes in `(2^(i / 2^s), 2^((i + 1) / 2^s)]`, as OpenTelemetry defines it. Numbers are
//! always indexed at the finest scale, [`SCALE_MAX`]; one scale coarser is one shift: `index >> 1`.
//!
//! The index is exact at every boundary. A table and a polynomial of degree four give `2^20 log2(m)` with an error below
//! 2^-30 of a bucket and without a logarithm a value; only a number within 2^-20 of a boundary (one in half a million, or a
//! power of two) is compared with the boundary itself, which integers of 128 bits give beyond doubt.

use std::sync::LazyLock;

/// The finest scale: bucket ends lie a factor of `2^(2^-20)` apart.
pub const SCALE_MAX: i32 = 20;
/// The coarsest scale: one bucket below 1 and one above.
pub const SCALE_MIN: i32 = -11;
/// Buckets between two powers of two at the finest scale.
const SUBBUCKETS: i64 = 1 << SCALE_MAX;

const MANTISSA_BITS: u32 = 52;
const MANTISSA_MASK: u64 = (1 << MANTISSA_BITS) - 1;
const EXPONENT_BIAS: i64 = 1023;
const EXPONENT_MAX: u64 = 0x7ff;
const ONE_BITS: u64 = (EXPONENT_BIAS as u64) << MANTISSA_BITS;

/// The table has one cell for this many leading bits of the mantissa.
const CELL_BITS: u32 = 9;
/// Closer to a boundary than this, in buckets, the exact boundary decides.
const NEAR_BOUNDARY: f64 = 1.0 / (1 << 20) as f64;
/// Adding it rounds a small number to an integer in the low bits.
const ROUNDING: f64 = (3u64 << 51) as f64;

/// Fractional bits of the exact powers.
const FRACTION_BITS: u32 = 126;
/// `2^(2^-j)` for j = 1 to 20, rounded down to 126 fractional bits (integer square roots of integers; the generator is
/// tests/data/golden/exponential_boundaries.py).
const ROOTS: [u128; SCALE_MAX as usize] = [
    0x5a82_7999_fcef_3242_2cbe_c4d9_baa5_5f4f,
    0x4c1b_f828_c6dc_54b7_a356_918c_1721_7b7b,
    0x45ca_e0f1_f545_eb73_7df2_3143_ac52_9e48,
    0x42d5_61b3_e624_3d8a_62e4_adc6_10aa_60d9,
    0x4166_c34c_5615_d0eb_9f15_23ad_a329_05ff,
    0x40b2_68f9_de01_83b9_bdf2_b293_de8a_6f7a,
    0x4058_f6a7_eccc_d5b6_1299_ab8c_db73_7e90,
    0x402c_6be9_6af2_fb58_4a6a_c4fb_0477_2551,
    0x4016_321b_6870_27a8_7fc6_74a5_33cb_d9e7,
    0x400b_1817_8ba3_3b14_1b48_6ff2_2688_e804,
    0x4005_8bce_4101_47e8_4a2f_2a71_570c_7978,
    0x4002_c5d7_bff7_1dae_8e38_c59c_72a4_e5c9,
    0x4001_62e8_07ee_7e5b_5b2b_352c_6024_5f0f,
    0x4000_b173_0df6_a524_7426_170d_231a_39ec,
    0x4000_58b9_497b_8151_d511_5f56_654a_4809,
    0x4000_2c5c_955d_d701_0186_2fd2_92b7_a0ff,
    0x4000_162e_46d6_f26b_8bbb_607a_6df5_33eb,
    0x4000_0b17_2275_7b1b_2935_f22b_3005_edf2,
    0x4000_058b_90fd_3e0c_4183_80b6_0e6a_745b,
    0x4000_02c5_c86f_3f26_767e_243a_81a4_45d8,
];

/// A bucket of the finest scale with the sign of its values, as one integer: `2 * index`, and 1 more for negative values.
pub type Key = i64;

/// The key `shift` scales coarser.
#[inline]
pub fn coarser(key: Key, shift: u32) -> Key {
    ((key >> shift) & !1) | (key & 1)
}

/// Whether a number is neither zero, subnormal, infinite nor NaN: [`append_keys`] takes it.
#[inline]
pub fn is_normal(value: f64) -> bool {
    let exponent = (value.to_bits() >> MANTISSA_BITS) & EXPONENT_MAX;
    exponent.wrapping_sub(1) < EXPONENT_MAX - 1
}

/// Appends the keys of normal numbers (see [`is_normal`]).
pub fn append_keys(values: &[f64], out: &mut Vec<Key>) {
    let cells = &*CELLS;
    out.extend(values.iter().map(|&value| {
        let bits = value.to_bits();
        (index_of_bits(bits, cells) << 1) | (bits >> 63) as i64
    }));
}

/// The key of a finite number other than zero.
pub fn key_of(value: f64) -> Key {
    let bits = value.to_bits();
    // subnormal numbers are scaled up, which is exact
    let index = if is_normal(value) {
        index_of_bits(bits, &CELLS)
    } else {
        const UP_BITS: i64 = 64;
        index_of_bits((value * (1u128 << UP_BITS) as f64).to_bits(), &CELLS) - UP_BITS * SUBBUCKETS
    };
    (index << 1) | (bits >> 63) as i64
}

/// Least and largest index that a DOUBLE can have at a scale.
pub fn index_range(scale: i32) -> (i64, i64) {
    const EXPONENT_LEAST: i64 = -1074;
    const EXPONENT_END: i64 = 1024;
    let shift = (SCALE_MAX - scale) as u32;
    (((EXPONENT_LEAST * SUBBUCKETS) - 1) >> shift, (EXPONENT_END * SUBBUCKETS - 1) >> shift)
}

/// Where bucket `index` ends: the largest magnitude that may lie in it, to the nearest DOUBLE; the largest DOUBLE at most.
pub fn upper_end(index: i64, scale: i32) -> f64 {
    let shift = (SCALE_MAX - scale) as u32;
    let at = (index + 1) << shift;
    let (exponent, fraction) = (at.div_euclid(SUBBUCKETS), at.rem_euclid(SUBBUCKETS));
    let mantissa = power(fraction as u32) as f64 / (1u128 << FRACTION_BITS) as f64;
    let end = libm::ldexp(mantissa, exponent.clamp(-2000, 2000) as i32);
    end.min(f64::MAX)
}

/// Where bucket `index` begins: every magnitude in it is larger.
pub fn lower_end(index: i64, scale: i32) -> f64 {
    upper_end(index - 1, scale)
}

#[derive(Clone, Copy)]
struct Cell {
    reciprocal: f64,
    /// `-2^20 log2(reciprocal)`
    offset: f64,
}

static CELLS: LazyLock<[Cell; 1 << CELL_BITS]> = LazyLock::new(|| {
    std::array::from_fn(|cell| {
        let middle = 1.0 + (cell as f64 + 0.5) / (1 << CELL_BITS) as f64;
        let reciprocal = 1.0 / middle;
        Cell { reciprocal, offset: -libm::log2(reciprocal) * SUBBUCKETS as f64 }
    })
});

/// The index of a normal number's magnitude at the finest scale.
#[inline]
fn index_of_bits(bits: u64, cells: &[Cell; 1 << CELL_BITS]) -> i64 {
    const PER_UNIT: f64 = SUBBUCKETS as f64 * std::f64::consts::LOG2_E;
    let mantissa = bits & MANTISSA_MASK;
    let whole = (((bits >> MANTISSA_BITS) & EXPONENT_MAX) as i64 - EXPONENT_BIAS) * SUBBUCKETS;
    let cell = cells[(mantissa >> (MANTISSA_BITS - CELL_BITS)) as usize];
    // |r| <= 2^-10: the first term left out, r^5 / 5, is below 2^-31 of a bucket
    let r = f64::from_bits(mantissa | ONE_BITS) * cell.reciprocal - 1.0;
    let series = r * (1.0 - r * (0.5 - r * (1.0 / 3.0 - r * 0.25)));
    let position = cell.offset + PER_UNIT * series;
    let rounded = position + ROUNDING;
    let nearest = i64::from(rounded.to_bits() as i32);
    let beyond = position - (rounded - ROUNDING);
    if beyond.abs() < NEAR_BOUNDARY {
        return whole + nearest - i64::from(!is_above(mantissa, nearest));
    }
    whole + nearest - i64::from(beyond < 0.0)
}

/// Whether a mantissa in [1, 2) is more than `2^(k / 2^20)`, exactly.
#[cold]
fn is_above(mantissa: u64, k: i64) -> bool {
    if k <= 0 || k >= SUBBUCKETS {
        return k < 0 || (k == 0 && mantissa > 0);
    }
    // the power is irrational, and no power comes so near to a multiple of 2^-52 that its rounding could matter: a test
    // looks at each of them
    let boundary = (power(k as u32) >> (FRACTION_BITS - MANTISSA_BITS)) as u64;
    (mantissa | 1 << MANTISSA_BITS) > boundary
}

/// `2^(k / 2^20)` for k < 2^20 with 126 fractional bits, at most 64 units too small.
fn power(k: u32) -> u128 {
    let mut product = 1u128 << FRACTION_BITS;
    for (bit, &root) in ROOTS.iter().rev().enumerate() {
        if k >> bit & 1 == 1 {
            product = multiply(product, root);
        }
    }
    product
}

/// The product of two numbers below 2 with 126 fractional bits, rounded down.
fn multiply(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0, b1, b0) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let middle = ((a0 * b0) >> 64) + ((a1 * b0) & LOW) + ((a0 * b1) & LOW);
    let high = a1 * b1 + ((a1 * b0) >> 64) + ((a0 * b1) >> 64) + (middle >> 64);
    (high << (128 - FRACTION_BITS)) | ((middle & LOW) >> (64 - (128 - FRACTION_BITS)))
}

#[cfg(test)]
mod tests;
