use proptest::prelude::*;

use super::*;
use crate::kernels::keys::key_of;

fn keys(mut values: Vec<f64>) -> Vec<u64> {
    values.sort_by(f64::total_cmp);
    values.iter().map(|&value| key_of(value)).collect()
}

proptest! {
    // breaks when: a tie is split, an end is lost or the area is weighed by another width
    #[test]
    fn equal_the_naive_integral(
        reference in prop::collection::vec(prop_oneof![(-4..4i32).prop_map(f64::from), -9.0..9.0f64], 1..40),
        current in prop::collection::vec(prop_oneof![(-4..4i32).prop_map(f64::from), -9.0..9.0f64], 1..40),
    ) {
        let mut all: Vec<f64> = reference.iter().chain(&current).copied().collect();
        all.sort_by(f64::total_cmp);
        let share = |values: &[f64], x: f64| values.iter().filter(|&&v| v <= x).count() as f64 / values.len() as f64;
        let (mut first, mut second) = (0.0, 0.0);
        for pair in all.windows(2) {
            let apart = share(&reference, pair[0]) - share(&current, pair[0]);
            first += apart.abs() * (pair[1] - pair[0]);
            second += apart * apart * (pair[1] - pair[0]);
        }
        let (r, c) = (keys(reference), keys(current));
        prop_assert!((wasserstein(&r, &c) - first).abs() <= 1e-12 * first.max(1.0));
        prop_assert!((energy_distance(&r, &c) - (2.0 * second).sqrt()).abs() <= 1e-7);
        prop_assert_eq!(wasserstein(&r, &c).to_bits(), wasserstein(&c, &r).to_bits(), "symmetric, bit for bit");
    }
}

// breaks when: the ends of the number line give NaN, or a constant column divides by 0
#[test]
fn extremes_are_numbers() {
    let tiny = f64::from_bits(1);
    let of = |r: &[f64], c: &[f64]| {
        let (r, c) = (keys(r.to_vec()), keys(c.to_vec()));
        (wasserstein(&r, &c), wasserstein_norm(&r, &c), energy_distance(&r, &c))
    };
    assert_eq!(of(&[3.0], &[3.0]), (0.0, 0.0, 0.0));
    assert_eq!(of(&[3.0; 5], &[4.0; 2]), (1.0, 1000.0, 2f64.sqrt()));
    assert_eq!(of(&[-0.0], &[0.0]), (0.0, 0.0, 0.0));
    assert_eq!(of(&[0.0], &[tiny]).0, tiny);
    let (far, norm, energy) = of(&[-f64::MAX, f64::MAX], &[f64::MAX]);
    assert_eq!((far, norm), (f64::MAX, 1.0));
    assert!(energy.is_finite() && energy > 1e153);
    assert_eq!(of(&[-f64::MAX], &[f64::MAX]).0, f64::INFINITY, "beyond the largest double");
}
