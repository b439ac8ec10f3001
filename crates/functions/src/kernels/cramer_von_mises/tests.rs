use proptest::prelude::*;

use super::*;

/// The definition: midranks, squared distances from the ranks within each side.
fn naive(reference: &[u64], current: &[u64]) -> f64 {
    let rank = |x: u64| {
        let all = || reference.iter().chain(current);
        let (below, tied) = (all().filter(|&&y| y < x).count(), all().filter(|&&y| y == x).count());
        below as f64 + (tied as f64 + 1.0) / 2.0
    };
    let squares = |side: &[u64]| -> f64 {
        side.iter().enumerate().map(|(i, &x)| (rank(x) - (i + 1) as f64).powi(2)).sum()
    };
    let (n, m) = (reference.len() as f64, current.len() as f64);
    let u = n * squares(reference) + m * squares(current);
    u / (n * m * (n + m)) - (4.0 * n * m - 1.0) / (6.0 * (n + m))
}

proptest! {
    // breaks when: the sum over a run of ties differs from adding its members
    #[test]
    fn equals_the_definition(mut reference in prop::collection::vec(0u64..12, 2..40), mut current in prop::collection::vec(0u64..12, 2..40)) {
        reference.sort_unstable();
        current.sort_unstable();
        let test = cramer_von_mises(&reference, &current).unwrap();
        let expected = naive(&reference, &current);
        prop_assert!((test.statistic - expected).abs() <= 1e-10, "{} is not {expected}", test.statistic);
        prop_assert!((0.0..=1.0).contains(&test.p_value));
    }
}

const BESSEL: [(f64, f64); 11] = [
    (1e-06, 68.10729599699684),
    (0.0001, 21.354051162747673),
    (0.003, 8.755387718804414),
    (0.02, 5.058437167432884),
    (0.1, 2.9675572852683945),
    (0.5, 1.5832939515157707),
    (1.0, 1.1708721016781265),
    (3.0, 0.7041397945021686),
    (10.0, 0.3928020270758749),
    (20.8, 0.27359974820713034),
    (200.0, 0.08858126366795567),
];

// breaks when: the Bessel function loses digits for small or large arguments. Values: scipy.special.kve(0.25, q), 1.17.1
#[test]
fn bessel_function_equals_scipy() {
    for (q, expected) in BESSEL {
        let ours = bessel_k_quarter_scaled(q);
        assert!((ours - expected).abs() <= 1e-13 * expected, "{q}: {ours} is not {expected}");
    }
}

// breaks when: trap 15 returns: two equal constants are reported as a drift, or a floor of the series as a probability
#[test]
fn floors_are_not_probabilities() {
    assert_eq!(cramer_von_mises(&[3; 25], &[3; 40]).unwrap().p_value, 1.0);
    assert_eq!(cramer_von_mises(&[3], &[3, 4]), None);
    let far = cramer_von_mises(&(0..1000).collect::<Vec<_>>(), &(5000..6000).collect::<Vec<_>>()).unwrap();
    assert!(far.p_value < P_VALUE_MIN && far.statistic > 100.0);
}
