use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/golden/exponential_boundaries.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The number with this mantissa (2^52 to 2^53) and exponent.
fn number(mantissa: u64, exponent: i32) -> f64 {
    libm::ldexp(mantissa as f64, exponent - 52)
}

// breaks when: a constant has a wrong digit
#[test]
fn roots_are_those_of_integer_square_roots() {
    for (root, golden) in ROOTS.iter().zip(golden()["roots"].as_array().unwrap()) {
        assert_eq!(format!("{root:032x}"), golden.as_str().unwrap());
    }
}

// breaks when: the numbers just below and just beyond a boundary share a bucket, at any exponent or sign
#[test]
fn indexes_are_exact_on_both_sides_of_boundaries() {
    for pair in golden()["boundaries"].as_array().unwrap() {
        let (k, beyond) = (pair[0].as_i64().unwrap(), pair[1].as_u64().unwrap());
        for exponent in [-1022, -300, -1, 0, 1, 52, 1023] {
            let index = i64::from(exponent) * SUBBUCKETS + k;
            assert_eq!(key_of(number(beyond, exponent)), index * 2, "2^{exponent} + {k}: beyond");
            assert_eq!(key_of(number(beyond - 1, exponent)), (index - 1) * 2, "2^{exponent} + {k}: before");
            assert_eq!(key_of(-number(beyond, exponent)), index * 2 + 1, "the sign is the lowest bit");
            let end = upper_end(index - 1, SCALE_MAX);
            assert!((number(beyond - 1, exponent)..=number(beyond, exponent)).contains(&end));
        }
    }
}

// breaks when: a power comes so close to a DOUBLE that 126 bits could not tell which side it is on: the proof of exactness
#[test]
fn no_boundary_is_too_near_to_a_double() {
    const MARGIN: u128 = 1 << 10;
    const BELOW: u128 = (1 << (FRACTION_BITS - MANTISSA_BITS)) - 1;
    // all powers, as products of two halves: the same integers within a few units
    let high: Vec<u128> = (0..1 << 10).map(|k| power(k << 10)).collect();
    let low: Vec<u128> = (0..1 << 10).map(power).collect();
    for (i, &a) in high.iter().enumerate() {
        for (j, &b) in low.iter().enumerate().skip(usize::from(i == 0)) {
            let rest = multiply(a, b) & BELOW;
            assert!((MARGIN..BELOW - MARGIN).contains(&rest), "k = {}", i << 10 | j);
        }
    }
}

// breaks when: a power of two, which is a boundary itself, leaves the bucket that it closes
#[test]
fn powers_of_two_close_their_bucket() {
    for exponent in -1074..1024 {
        let value = libm::ldexp(1.0, exponent);
        assert_eq!(key_of(value), (i64::from(exponent) * SUBBUCKETS - 1) * 2, "2^{exponent}");
        assert_eq!(upper_end(i64::from(exponent) * SUBBUCKETS - 1, SCALE_MAX), value);
        // at coarser scales too
        for shift in [1, 7, 20] {
            assert_eq!(coarser(key_of(value), shift) >> 1, (i64::from(exponent) * SUBBUCKETS - 1) >> shift);
        }
    }
    let (least, largest) = index_range(SCALE_MAX);
    assert_eq!((key_of(5e-324) >> 1, key_of(f64::MAX) >> 1), (least, largest));
    assert_eq!(index_range(SCALE_MIN), (-1, 0));
    assert_eq!(upper_end(largest, SCALE_MAX), f64::MAX);
    assert_eq!(lower_end(-1, SCALE_MIN), 0.0);
}

fn magnitude() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), 0.001f64..1000.0, 0.999f64..1.001]
        .prop_filter("finite and not zero", |value| value.is_finite() && *value != 0.0)
}

proptest! {
    // breaks when: the kernel and the exact boundaries disagree anywhere
    #[test]
    fn a_magnitude_lies_within_its_bucket(value in magnitude()) {
        let key = key_of(value);
        prop_assert_eq!(key & 1 == 1, value < 0.0);
        let index = key >> 1;
        // compared as integers: the scaled mantissa against the exact powers
        let (mantissa, exponent) = libm::frexp(value.abs());
        let mantissa = (mantissa * 2f64.powi(53)) as u64 & MANTISSA_MASK;
        let within = index - i64::from(exponent - 1) * SUBBUCKETS;
        prop_assert!((-1..SUBBUCKETS).contains(&within));
        prop_assert!(is_above(mantissa, within), "beyond the bucket's begin");
        prop_assert!(!is_above(mantissa, within + 1), "not beyond its end");
        if is_normal(value) {
            let mut keys = Vec::new();
            append_keys(&[value], &mut keys);
            prop_assert_eq!(keys, vec![key]);
        }
    }

    // breaks when: shifting is not the same as indexing at the coarser scale
    #[test]
    fn coarser_buckets_hold_whole_finer_ones(value in magnitude(), shift in 0u32..=31) {
        let scale = SCALE_MAX - shift as i32;
        let index = coarser(key_of(value), shift) >> 1;
        let (least, largest) = index_range(scale);
        prop_assert!((least..=largest).contains(&index));
        let slack = 1e-15;
        prop_assert!(value.abs() >= lower_end(index, scale) * (1.0 - slack));
        prop_assert!(value.abs() <= upper_end(index, scale) * (1.0 + slack));
    }
}

// breaks when: the approximation leaves the distance within which the exact boundary is asked
#[test]
fn the_polynomial_is_far_better_than_the_distance_that_it_needs() {
    let worst = (0..1 << 16)
        .map(|step| {
            // cell borders, where the polynomial is worst, and what lies between
            let mantissa = (step << 36) | ((step * 0x9E37) & 0xffff);
            let m = f64::from_bits(mantissa | ONE_BITS);
            let cell = CELLS[(mantissa >> (MANTISSA_BITS - CELL_BITS)) as usize];
            let r = m * cell.reciprocal - 1.0;
            let series = r * (1.0 - r * (0.5 - r * (1.0 / 3.0 - r * 0.25)));
            let position = cell.offset + SUBBUCKETS as f64 * std::f64::consts::LOG2_E * series;
            (position - libm::log2(m) * SUBBUCKETS as f64).abs()
        })
        .fold(0.0, f64::max);
    assert!(worst < NEAR_BOUNDARY / 256.0, "{worst}");
}
