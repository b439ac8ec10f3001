use proptest::prelude::*;

use super::*;

// breaks when: a side without values gives a number
#[test]
fn an_empty_side_has_no_divergence() {
    for (reference, current) in [(&[0, 0][..], &[1, 2][..]), (&[1, 2], &[0, 0]), (&[], &[])] {
        assert_eq!(psi(reference, current, 1e-4), None);
        assert_eq!(kl_divergence(reference, current, 1e-4), None);
        assert_eq!(js_divergence(reference, current), None);
    }
}

// breaks when: the base of the logarithm or the direction of KL changes
#[test]
fn named_conventions() {
    assert_eq!(js_divergence(&[5, 0], &[0, 9]), Some(1.0), "disjoint shares are one bit apart");
    let (r, c) = ([9u64, 1], [5u64, 5]);
    let forward = 0.9 * (0.9f64 / 0.5).ln() + 0.1 * (0.1f64 / 0.5).ln();
    assert!((kl_divergence(&r, &c, 1e-4).unwrap() - forward).abs() < 1e-15);
    assert!((psi(&r, &c, 1e-4).unwrap() - (-0.4 * (5.0f64 / 9.0).ln() + 0.4 * 5f64.ln())).abs() < 1e-15);
}

proptest! {
    // breaks when: a measure turns negative, NaN or infinite, or does not vanish for equal shares
    #[test]
    fn divergences_stay_in_range(pairs in prop::collection::vec((0u64..1000, 0u64..1000), 1..40)) {
        let (reference, current): (Vec<u64>, Vec<u64>) = pairs.into_iter().unzip();
        if let Some(js) = js_divergence(&reference, &current) {
            let others = [psi(&reference, &current, 1e-4).unwrap(), kl_divergence(&reference, &current, 1e-4).unwrap()];
            prop_assert!((0.0..=1.0).contains(&js));
            prop_assert!(others.iter().all(|value| *value >= 0.0 && value.is_finite()));
        }
        let tripled: Vec<u64> = reference.iter().map(|count| count * 3).collect();
        if let Some(same) = psi(&reference, &tripled, 1e-4) {
            prop_assert!(same.abs() < 1e-12);
            prop_assert!(js_divergence(&reference, &tripled).unwrap() < 1e-12);
            prop_assert!(kl_divergence(&reference, &tripled, 1e-4).unwrap() < 1e-12);
        }
    }
}
